from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from workbench.define import ColumnContract, Contract
from workbench.drift import contract_of_frame
from workbench.profile import FeatureProfile, Profile, norms, profile
from workbench.profile import feature as feature_module
from workbench.records import to_json, to_plain

if TYPE_CHECKING:
    from pathlib import Path

MOMENT = pl.Datetime("us", "UTC")
START = datetime(2024, 1, 1, tzinfo=UTC)


def view(entities: tuple[str, ...] = ("k",), **features: Any) -> tuple[pl.DataFrame, Contract]:
    """A view with the given features, and its contract."""
    values = pl.DataFrame(features)
    count = values.height
    keys = pl.DataFrame({name: [f"{name}{row % 3}" for row in range(count)] for name in entities})
    times = pl.Series("t", [START + timedelta(hours=row) for row in range(count)], MOMENT).to_frame()
    frame = pl.concat([frame for frame in (keys, times, values) if frame.width], how="horizontal")
    roles: dict[str, Any] = dict.fromkeys(entities, "entity") | {"t": "event_time"}
    columns = (
        ColumnContract(name, dtype, roles.get(name, "feature"), unit="count" if dtype.is_numeric() else None)
        for name, dtype in frame.schema.items()
    )
    return frame, Contract(tuple(columns))


def one(**features: Any) -> FeatureProfile:
    frame, contract = view(**features)
    return profile(frame, contract).features[0]


def test_rows_period_and_entities_are_those_of_the_view() -> None:
    frame, contract = view(x=[1.0] * 7)
    made = profile(frame, contract)
    assert made.rows == 7
    assert made.period == (START, START + timedelta(hours=6))
    assert made.entities == 3
    assert made["x"].unit == "count"


def test_composite_keys_are_counted_together() -> None:
    frame, contract = view(entities=("a", "b"), x=[1.0] * 4)
    frame = frame.with_columns(a=pl.Series(["x", "x", "xy", "x"]), b=pl.Series(["yz", "yz", "z", "w"]))
    assert profile(frame, contract).entities == 3


def test_a_view_without_entities_has_no_entity_count() -> None:
    frame, contract = view(entities=(), x=[1.0, 2.0])
    assert profile(frame, contract).entities is None


def test_numbers_agree_with_numpy() -> None:
    values = np.random.default_rng(7).lognormal(size=10_001)
    made = one(x=values)
    assert made.mean == pytest.approx(values.mean())
    assert made.std == pytest.approx(values.std(ddof=1))
    assert (made.min, made.max) == (values.min(), values.max())
    assert made.distinct == len(set(values))
    for name, share in (("p01", 0.01), ("p05", 0.05), ("p25", 0.25), ("p50", 0.5), ("p75", 0.75), ("p99", 0.99)):
        assert made.quantiles[name] == pytest.approx(np.quantile(values, share))
    assert made.sampled is None


def test_null_nan_and_infinity_are_counted_and_left_out_of_the_rest() -> None:
    made = one(x=[1.0, None, math.nan, math.inf, -math.inf, 3.0])
    assert (made.rows, made.nulls, made.nans, made.infinities) == (6, 1, 1, 2)
    assert (made.mean, made.min, made.max, made.distinct) == (2.0, 1.0, 3.0, 2)
    assert made.histogram is not None
    assert sum(made.histogram.counts) == 2


@pytest.mark.parametrize("values", [[None, None], [math.nan, math.nan], []])
def test_a_feature_without_any_number_has_no_measures(values: list[float | None]) -> None:
    made = one(x=pl.Series(values, dtype=pl.Float64))
    assert (made.mean, made.min, made.histogram, made.quantiles, made.distinct) == (None, None, None, {}, 0)


def test_what_is_amiss_among_many_numbers_leaves_their_measures_as_they_are() -> None:
    values = np.random.default_rng(7).normal(1e6, 3, 100_000)
    values[[0, 50_000]], values[70_000], values[-1] = math.nan, math.inf, -math.inf
    made, finite = one(x=values), values[np.isfinite(values)]
    assert (made.nans, made.infinities, made.min, made.max) == (2, 2, finite.min(), finite.max())
    assert made.mean == pytest.approx(finite.mean(), rel=1e-14)
    assert made.std == pytest.approx(finite.std(ddof=1))


