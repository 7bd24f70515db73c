"""Text files: CSV, JSON and NDJSON, read once and wholly by one reader, whether a source, a spine or any other file.

Such files say nothing of their types, so every value is looked at, never just the first rows. What cannot be read
without a guess is refused by name, or stays text and is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from workbench.drivers import translate_errors
from workbench.sources import csv_reader, faults, json_reader
from workbench.sources.dialect import Dialect
from workbench.sources.faults import Origin
from workbench.sources.glob import Format
from workbench.sources.infer import apply_dtypes, infer_types
from workbench.sources.snapshot import SourceWarning
from workbench.sources.spool import Spool
from workbench.sources.times import parse_times


@dataclass(frozen=True, slots=True)
class TextTable:
    """The rows of text files, and what was decided about them that is not obvious."""

    frame: pl.LazyFrame
    notes: tuple[SourceWarning, ...]


@contextmanager
def read_text(
    origin: Origin,
    files: Mapping[str, Path],
    format: Format,  # noqa: A002  the word of workbench.toml
    *,
    roles: Mapping[str, str],
    dialect: Dialect,
    scratch: Path | None = None,
) -> Iterator[TextTable]:
    """Yield the rows of all files, in the files' order, with times parsed; they can be read until the block ends.

    Parameters
    ----------
    origin
        Whose files they are, for messages.
    files
        The files by the names that messages give them.
    format
        What they hold: CSV or JSON.
    roles
        The time columns: role to column.
    dialect
        What is declared about them.
    scratch
        The folder where rows go that memory should not hold; the system's if absent.

    Raises
    ------
    SourceError
        For files without a byte, a file that its format does not allow, files of different columns or types, values
        that are not of their declared dtype, and times that are not ISO 8601 or of their declared format.
    """
    with Spool(scratch) as spool, translate_errors(lambda error: faults.of_driver(origin, faults.some(files), error)):
        if format == "csv":
            frame, notes = infer_types(origin, csv_reader.read(origin, files, dialect, spool), dialect, roles)
        else:
            found = json_reader.read(origin, files, dialect, spool)
            times = {role: column for role, column in roles.items() if column not in dialect.dtypes}
            frame, notes = parse_times(origin, found, dialect, times)
            frame = apply_dtypes(origin, frame, dialect, roles)
        yield TextTable(frame, tuple(notes))
