"""Values inside a contract (bounds, choices, defaults): what suits a dtype, and their form in JSON."""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from workbench.errors import DefinitionError

_READ: dict[str, Any] = {
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "time": time.fromisoformat,
    "decimal": Decimal,
    "timedelta": lambda micros: timedelta(microseconds=micros),
}


def value_to_json(value: object) -> object:
    """Return `value` as JSON-ready values that `value_from_json` reads back.

    Examples
    --------
    >>> value_to_json(date(2013, 1, 1))
    {'date': '2013-01-01'}
    """
    match value:
        case datetime():
            return {"datetime": value.isoformat()}
        case date():
            return {"date": value.isoformat()}
        case time():
            return {"time": value.isoformat()}
        case Decimal():
            return {"decimal": str(value)}
        case timedelta():
            return {"timedelta": value // timedelta(microseconds=1)}
        case list() | tuple():
            return [value_to_json(item) for item in value]
        case _:
            return value


def value_from_json(value: Any) -> Any:
    """Return the value that `value_to_json` turned into `value`; a list becomes a tuple."""
    if isinstance(value, dict):
        ((kind, text),) = value.items()
        return _READ[kind](text)
    if isinstance(value, list):
        return tuple(value_from_json(item) for item in value)
    return value


def check_value(value: object, dtype: pl.DataType, *, column: str, option: str) -> None:
    """Raise unless `value` of `option` can be compared with a column of `dtype`.

    Raises
    ------
    DefinitionError
        A value of another type, NaN or infinity, or a moment without time zone for a column that has one.
    """
    kinds = _kinds(dtype)
    fits = isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
    if fits and isinstance(value, datetime):
        fits = isinstance(dtype, pl.Datetime) and (value.tzinfo is None) == (dtype.time_zone is None)
    if fits and isinstance(value, float):
        fits = math.isfinite(value)
    if not fits:
        wanted = " or ".join(kind.__name__ for kind in kinds) or "none"
        zone = " with tzinfo=timezone.utc" if datetime in kinds else ""
        raise DefinitionError(
            f"Column {column!r}: {option}={value!r} does not suit {dtype}.",
            remedy=f"Give a value of type {wanted}{zone}." if kinds else f"Leave {option} out for this column.",
        )


def _kinds(dtype: pl.DataType) -> tuple[type, ...]:
    """Return the Python types that compare with a column of `dtype`."""
    if dtype.is_integer() or dtype.is_float() or dtype.is_decimal():
        return (int, float, Decimal)
    if isinstance(dtype, pl.String | pl.Enum | pl.Categorical):
        return (str,)
    pairs: dict[type[pl.DataType], type] = {
        pl.Boolean: bool,
        pl.Datetime: datetime,
        pl.Date: date,
        pl.Time: time,
        pl.Duration: timedelta,
    }
    return (pairs[type(dtype)],) if type(dtype) in pairs else ()
