from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl
import pytest

from tests.notebook.explorer.stage import START, side, visits
from workbench.diff import value_of
from workbench.errors import UsageError
from workbench.notebook.explorer.selection import ValueSelection, Where
from workbench.times import Period


def held(part: ValueSelection, values: Sequence[object]) -> list[object]:
    frame = pl.DataFrame({"x": values}, strict=False)
    return frame.filter(part.test("x", frame.schema["x"]))["x"].to_list()


def test_a_range_ends_before_its_end_unless_it_is_closed() -> None:
    values = [0.0, 1.0, 2.0, None, math.nan, math.inf]
    assert held(ValueSelection("range", low=0, high=2), values) == [0.0, 1.0]
    assert held(ValueSelection("range", low=0, high=2, closed=True), values) == [0.0, 1.0, 2.0]


def test_what_lies_outside_is_told_apart() -> None:
    values = [-1.0, 5.0, None, math.nan, -math.inf]
    assert held(ValueSelection("below", low=0.0), values) == [-1.0]
    assert held(ValueSelection("above", high=0.0), values) == [5.0]
    assert held(ValueSelection("null"), values) == [None]
    assert held(ValueSelection("infinite"), values) == [-math.inf]
    assert len(held(ValueSelection("nan"), values)) == 1


def test_a_category_is_one_value_and_the_others_are_those_not_known() -> None:
    values = ["a", "b", "c", None]
    assert held(ValueSelection("value", value="b"), values) == ["b"]
    assert held(ValueSelection("other", known=("a", "b")), values) == ["c"]
    assert held(ValueSelection("value", value="true"), [True, False, None]) == [True]


def test_rows_are_those_of_the_entity_in_the_period() -> None:
    where = Where({"user": "u1"}, Period(START, START + timedelta(minutes=20)))
    assert where.rows(side(visits(), "main")).collect()["at"].dt.minute().to_list() == [1, 6, 11, 16]
    assert Where().is_everything
    assert not where.is_everything


def test_values_are_read_by_the_column_s_dtype() -> None:
    assert value_of("n", "7", pl.Int64()) == 7
    assert value_of("b", "True", pl.Boolean()) is True
    assert value_of("d", "2024-01-02", pl.Date()) == date(2024, 1, 2)


def test_what_a_column_cannot_be_is_said() -> None:
    with pytest.raises(UsageError, match="n is Int64: it cannot be 'seven'"):
        value_of("n", "seven", pl.Int64())
    with pytest.raises(UsageError, match="no event time"):
        Where({}, Period(START)).rows(side(visits().drop("at"), "main", time=None))
