"""Materializing: new source data reaches published views, and what comes out is what a full computation gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.promote.conftest import RATE, SPEND, VALUED, git, more_events, record_of
from workbench.errors import RegistryError

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.project import Project

WINDOWED = '''\
class Recent(FeatureModel):
    user: str
    at: UTC
    total_2h: float | None = Feature(unit="count", description="Spent in two hours")
    visits_2h: int = Feature(unit="count", description="Visits in two hours")


@feature_view(entities="user", event_time="at", lookback="2h", owner="ann")
def recent(events: pl.LazyFrame) -> LazyFrame[Recent]:
    """What a user did in the last two hours."""
    return windowed(events, by="user", time="at", windows=["2h"], total=pl.col("amount").sum(), visits=pl.len())
'''


def lake_rows(project: Project, view: str) -> pl.DataFrame:
    version = record_of(project, view).version()
    frame = project._workspace.lake.scan(view, version.major, version.delta_version, version.contract)
    return frame.sort("user", "at").collect()


def in_full(project: Project, view: str, *, branch: str = "main") -> pl.DataFrame:
    """Compute the view anew, with nothing that was kept."""
    definition = project.view(view, branch=branch).definition
    inputs = [
        project.sources[name].frame() if name in project.sources else in_full(project, name).lazy()
        for name in definition.inputs
    ]
    frame: pl.LazyFrame = definition(*inputs)
    return frame.sort("user", "at").collect()


def same(left: pl.DataFrame, right: pl.DataFrame) -> None:
    floats = [name for name, dtype in left.schema.items() if dtype.is_float()]
    rounded = [pl.col(name).round(6) for name in floats]
    assert left.with_columns(rounded).equals(right.select(left.columns).with_columns(rounded))


def test_new_rows_reach_published_views_in_one_commit(published: Project) -> None:
    published.define(RATE, log=False)
    published.promote("rate")
    before = published.repository.resolve("main")
    more_events(published.root, 30)
    done = published.materialize()
    assert [(view.view, view.state, view.after) for view in done.views] == [
        ("rate", "updated", 230),
        ("spend", "updated", 230),
    ]
    commit = published.repository.show(published.repository.resolve("main"))
    assert commit.parents == (before,)
    for view in ("spend", "rate"):
        same(lake_rows(published, view), in_full(published, view))
        assert record_of(published, view).version().number == "1.0"
        assert record_of(published, view).version().materialized_at is not None


def test_where_nothing_moved_nothing_is_written(published: Project) -> None:
    before = published.repository.resolve("main")
    done = published.materialize()
    assert [view.state for view in done.views] == ["current"]
    assert done.commit is None
    assert published.repository.resolve("main") == before


def test_only_what_is_touched_is_computed(published: Project) -> None:
    path = published.root / "data" / "events.parquet"
    old = pl.read_parquet(path)
    late = old["at"].max() + timedelta(minutes=5)  # type: ignore[operator]  # a datetime
    one = old.filter(pl.col("user") == "u3").head(1).with_columns(event_id=pl.lit(999, pl.Int64), at=pl.lit(late))
    pl.concat([old, one.select(old.columns)]).write_parquet(path)
    done = published.materialize()
    assert done.views[0].how.startswith("about 0.4% of its entities since 2024-01-01 03:2")
    same(lake_rows(published, "spend"), in_full(published, "spend"))


def test_twice_is_once(published: Project) -> None:
    more_events(published.root, 10)
    published.materialize()
    version = record_of(published).version()
    assert published.materialize().commit is None
    assert record_of(published).version() == version


def test_data_that_breaks_the_contract_is_left_out_with_what_reads_it(published: Project) -> None:
    published.define(RATE, log=False)
    published.promote("rate")
    before = {view: lake_rows(published, view) for view in ("spend", "rate")}
    path = published.root / "data" / "events.parquet"
    pl.read_parquet(path).with_columns(pl.col("amount") - 1000).write_parquet(path)
    done = published.materialize()
    assert not done.passed
    assert [(view.view, view.state) for view in done.views] == [("rate", "left"), ("spend", "left")]
    assert "contract" in done.views[1].how
    assert "spend" in done.views[0].how
    for view, rows in before.items():
        assert lake_rows(published, view).equals(rows)


def test_what_somebody_wrote_on_main_by_hand_is_not_published(published: Project) -> None:
    before = in_full(published, "spend")
    path = published.root / "features" / "spend.py"
    path.write_text(path.read_text().replace("cum_sum()", "cum_max()"))
    git(published.root, "commit", "-qam", "By hand")
    assert published.materialize().commit is None
    more_events(published.root, 10)
    assert [view.state for view in published.materialize().views] == ["updated"]
    same(lake_rows(published, "spend").join(before, on=["user", "at"], how="semi"), before)


def test_an_older_major_version_that_a_release_pins_stays_fresh(published: Project) -> None:
    published.cut_release("r1")
    published.define(VALUED, log=False)
    published.promote("spend", accept={"spend": "twice"})
    more_events(published.root, 30)
    done = published.materialize()
    assert [(view.number, view.state, view.after) for view in done.views] == [
        ("1.0", "updated", 230),
        ("2.0", "updated", 230),
    ]
    old, new = record_of(published).versions
    workspace = published._workspace
    sums = [
        workspace.lake.scan("spend", v.major, v.delta_version, v.contract)
        .select(pl.col("total").sum())
        .collect()
        .item()
        for v in (old, new)
    ]
    assert sums[0] * 2 == sums[1]


def test_readers_of_a_moment_before_get_the_rows_of_then(published: Project) -> None:
    published.cut_release("before")
    more_events(published.root, 30)
    published.materialize()
    rows = published.store.at(release="before").rows("spend")
    assert rows.height == 200
    assert published.store.at(release=None, time=datetime.now(UTC)).rows("spend").height == 230


def test_an_event_after_a_long_pause_adds_no_row_that_a_full_computation_lacks(shop: Project) -> None:
    shop.define(WINDOWED, log=False)
    shop.promote("recent")
    path = shop.root / "data" / "events.parquet"
    changed(pl.read_parquet(path), "new", 400, 5).write_parquet(path)  # more than the lookback after the user's last
    done = shop.materialize()
    assert "about 0.4% of its entities" in done.views[0].how
    same(lake_rows(shop, "recent"), in_full(shop, "recent"))


CHANGES = st.tuples(st.sampled_from(["new", "late", "amended", "withdrawn"]), st.integers(0, 10_000), st.integers(0, 9))


@pytest.mark.journey
@pytest.mark.parametrize("cell", [SPEND, WINDOWED], ids=["cumulative", "windowed"])
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(CHANGES, min_size=1, max_size=3))
def test_what_comes_out_is_what_a_full_computation_gives(
    shop: Project, cell: str, changes: list[tuple[str, int, int]]
) -> None:
    view = "recent" if cell is WINDOWED else "spend"
    shop.define(cell, log=False)
    if f"registry/{view}.toml" not in shop.repository.files("main", "registry"):
        shop.promote(view)
    path: Path = shop.root / "data" / "events.parquet"
    for change in changes:
        changed(pl.read_parquet(path), *change).write_parquet(path)
    done = shop.materialize()
    assert "in full" not in done.views[0].how
    same(lake_rows(shop, view), in_full(shop, view))


def changed(rows: pl.DataFrame, how: str, place: int, user: int) -> pl.DataFrame:
    """Return the events after something happened to one: it is new, came late, was amended or withdrawn."""
    one = rows[place % rows.height]
    mine = pl.col("event_id") == one["event_id"].item()
    if how == "withdrawn":
        return rows.filter(~mine)
    if how == "amended":
        return rows.with_columns(amount=pl.when(mine).then(pl.col("amount") + 1).otherwise(pl.col("amount")))
    last: datetime = rows.select(pl.col("at").max()).item()
    at = one["at"].item() + timedelta(seconds=30) if how == "late" else last + timedelta(minutes=1 + place % 500)
    number = int(rows.select(pl.col("event_id").max()).item()) + 1
    more = {"event_id": [number], "user": [f"u{user}"], "at": [at], "amount": one["amount"].to_list()}
    return pl.concat([rows, pl.DataFrame(more, schema=rows.schema)])


def test_a_view_whose_record_is_damaged_is_left_and_the_others_go_on(published: Project) -> None:
    published.define(RATE, log=False)
    published.promote("rate")
    tree = published.repository.tree_with("main", {"registry/rate.toml": "a = " + "[" * 50_000})
    commit = git(published.root, "commit-tree", tree, "-p", "main", "-m", "Spoil it").strip()
    git(published.root, "update-ref", "refs/heads/main", commit)
    more_events(published.root, 20)
    states = {one.view: one.state for one in published.materialize().views}
    assert states == {"rate": "left", "spend": "updated"}
    with pytest.raises(RegistryError, match=r"registry/rate\.toml"):
        published.materialize(["rate"])
