"""A source: a declared input table that gives its rows, and says which data they are."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from workbench.config import SourceSettings
from workbench.sources.check import checked
from workbench.sources.delta import DeltaReader
from workbench.sources.files import FilesReader
from workbench.sources.memo import read_json, write_json
from workbench.sources.query import QueryReader
from workbench.sources.reader import Declared, Reader, digest_of
from workbench.sources.secrets import redact
from workbench.sources.snapshot import Snapshot, SourceWarning
from workbench.sources.times import normalised

_CHECK_SCHEME = 1


class Source:
    """A declared input table: files, a Delta table, or a query.

    Parameters
    ----------
    name
        The source's name.
    settings
        Its table in ``workbench.toml``.
    root
        The project's root: relative paths start here.
    cache
        A folder of this source's own, for what is remembered and landed. May be deleted at any time.
    """

    __slots__ = ("_declared", "_reader")

    def __init__(self, name: str, settings: SourceSettings, *, root: Path, cache: Path) -> None:
        self._declared = Declared(name, settings, root, cache)
        self._reader = _reader(self._declared)

    def __repr__(self) -> str:
        settings = self.settings
        place = settings.path or settings.delta or settings.database or settings.sql or ""
        return f"<Source {self.name!r}: {redact(place)}>"

    @property
    def name(self) -> str:
        """The source's name."""
        return self._declared.name

    @property
    def settings(self) -> SourceSettings:
        """Its table in ``workbench.toml``; a connection URL in it may hold a password."""
        return self._declared.settings

    @property
    def root(self) -> Path:
        """The project's root."""
        return self._declared.root

    @property
    def event_time(self) -> str:
        """The column that says when a row happened."""
        return self.settings.event_time

    @property
    def available_at(self) -> str:
        """The column that says when a row became known; `event_time` where none is declared."""
        return self.settings.available_at or self.settings.event_time

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that tell one row from another; empty where none are declared."""
        return self.settings.key

    def snapshot(self, *, recheck: bool = False) -> Snapshot:
        """Return the identity of the source's data now.

        Files are read once and then known by path, size, times and inode. A query is run.

        Parameters
        ----------
        recheck
            Read every byte again, trusting nothing that is remembered.

        Raises
        ------
        SourceNotFound
            Where the data is gone.
        SourceError
            Where it is refused, damaged or being written, or the query fails.
        """
        return self._reader.snapshot(recheck=recheck)

    def frame(self, snapshot: Snapshot | None = None) -> pl.LazyFrame:
        """Return the source's rows: all its columns, `event_time` and `available_at` as ``Datetime("us", "UTC")``.

        Parameters
        ----------
        snapshot
            Which data: Delta is read at its version, a query's rows as they were landed, and files must still be
            what they were. The data of now if absent.

        Raises
        ------
        SourceNotFound
            Where the data is gone.
        SourceError
            Where it is not the snapshot's any more, is damaged, or a time column is missing or no time.
        """
        frame = self._reader.scan(snapshot)
        return normalised(self.name, frame, self._declared.roles)

    def check(self, snapshot: Snapshot | None = None) -> tuple[SourceWarning, ...]:
        """Return what is odd about the source's data: repeated keys, nulls in time or key, naive times, no rows.

        The answer is remembered for each snapshot, so it costs the data's reading once.

        Parameters
        ----------
        snapshot
            Which data; a new snapshot is taken if absent, which runs a query again.

        Raises
        ------
        SourceError
            Where a declared column is missing (did you mean) or no time, or the data cannot be read.
        """
        taken = self.snapshot() if snapshot is None else snapshot
        memo = self._declared.checked(self._check_key(taken))
        remembered = _warnings(self.name, read_json(memo))
        if remembered is not None:
            return remembered
        found = checked(self._declared, self._reader.scan(taken))
        write_json(memo, {"warnings": [[warning.message, warning.count] for warning in found]})
        return found

    def verify(self, snapshot: Snapshot) -> None:
        """Raise SourceError where the data of `snapshot` cannot be read (any more).

        A frame is lazy: verify after it was collected that files did not change in between.
        """
        self._reader.verify(snapshot)

    def _check_key(self, snapshot: Snapshot) -> str:
        return digest_of([_CHECK_SCHEME, snapshot.digest, self._declared.roles, list(self.key)])


def _reader(declared: Declared) -> Reader:
    if declared.settings.path is not None:
        return FilesReader(declared)
    return DeltaReader(declared) if declared.settings.delta is not None else QueryReader(declared)


def _warnings(source: str, values: dict[str, object]) -> tuple[SourceWarning, ...] | None:
    """Return remembered warnings; `None` where there are none or they are damaged."""
    found = values.get("warnings")
    if not isinstance(found, list):
        return None
    warnings = []
    for entry in found:
        match entry:
            case [str(message), int(count)]:
                warnings.append(SourceWarning(source, message, count))
            case _:
                return None
    return tuple(warnings)
