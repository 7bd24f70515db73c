from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.profile import Histogram
from workbench.profile.histogram import MAX_BINS
from workbench.records import from_json, to_json


def histogram(values: list[float], *, whole: bool = False) -> Histogram:
    return Histogram.of(pl.Series(values, dtype=pl.Float64).sort(), whole=whole)


FLOATS = st.floats(allow_nan=False, allow_infinity=False)
WHOLE = st.one_of(st.integers(-100, 100), st.integers(-(2**63), 2**64)).map(float)


@given(
    st.one_of(
        st.tuples(st.lists(FLOATS, min_size=1, max_size=300), st.just(value=False)),
        st.tuples(st.lists(WHOLE, min_size=1, max_size=300), st.just(value=True)),
    )
)
def test_every_value_is_counted_once_in_at_most_fifty_bins(case: tuple[list[float], bool]) -> None:
    values, whole = case
    made = histogram(values, whole=whole)
    assert made.below + sum(made.counts) + made.above == len(values)
    assert len(values) > 100 or (made.below, made.above) == (0, 0)
    assert 1 <= len(made.counts) <= MAX_BINS
    assert len(made.edges) == len(made.counts) + 1
    assert list(made.edges) == sorted(made.edges)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=300))
def test_counts_are_those_of_half_open_bins(values: list[float]) -> None:
    made = histogram(values)
    if made.edges[0] == made.edges[-1]:
        return
    for low, high, count in zip(made.edges, made.edges[1:-1], made.counts[:-1], strict=False):
        assert count == sum(low <= value < high for value in values)


def test_a_constant_is_one_bin() -> None:
    assert histogram([7.0] * 5) == Histogram((7.0, 7.0), (5,))


def test_a_far_outlier_does_not_squeeze_the_rest_into_one_bin() -> None:
    made = histogram([float(value % 100) for value in range(10_000)] + [1e12])
    assert made.edges[-1] < 1000
    assert made.above == 1
    assert made.below == 0
    assert min(made.counts) > 0


def test_outliers_on_both_sides_are_counted_apart() -> None:
    made = histogram([float(value % 100) for value in range(10_000)] + [1e12, -1e12])
    assert (made.below, made.above) == (1, 1)


def test_a_column_that_is_almost_constant_keeps_its_whole_range() -> None:
    made = histogram([0.0] * 10_000 + [5.0])
    assert (made.edges[0], made.edges[-1]) == (0.0, 5.0)
    assert (made.below, made.above) == (0, 0)
    assert (made.counts[0], made.counts[-1]) == (10_000, 1)


def test_small_whole_numbers_get_a_bin_each() -> None:
    made = histogram([1.0, 1.0, 2.0, 4.0], whole=True)
    assert made.edges == (0.5, 1.5, 2.5, 3.5, 4.5)
    assert made.counts == (2, 1, 0, 1)


@pytest.mark.parametrize("top", [49, 50, 51, 1000, 12_345])
def test_whole_numbers_get_bins_of_whole_width(top: int) -> None:
    made = histogram([float(value) for value in range(top + 1)], whole=True)
    widths = {high - low for low, high in zip(made.edges, made.edges[1:], strict=False)}
    assert len(widths) == 1
    assert widths.pop().is_integer()
    assert len(made.counts) <= MAX_BINS


def test_the_largest_floats_have_a_histogram() -> None:
    made = histogram([-1.7e308, 0.0, 1.7e308])
    assert sum(made.counts) == 3


def test_it_survives_its_dict() -> None:
    made = histogram([float(value % 100) for value in range(10_000)] + [1e12])
    assert from_json(to_json(made), Histogram) == made
