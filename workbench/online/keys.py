"""Keys of the online store: an entity as bytes that sort as the entity does and never run together.

A key is a tag, then each entity column in turn. Numbers have a fixed width, with their order kept; texts end in a mark
that no text contains. An entity too long for a key of LMDB stands for itself by its BLAKE2b-256.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from functools import cached_property
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from workbench.errors import JoinError, UsageError, did_you_mean
from workbench.online.packed import Packed, constant
from workbench.times import EPOCH, microseconds

LONGEST = 400
"""Bytes of an entity that a key holds as they are; LMDB takes 511 for the whole key."""
SUFFIX = 8
"""Bytes of an instant at the end of a row's key."""
PLAIN, HASHED = b"\x00", b"\x01"
NO_ROW = b"\xff"
"""What stands for the key of an entity that no row can have: no key of a row begins so."""
_END, _ZERO = b"\x00\x01", b"\x00\xff"
_MICROSECOND = timedelta(microseconds=1)
_PER_MICROSECOND = {"us": 1, "ns": 1_000}

Encode = Callable[[Any], "bytes | None"]
"""Returns the bytes of a value of the right kind; None for one that no stored row can have."""


class WrongKind(TypeError):
    """A value is of another kind than the column."""


def encoder(dtype: pl.DataType) -> Encode:
    """Return what turns values of a key column into bytes.

    It raises `WrongKind` for a value of another kind: ``"1"``, ``1.0`` and ``True`` are no whole number, though numpy's
    integers are.
    """
    match dtype:
        case pl.String() | pl.Enum() | pl.Categorical():
            return _text
        case pl.UInt64():
            return lambda value: _fixed(">Q", _whole(value))
        case _ if dtype.is_integer():
            return _integer
        case pl.Float32() | pl.Float64():
            return _real
        case pl.Boolean():
            return _truth
        case pl.Binary():
            return _bytes
        case pl.Date():
            return _day
        case pl.Datetime():
            return lambda value: _moment(value, dtype)
        case pl.Duration():
            return lambda value: _duration(value, dtype)
        case pl.Time():
            return _time
        case pl.Decimal():
            return lambda value: _decimal(value, dtype.scale)
    raise UsageError(
        f"A key of dtype {dtype} cannot be looked up online.",
        remedy="Use a key of text, whole numbers, dates or times.",
    )


@dataclass(frozen=True)
class EntityKeys:
    """How the entities of one view become keys.

    Parameters
    ----------
    view
        The view, for messages.
    columns
        The entity columns in the view's order, with their dtypes.
    """

    view: str
    columns: tuple[tuple[str, pl.DataType], ...]

    @cached_property
    def encoders(self) -> tuple[tuple[str, Encode], ...]:
        """The columns, with what turns their values into bytes."""
        return tuple((name, encoder(dtype)) for name, dtype in self.columns)

    def encode(self, entity: Mapping[str, object], names: Mapping[str, str] | None = None) -> bytes | None:
        """Return the key of an entity; None where a key column is null or can equal no row's."""
        parts = []
        for name, encode in self.encoders:
            called = names.get(name, name) if names else name
            try:
                value = entity[called]
                part = None if value is None else encode(value)
            except KeyError:
                raise self._missing(called, entity) from None
            except WrongKind:
                raise self._wrong(called, name, entity[called]) from None
            if part is None:
                return None
            parts.append(part)
        return whole_key(b"".join(parts))

    def stored_by(self, names: Mapping[str, str]) -> Callable[[Sequence[Mapping[str, object]]], list[bytes]]:
        """Return what makes the keys of entities, as `encode` does; `NO_ROW` for one that no row can have.

        `names` is what the entities call columns that are called otherwise.
        """

        def each(entities: Sequence[Mapping[str, object]]) -> list[bytes]:
            return [self.encode(entity, names) or NO_ROW for entity in entities]

        if len(self.encoders) != 1:
            return each
        ((name, encode),) = self.encoders
        called = names.get(name, name)

        def of_one_column(entities: Sequence[Mapping[str, object]]) -> list[bytes]:
            try:
                return [
                    NO_ROW
                    if (part := encode(entity[called])) is None
                    else PLAIN + part
                    if len(part) <= LONGEST
                    else whole_key(part)
                    for entity in entities
                ]
            except (KeyError, WrongKind):
                return each(entities)  # which says what is wrong, or that it is null

        return of_one_column

    def encode_columns(self, columns: Sequence[pl.Series]) -> Sequence[bytes]:
        """Return the keys of entities of the view itself, none of which is null, from their columns."""
        numbers = {column.name: _whole_column(column) for column in columns if _has_fixed_keys(column.dtype)}
        if len(numbers) == len(columns) and SUFFIX * len(numbers) <= LONGEST:
            return Packed.of_columns(constant(PLAIN), *numbers.values())
        parts = [
            Packed.of_columns(numbers[column.name]) if column.name in numbers else map(encode, column)
            for column, (_, encode) in zip(columns, self.encoders, strict=True)
        ]
        joined = parts[0] if len(parts) == 1 else map(b"".join, zip(*parts, strict=True))
        whole: list[bytes] = list(joined)  # type: ignore[arg-type]  # as before
        if max(map(len, whole), default=0) <= LONGEST:
            return list(map(PLAIN.__add__, whole))
        return [whole_key(each) for each in whole]

    def _missing(self, column: str, entity: Mapping[str, object]) -> JoinError:
        return JoinError(
            f"The entity has no {column!r}, which is a key of view {self.view!r}.",
            remedy=did_you_mean(column, [str(name) for name in entity]) or f"Give {column!r} a value.",
        )

    def _wrong(self, called: str, name: str, value: object) -> JoinError:
        dtype = dict(self.columns)[name]
        return JoinError(
            f"The key {called!r} of view {self.view!r} is {dtype}; {value!r} is {type(value).__name__}.",
            remedy=f"Pass a value of type {_kind(dtype)}.",
        )


