"""What the HTTP service and its client say to each other: requests, answers, errors, and values as JSON.

JSON has fewer kinds of values than a feature: dates, times and lengths of time are ISO 8601 texts, decimals are texts,
bytes are base64, and the floats that are no numbers are ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``. Whole numbers
are exact, whatever their size; a reader whose numbers are doubles asks for those of 64 bits and more as texts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

import msgspec
import polars as pl

from workbench.dtypes import instance

FEATURES, CATALOG, METRICS = "/v1/features", "/v1/catalog", "/metrics"
JSON, ARROW, PROBLEM = "application/json", "application/vnd.apache.arrow.stream", "application/problem+json"
ARROW_FACTS = b"workbench"
"""The key of an Arrow schema's metadata that holds `ArrowFacts`."""

Key: TypeAlias = int | float | str | bool | None
"""A value of an entity's key."""
Convert: TypeAlias = Callable[[Any], Any]

_UNREAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_TEXTS: dict[type[pl.DataType], Any] = {
    pl.Date: date,
    pl.Datetime: datetime,
    pl.Time: time,
    pl.Duration: timedelta,
    pl.Decimal: Decimal,
    pl.Binary: bytes,
}
_WHOLE = re.compile(r"-?\d{1,40}")


class FeatureRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Which features are asked for, and of which entities.

    Attributes
    ----------
    features
        References as in ``view``, ``view:feature``, ``view@2:feature``, ``view as alias (entity=key)`` and names of
        feature sets.
    entities
        One object an entity, or one list a key column.
    at
        The instant in ISO 8601, without a zone in UTC; now if absent.
    release
        Read everything as this release has it.
    full_names
        Call the features ``view__feature``.
    details
        Whether the answer has statuses and times.
    """

    features: list[str] | str
    entities: list[dict[str, Key]] | dict[str, list[Key]]
    at: str | None = None
    release: str | None = None
    full_names: bool = False
    details: bool = True


class ViewFacts(msgspec.Struct, frozen=True, gc=False):
    """What answered for one view.

    Attributes
    ----------
    version
        The version of the view, as in ``1.2``.
    source
        Where the rows were read: ``online`` or ``lake``.
    generation
        The load of the online store that answered; null where it did not.
    """

    version: str | None
    source: Literal["online", "lake", "branch", "on demand"]
    generation: int | None


class ViewAnswer(ViewFacts, frozen=True, omit_defaults=True, gc=False):
    """What answered for one view, with the times of each entity's row.

    Attributes
    ----------
    event_times
        The event time of the row that each entity has, of an expired one too; absent without `details`.
    created
        When that row became known; absent without `details`, and for a view that does not say.
    """

    event_times: list[datetime | None] | None = None
    created: list[datetime | None] | None = None


class FeatureColumn(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One feature of all entities, in the order asked.

    Attributes
    ----------
    view
        The view that it is of, by its name in `FeatureAnswer.views`.
    dtype
        The type of its values: a name, or an object with ``kind``.
    values
        The values; null where there is none.
    statuses
        ``present``, ``null``, ``expired``, ``missing``, ``default`` or ``stale``; absent without `details`.
    """

    view: str
    dtype: Any
    values: Sequence[Any]
    statuses: Sequence[str] | None = None


class FeatureAnswer(msgspec.Struct, frozen=True, gc=False):
    """Features of entities at an instant.

    Attributes
    ----------
    instant
        The instant that was answered for.
    rows
        How many entities were asked for.
    features
        Each feature by its column's name, in the order asked.
    views
        What answered for each view.
    keys
        The type of each key column, as ``dtype`` of a feature.
    """

    instant: datetime
    rows: int
    features: dict[str, FeatureColumn]
    views: dict[str, ViewAnswer]
    keys: dict[str, Any]


class ArrowFacts(msgspec.Struct, frozen=True):
    """What the metadata of an Arrow answer's schema says.

    Attributes
    ----------
    instant
        The instant that was answered for.
    views
        What answered for each view.
    """

    instant: datetime
    views: dict[str, ViewFacts]


class ProblemDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error, as RFC 9457 has it.

    Attributes
    ----------
    title
        The kind of problem.
    status
        The HTTP status.
    detail
        What is wrong.
    error
        The name of the Python error that a client raises.
    remedy
        What to do about it.
    field
        The part of the request that is wrong, as in ``entities[3].user``.
    request_id
        What the service's log calls the request.
    type
        A URI of the kind of problem; there is none beyond title and status.
    """

    title: str
    status: int
    detail: str
    error: str
    remedy: str = ""
    field: str | None = None
    request_id: str = ""
    type: str = "about:blank"


def to_json(dtype: pl.DataType, *, texts: bool = False) -> Convert | None:
    """Return what makes a value of `dtype` ready for JSON; None where the encoder knows it."""
    match dtype:
        case pl.Float32() | pl.Float64():
            return _real_to_json
        case pl.Int64() | pl.UInt64() | pl.Int128() | pl.UInt128():
            return _unless_null(str) if texts else None
        case pl.List() | pl.Array():
            inner = to_json(instance(dtype.inner), texts=texts)
            return None if inner is None else _unless_null(lambda values: [inner(value) for value in values])
        case pl.Struct():
            fields = {field.name: to_json(instance(field.dtype), texts=texts) for field in dtype.fields}
            return _fieldwise(fields)
    return None


def from_json(dtype: pl.DataType) -> Convert | None:
    """Return what turns a JSON value into the Python value of `dtype`; None where it is that already."""
    match dtype:
        case pl.Datetime(time_zone=str() as zone):
            known = ZoneInfo(zone)
            return _unless_null(lambda text: msgspec.convert(text, datetime).astimezone(known))
        case pl.List() | pl.Array():
            inner = from_json(instance(dtype.inner))
            return None if inner is None else _unless_null(lambda values: [inner(value) for value in values])
        case pl.Struct():
            return _fieldwise({field.name: from_json(instance(field.dtype)) for field in dtype.fields})
        case _ if dtype.is_float():
            return _unless_null(_real_from_json)
        case _ if dtype.is_integer():
            return _unless_null(int)
    kind = _TEXTS.get(type(dtype))
    return None if kind is None else _unless_null(lambda text: msgspec.convert(text, kind))


def column_to_json(values: Sequence[Any], convert: Convert) -> Sequence[Any]:
    """Return the values of a column ready for JSON, by what `to_json` returned for its dtype."""
    if is_real(convert) and math.isfinite(sum(filter(None, values))):
        return values  # no sum of numbers with a NaN or an infinity among them is finite
    return [convert(value) for value in values]


def is_real(convert: Convert | None) -> bool:
    """Whether values are numbers that JSON has, or null where they are a NaN or an infinity."""
    return convert is _real_to_json


def key_from_json(dtype: pl.DataType, *, texts: bool = False) -> Convert | None:
    """Return what turns a key as JSON has it into a value of the key's `dtype`; None where it is that already.

    It raises ValueError for a text that is no such value; other kinds of values are left to whoever looks them up.
    """
    if dtype.is_float():
        return lambda value: _UNREAL.get(value, value) if isinstance(value, str) else value
    if dtype.is_integer():
        return _whole_from_text if texts else None
    kind = _TEXTS.get(type(dtype))
    if kind is None:
        return None

    def read(value: Any) -> Any:
        return msgspec.convert(value, kind) if isinstance(value, str) else value

    return read


def form_of(dtype: pl.DataType) -> str:
    """Return how a key of `dtype` is written in JSON."""
    forms: dict[Any, str] = {
        date: "an ISO 8601 date, as in 2013-06-01",
        datetime: "an ISO 8601 time, as in 2013-06-01T12:00:00Z",
        time: "an ISO 8601 time of day, as in 12:00:00",
        timedelta: "an ISO 8601 duration, as in P1DT12H",
        Decimal: "a text, as in 12.50",
        bytes: "base64",
    }
    if dtype.is_integer():
        return "a whole number"
    if dtype.is_float():
        return "a number"
    return forms.get(_TEXTS.get(type(dtype)), "true or false" if str(dtype) == "Boolean" else "a text")


def key_to_json(value: Any) -> Any:
    """Return a key of an entity as JSON, or the encoder, has a form for it; another library's number is Python's."""
    if not isinstance(value, float | str | int | None) and hasattr(value, "item"):
        value = value.item()
    return _real_to_json(value) if isinstance(value, float) else value


def _real_to_json(value: Any) -> Any:
    if value is None or value - value == 0.0:
        return value
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def _real_from_json(value: Any) -> float:
    return _UNREAL[value] if isinstance(value, str) else float(value)


def _whole_from_text(value: Any) -> Any:
    return int(value) if isinstance(value, str) and _WHOLE.fullmatch(value) else value


def _unless_null(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)


def _fieldwise(fields: dict[str, Convert | None]) -> Convert | None:
    convert = {name: each for name, each in fields.items() if each is not None}
    if not convert:
        return None
    return _unless_null(
        lambda value: {name: convert[name](each) if name in convert else each for name, each in value.items()}
    )
