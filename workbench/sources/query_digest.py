"""The digest of a query's rows: a table is a set of named, typed columns and a multiset of rows.

Two results have the same digest when they have the same column names and dtypes and the same rows, each as often.
The order in which a server returns rows, and the order of columns, mean nothing. Every value counts to its last bit,
however deep it is: nanoseconds, the sign of zero, what a NaN carries, null and an empty list. The digest does not
depend on the engine's own hash functions, so it stays the same from one version of the engine to the next.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from workbench.lazy import deferred

if TYPE_CHECKING:
    import polars as pl
else:
    pl = deferred("polars")

_SCHEME = b"rows-2"
_BLOCK_ROWS = 65_536


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...


def in_order(frame: pl.DataFrame, first: Sequence[str]) -> pl.DataFrame:
    """Return the rows of `frame` in the one order that depends on their values alone."""
    if not frame.width:
        return frame
    leading = [column for column in dict.fromkeys(first) if column in frame.columns]
    names = [*leading, *sorted(set(frame.columns) - set(leading))]
    keys = [_comparable(frame.get_column(name)).alias(str(place)) for place, name in enumerate(names)]
    place = "place"
    ordered = pl.DataFrame(keys).with_row_index(place).sort([str(at) for at in range(len(names))], nulls_last=False)
    return frame[ordered.get_column(place)]


def rows_digest(frame: pl.DataFrame) -> str:
    """Return the SHA-256, in hexadecimal digits, of rows that `in_order` has put in order."""
    digest = hashlib.sha256(_SCHEME)
    digest.update(frame.height.to_bytes(8, "little"))
    for name in sorted(frame.columns):
        column = frame.get_column(name)
        _update_text(digest, name)
        _update_text(digest, str(column.dtype))
        _update(digest, _comparable(column))
    return digest.hexdigest()


def _comparable(column: pl.Series) -> pl.Series:
    """Return `column` with other values as other bytes, in a dtype that can be sorted and written."""
    dtype = column.dtype
    if dtype.is_float():
        bits = column.fill_null(0).rechunk().to_numpy().view(f"int{column.to_numpy().itemsize * 8}")
        present = pl.Series(column.name, bits)
        return present.to_frame().select(pl.when(column.is_not_null()).then(pl.col(column.name))).to_series()
    if dtype.is_nested():
        plain = column.to_physical() if isinstance(dtype, pl.Map) else column
        values = plain.cast(_plain(plain.dtype)).to_list()
        return pl.Series(column.name, [None if value is None else _spell(value) for value in values], pl.String)
    plain = column.cast(_plain(dtype))
    return plain.cast(pl.String) if plain.dtype in {pl.Int128, pl.UInt128} else plain


def _plain(dtype: pl.DataType) -> pl.DataType:
    """Return the dtype in which every value of `dtype` comes to Python exactly: whole numbers for times."""
    match dtype:
        case pl.List():
            return pl.List(_plain(_instance(dtype.inner)))
        case pl.Array():
            return pl.Array(_plain(_instance(dtype.inner)), dtype.size)
        case pl.Map():
            return pl.List(pl.Struct({"key": _plain(_instance(dtype.key)), "value": _plain(_instance(dtype.value))}))
        case pl.Struct():
            return pl.Struct({field.name: _plain(_instance(field.dtype)) for field in dtype.fields})
        case pl.Categorical() | pl.Enum() | pl.Decimal():
            return pl.String()
        case pl.Date():
            return pl.Int32()
        case pl.Datetime() | pl.Duration() | pl.Time():
            return pl.Int64()
    return dtype


def _instance(dtype: Any) -> pl.DataType:
    return dtype if isinstance(dtype, pl.DataType) else dtype()


def _spell(value: object) -> str:
    """Return an unambiguous text of a nested value."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key!r}:{_spell(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, (list, tuple, pl.Series)):
        return "[" + ",".join(_spell(inner) for inner in value) + "]"
    if isinstance(value, float):
        return struct.pack("<d", value).hex()
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
