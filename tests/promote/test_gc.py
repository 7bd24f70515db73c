"""Collecting garbage: what nobody can reach goes, everything else stays, and a dry run says which."""

from __future__ import annotations

import os
import re
import shutil
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

import workbench as wb
from tests.conftest import make_trial
from tests.promote.conftest import SPEND, VALUED, declared, git, more_events, record_of
from workbench.errors import PromotionError
from workbench.promote import collect_garbage
from workbench.promote.gc import _OF_PROCESS

if TYPE_CHECKING:
    from workbench.project import Project

NOW = timedelta(0)


def stored(project: Project) -> set[str]:
    return set(project._workspace.cache.stored())


def test_what_an_experiment_tried_and_left_is_collected(published: Project) -> None:
    serving = record_of(published).version().view_id
    tried = published.define(VALUED, log=False).view_id
    published.define(SPEND.replace("cum_sum()", "cum_max()"), log=False)
    listed = collect_garbage(published._workspace, safety=NOW)
    assert [trash.name for trash in listed.found if trash.kind == "computed view"] == [tried]
    assert not listed.deleted
    assert tried in stored(published)
    done = collect_garbage(published._workspace, delete=True, safety=NOW)
    assert done.deleted
    assert tried not in stored(published)
    assert serving in stored(published)
    assert published.view("spend").frame().collect().height == 200


def test_what_is_young_stays(published: Project) -> None:
    published.define(VALUED, log=False)
    published.define(SPEND, log=False)
    assert published.gc(delete=True).found == ()


def test_saved_training_sets_and_releases_keep_what_they_were_made_from(published: Project) -> None:
    spine = pl.DataFrame({"user": ["u1"], "event_timestamp": [published.store.rows("spend")["at"].max()]})
    tried = published.define(VALUED, log=False).view_id
    published.store.training_set(spine, "spend", save="first")
    published.define(SPEND, log=False)
    published.cut_release("one")
    collect_garbage(published._workspace, delete=True, safety=NOW)
    assert tried in stored(published)
    assert published.store.training_set(spine, "spend:total", release="one").shape[0] == 1


@pytest.mark.journey
def test_another_projects_tables_in_the_same_lake_are_left_alone(tmp_path: Path, identity: None) -> None:
    projects = []
    for name in ("one", "two"):
        root = make_trial(tmp_path / name)
        toml = root / "workbench.toml"
        lake = (tmp_path / "lake").as_posix()
        toml.write_text(toml.read_text().replace('name = "trial"', f'name = "{name}"') + f'\n[lake]\nuri = "{lake}"\n')
        declared(root)
        project = wb.open(root)
        project.branch("exp/a", objective="Share")
        projects.append(project)
    one, two = projects
    one.define(SPEND, log=False)
    one.promote("spend")
    two.define(SPEND.replace("def spend", "def other"), log=False)
    two.promote("other")
    two.define(SPEND, log=False)
    with pytest.raises(PromotionError, match=r"spend@1 belongs to the project 'one'"):
        two.promote("spend")
    collect_garbage(two._workspace, delete=True, safety=NOW)
    reader = wb.open(one.root, branch="main")
    assert reader.store.rows("spend").height == 200
    for project in (one, two, reader):
        project.close()


def test_without_a_registry_no_table_is_dropped(published: Project) -> None:
    git(published.root, "rm", "-q", "-r", "registry")
    git(published.root, "commit", "-qm", "By mistake")
    version = record_of_before(published)
    collect_garbage(published._workspace, delete=True, safety=NOW)
    lake = published._workspace.lake
    assert lake.scan("spend", 1, version, published.view("spend").contract).collect().height == 200


def record_of_before(project: Project) -> int:
    """Return the lake's version of ``spend`` as main's commit before the last one says."""
    from workbench.registry import Registry

    return Registry.at(project.repository, "main~1").record("spend").version().delta_version


def aged(path: Path) -> Path:
    """Let `path` be as old as what nobody touched for two days."""
    past = time.time() - 2 * 86_400
    os.utime(path, (past, past))
    return path


@pytest.mark.journey
def test_a_copy_of_the_project_that_shares_the_lake_loses_nothing(published: Project, tmp_path: Path) -> None:
    toml = published.root / "workbench.toml"
    toml.write_text(toml.read_text() + f'\n[lake]\nuri = "{tmp_path / "shelf"}"\n')
    git(published.root, "commit", "-qam", "Share the lake")
    one = wb.open(published.root)
    one.branch("exp/shared", objective="Share")
    one.materialize(full=True)
    shutil.copytree(published.root, tmp_path / "copy", symlinks=True)
    one.define(VALUED, log=False)
    one.promote("spend", accept={"spend": "twice"})
    two = wb.open(tmp_path / "copy", branch="main")
    done = collect_garbage(two._workspace, delete=True, safety=NOW)
    assert any("another copy" in note for note in done.notes)
    reader = wb.open(published.root, branch="main")
    assert reader.store.rows("spend").height == 200
    assert reader.store.rows("spend@1").height == 200
    for project in (one, two, reader):
        project.close()


def test_no_definition_runs_for_it(published: Project) -> None:
    canary = published.root.parent / "canary"
    published.branch("exp/stranger", objective="Look")
    git(published.root, "switch", "-q", "exp/stranger")
    (published.root / "features" / "helper.py").write_text(f"open({str(canary)!r}, 'w').close()\n")
    git(published.root, "add", "features")
    git(published.root, "commit", "-qm", "Not to be run")
    git(published.root, "switch", "-q", "main")
    for delete in (False, True):
        collect_garbage(published._workspace, delete=delete, safety=NOW)
    assert not canary.exists()


