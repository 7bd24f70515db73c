"""`remove`: a view leaves an experiment, what reads it is not broken, and what is published stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import EVENT_VIEW
from tests.promote.conftest import RATE
from workbench import errors

if TYPE_CHECKING:
    from workbench.project import Project

SET = 'from workbench import feature_set\n\nchurn = feature_set("churn", ["spend:total"])\n'


def names(project: Project) -> list[str]:
    return [view.name for view in project.status().views]


def test_a_view_of_the_experiment_alone_is_gone_and_can_be_brought_back(project: Project) -> None:
    text = project.define(EVENT_VIEW, log=False)
    removed = project.remove("spend")
    assert (removed.view, removed.branch, removed.is_restored) == ("spend", "exp/first", False)
    assert removed.commit == project.repository.resolve("exp/first")
    assert names(project) == []
    assert project.define(EVENT_VIEW, log=False).view_id == text.view_id, "it can be defined again"


def test_a_file_that_does_not_load_is_removed_too(project: Project) -> None:
    project.repository.commit("exp/first", {"features/odd.py": "def broken(:\n"}, message="Break it")
    project.remove("odd")
    assert names(project) == []


def test_what_others_read_stays(project: Project) -> None:
    project.define(EVENT_VIEW, log=False)
    project.define(RATE, log=False)
    project.repository.commit("exp/first", {"features/sets.py": SET}, message="Use it")
    before = project.repository.resolve("exp/first")
    with pytest.raises(errors.DefinitionError, match="churn, rate on 'exp/first' read 'spend'"):
        project.remove("spend")
    assert project.repository.resolve("exp/first") == before
    project.remove("rate")
    assert names(project) == ["spend"]


def test_an_unknown_view_says_what_was_meant(project: Project) -> None:
    project.define(EVENT_VIEW, log=False)
    with pytest.raises(errors.FeatureNotFound, match="did you mean 'spend'"):
        project.remove("spent")
