from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.profile.bins import NAMED, Bin, CategoryBins, NumericBins, histograms
from workbench.profile.values import Categorical, Numeric

INF, NAN = math.inf, math.nan


def numeric(values: Any, dtype: Any = pl.Float64) -> Numeric:
    return Numeric.of(pl.Series(values, dtype=dtype))


def counted(reference: Any, current: Any) -> tuple[Bin, ...]:
    one, two = numeric(reference), numeric(current)
    bins = NumericBins.of(one)
    return bins.bins(bins.counts(one), bins.counts(two))


def rows(bins: tuple[Bin, ...], kind: str) -> list[tuple[int, int]]:
    return [(one.reference, one.current) for one in bins if one.kind == kind]


numbers = st.lists(
    st.one_of(st.none(), st.sampled_from([NAN, INF, -INF, 0.0, -0.0, 1.0]), st.floats(-1e308, 1e308)), max_size=60
)


@given(numbers, numbers)
def test_every_row_is_in_one_bin(reference: list[float | None], current: list[float | None]) -> None:
    bins = counted(reference, current)
    assert sum(one.reference for one in bins) == len(reference)
    assert sum(one.current for one in bins) == len(current)
    assert len(bins) <= 50
    for one in bins:
        assert all(end is None or math.isfinite(end) for end in (one.low, one.high))


def test_null_nan_infinite_and_what_lies_outside_have_bins_of_their_own() -> None:
    bins = counted(range(100), [None, NAN, NAN, INF, -INF, INF, -1, 100, 101, 5])
    assert [rows(bins, kind) for kind in ("null", "nan", "infinite", "below", "above")] == [
        [(0, 1)],
        [(0, 2)],
        [(0, 2), (0, 1)],
        [(0, 1)],
        [(0, 2)],
    ]
    assert [one.low for one in bins if one.kind == "above"] == [99.0]
    assert [one.high for one in bins if one.kind == "below"] == [0.0]


def test_bins_are_tenths_of_the_reference() -> None:
    bins = counted(np.random.default_rng(1).normal(size=1000), [0.0])
    inside = [one for one in bins if one.kind == "values"]
    assert len(inside) == 10
    assert all(abs(one.reference - 100) <= 2 for one in inside)


def test_the_largest_value_of_the_reference_is_in_its_last_bin() -> None:
    bins = counted(range(1000), [999.0, 999.0000001])
    last = [one for one in bins if one.kind == "values"][-1]
    assert (last.high, last.current) == (999.0, 1)
    assert rows(bins, "above") == [(0, 1)]


def test_few_different_values_have_a_bin_each() -> None:
    bins = counted([1.0, 2.0, 2.0, 4.0] * 5, [2.0, 3.0, 4.0, 0.0, 5.0, 2.0000001])
    assert [(one.label, one.reference, one.current) for one in bins if one.kind == "value"] == [
        ("1", 5, 0),
        ("2", 10, 1),
        ("4", 5, 1),
    ]
    assert rows(bins, "other") == [(0, 2)]


def test_a_constant_is_one_bin() -> None:
    bins = counted([5.0] * 3, [5.0, 5.1, 4.9, 4.9])
    assert [(one.kind, one.reference, one.current) for one in bins] == [
        ("below", 0, 2),
        ("value", 3, 1),
        ("above", 0, 1),
    ]


def test_the_largest_float_has_a_bin_and_nothing_is_above_it() -> None:
    largest = float(np.finfo(np.float64).max)
    assert [(one.kind, one.reference, one.current) for one in counted([largest], [largest, 0.0])] == [
        ("below", 0, 1),
        ("value", 1, 1),
    ]
    assert rows(counted([*range(100), largest], [largest]), "values")[-1] == (11, 1)


def test_a_value_that_many_rows_share_has_a_bin_of_its_own() -> None:
    chance = np.random.default_rng(2)
    bins = counted([0.0] * 500 + list(chance.uniform(1, 2, 500)), [0.0, 0.5, 0.5])
    shared = [one for one in bins if one.kind == "value"]
    assert [(one.low, one.high, one.reference, one.current) for one in shared] == [(0.0, 0.0, 500, 1)]


