"""Columns in fine bins beside the same columns in order: what is exact is equal, what has a bound is within it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workbench.measures import ROUNDED, between, within
from workbench.profile import fine_bins as module
from workbench.profile.bins import NumericBins, count_finely, histograms
from workbench.profile.fine_bins import FineBins
from workbench.profile.values import Numbers, Numeric

INF, NAN = math.inf, math.nan


@pytest.fixture(autouse=True)
def _few_are_many() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "LARGE", 0)
        patched.setattr(module, "_PART", 1 << 10)
        patched.setattr(module, "_COUNTED", 1 << 11)
        patched.setattr(module, "_LARGEST_SORTED", 2.0)
        patched.setattr(module, "_HEAVY", 0.05)
        yield


def agree(reference: pl.Series, current: pl.Series, *, whole: bool = False) -> tuple[FineBins, FineBins] | None:
    """Compare both sides in fine bins with both in order, if they can be."""
    sides = count_finely(reference, current, whole=whole)
    if sides is None:
        return None
    ordered = Numeric.of(reference), Numeric.of(current)
    for one, other in zip(sides, ordered, strict=True):
        for name in ("rows", "nulls", "nans", "infinities", "lowest", "count"):
            assert getattr(one, name) == getattr(other, name), name
        rounded = 1e-9 * float(np.abs(other.ordered).max())
        for found, exact in ((one.mean(), other.mean()), (one.std(), other.std())):
            assert found == exact if exact is None else found == pytest.approx(exact, rel=1e-9, abs=rounded)
    bins = NumericBins.of(ordered[0])
    counts = bins.counts(ordered[0]), bins.counts(ordered[1])
    std = ordered[0].std()
    measured, bounds = within(counts, sides[0].cells(sides[1]), std)
    for name, value in between(counts, (ordered[0].ordered, ordered[1].ordered), std).items():
        if value is None:
            assert measured[name] is None
        else:
            off = bounds.get(name, ROUNDED * abs(value) + 1e-15)
            assert abs((measured[name] or 0.0) - value) <= off, name
    if bins.discrete:
        return None
    mine = NumericBins.of(sides[0])
    assert (mine.edges.tolist(), mine.last) == (bins.edges.tolist(), bins.last)
    assert [mine.counts(side).tolist() for side in sides] == [each.tolist() for each in counts]
    for side, rows in zip(sides, (reference, current), strict=True):
        place = mine.places_of(side)
        assert (
            np.concatenate([place(at, at + 7) for at in range(0, rows.len(), 7)]).tolist() == bins.places(rows).tolist()
        )
    assert histograms(*sides, whole=whole) == histograms(*ordered, whole=whole)
    return sides


odd = st.sampled_from([None, NAN, INF, -INF, 0.0, -0.0, 1.0, 5e-324, 1e140, -1e140])
close = st.integers(-40, 40).map(lambda step: 1.7e9 + step * 2.0**-20)
floats = st.one_of(st.floats(-1e150, 1e150), st.floats(-10, 10), odd, close, st.integers(-5, 5).map(float))
columns = st.lists(floats, min_size=1, max_size=120)


@given(columns, columns)
@example([0.0, 1.0], [-0.0])
@example([0.0], [1.0, -0.0])
@example([*[0.0] * 8, 2078211624945.0, 1.0], [*[0.0] * 7, 2078211067912.0, 1.0, 1.0])
def test_any_values_are_counted_as_in_order_and_measured_within_the_bounds(left: list[Any], right: list[Any]) -> None:
    agree(pl.Series(left, dtype=pl.Float64), pl.Series(right, dtype=pl.Float64))


KINDS: dict[str, Callable[[np.random.Generator, int], Numbers]] = {
    "normal": lambda chance, rows: chance.normal(size=rows),
    "heavy tails": lambda chance, rows: np.exp(chance.normal(scale=4, size=rows)),
    "heavier tails": lambda chance, rows: chance.standard_cauchy(rows),
    "discrete": lambda chance, rows: chance.poisson(40, rows).astype(float),
    "mostly zero": lambda chance, rows: np.where(chance.random(rows) < 0.3, 0.0, chance.pareto(1.1, rows)),
    "moments": lambda chance, rows: 1.7e9 + chance.random(rows) * 1e6,
    "far and small": lambda chance, rows: 1e15 + np.round(chance.normal(0, 30, rows)),
    "tiny": lambda chance, rows: chance.normal(size=rows) * 1e-40,
    "two peaks": lambda chance, rows: chance.normal(size=rows) + np.where(chance.random(rows) < 0.2, 1e6, 0.0),
}


@pytest.mark.parametrize("shift", [0.0, 0.01, 1.0])
@pytest.mark.parametrize("kind", KINDS)
def test_columns_of_any_distribution_are_measured_within_the_bounds(kind: str, shift: float) -> None:
    chance = np.random.default_rng(7)
    one, two = KINDS[kind](chance, 9_000), KINDS[kind](chance, 5_000) + shift
    some = chance.random(9_000)
    reference = pl.Series(np.where(some < 0.01, NAN, one)).zip_with(
        pl.Series(some < 0.95), pl.Series([None], dtype=pl.Float64)
    )
    assert agree(reference, pl.Series(two)) is not None


def test_a_bound_is_small_for_heavy_tails_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_HEAVY", 1 / 500)
    chance = np.random.default_rng(3)
    sides = agree(pl.Series(chance.standard_cauchy(50_000)), pl.Series(chance.standard_cauchy(50_000) + 0.2))
    assert sides is not None
    std = sides[0].std()
    found, bounds = within((np.array([1]), np.array([1])), sides[0].cells(sides[1]), std)
    assert found["ks"] == pytest.approx(0.06, abs=0.02)
    assert 0 < bounds["ks"] < 5e-4
    assert 0 < bounds["wasserstein_scaled"] < 1e-3


def test_columns_that_are_small_constant_mostly_tied_or_too_far_for_sums_are_put_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_LARGEST_SORTED", 0.5)
    chance = np.random.default_rng(1)
    numbers = pl.Series(chance.normal(size=1000))
    assert count_finely(numbers, numbers, whole=False) is not None
    for other in (
        pl.Series(np.zeros(1000)),
        pl.Series(chance.integers(0, 15, 1000).astype(float)),
        numbers * 1e160,
        pl.Series([None] * 1000, dtype=pl.Float64),
    ):
        assert count_finely(other, other, whole=False) is None
        assert count_finely(numbers, other, whole=False) is None
    assert count_finely(numbers.append(pl.Series([1e155])), numbers, whole=False) is None
    monkeypatch.setattr(module, "LARGE", 1001)
    assert count_finely(numbers, numbers, whole=False) is None
