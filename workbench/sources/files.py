"""Sources that are files: identified by their content, found again by path, size, times and inode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.lazy import deferred
from workbench.sources import faults, parquet
from workbench.sources.dialect import Dialect
from workbench.sources.digest import digest_files, stamp_of
from workbench.sources.digest_cache import DigestMemo, read_json, write_json
from workbench.sources.faults import Origin
from workbench.sources.glob import FileListing, Format, list_files
from workbench.sources.query import land, notes_of, remove_rows
from workbench.sources.reader import Declared, Parts, digest_of
from workbench.sources.snapshot import Snapshot, SourceWarning
from workbench.sources.text import read_text

if TYPE_CHECKING:
    import polars as pl
else:
    pl = deferred("polars")

_SCHEME = 2
_OF_CSV = frozenset({"separator", "decimal", "thousands", "quote", "encoding", "null_values"})
_IDLE: dict[Format, frozenset[str]] = {
    "csv": frozenset({"sheet"}),
    "json": _OF_CSV | {"sheet"},
    "ndjson": _OF_CSV | {"sheet"},
    "excel": _OF_CSV,
    "parquet": _OF_CSV | {"dtypes", "time_format", "sheet"},
}
"""Settings that say nothing about files of a format; `dtypes` may still be of ``key=value`` folders."""


@dataclass(frozen=True, slots=True)
class FilesReader:
    """Reads Parquet where it lies, and text files and Excel from a Parquet copy made once for each content.

    Parameters
    ----------
    declared
        The source.
    """

    declared: Declared

    @property
    def place(self) -> str:
        """Where the data is, for people."""
        return self.declared.settings.path or ""

    def snapshot(self, *, recheck: bool) -> Snapshot:
        """Return the identity of the files' names and bytes.

        A single file is known by its bytes alone, so renaming it changes nothing.
        """
        return self._take(self._list(), recheck=recheck)

    def scan(self, snapshot: Snapshot | None) -> pl.LazyFrame:
        """Return the rows of the files, in the order of their names."""
        if snapshot is not None and self._copy(snapshot).exists():
            return pl.scan_parquet(self._copy(snapshot), glob=False)
        listing = self._list()
        if listing.format != "parquet":
            return self._scan_text(listing, snapshot)
        if snapshot is not None:
            self._same(listing, snapshot)
        return self._scan_parquet(listing, snapshot)

    def parts(self, snapshot: Snapshot) -> Parts:
        """Return the rows of each Parquet file that is read where it lies."""
        if self._copy(snapshot).exists():
            return {}
        listing, known = self._list(), snapshot.detail["files"]
        if listing.format != "parquet" or self._take(listing).digest != snapshot.digest:
            return {}
        found = self._footers(listing, snapshot)
        if found.foreign:
            return {}
        keys, _ = parquet.folder_keys(self._origin, listing, found.schema, self._dialect)
        return {
            digest_of([_SCHEME, listing.name(file), one["sha256"]]): partial(
                parquet.scan, replace(listing, files=(file,)), keys
            )
            for file, one in zip(listing.files, known, strict=True)
        }

    def notes(self, snapshot: Snapshot) -> tuple[SourceWarning, ...]:
        """Return what was decided about the files that is not obvious."""
        if self._copy(snapshot).exists():
            return notes_of(self._copy(snapshot), self.declared.name)
        listing = self._list()
        if listing.format != "parquet":
            return ()
        footers = self._footers(listing, snapshot)
        return tuple(parquet.folder_keys(self._origin, listing, footers.schema, self._dialect)[1])

    def mark(self) -> object:
        """Return the files with their sizes, times and inodes, which tell that one was replaced and put back."""
        return tuple((file, stamp_of(self.declared.name, file)) for file in self._list().files)

    def forget(self, snapshot: Snapshot) -> bool:
        """Remove the copy of the rows of `snapshot`, and return whether there was one."""
        return remove_rows(self._copy(snapshot))

    def verify(self, snapshot: Snapshot) -> None:
        """Raise SourceError where the files are not those of `snapshot`, and no copy of it was made."""
        if not self._copy(snapshot).exists():
            self._same(self._list(), snapshot)

    def _list(self) -> FileListing:
        listing = list_files(self.declared.name, self.declared.settings, self.declared.root)
        for setting in sorted(self.declared.settings.changed() & _IDLE[listing.format]):
            if setting != "dtypes" or not set(self.declared.settings.dtypes) <= set(listing.partitions):
                raise faults.setting_without_use(self._origin, setting, listing.format)
        return listing

    def _take(self, listing: FileListing, *, recheck: bool = False) -> Snapshot:
        memo = DigestMemo(self.declared.digests)
        digests = digest_files(self.declared.name, listing.files, memo, recheck=recheck)
        single = len(digests) == 1 and not listing.partitions
        names = ["" if single else listing.name(file.path) for file in digests]
        places = [self.declared.display_path(file.path) for file in digests]
        files = [
            {"path": place, "size": file.size, "sha256": file.sha256}
            for place, file in zip(places, digests, strict=True)
        ]
        where = {"path": places[0]} if len(places) == 1 else {"paths": places}
        return self.declared.take_snapshot(
            "files",
            [listing.format, [[name, file.sha256] for name, file in zip(names, digests, strict=True)]],
            {**where, "format": listing.format, "bytes": sum(file.size for file in digests), "files": files},
        )

    def _same(self, listing: FileListing, snapshot: Snapshot) -> None:
        if self._take(listing).digest != snapshot.digest:
            raise faults.moved_on(self.declared.name, self.declared.settings.path)

    def _footers(self, listing: FileListing, snapshot: Snapshot | None) -> parquet.Footers:
        """See that Parquet files agree, with each other and with their folders, once for each content."""
        memo = None if snapshot is None else self.declared.memo_path(digest_of([_SCHEME, snapshot.digest, "parquet"]))
        known = {} if memo is None else read_json(memo)
        if known.get("agree") is True:
            return parquet.footer(self._origin, listing.files[0], foreign=bool(known.get("foreign")))
        found = parquet.footers(self._origin, listing)
        parquet.refuse_contradictions(self._origin, listing, found.schema)
        if memo is not None:
            write_json(memo, {"agree": True, "foreign": found.foreign})
        return found

    def _scan_parquet(self, listing: FileListing, snapshot: Snapshot | None) -> pl.LazyFrame:
        """Return the rows where they lie, or of a copy where there are zones that Polars does not know."""
        found = self._footers(listing, snapshot)
        keys, notes = parquet.folder_keys(self._origin, listing, found.schema, self._dialect)
        if not found.foreign:
            return parquet.scan(listing, keys)
        wanted = self._take(listing) if snapshot is None else snapshot
        copy = self._copy(wanted)
        if not copy.exists():
            begun = self.mark()
            with parquet.convert_files(self._origin, listing, keys, copy.parent) as frame:
                self._land(frame, copy, wanted, begun, notes)
        return pl.scan_parquet(copy, glob=False)

    def _copy(self, snapshot: Snapshot) -> Path:
        """Return where the copy of files is that are not read where they lie; how they are read is in its name."""
        roles = sorted(self.declared.roles.values())
        return self.declared.landed_path(digest_of([_SCHEME, snapshot.digest, roles, self._dialect.to_json()]))

    def _scan_text(self, listing: FileListing, snapshot: Snapshot | None) -> pl.LazyFrame:
        """Return the Parquet copy of text files, made now if this content was never read."""
        if listing.partitions:
            raise faults.partitioned_text(self.declared.name, listing.base)
        wanted = self._take(listing) if snapshot is None else snapshot
        copy = self._copy(wanted)
        if not copy.exists():
            begun = self.mark()
            with read_text(
                self._origin,
                {listing.name(file): file for file in listing.files},
                listing.format,
                roles=self.declared.roles,
                dialect=self._dialect,
                scratch=copy.parent,
            ) as table:
                self._land(table.frame, copy, wanted, begun, table.notes)
        return pl.scan_parquet(copy, glob=False)

    def _land(
        self, frame: pl.LazyFrame, copy: Path, wanted: Snapshot, begun: object, notes: Sequence[SourceWarning]
    ) -> None:
        """Write the copy, unless the files were touched since `begun`."""

        def confirm() -> None:
            self._same(self._list(), wanted)
            if self.mark() != begun:
                raise faults.moved_on(self.declared.name, self.declared.settings.path)

        land(frame, copy, confirm=confirm, notes=notes)

    @property
    def _origin(self) -> Origin:
        return Origin.of(self.declared.name)

    @property
    def _dialect(self) -> Dialect:
        return Dialect.of(self.declared.settings)


READER = FilesReader
