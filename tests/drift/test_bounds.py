"""Drift of columns in fine bins beside drift of the same columns in order: the verdict is the same, always."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.drift import DriftReport, FeatureDrift, contract_of_frame, drift
from workbench.measures import MEASURES, RESULTS, ROUNDED
from workbench.records import from_json, to_json

LARGE = "workbench.profile.fine_bins.LARGE"
START = datetime(2024, 1, 1, tzinfo=UTC)

KINDS: dict[str, Callable[[np.random.Generator, int], Any]] = {
    "normal": lambda chance, rows: chance.normal(size=rows),
    "heavy tails": lambda chance, rows: chance.standard_cauchy(rows),
    "ties": lambda chance, rows: np.where(chance.random(rows) < 0.4, 1.0, chance.normal(size=rows)),
    "discrete": lambda chance, rows: chance.poisson(200, rows).astype(float),
    "few values": lambda chance, rows: chance.integers(0, 4, rows).astype(float),
    "constant": lambda _, rows: np.full(rows, 2.5),
    "whole": lambda chance, rows: 2**53 + chance.integers(0, 3000, rows),
    "amiss": lambda chance, rows: np.where(chance.random(rows) < 0.02, math.inf, chance.normal(size=rows)),
    "trend": lambda chance, rows: chance.normal(size=rows) + np.arange(rows) / 2000,
    "missing": lambda chance, rows: np.where(chance.random(rows) < 0.02, math.nan, chance.normal(size=rows)),
}


def table(kind: str, rows: int, seed: int, *, shift: float, nulls: float, later: int = 0) -> pl.DataFrame:
    chance = np.random.default_rng(seed)
    values = KINDS[kind](chance, rows)
    column = pl.Series(values) + (int(shift * 1000) if values.dtype.kind == "i" else shift)
    return pl.DataFrame(
        {
            "at": pl.Series([START + timedelta(minutes=later + row) for row in range(rows)]),
            "x": column.zip_with(pl.Series(chance.random(rows) >= nulls), pl.Series([None], dtype=column.dtype)),
        }
    )


def measured(reference: pl.DataFrame, current: pl.DataFrame, *, large: int, **options: Any) -> FeatureDrift:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(LARGE, large)
        contract = contract_of_frame(reference, event_time="at")
        return drift(reference.lazy(), current.lazy(), contract=contract, **options)["x"]


def check(counted: FeatureDrift, exact: FeatureDrift) -> None:
    """Compare what was found in fine bins with what was found in order."""
    assert (counted.verdict, counted.judged, counted.basis) == (exact.verdict, exact.judged, exact.basis)
    assert not exact.bounds
    for name in RESULTS:
        one, other = counted.measures[name], exact.measures[name]
        if one is None or other is None:
            assert one is other
            continue
        assert abs(one - other) <= counted.bounds.get(name, ROUNDED * abs(other) + 1e-15), name
    for each in fields(FeatureDrift):
        one, other = getattr(counted, each.name), getattr(exact, each.name)
        if each.name in ("reference", "current"):
            assert one.mean == pytest.approx(other.mean, rel=1e-9, abs=1e-9)
            assert one.std == pytest.approx(other.std, rel=1e-9)
        elif each.name == "noise" and one is not None:
            assert (one.mean, one.std, one.chunks) == pytest.approx((other.mean, other.std, other.chunks), rel=1e-6)
        elif each.name == "threshold":
            assert one == pytest.approx(other, rel=1e-6)
        elif each.name not in ("measures", "bounds"):
            assert one == other, each.name


@settings(deadline=None)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    rows=st.tuples(st.sampled_from([40, 700, 3000, 12_000]), st.sampled_from([5, 300, 3000, 6000])),
    shift=st.sampled_from([0.0, 0.0, 0.01, 0.05, 0.12, 0.13, 0.15, 1.0, 6.0, 50.0]),
    nulls=st.sampled_from([0.0, 0.0, 0.005, 0.3]),
    measure=st.sampled_from(sorted(MEASURES)),
    budget=st.sampled_from([None, None, 0.0, 0.02, 0.05, 0.1]),
    later=st.sampled_from([0, 12_000]),
    seed=st.integers(0, 5),
)
def test_the_verdict_is_that_of_values_in_order(
    kind: str,
    rows: tuple[int, int],
    shift: float,
    nulls: float,
    measure: str,
    budget: float | None,
    later: int,
    seed: int,
) -> None:
    reference = table(kind, rows[0], seed, shift=0.0, nulls=0.01)
    current = table(kind, rows[1], seed + 100, shift=shift, nulls=nulls, later=later)
    asked = {"measure": measure, "budget": budget}
    check(measured(reference, current, large=0, **asked), measured(reference, current, large=10**9, **asked))


def many(**options: Any) -> tuple[FeatureDrift, FeatureDrift]:
    """Return a feature of many rows that has not drifted, in fine bins and in order."""
    reference = table("normal", 30_000, 1, shift=0.0, nulls=0.01)
    current = table("normal", 30_000, 2, shift=0.03, nulls=0.01, later=30_000)
    found = measured(reference, current, large=1000, **options), measured(reference, current, large=10**9, **options)
    check(*found)
    return found


@pytest.mark.parametrize("measure", MEASURES)
def test_of_very_many_rows_distances_have_a_bound_and_all_else_is_exact(measure: str) -> None:
    found, exact = many(measure=measure)
    assert set(found.bounds) == {"ks", "wasserstein", "wasserstein_scaled"}
    assert 0 < found.bounds["ks"] < 1e-3
    assert found.verdict == "no drift"
    assert found.psi == exact.psi
    assert found.bound == found.bounds.get(MEASURES[measure].decisive, 0.0)


def test_a_value_that_a_bound_leaves_on_either_side_of_its_budget_is_taken_in_order() -> None:
    found, exact = many(measure="ks")
    assert exact.ks is not None
    assert found.bounds
    for near in (exact.ks, exact.ks + found.bound / 2, np.nextafter(exact.ks, 0.0)):
        judged, ordered = many(measure="ks", budget=float(near))
        assert not judged.bounds
        assert judged.drifted == ordered.drifted == (exact.ks > near)
    beyond, _ = many(measure="ks", budget=exact.ks / 2)
    assert beyond.drifted
    assert beyond.bounds


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    ("kind", "shift", "nulls"), [("normal", 0.8, 0.01), ("trend", 6.0, 0.01), ("normal", 0.0, 0.3)]
)
def test_a_feature_that_moved_is_taken_in_order(kind: str, shift: float, nulls: float, measure: str) -> None:
    reference = table(kind, 12_000, 1, shift=0.0, nulls=0.01)
    current = table(kind, 4_000, 2, shift=shift, nulls=nulls, later=12_000)
    found, exact = (measured(reference, current, large=large, measure=measure) for large in (0, 10**9))
    check(found, exact)
    assert not found.bounds


def test_a_measure_that_would_be_far_off_is_taken_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    assert many()[0].bounds
    monkeypatch.setattr("workbench.drift.verdict._PRECISE", 1e-6)
    assert not many()[0].bounds


def test_a_report_says_what_is_approximate() -> None:
    found, exact = many(measure="ks")
    assert "±" in found.sentence
    assert "±" not in exact.sentence
    plain = found.to_dict()
    assert plain["bounds"] == found.bounds
    assert plain["bound"] == found.bound
    assert exact.to_dict()["bounds"] == {}
    report = DriftReport((found, exact), ("a", "b"), (30_000, 30_000), "ks")
    assert from_json(to_json(report), DriftReport) == report
    frame = report.to_frame()
    assert frame["ks_bound"].to_list() == [found.bounds["ks"], 0.0]
    assert frame["wasserstein_bound"].to_list() == [found.bounds["wasserstein"], 0.0]


def test_segments_have_bounds_too() -> None:
    reference, current = (
        table("normal", 6000, seed, shift=0.0, nulls=0.0).with_columns(key=pl.lit("a")) for seed in (1, 2)
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(LARGE, 100)
        contract = contract_of_frame(reference, event_time="at", entities=("key",))
        report = drift(reference.lazy(), current.lazy(), contract=contract, by=["key"])
    assert report.segments[0].bounds == report["x"].bounds != {}
