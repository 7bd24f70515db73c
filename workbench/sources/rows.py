"""The digest of a query's rows: a table is a set of named, typed columns and a multiset of rows.

Two results have the same digest when they have the same column names and dtypes and the same rows, each as often.
The order in which a server returns rows, and the order of columns, mean nothing. Every value counts exactly: null is
its own, -0.0 equals 0.0, every NaN is the same. The digest does not depend on the engine's own hash functions, so it
stays the same from one version of the engine to the next.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

import polars as pl

_SCHEME = b"rows-1"
_BLOCK_ROWS = 65_536


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...


def in_order(frame: pl.DataFrame, first: Sequence[str]) -> pl.DataFrame:
    """Return the rows of `frame` in the one order that depends on their values alone.

    Parameters
    ----------
    frame
        Any rows.
    first
        Columns to sort by before all others (which follow by name); those that `frame` lacks are left out.
    """
    if not frame.width:
        return frame
    leading = [column for column in dict.fromkeys(first) if column in frame.columns]
    names = [*leading, *sorted(set(frame.columns) - set(leading))]
    keys = [_comparable(frame.get_column(name)).alias(str(place)) for place, name in enumerate(names)]
    place = "place"
    ordered = pl.DataFrame(keys).with_row_index(place).sort([str(at) for at in range(len(names))], nulls_last=False)
    return frame[ordered.get_column(place)]


def rows_digest(frame: pl.DataFrame) -> str:
    """Return the SHA-256, in hexadecimal digits, of rows that `in_order` has put in order.

    Parameters
    ----------
    frame
        Rows as `in_order` returned them.
    """
    digest = hashlib.sha256(_SCHEME)
    digest.update(frame.height.to_bytes(8, "little"))
    for name in sorted(frame.columns):
        column = frame.get_column(name)
        _update_text(digest, name)
        _update_text(digest, str(column.dtype))
        _update(digest, _comparable(column))
    return digest.hexdigest()


def _comparable(column: pl.Series) -> pl.Series:
    """Return `column` with equal values equal in bytes, in a dtype that can be sorted and written."""
    dtype = column.dtype
    if dtype.is_float():
        value = pl.col(column.name)
        spelled = pl.when(value == 0).then(pl.lit(0.0)).otherwise(value.fill_nan(float("nan")))
        return column.to_frame().select(spelled.cast(dtype).alias(column.name)).to_series()
    if isinstance(dtype, (pl.Categorical, pl.Enum)) or dtype.is_decimal():
        return column.cast(pl.String)
    if dtype.is_nested() or (dtype not in _PLAIN and not dtype.is_temporal()):
        return pl.Series(
            column.name, [None if value is None else _spelled(value) for value in column.to_list()], pl.String
        )
    return column.to_physical() if dtype.is_temporal() else column


_PLAIN = frozenset(
    {pl.Boolean, pl.String, pl.Binary, pl.Null, pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32}
    | {pl.UInt64}
)


def _spelled(value: object) -> str:
    """Return an unambiguous text of a nested or rare value."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_spelled(key)}:{_spelled(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, (list, tuple, pl.Series)):
        return "[" + ",".join(_spelled(inner) for inner in value) + "]"
    if isinstance(value, float):
        return "nan" if value != value else repr(value + 0.0)
    return repr(value)


def _update_text(digest: _Hash, text: str) -> None:
    data = text.encode()
    digest.update(len(data).to_bytes(8, "little"))
    digest.update(data)


def _update(digest: _Hash, column: pl.Series) -> None:
    """Feed the validity and the values of `column`, lengths first, so that no two columns give the same bytes."""
    digest.update(_bytes(column.is_null().cast(pl.UInt8)))
    if column.dtype == pl.Null:
        return
    if column.dtype == pl.String:
        column = column.cast(pl.Binary)
    if column.dtype == pl.Binary:
        filled = column.fill_null(b"")
        digest.update(_bytes(filled.bin.size().cast(pl.UInt64)))
        for start in range(0, len(filled), _BLOCK_ROWS):
            digest.update(b"".join(filled.slice(start, _BLOCK_ROWS).to_list()))
        return
    if column.dtype == pl.Boolean:
        column = column.cast(pl.UInt8)
    digest.update(_bytes(column.fill_null(0)))


def _bytes(column: pl.Series) -> bytes:
    values = column.rechunk().to_numpy()
    return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
