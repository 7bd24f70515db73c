"""Frames of `windowed` are computed range by range of entities when they are stored: the same rows, in less memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from workbench.compute import entity_ranges, write_parquet
from workbench.compute.entity_ranges import RangedQuery
from workbench.define import EntityFrame, windowed
from workbench.errors import ComputeError

START = datetime(2020, 3, 1, tzinfo=UTC)
KEYS = [
    {},
    {"user": pl.String},
    {"shop": pl.Enum(["b", "a"]), "user": pl.Int64},
    {"day": pl.Datetime("ns", "Asia/Tokyo")},
]
AGGREGATIONS: dict[str, Any] = {
    "n": pl.len(),
    "mean": pl.col("x").mean(),
    "std": pl.col("big").std(),
    "sum": pl.col("big").sum(),
    "first": pl.col("x").first(),
    "last": pl.col("x").last(),
}


@pytest.fixture(autouse=True)
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make ranges and parts so small that a few hundred events need many."""
    monkeypatch.setattr(entity_ranges, "RANGE", 2_000)
    monkeypatch.setattr(entity_ranges, "_LARGEST", 2_000)
    monkeypatch.setattr(entity_ranges, "PART", 7)
    monkeypatch.setattr(entity_ranges, "_BATCH", 50)


def events(seed: int, rows: int) -> pl.LazyFrame:
    """Return events in no order, some at the same time, some without key or time."""
    number = pl.col("row")

    def chance(offset: int, size: int) -> pl.Expr:
        return (number.hash(seed=seed * 10 + offset) % size).cast(pl.Int64)

    columns = {
        "shop": pl.when(chance(1, 9) > 0).then(pl.when(chance(2, 2) == 0).then(pl.lit("a")).otherwise(pl.lit("b"))),
        "user": chance(3, 12),
        "day": pl.lit(START) + pl.duration(days=chance(4, 5)),
        "at": pl.when(chance(5, 9) > 0).then(pl.lit(START) + pl.duration(hours=chance(6, 200))),
        "x": (chance(7, 1000) / 7).cast(pl.Float32),
        "big": 2**54 + chance(8, 1000),
    }
    return pl.LazyFrame({"row": range(rows)}).select(**columns)


def in_ranges(frame: pl.LazyFrame) -> bool:
    return RangedQuery.of(frame, Path()) is not None


def stored(frame: pl.LazyFrame, folder: Path) -> pl.DataFrame:
    path = folder / "data.parquet"
    path.unlink(missing_ok=True)
    write_parquet(frame, path, view="v")
    return pl.read_parquet(path)


KEY_VALUES: dict[Any, st.SearchStrategy[Any]] = {
    pl.Int8(): st.integers(-128, 127),
    pl.Int64(): st.integers(-(2**63), 2**63 - 1),
    pl.UInt64(): st.integers(2**64 - 9, 2**64 - 1),
    pl.Int128(): st.integers(2**100, 2**100 + 9),
    pl.Boolean(): st.booleans(),
    pl.String(): st.sampled_from(["", "a", "B", "b", "ä", "aa"]),
    pl.Enum(["z", "a"]): st.sampled_from(["z", "a"]),
    pl.Duration("us"): st.integers(-5, 5).map(lambda hours: timedelta(hours=hours)),
}


@given(data=st.data())
def test_events_are_sorted_as_polars_sorts_them(data: st.DataObject) -> None:
    dtypes = data.draw(st.lists(st.sampled_from(list(KEY_VALUES)), min_size=1, max_size=3))
    rows = data.draw(st.lists(st.tuples(*(KEY_VALUES[dtype] for dtype in dtypes)), max_size=30))
    names = [f"key {place}" for place in range(len(dtypes))]
    frame = pl.DataFrame(rows, schema=dict(zip(names, dtypes, strict=True)), orient="row").with_row_index("own order")
    assert_frame_equal(entity_ranges._sorted(frame, names), frame.sort(names, maintain_order=True))


