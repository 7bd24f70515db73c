from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from tests.notebook.explorer.stage import START, periods, side, visits
from workbench.diff import RowChoice, Side, value_of
from workbench.errors import UsageError
from workbench.notebook.explorer import selection
from workbench.notebook.explorer.distribution import distribution
from workbench.notebook.explorer.selection import PLACES, ValueSelection, Where, rows_of
from workbench.notebook.explorer.subject import ExploredView
from workbench.notebook.explorer.timeline import timeline
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


ROWS = 240_000


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Side:
    """Return more rows than are looked at, in the order of time; each list's norm is the number of its row."""
    monkeypatch.setattr(selection, "MANY", 50_000)
    monkeypatch.setattr(selection, "STRETCH", 100)
    pairs = pl.int_range(ROWS, eager=True).cast(pl.Float64).reshape((ROWS, 1)).arr.to_list()
    visits(ROWS, pair=pairs).write_parquet(tmp_path / "rows.parquet", row_group_size=10_000)
    frame = pl.scan_parquet(tmp_path / "rows.parquet")
    return replace(side(frame.head(1).collect(), "main"), frame=frame)


def of(one: Side) -> ExploredView:
    return replace(periods(visits(9, pair=[[1.0]] * 9), visits(9, pair=[[1.0]] * 9)), sides=(one, one))


def numbers(both: ExploredView, where: Where | None = None) -> list[float]:
    looked_at, again = rows_of(both, both.feature("pair"), where)
    assert looked_at is not None
    assert again is not None
    assert looked_at.places == PLACES
    found = looked_at.frame.collect()["pair"].to_list()
    assert looked_at.sample == len(found)
    assert found == again.frame.collect()["pair"].to_list(), "the same rows each time"
    return found


def test_of_very_many_lists_stretches_from_all_over_are_looked_at(stored: Side) -> None:
    found = numbers(of(stored))
    assert len(found) == PLACES * 100
    for place in range(PLACES):
        part = [n for n in found if place * ROWS / PLACES <= n < (place + 1) * ROWS / PLACES]
        assert part == [part[0] + n for n in range(100)], "a stretch in each equal part of the rows"
    starts = [n % (ROWS / PLACES) for n in found[::100]]
    assert len(set(starts)) > PLACES / 2, "not at equal distances, which may all be the same hour"


def test_stretches_are_of_the_rows_that_were_chosen(stored: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    period = Period(START + timedelta(minutes=100_000), START + timedelta(minutes=200_000))
    within = numbers(of(stored), Where({}, period))
    rows = period.rows(stored.frame, "at")
    chosen = replace(stored, frame=rows, choice=RowChoice(stored.frame, lambda frame: period.filter(frame, "at"), rows))
    assert numbers(of(chosen)) == within
    assert (min(within) >= 100_000, max(within) < 200_000, len(within)) == (True, True, PLACES * 100)
    assert (min(within) < 110_000, max(within) > 190_000) == (True, True)
    monkeypatch.setattr(selection, "MANY", 10_000)
    users = numbers(of(chosen), Where({"user": "u3"}))
    assert {n % 5 for n in users} == {3.0}
    rows = stored.frame.filter(pl.col("user") == "u3")
    choice = RowChoice(stored.frame, lambda frame: frame.filter(pl.col("user") == "u3"), rows)
    assert {n % 5 for n in numbers(of(replace(stored, frame=rows, choice=choice)))} == {3.0}


def test_a_sample_is_told_and_its_time_line_has_a_point_for_each_stretch(stored: Side) -> None:
    both = of(stored)
    drawn = distribution(both, both.feature("pair"))
    assert drawn.rows == (ROWS, ROWS)
    assert drawn.sample == (
        "Drawn is a sample: 2,400 of the 240,000 rows of left, main, 24 stretches spread over all of them; "
        "2,400 of the 240,000 rows of right, main, 24 stretches spread over all of them. "
        "Numbers of rows are estimates from it."
    )
    assert drawn.count(drawn.bars[0]).startswith("about ")
    assert sum(bar.rows[0] for bar in drawn.bars) == pytest.approx(ROWS, abs=50)
    over_time = timeline(both, both.feature("pair"))
    assert 10 < len(over_time.lines[0]) <= PLACES
    assert "of a sample" in over_time.says
    few = replace(over_time, step=None, lines=(over_time.lines[0][:1], ()))
    assert "of a sample" in few.says
    assert replace(few, lines=((replace(few.lines[0][0], rows=1),), ())).says == "each point is a row of a sample"


def test_rows_whose_stretches_cannot_be_read_alone_are_looked_at_one_by_one(stored: Side) -> None:
    filtered = replace(stored, frame=stored.frame.filter(pl.col("user") != "u0"))
    looked_at, _ = rows_of(of(filtered), of(filtered).feature("pair"))
    assert looked_at is not None
    assert (looked_at.places, looked_at.is_sample, looked_at.rows) == (0, True, ROWS * 4 // 5)


def test_lists_that_are_few_are_all_looked_at_as_what_is_drawn_of_them() -> None:
    both = periods(visits(9, pair=[[3.0, 4.0]] * 9), visits(9, pair=[[3.0]] * 9))
    left, _ = rows_of(both, both.feature("pair"))
    assert left is not None
    assert (left.is_sample, left.frame.collect()["pair"].to_list()) == (False, [5.0] * 9)
