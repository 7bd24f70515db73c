"""Rows of the online store: numbers at fixed places, all else as one MessagePack array, typed by the view's contract.

A row is how many features it has, a bit for each number that says whether it is null, event time, `created`, the
numbers (little endian, without gaps), and then the other features. `struct` unpacks one row as quickly as msgspec does;
a thousand become columns by numpy, in a tenth of the time that it takes by way of Python's values.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from operator import itemgetter
from typing import Any, TypedDict

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from workbench.define import Contract
from workbench.lake import physical, restore
from workbench.online.backend import BOUNDS
from workbench.online.packed import Packed

EVENT, CREATED, FIRST = 0, 1, 2
"""Places of a row's event time and `created`, in microseconds since the epoch, and of its first feature."""
NEVER = -(2**63)
"""What is stored as `created` where a view does not say: no time is so early."""

SEVERAL, MANY = 64, 256
"""Rows from which on numpy decodes numbers, and looks at bounds, sooner than Python does."""

Row = Sequence[Any]
"""Event time, `created` (`NEVER` or None where a view does not say), and the features."""
Columns = Sequence[Sequence[Any]]
"""Rows, column by column."""
Bits = npt.NDArray[np.bool_]

_FIXED: dict[type[pl.DataType], str] = {
    pl.Boolean: "?",
    pl.Int8: "b",
    pl.Int16: "h",
    pl.Int32: "i",
    pl.Int64: "q",
    pl.Float32: "f",
    pl.Float64: "d",
}
"""The stored dtypes that have a fixed width, with the letters that `struct` and numpy call them by."""
_PLAIN: dict[type[pl.DataType], Any] = {
    pl.Boolean: bool,
    pl.String: str,
    pl.Binary: bytes,
    pl.Date: date,
    pl.Datetime: datetime,
    pl.Decimal: Decimal,
}
_pack_rest = msgspec.msgpack.Encoder(decimal_format="string").encode


