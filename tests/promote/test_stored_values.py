"""Wrong rows under a view id, as older code may have left them: found by `check --deep`, replaced by `--full`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
from msgspec.structs import replace

from tests.promote.conftest import record_of
from tests.promote.stage import Table, begin, computed, lake_rows
from tests.promote.test_incremental import hourly
from tests.promote.test_verification import view
from workbench.compute import digest_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from workbench.project import Project

PLAIN = view('ev.select("k", "t", v="x")')
ABOVE = view('view.select("k", "t", v=pl.col("v") + 1)').replace("ev:", "view:").replace("def view(", "def above(")
SEVENTH = pl.col("v") == 7


@pytest.fixture
def project(tmp_path: Path, identity: None) -> Iterator[Project]:
    """A project with two views that are defined, one reading the other; one event has the value 0.0."""
    with closing(begin(tmp_path / "p", {"ev": Table(hourly(60).drop("known"), "t", "t")})) as project:
        project.define(PLAIN, log=False)
        project.define(ABOVE, log=False)
        yield project


def spoil(project: Project, spoilt: Callable[[pl.DataFrame], pl.DataFrame], name: str = "view") -> None:
    """Let the cache hold other rows under a view's id."""
    cache = project._workspace.cache
    stored = cache.get(project.view(name).view_id)
    assert stored is not None
    frame = spoilt(stored.frame().collect())
    cache.drop(stored.view_id)
    with cache.work_folder(stored.view_id) as work:
        frame.write_parquet(work / "data.parquet")
        digest = digest_frame(pl.scan_parquet(work / "data.parquet"), keys=stored.record.keys)
        cache.commit(work, replace(stored.record, digest=digest, rows=frame.height))


def states(project: Project, name: str = "view") -> dict[str, str]:
    """Return what `check --deep` says of stored values, by what it looked at."""
    (result,) = project.check(name, deep=True)
    return {check.name: check.state for check in result.checks if check.name.startswith("stored values")}


def bits(frame: pl.DataFrame) -> pl.DataFrame:
    """Return rows to be compared to the bit."""
    return frame.select("k", "t", pl.col("v").reinterpret(dtype=pl.UInt64)).sort("t", "k")