def test_what_is_used_stays_however_old_it_is(published: Project) -> None:
    tried = published.define(VALUED, log=False)
    published.define(SPEND, log=False)
    folder = aged(published.root / ".workbench" / "views" / tried.view_id)
    assert published.gc().found
    published._workspace.cache.get(tried.view_id)
    assert published.gc(delete=True).found == ()
    aged(folder)
    assert [trash.name for trash in published.gc(delete=True).found] == [tried.view_id]


def test_every_temporary_folder_of_ours_is_known_by_its_name() -> None:
    named = re.compile(r'(?<!thread_name_)prefix ?= ?f?"(workbench-[^"]+)"')
    package = Path(wb.__file__).parent
    found = {name for path in package.rglob("*.py") for name in named.findall(path.read_text(encoding="utf-8"))}
    assert "workbench-blobs-" in found
    made = [re.sub(r"\{[^}]*pid[^}]*\}", "41", name).replace("{kind}", "diff") + "x8_a-b" for name in sorted(found)]
    assert [name for name in made if _OF_PROCESS.match(name) is None] == []
    told = {name: match["pid"] for name in made if (match := _OF_PROCESS.match(name)) and "-41-" in name}
    assert set(told.values()) == {"41"}


def test_sketches_of_inputs_that_nothing_used_for_long_are_collected(published: Project) -> None:
    folder = published.root / ".workbench" / "facts" / "sketches"
    (used,) = folder.glob("*.parquet")
    unused = folder / "unused.parquet"
    unused.write_bytes(used.read_bytes())
    for path in (used, unused):
        os.utime(path, (0, 0))
    published.materialize()
    listed = published.gc(delete=True)
    assert ("sketch of an input", "unused.parquet") in {(trash.kind, trash.name) for trash in listed.found}
    assert [path.name for path in folder.iterdir()] == [used.name]


def test_what_killed_processes_left_is_collected(published: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = published.root.parent / "temporary"
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr("tempfile.tempdir", None)
    hidden, home = published.root / ".workbench", published.repository.home
    left = [
        *(hidden / "reproduce-x1", hidden / "definitions" / ".writing-x", home / "training-sets" / ".first.abc"),
        *(temporary / "workbench-blobs-x", temporary / "workbench-worker-999999999-x"),
        *(hidden / "scratch" / "workbench-diff-999999999-x", hidden / "scratch" / "polars" / "999999999"),
    ]
    kept = [
        *(hidden / "scratch" / f"workbench-diff-{os.getpid()}-x", hidden / "scratch" / "polars" / str(os.getpid())),
        *(temporary / f"workbench-worker-{os.getpid()}-x", temporary / "other-x", hidden / "facts"),
    ]
    for folder in (*left, *kept):
        folder.mkdir(parents=True, exist_ok=True)
        aged(folder)
    (hidden / "facts" / "ab").mkdir(exist_ok=True)
    objects = published.repository.git_dir / "objects" / "ab"
    objects.mkdir(exist_ok=True)
    noted = published.repository.git_dir / "workbench" / ".new-2"
    for file in (
        hidden / "facts" / "ab" / ".new-1",
        hidden / "sources" / "events" / ".new-3",
        noted,
        objects / "tmp_obj_x1",
    ):
        file.touch()
        left.append(aged(file))
    fresh = hidden / "reproduce-now"
    fresh.mkdir()
    (objects / "tmp_obj_x2").touch()
    listed = published.gc()
    assert sorted(trash.name for trash in listed.found) == sorted(path.name for path in left)
    published.gc(delete=True)
    assert [path for path in left if path.exists()] == []
    assert all(path.exists() for path in (*kept, fresh, objects / "tmp_obj_x2"))


def test_an_index_of_a_view_stays_until_nothing_used_it_for_long(
    published: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = published.store.rows("spend").select("user", event_timestamp=pl.col("at") + timedelta(minutes=1))

    def training_sets(project: Project) -> list[pl.DataFrame]:
        return [project.store.training_set(rows, view).frame for view in ("spend", "spend@1")]

    def indexes() -> list[Path]:
        folders = (published.root / ".workbench" / "facts").glob("*/join-*")
        return [folder for folder in folders if (folder / "index.json").exists()]

    wanted = training_sets(published)
    monkeypatch.setattr("workbench.point_in_time.index.INDEXED", 1)
    for _ in range(2):
        assert all(map(pl.DataFrame.equals, training_sets(published), wanted))
    made = indexes()
    assert made
    for folder in made:
        os.utime(folder, (0, 0))
    training_sets(published)
    assert published.gc(delete=True).found == ()
    for folder in made:
        os.utime(folder, (0, 0))
    found = [(trash.kind, trash.name) for trash in published.gc(delete=True).found]
    assert found == [("join index", folder.name) for folder in sorted(made)]
    assert indexes() == []
    assert all(map(pl.DataFrame.equals, training_sets(published), wanted))


@pytest.mark.journey
def test_the_index_of_a_version_in_several_files_numbers_its_rows_as_they_are_read(
    published: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    more_events(published.root, 30)
    published.materialize()
    record = record_of(published)
    assert published._workspace.lake.info("spend", 1, record.version().delta_version).files > 1
    rows = published.store.rows("spend@1").select("user", event_timestamp=pl.col("at") + timedelta(minutes=1))
    wanted = published.store.training_set(rows, "spend@1").frame
    monkeypatch.setattr("workbench.point_in_time.index.INDEXED", 1)
    for _ in range(3):
        assert published.store.training_set(rows, "spend@1").frame.equals(wanted)
    assert len([*(published.root / ".workbench" / "facts").glob("*/join-*/index.json")]) == 1
