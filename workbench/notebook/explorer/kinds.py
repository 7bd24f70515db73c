"""What kind of values a feature has, and its values as numbers that a chart can place."""

from __future__ import annotations

from typing import Literal

import polars as pl

from workbench.profile import norms

Kind = Literal["number", "time", "duration", "category", "norm", "length", "other"]

_PER_SECOND = {"ms": 1e3, "us": 1e6, "ns": 1e9}


def kind_of(dtype: pl.DataType) -> Kind:
    """Return how values of `dtype` are drawn: along an axis, or as categories; truth values are categories.

    A list of numbers is drawn as its norm, the root of the sum of squares, any other list as its length. Structs and
    bytes, ``other``, are not drawn.

    Examples
    --------
    >>> kind_of(pl.Float32()), kind_of(pl.Date()), kind_of(pl.Boolean())
    ('number', 'time', 'category')
    >>> kind_of(pl.List(pl.Float64())), kind_of(pl.List(pl.String())), kind_of(pl.Struct({"a": pl.Int64()}))
    ('norm', 'length', 'other')
    """
    if isinstance(dtype, pl.List | pl.Array):
        return "norm" if dtype.inner.is_numeric() else "length"
    if dtype.is_numeric():
        return "number"
    if isinstance(dtype, pl.Datetime | pl.Date):
        return "time"
    if isinstance(dtype, pl.Duration | pl.Time):
        return "duration"
    return "category" if isinstance(dtype, pl.String | pl.Categorical | pl.Enum | pl.Boolean) else "other"


def is_numeric(kind: Kind) -> bool:
    """Whether values of this kind lie along an axis."""
    return kind not in {"category", "other"}


def is_list(dtype: pl.DataType) -> bool:
    """Whether values are lists."""
    return isinstance(dtype, pl.List | pl.Array)


def is_slow(dtype: pl.DataType) -> bool:
    """Whether values take so long that fewer of them are looked at."""
    return is_list(dtype) or kind_of(dtype) == "category"


def drawn_as(kind: Kind, dtype: str) -> str:
    """Return what stands for values that have no place on an axis; empty for all others.

    Examples
    --------
    >>> drawn_as("other", "Struct({'a': Int64, 'b': String})")
    'Values of the type Struct are not drawn; a feature for each part of them would be.'
    """
    match kind:
        case "norm":
            return "Drawn is the norm of each list, the root of the sum of squares; NaN where a null is inside."
        case "length":
            return "Drawn is how many values each list has."
        case "other":
            what = dtype.partition("(")[0]
            return f"Values of the type {what} are not drawn; a feature for each part of them would be."
        case _:
            return ""


def as_number(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return numbers, times (seconds since 1970) and durations (seconds) as Float64, of lists what stands for them.

    Null stays null.
    """
    if is_list(dtype):
        column = _list_as_number(column, dtype)
    if isinstance(dtype, pl.Date):
        return column.to_physical().cast(pl.Float64) * 86_400
    if isinstance(dtype, pl.Time):
        return column.to_physical().cast(pl.Float64) / 1e9
    if isinstance(dtype, pl.Datetime | pl.Duration):
        return column.to_physical().cast(pl.Float64) / _PER_SECOND[dtype.time_unit]
    return column.cast(pl.Float64)


def list_as_number(name: str, dtype: pl.DataType) -> pl.Expr:
    """Return what is drawn of a column of lists: norms, or lengths, which are whole numbers."""
    return _list_as_number(pl.col(name), dtype).alias(name)


def _list_as_number(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Array):
        column = column.arr.to_list()
    if kind_of(dtype) == "norm":
        return column.map_batches(norms, return_dtype=pl.Float64, is_elementwise=True)
    return column.list.len().cast(pl.Int64)
