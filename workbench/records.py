"""Serialise records: dataclasses and msgspec structs as JSON, and back with every field checked against its annotation.

msgspec gives the shape and `json` the text: msgspec's own text has null for a NaN and refuses half of a surrogate pair.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")


class Serialisable:
    """A dataclass or struct whose JSON has its fields by their names."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        plain: dict[str, Any] = to_plain(self)
        return plain

    @classmethod
    def from_dict(cls, values: object) -> Self:
        """Return what `to_dict` turned into `values`; `ValueError` where they are nothing of the kind."""
        return from_plain(values, cls)


def to_plain(value: object) -> Any:
    """Return `value` as JSON-ready values: a record by its fields, times in RFC 3339, else as text."""
    return msgspec.to_builtins(value, enc_hook=_plain)


def from_plain(values: object, kind: type[T]) -> T:
    """Return the `kind` that `to_plain` turned into `values`; what only later versions know of is ignored.

    Raises
    ------
    ValueError
        Where a field is missing, or not of its type; the message names it.
    """
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise ValueError(f"not a valid record: {error}") from None


def to_json(value: object, *, indent: int | None = None) -> str:
    """Return `value` as JSON text."""
    return json.dumps(to_plain(value), indent=indent)


def from_json(text: str | bytes, kind: type[T]) -> T:
    """Return the `kind` that `to_json` wrote as `text`; `ValueError` where it is something else."""
    try:
        values = json.loads(text)
    except RecursionError:
        raise ValueError("not a valid record: nested too deep") from None
    return from_plain(values, kind)


def read_record(path: Path, kind: type[T]) -> T | None:
    """Return the `kind` that is kept in `path`; None where there is none, or it is damaged."""
    try:
        return from_json(path.read_bytes(), kind)
    except (OSError, ValueError):
        return None


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)
