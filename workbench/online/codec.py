"""Rows of the online store: MessagePack arrays of event time, `created` and features, typed by the view's contract."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, TypedDict

import msgspec
import polars as pl

from workbench.define import Contract
from workbench.lake import physical, restore

EVENT, CREATED, FIRST = 0, 1, 2
"""Places of a row's event time and `created`, in microseconds since the epoch, and of its first feature."""

encode_row = msgspec.msgpack.Encoder(decimal_format="string").encode
"""Return the bytes of a row."""

_PLAIN: dict[type[pl.DataType], Any] = {
    pl.Boolean: bool,
    pl.String: str,
    pl.Binary: bytes,
    pl.Date: date,
    pl.Datetime: datetime,
    pl.Decimal: Decimal,
}


@dataclass(frozen=True)
class RowCodec:
    """Encodes and decodes the rows of one contract.

    A row that was written before nullable columns were added is shorter; they are null in it.
    """

    contract: Contract

    @cached_property
    def features(self) -> tuple[str, ...]:
        """The features in the order of their values."""
        return tuple(column.name for column in self.contract.features)

    @cached_property
    def stored(self) -> pl.Schema:
        """The features with the dtypes that their values are stored as."""
        return pl.Schema({column.name: physical(column.dtype) for column in self.contract.features})

    @cached_property
    def decode(self) -> Callable[[bytes], Any]:
        """What turns a row's bytes into a sequence: event time, `created`, and the stored features."""
        kinds = [_kind(dtype) | None for dtype in self.stored.dtypes()]
        whole = msgspec.msgpack.Decoder(tuple[int, int | None, *kinds]).decode  # type: ignore[valid-type]  # made here
        shorter = msgspec.defstruct(
            "Row",
            [("event", int), ("created", int | None), *((f"f{n}", kind, None) for n, kind in enumerate(kinds))],
            array_like=True,
        )
        partial = msgspec.msgpack.Decoder(shorter).decode

        def decode(data: bytes) -> Any:
            try:
                return whole(data)
            except msgspec.ValidationError:
                return msgspec.structs.astuple(partial(data))

        return decode

    @cached_property
    def to_python(self) -> tuple[Callable[[Any], Any] | None, ...]:
        """What turns each feature's stored value into the Python value of its dtype; None where it is that already."""
        return tuple(
            None if _same_in_python(column.dtype) else _restorer(column.dtype) for column in self.contract.features
        )

    def frame(self, name: str, values: Iterable[Any]) -> pl.Series:
        """Return stored values of the feature `name` as a series of its dtype."""
        dtype = self.contract[name].dtype
        series = pl.Series(name, list(values), dtype=self.stored[name], strict=True)
        return series if series.dtype == dtype else series.to_frame().select(restore(pl.col(name), dtype)).to_series()


def stored_rows(frame: pl.DataFrame, codec: RowCodec, *, times: Sequence[str]) -> Iterable[tuple[Any, ...]]:
    """Yield ``times``, then the features as they are stored, of each row."""
    casts = [pl.col(name).cast(dtype) for name, dtype in codec.stored.items()]
    return frame.select(*times, *casts).iter_rows()


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
