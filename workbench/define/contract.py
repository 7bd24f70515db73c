"""`Contract`: what a view promises about its columns, apart from the code that keeps the promise."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from workbench.dtypes import dtype_from_json, dtype_to_json
from workbench.errors import DefinitionError, FeatureNotFound
from workbench.lazy import deferred
from workbench.times import format_duration, parse_duration

if TYPE_CHECKING:
    import polars as pl
else:
    pl = deferred("polars")

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
        case None | str() | int() | float():
            return value
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
    """Raise unless `value` of `option` can be compared with a column of `dtype`."""
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
            remedy=f"Give a value of type {wanted}{zone}." if kinds else f"Remove {option} from this column.",
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


Role = Literal["entity", "event_time", "created", "feature"]
_SCHEME = "contract/2"
_PROSE = ("description", "deprecated")


@dataclass(frozen=True, slots=True)
class ColumnContract:
    """One column's promise; `rules` are pandera checks beyond the bounds (see `define.rules`)."""

    name: str
    dtype: pl.DataType
    role: Role
    unit: str | None = None
    tolerance: float | None = None
    ge: Any = None
    gt: Any = None
    le: Any = None
    lt: Any = None
    isin: tuple[Any, ...] | None = None
    nullable: bool = False
    unique: bool = False
    description: str | None = None
    default: Any = None
    deprecated: str | None = None
    rules: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return the column as JSON-ready values."""
        plain = {name: value_to_json(getattr(self, name)) for name in _PLAIN}
        return {**plain, "dtype": dtype_to_json(self.dtype)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ColumnContract:
        """Return the column that `to_dict` turned into `values`; keys of later versions are ignored."""
        plain = {key: value_from_json(value) for key, value in values.items() if key in _PLAIN}
        return cls(dtype=dtype_from_json(values["dtype"]), **plain)


_PLAIN = tuple(field.name for field in fields(ColumnContract) if field.name != "dtype")


@dataclass(frozen=True)
class Contract:
    """The columns of a view, in stored order, with what each promises, and how long a value may be used.

    Examples
    --------
    >>> column = ColumnContract("carrier", pl.String(), "entity")
    >>> Contract((column,)).names
    ('carrier',)
    """

    columns: tuple[ColumnContract, ...]
    rules: tuple[str, ...] = ()
    ttl: timedelta | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Return every column's name."""
        return tuple(column.name for column in self.columns)

    @property
    def features(self) -> tuple[ColumnContract, ...]:
        """Return the columns that are features: neither keys nor times."""
        return tuple(column for column in self.columns if column.role == "feature")

    @cached_property
    def schema(self) -> pl.Schema:
        """Return the columns' names and dtypes as Polars knows them."""
        return pl.Schema({column.name: column.dtype for column in self.columns})

    def __getitem__(self, name: str) -> ColumnContract:
        for column in self.columns:
            if column.name == name:
                return column
        raise FeatureNotFound.named(name, self.names)

    @cached_property
    def hash(self) -> str:
        """Return the SHA-256 (hex) over all that bears on values; prose does not count."""
        columns = []
        for column in self.columns:
            plain = {key: value for key, value in column.to_dict().items() if key not in _PROSE}
            if column.isin is not None:
                plain["isin"] = sorted(json.dumps(value_to_json(value)) for value in column.isin)
            plain["rules"] = [rule_identity(rule) for rule in column.rules]
            columns.append(plain)
        rules = [rule_identity(rule) for rule in self.rules]
        facts = [_SCHEME, columns, rules, self._ttl]
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def to_dict(self) -> dict[str, object]:
        """Return the contract as JSON-ready values: ``columns``, ``rules``, ``hash``, and ``ttl`` if there is one."""
        columns = [column.to_dict() for column in self.columns]
        ttl = {"ttl": self._ttl} if self.ttl is not None else {}
        return {"columns": columns, "rules": list(self.rules), "hash": self.hash, **ttl}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Contract:
        """Return the contract that `to_dict` turned into `values`."""
        columns = tuple(ColumnContract.from_dict(column) for column in values["columns"])
        ttl = None if values.get("ttl") is None else parse_duration(values["ttl"], what="ttl")
        return cls(columns, rules=tuple(values.get("rules", ())), ttl=ttl)

    @property
    def _ttl(self) -> str | None:
        return None if self.ttl is None else format_duration(self.ttl)


def rule_identity(rule: str) -> str:
    r"""Return what makes a rule the rule that it is, without its source.

    Examples
    --------
    >>> rule_identity("small [5a0c]\ndef small(cls, data): ...")
    'small [5a0c]'
    """
    return rule.partition("\n")[0]
