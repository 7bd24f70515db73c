"""Column types: from an annotation to a Polars dtype, and from a dtype to JSON and back."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Optional, Union, get_args, get_origin

from workbench.errors import DefinitionError, did_you_mean
from workbench.lazy import deferred

if TYPE_CHECKING:
    from typing import TypeAlias

    import polars as pl
    from polars.datatypes import DataTypeClass

    UTC: TypeAlias = datetime
else:
    pl = deferred("polars")

    def __getattr__(name: str) -> object:
        """Return `UTC`, which is made when it is first used, as Polars is slow to import."""
        if name != "UTC":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return _utc()


def _utc() -> object:
    """Return `UTC`, the annotation of a moment: microseconds, time zone UTC."""
    known = globals().get("UTC")
    if known is not None:
        return known

    class Moment(pl.Datetime):
        """``Datetime("us", "UTC")`` that can stand in ``UTC | None``, as a type can; Polars takes it for its own."""

        def __or__(self, other: object) -> object:
            return Optional[self] if other is None else NotImplemented  # noqa: UP045  # not a type to `|`

        __ror__ = __or__

        def __hash__(self) -> int:
            return hash(plain)

        def __reduce__(self) -> tuple[Any, ...]:
            return plain.__reduce__()  # type: ignore[return-value]  # Polars' own

        @classmethod
        def base_type(cls) -> DataTypeClass:  # type: ignore[override]  # as Polars' own return themselves
            return pl.Datetime

    plain = pl.Datetime("us", "UTC")
    Moment.__name__ = Moment.__qualname__ = "Datetime"
    return globals().setdefault("UTC", Moment("us", "UTC"))  # one for all threads


@cache
def _python() -> Mapping[Any, pl.DataType]:
    """Return the dtypes of Python's own types."""
    return {
        str: pl.String(),
        int: pl.Int64(),
        float: pl.Float64(),
        bool: pl.Boolean(),
        bytes: pl.Binary(),
        date: pl.Date(),
        time: pl.Time(),
        timedelta: pl.Duration("us"),
        Decimal: pl.Decimal(38, 9),
    }


@cache
def _simple() -> Mapping[str, type[pl.DataType]]:
    """Return the dtypes that their names say all of."""
    kinds = (
        *(pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.Int128, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64),
        *(pl.Float32, pl.Float64, pl.Boolean, pl.String, pl.Binary, pl.Date, pl.Time, pl.Categorical),
    )
    return {kind.__name__: kind for kind in kinds}


@cache
def _named() -> Mapping[str, str]:
    """Return what a contract prints for the text of an annotation."""
    return {
        "UTC": str(pl.Datetime("us", "UTC")),
        **{kind.__name__: str(dtype) for kind, dtype in _python().items()},
        **{f"{before}{name}": name for name in _simple() for before in ("pl.", "polars.", "")},
    }


_REMEDY = (
    "Use str, int, float, bool, date, UTC, timedelta "
    "or a Polars dtype such as pl.Int32, pl.Enum([...]), pl.List(pl.Int64)."
)


def named_dtype(annotation: str) -> str | None:
    """Return the dtype that the text of an annotation names, as a contract prints it; None for one that is no name.

    Examples
    --------
    >>> named_dtype("float"), named_dtype("pl.Int32"), named_dtype("pl.List(pl.Int64)")
    ('Float64', 'Int32', None)
    """
    return _named().get(annotation)


def resolve(annotation: object, *, column: str) -> tuple[pl.DataType, bool]:
    """Return the dtype that `annotation` stands for, and whether it allows nulls (``float | None``).

    Examples
    --------
    >>> resolve(float | None, column="delay")
    (Float64, True)
    """
    if get_origin(annotation) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        if len(kinds) == 1:
            return resolve(kinds[0], column=column)[0], True
        raise _unsupported_error(annotation, column, "Choose one type for the column.")
    if annotation in (pl.Int128, pl.Int128()):
        raise _unsupported_error(
            annotation, column, "Use int, or pl.Decimal(38, 0) for whole numbers of up to 38 digits."
        )
    if annotation is datetime:
        raise _unsupported_error(annotation, column, "Annotate a moment as UTC: microseconds, time zone UTC.")
    dtype = _dtype(annotation)
    if dtype is None or not _storable(dtype):
        raise _unsupported_error(annotation, column, _REMEDY)
    return dtype, False


def _dtype(annotation: Any) -> pl.DataType | None:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _enum_of_annotated(*get_args(annotation))
    if origin is list and len(get_args(annotation)) == 1:
        inner = _dtype(get_args(annotation)[0])
        return None if inner is None else pl.List(inner)
    if annotation is _utc():
        return pl.Datetime("us", "UTC")
    if isinstance(annotation, pl.DataType):
        return annotation
    if isinstance(annotation, type) and issubclass(annotation, pl.DataType):
        try:
            return annotation()
        except TypeError:  # List, Struct, Array, Enum without what they hold
            return None
    return _python().get(annotation) if isinstance(annotation, type) else None


