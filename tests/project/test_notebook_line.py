"""In a notebook a call that takes a while says that it works, whether it is a magic or Python."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.project import Project


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What would be shown below the cell, in a kernel that has our magics."""
    found: list[str] = []

    @contextmanager
    def show_work(what: str) -> Iterator[None]:
        found.append(what)
        yield
        found.append(f"{what} ended")

    monkeypatch.setitem(sys.modules, "workbench.notebook.magics", SimpleNamespace(show_work=show_work))
    return found


def test_python_calls_show_that_they_work(project: Project, lines: list[str]) -> None:
    project.status()
    assert lines == ["status", "status ended"]
    lines.clear()
    project.sql("select 1 as one")
    assert lines == ["sql", "sql ended"]
    lines.clear()
    project.gc()
    assert lines == ["gc", "gc ended"]


def test_elsewhere_nothing_is_shown(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "workbench.notebook.magics", raising=False)
    assert project.sql("select 1 as one").height == 1
    assert "workbench.notebook.magics" not in sys.modules
