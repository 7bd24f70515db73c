"""Looking back: status, branches, views, why-changed."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

import workbench as wb
from tests.conftest import EVENT_VIEW, events
from workbench import errors

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.project import Project


def test_status_tells_branch_changes_and_what_is_computed(project: Project) -> None:
    project.define(EVENT_VIEW, log=False)
    broken = EVENT_VIEW.replace("def spend", "def later")
    project.define(broken, log=False)
    events(250).write_parquet(project.root / "data" / "events.parquet")
    project.define(EVENT_VIEW, log=False)
    status = project.status()
    assert (status.branch, status.objective, status.is_protected) == ("exp/first", "See it work", False)
    assert status.changed == {"features/later.py": "added", "features/spend.py": "added"}
    assert {view.name: view.state for view in status.views} == {"later": "to compute", "spend": "computed"}
    assert status.to_dict()["tracking"]["queued"] == 0
    assert "spend" in status.report().text()


def test_status_in_a_new_project_says_what_to_do_next(project_root: Path) -> None:
    project = wb.open(project_root)
    status = project.status()
    assert status.is_protected
    assert any("branch" in step for step in status.report().steps)
    project.close()


def test_a_broken_definition_is_shown_and_takes_no_other_down(project: Project) -> None:
    project.define(EVENT_VIEW, log=False)
    project.repository.commit("exp/first", {"features/odd.py": "def broken(:\n"}, message="Break it")
    states = {view.name: view.state for view in project.status().views}
    assert states == {"odd": "broken", "spend": "computed"}


def test_an_experiment_is_described_later_and_what_is_not_given_stays(project: Project) -> None:
    before = project.branch("exp/first")
    assert project.branch("exp/first", objective="See it work", metrics=["rmse"]) == before, "nothing to commit"
    project.define(EVENT_VIEW, log=False)
    again = project.branch("exp/first", hypothesis="It will", tags={"team": "eu"})
    assert (again.objective, again.hypothesis, again.metrics) == ("See it work", "It will", ("rmse",))
    last = project.branch("exp/first", objective="Something else", metrics=["mae", "r2"])
    assert (last.objective, last.hypothesis, last.metrics) == ("Something else", "It will", ("mae", "r2"))
    assert last.tags == {"team": "eu"}
    assert [view.name for view in project.status().views] == ["spend"]
    with pytest.raises(errors.ProtectedBranch):
        project.branch("main", objective="Everything")


def test_branches_lists_the_current_one_first_marked(project: Project) -> None:
    listed = project.branches()
    assert listed.current == "exp/first"
    assert {branch.name for branch in listed.branches} == {"exp/first", "main"}
    assert "> exp/first" in listed.report().text()


def test_a_deleted_branch_is_gone_and_the_handle_goes_back(project: Project) -> None:
    project.branch("exp/second")
    project.delete_branch("exp/second")
    assert project.branch_name == "main"
    with pytest.raises(errors.BranchNotFound):
        project.view("spend", branch="exp/second")


def test_a_view_has_frame_contract_lineage_and_history(project: Project) -> None:
    result = project.define(EVENT_VIEW, log=False)
    view = project.view("spend:total")
    assert view.view_id == result.view_id
    assert view.frame().collect_schema().names() == ["user", "at", "total"]
    assert [column.name for column in view.contract.columns] == ["user", "at", "total"]
    lineage = view.lineage()
    assert lineage["inputs"][0]["name"] == "events"
    assert lineage["commit"] == result.commit
    assert [entry.view_id for entry in view.history()] == [result.view_id]


def test_an_unknown_view_or_feature_says_what_was_meant(project: Project) -> None:
    project.define(EVENT_VIEW, log=False)
    with pytest.raises(errors.FeatureNotFound, match="did you mean 'spend'"):
        project.view("spned")
    with pytest.raises(errors.FeatureNotFound, match="did you mean 'spend:total'"):
        project.view("spend:totla")
    with pytest.raises(errors.FeatureNotFound, match="version"):
        project.view("spend@2")


def test_why_changed_names_the_line_and_the_data(project: Project) -> None:
    project.define(EVENT_VIEW, log=False)
    project.define(EVENT_VIEW.replace("cum_sum()", "cum_max()"), log=False)
    why = project.why_changed("spend")
    assert any("cum_max" in change.detail for change in why.changes)
    events(300).write_parquet(project.root / "data" / "events.parquet")
    project.define(EVENT_VIEW.replace("cum_sum()", "cum_max()"), log=False)
    moved = project.why_changed("spend")
    assert [change.name for change in moved.changes] == ["events"]


def test_why_changed_compares_with_another_branch(project: Project) -> None:
    project.define(EVENT_VIEW, log=False)
    project.branch("exp/second", start="exp/first")
    project.define(
        EVENT_VIEW.replace('"amount"', '"event_id"').replace("cum_sum()", "cum_sum().cast(float)"), log=False
    )
    why = project.why_changed("spend", against="exp/first")
    assert any("event_id" in change.detail for change in why.changes)


def test_why_changed_without_two_computations_says_what_to_name(project: Project) -> None:
    project.define(EVENT_VIEW, log=False)
    with pytest.raises(errors.UsageError, match="--against"):
        project.why_changed("spend")


def test_sources_are_read_by_name_in_a_plain_cell(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root)
    assert wb.source("events").collect().height == 200
    with pytest.raises(errors.SourceNotFound, match="did you mean 'events'"):
        wb.source("evnets")


def test_why_changed_says_when_the_last_definition_moved_nothing(project: Project) -> None:
    project.define(EVENT_VIEW, log=False)
    project.define(EVENT_VIEW.replace("cum_sum()", "cum_max()"), log=False)
    project.define(EVENT_VIEW.replace("cum_sum()", "cum_max()").replace("ge=0)", "ge=-1)"), log=False)
    why = project.why_changed("spend")
    assert "did not change its values" in why.note
    assert why.note in why.report().text(width=200)


def made_again(root: Path, *, by_git: bool, start: str = "main") -> Project:
    """Return a handle on a branch that has the name of one which was deleted, on which ``spend`` was computed."""
    project = wb.open(root)
    project.branch("exp/x", objective="Old")
    project.define(EVENT_VIEW)
    if not by_git:
        project.delete_branch("exp/x", force=True)
        project.branch("exp/x", objective="New")
        return project
    start = project.repository.resolve("exp/x") if start == "its tip" else start
    for words in (["branch", "-D", "exp/x"], ["branch", "exp/x", start]):
        subprocess.run(["git", *words], cwd=root, check=True, capture_output=True)
    return project


@pytest.mark.parametrize("by_git", [False, True], ids=["by us", "by git"])
def test_a_branch_that_is_made_again_inherits_nothing_from_the_old_one(project_root: Path, *, by_git: bool) -> None:
    project = made_again(project_root, by_git=by_git)
    assert project.status().runs == ()
    assert project.lineage().to_dict()["nodes"] == wb.open(project_root, branch="main").lineage().to_dict()["nodes"]
    project.define(EVENT_VIEW.replace("cum_sum()", "cum_max()"))
    view = project.view("spend")
    assert [entry.view_id for entry in view.history()] == [view.view_id]
    assert [run.view_id for run in project.status().runs] == [view.view_id]
    with pytest.raises(errors.UsageError, match="only one identity"):
        project.why_changed("spend")
    assert len(project.compare().comparison.sides) == 1
    project.close()


def test_the_same_definition_on_a_branch_that_is_made_again_has_a_run_of_its_own(project_root: Path) -> None:
    project = made_again(project_root, by_git=False)
    old = project._workspace.tracker.runs(limit=5)[0].key
    ticket = project.define(EVENT_VIEW).ticket
    assert ticket is not None
    assert ticket.key != old
    project.close()


def test_a_branch_that_was_brought_back_has_its_history(project_root: Path) -> None:
    project = made_again(project_root, by_git=True, start="its tip")
    assert len(project.view("spend").history()) == 1
    assert len(project.status().runs) == 1
    project.close()
