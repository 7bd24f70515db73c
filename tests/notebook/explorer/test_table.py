from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from workbench.notebook.explorer.rows import RowPage
from workbench.notebook.explorer.table import FEATURES, table

START = datetime(2024, 1, 1, tzinfo=UTC)


def shown(rows: pl.DataFrame, *names: str, beside: bool = True, **how: object) -> str:
    found = RowPage(rows, names, 1, beside=beside)
    return table(found, ("main", "exp/<b>"), **({"order": names, "tolerances": {}} | how))  # type: ignore[arg-type]


def test_what_differs_is_told_apart_by_more_than_colour() -> None:
    html = shown(pl.DataFrame({"user": ["u1"], "x (a)": [1.0], "x (b)": [2.5], "y (a)": [3], "y (b)": [3]}), "x", "y")
    assert "<span aria-hidden='true'>→ </span><b>2.5</b>" in html
    assert html.count("wb-other") == 1
    assert "<td class='wb-same'>3</td>" in html


def test_every_value_is_escaped() -> None:
    html = shown(pl.DataFrame({"<u>": ["<script>"], "x (a)": ["<i>"], "x (b)": ["'\""]}), "x")
    assert "<script>" not in html
    assert "&lt;u&gt;" in html
    assert "exp/&lt;b&gt;" in html
    assert "&#x27;&quot;" in html


def test_null_and_nan_are_said() -> None:
    html = shown(pl.DataFrame({"user": [None], "x (a)": [None], "x (b)": [math.nan]}), "x")
    assert html.count("<i>null</i>") == 2
    assert "<b>NaN</b>" in html


def test_the_chosen_feature_comes_first_and_no_more_than_eight_are_shown() -> None:
    names = [f"f{number}" for number in range(12)]
    rows = pl.DataFrame({"user": ["u"]} | {f"{name} ({side})": [1] for name in names for side in "ab"})
    html = shown(rows, *names, order=["f9", *names])
    heads = re.findall(r"colspan='2'>(\w+)<", html)
    assert heads[0] == "f9"
    assert len(heads) == FEATURES
    assert "4 more features are not shown" in html


def test_one_side_s_rows_have_one_column_a_feature() -> None:
    html = shown(pl.DataFrame({"user": ["u"], "x": [1.0]}), "x", beside=False)
    assert "main" not in html
    assert "wb-other" not in html


def test_no_rows_are_said() -> None:
    assert "no such rows" in shown(pl.DataFrame({"user": []}), "x")


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [(None, None, True), (None, 1.0, False), (math.nan, math.nan, True), (math.nan, 1.0, False),
     (1.0, 1.0 + 1e-13, True), (1.0, 1.1, True), (1.0, 1.2, False), (math.inf, math.inf, True),
     (math.inf, -math.inf, False), ("a", "a", True), (1, 2, False), (True, True, True), ([0.1], [0.2], True),
     (START, START + timedelta(microseconds=1), False)],
)  # fmt: skip
def test_values_are_equal_as_the_difference_takes_them(left: object, right: object, equal: bool) -> None:  # noqa: FBT001 - a case
    html = shown(pl.DataFrame({"user": ["u"], "x (a)": [left], "x (b)": [right]}), "x", tolerances={"x": 0.1})
    assert html.count("wb-same") == equal
    assert html.count("wb-other") == (not equal)
