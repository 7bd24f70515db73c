"""Which Arrow types and values a source can carry, and what is done about zones that Polars does not know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any

from workbench.lazy import deferred

if TYPE_CHECKING:
    import polars as pl
else:
    pl = deferred("polars")

DIGITS = 38
_DAYS = (date.min.toordinal() - date(1970, 1, 1).toordinal(), date.max.toordinal() - date(1970, 1, 1).toordinal())
_A_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}

Refuse = Callable[[str, str], Exception]
"""Makes the error for a column, by its name, that is or holds something which cannot be carried."""


def repeated_names(names: list[str]) -> list[str]:
    """Return the names that stand more than once."""
    return [name for name, count in Counter(names).items() if count > 1]


def convert_table(table: Any, refuse: Refuse) -> pl.DataFrame:
    """Return the rows of a ``pyarrow.Table``, with UTC for zones that Polars does not know."""
    import pyarrow as pa

    for field, column in zip(table.schema, table.columns, strict=True):
        what = cannot_carry(field.type) or beyond(column)
        if what is not None:
            raise refuse(field.name, what)
    return as_frame(table.cast(pa.schema([field.with_type(in_utc(field.type)) for field in table.schema])))


def as_frame(table: Any) -> pl.DataFrame:
    """Return a ``pyarrow.Table`` as a frame of the same names; Polars alone renames a column whose name is empty."""
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - made of a table
    if frame.columns != table.column_names:
        frame.columns = table.column_names
    return frame


def beyond(column: Any) -> str | None:
    """Return which value of a ``pyarrow.ChunkedArray``, however deep, Polars does not hold; None where all fit."""
    import pyarrow as pa

    for chunk in column.chunks:
        for leaf in _leaves(chunk):
            if pa.types.is_decimal(leaf.type):
                try:
                    leaf.validate(full=True)
                except pa.ArrowInvalid:
                    return f"a number of more than {DIGITS} digits"
            elif pa.types.is_time(leaf.type):
                if _extremes(leaf)[1] >= _A_DAY[leaf.type.unit]:
                    return "the time 24:00"
            elif pa.types.is_date(leaf.type) or pa.types.is_timestamp(leaf.type):
                unit = None if pa.types.is_date32(leaf.type) else getattr(leaf.type, "unit", "ms")
                if not in_range(*_extremes(leaf), unit):
                    return "a moment outside the years 1 to 9999, such as 'infinity'"
    return None


def in_range(least: int, greatest: int, unit: str | None) -> bool:
    """Return whether moments, counted from 1970 in `unit` (days if None), are within the years 1 to 9999."""
    day = 1 if unit is None else _A_DAY[unit]
    return least >= _DAYS[0] * day and greatest < (_DAYS[1] + 1) * day


def _extremes(leaf: Any) -> tuple[int, int]:
    import pyarrow as pa
    import pyarrow.compute

    wide = pa.int32() if leaf.type.bit_width == 32 else pa.int64()
    found = pyarrow.compute.min_max(leaf.view(wide)).as_py()
    return (found["min"] or 0, found["max"] or 0)


def _leaves(array: Any) -> Iterator[Any]:
    """Yield the arrays of values that are in an array, without those below a null."""
    import pyarrow as pa

    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        yield from _leaves(array.storage)
    elif pa.types.is_dictionary(kind):
        yield from _leaves(array.dictionary)
    elif pa.types.is_struct(kind):
        for part in array.flatten():
            yield from _leaves(part)
    elif pa.types.is_map(kind):
        yield from _leaves(array.keys)
        yield from _leaves(array.items)
    elif pa.types.is_nested(kind):
        yield from _leaves(array.flatten())
    else:
        yield array


def cannot_carry(kind: Any) -> str | None:
    """Return what is in a ``pyarrow.DataType``, however deep, that no column of Polars holds; None where all fits."""
    import pyarrow as pa

    for inner in _within(kind):
        if pa.types.is_decimal(inner) and (inner.precision > DIGITS or inner.scale < 0):
            return f"{inner}, more than {DIGITS} digits" if inner.precision > DIGITS else str(inner)
        if (
            pa.types.is_interval(inner)
            or pa.types.is_union(inner)
            or pa.types.is_run_end_encoded(inner)
            or pa.types.is_list_view(inner)
            or pa.types.is_large_list_view(inner)
            or (pa.types.is_struct(inner) and not inner.num_fields)
        ):
            return str(inner)
    return None


def has_foreign_zone(kind: Any) -> bool:
    """Return whether a ``pyarrow.DataType`` has a zone, however deep, that Polars panics at, such as ``+05:30``."""
    import pyarrow as pa

    return any(pa.types.is_timestamp(inner) and inner.tz and not _is_zone(inner.tz) for inner in _within(kind))


def in_utc(kind: Any) -> Any:
    """Return a ``pyarrow.DataType`` with UTC for every zone that Polars does not know; the instants are the same."""
    import pyarrow as pa

    if pa.types.is_timestamp(kind) and kind.tz and not _is_zone(kind.tz):
        return pa.timestamp(kind.unit, "UTC")
    rebuilt: Callable[..., Any] | None = next(
        (
            make
            for fits, make in (
                (pa.types.is_large_list, pa.large_list),
                (pa.types.is_list, pa.list_),
                (pa.types.is_fixed_size_list, lambda inner: pa.list_(inner, kind.list_size)),
            )
            if fits(kind)
        ),
        None,
    )
    if rebuilt is not None:
        return rebuilt(kind.value_field.with_type(in_utc(kind.value_type)))
    if pa.types.is_map(kind):
        return pa.map_(in_utc(kind.key_type), in_utc(kind.item_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(in_utc(field.type)) for field in kind])
    return kind


def _within(kind: Any) -> Iterator[Any]:
    import pyarrow as pa

    yield kind
    if pa.types.is_dictionary(kind):
        yield from _within(kind.value_type)
    elif pa.types.is_nested(kind) and not pa.types.is_union(kind):
        for place in range(kind.num_fields):
            yield from _within(kind.field(place).type)


@cache
def _is_zone(name: str) -> bool:
    try:
        pl.Series([], dtype=pl.Datetime("us")).dt.replace_time_zone(name)
    except pl.exceptions.PolarsError:
        return False
    return True