def test_one_value_has_no_standard_deviation() -> None:
    made = one(x=[4.0])
    assert (made.mean, made.std, made.quantiles["p99"]) == (4.0, None, 4.0)


def test_text_has_its_commonest_values_in_a_fixed_order() -> None:
    made = one(x=["b", "a", "c", "c", None])
    assert made.kind == "category"
    assert made.categories == (("c", 2), ("a", 1), ("b", 1))
    assert (made.distinct, made.nulls, made.histogram) == (3, 1, None)


def test_at_most_twenty_categories_are_kept_and_long_ones_are_cut() -> None:
    made = one(x=["x" * 5000, *(f"v{row}" for row in range(100))])
    assert len(made.categories) == 20
    assert made.distinct == 101
    assert all(len(value) <= 120 for value, _ in made.categories)


@pytest.mark.parametrize("dtype", [pl.Categorical(), pl.Enum(["a", "b"])])
def test_categoricals_and_enums_are_categories(dtype: pl.DataType) -> None:
    assert one(x=pl.Series(["a", "b", "a"], dtype=dtype)).categories == (("a", 2), ("b", 1))


def test_booleans_count_true_and_false() -> None:
    made = one(x=[True, False, True, None])
    assert made.kind == "boolean"
    assert made.categories == (("true", 2), ("false", 1))


@pytest.mark.parametrize(
    ("values", "kind", "lowest", "highest"),
    [
        (pl.Series([START, START + timedelta(days=1)], dtype=MOMENT), "time", 1704067200.0, 1704153600.0),
        (pl.Series([date(1970, 1, 1), date(1970, 1, 3)]), "time", 0.0, 172800.0),
        (pl.Series([timedelta(seconds=-1), timedelta(hours=1)], dtype=pl.Duration("ms")), "duration", -1.0, 3600.0),
        (pl.Series([time(1), time(2)]), "duration", 3600.0, 7200.0),
        (pl.Series([Decimal("0.5"), Decimal("2.5")], dtype=pl.Decimal(10, 2)), "number", 0.5, 2.5),
        (pl.Series([0, 2**64 - 1], dtype=pl.UInt64), "number", 0.0, float(2**64)),
        (pl.Series([1, 3], dtype=pl.Int8), "number", 1.0, 3.0),
    ],
)
def test_times_durations_decimals_and_integers_are_measured_as_numbers(
    values: pl.Series, kind: str, lowest: float, highest: float
) -> None:
    made = one(x=values)
    assert (made.kind, made.min, made.max) == (kind, lowest, highest)
    assert made.histogram is not None


LISTS = [[3.0, 4.0], [1.0, None], [], None, [math.nan, 1.0], [6.0, 8.0]]


@pytest.mark.parametrize("at_once", [1, 3, 4_000_000])
def test_lists_of_numbers_have_a_length_a_norm_and_values_with_what_is_amiss_inside(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_module, "_AT_ONCE", at_once)
    made = one(x=LISTS)
    assert (made.kind, made.rows, made.nulls, made.histogram, made.categories) == ("other", 6, 1, None, ())
    length, norm, values = made.parts
    assert (length.name, length.rows, length.min, length.max) == ("length", 5, 0.0, 2.0)
    assert (norm.name, norm.rows, norm.nans, norm.min, norm.max) == ("norm", 4, 2, 5.0, 10.0)
    assert (values.name, values.rows, values.nulls, values.nans, values.max) == ("values", 8, 1, 1, 8.0)
    assert made.size == "0 to 2 values each"
    assert [line.name for line in made.lines] == ["x", "x: length", "x: norm", "x: values"]
    assert norms(pl.Series(LISTS)).to_list()[:4] == [5.0, pytest.approx(math.nan, nan_ok=True), None, None]
    assert Profile.from_dict(json.loads(json.dumps(Profile(6, None, None, (made,)).to_dict()))).features == (made,)


def test_arrays_texts_structs_and_lists_of_lists_are_taken_apart_too() -> None:
    array = one(x=pl.Series([[3, 4]] * 3, dtype=pl.Array(pl.Int64, 2)))
    assert array.size == "2 values each"
    assert [line.name for line in array.lines] == ["x", "x: norm", "x: values"], "a fixed length has no line"
    texts = one(x=[["a", "b"], ["a"], []])
    assert texts.parts[1].categories == (("a", 2), ("b", 1))
    place = one(x=[{"lat": 1.0, "lon": None}, {"lat": 2.0, "lon": 3.0}, None])
    assert place.size == "2 fields"
    assert [(part.name, part.rows, part.nulls) for part in place.parts] == [("lat", 2, 0), ("lon", 2, 1)]
    deep = one(x=[[[3.0, 4.0]], [[1.0]]])
    assert [line.name for line in deep.lines] == [
        "x",
        "x: values",
        *(f"x: values: {n}" for n in ("length", "norm", "values")),
    ]
    assert one(x=pl.Series([None, None], dtype=pl.List(pl.Float64))).parts == ()


