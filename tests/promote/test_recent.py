"""What new rows depend on is found without reading all that the inputs hold."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.promote.conftest import record_of
from tests.promote.stage import Table, begin, computed, differing, lake_rows, write
from workbench.compute import InputData, digest_frame, group_of
from workbench.pipeline import InputTimes
from workbench.promote import recent
from workbench.promote.recent import recent_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

START = datetime(2024, 1, 1, tzinfo=UTC)
TIME = pl.Datetime("us", "UTC")


def events(hours: Sequence[tuple[str | None, int, int]]) -> pl.DataFrame:
    """Return a row for each key, hour and value."""
    made = [(key, START + timedelta(hours=hour), float(value)) for key, hour, value in hours]
    return pl.DataFrame(made, schema={"k": pl.String, "t": TIME, "x": pl.Float64}, orient="row")


EVENT = st.tuples(st.sampled_from(["a", "b", "c", "d", "e", None]), st.integers(0, 999), st.integers(0, 9))


@settings(max_examples=60, deadline=None)
@given(
    hours=st.lists(EVENT, min_size=1, max_size=60),
    since=st.integers(0, 1_000),
    chance=st.sampled_from([None, 1, 50]),
    in_order=st.booleans(),
    keys=st.sampled_from([("k",), ("k", "g")]),
    changed=st.sampled_from([None, ["a", "b", None]]),
    most=st.sampled_from([500_000, 20]),
)
def test_recent_rows_and_the_last_before_are_those_of_the_whole_input(
    *,
    hours: list[tuple[str | None, int, int]],
    since: int,
    chance: int | None,
    in_order: bool,
    keys: tuple[str, ...],
    changed: list[str | None] | None,
    most: int,
) -> None:
    rows, first = events(sorted(hours, key=lambda each: each[1]) if in_order else hours), START + timedelta(hours=since)
    rows = rows.with_columns(g=(pl.col("x") % 2).cast(pl.Int64))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recent, "SMALL", 0)
        patch.setattr(recent, "CHANCE", chance or len(hours))
        patch.setattr(recent, "_RECENT", 1.0)
        patch.setattr(recent, "MOST_WHOLE", most)
        data, times = InputData("ev", rows.lazy(), "", "source"), {"ev": InputTimes("t", ("t",))}
        group = rows.filter(pl.col("k").is_in(changed or [], nulls_equal=True)).select(group_of(keys)).to_series()
        groups = None if changed is None else frozenset(group)
        found = recent_rows([data], {"ev": keys}, times, first=first, groups=groups)
    if found is None:
        assert rows.height > most
        return
    every, rows = rows, rows if groups is None else rows.filter(group_of(keys).is_in([*groups]))
    young, before = rows.filter(pl.col("t") >= first), rows.filter(pl.col("t") < first)
    owners = young.select(keys).unique()
    before = before.join(owners, on=keys, how="semi", nulls_equal=True)
    before = before.filter(pl.col("t") == pl.col("t").max().over(keys))
    order = ["k", "t", "x"]
    assert found.inputs[0].frame.collect().sort(order).equals(pl.concat([young, before]).sort(order))
    assert found.inputs[0].frame.collect()["t"].is_sorted() or not in_order
    assert found.owners.sort(keys).equals(owners.sort(keys))
    whole = found.whole[0].frame.collect()
    taken = rows.join(found.sample, on=keys, how="semi", nulls_equal=True)
    assert taken.join(whole, on=order, how="anti", nulls_equal=True).is_empty()
    rows, entities = every, whole.select(keys).unique()
    assert whole.sort(order).equals(rows.join(entities, on=keys, how="semi", nulls_equal=True).sort(order))
    assert chance is not None or whole.height == rows.height


VIEWS = '''\
class Day(FeatureModel):
    k: str
    t: UTC
    n_1d: int = Feature(unit="count")
    s_1d: float = Feature(unit="count", nullable=True)


@feature_view(entities="k", event_time="t", lookback="1d", owner="ann")
def day(ev: pl.LazyFrame) -> LazyFrame[Day]:
    """What happened in a day."""
    return windowed(ev, by="k", time="t", windows=["1d"], n=pl.len(), s=pl.col("x").sum())
'''


@pytest.mark.journey
def test_files_that_come_late_or_are_corrected_give_what_a_rewrite_gives(
    tmp_path: Path, identity: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent, "SMALL", 0)
    monkeypatch.setattr(recent, "CHANCE", 100)
    folder = tmp_path / "p" / "data" / "ev.parquet"
    monkeypatch.setattr("tests.promote.stage.write", lambda *_: None)

    def add(name: str, hours: range, value: int = 1, *, keys: int = 20) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        rows = [(f"k{hour * 7 % keys}", hour, (hour * 13 + value) % 50) for hour in hours]
        events(rows).write_parquet(folder / f"{name}.parquet")

    for number in range(4):
        add(str(number), range(number * 300, number * 300 + 300))
    with closing(begin(tmp_path / "p", {"ev": Table(events([]), "t", "t")})) as project:
        project.define(VIEWS, log=False)
        project.promote("day")
        steps: list[Callable[[], object]] = [
            lambda: add("4", range(1_200, 1_230)),
            lambda: add("5", range(1_230, 1_260, 3), keys=23),  # new entities, others pause
            lambda: add("6", range(1_150, 1_270, 7), keys=30),  # late rows
            lambda: add("1", range(300, 600), value=2),  # corrected
            (folder / "6.parquet").unlink,
            lambda: add("7", range(1_900, 1_903)),
        ]
        for step in steps:
            step()
            (done,) = project.materialize(accept={"day": "a trial"}).views
            assert done.state == "updated"
            assert "in full" not in done.how
            right = computed(project, "day")
            assert differing(lake_rows(project, "day"), right).is_empty()
            assert record_of(project, "day").version().data_digest == digest_frame(right.lazy(), keys=["k", "t"]).exact
        assert project.materialize().commit is None


LEAKY = VIEWS.replace(
    'windowed(ev, by="k", time="t", windows=["1d"], n=pl.len(), s=pl.col("x").sum())',
    """(
        ev.sort("t").with_columns(pl.col("t").dt.truncate("1d").alias("d"))
        .select("k", "t", n_1d=pl.len().over("k", "d").cast(pl.Int64), s_1d=pl.col("x").sum().over("k", "d"))
    )""",
)


@pytest.mark.journey
def test_rows_of_before_that_new_ones_change_are_found_though_none_is_taken_by_chance(
    tmp_path: Path, identity: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent, "SMALL", 0)
    monkeypatch.setattr(recent, "CHANCE", 1)
    rows = events([(f"k{hour % 25}", hour, hour % 9) for hour in range(1_400)])  # none twice a day
    with closing(begin(tmp_path / "p", {"ev": Table(rows, "t", "t")})) as project:
        project.define(LEAKY, log=False)
        project.promote("day")
        last = rows.tail(1)
        write(project.root, "ev", pl.concat([rows, last.with_columns(pl.col("t") + timedelta(minutes=65))]))
        (done,) = project.materialize().views
        assert "in full: rows before 2024-02-28 08:05 also changed: k k24, t 2024-02-28 07:00" in done.how
        assert differing(lake_rows(project, "day"), computed(project, "day")).is_empty()
