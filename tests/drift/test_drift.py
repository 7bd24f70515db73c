from __future__ import annotations

import json
import math
import warnings
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp, wasserstein_distance

from workbench.define import ColumnContract, Contract
from workbench.drift import DriftReport, FeatureDrift, contract_of_frame, drift
from workbench.errors import FeatureNotFound, UsageError, WorkbenchError
from workbench.measures import MEASURES
from workbench.measures.psi import psi

INF, NAN = math.inf, math.nan
START = datetime(2024, 1, 1, tzinfo=UTC)
MOMENT = pl.Datetime("us", "UTC")


def moved(reference: pl.DataFrame, current: pl.DataFrame, **options: Any) -> DriftReport:
    contract = options.pop("contract", None) or contract_of_frame(reference)
    return drift(reference.lazy(), current.lazy(), contract=contract, **options)


def one(reference: Any, current: Any, dtype: Any = None, **options: Any) -> FeatureDrift:
    sides = (pl.DataFrame({"x": pl.Series(values, dtype=dtype, strict=False)}) for values in (reference, current))
    return moved(*sides, **options)["x"]


def normal(rows: int, *, seed: int, mean: float = 0.0) -> list[float]:
    return [float(value) for value in np.random.default_rng(seed).normal(mean, 1.0, rows)]


def scipy_ks(left: Any, right: Any) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the p-value, which nobody asked for
        return float(ks_2samp(left, right, method="asymp").statistic)


def timed(values: Any, *, step: timedelta = timedelta(hours=1)) -> pl.DataFrame:
    moments = pl.Series([START + step * row for row in range(len(values))], dtype=MOMENT)
    return pl.DataFrame({"at": moments, "x": values})


# numbers


def test_the_same_distribution_has_not_drifted_and_a_shifted_one_has() -> None:
    same = one(normal(5000, seed=1), normal(4000, seed=2))
    assert (same.drifted, same.kind) == (False, "numeric")
    shifted = one(normal(5000, seed=1), normal(4000, seed=2, mean=0.5))
    assert shifted.drifted
    assert shifted.sentence.startswith("x moved: PSI 0.2")
    assert "times its usual noise" in shifted.sentence


def test_measures_are_those_of_scipy_over_the_finite_values() -> None:
    left, right = normal(700, seed=1), normal(300, seed=2, mean=0.2)
    found = one([*left, None, NAN, INF], [*right, -INF, None, None])
    assert found.ks == pytest.approx(scipy_ks(left, right), abs=1e-12)
    assert found.wasserstein == pytest.approx(wasserstein_distance(left, right), abs=1e-12)
    assert found.wasserstein_scaled == pytest.approx(wasserstein_distance(left, right) / np.std(left, ddof=1))
    assert found.reference.mean == pytest.approx(np.mean(left))
    assert found.current.std == pytest.approx(np.std(right, ddof=1))


def test_nulls_nan_and_infinities_are_shares_of_the_rows() -> None:
    found = one([1.0, 2.0, None, NAN], [None, None, INF, -INF, 1.0])
    assert (found.reference.rows, found.current.rows) == (4, 5)
    assert (found.reference.null_share, found.reference.nan_share, found.reference.infinity_share) == (0.25, 0.25, 0)
    assert (found.current.null_share, found.current.nan_share, found.current.infinity_share) == (0.4, 0, 0.4)


@pytest.mark.parametrize("odd", [None, NAN, INF])
def test_values_that_go_missing_are_drift(odd: float | None) -> None:
    found = one(normal(2000, seed=1), [*normal(1800, seed=2), *[odd] * 200])
    assert found.drifted
    assert ("nulls", "NaN", "infinite")[(None, NAN, INF).index(odd)] + " 0% to 10%" in found.sentence


def test_infinities_reach_no_number() -> None:
    found = one([INF, 1.0, 2.0], [-INF, 1.5, 1.8e308])
    assert "1.7976931348623157e+308" not in json.dumps(found.to_dict(), allow_nan=False)
    assert found.reference.mean == 1.5


def test_values_too_large_for_a_mean_leave_it_out() -> None:
    found = one([1.7e308, 1.7e308, -1.7e308] * 20, [-1.7e308] * 60)
    json.dumps(found.to_dict(), allow_nan=False)
    assert found.wasserstein is None
    assert found.drifted