def test_of_many_values_in_lists_a_sample_is_measured_and_what_is_amiss_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feature_module, "EXACT", 1_000)
    monkeypatch.setattr(feature_module, "SAMPLE", 500)
    made = one(x=[[1.0, None, math.nan, math.inf]] * 1_000)
    values = made.parts[-1]
    assert (values.rows, values.nulls, values.nans, values.infinities, values.sampled) == (
        4_000,
        1_000,
        1_000,
        1_000,
        500,
    )


def test_a_stored_view_a_lazy_frame_and_a_frame_have_the_same_profile(tmp_path: Path) -> None:
    frame, contract = view(x=[1.0, None, 3.0], s=["a", "b", "b"])
    frame.write_parquet(tmp_path / "view.parquet")
    made = profile(frame, contract)
    assert profile(tmp_path / "view.parquet", contract) == profile(frame.lazy(), contract) == made


def test_a_profile_survives_json() -> None:
    frame, contract = view(
        x=[1.0, None, math.inf], s=["a", "b", "b"], d=[timedelta(1)] * 3, b=[True, None, False], n=[None] * 3
    )
    made = profile(frame, contract)
    assert Profile.from_dict(json.loads(json.dumps(made.to_dict(), allow_nan=False))) == made


def test_an_empty_view_has_a_profile_that_survives_json() -> None:
    frame, contract = view(x=pl.Series([], dtype=pl.Float64), s=pl.Series([], dtype=pl.String))
    made = profile(frame, contract)
    assert (made.rows, made.period, made.entities) == (0, None, 0)
    assert Profile.from_dict(json.loads(json.dumps(made.to_dict(), allow_nan=False))) == made


def test_huge_values_give_no_number_that_json_cannot_hold() -> None:
    made = one(x=[1.7e308, 1.7e308, -1.7e308])
    json.dumps(to_plain(made), allow_nan=False)


def test_above_the_limit_a_sample_is_used_and_said_and_is_the_same_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_module, "EXACT", 20_000)
    monkeypatch.setattr(feature_module, "SAMPLE", 20_000)
    values = np.arange(100_000, dtype=np.float64)
    made = one(x=values)
    assert made == one(x=values)
    assert made.sampled == 20_000
    assert (made.min, made.max, made.mean) == (0.0, 99_999.0, 49_999.5)
    assert made.distinct == pytest.approx(100_000, rel=0.05)
    assert made.quantiles["p50"] == pytest.approx(50_000, abs=2_000)
    text = one(x=[f"v{row % 7}" for row in range(100_000)])
    assert text.sampled == 20_000
    assert text.distinct == 7


@pytest.mark.parametrize("dtype", [pl.String, pl.Int64])
def test_above_the_limit_a_views_only_entity_is_counted_exactly(monkeypatch: pytest.MonkeyPatch, dtype: Any) -> None:
    monkeypatch.setattr(feature_module, "EXACT", 2_000)
    monkeypatch.setattr(feature_module, "SAMPLE", 2_000)
    keys = pl.Series("k", [None, *range(9_973)]).cast(dtype)
    times = pl.Series("t", [START] * keys.len(), MOMENT)
    frame = pl.DataFrame([keys, times])
    made = profile(frame, contract_of_frame(frame, event_time="t", entities=["k"]))
    assert (made.entities, made["k"].distinct, made["k"].sampled) == (9_974, 9_973, 2_000)


@pytest.mark.parametrize("dtype", [pl.Int64, pl.UInt64, pl.Int128, pl.Datetime("ns", "UTC"), pl.Decimal(30, 2)])
def test_above_the_limit_values_that_floats_would_merge_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, dtype: Any
) -> None:
    monkeypatch.setattr(feature_module, "EXACT", 2_000)
    monkeypatch.setattr(feature_module, "SAMPLE", 2_000)
    values = pl.select((2**60 + pl.int_range(50_000)).cast(dtype)).to_series()
    assert values.to_physical().cast(pl.Float64).n_unique() < 1_000
    made = feature_module.feature_profile(values, unit=None)
    assert made.distinct == pytest.approx(50_000, rel=0.05)
    assert made.sampled == 2_000