def _enum_of_annotated(kind: Any, *arguments: Any) -> pl.DataType | None:
    """Read ``Annotated[pl.Enum, ["a", "b"]]``, which type checkers accept where a call is refused."""
    if isinstance(kind, type) and issubclass(kind, pl.DataType):
        try:
            return kind(*arguments)
        except TypeError:
            return None
    return _dtype(kind)


def _storable(dtype: pl.DataType) -> bool:
    try:
        dtype_to_json(dtype)
    except DefinitionError:
        return False
    return True


def _unsupported_error(annotation: object, column: str, remedy: str) -> DefinitionError:
    shown = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    hint = did_you_mean(annotation, ["UTC", *_simple()]) if isinstance(annotation, str) else ""
    return DefinitionError(f"Column {column!r}: {shown} is not a column type.", remedy=f"{hint} {remedy}".strip())


def dtype_to_json(dtype: pl.DataType) -> object:
    """Return `dtype` as JSON-ready values that `dtype_from_json` reads back.

    Examples
    --------
    >>> dtype_to_json(pl.List(pl.Datetime("us", "UTC")))
    {'kind': 'List', 'inner': {'kind': 'Datetime', 'unit': 'us', 'zone': 'UTC'}}
    """
    match dtype:
        case pl.Datetime():
            return {"kind": "Datetime", "unit": dtype.time_unit, "zone": dtype.time_zone}
        case pl.Duration():
            return {"kind": "Duration", "unit": dtype.time_unit}
        case pl.Decimal():
            return {"kind": "Decimal", "precision": dtype.precision, "scale": dtype.scale}
        case pl.Enum():
            return {"kind": "Enum", "categories": dtype.categories.to_list()}
        case pl.List():
            return {"kind": "List", "inner": dtype_to_json(instance(dtype.inner))}
        case pl.Array():
            outer = dtype.shape[0] if dtype.shape else 0
            return {"kind": "Array", "inner": dtype_to_json(instance(dtype.inner)), "width": outer}
        case pl.Struct():
            fields = [[field.name, dtype_to_json(instance(field.dtype))] for field in dtype.fields]
            return {"kind": "Struct", "fields": fields}
        case _ if type(dtype).__name__ in _simple() and dtype == _simple()[type(dtype).__name__]():
            return type(dtype).__name__
        case _:
            raise DefinitionError(f"{dtype} cannot be stored in a contract.", remedy=_REMEDY)


def dtype_from_json(value: Any) -> pl.DataType:
    """Return the dtype that `dtype_to_json` turned into `value`."""
    if isinstance(value, str) and value in _simple():
        return _simple()[value]()
    match value:
        case {"kind": "Datetime", "unit": unit, "zone": zone}:
            return pl.Datetime(unit, zone)
        case {"kind": "Duration", "unit": unit}:
            return pl.Duration(unit)
        case {"kind": "Decimal", "precision": precision, "scale": scale}:
            return pl.Decimal(precision, scale)
        case {"kind": "Enum", "categories": categories}:
            return pl.Enum(categories)
        case {"kind": "List", "inner": inner}:
            return pl.List(dtype_from_json(inner))
        case {"kind": "Array", "inner": inner, "width": width}:
            return pl.Array(dtype_from_json(inner), width)
        case {"kind": "Struct", "fields": fields}:
            return pl.Struct([pl.Field(name, dtype_from_json(inner)) for name, inner in fields])
        case _:
            raise DefinitionError(
                f"{value!r} is not a column type of this version.", remedy="Upgrade feature-workbench."
            )


def instance(dtype: pl.DataType | DataTypeClass) -> pl.DataType:
    """Polars keeps an inner dtype as it was written: ``pl.Int64`` or ``pl.Int64()``."""
    return dtype if isinstance(dtype, pl.DataType) else dtype()


_TEXT_WIDTH, _NESTED_WIDTH, _WIDEST = 32, 64, 16


def row_width(schema: Mapping[str, pl.DataType] | Iterable[pl.DataType]) -> int:
    """Return about how many bytes a row takes in memory; texts and what is nested are guessed.

    Examples
    --------
    >>> row_width({"user": pl.Int64(), "at": pl.Datetime("us", "UTC"), "name": pl.String()})
    48
    """
    dtypes = schema.values() if isinstance(schema, Mapping) else schema
    return sum(_width(dtype) for dtype in dtypes)


def _width(dtype: pl.DataType) -> int:
    if isinstance(dtype, pl.Struct):
        return sum(_width(instance(field.dtype)) for field in dtype.fields)
    if isinstance(dtype, pl.Array):
        return _width(instance(dtype.inner)) * (dtype.size or 1)
    if dtype.is_nested():
        return _NESTED_WIDTH
    if isinstance(dtype, pl.String | pl.Binary):
        return _TEXT_WIDTH
    if isinstance(dtype, pl.Decimal | pl.Int128 | pl.UInt128):
        return _WIDEST
    return 4 if isinstance(dtype, pl.Categorical | pl.Enum | pl.Float32 | pl.Date | pl.Int32 | pl.UInt32) else 8
