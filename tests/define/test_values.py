from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from workbench.define.contract import check_value, value_from_json, value_to_json
from workbench.errors import DefinitionError

AWARE = datetime(2013, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [1, 1.5, "a", True, None, date(2013, 1, 1), AWARE, time(12), timedelta(days=-1), Decimal("1.10"), ("a", 1), ()],
    ids=repr,
)
def test_a_value_survives_json(value: Any) -> None:
    back = value_from_json(json.loads(json.dumps(value_to_json(value))))
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (1, pl.Float64()),
        (1.5, pl.Int64()),
        (Decimal(1), pl.Decimal(10, 2)),
        ("a", pl.Enum(["a"])),
        (True, pl.Boolean()),
        (date(2013, 1, 1), pl.Date()),
        (AWARE, pl.Datetime("us", "UTC")),
        (timedelta(1), pl.Duration("us")),
    ],
    ids=repr,
)
def test_a_value_of_the_columns_kind_suits(value: Any, dtype: pl.DataType) -> None:
    check_value(value, dtype, column="x", option="ge")


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ("1", pl.Float64()),
        (True, pl.Int64()),
        (float("nan"), pl.Float64()),
        (float("-inf"), pl.Float64()),
        (1, pl.String()),
        (1, pl.List(pl.Int64)),
        (AWARE, pl.Date()),
        (AWARE.replace(tzinfo=None), pl.Datetime("us", "UTC")),
        (date(2013, 1, 1), pl.Datetime("us", "UTC")),
    ],
    ids=repr,
)
def test_a_value_of_another_kind_names_column_and_option(value: Any, dtype: pl.DataType) -> None:
    with pytest.raises(DefinitionError, match=r"Column 'x': ge=.* does not suit") as caught:
        check_value(value, dtype, column="x", option="ge")
    assert caught.value.remedy
