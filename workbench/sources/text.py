"""Files that are no tables yet: CSV, JSON, NDJSON and Excel, whether a source, a spine or any other file.

They are read once and wholly by one reader, and every value is looked at, never just the first rows. What cannot be
read without a guess is refused by name, or stays text and is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.drivers import translate_errors
from workbench.lazy import deferred
from workbench.sources import csv_reader, excel_reader, faults, json_reader
from workbench.sources.dialect import Dialect
from workbench.sources.faults import Origin
from workbench.sources.glob import Format
from workbench.sources.infer import apply_dtypes, infer_types
from workbench.sources.snapshot import SourceWarning
from workbench.sources.spool import Spool
from workbench.sources.times import parse_times

if TYPE_CHECKING:
    import polars as pl
else:
    pl = deferred("polars")


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
    """Yield the rows of all files, in the files' order, with times parsed; they can be read until the block ends."""
    with Spool(scratch) as spool, translate_errors(lambda error: faults.of_driver(origin, faults.some(files), error)):
        if format == "csv":
            frame, notes = infer_types(origin, csv_reader.read(origin, files, dialect, spool), dialect, roles)
        else:
            reader = excel_reader if format == "excel" else json_reader
            found = reader.read(origin, files, dialect, spool)
            times = {role: column for role, column in roles.items() if column not in dialect.dtypes}
            frame, notes = parse_times(origin, found, dialect, times)
            frame = apply_dtypes(origin, frame, dialect, roles)
        yield TextTable(frame, tuple(notes))