def test_a_few_rows_of_different_values_are_not_a_list_of_categories() -> None:
    assert not any(one.kind == "value" for one in counted([1.5, 2.5, 3.5, 4.5], [1.7]))


def test_a_reference_without_values_takes_all_values_as_new() -> None:
    assert [(one.kind, one.reference, one.current) for one in counted([None, NAN], [1.0, 2.0, None])] == [
        ("new", 0, 2),
        ("null", 1, 1),
        ("nan", 1, 0),
    ]


def categories(*values: str | None) -> Categorical:
    return Categorical.of(pl.Series(values, dtype=pl.String))


def test_categories_are_counted_by_name_and_new_ones_together() -> None:
    one, two = categories(*"aaaaabbbbbbc", None), categories(*"abzz")
    bins = CategoryBins.of(one)
    assert bins.names == ("b", "a")
    assert [bins.counts(side).tolist() for side in (one, two)] == [[6, 5, 1, 1], [1, 1, 2, 0]]
    assert [(each.kind, each.label, each.reference, each.current) for each in bins.bins(one, two)] == [
        ("value", "b", 6, 1),
        ("value", "a", 5, 1),
        ("other", "other", 1, 0),
        ("new", "new", 0, 2),
        ("null", "null", 1, 0),
    ]


def test_at_most_twenty_categories_are_shown_and_a_hundred_measured() -> None:
    many = categories(*(f"c{number:03}" for number in range(150) for _ in range(6)))
    bins = CategoryBins.of(many)
    assert len(bins.names) == NAMED == 100
    assert bins.counts(many).tolist()[-2:] == [300, 0]
    shown = bins.bins(many, many)
    assert [each.kind for each in shown] == ["value"] * 20 + ["other"]
    assert shown[-1].reference == shown[-1].current == 780


def test_a_long_category_is_cut() -> None:
    long = categories(*["x" * 500] * 5)
    assert len(CategoryBins.of(long).bins(long, long)[0].label) == 120


def test_both_sides_are_charted_in_the_same_bins() -> None:
    one, two = numeric(range(100)), numeric([-5, 0, 1, 99, 100, 250])
    both = histograms(one, two, whole=True)
    assert both is not None
    assert both[0].edges == both[1].edges
    assert len(both[0].counts) <= 50
    assert (both[1].below, both[1].above) == (1, 1 + (both[1].edges[-1] <= 100))
    assert sum(both[1].counts) + both[1].below + both[1].above == 6


def test_a_constant_is_charted_as_one_bin() -> None:
    both = histograms(numeric([5.0] * 3), numeric([5.0, 6.0, 4.0]), whole=False)
    assert both is not None
    assert (both[1].counts, both[1].below, both[1].above) == ((1,), 1, 1)


def test_there_is_no_chart_of_a_reference_without_values() -> None:
    assert histograms(numeric([None]), numeric([1.0]), whole=False) is None


@pytest.mark.parametrize("values", [[], [None, None]])
def test_a_column_of_dtype_null_has_no_values(values: list[None]) -> None:
    assert len(numeric(values, pl.Null).ordered) == 0
    assert Categorical.of(pl.Series(values, dtype=pl.Null)).counts == {}


@given(
    st.lists(st.floats(-3, 3) | st.integers(-2, 2).map(float), min_size=1, max_size=60),
    st.lists(st.floats(allow_nan=True, allow_infinity=True) | st.integers(-3, 3).map(float) | st.none(), max_size=40),
)
def test_each_row_is_in_the_bin_in_which_it_is_counted(reference: list[float], current: list[float | None]) -> None:
    bins = NumericBins.of(numeric(reference))
    for values in (reference, current):
        side = pl.Series(values, dtype=pl.Float64)
        placed = np.bincount(bins.places(side), minlength=bins.width)
        if bins.width > 5:
            assert placed.tolist() == bins.counts(Numeric.of(side)).tolist()
