"""`Contract`: what a view promises about its columns, apart from the code that keeps the promise."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from workbench.define.dtypes import dtype_from_json, dtype_to_json
from workbench.define.values import value_from_json, value_to_json
from workbench.errors import FeatureNotFound

if TYPE_CHECKING:
    from workbench.define.model import FeatureModel
    from workbench.define.view import FeatureView

Role = Literal["entity", "event_time", "created", "feature"]
_SCHEME = "contract/1"
_PROSE = ("description", "deprecated")


@dataclass(frozen=True, slots=True)
class ColumnContract:
    """One column's promise; `rules` are pandera checks beyond the bounds, as text."""

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
        plain = {
            field.name: value_to_json(getattr(self, field.name)) for field in fields(self) if field.name != "dtype"
        }
        return {**plain, "dtype": dtype_to_json(self.dtype)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ColumnContract:
        """Return the column that `to_dict` turned into `values`; keys of later versions are ignored."""
        known = {field.name for field in fields(cls)} - {"dtype"}
        plain = {key: value_from_json(value) for key, value in values.items() if key in known}
        return cls(dtype=dtype_from_json(values["dtype"]), **plain)


@dataclass(frozen=True)
class Contract:
    """The columns of a view, in stored order, with what each promises.

    Examples
    --------
    >>> column = ColumnContract("carrier", pl.String(), "entity")
    >>> Contract((column,)).names
    ('carrier',)
    """

    columns: tuple[ColumnContract, ...]
    rules: tuple[str, ...] = ()

    @classmethod
    def of(cls, model: type[FeatureModel], view: FeatureView) -> Contract:
        """Return the contract of `view` under `model`.

        Parameters
        ----------
        model
            The FeatureModel that the view returns.
        view
            Says which columns are keys and times.
        """
        from workbench.define.rules import column_contract, frame_rules

        schema = model.to_schema()
        columns = tuple(column_contract(column, role=_role(name, view)) for name, column in schema.columns.items())
        return cls(columns, rules=frame_rules(schema))

    @property
    def names(self) -> tuple[str, ...]:
        """Return every column's name."""
        return tuple(column.name for column in self.columns)

    @property
    def features(self) -> tuple[ColumnContract, ...]:
        """Return the columns that are features: neither keys nor times."""
        return tuple(column for column in self.columns if column.role == "feature")

    @property
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
            columns.append(plain)
        text = json.dumps([_SCHEME, columns, list(self.rules)], sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def to_dict(self) -> dict[str, object]:
        """Return the contract as JSON-ready values: ``columns``, ``rules``, ``hash``."""
        columns = [column.to_dict() for column in self.columns]
        return {"columns": columns, "rules": list(self.rules), "hash": self.hash}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Contract:
        """Return the contract that `to_dict` turned into `values`."""
        columns = tuple(ColumnContract.from_dict(column) for column in values["columns"])
        return cls(columns, rules=tuple(values.get("rules", ())))


def _role(name: str, view: FeatureView) -> Role:
    if name in view.entities:
        return "entity"
    if name == view.event_time:
        return "event_time"
    return "created" if name == view.created else "feature"
