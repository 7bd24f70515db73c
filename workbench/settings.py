"""Settings that are read from plain values, as TOML gives them: typed, checked, and every mistake named.

msgspec says what a value may be; what it cannot say is a mark of the setting's type: `Checked` or `ReadBy`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin

import msgspec

from workbench.errors import did_you_mean
from workbench.redaction import redact


@dataclass(frozen=True, slots=True)
class Checked:
    """Marks a type whose values a function must accept: it returns what is of the type, or raises ValueError."""

    function: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class ReadBy:
    """Marks a type whose values a function makes of whatever is given, or raises ValueError."""

    function: Callable[[object], Any]


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong at a place: the names that lead there, or the number in a list."""

    place: tuple[str | int, ...]
    what: str

    def __str__(self) -> str:
        place = ".".join(map(str, self.place))
        return f"{place}: {self.what}" if place else self.what


class Mistakes(ValueError):
    """All that is wrong with values that were given."""

    def __init__(self, found: Sequence[Mistake]) -> None:
        super().__init__("\n".join(map(str, found)))
        self.found = tuple(found)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings that belong together. `read` looks at types and marks; to make one by its fields does not."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """Return the settings that `values` hold.

        Raises
        ------
        Mistakes
            Unknown and missing names, wrong types, and values that may not be.
        """
        mistakes: list[Mistake] = []
        found = _settings(cls, values, (), mistakes)
        if mistakes:
            raise Mistakes(mistakes)
        settings: Self = found
        return settings

    def to_dict(self) -> dict[str, Any]:
        """Return the values by their names, as `read` takes them."""
        return {
            name: value.to_dict() if isinstance(value, Settings) else value
            for name, value in msgspec.structs.asdict(self).items()
        }

    def changed(self) -> frozenset[str]:
        """Return the settings that are not at their defaults."""
        return frozenset(each.name for each in fields(type(self)) if getattr(self, each.name) != default_of(each))

    def __repr__(self) -> str:
        return redact(super().__repr__())

    __str__ = __repr__


fields = cache(msgspec.structs.fields)
"""The settings of a class of `Settings`, each with its type and default."""


def default_of(field: msgspec.structs.FieldInfo) -> Any:
    """Return the default of a setting; msgspec's NODEFAULT if it must be given."""
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


_WRONG = object()
"""Stands for a value whose mistake is told."""
_Place = tuple[str | int, ...]


def _settings(kind: type[Settings], given: object, place: _Place, mistakes: list[Mistake]) -> Any:
    """Return what is `given` as settings of this `kind`; what is wrong is added to `mistakes`."""
    if not isinstance(given, Mapping):
        mistakes.append(Mistake(place, "must be a table"))
        return _WRONG
    known = {field.name: field for field in fields(kind)}
    read = {name: _value(known[name].type, given[name], (*place, name), mistakes) for name in known if name in given}
    missing = [name for name, field in known.items() if field.required and name not in given]
    mistakes += [Mistake((*place, name), "missing") for name in missing]
    unknown = [name for name in given if name not in known]
    mistakes += [Mistake((*place, name), f"unknown key; {did_you_mean(str(name), known)}") for name in unknown]
    if missing or unknown or any(value is _WRONG for value in read.values()):
        return _WRONG
    return _told(lambda values: kind(**values), read, place, mistakes)


def _value(kind: Any, given: object, place: _Place, mistakes: list[Mistake]) -> Any:
    """Return what is `given` as a value of a type, its marks heeded."""
    marks = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    for mark in marks:
        if isinstance(mark, ReadBy):
            return _told(mark.function, given, place, mistakes)
    value = _unmarked(kind, given, place, mistakes)
    for mark in marks:
        if isinstance(mark, Checked) and value is not _WRONG:
            value = _told(mark.function, value, place, mistakes)
    return value


def _unmarked(kind: Any, given: object, place: _Place, mistakes: list[Mistake]) -> Any:
    """Return what is `given` as a value of a type whose own marks are msgspec's alone."""
    bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    inner = get_args(bare)
    match get_origin(bare):
        case origin if origin is UnionType or origin is Union:
            if given is None and type(None) in inner:
                return None
            (some,) = (each for each in inner if each is not type(None))
            return _value(some, given, place, mistakes)
        case origin if origin is Literal:
            if given in inner:
                return given
            mistakes.append(Mistake(place, f"{given!r} is none of its values; {did_you_mean(str(given), inner)}"))
            return _WRONG
        case origin if origin is tuple and isinstance(given, list | tuple):
            read = [_value(inner[0], each, (*place, number), mistakes) for number, each in enumerate(given)]
            return _WRONG if any(each is _WRONG for each in read) else tuple(read)
        case origin if origin is dict and isinstance(given, Mapping):
            names = {name: _value(inner[0], name, (*place, name), mistakes) for name in given}
            table = {name: _value(inner[1], each, (*place, name), mistakes) for name, each in given.items()}
            return _WRONG if any(each is _WRONG for each in (*names.values(), *table.values())) else table
        case _ if isinstance(bare, type) and issubclass(bare, Settings):
            return given if isinstance(given, bare) else _settings(bare, given, place, mistakes)
        case _:
            return _told(lambda value: msgspec.convert(value, kind), given, place, mistakes)


def _told(read: Callable[[Any], Any], given: object, place: _Place, mistakes: list[Mistake]) -> Any:
    """Return what `read` makes of what is `given`; its ValueError is added to `mistakes`."""
    try:
        return read(given)
    except ValueError as error:  # as msgspec's is
        mistakes.append(Mistake(place, str(error)))
        return _WRONG