@pytest.mark.parametrize(
    ("reference", "current", "drifted"),
    [
        ([5.0] * 50, [5.0] * 50, False),
        ([5.0] * 50, [5.1] * 50, True),
        ([5.0] * 50, [5.0] * 49 + [None], False),
        ([5.0], [5.0], False),
        ([None] * 50, [None] * 50, False),
        ([None] * 50, [1.0] * 50, True),
        ([1.0] * 50, [None] * 50, True),
        ([NAN] * 50, [NAN] * 50, False),
        ([NAN] * 50, [None] * 50, True),
        ([1.0, 2.0] * 50, [NAN] * 50, True),
        ([INF] * 50, [INF] * 50, False),
    ],
)
@pytest.mark.parametrize("measure", MEASURES)
def test_columns_with_little_in_them_get_an_answer(
    reference: list[Any], current: list[Any], drifted: object, measure: Any
) -> None:
    found = one(reference, current, pl.Float64, measure=measure)
    assert found.value is not None
    assert found.drifted is drifted


small = st.lists(st.one_of(st.none(), st.floats(), st.integers(-2, 2).map(float)), min_size=1, max_size=30)


@given(small, small)
def test_whatever_floats_there_are_the_report_is_json_and_as_scipy_says(left: list[Any], right: list[Any]) -> None:
    found = one(left, right, pl.Float64)
    json.dumps(found.to_dict(), allow_nan=False)
    held = [[value for value in side if value is not None and math.isfinite(value)] for side in (left, right)]
    if not all(held):
        assert found.ks is None
        return
    assert found.ks == pytest.approx(scipy_ks(*held), abs=1e-12)
    scale = max(abs(value) for side in held for value in side)
    if scale < 1e300:
        assert found.wasserstein == pytest.approx(wasserstein_distance(*held), abs=1e-3 * min(1.0, scale), rel=1e-9)


# dtypes


@pytest.mark.parametrize(
    ("values", "later", "dtype", "kind", "distance"),
    [
        ([1, 2, 3], [2, 3, 4], pl.Int16, "numeric", 1.0),
        ([1, 2, 3], [2, 3, 4], pl.UInt64, "numeric", 1.0),
        ([1.5, 2.5], [2.0, 3.0], pl.Float32, "numeric", 0.5),
        ([Decimal("1.50"), Decimal("2.50")], [Decimal("2.00"), Decimal("3.00")], pl.Decimal(9, 2), "numeric", 0.5),
        ([timedelta(seconds=1)], [timedelta(minutes=1)], pl.Duration("ms"), "temporal", 59.0),
        ([date(2024, 1, 1)], [date(2024, 1, 2)], pl.Date, "temporal", 86_400.0),
        ([START], [START + timedelta(seconds=2)], MOMENT, "temporal", 2.0),
        ([time(1)], [time(2)], pl.Time, "temporal", 3600.0),
        ([False, True], [True, True], pl.Boolean, "boolean", 0.5),
    ],
)
def test_what_has_an_order_is_measured_in_its_unit(
    values: list[Any], later: list[Any], dtype: Any, kind: str, distance: float
) -> None:
    found = one(values, later, dtype)
    assert found.kind == kind
    assert found.wasserstein == pytest.approx(distance)
    assert found.unit == ("second" if kind == "temporal" else None)


@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical, pl.Enum(["a", "b", "c"])])
def test_what_has_no_order_is_measured_by_its_shares(dtype: Any) -> None:
    found = one([*"abaab"] * 20, ["a"] * 30 + ["b"] * 60 + ["c"] * 10, dtype, measure="ks")
    assert found.kind == "categorical"
    assert (found.ks, found.wasserstein, found.histograms) == (None, None, None)
    assert found.measure == "jensen_shannon"
    assert found.drifted


@pytest.mark.parametrize("dtype", [pl.List(pl.Int64), pl.Array(pl.Int64, 2), pl.Struct({"a": pl.Int64}), pl.Binary])
def test_what_cannot_be_measured_says_so(dtype: Any) -> None:
    values = [{"a": 1}] if dtype == pl.Struct({"a": pl.Int64}) else [b"x"] if dtype == pl.Binary else [[1, 2]]
    found = one(values, values, dtype)
    assert (found.kind, found.psi, found.drifted) == ("other", None, False)
    assert "have no measure" in found.sentence
    json.dumps(found.to_dict(), allow_nan=False)


