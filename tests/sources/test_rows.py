from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.sources.rows import in_order, rows_digest

SCHEMA: dict[str, Any] = {
    "number": pl.Int64,
    "ratio": pl.Float64,
    "text": pl.String,
    "flag": pl.Boolean,
    "at": pl.Datetime("us"),
    "raw": pl.Binary,
    "items": pl.List(pl.Int32),
}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "number": st.integers(-3, 3) | st.integers(-(2**63), 2**63 - 1),
    "ratio": st.sampled_from([0.0, 1.5, float("nan"), float("inf")]) | st.floats(),
    "text": st.text(max_size=4),
    "flag": st.booleans(),
    "at": st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001  a naive column
    "raw": st.binary(max_size=3),
    "items": st.lists(st.integers(-2, 2), max_size=2),
}
ROWS = st.lists(st.fixed_dictionaries({name: st.none() | value for name, value in VALUES.items()}), max_size=8)


def digest(frame: pl.DataFrame) -> str:
    return rows_digest(in_order(frame, ["at"]))


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, data=st.data())
def test_the_order_of_rows_and_of_columns_means_nothing(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    frame = pl.DataFrame(rows, schema=SCHEMA)
    shuffled = pl.DataFrame(data.draw(st.permutations(rows)), schema=SCHEMA)
    assert digest(shuffled.select(data.draw(st.permutations(list(SCHEMA))))) == digest(frame)


@settings(max_examples=100, deadline=None)
@given(rows=ROWS.filter(bool), data=st.data())
def test_any_other_value_is_other_data(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.sampled_from(sorted(SCHEMA)))
    value = data.draw(st.none() | VALUES[column])
    changed = [dict(row) for row in rows]
    changed[place][column] = value
    left, right = pl.DataFrame(rows, schema=SCHEMA), pl.DataFrame(changed, schema=SCHEMA)
    same = left.get_column(column).eq_missing(right.get_column(column)).all()
    assert (digest(left) == digest(right)) is same


def test_how_often_a_row_stands_counts() -> None:
    once = pl.DataFrame({"a": [1, 2]})
    assert digest(once) != digest(pl.DataFrame({"a": [1, 2, 2]})) != digest(pl.DataFrame({"a": [1, 1, 2]}))


def test_values_belong_to_their_row() -> None:
    assert digest(pl.DataFrame({"a": [1, 2], "b": [1, 2]})) != digest(pl.DataFrame({"a": [1, 2], "b": [2, 1]}))


def test_texts_do_not_run_into_each_other() -> None:
    assert digest(pl.DataFrame({"a": ["x", "yz"]})) != digest(pl.DataFrame({"a": ["xy", "z"]}))
    assert digest(pl.DataFrame({"a": ["", None]})) != digest(pl.DataFrame({"a": [None, None]}, schema={"a": pl.String}))


def test_names_and_dtypes_count() -> None:
    frame = pl.DataFrame({"a": [1]})
    assert digest(frame) != digest(frame.rename({"a": "b"}))
    assert digest(frame) != digest(frame.cast(pl.Int32))
    assert digest(frame.clear()) != digest(frame.clear().cast(pl.Int32))


def test_zero_and_nan_have_one_spelling() -> None:
    left = pl.DataFrame({"a": [-0.0, float("nan")], "b": [[-0.0], [1.0]]})
    right = pl.DataFrame({"a": [0.0, -float("nan")], "b": [[0.0], [1.0]]})
    assert digest(left) == digest(right)


@pytest.mark.parametrize(
    ("dtype", "one", "other"),
    [
        (pl.Date, date(2024, 1, 1), date(2024, 1, 2)),
        (pl.Time, time(1), time(2)),
        (pl.Duration("us"), timedelta(1), timedelta(2)),
        (pl.Decimal(9, 2), Decimal("1.10"), Decimal("1.11")),
        (pl.Categorical, "x", "y"),
        (pl.Enum(["x", "y"]), "x", "y"),
        (pl.UInt8, 1, 2),
        (pl.Int128, 2**100, 2**100 + 1),
        (pl.Struct({"x": pl.Int64}), {"x": 1}, {"x": 2}),
        (pl.Array(pl.Int64, 2), [1, 2], [2, 1]),
        (pl.List(pl.List(pl.String)), [["a", "b"]], [["a"], ["b"]]),
    ],
)
def test_every_dtype_is_told_apart(dtype: Any, one: Any, other: Any) -> None:
    frame = pl.DataFrame({"a": [one, None, other]}, schema={"a": dtype})
    assert digest(frame) == digest(frame.reverse())
    assert digest(frame) != digest(pl.DataFrame({"a": [one, None, one]}, schema={"a": dtype}))


def test_the_digest_is_the_same_in_every_version_of_the_engine() -> None:
    frame = pl.DataFrame({"id": [2, 1, None], "name": ["b", "ä", None], "x": [0.5, -0.0, None]})
    assert digest(frame) == "9a2650e7407b6133b327eb62133f03dc9908861d9f528d0d9a57b5a6006362e5"


def test_rows_stand_by_the_first_columns() -> None:
    frame = pl.DataFrame({"z": [1, 2, 3], "at": [3, 1, 2]})
    assert in_order(frame, ["at", "absent"]).get_column("at").to_list() == [1, 2, 3]
