"""A view of a branch, ready for its gates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

import workbench as wb
from tests.conftest import identify, make_trial
from tests.promote.conftest import SPEND, declared
from workbench.checks import Review
from workbench.config import PolicySettings
from workbench.define import load_tree
from workbench.pipeline.evaluate import Evaluation
from workbench.promote import GATES, GateResult, GateSubject

if TYPE_CHECKING:
    from workbench.project import Project


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One project for all tests of a module; each defines on ``exp/first`` what it needs."""
    with pytest.MonkeyPatch.context() as patch:
        identify(tmp_path_factory.mktemp("git"), patch)
        root = make_trial(tmp_path_factory.mktemp("project"))
        declared(root)
        opened = wb.open(root)
        opened.branch("exp/first", objective="Sell more")
        yield opened
        opened.close()


@pytest.fixture
def shop(trial: Project) -> Project:
    """The project, whose branch defines ``spend``."""
    trial.define(SPEND, log=False)
    return trial


@pytest.fixture(scope="module")
def published(trial: Project) -> Project:
    """The project with ``spend`` 1.0 published."""
    trial.define(SPEND, log=False)
    trial.promote("spend")
    return trial


def subject_of(project: Project, view: str = "spend", **changes: Any) -> GateSubject:
    """Return a view as the branch has it, as if it had never been published."""
    workspace, branch = project._workspace, project.branch_name
    assert branch is not None
    commit = workspace.repository.resolve(branch)
    definitions = load_tree(workspace.repository, commit, cache=workspace.hidden)
    evaluation = Evaluation(definitions, workspace.sources, workspace.cache)
    facts: dict[str, Any] = {
        "workspace": workspace,
        "view": view,
        "definitions": definitions,
        "evaluated": evaluation.evaluate(view),
        "serving": None,
        "diff": None,
        "category": "new",
        "merge_changed": False,
        "branch": workspace.repository.branch(branch),
        "commit": commit,
        "upstream": {},
        "left_out": (),
        "policy": PolicySettings(),
        "accept": {},
        "review": Review(definitions.files.sources, [view]),
        "evaluation": evaluation,
    }
    return GateSubject(**(facts | changes))


def gate(subject: GateSubject, name: str) -> GateResult:
    """Return the result of one gate."""
    return next(ask(subject) for known, ask in GATES if known == name)
