from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.notebook.explorer.distribution import BINS, WHOLE, Bins, bins_of


def frame(values: Iterable[float]) -> pl.LazyFrame:
    return pl.LazyFrame({"x": pl.Series(values, dtype=pl.Float64)})


def bins(values: list[float], *, whole: bool = False) -> Bins:
    finite = [value for value in values if math.isfinite(value)]
    return bins_of([frame(values)], min(finite), max(finite), whole=whole)


numbers = st.floats(allow_nan=True, allow_infinity=True)


@given(st.lists(numbers, min_size=1, max_size=60).filter(lambda values: any(map(math.isfinite, values))))
def test_every_finite_value_is_counted_where_the_edges_say(values: list[float]) -> None:
    found = bins(values)
    edges = found.edges
    expected = [0] * (found.count + 2)
    for value in filter(math.isfinite, values):
        if value < edges[0]:
            expected[0] += 1
        elif value > edges[-1]:
            expected[-1] += 1
        else:
            inside = [place for place, edge in enumerate(edges[:-1]) if value >= edge]
            expected[1 + max(inside)] += 1
    assert found.count_values(frame(values)) == expected
    assert list(edges) == sorted(edges)
    assert found.count <= WHOLE


def test_a_few_far_values_do_not_squeeze_the_others_into_one_bin() -> None:
    values = [*np.linspace(0, 1, 10_000), 1e12, -1e9]
    found = bins([float(value) for value in values])
    counts = found.count_values(frame(values))
    assert found.edges[0] < 0.05
    assert 0.95 < found.edges[-1] < 2
    assert counts[0] + counts[-1] <= 100
    assert max(counts[1:-1]) < 1_000


def test_values_spread_evenly_are_all_inside() -> None:
    values = [float(value) for value in range(10_000)]
    counts = bins(values).count_values(frame(values))
    assert counts[0] == counts[-1] == 0
    assert len(counts) == BINS + 2


def test_few_whole_numbers_have_a_bin_each() -> None:
    found = bins([1.0, 2.0, 2.0, 5.0], whole=True)
    assert found.edges == (0.5, 1.5, 2.5, 3.5, 4.5, 5.5)
    assert found.count_values(frame([1.0, 2.0, 2.0, 5.0])) == [0, 1, 2, 0, 0, 1, 0]


def test_many_whole_numbers_have_bins_of_whole_width() -> None:
    values = [float(value) for value in range(1, 1_001)]
    found = bins(values, whole=True)
    assert found.width == 25
    assert set(found.count_values(frame(values))[1:-1]) == {25}


def test_a_constant_has_one_bin() -> None:
    assert bins([7.5, 7.5]).count_values(frame([7.5, 7.5, math.nan])) == [0, 2, 0]


@pytest.mark.parametrize(("low", "width"), [(0.1, 0.07), (-17.3, 0.1), (1e6 / 3, 1 / 3), (-0.3, 1e-5)])
def test_a_value_on_an_edge_begins_its_bin(low: float, width: float) -> None:
    found = Bins(low, low + 40 * width, width, 40)
    counts = found.count_values(frame(found.edges))
    assert counts[0] == counts[-1] == 0
    assert counts[1:-2] == [1] * 39
    assert counts[-2] == 2, "the last bin is closed"


def test_fifty_whole_numbers_have_a_bin_each_too() -> None:
    values = [float(value) for value in range(50)]
    assert bins(values, whole=True).count_values(frame(values))[1:-1] == [1] * 50


def test_a_value_just_below_an_edge_belongs_to_the_bin_before() -> None:
    found = Bins(0.1, 0.1 + 40 * 0.07, 0.07, 40)
    below = [math.nextafter(edge, -math.inf) for edge in found.edges]
    assert found.count_values(frame(below)) == [1, *[1] * 40, 0]
