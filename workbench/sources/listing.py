"""Which files a ``path`` means: one file, a folder, or a glob."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn, cast

from workbench.config import SourceSettings
from workbench.sources import faults
from workbench.sources.secrets import redact

Format = Literal["parquet", "csv", "json", "ndjson"]

_FORMATS: dict[str, Format] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".csv.gz": "csv",
    ".csv.zst": "csv",
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".ndjson.gz": "ndjson",
    ".jsonl.gz": "ndjson",
}


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a source, sorted by name: the order in which their rows stand.

    Parameters
    ----------
    base
        The folder that the names of files are relative to.
    files
        Absolute paths.
    format
        What all of them hold.
    partitions
        Keys of the ``key=value`` folders below `base`, outermost first.
    """

    base: Path
    files: tuple[Path, ...]
    format: Format
    partitions: tuple[str, ...]

    def name(self, file: Path) -> str:
        """Return the name of `file` below `base`, with forward slashes."""
        return _below(self.base, file)


def resolve(root: Path, path: str) -> Path:
    """Return `path` with ``~`` expanded, relative ones from `root`, symbolic links as they are."""
    return Path(os.path.normpath(root / Path(path).expanduser()))


def list_files(source: str, settings: SourceSettings, root: Path) -> Listing:
    """Return the files that ``path`` in `settings` means now.

    Folders are searched to the bottom; names that begin with ``.`` or ``_`` are left out, as writers use them for
    their own files.

    Raises
    ------
    SourceNotFound
        Where there is nothing.
    SourceError
        For a URL, a Delta table, files of several or unknown formats, disagreeing ``key=value`` folders, or a folder
        that may not be read.
    """
    text = settings.path or ""
    if "://" in text:
        raise faults.remote_path(source, redact(text))
    path = resolve(root, text)
    base, files = _find(source, path)
    files = sorted(files, key=lambda file: _below(base, file).split("/"))
    return Listing(base, tuple(files), _format(source, settings, path, files), _partitions(source, base, files))


def _find(source: str, path: Path) -> tuple[Path, list[Path]]:
    try:
        if path.is_dir():
            return path, _walk(source, path)
        if path.exists():
            return path.parent, [path]
    except PermissionError as error:
        raise faults.unreadable(source, path, error.strerror or str(error)) from None
    if glob.has_magic(str(path)):
        return _glob(source, path)
    raise faults.vanished(source, path)


def _walk(source: str, folder: Path) -> list[Path]:
    def refuse(error: OSError) -> NoReturn:
        raise faults.unreadable(source, error.filename, error.strerror or str(error)) from None

    if (folder / "_delta_log").is_dir():
        raise faults.is_delta(source, folder)
    found: list[Path] = []
    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        found += [Path(parent, name) for name in names if not name.startswith((".", "_"))]
    if not found:
        raise faults.no_match(source, str(folder))
    return found


def _glob(source: str, pattern: Path) -> tuple[Path, list[Path]]:
    matches = [Path(name) for name in glob.glob(str(pattern), recursive=True)]  # noqa: PTH207  patterns may be absolute
    files = [match for match in matches if match.is_file()]
    if not files:
        raise faults.no_match(source, str(pattern), folders=bool(matches))
    return Path(*pattern.parts[: _first_magic(pattern)]), files


def _first_magic(pattern: Path) -> int:
    return next(place for place, part in enumerate(pattern.parts) if glob.has_magic(part))


def _below(base: Path, file: Path) -> str:
    """Return the name of `file` below `base`; by its text, as there may be thousands of files."""
    return str(file)[len(str(base)) :].replace(os.sep, "/").lstrip("/")


def _suffix_format(file: Path) -> Format | None:
    name = file.name.lower()
    return next((known for suffix, known in _FORMATS.items() if name.endswith(suffix)), None)


def _format(source: str, settings: SourceSettings, place: Path, files: list[Path]) -> Format:
    if settings.format is not None:
        return settings.format
    examples: dict[str, str] = {}
    for file in files:
        examples.setdefault(_suffix_format(file) or f"unknown ({file.suffix or 'no suffix'})", file.name)
    if len(examples) > 1:
        raise faults.mixed_formats(source, place, examples)
    (only,) = examples
    if only.startswith("unknown"):
        raise faults.unknown_format(source, examples[only])
    return cast("Format", only)


def _partitions(source: str, base: Path, files: list[Path]) -> tuple[str, ...]:
    """Return the keys of the ``key=value`` folders, which every file must share."""
    folders = {_below(base, file).rpartition("/")[0] for file in files}
    keys = {tuple(part.split("=", 1)[0] for part in folder.split("/") if "=" in part) for folder in folders}
    if len(keys) > 1 or (any(keys) and any("=" in part for part in base.parts)):
        raise faults.partitions_differ(source, base)
    return keys.pop()