def test_columns_of_different_kinds_are_not_compared_and_have_drifted() -> None:
    report = moved(
        pl.DataFrame({"x": [1.0, 2.0], "y": normal(2, seed=1)}), pl.DataFrame({"x": ["1", "2"], "y": [0.0, 0]})
    )
    assert report["x"].drifted
    assert report["x"].sentence == "x was not compared: it was Float64 and is String."
    assert report["y"].psi is not None
    assert report.worst() is report["x"]


def test_numbers_of_different_dtypes_are_compared() -> None:
    left, right = pl.DataFrame({"x": [1, 2, 3] * 20}), pl.DataFrame({"x": [1.0, 2.0, 3.0] * 20})
    assert moved(left, right)["x"].psi == 0
    naive = pl.DataFrame({"x": [datetime(2024, 1, 1)]})  # noqa: DTZ001  # naive is what is tested
    assert moved(naive, pl.DataFrame({"x": [date(2024, 1, 1)]}))["x"].wasserstein == 0


def test_a_column_of_dtype_null_has_no_values() -> None:
    found = one([1.0, 2.0] * 50, [None] * 100)
    assert found.current.dtype == "Null"
    assert found.drifted
    words = moved(pl.DataFrame({"x": ["a"] * 50}), pl.DataFrame({"x": [None] * 50}))["x"]
    assert (words.kind, words.drifted) == ("categorical", True)
    nothing = moved(pl.DataFrame({"x": [None]}), pl.DataFrame({"x": [None]}))["x"]
    assert nothing.reason == "it has no value on either side"


# categories


def test_new_and_vanished_categories_have_their_shares() -> None:
    found = one(["a"] * 60 + ["b"] * 40, ["a"] * 80 + ["z"] * 15 + ["y"] * 5)
    assert found.new == (("z", 0.15), ("y", 0.05))
    assert found.vanished == (("b", 0.4),)
    assert found.new_share == pytest.approx(0.2)
    assert found.vanished_share == 0.4
    assert "new: z, y (20% of rows)" in found.sentence
    assert "vanished: b (40% of the reference)" in found.sentence


def test_twenty_new_categories_are_named_and_all_are_counted() -> None:
    found = one(["a"] * 100, ["a"] * 50 + [f"n{number:02}" for number in range(50)])
    assert [name for name, _ in found.new] == [f"n{number:02}" for number in range(20)]
    assert found.new_share == pytest.approx(0.5)


def test_a_truth_value_that_never_was_is_new() -> None:
    found = one([False] * 100, [False] * 70 + [True] * 30)
    assert found.new == (("true", 0.3),)
    assert [(each.label, each.reference, each.current) for each in found.bins] == [("false", 100, 70), ("true", 0, 30)]
    assert (found.reference.mean, found.current.mean) == (0.0, 0.3)
    assert "true 0% to 30%" in found.sentence


def test_a_text_of_its_own_in_every_row_has_not_drifted() -> None:
    assert not one([f"id{row}" for row in range(2000)], [f"id{row}" for row in range(2000, 4000)]).drifted


# noise, threshold, budgets


def test_a_feature_that_always_wanders_cannot_be_judged_where_a_steady_one_can() -> None:
    steady, wandering = (
        normal(8000, seed=1),
        np.array(normal(8000, seed=1)) + np.repeat([0, 1, -1, 2, 0, -2, 1, 0], 1000),
    )
    later = normal(1000, seed=2, mean=0.6)
    assert moved(timed(steady), timed(later))["x"].drifted
    found = moved(timed(wandering), timed(later))["x"]
    assert found.verdict == "cannot judge"
    assert "it moves as far within the reference" in found.sentence
    assert found.threshold == MEASURES["psi"].ceiling
    assert found.noise is not None
    assert found.noise.usual > MEASURES["psi"].ceiling


