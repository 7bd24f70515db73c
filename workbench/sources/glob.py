"""Which files a ``path`` means: one file, a folder, or a glob."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from workbench.config import SourceSettings
from workbench.redaction import redact
from workbench.sources import faults

Format = Literal["parquet", "csv", "json", "ndjson", "excel"]

_FORMATS: dict[str, Format] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".xlsb": "excel",
    ".xls": "excel",
    ".ods": "excel",
}
_COMPRESSED = (".gz", ".zst")
_TEXTS = ("csv", "json", "ndjson")
SUFFIXES = tuple(_FORMATS) + tuple(
    suffix + packed for suffix, kind in _FORMATS.items() if kind in _TEXTS for packed in _COMPRESSED
)
"""How the names of files end whose format is known from their name."""


@dataclass(frozen=True, slots=True)
class FileListing:
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


def list_files(source: str, settings: SourceSettings, root: Path) -> FileListing:
    """Return the files that ``path`` in `settings` means now, each once.

    A folder is searched to the bottom, as ``folder/**/*`` is. Names that begin with ``.`` or ``_`` are left out unless
    the pattern spells that first letter, as writers use them for their own files. Symbolic links are followed; of two
    paths to one file the one without a link counts.
    """
    text = settings.path or ""
    if "://" in text:
        raise faults.remote_path(source, redact(text))
    path = resolve(root, text)
    try:
        base, files = _find(source, path)
    except OSError as error:
        raise faults.unreadable(source, error.filename or path, error.strerror or str(error)) from None
    files = sorted(files, key=lambda file: _below(base, file).split("/"))
    _refuse_tables(source, files)
    return FileListing(base, tuple(files), _format(source, settings, path, files), _partitions(source, base, files))


def _find(source: str, path: Path) -> tuple[Path, list[Path]]:
    if path.is_dir():
        found = _Search(source, path).files(("**", "*"))
        if not found:
            raise faults.no_match(source, str(path))
        return path, found
    if path.exists():
        return path.parent, [path]
    if not glob.has_magic(str(path)):
        raise faults.vanished(source, path)
    first = next(place for place, part in enumerate(path.parts) if glob.has_magic(part))
    base = Path(*path.parts[:first])
    search = _Search(source, base)
    found = search.files(path.parts[first:]) if base.is_dir() else []
    if not found:
        raise faults.no_match(source, str(path), folders=search.met_folders)
    return base, found


class _Search:
    """Finds the files below a folder that match a pattern.

    A folder is looked into once for each rest of the pattern, whatever links lead to it: so a circle of links ends, and
    the work does not double with each link. Folders behind links come last, so that a file goes by its own path.
    """

    def __init__(self, source: str, base: Path) -> None:
        self._source, self._base = source, base
        self._seen: dict[tuple[str, tuple[str, ...]], Path] = {}
        self._found: dict[str, Path] = {}
        self._direct: list[tuple[Path, tuple[str, ...]]] = []
        self._linked: list[tuple[Path, tuple[str, ...]]] = []
        self.met_folders = False
        """Whether a folder matched the whole pattern."""

    def files(self, pattern: tuple[str, ...]) -> list[Path]:
        """Return the files that match `pattern`, whose parts are names, wildcards and ``**``."""
        self._direct.append((self._base, (*pattern, "*") if pattern[-1] == "**" else pattern))
        while self._direct or self._linked:
            folder, parts = (self._direct or self._linked).pop()
            if self._is_new(folder, parts):
                self._look(folder, parts)
        return list(self._found.values())

    def _is_new(self, folder: Path, parts: tuple[str, ...]) -> bool:
        state = (os.path.realpath(folder), parts)
        first = self._seen.setdefault(state, folder)
        if first is not folder and self._keys(first) != self._keys(folder):
            raise faults.one_place_two_keys(self._source, first, folder)
        return first is folder

    def _keys(self, folder: Path) -> list[str]:
        return [part for part in _below(self._base, folder).split("/") if "=" in part]

    def _look(self, folder: Path, parts: tuple[str, ...]) -> None:
        part, rest = parts[0], parts[1:]
        if part == "**":
            self._direct.append((folder, rest))
        fits = re.compile(fnmatch.translate("*" if part == "**" else part)).match
        hidden = () if part.startswith((".", "_")) else (".", "_")
        if not glob.has_magic(part):
            if (folder / part).exists():
                self._take(folder / part, rest)
            return
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda one: one.name):
                if not entry.name.startswith(hidden) and fits(entry.name):
                    self._take(folder / entry.name, parts if part == "**" else rest)

    def _take(self, path: Path, rest: tuple[str, ...]) -> None:
        if path.is_dir():
            if rest:
                (self._linked if path.is_symlink() else self._direct).append((path, rest))
            self.met_folders = self.met_folders or not rest
        elif path.is_file():
            if not rest:
                self._add(path)
        elif path.is_symlink() and (not rest or not path.suffix):
            raise faults.vanished(self._source, f"{path}, a link to {path.readlink()}")

    def _add(self, file: Path) -> None:
        real = os.path.realpath(file)
        known = self._found.setdefault(real, file)
        if self._keys(known.parent) != self._keys(file.parent):
            raise faults.one_place_two_keys(self._source, known, file)
        if known.is_symlink() and not file.is_symlink():
            self._found[real] = file


def _refuse_tables(source: str, files: list[Path]) -> None:
    """Refuse files of a table whose log says which of its files count: read as plain files it shows deleted rows."""
    folders = {folder for file in files for folder in (file.parent, Path(os.path.realpath(file)).parent)}
    looked: set[Path] = set()
    for folder in sorted(folders):
        for place in (folder, *folder.parents):
            if place in looked:
                break
            looked.add(place)
            if (kind := _table_kind(place)) is not None:
                raise faults.is_table(source, place, kind)


def _table_kind(folder: Path) -> str | None:
    if (folder / "_delta_log").is_dir():
        return "Delta"
    if (folder / ".hoodie").is_dir():
        return "Hudi"
    return "Iceberg" if any((folder / "metadata").glob("*.metadata.json")) else None


def _below(base: Path, file: Path) -> str:
    """Return the name of `file` below `base`; by its text, as there may be thousands of files."""
    return str(file)[len(str(base)) :].replace(os.sep, "/").lstrip("/")


def format_of(file: Path) -> Format | None:
    """Return what a file holds by its name; None where that says nothing."""
    suffix = next((known for known in SUFFIXES if file.name.lower().endswith(known)), None)
    return None if suffix is None else _FORMATS["." + suffix.split(".")[1]]


def _format(source: str, settings: SourceSettings, place: Path, files: list[Path]) -> Format:
    if settings.format is not None:
        return settings.format
    examples: dict[str, str] = {}
    for file in files:
        examples.setdefault(format_of(file) or f"unknown ({file.suffix or 'no suffix'})", file.name)
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
