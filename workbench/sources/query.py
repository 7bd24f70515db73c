"""Sources that are queries: the rows that come back are written once as Parquet, under their own digest."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from workbench.errors import ProjectError
from workbench.files import UNFINISHED, replacing
from workbench.lazy import deferred
from workbench.redaction import redact
from workbench.sources import duckdb, faults, postgres
from workbench.sources.query_digest import in_order, rows_digest
from workbench.sources.reader import Declared, Parts, digest_of
from workbench.sources.snapshot import Snapshot, SourceWarning

if TYPE_CHECKING:
    import polars as pl
else:
    pl = deferred("polars")

_ROW_GROUP = 262_144
_ABANDONED_SECONDS = 24 * 3600
_NOTES = "workbench.notes"


def land(
    frame: pl.LazyFrame | pl.DataFrame,
    path: Path,
    *,
    confirm: Callable[[], None] | None = None,
    notes: Sequence[SourceWarning] = (),
) -> Path:
    """Write `frame` to `path` unless it is there already, and return `path`.

    The file appears complete or not at all, even with concurrent writers.
    """
    if path.exists():
        return path
    told = json.dumps([[note.message, note.count] for note in notes])
    try:
        _sweep(path.parent)
        with replacing(path, durable=True) as unfinished:
            frame.lazy().sink_parquet(
                unfinished, statistics=True, row_group_size=_ROW_GROUP, metadata={_NOTES: told} if notes else None
            )
            if confirm is not None:
                confirm()
    except OSError as error:
        raise ProjectError.not_writable(str(path.parent), error.strerror or str(error)) from None
    except pl.exceptions.ComputeError as error:
        if "os error" not in str(error):
            raise
        raise ProjectError.not_writable(str(path.parent), str(error).rpartition(": ")[2]) from None
    return path


def notes_of(path: Path, source: str) -> tuple[SourceWarning, ...]:
    """Return the notes that `land` was given with the rows at `path`."""
    told = json.loads(pl.read_parquet_metadata(path).get(_NOTES, "[]"))
    return tuple(SourceWarning(source, message, count) for message, count in told)


def remove_rows(path: Path) -> bool:
    """Remove the rows at `path`, and return whether they were there."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True


def _sweep(folder: Path) -> None:
    """Remove what killed processes left behind long ago."""
    for left in folder.glob(f"{UNFINISHED}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _ABANDONED_SECONDS:
                left.unlink()


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

    @property
    def place(self) -> str:
        """Where the data is, for people."""
        return "the result of its query"

    def snapshot(self, *, recheck: bool) -> Snapshot:  # noqa: ARG002  the query is always run again
        """Return the identity of the rows that the query returns now, and land them."""
        settings = self.declared.settings
        rows = in_order(self._run(), [*filter(None, [settings.event_time]), *settings.key])
        taken = self.declared.take_snapshot(
            "query",
            rows_digest(rows),
            {
                "sql": redact(settings.sql or "", url=settings.database),
                "database": None if settings.database is None else redact(settings.database),
                "rows": rows.height,
                "columns": {name: str(dtype) for name, dtype in rows.schema.items()},
            },
        )
        land(rows, self._landed_path(taken))
        return taken

    def scan(self, snapshot: Snapshot | None) -> pl.LazyFrame:
        """Return the landed rows of `snapshot`, or of the query run now."""
        wanted = self.snapshot(recheck=False) if snapshot is None else snapshot
        self.verify(wanted)
        return pl.scan_parquet(self._landed_path(wanted), glob=False)

    def parts(self, snapshot: Snapshot) -> Parts:  # noqa: ARG002  its rows come as a whole
        """Return nothing."""
        return {}

    def mark(self) -> None:
        """Return None: rows are read from where they were landed."""

    def notes(self, snapshot: Snapshot) -> tuple[SourceWarning, ...]:  # noqa: ARG002  its types are stated
        """Return nothing: there is nothing to decide."""
        return ()

    def forget(self, snapshot: Snapshot) -> bool:
        """Remove the landed rows of `snapshot`, and return whether there were any."""
        return remove_rows(self._landed_path(snapshot))

    def verify(self, snapshot: Snapshot) -> None:
        """Raise SourceError where the landed rows are gone and the query does not return them any more."""
        if not self._landed_path(snapshot).exists() and self.snapshot(recheck=False).digest != snapshot.digest:
            raise faults.moved_on(self.declared.name, "its query now returns different rows")

    def _landed_path(self, snapshot: Snapshot) -> Path:
        settings = self.declared.settings
        return self.declared.landed_path(digest_of([snapshot.digest, settings.event_time, list(settings.key)]))

    def _run(self) -> pl.DataFrame:
        database = self.declared.settings.database or ""
        scheme = urlsplit(database).scheme if "://" in database else ""
        if scheme in postgres.SCHEMES:
            return postgres.run(self.declared)
        if scheme:
            raise faults.unknown_database(self.declared.name, scheme)
        return duckdb.run(self.declared)


READER = QueryReader
