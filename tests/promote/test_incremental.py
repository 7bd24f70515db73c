"""What `materialize` computes of new source data alone, where that is as good as all of it, and where it is not."""

from __future__ import annotations

import struct
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from msgspec.structs import replace

from tests.pipeline.test_moving_sources import replaced_in_time
from tests.promote.conftest import record_of
from tests.promote.stage import PLAIN, Table, begin, computed, differing, lake_rows, write
from workbench.checks import check_contract
from workbench.compute import digest_frame
from workbench.pipeline import check_cache

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.checks import Check
    from workbench.compute import StoredView
    from workbench.define import Contract, FeatureModel
    from workbench.project import Project
    from workbench.registry import Version

START = datetime(2024, 1, 1, tzinfo=UTC)
TIME = pl.Datetime("us", "UTC")

LATE = '''\
class Late(FeatureModel):
    k: str
    t: UTC
    known: UTC
    v: float = Feature(unit="count")


@feature_view(entities="k", event_time="t", created="known", owner="ann")
def late(SOURCE: pl.LazyFrame) -> LazyFrame[Late]:
    """What happened, as it became known."""
    return SOURCE.select("k", "t", "known", v=pl.col("VALUE"))
'''


def hourly(rows: int, first: int = 0, *, delay: timedelta = timedelta(days=3)) -> pl.DataFrame:
    """Return a row an hour, of three keys in turn, that becomes known after `delay` and some hours."""
    numbers = range(first, first + rows)
    times = [START + timedelta(hours=number) for number in numbers]
    return pl.DataFrame(
        {
            "k": [f"k{number % 3}" for number in numbers],
            "t": times,
            "known": [t + delay + timedelta(hours=number % 5) for number, t in zip(numbers, times, strict=True)],
            "x": [float(number) for number in numbers],
        },
        schema={"k": pl.String, "t": TIME, "known": TIME, "x": pl.Float64},
    )


@pytest.mark.journey
@pytest.mark.parametrize("delay", [timedelta(days=3), timedelta(days=-3), timedelta()], ids=["late", "early", "then"])
def test_rows_that_become_known_later_than_they_happen_are_not_lost(
    tmp_path: Path, identity: None, delay: timedelta
) -> None:
    rows = hourly(300, delay=delay)
    with closing(begin(tmp_path / "p", {"ev": Table(rows, "t", "known")})) as project:
        project.define(LATE.replace("SOURCE", "ev").replace("VALUE", "x"), log=False)
        again = LATE.replace("SOURCE", "late").replace("VALUE", "v").replace("def late(", "def again(")
        project.define(again, log=False)
        project.promote(["late", "again"])
        write(project.root, "ev", pl.concat([rows, hourly(30, 300, delay=delay)]))
        done = project.materialize()
        assert [(view.view, view.state, view.after) for view in done.views] == [
            ("again", "updated", 330),
            ("late", "updated", 330),
        ]
        for view in ("late", "again"):
            assert differing(lake_rows(project, view), computed(project, view)).is_empty()


@pytest.mark.parametrize(
    ("before", "after"),
    [(1e15 + 1, 1e15 + 101), (0.0, -0.0), (2.0**53, 2.0**53 + 2), (1.0, 1.0 + 2**-52)],
    ids=["beyond twelve digits", "minus zero", "beyond 2**53", "last bit"],
)
def test_every_bit_that_changes_in_a_source_is_published(
    tmp_path: Path, identity: None, before: float, after: float
) -> None:
    rows = hourly(30)
    changed = rows.with_columns(x=pl.when(pl.col("x") == 7).then(after).otherwise("x"))
    rows = rows.with_columns(x=pl.when(pl.col("x") == 7).then(before).otherwise("x"))
    with closing(begin(tmp_path / "p", {"ev": Table(rows, "t", "t")})) as project:
        project.define(PLAIN, log=False)
        project.promote("plain")
        old = record_of(project, "plain").version()
        write(project.root, "ev", changed)
        assert [view.state for view in project.materialize().views] == ["updated"]
        new = record_of(project, "plain").version()
        assert new.data_digest != old.data_digest
        bits = pl.col("v").reinterpret(dtype=pl.UInt64)
        assert (
            lake_rows(project, "plain")
            .select("k", "t", bits)
            .sort("t")
            .equals(changed.select("k", "t", v=pl.col("x").reinterpret(dtype=pl.UInt64)))
        )
        assert project.materialize().commit is None


def files(project: Project, view: str) -> list[str]:
    """Return the files of the lake that hold the current version of `view`."""
    version = record_of(project, view).version()
    return project._workspace.lake.files(view, version.major, version.delta_version)