@pytest.mark.parametrize("rows", [1_000, 1_001, 1_999, 1_000_003])
def test_a_sample_has_one_row_of_each_stretch(rows: int) -> None:
    places = feature_module.sample_places(rows, 1_000)
    assert len(np.unique(places)) == 1_000
    assert (np.abs(places - (np.arange(1_000) + 0.5) * rows / 1_000) <= rows / 1_000 / 2 + 1).all()
    assert rows < 2_000 or len(np.unique(places % 1_000)) > 500  # within its stretch it is drawn


def test_the_size_does_not_grow_with_the_rows() -> None:
    few, many = (one(x=np.random.default_rng(1).normal(size=rows)) for rows in (1_000, 300_000))
    sizes = [len(to_json(made)) for made in (few, many)]
    assert max(sizes) < 3_000


def test_an_unknown_feature_is_a_key_error() -> None:
    frame, contract = view(x=[1.0])
    with pytest.raises(KeyError, match="y"):
        profile(frame, contract)["y"]


def test_keys_are_profiled_too_so_that_coverage_is_seen() -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    frame = pl.DataFrame(
        {
            "user": ["a", "a", "b"],
            "at": [start, start + timedelta(days=1), start],
            "x": [1.0, 2.0, 3.0],
        },
        schema_overrides={"at": pl.Datetime("us", "UTC")},
    )
    found = profile(frame, contract_of_frame(frame, event_time="at", entities=["user"]))
    assert [key.name for key in found.keys] == ["user", "at"]
    assert found["user"].categories == (("a", 2), ("b", 1))
    assert found["at"].max == (start + timedelta(days=1)).timestamp()
    assert Profile.from_dict(found.to_dict()) == found


def test_columns_that_memory_does_not_hold_are_profiled_batch_by_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(1)
    count = 30_000
    numbers = pl.Series(chance.normal(1e6, 3, count))
    odd = numbers.scatter(range(0, 900, 3), None).scatter([1, 4], math.nan).scatter([2, 5, 8], math.inf)
    features: dict[str, Any] = {
        "odd": odd,
        "whole": pl.Series(chance.integers(-50, 50, count)),
        "when": pl.Series([START + timedelta(minutes=row) for row in range(count)], dtype=MOMENT),
        "word": pl.Series(chance.choice(["a", "b", "c"], count)),
        "truth": pl.Series(chance.random(count) < 0.3),
        "empty": pl.Series([None] * count, dtype=pl.Float64),
        "many": pl.Series([[1.0]] * count),
    }
    frame, contract = view(**features)
    monkeypatch.setattr(feature_module, "SAMPLE", 20_000)
    whole = profile(frame, contract)
    module = import_module("workbench.profile.profile")  # the room has a function of this name
    monkeypatch.setattr(module, "EXACT", 10_000)
    monkeypatch.setattr(module, "free_memory", lambda: 1)
    monkeypatch.setattr(module, "BATCH", 7_000)
    parts = profile(frame, contract)
    assert parts.entities == whole.entities == frame["k"].n_unique()
    for one, other in zip((*whole.features, *whole.keys), (*parts.features, *parts.keys), strict=True):
        assert (one.name, one.kind, one.rows, one.nulls) == (other.name, other.kind, other.rows, other.nulls)
        assert (one.nans, one.infinities, one.min, one.max) == (other.nans, other.infinities, other.min, other.max)
        assert other.mean == (None if one.mean is None else pytest.approx(one.mean, rel=1e-12))
        assert other.std == (None if one.std is None else pytest.approx(one.std, rel=1e-9))
        assert {word for word, _ in one.categories} == {word for word, _ in other.categories}
        assert other.distinct == (None if one.distinct is None else pytest.approx(one.distinct, rel=0.05))
        for name, value in one.quantiles.items():
            assert other.quantiles[name] == pytest.approx(value, abs=0.05 * ((one.std or 0.0) + 1e-9))
    assert parts["odd"].sampled is not None
    assert parts["odd"].sampled < count
    assert parts == profile(frame, contract)
