"""The same rows on both sides: how much changed for the spread of the reference."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest

from workbench.diff import Side
from workbench.drift import PairedChange, compare_pairs, contract_of_frame

START = datetime(2024, 1, 1, tzinfo=UTC)
CHANCE = np.random.default_rng(1)
NORMAL = [float(value) for value in CHANCE.normal(0, 1, 1000)]
KINDS: dict[str, list[float]] = {
    "stationary": NORMAL,
    "trend": [100 + row / 10 + noise for row, noise in enumerate(NORMAL)],
    "cumulative": [float(row) for row in range(1000)],
    "heavy tails": [float(value) for value in np.exp(CHANCE.normal(0, 5, 1000))],
    "rare": [float(row % 100 == 0) for row in range(1000)],
    "constant": [7.0] * 1000,
    "near the largest float": [value * 4e307 for value in NORMAL],
    "on both ends of floats": [math.copysign(1.7e308, value) for value in NORMAL],
}


def side(values: Any, *, start: datetime = START, dtype: Any = None) -> Side:
    column = pl.Series("x", values, dtype=dtype, strict=False)
    at = pl.Series("at", [start + timedelta(hours=row) for row in range(len(column))], pl.Datetime("us", "UTC"))
    frame = pl.DataFrame([at, column])
    return Side("side", frame.lazy(), contract_of_frame(frame, event_time="at"))


def change(left: Any, right: Any, dtype: Any = None) -> PairedChange:
    found = compare_pairs(side(left, dtype=dtype), side(right, dtype=dtype), ["x"])["x"].change
    json.dumps(found.to_dict(), allow_nan=False)
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("factor", [2.0, 3.0, 0.0, -1.0, math.nan, None])
def test_no_factor_and_no_null_hides_in_any_distribution(kind: str, factor: float | None) -> None:
    values = KINDS[kind]
    found = change(values, [None if factor is None else value * factor for value in values], pl.Float64)
    assert found.drifted


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_equal_or_nearly_so_has_not_changed(kind: str) -> None:
    values = KINDS[kind]
    assert not change(values, values).changed
    if kind != "constant":  # to which nothing is near
        assert not change(values, [value * 1.0001 for value in values]).drifted


def test_far_values_do_not_hide_a_change_of_the_others() -> None:
    values = [*NORMAL, 1e15]
    assert change(values, [*(value * 1.5 for value in NORMAL), 1e15]).drifted


@pytest.mark.parametrize(
    ("old", "new", "dtype"),
    [
        (2**53, 2**53 + 1, pl.Int64),
        (Decimal("12345678901234567.98"), Decimal("12345678901234567.99"), pl.Decimal(38, 2)),
        (math.inf, -math.inf, pl.Float64),
        ("a", "b", pl.String),
        (True, False, pl.Boolean),
    ],
)
def test_changes_that_floats_do_not_see_are_seen(old: Any, new: Any, dtype: Any) -> None:
    found = change([old] * 100, [new] * 100, dtype)
    assert (found.changed, found.drifted) == (100, True)


def test_few_nulls_pass_and_more_do_not() -> None:
    assert not change(NORMAL, [None] * 10 + NORMAL[10:]).drifted
    assert change(NORMAL, [None] * 11 + NORMAL[11:]).drifted
    assert change([None] * 11 + NORMAL[11:], NORMAL).drifted


def test_nested_values_that_changed_cannot_be_judged() -> None:
    found = change([[1.0]] * 10, [[2.0]] * 10)
    assert (found.changed, found.judged, found.drifted) == (10, False, False)
    assert change([[1.0]] * 10, [[1.0]] * 10).judged


def test_numbers_of_any_dtypes_are_compared() -> None:
    assert compare_pairs(side([1, 2, 3] * 9, dtype=pl.Int64), side([2.0, 4.0, 6.0] * 9), ["x"])["x"].change.drifted


def test_periods_and_other_keys_have_no_rows_in_common() -> None:
    assert compare_pairs(side(NORMAL), side(NORMAL, start=START + timedelta(days=90)), ["x"]) == {}
    frame = pl.DataFrame({"k": [1.0] * 9, "x": [1.0] * 9})
    assert (
        compare_pairs(side(NORMAL), Side("rows", frame.lazy(), contract_of_frame(frame, entities=["k"])), ["x"]) == {}
    )
    some = compare_pairs(side(NORMAL), side(NORMAL, start=START + timedelta(hours=900)), ["x"], least=0.5)
    assert some == {}


def test_rows_of_one_side_alone_are_told() -> None:
    assert compare_pairs(side(NORMAL), side(NORMAL[:900]), ["x"])["x"].change.others


def test_rows_known_to_be_the_same_are_counted_and_not_read() -> None:
    values = [*NORMAL[:990], *(value + 1 for value in NORMAL[990:])]
    late = pl.col("at") >= START + timedelta(hours=980)
    for right in (values, values[:995], [*values, 1.0]):
        sides = side(NORMAL), side(right)
        whole = compare_pairs(*sides, ["x"])["x"].change
        assert whole.changed
        assert compare_pairs(*sides, ["x"], touched=late)["x"].change == whole
    assert not compare_pairs(side(NORMAL), side(values), ["x"], touched=late & (pl.col("at") < START))[
        "x"
    ].change.changed
    early = pl.col("at") < START + timedelta(hours=10)
    assert compare_pairs(side(NORMAL), side(values[:900]), ["x"], touched=early)["x"].change.rows == 900