def whole_key(entity: bytes) -> bytes:
    """Return the key of an entity's bytes, which may be many."""
    if len(entity) <= LONGEST:
        return PLAIN + entity
    return HASHED + hashlib.blake2b(entity, digest_size=32).digest()


def descending(instant: int) -> bytes:
    """Return microseconds since the epoch as bytes that sort the latest first."""
    return struct.pack(">Q", 2**63 - 1 - instant)


def instant_of(suffix: bytes) -> int:
    """Return the microseconds that `descending` turned into bytes."""
    return int(2**63 - 1 - struct.unpack(">Q", suffix)[0])


def _text(value: object) -> bytes:
    if not isinstance(value, str):
        raise WrongKind
    return value.encode("utf-8", "surrogatepass").replace(b"\x00", _ZERO) + _END


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise WrongKind
    return bytes(value).replace(b"\x00", _ZERO) + _END


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise WrongKind
    return int(value)


def _integer(value: object) -> bytes | None:
    if type(value) is not int:  # else it is one for sure: this is the commonest of keys
        value = _whole(value)
    try:
        return (value + 2**63).to_bytes(8, "big")
    except OverflowError:
        return None


def _fixed(form: str, value: int) -> bytes | None:
    try:
        return struct.pack(form, value)
    except struct.error:  # beyond the column's range: no row has it
        return None


def _has_fixed_keys(dtype: pl.DataType) -> bool:
    return dtype.is_integer() and dtype != pl.UInt64


def _whole_column(column: pl.Series) -> npt.NDArray[Any]:
    """Return what `_integer` makes of each value; a tenth of its time."""
    found: npt.NDArray[Any] = (column.cast(pl.Int64).to_numpy() ^ np.int64(-(2**63))).astype(">i8")
    return found


def _signed(value: int, size: int = 8) -> bytes | None:
    try:
        return (value + (1 << (8 * size - 1))).to_bytes(size, "big")
    except OverflowError:
        return None


def _real(value: object) -> bytes:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise WrongKind
    number = float(value) + 0.0  # -0.0 and 0.0 are one key, as in a join
    if number != number:
        return b"\xff" * 8  # so are all NaN
    bits: int = struct.unpack(">Q", struct.pack(">d", number))[0]
    return struct.pack(">Q", bits ^ (2**64 - 1 if bits >> 63 else 2**63))


def _truth(value: object) -> bytes:
    if not isinstance(value, bool):
        raise WrongKind
    return b"\x01" if value else b"\x00"


def _day(value: object) -> bytes | None:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise WrongKind
    return _signed((value - EPOCH.date()).days)


def _moment(value: object, dtype: pl.Datetime) -> bytes | None:
    if not isinstance(value, datetime):
        raise WrongKind
    return _in_unit(microseconds(value.replace(tzinfo=UTC) if value.tzinfo is None else value), dtype.time_unit)


def _duration(value: object, dtype: pl.Duration) -> bytes | None:
    if not isinstance(value, timedelta):
        raise WrongKind
    return _in_unit(value // _MICROSECOND, dtype.time_unit)


def _in_unit(micros: int, unit: str) -> bytes | None:
    if unit == "ms":
        whole, rest = divmod(micros, 1_000)
        return None if rest else _signed(whole)
    return _signed(micros * _PER_MICROSECOND[unit])


def _time(value: object) -> bytes | None:
    if not isinstance(value, time):
        raise WrongKind
    seconds = (value.hour * 60 + value.minute) * 60 + value.second
    return _signed((seconds * 1_000_000 + value.microsecond) * 1_000)


def _decimal(value: object, scale: int) -> bytes | None:
    if isinstance(value, bool) or not isinstance(value, Decimal | Integral):
        raise WrongKind
    try:
        scaled = (value if isinstance(value, Decimal) else Decimal(int(value))).scaleb(scale)
        whole = int(scaled)
    except (InvalidOperation, ValueError, OverflowError):  # NaN, infinity
        return None
    return _signed(whole, 17) if whole == scaled else None


def _kind(dtype: pl.DataType) -> str:
    kinds: dict[type[pl.DataType], str] = {
        pl.Boolean: "bool",
        pl.Binary: "bytes",
        pl.Date: "datetime.date",
        pl.Datetime: "datetime.datetime",
        pl.Duration: "datetime.timedelta",
        pl.Time: "datetime.time",
        pl.Decimal: "decimal.Decimal",
    }
    if dtype.is_integer():
        return "int"
    return "float" if dtype.is_float() else kinds.get(type(dtype), "str")
