"""From the rows that a person writes to a frame of the dtypes that a view reads or makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from workbench.errors import DefinitionError, did_you_mean

Written = pl.DataFrame | Sequence[Mapping[str, Any]]


def frame_of(rows: Written, schema: Mapping[str, pl.DataType], *, where: str) -> pl.DataFrame:
    """Return `rows` with all columns of `schema`, in its order and dtypes; what is not written is null.

    Moments and days may be written as ISO text; without a zone they are UTC.

    Raises
    ------
    DefinitionError
        For a column that `schema` does not have, and a value that is none of its dtype.
    """
    names = named(rows)
    for name in names:
        if name not in schema:
            raise DefinitionError(
                f"{where} names the column {name!r}, which there is not.",
                remedy=did_you_mean(name, schema).capitalize(),
            )
    count = len(rows)
    return pl.DataFrame(
        [
            _column(name, dtype, _values(rows, name), where)
            if name in names
            else pl.Series(name, [None] * count, dtype)
            for name, dtype in schema.items()
        ]
    )


def named(rows: Written) -> list[str]:
    """Return the columns that `rows` name, in order of appearance."""
    if isinstance(rows, pl.DataFrame):
        return rows.columns
    return list(dict.fromkeys(name for row in rows for name in row))


def _values(rows: Written, name: str) -> list[Any]:
    return rows[name].to_list() if isinstance(rows, pl.DataFrame) else [row.get(name) for row in rows]


def _column(name: str, dtype: pl.DataType, values: list[Any], where: str) -> pl.Series:
    meant = [_meant(value, dtype) for value in values]
    try:
        if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
            return pl.Series(name, meant, pl.Datetime(dtype.time_unit, "UTC")).dt.convert_time_zone(dtype.time_zone)
        return pl.Series(name, meant, dtype, strict=True)
    except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError):
        kinds = ", ".join(sorted({type(value).__name__ for value in values if value is not None}))
        raise DefinitionError(
            f"{where}: {name!r} is {dtype}, and its values here are {kinds}.",
            remedy=f"Write values of {dtype}, or leave the column out.",
        ) from None


def _meant(value: Any, dtype: pl.DataType) -> Any:
    """Return a value as it is meant in a column of `dtype`: text as a moment, a number as a float."""
    if isinstance(dtype, pl.Datetime):
        return _moment(value, zoned=dtype.time_zone is not None)
    if isinstance(dtype, pl.Date) and isinstance(value, str):
        return _read(value, date.fromisoformat)
    if dtype.is_float() and type(value) is int:
        return float(value)
    return value


def _moment(value: Any, *, zoned: bool) -> Any:
    if isinstance(value, str):
        value = _read(value, datetime.fromisoformat)
    if type(value) is date:
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001  # its zone follows
    if not isinstance(value, datetime):
        return value
    moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return moment if zoned else moment.replace(tzinfo=None)


def _read(text: str, reader: Any) -> Any:
    try:
        return reader(text)
    except ValueError:
        return text
