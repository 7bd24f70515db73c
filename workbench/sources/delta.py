"""A Delta table: its version is its snapshot."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.errors import SourceError, SourceNotFound
from workbench.sources.secrets import without_password
from workbench.sources.snapshot import Snapshot

if TYPE_CHECKING:
    from workbench.config import SourceSettings


class DeltaSource:
    """The Delta table at a source's `delta` uri."""

    kind = "delta"

    def __init__(self, name: str, settings: SourceSettings, *, root: Path) -> None:
        uri = settings.delta or ""
        self._name = name
        self._uri = uri if "://" in uri else str(root / Path(uri).expanduser())

    def snapshot(self, *, recheck: bool) -> Snapshot:  # noqa: ARG002 - a version never changes
        """Return the newest version: the table's own id and the version's number."""
        table = self._table(None)
        detail = {"uri": without_password(self._uri), "version": table.version(), "table": str(table.metadata().id)}
        digest = hashlib.sha256(f"{detail['table']}\n{detail['version']}".encode()).hexdigest()
        return Snapshot(self._name, digest, "delta", detail, datetime.now(UTC))

    def scan(self, snapshot: Snapshot | None) -> pl.LazyFrame:
        """Return the table at the snapshot's version, or the newest."""
        return pl.scan_delta(self._table(snapshot.detail["version"] if snapshot else None))

    def _table(self, version: int | None) -> Any:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError, TableNotFoundError

        try:
            return DeltaTable(self._uri, version=version)
        except TableNotFoundError:
            raise SourceNotFound(
                f"Source {self._name!r}: there is no Delta table at {without_password(self._uri)}.",
                remedy=f"Correct [sources.{self._name}] delta in workbench.toml, or put the table back.",
            ) from None
        except (DeltaError, OSError) as error:
            raise SourceError(
                f"Source {self._name!r}: {without_password(self._uri)} cannot be read"
                + (f" at version {version}" if version is not None else "")
                + f": {str(error).splitlines()[0]}",
                remedy="Check the table with deltalake; a vacuumed version is gone for good.",
            ) from None