@dataclass(frozen=True)
class RowCodec:
    """Encodes and decodes the rows of one contract.

    A row that was written before nullable columns were added is shorter; they are null in it.

    Parameters
    ----------
    contract
        The contract.
    width
        How many of its features a row has, the first ones; all if absent.
    """

    contract: Contract
    width: int | None = None

    @cached_property
    def features(self) -> tuple[str, ...]:
        """The features in the order of their values."""
        return tuple(column.name for column in self.contract.features)[: self.width]

    @cached_property
    def stored(self) -> pl.Schema:
        """The features with the dtypes that their values are stored as."""
        return pl.Schema({name: physical(self.contract[name].dtype) for name in self.features})

    @cached_property
    def fixed(self) -> tuple[str, ...]:
        """The features that have a fixed width, in the order of their bits."""
        return tuple(name for name, dtype in self.stored.items() if type(dtype) in _FIXED)

    @cached_property
    def plain(self) -> dict[str, str]:
        """The features that `head` has as they are, with what it calls them."""
        kept = [name for name in self.fixed if self.stored[name] == self.contract[name].dtype]
        return {name: str(self.features.index(name)) for name in kept}

    @cached_property
    def rest(self) -> tuple[str, ...]:
        """The other features."""
        return tuple(name for name in self.features if name not in self.fixed)

    @cached_property
    def head(self) -> np.dtype[np.void]:
        """A row without `rest`, as numpy reads it; its numbers are called as the features' places."""
        numbers = [(str(self.features.index(name)), f"<{_FIXED[type(self.stored[name])]}") for name in self.fixed]
        nulls = ("nulls", "u1", (-(-len(numbers) // 8),))
        return np.dtype([("width", "<u2"), nulls, ("event", "<i8"), ("created", "<i8"), *numbers])

    @cached_property
    def bounded_head(self) -> np.dtype[np.void]:
        """`head` after the instants between which the row answers."""
        return np.dtype([("since", ">i8"), ("until", ">i8"), *self.head.descr])

    def encode(self, frame: pl.DataFrame, *, event: str, created: str) -> Sequence[bytes]:
        """Return the row of bytes of each row of `frame`."""
        columns = frame.select(pl.col(name).cast(dtype) for name, dtype in self.stored.items())
        heads = np.zeros(frame.height, self.head)
        heads["width"] = len(self.features)
        heads["event"] = frame[event].to_numpy()
        heads["created"] = frame[created].fill_null(NEVER).to_numpy()
        for bit, name in enumerate(self.fixed):
            column = columns[name]
            if column.null_count():
                heads["nulls"][:, bit // 8] |= column.is_null().to_numpy().astype(np.uint8) << (bit % 8)
                column = column.fill_null(False if column.dtype == pl.Boolean else 0)
            heads[str(self.features.index(name))] = column.to_numpy()
        rows = Packed(heads.tobytes(), heads.itemsize)
        if not self.rest:
            return rows
        tails = columns.select(self.rest).iter_rows()
        return [row + _pack_rest(tail) for row, tail in zip(rows, tails, strict=True)]

    @cached_property
    def decode_columns(self) -> Callable[[Sequence[bytes]], Columns | None]:
        """What turns rows into columns: what `decode` gives of each, without a step of Python's for each.

        None where numbers are null in some row, or it is from before the last columns were added.
        """
        return self._column_decoder(0)

    @cached_property
    def decode_entries(self) -> Callable[[Sequence[bytes]], Columns | None]:
        """What does so with rows that are behind their bounds."""
        return self._column_decoder(BOUNDS.size)

    def _column_decoder(self, start: int) -> Callable[[Sequence[bytes]], Columns | None]:
        size = start + self.head.itemsize
        sizes = {size}
        unpack = struct.Struct(f"<{start}x{self._start}s2q{self._letters}").unpack_from
        unpack_rest, in_order, without_nulls = self._unpack_rest, self._in_order, self._prefix(0)
        head = self.bounded_head if start else self.head
        fields = ["event", "created", *map(str, range(len(self.features)))]

        def decode_numbers(data: Sequence[bytes]) -> Columns | None:
            heads = np.frombuffer(b"".join(data), head)
            if heads["nulls"].any() or (heads["width"] != len(self.features)).any():
                return None
            return [heads[field].tolist() for field in fields]

        def decode(data: Sequence[bytes]) -> Columns | None:
            lengths = set(map(len, data))
            if lengths != sizes and (unpack_rest is None or min(lengths) < size):
                return None
            if unpack_rest is None and len(data) > SEVERAL:
                return decode_numbers(data)
            prefixes, *columns = zip(*map(unpack, data), strict=True)
            if prefixes.count(without_nulls) < len(data):
                return None
            return (
                columns
                if unpack_rest is None
                else in_order((*columns, *zip(*[unpack_rest(row[size:]) for row in data], strict=True)))
            )

        return decode

    @property
    def _letters(self) -> str:
        return "".join(_FIXED[type(self.stored[name])] for name in self.fixed)

    @cached_property
    def decode(self) -> Callable[..., Row]:
        """What turns bytes, and where a row begins in them, into event time, `created` (or `NEVER`), and its features.

        It raises ValueError for what is not a row of this contract.
        """
        features, start, size = len(self.features), self._start, self.head.itemsize
        unpack = struct.Struct(f"<{start}xqq{self._letters}").unpack_from
        unpack_rest, in_order = self._unpack_rest, self._in_order
        without_nulls = self._prefix(0)

        def decode(data: bytes, begin: int = 0) -> Row:
            length = len(data) - begin
            if length != size if unpack_rest is None else length < size:
                return self._decode_older(data[begin:])
            row = unpack(data, begin)
            if not data.startswith(without_nulls, begin):
                if int.from_bytes(data[begin : begin + 2], "little") != features:
                    return self._decode_older(data[begin:])
                nulls = int.from_bytes(data[begin + 2 : begin + start], "little")
                numbers = [None if nulls >> bit & 1 else number for bit, number in enumerate(row[FIRST:])]
                row = row[EVENT], row[CREATED], *numbers
            return row if unpack_rest is None else in_order((*row, *unpack_rest(data[begin + size :])))

        return decode

    @cached_property
    def to_python(self) -> tuple[Callable[[Any], Any] | None, ...]:
        """What turns each feature's stored value into the Python value of its dtype; None where it is that already."""
        dtypes = [self.contract[name].dtype for name in self.features]
        return tuple(None if _same_in_python(dtype) else _restorer(dtype) for dtype in dtypes)

    def series(self, name: str, values: Iterable[Any]) -> pl.Series:
        """Return stored values of the feature `name` as a series of its dtype."""
        return self.restored(pl.Series(name, list(values), dtype=self.stored[name], strict=True))

    def restored(self, stored: pl.Series) -> pl.Series:
        """Return a series of a feature, under its name and as it is stored, as one of its dtype."""
        dtype = self.contract[stored.name].dtype
        if stored.dtype == dtype:
            return stored
        return stored.to_frame().select(restore(pl.col(stored.name), dtype)).to_series()

    @cached_property
    def absent(self) -> bytes:
        """What stands for a row that is not there where rows become columns: all its numbers are null."""
        return self._prefix(0xFF).ljust(self.head.itemsize, b"\x00")

    @property
    def _start(self) -> int:
        """Where the event time begins."""
        return 2 + -(-len(self.fixed) // 8)

    def _prefix(self, nulls: int) -> bytes:
        return len(self.features).to_bytes(2, "little") + bytes([nulls]) * (self._start - 2)

    @cached_property
    def _in_order(self) -> Callable[[Row], Row]:
        """What brings event time, `created`, the numbers and the rest into the order of a row."""
        stored = [*self.fixed, *self.rest]
        return itemgetter(EVENT, CREATED, *(FIRST + stored.index(name) for name in self.features))

    @cached_property
    def _unpack_rest(self) -> Callable[[bytes], Any] | None:
        if not self.rest:
            return None
        kinds = [_kind(self.stored[name]) | None for name in self.rest]
        return msgspec.msgpack.Decoder(tuple[*kinds]).decode  # type: ignore[valid-type]  # made here

    def _decode_older(self, data: bytes) -> Row:
        """Decode a row from before the last columns were added."""
        width = int.from_bytes(data[:2], "little")
        if width >= len(self.features):
            raise ValueError(f"A row of {len(self.features)} features has {width}, in {len(data)} bytes.")
        codec = self._older.setdefault(width, RowCodec(self.contract, width))
        return (*codec.decode(data), *[None] * (len(self.features) - width))

    @cached_property
    def _older(self) -> dict[int, RowCodec]:
        return {}


class StoredRows(Sequence["Row | None"]):
    """Rows as they are stored, decoded once somebody looks at them: one by one, or column by column.

    Parameters
    ----------
    codec
        What decodes them.
    data
        Their bytes; None for one that is not there.
    bounded
        Whether they are behind the instants between which they answer.
    """

    def __init__(self, codec: RowCodec, data: Sequence[bytes | None], *, bounded: bool = False) -> None:
        self.codec = codec
        self._data = data
        self._bounded = bounded
        self._rows: list[Row | None] | None = None

    @property
    def decoded(self) -> list[Row | None]:
        """All rows; None for one that is not there."""
        if self._rows is None:
            decode, start = self.codec.decode, BOUNDS.size if self._bounded else 0
            self._rows = [None if row is None else decode(row, start) for row in self._data]
        return self._rows

    def answer_at(self, instant: int) -> bool:
        """Whether all of them, which are behind their bounds, answer at an instant."""
        if len(self._data) > MANY and self._heads is not None:
            since, until = self._heads["since"], self._heads["until"]
            return bool((((since <= instant) & (instant < until)) | ~self.present).all())
        bounds = [BOUNDS.unpack_from(row) for row in self._data if row is not None]
        return all(since <= instant < until for since, until in bounds)

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, place: Any) -> Any:
        return self.decoded[place]

    def __iter__(self) -> Any:
        return iter(self.decoded)

    def __contains__(self, row: object) -> bool:
        return row in (self._data if row is None else self.decoded)

    @cached_property
    def _whole(self) -> bytes | None:
        """All of them at once; None where one is not there."""
        try:
            return b"".join(self._data)  # type: ignore[arg-type]  # which is found out so
        except TypeError:
            return None

    @cached_property
    def present(self) -> Bits:
        """Which of them are there."""
        if self._whole is not None:
            return np.ones(len(self._data), np.bool_)
        return np.array([row is not None for row in self._data], np.bool_)

    @cached_property
    def events(self) -> npt.NDArray[np.int64]:
        """The event time of each; 0 for one that is not there."""
        if self._heads is not None:
            return np.ascontiguousarray(self._heads["event"])
        return np.array([0 if row is None else row[EVENT] for row in self.decoded], np.int64)

    def series(self, name: str) -> pl.Series:
        """Return the feature `name` of all rows as a series of its dtype; null where there is no row."""
        codec, heads = self.codec, self._heads
        place = codec.features.index(name)
        if heads is None or name not in codec.fixed:
            return codec.series(name, [None if row is None else row[FIRST + place] for row in self.decoded])
        series = pl.Series(name, np.ascontiguousarray(heads[str(place)]))
        if not self._is_without_nulls:
            bit = codec.fixed.index(name)
            nulls = heads["nulls"][:, bit // 8] & (1 << bit % 8)
            if nulls.any():
                series = with_nulls(series, nulls == 0)
        return codec.restored(series)

    def numbers(self, name: str) -> npt.NDArray[Any] | None:
        """Return the feature `name` of all rows as numpy has it; None where a number is null, or is stored else."""
        place = self.codec.plain.get(name)
        if place is None or self._heads is None or not self._is_without_nulls:
            return None
        return np.ascontiguousarray(self._heads[place])

    @cached_property
    def _is_without_nulls(self) -> bool:
        """Whether every row is there, and no number in it is null."""
        return self._heads is not None and not self._heads["nulls"].any()

    @cached_property
    def _heads(self) -> npt.NDArray[np.void] | None:
        """The rows without `RowCodec.rest`; None where some are from before the last columns were added."""
        codec, start = self.codec, BOUNDS.size if self._bounded else 0
        head = codec.bounded_head if self._bounded else codec.head
        size = head.itemsize
        if not codec.rest and self._whole is not None and len(self._whole) == len(self._data) * size:
            heads = np.frombuffer(self._whole, head)  # none is longer, so none is shorter
            return heads if (heads["width"] == len(codec.features)).all() else None
        rows: Sequence[bytes] = self._data  # type: ignore[assignment]  # which has no None then
        if None in self._data:
            absent = bytes(start) + codec.absent
            rows = [absent if row is None else row for row in self._data]
        if set(map(len, rows)) != {size}:
            rows = [row[:size] for row in rows]
        data = b"".join(rows)
        if len(data) != len(rows) * size:
            return None
        heads = np.frombuffer(data, head)
        return heads if (heads["width"] == len(codec.features)).all() else None


def transposed(rows: Sequence[Row | None]) -> Columns | None:
    """Return rows column by column; None where there are none, or one is None."""
    return None if None in rows or not rows else [*zip(*rows, strict=True)]


def with_nulls(series: pl.Series, holds: Bits) -> pl.Series:
    """Return a series that is null where `holds` is not true."""
    return series.zip_with(pl.Series(holds), pl.Series(series.name, [None], dtype=series.dtype))


def _kind(dtype: pl.DataType) -> Any:
    match dtype:
        case pl.List():
            return list[_kind(_instance(dtype.inner)) | None]  # type: ignore[misc]  # a type that is made here
        case pl.Struct():
            kinds = {field.name: _kind(_instance(field.dtype)) | None for field in dtype.fields}
            return TypedDict("Struct", kinds)  # type: ignore[operator]  # a type that is made here
        case _ if dtype.is_integer():
            return int
        case _ if dtype.is_float():
            return float
    return _PLAIN[type(dtype)]


def _same_in_python(dtype: pl.DataType) -> bool:
    """Whether a stored value is, in Python, equal to the value of `dtype`."""
    stored = physical(dtype)
    if stored == dtype:
        return True
    texts = (pl.Enum, pl.Categorical)
    return (dtype.is_integer() and stored.is_integer()) or (isinstance(dtype, texts) and isinstance(stored, pl.String))


def _restorer(dtype: pl.DataType) -> Callable[[Any], Any]:
    stored = physical(dtype)

    def to_python(value: Any) -> Any:
        if value is None:
            return None
        series = pl.Series("value", [value], dtype=stored, strict=True)
        return series.to_frame().select(restore(pl.col("value"), dtype)).to_series().to_list()[0]

    return to_python


def _instance(dtype: Any) -> pl.DataType:
    return dtype if isinstance(dtype, pl.DataType) else dtype()
