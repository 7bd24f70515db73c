"""The measures against scipy's, on the same values."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import betabinom, ks_2samp, wasserstein_distance

from workbench.drift.shares import are_out_by_chance
from workbench.measures import Cells
from workbench.measures import ks as ks_module
from workbench.measures import wasserstein as w1
from workbench.measures.jensen_shannon import jensen_shannon
from workbench.measures.ks import ks as kolmogorov_smirnov
from workbench.measures.psi import psi
from workbench.measures.wasserstein import wasserstein
from workbench.profile.values import Counts, Numbers

finite = st.floats(-1e12, 1e12, allow_nan=False, allow_infinity=False)
values = st.one_of(
    st.lists(finite, min_size=1, max_size=40),
    st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=40),
)
counts = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=12)


def ordered(numbers: list[float]) -> Numbers:
    return np.sort(np.array(numbers, dtype=np.float64))


def exact_ks(one: Numbers, two: Numbers) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the p-value, which nobody asked for
        return float(ks_2samp(one, two, method="asymp").statistic)


@given(values, values)
def test_values_are_as_far_apart_as_scipy_says(left: list[float], right: list[float]) -> None:
    one, two = ordered(left), ordered(right)
    scale = max(1.0, float(np.abs(np.concatenate([one, two])).max()))
    assert kolmogorov_smirnov(one, two) == pytest.approx(exact_ks(one, two), abs=1e-12)
    assert wasserstein(one, two) == pytest.approx(wasserstein_distance(one, two), abs=1e-12 * scale)


@given(counts)
def test_shares_are_as_far_apart_as_scipy_says(pairs: list[tuple[int, int]]) -> None:
    one, two = (np.array(side, dtype=np.int64) for side in zip(*pairs, strict=True))
    if not one.sum() or not two.sum():
        return
    assert jensen_shannon(one, two) == pytest.approx(jensenshannon(one, two, base=2), abs=1e-7)


KINDS: dict[str, Callable[[np.random.Generator, int], Numbers]] = {
    "normal": lambda chance, rows: chance.normal(size=rows),
    "heavy tails": lambda chance, rows: np.exp(chance.normal(scale=4, size=rows)),
    "heavier tails": lambda chance, rows: chance.standard_cauchy(rows),
    "discrete": lambda chance, rows: chance.poisson(3, rows).astype(float),
    "mostly zero": lambda chance, rows: np.where(chance.random(rows) < 0.7, 0.0, chance.pareto(1.1, rows)),
    "constant": lambda chance, rows: np.full(rows, 7.25),
    "moments": lambda chance, rows: 1.7e9 + chance.random(rows) * 1e6,
}


@pytest.mark.parametrize("shift", [0.0, 0.01, 1.0])
@pytest.mark.parametrize(("rows", "others"), [(150_000, 150_000), (150_000, 70_001), (1_000, 140_000)])
@pytest.mark.parametrize("kind", KINDS)
def test_many_values_are_as_far_apart_as_scipy_says(kind: str, rows: int, others: int, shift: float) -> None:
    chance = np.random.default_rng(rows)
    one, two = np.sort(KINDS[kind](chance, rows)), np.sort(KINDS[kind](chance, others) + shift)
    assert kolmogorov_smirnov(one, two) == pytest.approx(exact_ks(one, two), abs=1e-12)
    assert wasserstein(one, two) == pytest.approx(wasserstein_distance(one, two), rel=1e-9, abs=1e-12)


def test_the_largest_distance_is_found_between_the_quantiles_that_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("workbench.measures.ks._GRID", 4)
    chance = np.random.default_rng(3)
    for shift in (0.0, 0.2):
        one, two = np.sort(chance.normal(size=999)), np.sort(chance.normal(shift, size=777))
        assert kolmogorov_smirnov(one, two) == pytest.approx(exact_ks(one, two), abs=1e-12)


def test_the_distance_does_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.measures.wasserstein._BLOCK", 7)
    chance = np.random.default_rng(3)
    for rows, others in ((100, 100), (100, 33), (41, 100), (1, 100)):
        one, two = np.sort(chance.normal(size=rows)), np.sort(chance.normal(size=others))
        assert wasserstein(one, two) == pytest.approx(wasserstein_distance(one, two), rel=1e-12)


@given(values, values, st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_distances_of_cells_are_off_by_their_bound_at_most(
    left: list[float], right: list[float], width: int, seed: int
) -> None:
    one, two = ordered(left), ordered(right)
    every = np.unique(np.concatenate([one, two]))
    chance = np.random.default_rng(seed)
    firsts = np.flatnonzero(np.append(True, chance.integers(0, width, len(every) - 1) == 0))
    low, high = every[firsts], every[np.append(firsts[1:], len(every)) - 1]
    sides = [np.diff(np.searchsorted(side, high, side="right"), prepend=0) for side in (one, two)]
    cells = Cells(low, high, *sides)
    scale = max(1.0, float(np.abs(every).max()))
    for module, exact, rounded in ((ks_module, exact_ks(one, two), 1e-12), (w1, wasserstein(one, two), 1e-12 * scale)):
        found, bound = module.of_cells(cells)
        assert abs(found - exact) <= bound + rounded
        assert bound == 0 or (low < high).any()


def test_the_distance_of_values_too_large_for_floats_is_infinite() -> None:
    assert wasserstein(ordered([-1.7e308]), ordered([1.7e308])) == math.inf
    assert wasserstein(ordered([-1.7e308, 0.0]), ordered([1.7e308])) == math.inf


def of(*numbers: int) -> Counts:
    return np.array(numbers, dtype=np.int64)


def test_the_stability_index_is_the_plain_formula_where_no_bin_is_empty() -> None:
    p, q = np.array([0.2, 0.3, 0.5]), np.array([0.3, 0.3, 0.4])
    assert psi(of(20, 30, 50), of(3, 3, 4)) == pytest.approx(float(np.sum((q - p) * np.log(q / p))), rel=1e-12)


def test_an_empty_bin_counts_as_a_ten_thousandth() -> None:
    expected = (0.5 - 1e-4) * math.log(0.5 / 1e-4) + (0.5 - 1) * math.log(0.5)
    assert psi(of(0, 100), of(50, 50)) == pytest.approx(expected)
    assert psi(of(50, 50), of(0, 100)) == pytest.approx(expected)
    assert psi(of(0, 100), of(0, 7)) == 0


def test_a_few_rows_among_millions_are_no_drift() -> None:
    assert psi(of(0, 5_000_000), of(3, 5_000_000)) < 1e-6


def test_equal_shares_are_no_distance_apart_and_different_ones_a_whole() -> None:
    assert jensen_shannon(of(1, 2), of(10, 20)) == 0
    assert jensen_shannon(of(0, 2), of(10, 0)) == 1


@given(known=st.integers(2, 49), rows=st.integers(1, 300), out=st.integers(0, 300))
def test_values_out_of_the_range_of_a_few_are_as_likely_as_scipy_says(known: int, rows: int, out: int) -> None:
    out = min(out, rows)
    likely = betabinom.sf(out - 1, rows, 2, known - 1)
    assert are_out_by_chance(out, rows, known) == (likely > 1e-4)
