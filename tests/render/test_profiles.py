"""Profiles as tables: each column's distribution and measures; of two sides what they were and are."""

from __future__ import annotations

from dataclasses import replace

from tests.render.samples import HOSTILE, number, text
from workbench.profile import Profile
from workbench.render import profile_table, profiles_table


def test_each_column_has_its_type_distribution_and_measures() -> None:
    table = profile_table(Profile(1000, None, 6, (number(),), (text(),)))
    assert [row[0] for row in table.rows] == ["airport", "delay_mean_7d"]
    assert "<svg" in table.html()
    shown = table.text()
    assert "Float64 minute" in shown
    assert "-16.8 to 22.8" in shown
    assert "JFK 35%" in shown
    assert "1.2%" in shown


def test_columns_without_values_or_with_one_value_say_so() -> None:
    empty = replace(number("empty"), nulls=1000, quantiles={}, histogram=None)
    one = replace(number("one"), histogram=None, min=3.0, max=3.0, distinct=1)
    rows = {row[0]: row for row in profile_table(Profile(1000, None, None, (empty, one))).rows}
    assert rows["empty"][2:] == (None, "-", "-", "1,000", "100%")
    assert str(rows["one"][2]) == "always 3"
    assert "always 3" in profile_table(Profile(1000, None, None, (one,))).html()


def test_two_sides_are_told_apart_only_where_they_differ() -> None:
    left = Profile(1000, None, None, (number("old"),))
    right = Profile(1000, None, None, (replace(number("new"), nulls=500),))
    assert profiles_table(left, right, [("old", "new")]).rows == (
        ("new", "-4.9", "-16.8 to 22.8", "1,000", "1.2% → 50%"),
    )


def test_what_a_value_says_is_never_markup() -> None:
    column = replace(text(HOSTILE), categories=((HOSTILE, 3),))
    html = profile_table(Profile(3, None, None, (column,))).html()
    assert "<script" not in html
    assert "<img" not in html
