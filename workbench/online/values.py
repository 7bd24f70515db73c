"""`FeatureValue`: one feature as a model reads it, with what it is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec

from workbench.render import Report, Reported, Table
from workbench.times import from_microseconds

Status = Literal["present", "null", "expired", "missing", "default", "stale"]
"""``null``: the row says so; ``expired``: the row is older than the ttl; ``missing``: there is no row; ``default``: one
of these two, and the feature declares a default; ``stale``: the value holds, and newer source data is not published."""
Origin = Literal["online", "lake", "branch", "on demand"]


class RowFacts(msgspec.Struct, frozen=True, gc=False):
    """What is known of the row that answered for an entity: all its features share it.

    Attributes
    ----------
    event, created
        Its times in microseconds since the epoch; None where there is none.
    version, generation, source
        As in `FeatureValue`.
    """

    event: int | None
    created: int | None
    version: str | None
    generation: int | None
    source: Origin


class FeatureValue(msgspec.Struct, frozen=True, gc=False):
    """One feature of one entity at one instant.

    Attributes
    ----------
    value
        The value in its Python type; None where there is none.
    status
        ``present``, ``null``, ``expired``, ``missing``, ``default`` or ``stale``.
    event_time, created
        Those of the row that answered, in UTC; of an expired one too. None where there is none.
    version
        The version of the view, as in ``1.2``; None for a branch's own.
    generation
        The load of the online store that answered; None where it did not.
    source
        Where the row was read: ``online``, ``lake`` or, on an experiment's branch, ``branch``; ``on demand`` for what
        was computed for the request.
    """

    value: Any
    status: Status
    row: RowFacts  # shared by the row's features: to make a time of each for each would take longer than to read them

    @property
    def event_time(self) -> datetime | None:
        """When what the row says happened."""
        return _moment(self.row.event)

    @property
    def created(self) -> datetime | None:
        """When the row became known."""
        return _moment(self.row.created)

    @property
    def version(self) -> str | None:
        """The version of the view."""
        return self.row.version

    @property
    def generation(self) -> int | None:
        """The load of the online store."""
        return self.row.generation

    @property
    def source(self) -> Origin:
        """Where the row was read."""
        return self.row.source

    def to_dict(self) -> dict[str, Any]:
        """Return the answer's fields by name."""
        return {name: getattr(self, name) for name in _FIELDS}

    def __repr__(self) -> str:
        return f"FeatureValue({', '.join(f'{name}={value!r}' for name, value in self.to_dict().items())})"


_FIELDS = ("value", "status", "event_time", "created", "version", "generation", "source")


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_microseconds(micros)


@dataclass(frozen=True, slots=True)
class FeatureReport(Reported):
    """Features of one entity, as a model reads them.

    Attributes
    ----------
    entity
        The key columns and their values.
    at
        The moment; None for now.
    features
        Each feature's answer by its column.
    """

    entity: Mapping[str, object]
    at: datetime | None
    features: Mapping[str, FeatureValue]

    def to_dict(self) -> dict[str, Any]:
        """Return the answers as JSON-ready values."""
        found = {"entity": self.entity, "at": self.at, "features": {n: v.to_dict() for n, v in self.features.items()}}
        plain: dict[str, Any] = msgspec.to_builtins(found, enc_hook=str)
        return plain

    def report(self) -> Report:
        """Return one line a feature."""
        rows = tuple(
            (
                name,
                "" if value.value is None else value.value,
                value.status,
                "" if value.event_time is None else f"{value.event_time:%Y-%m-%d %H:%M:%S}",
                value.version or "",
                value.source,
            )
            for name, value in self.features.items()
        )
        columns = ("feature", "value", "", "event time (UTC)", "version", "read from")
        named = ", ".join(f"{name}={value}" for name, value in self.entity.items()) or "everything"
        when = "now" if self.at is None else f"as known at {self.at:%Y-%m-%d %H:%M:%S} UTC"
        return Report(f"{named}, {when}", tables=(Table("", columns, rows),))
