"""The parts of probes: when values are the same, which entities and instants are chosen, since when rows are known."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

from tests.check.probes.stage import START, defined, failed, flights, known, probed, weather
from workbench.check.probes import source_input, view_input
from workbench.check.probes.closeness import alike, differs, scale_of
from workbench.check.probes.inputs import Alteration, shuffled
from workbench.check.probes.sample import ROWS, SHARE, take_sample
from workbench.check.probes.telling import telling
from workbench.define import UTC, Feature, FeatureModel, windowed

if TYPE_CHECKING:
    from collections.abc import Sequence

delay = pl.col("delay").fill_null(0.0)
INF, NAN = float("inf"), float("nan")


def unlike(pairs: Sequence[tuple[object, object]], dtype: pl.DataType, **options: float | None) -> list[bool]:
    frame = pl.DataFrame(pairs, schema={"one": dtype, "other": dtype}, orient="row")
    settings = {"tolerance": None, "scale": 1.0} | options
    return frame.select(differs("one", "other", dtype, **settings)).to_series().to_list()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        (1.0, 1.0 + 1e-12, False),
        (1.0, 1.0 + 1e-6, True),
        (1e12, 1e12 + 1e-3, False),
        (0.0, 1e-13, False),
        (0.0, 1e-6, True),
        (None, None, False),
        (None, 0.0, True),
        (NAN, NAN, False),
        (NAN, 0.0, True),
        (NAN, None, True),
        (INF, INF, False),
        (INF, 1.0, True),
        (INF, -INF, True),
        (0.0, -0.0, False),
    ],
)
def test_floats_are_the_same_but_for_the_last_bits(one: object, other: object, *, differ: bool) -> None:
    assert unlike([(one, other), (other, one)], pl.Float64()) == [differ, differ]


def test_noise_is_measured_by_the_columns_largest_value_too() -> None:
    assert unlike([(1e-5, 2e-5)], pl.Float64(), scale=1e6) == [False]
    assert unlike([(1e-5, 2e-5)], pl.Float64(), scale=1.0) == [True]
    assert scale_of(pl.Series([1.0, -7.0, None, NAN, INF])) == 7.0
    assert scale_of(pl.Series(["a"])) == 0.0


def test_a_declared_tolerance_is_respected() -> None:
    assert unlike([(1.0, 1.009), (1.0, 1.02), (None, 1.0)], pl.Float64(), tolerance=0.01) == [False, True, True]
    assert unlike([(10, 11), (10, 12)], pl.Int64(), tolerance=1.0) == [False, True]
    assert unlike([(10, 11)], pl.Int64()) == [True]


def test_a_leak_within_the_declared_tolerance_is_none() -> None:
    class Rough(FeatureModel):
        carrier: str
        at: UTC
        value: float = Feature(tolerance=10_000.0)

    mean = delay.mean().over("carrier")
    assert failed(defined(lambda f: f.select("carrier", "at", value=mean), model=Rough)) == []


def test_nested_values_are_the_same_but_for_the_last_bits() -> None:
    dtype = pl.List(pl.Float64())
    assert unlike([([0.1 + 0.2], [0.3]), ([0.1], [0.2]), (None, None), ([1.0], [1.0, 2.0])], dtype) == [
        *(False, True, False, True)
    ]
    assert alike({"a": [NAN, 0.1 + 0.2]}, {"a": [NAN, 0.3]})
    assert not alike({"a": 1.0}, {"b": 1.0})


def test_shuffling_keeps_rows_whole_and_survives_a_later_sort() -> None:
    frame = flights().with_columns(again="flight", day=pl.col("at").dt.truncate("1d"))
    mixed = shuffled(frame.lazy(), 1).collect()
    assert mixed["flight"].to_list() != frame["flight"].to_list()
    assert mixed["flight"].equals(mixed["again"])
    assert mixed.sort("flight").equals(frame)
    assert mixed.equals(shuffled(frame.lazy(), 1).collect())
    assert not mixed.equals(shuffled(frame.lazy(), 2).collect())
    first = pl.col("flight").first()
    by_day = shuffled(frame.lazy(), 1).sort("day").group_by("day", maintain_order=True).agg(first).collect()
    assert not by_day.equals(frame.sort("day").group_by("day", maintain_order=True).agg(first))


def test_an_upstream_row_is_known_once_it_was_created() -> None:
    class Known(FeatureModel):
        carrier: str
        at: UTC
        known: UTC
        value: float = Feature(nullable=True)

    view = defined(lambda f: f, model=Known, created="known")
    moment = START + timedelta(hours=5)
    rows = pl.DataFrame(
        {"carrier": ["a", "b", "c"], "at": [START] * 3, "known": [START, moment, None], "value": [1.0] * 3}
    )
    data = view_input(view, rows.lazy())
    assert Alteration(until=START).of(data).collect()["carrier"].to_list() == ["a"]
    assert Alteration(until=moment).of(data).collect()["carrier"].to_list() == ["a", "b"]


def test_a_large_view_is_sampled_with_few_rows_and_always_the_same() -> None:
    rows = pl.LazyFrame({"key": [number % 300 for number in range(60_000)], "at": [START] * 60_000})
    data = source_input("rows", rows, event_time="at")
    sample = take_sample(rows, ["key"], [data], local=True, size=60_000, full=False)
    (keys,) = sample.groups
    assert keys is not None
    assert sample.entities == 300
    assert 1 < keys.height <= 300 * SHARE
    assert keys.height * 200 <= ROWS
    assert sample.cheap
    (again,) = take_sample(rows, ["key"], [data], local=True, size=60_000, full=False).groups
    assert again is not None
    assert keys.equals(again)
    (whole, *others) = take_sample(rows, ["key"], [data], local=True, size=60_000, full=True).groups
    assert whole is not None
    assert sum(keys.height for keys in [whole, *others] if keys is not None) == 300


def test_where_every_entity_is_large_the_smallest_is_taken() -> None:
    counts = {"a": 30_000, "b": 20_000, "c": 50_000}
    rows = pl.LazyFrame({"key": [key for key, count in counts.items() for _ in range(count)]})
    data = source_input("rows", rows.with_columns(at=pl.lit(START)), event_time="at")
    (keys,) = take_sample(rows, ["key"], [data], local=True, size=200_000, full=False).groups
    assert keys is not None
    assert keys["key"].to_list() == ["b"]


def test_leaks_in_a_large_view_are_found_on_its_sample() -> None:
    frame = flights(30_000, carriers=200)
    ordered = ["carrier", "at", "flight"]
    for value, found in ((pl.col("delay").backward_fill(), ["leakage"]), (delay.cum_sum(), [])):
        view = defined(lambda f, v=value: f.sort(ordered).select("carrier", "at", value=v.over("carrier")))
        assert failed(view, known(frame)) == found
        wide = defined(lambda f, v=value: f.sort("at", "flight").select("carrier", "at", value=v), scope="global")
        assert failed(wide, known(frame)) == found


def test_instants_tell_where_values_are_missing_rows_came_late_and_the_next_row_is_near() -> None:
    frame = flights(300).with_columns(delay=pl.when(pl.col("flight") != 150).then(1.0))
    late = source_input("flights", frame.lazy(), event_time="scheduled", available_at="at")
    times = frame["at"].unique().sort()
    missing, *rest = telling([late], None, times, most=1)
    assert missing == frame["at"][150]
    assert len(rest) == 1
    assert rest[0] in frame["scheduled"]
    hours = source_input("weather", weather().lazy(), event_time="observed")
    (_, near) = telling([known(frame), hours], None, times, most=1)
    observed = weather()["observed"]
    assert near in times
    assert (observed.filter(observed > near) - near).min() < (near - observed.filter(observed <= near)).min()  # type: ignore[operator]


def test_the_cause_of_a_backward_fill_is_told_where_rows_come_late_as_well() -> None:
    late = source_input("flights", flights().lazy(), event_time="scheduled", available_at="at")
    filled = pl.col("delay").backward_fill().over("carrier")
    view = defined(lambda f: f.sort("at", "flight").select("carrier", "at", value=filled))
    assert "later row" in probed(view, late)["leakage"].detail


def test_entities_of_several_columns_are_computed_without_those_that_share_one_of_them() -> None:
    frame = flights().with_columns(side=pl.col("flight") % 2)

    class Sided(FeatureModel):
        carrier: str
        side: int
        at: UTC
        value: float

    by_carrier = delay.cum_sum().over("carrier")
    view = defined(
        lambda f: f.sort("at", "flight").select("carrier", "side", "at", value=by_carrier),
        entities=["carrier", "side"],
        model=Sided,
    )
    assert failed(view, known(frame)) == ["entity-locality"]


def test_a_window_that_begins_again_after_a_pause_is_within_its_lookback() -> None:
    frame = flights(200, carriers=8).with_columns(at=START + (pl.col("at") - START) * 6)
    view = defined(
        lambda f: windowed(f, by="carrier", time="at", windows="2d", value=delay.mean()).rename({"value_2d": "value"}),
        lookback="2d",
    )
    assert failed(view, known(frame)) == []
    assert failed(view, known(frame), full=True) == []
