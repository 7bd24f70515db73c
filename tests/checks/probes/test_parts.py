"""The parts of probes: when values are the same, which entities and instants are chosen, since when rows are known."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from tests.checks.probes.stage import START, defined, failed, flights, known, probed, weather
from workbench.checks import source_input, view_input
from workbench.checks.probes.cut_times import telling
from workbench.checks.probes.differences import Grain, agreeing, noise_of
from workbench.checks.probes.inputs import Alteration, shuffled
from workbench.checks.probes.keys import trace_keys
from workbench.checks.probes.sample import SHARE, Sample, take_sample
from workbench.define import Feature, FeatureModel, windowed
from workbench.dtypes import UTC

delay = pl.col("delay").fill_null(0.0)
INF, NAN = float("inf"), float("nan")


def test_the_noise_of_computing_is_measured_by_the_columns_largest_value() -> None:
    assert noise_of(pl.Series([1.0, -7.0, None, NAN, INF])) == pytest.approx(7e-10)
    assert noise_of(pl.Series([[1.0], None, [], [-7.0, NAN]])) == pytest.approx(7e-10)
    assert noise_of(pl.Series([{"a": 1, "b": 2.0}, None])) == pytest.approx(2e-10)
    assert noise_of(pl.Series([3.0], dtype=pl.Float32)) == pytest.approx(3e-6)
    for plain in (pl.Series(["a"]), pl.Series([7]), pl.Series([None], dtype=pl.Float64)):
        assert noise_of(plain) == 0.0


def test_a_leak_within_the_declared_tolerance_is_none() -> None:
    class Rough(FeatureModel):
        carrier: str
        at: UTC
        value: float = Feature(tolerance=10_000.0)

    mean = delay.mean().over("carrier")
    assert failed(defined(lambda f: f.select("carrier", "at", value=mean), model=Rough)) == []


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


def test_several_outcomes_are_compared_at_once_and_only_those_with_the_same_rows_agree() -> None:
    grain = Grain(("carrier",), "at", None, {"value": pl.Float64()}, {"value": None})

    def table(*rows: tuple[str, float | None]) -> pl.DataFrame:
        frame = pl.DataFrame(rows, schema={"carrier": pl.String, "value": pl.Float64}, orient="row")
        return frame.with_columns(at=pl.lit(START), __workbench_time=pl.lit(START))

    rows = table(("AA", 1.0), ("UA", None))
    twice = table(("AA", 1.0), ("AA", 1.0))
    others = {
        "in another order": (rows, rows.reverse(), 2),
        "a value": (rows, table(("AA", 1.5), ("UA", None)), None),
        "a null": (rows, table(("AA", None), ("UA", None)), None),
        "a row less": (rows, rows.head(1), None),
        "a row more": (rows.head(1), rows, None),
        "another row": (rows, table(("AA", 1.0), ("DL", None)), None),
        "twice on one side": (twice, table(("AA", 1.0), ("DL", 1.0)), None),
        "twice on both": (twice, twice, 2),
        "twice, and nearly so": (twice, twice.with_columns(pl.col("value") + 1e-15), None),
        "nearly": (rows, rows.with_columns(pl.col("value") + 1e-15), 2),
        "twice and less": (twice, rows.head(1), None),
        "nothing": (rows.clear(), rows.clear(), 0),
        "nothing on one side": (rows, rows.clear(), None),
        "of no type": (rows.tail(1), rows.tail(1).with_columns(value=None), 1),
    }
    pairs = [(one.lazy(), other) for one, other, _ in others.values()]
    found = agreeing(grain, pairs, {})
    assert {name: found.get(number) for number, name in enumerate(others)} == {
        name: same for name, (_, _, same) in others.items()
    }
    assert agreeing(grain, [], {}) == {}


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


def sampled(rows: pl.LazyFrame, stored: pl.LazyFrame | None = None, *, full: bool = False) -> Sample:
    data = source_input("flights", rows, event_time="at")
    view = defined(lambda f: f.select("carrier", "at", value=pl.lit(1.0)))
    size = rows.select(pl.len()).collect().item()
    return take_sample(trace_keys(view, [data], rows if stored is None else stored, local=True), size=size, full=full)


def keyed(counts: dict[str, int]) -> pl.LazyFrame:
    return pl.LazyFrame({"carrier": [key for key, count in counts.items() for _ in range(count)]}).with_columns(
        at=pl.lit(START)
    )


def test_a_large_view_is_sampled_with_few_rows_and_always_the_same() -> None:
    rows = keyed({f"c{number}": 200 for number in range(300)})
    sample = sampled(rows)
    (keys,) = sample.groups
    assert keys is not None
    assert sample.entities == 300
    assert 1 < keys.height <= 300 * SHARE
    assert sample.cheap
    (again,) = sampled(rows).groups
    assert again is not None
    assert keys.sort("carrier").equals(again.sort("carrier"))
    groups = sampled(rows, full=True).groups
    assert sum(keys.height for keys in groups if keys is not None) == 300
    assert len(groups) > 1


def test_entities_that_a_view_leaves_out_are_probed_as_well() -> None:
    rows = keyed({f"c{number}": 200 for number in range(300)})
    left = rows.filter(pl.col("carrier").str.tail(1) != "7")
    (keys,) = sampled(rows, left).groups
    assert keys is not None
    absent = keys.filter(pl.col("carrier").str.tail(1) == "7").height
    assert 0 < absent < keys.height / 2


def test_where_every_entity_is_large_the_smallest_is_taken() -> None:
    (keys,) = sampled(keyed({"a": 30_000, "b": 20_000, "c": 50_000})).groups
    assert keys is not None
    assert keys["carrier"].to_list() == ["b"]


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
    missing, *rest = telling([late], times, most=1)
    assert missing == frame["at"][150]
    assert len(rest) == 1
    assert rest[0] in frame["scheduled"]
    hours = source_input("weather", weather().lazy(), event_time="observed")
    (_, near) = telling([known(frame), hours], times, most=1)
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
