from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Optional

import polars as pl
import pytest

from workbench.dtypes import UTC, dtype_from_json, dtype_to_json, resolve
from workbench.errors import DefinitionError

DTYPES = [
    *(pl.Int8(), pl.Int16(), pl.Int32(), pl.Int64(), pl.UInt8(), pl.UInt16(), pl.UInt32(), pl.UInt64()),
    *(pl.Float32(), pl.Float64(), pl.Boolean(), pl.String(), pl.Binary(), pl.Date(), pl.Time(), pl.Categorical()),
    *(pl.Datetime("us", "UTC"), pl.Datetime("ns"), pl.Duration("ms"), pl.Decimal(10, 2), pl.Enum(["a", "b"])),
    *(pl.List(pl.Int64), pl.List(pl.List(pl.Date())), pl.Array(pl.Int8, 3), pl.Array(pl.Int8, (2, 3))),
    pl.Struct({"a": pl.Int8, "b": pl.List(pl.Datetime("us", "UTC"))}),
]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_dtype_survives_json(dtype: pl.DataType) -> None:
    back = dtype_from_json(json.loads(json.dumps(dtype_to_json(dtype))))
    assert isinstance(back, pl.DataType)
    assert back == dtype
    assert str(back) == str(dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype_can_annotate_a_column(dtype: pl.DataType) -> None:
    assert resolve(dtype, column="x") == (dtype, False)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (str, pl.String()),
        (int, pl.Int64()),
        (float, pl.Float64()),
        (bool, pl.Boolean()),
        (date, pl.Date()),
        (time, pl.Time()),
        (timedelta, pl.Duration("us")),
        (UTC, pl.Datetime("us", "UTC")),
        (pl.Int32, pl.Int32()),
        (list[int], pl.List(pl.Int64())),
        (Annotated[pl.Enum, ["a", "b"]], pl.Enum(["a", "b"])),
    ],
)
def test_annotations_stand_for_dtypes(annotation: Any, expected: pl.DataType) -> None:
    assert resolve(annotation, column="x") == (expected, False)


@pytest.mark.parametrize("annotation", [float | None, Optional[float], None | float])  # noqa: UP045
def test_an_optional_annotation_allows_nulls(annotation: Any) -> None:
    assert resolve(annotation, column="x") == (pl.Float64(), True)


@pytest.mark.parametrize(
    "annotation", [object, pl.Object, pl.Null, pl.List, pl.Enum, dict, dict[str, int], int | str, list, "float", 3, Any]
)
def test_an_unsupported_annotation_names_the_column(annotation: Any) -> None:
    with pytest.raises(DefinitionError, match=r"Column 'delay': .* is not a column type") as caught:
        resolve(annotation, column="delay")
    assert caught.value.remedy


def test_a_bare_datetime_is_pointed_to_utc() -> None:
    with pytest.raises(DefinitionError, match="Annotate a moment as UTC"):
        resolve(datetime, column="at")


def test_decimal_keeps_its_digits() -> None:
    assert resolve(Decimal, column="x")[0] == pl.Decimal(38, 9)


def test_an_unknown_dtype_in_a_record_is_named() -> None:
    with pytest.raises(DefinitionError, match="Quaternion"):
        dtype_from_json({"kind": "Quaternion"})
