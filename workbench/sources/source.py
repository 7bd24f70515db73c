"""`Source`: one declared input table. `Sources`: all of a project's, by name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import polars as pl

from workbench.errors import SourceError, SourceNotFound
from workbench.sources.delta import DeltaSource
from workbench.sources.files import FileSource
from workbench.sources.memo import Memo
from workbench.sources.query import QuerySource
from workbench.sources.snapshot import Snapshot, SourceWarning
from workbench.sources.times import INSTANT, instant, is_naive, present

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.config import SourceSettings


class Reader(Protocol):
    """What reads one kind of source."""

    def snapshot(self, *, recheck: bool) -> Snapshot:
        """Return the identity of the data."""

    def scan(self, snapshot: Snapshot | None) -> pl.LazyFrame:
        """Return the data of a snapshot, or of now."""


@dataclass(frozen=True)
class Source:
    """One declared input table.

    Attributes
    ----------
    name
        Its name in ``workbench.toml``.
    settings
        What is declared there.
    """

    name: str
    settings: SourceSettings
    _root: Path
    _cache: Path

    @property
    def event_time(self) -> str:
        """The column that says when a row happened."""
        return self.settings.event_time

    @property
    def available_at(self) -> str:
        """The column that says when a row became known; the event time where none is declared."""
        return self.settings.available_at or self.settings.event_time

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that name a row; none where none is declared."""
        return self.settings.key

    @cached_property
    def _memo(self) -> Memo:
        return Memo(self._cache / "sources" / f"{self.name}.json")

    @cached_property
    def _reader(self) -> Reader:
        if self.settings.delta is not None:
            return DeltaSource(self.name, self.settings, root=self._root)
        if self.settings.sql is not None:
            return QuerySource(self.name, self.settings, root=self._root, cache=self._cache)
        return FileSource(self.name, self.settings, root=self._root, memo=self._memo)

    def snapshot(self, *, recheck: bool = False) -> Snapshot:
        """Return the identity of the data as it is now.

        Parameters
        ----------
        recheck
            Read every byte again instead of trusting size, time and inode of files.

        Raises
        ------
        SourceNotFound, SourceError
            Where the data is gone, damaged, or being written.
        """
        return self._reader.snapshot(recheck=recheck)

    def frame(self, snapshot: Snapshot | None = None) -> pl.LazyFrame:
        """Return the rows, with event time and availability as Datetime("us", "UTC").

        Parameters
        ----------
        snapshot
            Only if the data still is what this says; as it is now if absent.

        Raises
        ------
        SourceError
            Where a declared column is missing or no time, or the data is not the snapshot's any more.
        """
        frame, schema = self._scanned(snapshot)
        times = dict.fromkeys((self.event_time, self.available_at))
        return frame.with_columns(
            instant(self.name, column, schema[column]) for column in times if schema[column] != INSTANT
        )

    def _scanned(self, snapshot: Snapshot | None) -> tuple[pl.LazyFrame, pl.Schema]:
        frame = self._reader.scan(snapshot)
        try:
            schema = frame.collect_schema()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise SourceError(
                f"Source {self.name!r} cannot be read: {str(error).splitlines()[0]}",
                remedy="The data is damaged or not of the format its name says: write it again.",
            ) from None
        present(self.name, schema, {"event_time": self.event_time, "available_at": self.available_at})
        for column in self.key:
            present(self.name, schema, {"key": column})
        return frame, schema

    def check(self) -> tuple[SourceWarning, ...]:
        """Return what is odd about the data: nothing in it, naive times, null times, duplicate keys.

        Asked once a snapshot, then remembered.

        Raises
        ------
        SourceError
            As `frame`, and where the times cannot be read.
        """
        snapshot = self.snapshot()
        key = "check " + hashlib.sha256(f"{snapshot.digest}{self.settings.model_dump_json()}".encode()).hexdigest()
        known = self._memo.read().get(key)
        if known is None:
            known = [asdict(warning) for warning in self._check(snapshot)]
            self._memo.add({key: known})
        return tuple(SourceWarning(**warning) for warning in known)

    def _check(self, snapshot: Snapshot) -> Iterator[SourceWarning]:
        _, schema = self._scanned(snapshot)
        counts = self._counts(self.frame(snapshot))
        if not counts["rows"]:
            yield SourceWarning(self.name, "has no rows", 0)
        for column in dict.fromkeys((self.event_time, self.available_at)):
            if is_naive(schema[column]):
                yield SourceWarning(self.name, f"{column} has no time zone and is read as UTC", counts["rows"])
            if counts[f"null {column}"]:
                nulls = counts[f"null {column}"]
                yield SourceWarning(self.name, f"{column} is null in {nulls:,} rows", nulls)
        if counts["duplicates"]:
            many, names = counts["duplicates"], ", ".join(self.key)
            yield SourceWarning(self.name, f"{many:,} rows repeat the key ({names}) of another", many)

    def _counts(self, frame: pl.LazyFrame) -> dict[str, int]:
        times = dict.fromkeys((self.event_time, self.available_at))
        repeated = pl.len() - pl.struct(self.key).n_unique() if self.key else pl.lit(0)
        asked: list[Any] = [pl.len().alias("rows"), repeated.cast(pl.Int64).alias("duplicates")]
        asked += [pl.col(column).null_count().alias(f"null {column}") for column in times]
        try:
            return frame.select(asked).collect().row(0, named=True)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise SourceError(
                f"Source {self.name!r} cannot be read: {str(error).splitlines()[0]}",
                remedy="Look at the rows that are not what their column says.",
            ) from None


class Sources(Mapping[str, Source]):
    """A project's sources by name; an unknown name is an error that says what was meant."""

    def __init__(self, settings: Mapping[str, SourceSettings], *, root: Path, cache: Path) -> None:
        self._sources = {name: Source(name, each, root, cache) for name, each in settings.items()}

    def __getitem__(self, name: str) -> Source:
        if name not in self._sources:
            raise SourceNotFound.named(name, self._sources)
        return self._sources[name]

    def __contains__(self, name: object) -> bool:
        return name in self._sources

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)

    def names(self) -> list[str]:
        """Return the sources' names, sorted."""
        return sorted(self._sources)
