"""What kind of values a feature has, and its values as numbers that a chart can place."""

from __future__ import annotations

from typing import Literal

import polars as pl

Kind = Literal["number", "time", "duration", "category", "other"]

_PER_SECOND = {"ms": 1e3, "us": 1e6, "ns": 1e9}


def kind_of(dtype: pl.DataType) -> Kind:
    """Return how values of `dtype` are drawn: along an axis, or as categories; truth values are categories.

    Examples
    --------
    >>> kind_of(pl.Float32()), kind_of(pl.Date()), kind_of(pl.Boolean())
    ('number', 'time', 'category')
    """
    if dtype.is_numeric():
        return "number"
    if isinstance(dtype, pl.Datetime | pl.Date):
        return "time"
    if isinstance(dtype, pl.Duration | pl.Time):
        return "duration"
    return "category" if isinstance(dtype, pl.String | pl.Categorical | pl.Enum | pl.Boolean) else "other"


def is_numeric(kind: Kind) -> bool:
    """Whether values of this kind lie along an axis."""
    return kind in {"number", "time", "duration"}


def as_number(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return numbers, times (seconds since 1970) and durations (seconds) as Float64; null stays null."""
    if isinstance(dtype, pl.Date):
        return column.to_physical().cast(pl.Float64) * 86_400
    if isinstance(dtype, pl.Time):
        return column.to_physical().cast(pl.Float64) / 1e9
    if isinstance(dtype, pl.Datetime | pl.Duration):
        return column.to_physical().cast(pl.Float64) / _PER_SECOND[dtype.time_unit]
    return column.cast(pl.Float64)
