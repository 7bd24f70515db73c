"""Sources that are files: identified by their content, found again by path, size, times and inode."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from workbench.sources import faults, parquet, text
from workbench.sources.digest import digest_files
from workbench.sources.landing import land
from workbench.sources.listing import Listing, list_files
from workbench.sources.memo import DigestMemo, read_json, write_json
from workbench.sources.reader import Declared, digest_of
from workbench.sources.snapshot import Snapshot

_TEXT_SCHEME = 1


@dataclass(frozen=True, slots=True)
class FilesReader:
    """Reads Parquet where it lies, and CSV and JSON from a Parquet copy made once for each content.

    Parameters
    ----------
    declared
        The source.
    """

    declared: Declared

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
        if listing.format == "parquet":
            if snapshot is not None:
                self._same(listing, snapshot)
            self._agree(listing, snapshot)
            return parquet.scan(listing)
        return self._scan_text(listing, snapshot)

    def verify(self, snapshot: Snapshot) -> None:
        """Raise SourceError where the files are not those of `snapshot`, and no copy of it was made."""
        if not self._copy(snapshot).exists():
            self._same(self._list(), snapshot)

    def _list(self) -> Listing:
        return list_files(self.declared.name, self.declared.settings, self.declared.root)

    def _take(self, listing: Listing, *, recheck: bool = False) -> Snapshot:
        memo = DigestMemo(self.declared.digests)
        digests = digest_files(self.declared.name, listing.files, memo, recheck=recheck)
        single = len(digests) == 1 and not listing.partitions
        names = ["" if single else listing.name(file.path) for file in digests]
        places = [self.declared.shown(file.path) for file in digests]
        files = [
            {"path": place, "size": file.size, "sha256": file.sha256}
            for place, file in zip(places, digests, strict=True)
        ]
        where = {"path": places[0]} if len(places) == 1 else {"paths": places}
        return self.declared.taken(
            "files",
            [listing.format, [[name, file.sha256] for name, file in zip(names, digests, strict=True)]],
            {**where, "format": listing.format, "bytes": sum(file.size for file in digests), "files": files},
        )

    def _same(self, listing: Listing, snapshot: Snapshot) -> None:
        if self._take(listing).digest != snapshot.digest:
            raise faults.moved_on(self.declared.name, self.declared.settings.path)

    def _agree(self, listing: Listing, snapshot: Snapshot | None) -> None:
        """See that Parquet files agree, once for each content."""
        memo = None if snapshot is None else self.declared.checked(f"{snapshot.digest}-columns")
        if memo is not None and read_json(memo).get("agree") is True:
            return
        parquet.agree(self.declared.name, listing)
        if memo is not None:
            write_json(memo, {"agree": True})

    def _copy(self, snapshot: Snapshot) -> Path:
        """Return where the Parquet copy of text files is; which columns are parsed as times is part of its name."""
        roles = sorted(self.declared.roles.values())
        return self.declared.landed(digest_of([_TEXT_SCHEME, snapshot.digest, roles]))

    def _scan_text(self, listing: Listing, snapshot: Snapshot | None) -> pl.LazyFrame:
        """Return the Parquet copy of text files, made now if this content was never read."""
        wanted = self._take(listing) if snapshot is None else snapshot
        copy = self._copy(wanted)
        if not copy.exists():
            frame = text.read(self.declared.name, listing, self.declared.roles)
            try:
                land(frame, copy, confirm=lambda: self.verify(wanted))
            except pl.exceptions.PolarsError as error:
                raise faults.corrupt(self.declared.name, self.declared.settings.path, str(error)) from None
        return pl.scan_parquet(copy, glob=False)
