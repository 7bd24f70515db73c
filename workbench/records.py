"""Serialise records: dataclasses and msgspec structs as JSON, and back with every field checked against its annotation.

msgspec gives the shape and `json` the text: msgspec's own text has null for a NaN and refuses half of a surrogate pair.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec

from workbench.dtypes import dtype_from_json, dtype_to_json
from workbench.lazy import deferred

if TYPE_CHECKING:
    import polars as pl
else:
    pl = deferred("polars")

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


def to_plain(value: object, *, keep: tuple[type, ...] = ()) -> Any:
    """Return `value` as JSON-ready values: a record by its fields, times in RFC 3339, else as text.

    Values of the types `keep` stay as they are, such as the times that TOML has.
    """
    return msgspec.to_builtins(value, builtin_types=keep, enc_hook=_plain)


def from_plain(values: object, kind: type[T]) -> T:
    """Return the `kind` that `to_plain` turned into `values`; what only later versions know of is ignored."""
    try:
        return msgspec.convert(values, kind, dec_hook=_custom)
    except msgspec.ValidationError as error:
        raise ValueError(f"not a valid record: {error}") from None


def to_json(value: object, *, indent: int | None = None) -> str:
    """Return `value` as JSON text."""
    return plain_json(to_plain(value), indent=indent)


def plain_json(values: object, *, indent: int | None = None) -> str:
    """Return JSON-ready values as `json.dumps` does, which takes ten times as long where it indents."""
    text = json.dumps(values)
    if indent is None:
        return text
    try:
        return msgspec.json.format(text, indent=indent)
    except msgspec.MsgspecError:
        return json.dumps(values, indent=indent)


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


def plain_keys(frame: pl.DataFrame) -> pl.DataFrame:
    """Return `frame` with each column that JSON cannot give back turned to text.

    Integers, text, booleans, dates and datetimes stay what they are, so that failing rows can be joined to the view.
    """
    return frame.with_columns(_as_text(name, dtype) for name, dtype in frame.schema.items() if not _is_plain(dtype))


def _plain(value: object) -> object:
    """Return what msgspec asks for of a type that it does not know."""
    if isinstance(value, pl.DataFrame):
        return _frame_to_json(value)
    return dict(value) if isinstance(value, Mapping) else str(value)


def _custom(kind: type, values: Any) -> object:
    if kind is pl.DataFrame:
        return _frame_from_json(values)
    if kind is Path:
        return Path(values)
    raise NotImplementedError(f"{kind.__name__} is not read back")


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Duration):
        return pl.col(name).dt.to_string()
    if dtype.is_nested() or isinstance(dtype, pl.Binary):
        return pl.lit(None, pl.String).alias(name)
    return pl.col(name).cast(pl.String)


def _is_plain(dtype: pl.DataType) -> bool:
    return dtype.is_integer() or isinstance(dtype, (pl.String, pl.Boolean, pl.Date, pl.Datetime))


def _frame_to_json(frame: pl.DataFrame) -> dict[str, Any]:
    plain = plain_keys(frame)
    rows = plain.with_columns(pl.col(pl.Date).dt.to_string(), pl.col(pl.Datetime).dt.to_string("iso:strict"))
    return {
        "columns": [[name, dtype_to_json(dtype)] for name, dtype in plain.schema.items()],
        "rows": [list(row) for row in rows.rows()],
    }


def _frame_from_json(values: Mapping[str, Any]) -> pl.DataFrame:
    schema = {name: dtype_from_json(dtype) for name, dtype in values["columns"]}
    text = {name: pl.String() if dtype.is_temporal() else dtype for name, dtype in schema.items()}
    frame = pl.DataFrame(values["rows"], schema=text, orient="row")
    return frame.with_columns(_moment(name, dtype) for name, dtype in schema.items() if dtype.is_temporal())


def _moment(name: str, dtype: pl.DataType) -> pl.Expr:
    if not isinstance(dtype, pl.Datetime):
        return pl.col(name).str.to_date()
    if dtype.time_zone is None:
        return pl.col(name).str.to_datetime(time_unit=dtype.time_unit)
    moment = pl.col(name).str.to_datetime(time_unit=dtype.time_unit, time_zone="UTC")
    return moment.dt.convert_time_zone(dtype.time_zone)