@pytest.mark.journey
def test_rows_that_come_are_added_in_a_file_of_their_own(
    tmp_path: Path, identity: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(begin(tmp_path / "p", {"ev": Table(hourly(300), "t", "t")})) as project:
        unique = PLAIN.replace('unit="count"', 'unit="count", ge=0, unique=True').replace("Plain", "Other")
        project.define(PLAIN.replace('unit="count"', 'unit="count", ge=0'), log=False)
        project.define(unique.replace("def plain", "def other").replace('pl.col("x")', 'pl.col("x") * 2'), log=False)
        project.promote(["plain", "other"])
        first = record_of(project, "plain").version()
        (kept,) = files(project, "plain")

        write(project.root, "ev", pl.concat([hourly(300), hourly(10, 300)]))
        project.materialize()
        assert files(project, "plain")[0] == kept
        assert len(files(project, "plain")) == 2
        version = record_of(project, "plain").version()
        rows = lake_rows(project, "plain")
        assert version.data_digest == digest_frame(rows.lazy(), keys=["k", "t"]).exact
        assert (version.rows, version.period) == (310, (rows["t"].min(), rows["t"].max()))
        stored = project._workspace.cache.get(version.view_id)
        assert stored is not None
        assert stored.frame().collect().sort("t").equals(rows.sort("t"))

        project.rollback("plain", data=first.delta_version)
        assert lake_rows(project, "plain").height == 300
        assert [view.state for view in project.materialize("plain", accept={"plain": "again"}).views] == ["updated"]
        assert record_of(project, "plain").version().data_digest == version.data_digest

        # an added row that breaks a rule, alone or beside a row that is kept
        double = pl.concat([hourly(300), hourly(11, 300).with_columns(x=pl.col("x") % 310)])
        write(project.root, "ev", double)
        states = {view.view: (view.state, view.how) for view in project.materialize().views}
        assert states["plain"][0] == "updated"
        assert states["other"][0] == "left", "two rows have the same value"
        write(
            project.root,
            "ev",
            double.with_columns(x=pl.when(pl.col("t") == double["t"].max()).then(-1.0).otherwise("x")),
        )
        assert {view.state for view in project.materialize().views} == {"left"}

        # a row that changes has its file written anew; all are where most rows may have changed, or they are too many
        write(project.root, "ev", hourly(312).with_columns(x=pl.when(pl.col("x") == 200).then(8.5).otherwise("x")))
        project.materialize("plain")
        heights = sorted(pl.read_parquet(file).height for file in files(project, "plain"))
        assert heights == [3, 10, 299], "the changed rows are where the last of them went"
        write(project.root, "ev", hourly(312).with_columns(x=pl.when(pl.col("x") == 7).then(8.5).otherwise("x")))
        project.materialize("plain")
        assert len(files(project, "plain")) == 1
        monkeypatch.setattr("workbench.promote.incremental.MOST_FILES", 1)
        write(project.root, "ev", hourly(313).with_columns(x=pl.when(pl.col("x") == 7).then(8.5).otherwise("x")))
        project.materialize("plain")
        assert len(files(project, "plain")) == 1
        assert differing(lake_rows(project, "plain"), computed(project, "plain")).is_empty()


def spoil(path: Path, old: float, new: float) -> None:
    """Let a stored file have another value, as a disk might."""
    path.chmod(0o644)
    data = path.read_bytes()
    assert struct.pack("<d", old) in data
    path.write_bytes(data.replace(struct.pack("<d", old), struct.pack("<d", new)))


@pytest.mark.journey
@pytest.mark.parametrize("known", [True, False], ids=["checksums are known", "checksums are lost"])
def test_stored_rows_that_were_damaged_are_not_published_with_corrected_ones(
    tmp_path: Path, identity: None, *, known: bool
) -> None:
    rows = hourly(300).with_columns(x=pl.col("x").hash(1) / 2.0**64)
    with closing(begin(tmp_path / "p", {"ev": Table(rows, "t", "t")})) as project:
        project.define(PLAIN, log=False)
        project.promote("plain")
        for step in (1, 2):  # what was promoted, and what a correction left
            stored = project._workspace.cache.get(record_of(project, "plain").version().view_id)
            assert stored is not None
            if not known:
                (stored.folder / "checksums.json").unlink()
            spoil(stored.path, rows["x"][200 + step], 7.25)
            rows = rows.with_columns(x=pl.when(pl.int_range(pl.len()) == 100 + step).then(3.5 + step).otherwise("x"))
            write(project.root, "ev", rows)
            (done,) = project.materialize().views
            name = "data.parquet" if known else "its files"
            assert done.how == f"computed in full: what is stored of its rows is damaged ({name})"
            assert differing(lake_rows(project, "plain"), rows.select("k", "t", v="x")).is_empty()
            rows = rows.with_columns(x=pl.when(pl.int_range(pl.len()) == 110 + step).then(step).otherwise("x"))
            write(project.root, "ev", rows)
            (done,) = project.materialize().views
            assert "in full" not in done.how
            assert differing(lake_rows(project, "plain"), rows.select("k", "t", v="x")).is_empty()


@pytest.mark.journey
@pytest.mark.parametrize("cached", [True, False], ids=["in the cache", "in the lake alone"])
def test_published_rows_that_were_damaged_are_not_published_again_where_most_are_computed_again(
    tmp_path: Path, identity: None, monkeypatch: pytest.MonkeyPatch, *, cached: bool
) -> None:
    monkeypatch.setattr("workbench.promote.incremental.MOST_TOUCHED", 0)
    rows = hourly(300).with_columns(x=pl.col("x").hash(1) / 2.0**64)
    hours = pl.int_range(pl.len())
    with closing(begin(tmp_path / "p", {"ev": Table(rows, "t", "t")})) as project:
        project.define(PLAIN, log=False)
        project.promote("plain")
        for corrected, is_damaged in ((20, False), (30, True), (40, False)):
            view_id = record_of(project, "plain").version().view_id
            stored = project._workspace.cache.get(view_id)
            assert stored is not None
            if is_damaged:
                spoil(stored.path, rows["x"][10], 7.25)
            if not cached:
                project._workspace.cache.drop(view_id)
            rows = rows.with_columns(x=pl.when(hours == corrected).then(3.5).otherwise("x"))
            write(project.root, "ev", rows)
            (done,) = project.materialize().views
            assert ("in full" in done.how) == is_damaged
            assert not is_damaged or done.how == "computed in full: its published rows are damaged"
            assert differing(lake_rows(project, "plain"), rows.select("k", "t", v="x")).is_empty()


@pytest.mark.journey
def test_of_rows_that_change_the_others_are_neither_read_for_the_digest_nor_checked(
    tmp_path: Path, identity: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[int] = []

    def check(contract: Contract, model: type[FeatureModel], data: pl.DataFrame | StoredView, **named: Any) -> Check:
        checked.append(data.height if isinstance(data, pl.DataFrame) else data.record.rows)
        return check_contract(contract, model, data, **named)

    monkeypatch.setattr(check_cache, "check_contract", check)

    def contract(version: Version) -> str:
        (path,) = (project._workspace.facts / version.view_id).glob("contract-*.json")
        return path.read_text(encoding="utf-8")

    with closing(begin(tmp_path / "p", {"ev": Table(hourly(300), "t", "t")})) as project:
        unique = PLAIN.replace('unit="count"', 'unit="count", unique=True').replace("Plain", "Other")
        project.define(PLAIN.replace('unit="count"', 'unit="count", ge=0'), log=False)
        project.define(unique.replace("def plain", "def other").replace('pl.col("x")', 'pl.col("x") * 2'), log=False)
        project.promote(["plain", "other"])
        rows = hourly(310)
        write(project.root, "ev", rows)
        project.materialize()
        assert len(files(project, "plain")) == 2

        hours = pl.int_range(pl.len())
        changed = rows.filter(hours != 305, hours != 309).with_columns(x=pl.when(hours == 280).then(7.5).otherwise("x"))
        write(project.root, "ev", changed)
        project.materialize()
        version = record_of(project, "plain").version()
        stored = project._workspace.cache.get(version.view_id)
        assert stored is not None
        assert (
            stored.frame()
            .collect()
            .equals(pl.concat([changed[:280], changed[281:], changed[280:281]]).select("k", "t", v="x"))
        )
        assert stored.record.digest == digest_frame(stored.frame(), keys=["k", "t"])
        assert (version.rows, version.period) == (308, (rows["t"][0], rows["t"][308]))
        assert len(files(project, "plain")) == 2
        assert lake_rows(project, "plain").equals(stored.frame().collect())
        assert sorted(checked[-2:]) == [1, 308], "the values of one view are to be unique in all rows"
        assert "7 rules hold in 308 rows" in contract(version)
        assert "hold in 308 rows" in contract(record_of(project, "other").version())
        write(project.root, "ev", changed.filter(pl.col("x") != 7.5))
        project.materialize()
        assert checked[-2:] == [307, 307]
        assert "7 rules hold in 307 rows" in contract(record_of(project, "plain").version())

        # rows that break a rule: alone, beside a row that did not change, and beside one that is not computed again
        late, same = changed.filter(pl.col("x") == 290), changed.filter(pl.col("x") == 200)
        for wrong, left in (
            (late.with_columns(x=-1.0), {"plain"}),
            (pl.concat([late, late.with_columns(x=7000.0)]), {"plain", "other"}),
            (late.with_columns(same["x"]), {"other"}),
        ):
            write(project.root, "ev", pl.concat([changed.filter(pl.col("x") != 290), wrong]).sort("t"))
            states = {view.view for view in project.materialize().views if view.state == "left"}
            assert states == left


@pytest.mark.parametrize("share", [0.0, 1.0], ids=["none fits", "all fit"])
def test_touched_rows_that_do_not_fit_into_memory_are_not_compared(
    tmp_path: Path, identity: None, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    monkeypatch.setattr("workbench.promote.incremental.COMPARED", share)
    with closing(begin(tmp_path / "p", {"ev": Table(hourly(300), "t", "t")})) as project:
        project.define(PLAIN, log=False)
        project.promote("plain")
        write(project.root, "ev", hourly(310))
        (done,) = project.materialize().views
        assert (done.state, len(files(project, "plain"))) == ("updated", 2 if share else 1)
        assert differing(lake_rows(project, "plain"), computed(project, "plain")).is_empty()


def test_a_new_row_with_the_key_of_a_published_one_breaks_the_contract(tmp_path: Path, identity: None) -> None:
    with closing(begin(tmp_path / "p", {"ev": Table(hourly(300), "t", "t")})) as project:
        project.define(PLAIN, log=False)
        project.promote("plain")
        write(project.root, "ev", pl.concat([hourly(300), hourly(1, 299).with_columns(x=pl.lit(7.5))]))
        (done,) = project.materialize().views
        assert (done.state, done.after) == ("left", 300)
        assert "breaks its contract: 1 of 6 rules broken: unique k, t (2 rows)" in done.how


SUMMED = '''\
class Summed(FeatureModel):
    k: str
    t: UTC
    v: float = Feature(unit="count")


@feature_view(entities="k", event_time="t", owner="ann")
def summed(ev: pl.LazyFrame) -> LazyFrame[Summed]:
    """A sum that has other last bits each time it is computed."""
    return ev.group_by("k", pl.col("t").dt.truncate("6h").dt.offset_by("6h")).agg(v=(pl.col("x").sin()).sum())
'''


def recompute_elsewhere(project: Project, view_id: str) -> None:
    """Let the cache hold a view as another machine computes it: with other last bits."""
    cache = project._workspace.cache
    stored = cache.get(view_id)
    assert stored is not None
    frame = stored.frame().collect().with_columns(v=pl.col("v") * (1 + 2**-52))
    cache.drop(view_id)
    with cache.work_folder(view_id) as work:
        frame.write_parquet(work / "data.parquet")
        digest = digest_frame(pl.scan_parquet(work / "data.parquet"), keys=stored.record.keys)
        assert (digest.rounded, digest.exact == stored.record.digest.exact) == (stored.record.digest.rounded, False)
        cache.commit(work, replace(stored.record, digest=digest))


@pytest.mark.journey
def test_what_is_published_stays_though_it_would_be_computed_with_other_last_bits(
    tmp_path: Path, identity: None
) -> None:
    rows = hourly(300)
    with closing(begin(tmp_path / "p", {"ev": Table(rows, "t", "t")})) as project:
        project.define(SUMMED, log=False)
        above = PLAIN.replace("ev: pl", "summed: pl").replace("return ev", "return summed").replace('"x"', '"v"')
        project.define(above, log=False)
        project.promote(["summed", "plain"])
        recompute_elsewhere(project, record_of(project, "summed").version().view_id)
        done = project.materialize()
        assert [view.state for view in done.views] == ["current", "current"]
        assert done.commit is None


@pytest.mark.parametrize("verb", ["promote", "materialize"])
def test_what_is_published_is_of_one_state_of_the_sources(
    tmp_path: Path, identity: None, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    rows, more = hourly(60), hourly(90)
    with closing(begin(tmp_path / "p", {"events": Table(rows, "t", "t")})) as project:
        project.define(PLAIN.replace("ev: pl", "events: pl").replace("return ev", "return events"), log=False)
        if verb == "materialize":
            project.promote("plain")
            write(project.root, "events", hourly(70))
        other = hourly(80).with_columns(pl.col("x") * 2)
        replaced_in_time(monkeypatch, project.root, other, more)
        project.promote("plain") if verb == "promote" else project.materialize()
        assert differing(lake_rows(project, "plain"), more.select("k", "t", v="x")).is_empty()
        write(project.root, "events", pl.concat([more, hourly(5, 90)]))
        assert project.materialize().views[0].after == 95
        assert differing(lake_rows(project, "plain"), computed(project, "plain")).is_empty()
