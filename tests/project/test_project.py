"""A handle follows `workbench.toml`: what changes there counts from the next verb on."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

import workbench as wb
from tests.conftest import EVENTS_TOML, events
from tests.promote.conftest import git
from workbench.errors import ConfigError, ProtectedBranch
from workbench.pipeline import RebuiltWarning

if TYPE_CHECKING:
    from workbench.project import Project


def declare(project: Project, text: str) -> None:
    (project.root / "workbench.toml").write_text(text)


def test_a_source_that_changes_its_place_is_read_there(project: Project, event_view: str) -> None:
    store = project.store
    project.define(event_view, log=False)
    assert store.rows("spend").height == 200
    events(50).write_parquet(project.root / "data" / "fewer.parquet")
    declare(project, EVENTS_TOML.replace("events.parquet", "fewer.parquet"))
    assert project.sources["events"].frame().collect().height == 50
    assert project.define(event_view, log=False).rows == 50
    assert store.rows("spend").height == 50


def test_a_new_source_is_known(project: Project) -> None:
    with pytest.raises(wb.WorkbenchError):
        _ = project.sources["more"]
    declare(
        project, EVENTS_TOML + EVENTS_TOML[EVENTS_TOML.index("[sources") :].replace("sources.events", "sources.more")
    )
    assert project.sources["more"].frame().collect().height == 200


def test_a_file_that_is_broken_is_told_until_it_is_mended(project: Project) -> None:
    declare(project, EVENTS_TOML + "\n[nonsense")
    for _ in range(2):
        with pytest.raises(ConfigError):
            project.status()
    (project.root / "workbench.toml").unlink()
    with pytest.raises(ConfigError):
        project.status()
    declare(project, EVENTS_TOML)
    assert project.status().sources == ("events",)


def test_another_lake_counts_for_a_store_that_is_held(project: Project, event_view: str) -> None:
    project.define(event_view.replace('event_time="at"', 'event_time="at", owner="ann"'), log=False)
    reader = wb.open(project.root, branch="main")
    declare(project, EVENTS_TOML)
    for word in (["add", "workbench.toml"], ["commit", "-qm", "Declare"]):
        git(project.root, *word)
    project.promote("spend")
    store = reader.store
    assert store.rows("spend").height == 200
    declare(project, EVENTS_TOML + '\n[lake]\nuri = "elsewhere"\n')
    shutil.rmtree(project.root / ".workbench" / "views")
    with pytest.warns(RebuiltWarning, match="not in the lake here"):
        assert store.rows("spend").height == 200
    reader.close()


def test_a_branch_that_becomes_protected_is_not_written(project: Project, event_view: str) -> None:
    project.define(event_view, log=False)
    declare(project, EVENTS_TOML.replace("[project]", '[project]\nprotected = ["main", "exp/first"]'))
    with pytest.raises(ProtectedBranch):
        project.define(event_view, log=False)


def test_what_did_not_change_is_kept(project: Project) -> None:
    workspace = project._workspace
    assert project._workspace is workspace
    declare(project, EVENTS_TOML + "\n")
    assert project._workspace.tracker is workspace.tracker
    assert project._workspace.repository is workspace.repository


def test_a_handle_on_a_chosen_branch_has_one_store(project: Project) -> None:
    handle = wb.open(project.root, branch="exp/first")
    store = handle.store
    assert handle._workspace is not None
    assert handle.store is store
    handle.close()