@given(
    seed=st.integers(0, 10**6),
    rows=st.integers(0, 400),
    kind=st.sampled_from(KEYS),
    closed=st.sampled_from(["left", "right", "both", "none"]),
)
def test_what_is_stored_is_what_is_computed_at_once(
    seed: int, rows: int, kind: dict[str, pl.DataType], closed: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    frame = events(seed, rows).cast(kind)  # type: ignore[arg-type]  # names to dtypes
    view = windowed(frame, by=list(kind), time="at", windows=["3h", "2d"], closed=closed, **AGGREGATIONS)
    folder = tmp_path_factory.mktemp("stored")
    assert in_ranges(view) == bool(kind)
    assert_frame_equal(stored(view, folder), view.collect(), check_exact=True)
    assert [path.name for path in folder.iterdir()] == ["data.parquet"]


def test_windows_too_long_for_a_line_of_events_give_the_same_rows(tmp_path: Path) -> None:
    users = pl.LazyFrame({"user": [number // 1_200 for number in range(2_400)]}).with_columns(
        at=pl.lit(START) + pl.duration(days=pl.int_range(2_400) % 1_200 * 91), x=pl.int_range(2_400)
    )
    view = windowed(users, by="user", time="at", windows=["90d", "109500d"], n=pl.len(), sum=pl.col("x").sum())
    assert in_ranges(view)
    assert_frame_equal(stored(view, tmp_path), view.collect(), check_exact=True)


def test_events_are_kept_on_disk_and_read_range_by_range(tmp_path: Path) -> None:
    view = windowed(events(1, 2_000), by="user", time="at", windows="1d", n=pl.len())
    assert isinstance(view, EntityFrame)
    assert view.local is not None
    found = entity_ranges._Events.read(view.local, tmp_path)
    ranges = list(found.ranges())
    assert len(found.files) > 10
    assert len(ranges) > 5
    last = [some["user"].max() for some in ranges if some.height]
    assert pl.Series(last).is_sorted()
    assert len(set(last)) == len(last)
    assert sum(some.height for some in ranges) == view.local.events.collect().height


ROW_BY_ROW = {
    "select": lambda frame: frame.select("user", "at", twice=pl.col("n_1d") * 2, one=pl.lit(1)),
    "with_columns": lambda frame: frame.with_columns(pl.when(pl.col("n_1d") > 1).then("sum_1d").alias("some")),
    "filter": lambda frame: frame.filter(pl.col("n_1d") > 0, pl.col("user") != 3),
    "drop": lambda frame: frame.drop("sum_1d"),
}
OVER_ROWS = {
    "a shift": lambda frame: frame.with_columns(pl.col("n_1d").shift(1)),
    "a rank": lambda frame: frame.with_columns(pl.col("n_1d").rank()),
    "a mean": lambda frame: frame.with_columns(pl.col("n_1d").mean()),
    "a running sum": lambda frame: frame.filter(pl.col("n_1d").cum_sum() > 9),
    "a mean beside": lambda frame: frame.with_columns(more=pl.col("n_1d") - pl.col("n_1d").mean()),
    "a series": lambda frame: frame.with_columns(s=pl.lit(pl.Series(range(820)))),
    "an expression with a series": lambda frame: frame.with_columns(s=pl.col("n_1d") + pl.lit(pl.Series(range(820)))),
    "a constant alone": lambda frame: frame.select(one=pl.lit(1)),
    "a function": lambda frame: frame.with_columns(pl.col("n_1d").map_batches(lambda values: values - values.min())),
    "a sort": lambda frame: frame.sort("at", "user"),
}


@pytest.mark.parametrize("step", [*ROW_BY_ROW, *OVER_ROWS])
def test_steps_that_look_at_single_rows_go_by_range_and_others_do_not(step: str, tmp_path: Path) -> None:
    users = pl.LazyFrame({"user": [number % 20 for number in range(400)]}).with_columns(
        at=pl.lit(START) + pl.duration(days=pl.int_range(400)), x=pl.int_range(400)
    )
    view = windowed(users, by="user", time="at", windows="1d", n=pl.len(), sum=pl.col("x").sum())
    frame = (ROW_BY_ROW | OVER_ROWS)[step](view)
    assert in_ranges(frame) == (step in ROW_BY_ROW)
    assert_frame_equal(stored(frame, tmp_path), frame.collect(), check_exact=True)


def test_aggregations_by_python_are_not_computed_by_range() -> None:
    mean = pl.col("x").map_batches(lambda values: values, return_dtype=pl.Float32, returns_scalar=True)
    assert not in_ranges(windowed(events(1, 9), by="user", time="at", windows="1d", x=mean))


def test_what_does_not_fit_fails_as_it_does_at_once(tmp_path: Path) -> None:
    huge = events(1, 300).with_columns(big=pl.lit(2**62))
    view = windowed(huge, by="user", time="at", windows="9d", total=pl.col("big").sum())
    with pytest.raises(ComputeError) as at_once:
        write_parquet(pl.LazyFrame._from_pyldf(view._ldf), tmp_path / "data.parquet", view="v")
    with pytest.raises(ComputeError) as by_range:
        write_parquet(view, tmp_path / "data.parquet", view="v")
    assert (by_range.value.message, by_range.value.remedy) == (at_once.value.message, at_once.value.remedy)


def test_an_entity_with_most_events_is_computed_by_itself(tmp_path: Path) -> None:
    at = [START + timedelta(minutes=number) for number in range(300)]
    users = pl.LazyFrame({"user": ["a"] * 10 + ["b"] * 280 + ["c"] * 10, "at": at})
    view = windowed(users, by="user", time="at", windows="2h", n=pl.len())
    assert_frame_equal(stored(view, tmp_path), view.collect())
