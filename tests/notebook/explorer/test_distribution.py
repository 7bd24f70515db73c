from __future__ import annotations

import math
from datetime import timedelta

import polars as pl
import pytest

from tests.notebook.explorer.stage import START, periods, subject, visits
from workbench.notebook.explorer import distribution as distribution_module
from workbench.notebook.explorer import selection
from workbench.notebook.explorer import timeline as timeline_module
from workbench.notebook.explorer.distribution import CATEGORIES, distribution
from workbench.notebook.explorer.selection import Where
from workbench.notebook.explorer.timeline import timeline
from workbench.times import Period


def test_both_sides_are_counted_in_the_same_bins_and_none_is_lost() -> None:
    left = visits(total=[float(row) for row in range(250)])
    right = visits(total=[float(row) + 100 for row in range(250)])
    found = distribution(subject(left, right), subject(left, right).feature("total"))
    assert found.rows == (250, 250)
    assert sum(bar.rows[0] for bar in found.bars) == 250
    assert sum(bar.rows[1] for bar in found.bars) == 250
    assert found.edges[0] == 0
    assert found.edges[-1] == 349


def test_null_nan_and_infinite_are_told_apart() -> None:
    values = [None, None, math.nan, math.inf, -math.inf, 1.0, 2.0]
    both = subject(visits(7, x=values), visits(7, x=[0.0] * 7))
    rest = {bar.label: bar.rows for bar in distribution(both, both.feature("x")).rest}
    assert rest == {"null": (2, 0), "NaN": (1, 0), "infinite": (2, 0)}


def test_only_the_rows_that_are_looked_at_are_counted() -> None:
    both = subject(visits(x=1.0), visits(x=2.0))
    found = distribution(both, both.feature("x"), Where({"user": "u1"}, Period(START, START + timedelta(minutes=50))))
    assert found.rows == (10, 10)


def test_categories_beyond_the_commonest_are_one_and_truth_values_are_categories() -> None:
    names = [f"c{row % 30:02}" for row in range(300)] + ["c00"] * 5
    both = subject(visits(305, c=names, b=[row % 2 == 0 for row in range(305)]), visits(305, c=["new"] * 305, b=True))
    found = distribution(both, both.feature("c"))
    assert len(found.bars) == CATEGORIES + 1
    assert found.bars[0].label == "new"
    assert found.bars[1].rows == (15, 0)
    assert found.bars[-1].label == "11 others"
    assert sum(bar.rows[0] for bar in found.bars) == 305
    assert {bar.label: bar.rows for bar in distribution(both, both.feature("b")).bars} == {
        "false": (152, 0),
        "true": (153, 305),
    }


def test_a_feature_of_one_side_has_no_rows_on_the_other() -> None:
    both = subject(visits(x=1.0), visits(x=1.0, y=[float(row) for row in range(250)]))
    found = distribution(both, both.feature("y"))
    assert found.rows == (0, 250)
    assert sum(bar.rows[1] for bar in found.bins) == 250


def test_nothing_but_null_has_no_bins() -> None:
    both = subject(visits(3, x=[1.0, 2.0, 3.0]), visits(3, x=[1.0, 2.0, 3.0]))
    found = distribution(both, both.feature("x"), Where({"user": "nobody"}))
    assert found.bars == ()
    assert found.rows == (0, 0)


def test_a_brush_takes_the_bins_that_it_touches() -> None:
    both = subject(visits(11, x=[float(row) for row in range(11)]), visits(11, x=1.0))
    found = distribution(both, both.feature("x"))
    first, last = found.nearest(2.6, 5.2)
    assert found.edges[first] == 2.5
    assert found.edges[last] == 5.25
    assert found.nearest(-9, 99) == (0, len(found.edges) - 1)
    one = found.nearest(4.0, 4.0)
    assert one[1] == one[0] + 1
    assert found.between(0, len(found.edges) - 1).closed


def test_what_a_bar_counts_is_what_its_part_holds() -> None:
    values: list[float | None] = [None, math.nan, math.inf, *(row / 7 for row in range(300)), 1e9]
    both = subject(visits(304, x=values), visits(304, x=values))
    frame = visits(304, x=values)
    for bar in distribution(both, both.feature("x")).bars:
        held = frame.filter(bar.part.test("x", pl.Float64()))
        assert held.height == bar.rows[0], bar.label


def test_times_and_nested_values_are_looked_at_too() -> None:
    moments = visits(100)["at"]
    shown = visits(100, when=moments, many=pl.Series([[3, 4]] * 100), place=pl.Series([{"x": 1}] * 100))
    both = periods(shown, shown)
    found = distribution(both, both.feature("when"))
    assert found.kind == "time"
    assert found.edges[0] == START.timestamp()
    (norm,) = distribution(both, both.feature("many")).bars
    assert (norm.part.low, norm.rows) == (5.0, (100, 100))
    assert distribution(both, both.feature("place")).bars == ()
    assert distribution(both, both.feature("place")).rows == (100, 100)


def test_pictures_of_many_rows_are_of_a_sample_that_is_said_and_totals_stay_exact(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (selection, distribution_module, timeline_module):
        monkeypatch.setattr(module, "MANY", 1_000)
    monkeypatch.setattr(selection, "SAMPLE", 2_000)
    x = [float(row % 100) for row in range(20_000)]
    c = ["a" if row % 4 else None for row in range(20_000)]
    many = [[3.0, 4.0 if row % 4 else None] for row in range(20_000)]
    both = periods(visits(20_000, x=x, c=c, many=many), visits(500, x=x[:500], c=c[:500], many=many[:500]))
    named = distribution(both, both.feature("c"))
    assert named.is_sampled
    assert named.rows == (20_000, 500)
    assert sum(bar.rows[0] for bar in named.bars) == pytest.approx(20_000, abs=2)
    (a,) = (bar for bar in named.bars if bar.label == "a")
    assert a.rows[1] == 375, "the side of few rows is counted whole"
    assert a.rows[0] == pytest.approx(15_000, rel=0.05)
    numbers = distribution(both, both.feature("x"))
    assert not numbers.is_sampled
    assert sum(bar.rows[0] for bar in numbers.bars) == 20_000
    lists = distribution(both, both.feature("many"))
    assert lists.is_sampled
    assert lists.rows == (20_000, 500)
    norm, nan = lists.bars
    assert (norm.part.low, nan.part.kind) == (5.0, "nan")
    assert (norm.rows[1], nan.rows[1]) == (375, 125)
    assert norm.rows[0] == pytest.approx(15_000, rel=0.05)
    assert norm.rows[0] + nan.rows[0] == pytest.approx(20_000, abs=2)
    slow = timeline(both, both.feature("c"))
    assert slow.sampled
    assert sum(point.rows for point in slow.lines[0]) == pytest.approx(2_000, rel=0.2)
    line = timeline(both, both.feature("x"))
    assert line.sampled
    assert "the mean of a sample of" in line.says
    assert sum(point.rows for point in line.lines[0]) == pytest.approx(1_000, rel=0.2)
    assert sum(point.rows for point in line.lines[1]) == 500