def test_the_noise_is_that_of_each_stretch_against_the_rest() -> None:
    values = np.array(normal(8000, seed=3)) + np.linspace(0, 1, 8000)
    edges = np.sort(values)[[(len(values) - 1) * step // 10 for step in range(1, 10)]]
    codes = np.searchsorted(edges, values, side="right")
    stretches = [np.bincount(part, minlength=10) for part in np.split(codes, 8)]
    by_hand = [psi(np.sum(stretches, axis=0) - part, part) for part in stretches]
    noise = moved(timed(values), timed(values))["x"].noise
    assert noise is not None
    assert noise.mean == pytest.approx(np.mean(by_hand))
    assert noise.std == pytest.approx(np.std(by_hand, ddof=1))


@pytest.mark.parametrize("measure", ["ks", "wasserstein"])
def test_the_noise_of_the_values_is_that_of_each_stretch_against_the_rest(measure: Any) -> None:
    values = np.array(normal(4000, seed=3)) + np.linspace(0, 1, 4000)
    by_hand = []
    for number in range(8):
        inside = np.repeat(np.arange(8) == number, 500)
        part, rest = values[inside], values[~inside]
        by_hand.append(
            scipy_ks(part, rest) if measure == "ks" else wasserstein_distance(part, rest) / np.std(values, ddof=1)
        )
    noise = moved(timed(values), timed(values), measure=measure)["x"].noise
    assert noise is not None
    assert noise.mean == pytest.approx(np.mean(by_hand), rel=0.03)  # from 256 bins


def test_times_noise_is_the_measure_per_usual_noise() -> None:
    found = one(normal(8000, seed=1), normal(8000, seed=2, mean=0.3))
    assert found.noise is not None
    assert found.psi is not None
    assert found.times_noise == found.psi / found.noise.mean


def test_a_budget_decides_in_place_of_the_noise() -> None:
    left, right = normal(5000, seed=1), normal(5000, seed=2, mean=0.5)
    wide = one(left, right, budgets={"x": 0.5})
    assert (wide.drifted, wide.budget, wide.threshold, wide.basis) == (False, 0.5, 0.5, "budget")
    assert wide.sentence.startswith("x is within its budget: PSI")
    assert one(left, left, budget=0.0).drifted is False
    narrow = one(left, normal(5000, seed=2, mean=0.05), budget=0.5, budgets={"x": 0.0001})
    assert narrow.drifted
    assert "(budget 0.0001)" in narrow.sentence


def test_the_measure_that_decides_is_the_one_asked_for() -> None:
    frame, later = pl.DataFrame({"x": normal(500, seed=1)}), pl.DataFrame({"x": normal(500, seed=2, mean=1.0)})
    for measure, value in (("psi", "psi"), ("ks", "ks"), ("wasserstein", "wasserstein_scaled")):
        found = moved(frame, later, measure=measure)["x"]
        assert found.value == getattr(found, value)
        assert found.drifted


def test_the_contract_s_event_time_orders_the_reference() -> None:
    frame = timed(np.repeat([0.0, 5.0], 4000) + np.array(normal(8000, seed=1)))
    contract = contract_of_frame(frame, event_time="at")
    mixed = frame.sample(fraction=1, shuffle=True, seed=1)
    report = moved(mixed, mixed, contract=contract)
    assert report.time == "at"
    assert [each.name for each in report.features] == ["x"]
    wandering, calm = report["x"].noise, moved(mixed.drop("at"), mixed, contract=contract, columns=["x"])["x"].noise
    assert wandering is not None
    assert calm is not None
    assert wandering.mean > 20 * calm.mean


def test_an_event_time_can_be_named() -> None:
    frame = timed(normal(3000, seed=1))
    assert moved(frame, frame, columns=["x"], event_time="at").time == "at"
    with pytest.raises(FeatureNotFound, match="no column 'a' in reference"):
        moved(frame, frame, event_time="a")
    with pytest.raises(UsageError, match="'x' is Float64, not a time"):
        moved(frame, frame, event_time="x")


# segments


def flights(rows: int, *, seed: int, shifted: str = "") -> pl.DataFrame:
    chance = np.random.default_rng(seed)
    carrier = chance.choice(["UA", "AA", "DL"], rows, p=[0.5, 0.3, 0.2])
    delay = chance.normal(size=rows) + (carrier == shifted)
    return timed(delay).with_columns(
        carrier=pl.Series(carrier), origin=pl.Series(chance.choice(["JFK", "LGA"], rows)), late=pl.Series(delay > 1)
    )


def contract() -> Contract:
    return contract_of_frame(flights(1, seed=1), event_time="at", entities=["carrier", "origin"])


def test_a_segment_is_what_its_rows_alone_would_be() -> None:
    left, right = flights(6000, seed=1), flights(3000, seed=2, shifted="DL")
    report = moved(left, right, contract=contract(), by=["carrier"])
    assert [(each.name, each.segment) for each in report.segments] == [
        (name, (("carrier", carrier),)) for name in ("x", "late") for carrier in ("UA", "AA", "DL")
    ]
    for each in report.segments:
        mine = pl.col("carrier") == each.segment[0][1]
        alone = moved(left.filter(mine), right.filter(mine), contract=contract())[each.name]
        assert (each.psi, each.ks, each.noise, each.drifted) == (alone.psi, alone.ks, alone.noise, alone.drifted)
    assert {each.segment[0][1] for each in report.drifted_segments} == {"DL"}
    assert any(each.sentence.startswith("x (carrier=DL) moved") for each in report.drifted_segments)


def test_all_rows_are_compared_alike_with_and_without_segments() -> None:
    left, right = flights(3000, seed=1), flights(3000, seed=2)
    with_segments = moved(left, right, contract=contract(), by=["carrier", "origin"])
    assert with_segments.features == moved(left, right, contract=contract()).features
    assert len({each.segment for each in with_segments.segments}) == 6


def test_at_most_a_hundred_segments_are_compared_the_largest() -> None:
    key = [number for number in range(150) for _ in range(1 + number % 2)]
    frame = pl.DataFrame({"key": key, "x": range(len(key))})
    report = moved(frame, frame, contract=contract_of_frame(frame, entities=["key"]), by=["key"])
    assert len(report.segments) == 100
    sizes = [each.reference.rows for each in report.segments]
    assert sizes == [2] * 75 + [1] * 25


def test_a_segment_of_one_side_only_says_so() -> None:
    left, right = (
        pl.DataFrame({"key": ["a", "b"], "x": [1.0, 2.0]}),
        pl.DataFrame({"key": ["a", None], "x": [1.0, 2.0]}),
    )
    report = moved(left, right, contract=contract_of_frame(left, entities=["key"]), by=["key"])
    said = {each.segment[0][1]: each.reason for each in report.segments}
    assert said == {"a": None, "b": "it has no rows in the current data", None: "it has no rows in the reference"}
    assert not any(each.drifted for each in report.segments)


def test_rows_without_a_key_are_a_segment_too() -> None:
    frame = pl.DataFrame({"key": ["a", None, None], "x": [1.0, 2.0, 3.0]})
    report = moved(frame, frame, contract=contract_of_frame(frame, entities=["key"]), by=["key"])
    assert [(each.segment[0][1], each.reference.rows, each.psi) for each in report.segments] == [
        (None, 2, 0),
        ("a", 1, 0),
    ]


def test_a_column_can_be_key_and_feature_at_once() -> None:
    frame = pl.DataFrame({"key": [1, 1, 2]})
    report = moved(frame, frame, by=["key"])
    assert [each.reference.rows for each in report.segments] == [2, 1]


# what is asked for


def test_units_and_names_are_those_of_the_contract() -> None:
    frame = pl.DataFrame({"k": ["a"] * 60, "x": normal(60, seed=1), "y": [1] * 60})
    mine = Contract(
        (
            ColumnContract("k", pl.String(), "entity"),
            ColumnContract("x", pl.Float64(), "feature", unit="minute"),
            ColumnContract("y", pl.Int64(), "feature"),
        )
    )
    later = frame.with_columns(pl.col("x") + 9)
    report = moved(frame, later, contract=mine)
    assert [each.name for each in report.features] == ["x", "y"]
    assert report["x"].sentence.endswith("minute.")
    assert [each.name for each in moved(frame, later, contract=mine, columns=["y", "k", "y"]).features] == ["y", "k"]


def test_unknown_names_are_refused_with_the_closest_known() -> None:
    frame = pl.DataFrame({"delay": [1.0], "flights": [1]})
    for options in ({"columns": ["dely"]}, {"budgets": {"dely": 0.1}}, {"by": ["dely"]}):
        with pytest.raises(FeatureNotFound, match="'dely'") as caught:
            moved(frame, frame, **options)
        assert caught.value.remedy == "did you mean 'delay'?"
    with pytest.raises(UsageError, match="no measure 'wassersten'") as refused:
        moved(frame, frame, measure="wassersten")
    assert refused.value.remedy == "did you mean 'wasserstein'?"


def test_a_column_that_one_side_lacks_is_named_with_the_side() -> None:
    frame = pl.DataFrame({"delay": [1.0]})
    with pytest.raises(FeatureNotFound, match="no column 'delay' in serving"):
        moved(frame, pl.DataFrame({"delays": [1.0]}), labels=("training", "serving"))


@pytest.mark.parametrize("budget", [-0.1, NAN, INF])
def test_a_budget_that_is_no_amount_is_refused(budget: float) -> None:
    frame = pl.DataFrame({"x": [1.0]})
    for options in ({"budget": budget}, {"budgets": {"x": budget}}):
        with pytest.raises(UsageError, match="drift budget"):
            moved(frame, frame, **options)


def test_a_side_without_rows_is_refused_by_its_label() -> None:
    frame = pl.DataFrame({"x": [1.0]})
    for sides in ((frame.clear(), frame), (frame, frame.clear())):
        for by in ([], ["x"]):
            with pytest.raises(WorkbenchError, match="no rows in 2013-") as caught:
                moved(*sides, labels=("2013-01", "2013-04"), by=by)
            assert "Choose a period" in caught.value.remedy


def test_columns_that_are_not_asked_for_are_not_read() -> None:
    frame = pl.DataFrame({"x": [1.0], "text": ["a"]})
    broken = frame.lazy().with_columns(pl.col("text").cast(pl.Int64))
    assert drift(broken, broken, contract=contract_of_frame(frame), columns=["x"])["x"].psi == 0


def test_frames_without_a_view_are_compared_by_their_dtypes() -> None:
    frame = timed([1.0, 2.0]).with_columns(k=pl.lit("a"))
    made = contract_of_frame(frame.lazy(), event_time="at", entities=["k"])
    assert [(column.name, column.role) for column in made.columns] == [
        ("at", "event_time"),
        ("x", "feature"),
        ("k", "entity"),
    ]
    assert made["x"].dtype == pl.Float64
    with pytest.raises(FeatureNotFound, match="'att'"):
        contract_of_frame(frame, event_time="att")


# the report


def test_the_report_names_what_drifted_the_farthest_first() -> None:
    left = pl.DataFrame({"calm": normal(3000, seed=1), "far": normal(3000, seed=2), "near": normal(3000, seed=3)})
    report = moved(left, left.with_columns(pl.col("far") + 3, pl.col("near") + 0.5), labels=("before", "after"))
    assert [each.name for each in report.drifted] == ["far", "near"]
    assert report.worst() is report["far"]
    assert report.to_dict()["drifted"] == ["far", "near"]
    assert (report.labels, report.rows) == (("before", "after"), (3000, 3000))
    with pytest.raises(KeyError):
        report["nowhere"]


def test_a_report_of_no_features_is_empty() -> None:
    frame = pl.DataFrame({"x": [1.0]})
    report = moved(frame, frame, columns=[])
    assert (report.features, report.worst(), report.drifted) == ((), None, ())
    assert report.to_frame().is_empty()


def test_the_frame_has_a_row_a_feature_and_a_row_a_segment() -> None:
    report = moved(flights(3000, seed=1), flights(2000, seed=2), contract=contract(), by=["carrier"])
    frame = report.to_frame()
    assert frame.select("feature", "segment").rows()[:4] == [
        ("x", None),
        ("late", None),
        ("x", "carrier=UA"),
        ("x", "carrier=AA"),
    ]
    first = frame.row(0, named=True)
    assert first["psi"] == report["x"].psi
    assert (first["reference_rows"], first["current_rows"]) == (3000, 2000)
    assert frame["sentence"].null_count() == 0


def test_a_report_is_small_whatever_the_rows() -> None:
    rows = 50_000
    frame = pl.DataFrame({"x": normal(rows, seed=1), "word": [f"word {row % 7919}" for row in range(rows)]})
    report = moved(frame, frame)
    assert len(json.dumps(report.to_dict(), allow_nan=False)) < 16_000
    assert all(len(each.bins) <= 50 for each in report.features)
