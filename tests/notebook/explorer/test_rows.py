from __future__ import annotations

from datetime import timedelta

import pytest

from tests.notebook.explorer.stage import START, periods, subject, visits
from workbench.notebook.explorer.distribution import distribution
from workbench.notebook.explorer.rows import PAGE, RowFilter, count, kinds, page
from workbench.notebook.explorer.selection import ValueSelection, Where
from workbench.notebook.explorer.subject import ExploredView
from workbench.times import Period


@pytest.fixture
def both() -> ExploredView:
    """250 rows by five users: x differs in every second one, y nowhere, c in the last ten; ten rows are added."""
    left = visits(240, x=[float(row) for row in range(240)], y=[1.0] * 240, c=["a"] * 240)
    x = [float(row + row % 2) for row in range(250)]
    right = visits(250, x=x, y=[1.0] * 250, c=["a"] * 230 + ["b"] * 20)
    return subject(left, right)


def asked(both: ExploredView, name: str, kind: str, **more: object) -> RowFilter:
    return RowFilter(both.feature(name), kind, **({"where": Where()} | more))  # type: ignore[arg-type]  # kinds by name


def test_rows_in_which_a_feature_differs_are_paged_and_counted(both: ExploredView) -> None:
    changed = asked(both, "x", "changed")
    first, second = page(both, changed), page(both, changed, PAGE)
    assert first.rows.height == PAGE
    assert second.rows.height == 20
    assert count(both, changed) == 120
    assert first.beside
    assert first.rows.columns[:4] == ["user", "at", "x (main)", "x (exp/new)"]
    assert first.columns == ("x", "y", "c")


def test_rows_of_both_sides_include_those_that_are_the_same(both: ExploredView) -> None:
    every = asked(both, "x", "any")
    assert count(both, every) == 240
    assert page(both, every, 200).rows.height == 40


def test_rows_of_one_side_alone_are_added_or_removed(both: ExploredView) -> None:
    assert count(both, asked(both, "x", "added")) == 10
    assert page(both, asked(both, "x", "added")).rows.height == 10
    assert count(both, asked(both, "x", "removed")) == 0


def test_what_is_brushed_is_what_is_shown(both: ExploredView) -> None:
    part = ValueSelection("range", low=10.0, high=20.0)
    left = asked(both, "x", "changed", part=part, side=0)
    assert page(both, left).rows["x (main)"].to_list() == [15.0, 11.0, 17.0, 13.0, 19.0]
    assert count(both, left) == 5
    right = asked(both, "x", "changed", part=part, side=1)
    assert sorted(page(both, right).rows["x (exp/new)"]) == [10.0, 12.0, 14.0, 16.0, 18.0]
    assert count(both, right) == 5
    assert count(both, asked(both, "x", "any", part=part, side=0)) == 10


def test_a_category_has_its_rows_on_the_side_that_is_asked_for(both: ExploredView) -> None:
    part = ValueSelection("value", value="b")
    assert count(both, asked(both, "c", "changed", part=part, side=1)) == 10
    assert count(both, asked(both, "c", "changed", part=part, side=0)) == 0
    assert count(both, asked(both, "c", "added", part=part, side=0)) == 10


def test_entity_and_period_cut_both_sides(both: ExploredView) -> None:
    where = Where({"user": "u1"}, Period(START, START + timedelta(minutes=101)))
    changed = asked(both, "x", "changed", where=where)
    assert count(both, changed) == page(both, changed).rows.height == 10
    assert page(both, changed).rows["user"].unique().to_list() == ["u1"]
    assert count(both, asked(both, "x", "added", where=where)) == 0


def test_two_periods_show_the_rows_of_one_side() -> None:
    both = periods(visits(150, x=[1.0] * 150), visits(130, x=[2.0] * 130))
    assert kinds(both, both.feature("x")) == ("right", "left")
    left = asked(both, "x", "left")
    assert count(both, left) == 150
    found = page(both, left, PAGE)
    assert found.rows.height == 50
    assert not found.beside
    assert found.rows.columns == ["user", "at", "x"]
    assert count(both, asked(both, "x", "right", part=ValueSelection("range", low=0, high=1.5))) == 0


def test_a_feature_of_one_side_shows_that_side_s_rows() -> None:
    both = subject(visits(20, x=[1.0] * 20), visits(20, x=[1.0] * 20, z=[float(row) for row in range(20)]))
    assert kinds(both, both.feature("z")) == ("right", "added", "removed")
    assert count(both, asked(both, "z", "right", part=ValueSelection("range", low=5, high=10))) == 5
    assert kinds(both, both.feature("x"))[0] in {"changed", "right"}


def test_the_rows_behind_a_bar_are_as_many_as_it_says(both: ExploredView) -> None:
    for bar in distribution(both, both.feature("x")).bars:
        matched = count(both, asked(both, "x", "any", part=bar.part, side=0))
        assert matched == bar.rows[0], bar.label
