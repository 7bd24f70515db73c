"""Sources that are queries: the rows that come back are landed once as Parquet, under their own digest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl

from workbench.sources import duck, faults, postgres
from workbench.sources.landing import land
from workbench.sources.reader import Declared, digest_of
from workbench.sources.rows import in_order, rows_digest
from workbench.sources.secrets import redact
from workbench.sources.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class QueryReader:
    """Reads what SQL returns, in DuckDB or PostgreSQL.

    A snapshot runs the query: nothing else says whether a database's data changed. Landed rows stand in the order of
    ``event_time``, then the key, then all else, whatever order the server returned.

    Parameters
    ----------
    declared
        The source.
    """

    declared: Declared

    def snapshot(self, *, recheck: bool) -> Snapshot:  # noqa: ARG002  the query is always run again
        """Return the identity of the rows that the query returns now, and land them."""
        settings = self.declared.settings
        rows = in_order(self._run(), [settings.event_time, *settings.key])
        taken = self.declared.taken(
            "query",
            rows_digest(rows),
            {
                "sql": redact(settings.sql or "", url=settings.database),
                "database": None if settings.database is None else redact(settings.database),
                "rows": rows.height,
                "columns": {name: str(dtype) for name, dtype in rows.schema.items()},
            },
        )
        land(rows, self._landed(taken))
        return taken

    def scan(self, snapshot: Snapshot | None) -> pl.LazyFrame:
        """Return the landed rows of `snapshot`, or of the query run now."""
        wanted = self.snapshot(recheck=False) if snapshot is None else snapshot
        self.verify(wanted)
        return pl.scan_parquet(self._landed(wanted), glob=False)

    def verify(self, snapshot: Snapshot) -> None:
        """Raise SourceError where the landed rows are gone and the query does not return them any more."""
        if not self._landed(snapshot).exists() and self.snapshot(recheck=False).digest != snapshot.digest:
            raise faults.moved_on(self.declared.name, "its query returns other rows now")

    def _landed(self, snapshot: Snapshot) -> Path:
        settings = self.declared.settings
        return self.declared.landed(digest_of([snapshot.digest, settings.event_time, list(settings.key)]))

    def _run(self) -> pl.DataFrame:
        database = self.declared.settings.database or ""
        scheme = urlsplit(database).scheme if "://" in database else ""
        if scheme in postgres.SCHEMES:
            return postgres.run(self.declared)
        if scheme:
            raise faults.unknown_database(self.declared.name, scheme)
        return duck.run(self.declared)
