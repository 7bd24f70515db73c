"""Collecting garbage: what nobody can reach goes, everything else stays, and a dry run says which."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

import workbench as wb
from tests.conftest import make_trial
from tests.promote.conftest import SPEND, VALUED, declared, git, record_of
from workbench.errors import PromotionError
from workbench.promote import collect_garbage

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.project import Project

NOW = timedelta(0)


def stored(project: Project) -> set[str]:
    return set(project._rooms.cache.stored())


def test_what_an_experiment_tried_and_left_is_collected(published: Project) -> None:
    serving = record_of(published).version().view_id
    tried = published.define(VALUED, log=False).view_id
    published.define(SPEND.replace("cum_sum()", "cum_max()"), log=False)
    listed = collect_garbage(published._rooms, safety=NOW)
    assert [trash.name for trash in listed.found if trash.kind == "computed view"] == [tried]
    assert not listed.deleted
    assert tried in stored(published)
    done = collect_garbage(published._rooms, delete=True, safety=NOW)
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
    collect_garbage(published._rooms, delete=True, safety=NOW)
    assert tried in stored(published)
    assert published.store.training_set(spine, "spend:total", release="one").height == 1


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
    collect_garbage(two._rooms, delete=True, safety=NOW)
    reader = wb.open(one.root, branch="main")
    assert reader.store.rows("spend").height == 200
    for project in (one, two, reader):
        project.close()


def test_without_a_registry_no_table_is_dropped(published: Project) -> None:
    git(published.root, "rm", "-q", "-r", "registry")
    git(published.root, "commit", "-qm", "By mistake")
    version = record_of_before(published)
    collect_garbage(published._rooms, delete=True, safety=NOW)
    lake = published._rooms.lake
    assert lake.scan("spend", 1, version, published.view("spend").contract).collect().height == 200


def record_of_before(project: Project) -> int:
    """Return the lake's version of ``spend`` as main's commit before the last one says."""
    from workbench.registry import Registry

    return Registry.at(project.repository, "main~1").record("spend").version().delta_version
