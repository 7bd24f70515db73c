"""One file by its path: a spine, or rows to compare. It is read as a source's files are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.drivers import translate_errors
from workbench.lazy import deferred
from workbench.sources import faults, parquet
from workbench.sources.dialect import Dialect
from workbench.sources.faults import Origin
from workbench.sources.glob import FileListing, format_of
from workbench.sources.snapshot import SourceWarning
from workbench.sources.text import read_text

if TYPE_CHECKING:
    import polars as pl
else:
    pl = deferred("polars")


class FileReadWarning(UserWarning):
    """Something was decided about a file that was read, and is not obvious."""


def read_file(
    origin: Origin, file: Path, *, times: Mapping[str, str], dialect: Dialect | None = None
) -> tuple[pl.DataFrame, tuple[SourceWarning, ...]]:
    """Return the rows of one file, whose name says its format, and what was decided about them."""
    format_ = format_of(file)
    if format_ is None:
        raise faults.unknown_file(origin, file)
    if not file.is_file():
        raise faults.vanished(origin, file)
    with translate_errors(lambda error: faults.of_driver(origin, file, error)):
        if format_ == "parquet":
            return _parquet(origin, file), ()
        with read_text(origin, {str(file): file}, format_, roles=times, dialect=dialect or Dialect()) as table:
            return table.frame.collect(engine="streaming"), table.notes


def _parquet(origin: Origin, file: Path) -> pl.DataFrame:
    listing = FileListing(file.parent, (file,), "parquet", ())
    if not parquet.footer(origin, file).foreign:
        return parquet.scan(listing, {}).collect(engine="streaming")
    with parquet.convert_files(origin, listing, {}, None) as frame:
        return frame.collect(engine="streaming")
