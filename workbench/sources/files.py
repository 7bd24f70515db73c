"""Files, folders and globs of Parquet, CSV and JSON: which they are, their digest, and one LazyFrame over them."""

from __future__ import annotations

import glob
import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.errors import SourceError, SourceNotFound
from workbench.sources.snapshot import Snapshot

if TYPE_CHECKING:
    from workbench.config import SourceSettings
    from workbench.sources.memo import Memo

FORMATS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
}
ATTEMPTS = 3
"""How often a file that is being written while it is read is read again."""


class FileSource:
    """The files a source's `path` means."""

    kind = "files"

    def __init__(self, name: str, settings: SourceSettings, *, root: Path, memo: Memo) -> None:
        self._name = name
        self._pattern = settings.path or ""
        self._format = settings.format
        self._root = root
        self._memo = memo

    def paths(self) -> list[Path]:
        """Return the files, sorted.

        Raises
        ------
        SourceNotFound
            Where there are none.
        SourceError
            Where they are of several formats, or of none we read.
        """
        place = self._root / Path(self._pattern).expanduser()
        if place.is_dir():
            found = sorted(path for path in place.rglob("*") if path.is_file() and self._is_data(path, place))
        elif glob.has_magic(str(place)):
            found = sorted(path for path in map(Path, _globbed(place)) if path.is_file())
        else:
            found = [place] if place.is_file() else []
        if not found:
            what = "is empty" if place.is_dir() else "matches no file" if glob.has_magic(str(place)) else "is not there"
            raise SourceNotFound(
                f"Source {self._name!r}: {self._pattern} {what}.",
                remedy=f"Put the data back, or correct [sources.{self._name}] path in workbench.toml.",
            )
        self._format_of(found)
        return found

    def _is_data(self, path: Path, folder: Path) -> bool:
        hidden = any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
        return not hidden and (self._format is not None or path.suffix.lower() in FORMATS)

    def _format_of(self, paths: list[Path]) -> str:
        if self._format is not None:
            return self._format
        formats = {FORMATS.get(path.suffix.lower(), path.suffix or "no suffix") for path in paths}
        if len(formats) > 1:
            raise SourceError(
                f"Source {self._name!r} mixes {', '.join(sorted(formats))} files.",
                remedy="Keep one format in a folder, or narrow the path to a glob such as data/*.parquet.",
            )
        (found,) = formats
        if found not in FORMATS.values():
            raise SourceError(
                f"Source {self._name!r}: {paths[0].name} is in no format that its name tells.",
                remedy=f'Say format = "parquet", "csv", "json" or "ndjson" under [sources.{self._name}].',
            )
        return found

    def snapshot(self, *, recheck: bool) -> Snapshot:
        """Return the identity of the files' bytes; known digests are taken from the memo unless `recheck`."""
        paths = self.paths()
        known = {} if recheck else self._memo.read()
        with ThreadPoolExecutor(max_workers=min(4, len(paths))) as pool:
            files = list(pool.map(lambda path: self._describe(path, known), paths))
        fresh = {_key(path, file): file["sha256"] for path, file in zip(paths, files, strict=True)}
        if any(key not in known for key in fresh):
            self._memo.add(fresh)
        if len(files) == 1:
            digest = files[0]["sha256"]
        else:
            digest = hashlib.sha256("\n".join(f"{f['sha256']} {f['path']}" for f in files).encode()).hexdigest()
        return Snapshot(self._name, digest, "files", {"files": files}, datetime.now(UTC))

    def _describe(self, path: Path, known: dict[str, Any]) -> dict[str, Any]:
        try:
            for _ in range(ATTEMPTS):
                before = path.stat()
                file = {
                    "path": self._shown(path),
                    "size": before.st_size,
                    "mtime_ns": before.st_mtime_ns,
                    "inode": before.st_ino,
                }
                digest = known.get(_key(path, file)) or _sha256(path)
                after = path.stat()
                if (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns):
                    return {**file, "sha256": digest}
        except OSError as error:
            raise SourceError(
                f"Source {self._name!r}: {path} cannot be read: {error.strerror or error}.",
                remedy="Check that the file is there and that you may read it.",
            ) from None
        raise SourceError(
            f"Source {self._name!r}: {path} is being written.", remedy="Wait until it is complete, then run this again."
        )

    def _shown(self, path: Path) -> str:
        return str(path.relative_to(self._root)) if path.is_relative_to(self._root) else str(path)

    def scan(self, snapshot: Snapshot | None) -> pl.LazyFrame:
        """Return the files as one LazyFrame; with a snapshot, only if they still are what it says.

        Raises
        ------
        SourceError
            Where a file is damaged, schemas differ, or the data is not the snapshot's any more.
        """
        if snapshot is not None and snapshot.digest != self.snapshot(recheck=False).digest:
            raise SourceError(
                f"Source {self._name!r} changed while it was used.", remedy="Run this again: it takes the new data."
            )
        paths = self.paths()
        form = self._format_of(paths)
        try:
            return _same_schema(self._name, paths) if form == "parquet" else _scan_text(paths, form)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise SourceError(
                f"Source {self._name!r}: {paths[0].name} is not readable {form}: {str(error).splitlines()[0]}.",
                remedy="Write the file again, or say its format in workbench.toml.",
            ) from None


def _same_schema(name: str, paths: list[Path]) -> pl.LazyFrame:
    first = pl.read_parquet_schema(paths[0])
    for path in paths[1:]:
        schema = pl.read_parquet_schema(path)
        if schema != first:
            odd = sorted({c for c in {*first, *schema} if first.get(c) != schema.get(c)})
            raise SourceError(
                f"Source {name!r}: {path.name} and {paths[0].name} differ in {', '.join(odd[:5]) or 'column order'}.",
                remedy="Write the files with one schema, or narrow the source's path.",
            )
    return pl.scan_parquet(paths)


def _scan_text(paths: list[Path], form: str) -> pl.LazyFrame:
    if form == "csv":
        return pl.scan_csv(paths, try_parse_dates=True, infer_schema_length=10_000)
    if form == "ndjson":
        return pl.scan_ndjson(paths, infer_schema_length=10_000)
    return pl.concat([pl.read_json(path, infer_schema_length=10_000).lazy() for path in paths])


def _globbed(place: Path) -> list[str]:
    return glob.glob(str(place), recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern


def _key(path: Path, file: dict[str, Any]) -> str:
    return f"{path}\n{file['size']}\n{file['mtime_ns']}\n{file['inode']}"


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
