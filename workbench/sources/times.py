"""A source's time columns: present, readable as instants, and in UTC to the microsecond."""

from __future__ import annotations

import polars as pl

from workbench.errors import SourceError, did_you_mean

INSTANT = pl.Datetime("us", "UTC")


def present(source: str, schema: pl.Schema, columns: dict[str, str]) -> None:
    """Refuse a source without one of `columns` (setting to column).

    Raises
    ------
    SourceError
        Naming the column and what was meant.
    """
    for setting, column in columns.items():
        if column not in schema:
            raise SourceError(
                f"Source {source!r} has no column {column!r}, which workbench.toml calls its {setting}.",
                remedy=f"{did_you_mean(column, schema)} Correct [sources.{source}] {setting}.",
            )


def instant(source: str, column: str, dtype: pl.DataType) -> pl.Expr:
    """Return `column` as Datetime("us", "UTC"): naive time and dates are UTC, text is parsed.

    Raises
    ------
    SourceError
        Where the dtype is no time.
    """
    value = pl.col(column)
    if dtype == pl.Date:
        return value.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    if dtype == pl.String:
        return value.str.to_datetime(time_unit="us", time_zone="UTC", strict=True)
    if isinstance(dtype, pl.Datetime):
        micro = value.dt.cast_time_unit("us")
        return micro.dt.replace_time_zone("UTC") if dtype.time_zone is None else micro.dt.convert_time_zone("UTC")
    raise SourceError(
        f"Source {source!r}: {column} is {dtype}, not a time.",
        remedy="Store it as a timestamp, or use a sql source that converts it, e.g. select to_timestamp(seconds) ...",
    )


def is_naive(dtype: pl.DataType) -> bool:
    """Whether the dtype holds a time without a zone."""
    return isinstance(dtype, pl.Datetime) and dtype.time_zone is None
