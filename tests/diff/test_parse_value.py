"""Values of key columns, read from text."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from workbench.diff import Side, diff_views, value_of
from workbench.drift import contract_of_frame
from workbench.errors import UsageError

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "dtype", "value"),
    [
        ("7", pl.Int64(), 7),
        ("1.5", pl.Float64(), 1.5),
        ("True", pl.Boolean(), True),
        ("a", pl.Enum(["a", "b"]), "a"),
        ("2024-01-01", pl.Date(), date(2024, 1, 1)),
        ("2024-01-01T12:00", pl.Datetime("us", "UTC"), NOON),
        ("2024-01-01T13:00+01:00", pl.Datetime("us", "UTC"), NOON),
        ("2024-01-01 12:00", pl.Datetime("us"), NOON.replace(tzinfo=None)),
    ],
)
def test_a_text_is_read_by_the_columns_dtype(text: str, dtype: Any, value: object) -> None:
    assert value_of("k", text, dtype) == value


@pytest.mark.parametrize(
    ("text", "dtype"),
    [
        ("seven", pl.Int64()),
        ("yes", pl.Boolean()),
        ("z", pl.Enum(["a", "b"])),
        ("yesterday", pl.Date()),
        ("noon", pl.Datetime("us", "UTC")),
    ],
)
def test_what_is_no_value_of_the_column_is_refused(text: str, dtype: Any) -> None:
    with pytest.raises(UsageError, match=text):
        value_of("k", text, dtype)


def test_the_rows_of_a_day_are_asked_for_in_words() -> None:
    frame = pl.DataFrame({"day": [date(2024, 1, 1), date(2024, 1, 2)], "x": [1.0, 2.0]})
    sides = [
        Side(label, rows.lazy(), contract_of_frame(rows, entities=["day"]))
        for label, rows in (("a", frame), ("b", frame.with_columns(pl.col("x") + 1)))
    ]
    diff = diff_views(sides[0], sides[1])
    assert diff.changed_rows(entity={"day": "2024-01-02"}).height == 1
    assert diff.changed_rows(entity={"day": date(2024, 1, 2)}).height == 1
    with pytest.raises(UsageError):
        diff.changed_rows(entity={"day": "tomorrow"})
