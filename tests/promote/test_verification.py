"""What is computed of new data alone is stored only where a computation in full gives the same."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

from tests.promote.stage import Table, begin, computed, differing, lake_rows, write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from workbench.promote import Materialized

START = datetime(2024, 1, 1, tzinfo=UTC)

VIEW = '''\
class View(FeatureModel):
    k: str
    t: UTC
    v: float | None = Feature(unit="count")


@feature_view(entities="k", event_time="t", owner="ann"{options})
def view(ev: pl.LazyFrame) -> LazyFrame[View]:
    """What happened."""
    return {query}
'''
COUNTS = VIEW.replace("v: float | None", "n_1d: int")


def view(query: str, options: str = "", *, text: str = VIEW) -> str:
    """Return a view of `ev`."""
    return text.format(query=query, options=f", {options}" if options else "")


def rows(hours: Mapping[str, Sequence[float]], x: float = 1.0) -> pl.DataFrame:
    """Return one event a key and hour, the n-th with the value `x` + n."""
    events = [(key, START + timedelta(hours=hour)) for key, all_hours in hours.items() for hour in all_hours]
    frame = pl.DataFrame(events, schema={"k": pl.String, "t": pl.Datetime("us", "UTC")}, orient="row").sort("t")
    return frame.with_columns(x=pl.int_range(pl.len()).cast(pl.Float64) + x)


def materialized(folder: Path, text: str, before: pl.DataFrame, after: pl.DataFrame) -> Materialized:
    """Publish a view, let its source have other rows, materialize, and see that the lake has what it should."""
    with closing(begin(folder / "p", {"ev": Table(before, "t", "t")})) as project:
        project.define(text, log=False)
        plan = project.promote("view", dry_run=True).plan
        project.promote("view", accept={} if plan.passed else {"view:probes": "its key is made in the view"})
        write(project.root, "ev", after)
        done = project.materialize()
        assert [each.state for each in done.views] == ["updated"]
        right = computed(project, "view")
        assert differing(lake_rows(project, "view"), right).is_empty()
        assert differing(project.view("view").frame().collect(), right).is_empty()
        assert project.materialize().commit is None
        return done


ROLLING = 'ev.sort("k", "t").select("k", "t", v=pl.col("x").rolling_mean(5).over("k"))'


def test_a_lookback_that_new_data_breaks_is_named_and_all_is_computed(tmp_path: Path, identity: None) -> None:
    before = rows({"a": [*range(100)], "b": [*range(100)]})
    after = pl.concat([before, rows({"a": [340, 341, 342]}, x=1000.0)])
    done = materialized(tmp_path, view(ROLLING, 'lookback="2d"'), before, after)
    assert done.views[0].how.startswith("computed in full: lookback 2d no longer holds: k a, t 2024-01-15")


def test_one_of_many_entities_that_breaks_the_lookback_is_found(tmp_path: Path, identity: None) -> None:
    """Of more rows than are compared: one of 300 entities paused for longer than the lookback."""
    keys = [f"k{number}" for number in range(300)]
    before = rows({key: range(80) if key == "k117" else range(300, 380) for key in keys})
    after = pl.concat([before, rows({key: [380] for key in keys})])
    done = materialized(tmp_path, view(ROLLING, 'lookback="2d"'), before, after)
    assert "lookback 2d no longer holds: k k117" in done.views[0].how


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (
            'ev.with_columns(all=pl.col("x").sum()).select("k", "t", v=pl.when(pl.col("x") > 1e5).then("all"))',
            "entity-locality no longer holds",
        ),
        (
            'ev.sort("t").select(pl.col("k").str.to_lowercase(), "t", v="x").with_columns(pl.cum_sum("v").over("k"))',
            "its entities differ from those of its inputs",
        ),
        ('ev.select("k", "t", v=pl.when(pl.col("x").max().over("k") < 1e5).then("x"))', "also changed"),
    ],
    ids=["other entities are used", "keys that become another's", "later rows count"],
)
def test_a_promise_that_new_data_breaks_does_not_change_what_is_published(
    tmp_path: Path, identity: None, query: str, said: str
) -> None:
    before = rows({"a": range(50), "b": range(50)})
    more = rows({"A" if "lowercase" in query else "a": [60]}, x=2e5)
    done = materialized(tmp_path, view(query), before, pl.concat([before, more]))
    assert said in done.views[0].how


WINDOWED = 'windowed({frame}, by={by}, time="t", windows=["1d"], n=pl.len())'


@pytest.mark.journey
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (view(WINDOWED.format(frame='ev.rename({"x": "k"})', by='"k"'), 'lookback="1d"', text=COUNTS), "no input has"),
        (
            view(
                WINDOWED.format(frame='ev.select("t", k=pl.col("o") + "-" + pl.col("d"))', by='"k"'),
                'lookback="1d"',
                text=COUNTS,
            ),
            "no input has its entities (k)",
        ),
        (
            view(WINDOWED.format(frame="ev", by='"k"'), 'lookback="1d", scope="global"', text=COUNTS),
            "may depend on all rows",
        ),
    ],
    ids=["renamed", "made", "global"],
)
def test_no_first_row_is_added_where_the_key_cannot_be_traced(
    tmp_path: Path, identity: None, text: str, reason: str
) -> None:
    """A-B rests for longer than the lookback, and goes on when C-D has been there all the time."""
    before, more = rows({"A-B": [0, 456], "C-D": [*range(0, 700, 6)]}), rows({"A-B": [552], "C-D": [276.5]})
    after = pl.concat([before, more])
    if "global" not in text:
        origin, destination = pl.col("k").str.split("-").list.get(0), pl.col("k").str.split("-").list.get(1)
        named = [pl.col("k").alias("x")] if "rename" in text else [origin.alias("o"), destination.alias("d")]
        before, after = (frame.with_columns(named).drop("k") for frame in (before, after))
    assert reason in materialized(tmp_path, text, before, after).views[0].how
