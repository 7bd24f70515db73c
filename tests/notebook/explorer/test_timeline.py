from __future__ import annotations

from datetime import timedelta

import polars as pl

from tests.notebook.explorer.stage import START, subject, visits
from workbench.notebook.explorer.selection import Where
from workbench.notebook.explorer.timeline import POINTS, Point, timeline
from workbench.times import Period


def test_an_entity_s_rows_are_points_of_their_own() -> None:
    both = subject(visits(20, x=[float(row) for row in range(20)]), visits(20, x=[1.0] * 20))
    found = timeline(both, both.feature("x"), Where({"user": "u2"}))
    assert found.step is None
    assert found.says == "each point is a row"
    assert found.lines[0][:2] == (
        Point(START.replace(tzinfo=None) + timedelta(minutes=2), 2.0, 1),
        Point(START.replace(tzinfo=None) + timedelta(minutes=7), 7.0, 1),
    )
    assert [point.value for point in found.lines[1]] == [1.0] * 4


def test_more_moments_than_points_are_cut_into_steps_that_both_sides_share() -> None:
    many, few = visits(10_000, x=[float(row % 2) for row in range(10_000)]), visits(10, x=[5.0] * 10)
    both = subject(many, few)
    found = timeline(both, both.feature("x"))
    assert found.step == timedelta(minutes=30)
    assert found.says == "each point is the mean of 30 minutes"
    assert len(found.lines[0]) == 334 <= POINTS
    assert sum(point.rows for point in found.lines[0]) == 10_000
    assert found.lines[1] == (Point(START.replace(tzinfo=None), 5.0, 10),)


def test_null_and_nan_are_no_part_of_a_mean() -> None:
    frame = visits(4, users=1, x=[1.0, None, float("nan"), 3.0]).with_columns(pl.lit(START).alias("at"))
    both = subject(frame.head(1), frame.head(1))
    both = subject(frame.with_columns(user=pl.Series(["a", "b", "c", "d"])), visits(1, x=[1.0]))
    found = timeline(both, both.feature("x"))
    assert found.lines[0] == (Point(START.replace(tzinfo=None), 2.0, 4),)
    assert found.says == "each point is the mean of a moment's rows"


def test_of_categories_the_commonest_is_shown_and_truth_values_by_name() -> None:
    names = ["a", "b", "b", "b", "a", "a"]
    frame = visits(6, users=6, c=names, b=[True] * 6).with_columns(at=pl.lit(START))
    both = subject(frame, frame)
    assert [point.value for point in timeline(both, both.feature("c")).lines[0]] == ["a"]
    assert [point.value for point in timeline(both, both.feature("b")).lines[0]] == ["true"]


def test_times_are_shown_in_utc_and_cut_by_the_period() -> None:
    frame = visits(60, x=[1.0] * 60)
    moved = frame.with_columns(pl.col("at").dt.convert_time_zone("Asia/Tokyo"))
    both = subject(moved, moved)
    period = Period(START + timedelta(minutes=5), START + timedelta(minutes=8))
    expected = [START.replace(tzinfo=None) + timedelta(minutes=minute) for minute in (5, 6, 7)]
    assert [point.time for point in timeline(both, both.feature("x"), Where({}, period)).lines[0]] == expected


def test_without_event_time_there_is_no_line() -> None:
    frame = visits(5, x=[1.0] * 5).drop("at")
    both = subject(frame, frame, time=None)
    assert timeline(both, both.feature("x")).lines == ((), ())


def test_a_feature_of_one_side_has_one_line() -> None:
    both = subject(visits(5), visits(5, x=[1.0] * 5))
    left, right = timeline(both, both.feature("x")).lines
    assert not left
    assert len(right) == 5
