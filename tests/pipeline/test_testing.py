"""Tests in the loop: run with every definition that has some, remembered where they hold, told where they do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import EVENT_VIEW
from workbench.checks import TestRun, start_tests

if TYPE_CHECKING:
    from workbench.project import Project

TESTED = f"""{EVENT_VIEW}
examples = [example(given={{}}, expect=[])]


def test_rows(spend):
    assert spend.collect().height == 200
"""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The views whose tests ran, in order."""
    views: list[str] = []

    def counted(definitions: Any, view: Any, *arguments: Any, **options: Any) -> TestRun:
        views.append(view.name)
        return start_tests(definitions, view, *arguments, **options)

    monkeypatch.setattr("workbench.pipeline.testing.start_tests", counted)
    return views


def test_a_definition_with_tests_has_them_on_its_card(project: Project) -> None:
    result = project.define(TESTED, log=False)
    assert result.passed
    assert result.checks[-1].name == "tests"
    assert result.checks[-1].detail == "1 example and 1 test hold; 100% of the definition's lines ran"
    assert "1 example and 1 test hold" in result._repr_mimebundle_()["text/html"]
    assert set(result.namespace) >= {"spend", "examples", "test_rows"}


def test_a_definition_without_tests_says_nothing_of_them(project: Project) -> None:
    assert "tests" not in {check.name for check in project.define(EVENT_VIEW, log=False).checks}


def test_a_failing_test_is_committed_and_shown_by_the_line_of_the_cell(project: Project) -> None:
    result = project.define(TESTED.replace("200", "201"), log=False)
    assert not result.passed
    line = TESTED.splitlines().index("    assert spend.collect().height == 200") + 1
    assert result.failed[0].startswith(f"tests: 1 of 2 failed; test_rows (cell, line {line}): assert spend")
    text = result._repr_mimebundle_()["text/plain"]
    assert "assert 200 == 201" in text
    assert project.repository.resolve("exp/first") == result.commit
    assert not project.view("spend").history()[-1].passed


def test_what_held_is_not_run_again_until_the_file_changes(project: Project, run: list[str]) -> None:
    project.define(TESTED, log=False)
    project.define(TESTED, log=False)
    assert run == ["spend"]
    project.compute("spend", log=False)  # the same file, whose lines are now those of the file
    project.compute("spend", log=False)
    assert run == ["spend"] * 2
    changed = project.define(TESTED.replace("== 200", "> 199"), log=False)
    assert changed.reused
    assert run == ["spend"] * 3


def test_a_test_that_failed_is_run_again(project: Project, run: list[str]) -> None:
    failing = TESTED.replace("200", "201")
    project.define(failing, log=False)
    project.define(failing, log=False)
    assert run == ["spend"] * 2
