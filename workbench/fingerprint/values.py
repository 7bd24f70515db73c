"""The form of a constant's value: equal values, and only those, have equal forms, in every process."""

from __future__ import annotations

import re
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import partial
from logging import Logger, getLogger
from operator import attrgetter, itemgetter, methodcaller
from pathlib import PurePath
from types import MappingProxyType
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from workbench.fingerprint.encoding import Form, encode, scalar

Other = Callable[[object], Form]
MOST_CELLS = 100_000
_SCALARS = (type(None), bool, int, float, complex, str, bytes, type(...))
_SHORT = 60


class Opaque(Exception):
    """A value whose identity cannot be known; says what it is and the remedy."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy

    @classmethod
    def instance(cls, value: object) -> Opaque:
        """Return the reason for a `value` of a type that nothing is known about."""
        kind = type(value)
        name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        return cls(
            f"holds a {name.rpartition('.')[2]}, whose state is not known",
            "Use plain values (numbers, text, dates, lists, frozen dataclasses), or make it inside the function.",
        )

    @classmethod
    def too_deep(cls) -> Opaque:
        """Return the reason for code that is nested more deeply than Python can follow."""
        return cls("is nested too deeply", "Split it into several statements.")


def value_form(value: object, other: Other, *, inside: tuple[int, ...] = ()) -> Form:
    """Return the form of `value`."""
    if type(value) in _SCALARS:
        return scalar(value)
    if id(value) in inside:
        raise Opaque("holds itself", "Use a constant that does not contain itself.")

    def inner(item: object) -> Form:
        return value_form(item, other, inside=(*inside, id(value)))

    write = _CONTAINERS.get(type(value)) or _ATOMS.get(type(value))
    if write is not None:
        return (_kind(value), *write(value, inner))
    return _library(value, inner) or _composed(value, inner) or other(value)


def _kind(value: object) -> str:
    return type(value).__name__


def _items(value: Iterable[object], inner: Other) -> Form:
    return tuple([inner(item) for item in value])


def _unordered(value: Iterable[object], inner: Other) -> Form:
    return tuple(sorted(_items(value, inner), key=encode))


def _pairs(value: Mapping[object, object], inner: Other) -> Form:
    return tuple([(inner(key), inner(item)) for key, item in value.items()])


def _zoned(value: datetime | time, inner: Other) -> Form:
    return (value.replace(tzinfo=None).isoformat(), value.fold, inner(value.tzinfo))


def _partial(value: partial[Any], inner: Other) -> Form:
    return (inner(value.func), inner(value.args), inner(value.keywords), inner(vars(value)))


def _reduced(value: Any, inner: Other) -> Form:
    return _items(value.__reduce__()[1:], inner)


def _zone(value: ZoneInfo, _: Other) -> Form:
    if value.key is None:
        raise Opaque("holds a time zone without a name", 'Write ZoneInfo("Europe/Paris").')
    return (value.key,)


_CONTAINERS: dict[type, Callable[[Any, Other], Form]] = {
    list: _items,
    tuple: _items,
    deque: lambda value, inner: (scalar(value.maxlen), _items(value, inner)),
    set: _unordered,
    frozenset: _unordered,
    dict: _pairs,
    OrderedDict: _pairs,
    MappingProxyType: _pairs,
    defaultdict: lambda value, inner: (inner(value.default_factory), _pairs(value, inner)),
    partial: _partial,
    slice: lambda value, inner: (inner(value.start), inner(value.stop), inner(value.step)),
    itemgetter: _reduced,
    attrgetter: _reduced,
    methodcaller: _reduced,
}
_ATOMS: dict[type, Callable[[Any, Other], Form]] = {
    bytearray: lambda value, _: (bytes(value),),
    range: lambda value, _: (scalar(value.start), scalar(value.stop), scalar(value.step)),
    datetime: _zoned,
    time: _zoned,
    date: lambda value, _: (value.isoformat(),),
    timedelta: lambda value, _: (value.days, value.seconds, value.microseconds),
    timezone: lambda value, _: (repr(value),),
    ZoneInfo: _zone,
    Decimal: lambda value, _: (str(value),),
    Fraction: lambda value, _: (scalar(value.numerator), scalar(value.denominator)),
    UUID: lambda value, _: (value.hex,),
    re.Pattern: lambda value, inner: (inner(value.pattern), value.flags),
}


def _composed(value: Any, inner: Other) -> Form | None:
    """Return the form of an instance of a class that says all it holds, None for any other one."""
    kind = type(value)
    if isinstance(value, Enum):
        return ("enum", inner(kind), inner(value._name_), inner(value._value_))
    if isinstance(value, PurePath):
        return ("path", kind.__name__.replace("Pure", ""), value.as_posix())
    if isinstance(value, tuple) and hasattr(kind, "_fields") and not getattr(value, "__dict__", None):
        return ("namedtuple", inner(kind), _items(value, inner))
    if isinstance(value, Logger) and value is getLogger(value.name):
        return ("logger",)
    if is_dataclass(value) and not isinstance(value, type) and kind.__module__ != "workbench.define.view":
        return _dataclass(value, inner)
    return None


def _dataclass(value: Any, inner: Other) -> Form:
    kind = type(value)
    if not kind.__dataclass_params__.frozen:
        raise Opaque(
            f"holds a {kind.__name__}, a mutable dataclass",
            f"Declare it with @dataclass(frozen=True): {kind.__name__} is then identified by its values.",
        )
    names = [entry.name for entry in fields(value)]
    hidden = sorted(set(getattr(value, "__dict__", ())) - set(names))
    if hidden or isinstance(value, tuple | list | dict | set | str | int | float):
        what = f"holds a {kind.__name__} with more than its fields"
        raise Opaque(what, "Store everything that affects the result in the dataclass's fields.")
    return ("dataclass", inner(kind), tuple([(name, inner(getattr(value, name))) for name in names]))


def _library(value: Any, inner: Other) -> Form | None:
    """Return the form of what Polars and NumPy define, None for anything else."""
    library = type(value).__module__.partition(".")[0]
    if library == "numpy":
        return _numpy(value, inner)
    return _polars(value, inner) if library == "polars" else None


def _numpy(value: Any, inner: Other) -> Form | None:
    import numpy as np

    if isinstance(value, np.dtype):
        return ("np.dtype", value.str if value.fields is None else repr(value.descr))
    if type(value) is not np.ndarray and not isinstance(value, np.generic):
        return None
    if value.dtype.hasobject:
        return ("np.objects", value.shape, _items(value.ravel().tolist(), inner))
    form = ("np", type(value).__name__, value.shape, repr(value.dtype.descr), np.ascontiguousarray(value).tobytes())
    return (*form, str(value.dtype))


def _polars(value: Any, inner: Other) -> Form | None:
    import polars as pl

    from workbench.dtypes import dtype_to_json

    if isinstance(value, pl.DataType):
        return ("pl.dtype", inner(dtype_to_json(value)))
    if isinstance(value, pl.Expr):
        return ("pl.Expr", _expression(value))
    if type(value) is pl.Series:
        return ("pl.Series", value.name, *_column(value, inner))
    if type(value) is pl.DataFrame:
        return ("pl.DataFrame", *[(column.name, *_column(column, inner)) for column in value.get_columns()])
    if isinstance(value, pl.LazyFrame | pl.DataFrame):
        raise Opaque(
            f"holds a {type(value).__name__}, whose data is not known",
            "Take the data as a parameter: a source declared in workbench.toml, or another view.",
        )
    return None


def _expression(value: Any) -> bytes:
    remedy = "Build the expression inside the function, or from Polars' own operations."
    try:
        text = bytes(value.meta.serialize())
    except Exception as error:  # noqa: BLE001  # the engine's own kinds, and pickle's
        raise Opaque(f"holds an expression that cannot be serialised ({type(error).__name__})", remedy) from None
    if any(mark in text for mark in (b"PLPYFN", b"PythonFunction", b"AnonymousFunction", b"AnonymousAgg", b"pickle")):
        raise Opaque("holds an expression with a Python function in it", remedy)
    return text


def _column(value: Any, inner: Other) -> Form:
    if len(value) > MOST_CELLS:
        raise Opaque(
            f"holds a table of {len(value):,} rows", "Declare data of this size as a source in workbench.toml."
        )
    return (inner(value.dtype), inner(value.to_list()))


def display_value(value: object) -> str:
    """Return `value` for people, on one line of at most 60 characters."""
    text = " ".join(repr(value).split())
    return text if len(text) <= _SHORT else text[: _SHORT - 3] + "..."