def signed(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with a zero of the other sign, which no probe minds."""
    return rows.with_columns(v=pl.when(pl.col("v") == 0).then(-0.0).otherwise("v"))


@pytest.mark.journey
def test_wrong_rows_are_found_and_replaced_in_cache_and_lake(project: Project) -> None:
    spoil(project, signed)
    project.promote("view")
    right = computed(project, "view")
    wrong = record_of(project, "view").version()
    assert not bits(lake_rows(project, "view")).equals(bits(right))
    assert states(project) == {"stored values": "fail", "stored values of view@1.0": "fail"}

    (result,) = project.compute("view", full=True, log=False)
    assert not result.reused
    assert any("was wrong and was replaced: 1 stored value" in warning for warning in result.to_dict()["warnings"])
    assert bits(project.view("view").frame().collect()).equals(bits(right))
    assert states(project) == {"stored values": "pass", "stored values of view@1.0": "fail"}

    spoil(project, signed)  # in the cache again, so that both are to be replaced
    (done,) = project.materialize(full=True).views
    assert done.state == "updated"
    assert done.how.count("was wrong and was replaced") == 2
    assert bits(lake_rows(project, "view")).equals(bits(right))
    assert bits(project.view("view").frame().collect()).equals(bits(right))
    new = record_of(project, "view").version()
    assert (new.view_id, new.number) == (wrong.view_id, wrong.number)
    assert states(project) == {"stored values": "pass", "stored values of view@1.0": "pass"}
    assert project.materialize(full=True).commit is None


def test_what_reads_wrong_rows_is_checked_and_computed_again_with_them(project: Project) -> None:
    spoil(project, lambda rows: rows.with_columns(v=pl.when(SEVENTH).then(8.0).otherwise("v")))
    project.compute("above", log=False)
    assert states(project, "above") == {"stored values": "pass", "stored values of view": "fail"}
    project.compute("above", full=True, log=False)
    assert states(project, "above") == {"stored values": "pass", "stored values of view": "pass"}
    assert bits(project.view("above").frame().collect()).equals(bits(computed_above(project)))


def computed_above(project: Project) -> pl.DataFrame:
    """Return the rows of the view that reads the other."""
    rows = project.sources["ev"].frame().collect()
    return rows.select("k", "t", v=pl.col("x") + 1)


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda rows: rows.with_columns(v=pl.when(SEVENTH).then(8.0).otherwise("v")),
        lambda rows: rows.filter(~SEVENTH),
        lambda rows: pl.concat([rows, rows.filter(SEVENTH).with_columns(pl.col("t").dt.offset_by("1m"))]),
    ],
    ids=["value", "row gone", "row more"],
)
def test_rows_of_cache_and_lake_that_are_not_those_of_the_record_are_replaced(
    project: Project, spoilt: Callable[[pl.DataFrame], pl.DataFrame]
) -> None:
    project.promote("view")
    version = record_of(project, "view").version()
    (name,) = project._workspace.lake.files("view", 1, version.delta_version, digest=version.data_digest)
    other = spoilt(pl.read_parquet(name))
    Path(name).unlink()  # it is one file with the cache's
    other.write_parquet(name)
    spoil(project, spoilt)
    assert states(project) == {"stored values": "fail", "stored values of view@1.0": "fail"}
    (done,) = project.materialize(full=True).views
    assert done.how.count("was wrong and was replaced: 1 stored value") == 1  # the cache's
    assert "missing from the lake" in done.warnings[0]  # by its size the file is not the one that was written
    assert bits(lake_rows(project, "view")).equals(bits(computed(project, "view")))
    assert states(project) == {"stored values": "pass", "stored values of view@1.0": "pass"}
    assert record_of(project, "view").version().delta_version != version.delta_version
    assert bits(lake_rows(project, "view")).equals(bits(computed(project, "view")))
    assert bits(project.view("view").frame().collect()).equals(bits(computed(project, "view")))


def test_full_computes_what_is_stored_and_right_and_keeps_it(project: Project) -> None:
    project.promote("view")
    record = project._workspace.cache.get(project.view("view").view_id)
    (result,) = project.compute("view", full=True, log=False)
    assert (result.reused, result.card.status, result.card.warnings) == (False, "computed", ())
    assert project._workspace.cache.get(project.view("view").view_id) == record
    (done,) = project.materialize(full=True).views
    assert (done.state, done.how) == ("current", "computed in full; the published data is the same")


def test_full_finds_right_what_lies_in_several_files(project: Project) -> None:
    project.promote("view")
    for rows in (65, 70):
        hourly(rows).drop("known").write_parquet(project.root / "data" / "ev.parquet")
        (done,) = project.materialize(accept={"view": "more hours"}).views
        assert done.after == rows
    version = record_of(project, "view").version()
    stored = project._workspace.cache.get(version.view_id)
    assert stored is not None
    assert len(stored.paths) > 1, "rows came beside those that were there"
    (done,) = project.materialize(full=True).views
    assert (done.state, done.how) == ("current", "computed in full; the published data is the same")
    assert record_of(project, "view").version() == version
    assert states(project)["stored values of view@1.0"] == "pass"


def test_published_rows_of_other_data_are_not_said_to_be_checked(project: Project) -> None:
    project.promote("view")
    hourly(70).drop("known").write_parquet(project.root / "data" / "ev.parquet")
    assert states(project) == {"stored values": "pass", "stored values of view@1.0": "not checked"}


def test_a_lake_that_lacks_rows_is_told_though_the_cache_has_them(project: Project) -> None:
    project.promote("view")
    version = record_of(project, "view").version()
    (name,) = project._workspace.lake.files("view", 1, version.delta_version, digest=version.data_digest)
    Path(name).unlink()
    assert project.store.rows("view").height == 60
    assert states(project) == {"stored values": "pass", "stored values of view@1.0": "fail"}
