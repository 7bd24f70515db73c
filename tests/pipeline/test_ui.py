from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.project import Project


def test_stopping_what_does_not_run_says_so(project: Project) -> None:
    assert project.ui(stop=True).report().title == "The MLflow UI is not running"
