"""What is known of a computed view: the record beside its data."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import polars as pl

from workbench.compute.digest import OutputDigest


@dataclass(frozen=True, slots=True)
class ViewRecord:
    """The history of a computed view, JSON-ready.

    Parameters
    ----------
    view
        The view's name.
    view_id
        The address it is stored under.
    plan_hash
        Identity of the query plan it was computed by; None where the plan has none.
    code_hash, parameters, inputs
        What the view id was made from; `inputs` are the digests of the inputs' data by name.
    rows, size
        Number of rows; bytes of the Parquet file.
    seconds
        How long the computation took, digests included.
    digest
        Identity of the data.
    schema
        Dtype of each column, as Polars prints it.
    order
        The columns in stored order.
    keys
        The columns that say which row a value belongs to: entities and times.
    period
        First and last event time; None where there is none.
    created_at
        When it was computed.
    versions
        Of python, polars and workbench.
    """

    view: str
    view_id: str
    plan_hash: str | None
    code_hash: str
    parameters: Mapping[str, Any]
    inputs: Mapping[str, str]
    rows: int
    size: int
    seconds: float
    digest: OutputDigest
    schema: Mapping[str, str]
    order: tuple[str, ...]
    keys: tuple[str, ...]
    period: tuple[datetime, datetime] | None
    created_at: datetime
    versions: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON-ready values."""
        plain = {item.name: getattr(self, item.name) for item in fields(self)}
        period = None if self.period is None else [moment.isoformat() for moment in self.period]
        return {
            **plain,
            "parameters": dict(self.parameters),
            "inputs": dict(self.inputs),
            "schema": dict(self.schema),
            "versions": dict(self.versions),
            "order": list(self.order),
            "keys": list(self.keys),
            "digest": self.digest.to_dict(),
            "created_at": self.created_at.isoformat(),
            "period": period,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the record that `to_dict` wrote; keys of later versions are ignored."""
        known = {item.name: values[item.name] for item in fields(cls)}
        period = values["period"]
        first_last = None if period is None else (datetime.fromisoformat(period[0]), datetime.fromisoformat(period[1]))
        known.update(
            digest=OutputDigest.from_dict(values["digest"]),
            order=tuple(values["order"]),
            keys=tuple(values["keys"]),
            created_at=datetime.fromisoformat(values["created_at"]),
            period=first_last,
        )
        return cls(**known)


@dataclass(frozen=True, slots=True)
class StoredView:
    """A view in the cache: where its data is, and its record."""

    view_id: str
    path: Path
    record: ViewRecord

    def frame(self) -> pl.LazyFrame:
        """Return the data, lazily: the contract's columns in order, one row for each entity and event time."""
        return pl.scan_parquet(self.path, glob=False)


def now() -> datetime:
    """Return this moment in UTC."""
    return datetime.now(UTC)


def versions() -> dict[str, str]:
    """Return the versions that a view was computed with: lineage, not part of any identity."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        own = version("feature-workbench")
    except PackageNotFoundError:
        own = "unknown"
    return {"python": platform.python_version(), "polars": pl.__version__, "workbench": own}
