"""A stored view with some rows less and others more: its files that stay, and those that are written anew.

A large file is cut where it is written anew, so that the next rows that change have less written. No row of the base is
stored again before its file was seen to be as it was written: the digest of amended data is made from the base's, and
would not show what the disk lost.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from workbench.compute.digest import digest_frame
from workbench.compute.metadata import ROW_GROUP, StoredView
from workbench.files import replace_atomically

CHECKSUMS = "checksums.json"
"""The file beside a view's data with the checksums of its files; those that are not in it are not known."""
LEAST_CUT = 524_288
"""Rows of a file up to which it is not cut."""
_CUTS = 8
"""Into how many files about as many rows as the base has are cut."""
_BLOCK = 4 << 20
_ROW = "__workbench_row"


@dataclass(frozen=True, slots=True)
class AmendedFile:
    """A file of amended data: one of the base as it is, or rows that are to be written; whether some of these went."""

    source: Path | None
    rows: pl.LazyFrame | None
    is_less: bool = False


@dataclass(frozen=True, slots=True)
class Amendment:
    """The rows of a stored view, less some and with others.

    Attributes
    ----------
    base
        The stored view; it has the sums that its digest was made of, and the same columns and keys.
    numbers
        Which rows of `base` went.
    removed, added
        The rows that went, and those that came.
    """

    base: StoredView
    numbers: pl.Series
    removed: pl.DataFrame
    added: pl.DataFrame

    @property
    def is_addition(self) -> bool:
        """Whether all rows of the base stay, so that its files do, beside one with the added rows."""
        return self.removed.is_empty()

    def rows(self) -> pl.LazyFrame:
        """Return all rows."""
        left = self.base.frame(_ROW).filter(~pl.col(_ROW).is_in(self.numbers.implode())).drop(_ROW)
        return pl.concat([left, self.added.lazy()])

    def files(self) -> list[AmendedFile]:
        """Return the files that hold the rows; the added ones are where the last row went, or in one of their own."""
        found = [file for path, rows, gone in self._gone() for file in self._pieces(path, rows, gone)]
        for place, file in reversed([*enumerate(found)]):
            if file.rows is not None and file.is_less:
                found[place] = AmendedFile(None, pl.concat([file.rows, self.added.lazy()]))
                return found
        return [*found, AmendedFile(None, self.added.lazy())]

    def _gone(self) -> Iterator[tuple[Path, int, pl.Series]]:
        """Yield the base's files, how many rows each has, and which of them went."""
        first = 0
        for path in self.base.paths:
            rows = row_count(path)
            yield path, rows, self.numbers.filter(self.numbers.is_between(first, first + rows, closed="left")) - first
            first += rows

    def _pieces(self, path: Path, rows: int, gone: pl.Series) -> list[AmendedFile]:
        if gone.is_empty():
            return [AmendedFile(path, None)]
        groups = -(-self.base.record.rows // (_CUTS * ROW_GROUP))
        length = max(LEAST_CUT, groups * ROW_GROUP)
        whole, numbered = pl.scan_parquet(path, glob=False), pl.scan_parquet(path, glob=False, row_index_name=_ROW)
        found = []
        for start in range(0, rows, length):
            own = gone.filter(gone.is_between(start, start + length, closed="left"))
            left = numbered.slice(start, length).filter(~pl.col(_ROW).is_in(own.implode())).drop(_ROW)
            is_less = not own.is_empty()
            found.append(AmendedFile(None, left if is_less else whole.slice(start, length), is_less=is_less))
        return found


def row_count(path: Path) -> int:
    """Return how many rows a Parquet file has."""
    return int(pl.scan_parquet(path, glob=False).select(pl.len()).collect().item())


def damage(stored: StoredView) -> str:
    """Return what of a stored view is not as it was written; empty where all is.

    Files without a known checksum are digested, with all others.
    """
    known = checksums(stored.folder)
    for path in stored.paths:
        if path.name in known and known[path.name] != checksum(path):
            return path.name
    if all(path.name in known for path in stored.paths):
        return ""
    found = digest_frame(stored.frame(), keys=stored.record.keys)
    return "" if found.exact == stored.record.digest.exact else "its files"


def note_checksums(stored: StoredView) -> None:
    """Keep the checksums of a view that was computed now, unless some are known."""
    if not (stored.folder / CHECKSUMS).exists():
        with suppress(OSError):  # read-only, or full: its rows are digested where they would be asked for
            save_checksums(stored.folder, {path.name: checksum(path) for path in stored.paths})


def save_checksums(folder: Path, known: Mapping[str, int]) -> None:
    """Keep checksums in a view's folder."""
    replace_atomically(folder / CHECKSUMS, json.dumps(dict(known)))


def checksums(folder: Path) -> dict[str, int]:
    """Return the known checksums of the files in a view's folder."""
    with suppress(OSError, ValueError):
        found = json.loads((folder / CHECKSUMS).read_bytes())
        if isinstance(found, dict):
            return found
    return {}


def checksum(path: Path) -> int:
    """Return the CRC-32 of a file: against accidents."""
    found = 0
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            found = zlib.crc32(block, found)
    return found
