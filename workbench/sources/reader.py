"""The interface of source readers, and what they share."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from workbench.config import SourceSettings
from workbench.lazy import deferred
from workbench.sources.snapshot import Snapshot, SourceWarning

if TYPE_CHECKING:
    import polars as pl
else:
    pl = deferred("polars")


@dataclass(frozen=True, slots=True)
class Declared:
    """A source as declared, and the folder where what is found out about it is kept.

    Parameters
    ----------
    name
        Its name.
    settings
        Its table in ``workbench.toml``.
    root
        The project's root: relative paths start here.
    cache
        A folder of this source's own.
    """

    name: str
    settings: SourceSettings
    root: Path
    cache: Path

    @property
    def roles(self) -> dict[str, str]:
        """The time columns, by role: ``available_at`` only where it is another, none for a static table."""
        event_time, available = self.settings.event_time, self.settings.available_at
        roles = {} if event_time is None else {"event_time": event_time}
        return roles if available in (None, event_time) else {**roles, "available_at": available}

    @property
    def digests(self) -> Path:
        """The memo of files' digests."""
        return self.cache / "digests.json"

    def memo_path(self, key: str) -> Path:
        """Return the memo of what was checked under `key`."""
        return self.cache / "checks" / f"{key}.json"

    def landed_path(self, key: str) -> Path:
        """Return where the rows with the digest `key` are landed."""
        return self.cache / "landed" / f"{key}.parquet"

    def display_path(self, path: Path) -> str:
        """Return `path` from the project's root where it is below, else as it is."""
        within = str(self.root).rstrip(os.sep) + os.sep
        return str(path).removeprefix(within).replace(os.sep, "/") if str(path).startswith(within) else str(path)

    def take_snapshot(self, kind: str, identity: object, detail: Mapping[str, object]) -> Snapshot:
        """Return the snapshot whose digest is that of `identity` (JSON-ready)."""
        return Snapshot(
            source=self.name,
            digest=digest_of([kind, identity]),
            kind=kind,
            detail=dict(detail),
            taken_at=datetime.now(UTC),
        )


def digest_of(value: object) -> str:
    """Return the SHA-256 of `value` (JSON-ready) in hexadecimal digits."""
    text = json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


Parts: TypeAlias = "Mapping[str, Callable[[], pl.LazyFrame]]"
"""The rows of a snapshot in parts, each by what it holds: one of equal name in another snapshot has the same rows."""


class SourceReader(Protocol):
    """A kind of source: a module of this room has a class that does this, under the name ``READER``."""

    @property
    def place(self) -> str:
        """Where the data is, for people: without a password."""

    def snapshot(self, *, recheck: bool) -> Snapshot:
        """Return the identity of the data now; `recheck` trusts nothing remembered."""

    def scan(self, snapshot: Snapshot | None) -> pl.LazyFrame:
        """Return the rows of `snapshot`, or of now; times as they are stored."""

    def parts(self, snapshot: Snapshot) -> Parts:
        """Return the rows of `snapshot` in parts; none where it cannot be told which rows another snapshot shares."""

    def mark(self) -> object:
        """Return what is another value after anybody touched the data; None where what is read never changes."""

    def notes(self, snapshot: Snapshot) -> tuple[SourceWarning, ...]:
        """Return what was decided about the data of `snapshot` that is not obvious."""

    def forget(self, snapshot: Snapshot) -> bool:
        """Remove the copy of the rows of `snapshot`, if one was kept, and return whether there was one."""

    def verify(self, snapshot: Snapshot) -> None:
        """Raise SourceError where the rows of `snapshot` cannot be read any more."""
