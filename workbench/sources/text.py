"""CSV and JSON files, which say nothing of their types: the whole of them is looked at, never just the first rows."""

from __future__ import annotations

import glob
import gzip
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl

from workbench.sources import faults
from workbench.sources.infer import typed
from workbench.sources.listing import Format, Listing
from workbench.sources.times import iso_columns, parsed

Schema = dict[str, pl.DataType]


def read(source: str, listing: Listing, roles: Mapping[str, str]) -> pl.LazyFrame:
    """Return the rows of all files, in the files' order, with times parsed.

    Parameters
    ----------
    source
        The source's name, for messages.
    listing
        CSV or JSON files.
    roles
        The time columns: role to column.

    Raises
    ------
    SourceError
        For files without a byte, a file that its format does not allow, files of different columns or types, times
        that are not ISO 8601.
    """
    if listing.partitions:
        raise faults.partitioned_text(source, listing.base)
    frames = {listing.name(file): _open(source, file, listing.format) for file in listing.files}
    try:
        if listing.format != "csv":
            return parsed(source, _together(source, frames), roles)
        frame = typed(_below_each_other(source, frames))
        others = {name: name for name in iso_columns(frame) if name not in roles.values()}
        return parsed(source, frame, {**roles, **others})
    except pl.exceptions.PolarsError as error:
        raise faults.corrupt(source, faults.some(frames), str(error)) from None


def _open(source: str, file: Path, format: Format) -> pl.LazyFrame:  # noqa: A002  the word of workbench.toml
    try:
        frame = _READERS[format](file)
        frame.collect_schema()
    except OSError as error:
        raise faults.unreadable(source, file, error.strerror or str(error)) from None
    except pl.exceptions.NoDataError:
        return pl.LazyFrame()
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise faults.corrupt(source, file, str(error)) from None
    return frame


def _csv(file: Path) -> pl.LazyFrame:
    return pl.scan_csv(file, glob=False, infer_schema=False)


def _ndjson(file: Path) -> pl.LazyFrame:
    if not _first_byte(file):
        return pl.LazyFrame()
    return pl.scan_ndjson(glob.escape(str(file)), infer_schema_length=None)


def _json(file: Path) -> pl.LazyFrame:
    if _first_byte(file) != b"[":
        return _ndjson(file)
    return pl.read_json(file, infer_schema_length=None).lazy()


_READERS: dict[Format, Callable[[Path], pl.LazyFrame]] = {"csv": _csv, "ndjson": _ndjson, "json": _json}


def _first_byte(file: Path) -> bytes:
    """Return the first byte that is no white space; empty for a file without any."""
    with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as stream:
        while block := stream.read(65_536):
            if begun := block.lstrip(b" \t\r\n\xef\xbb\xbf"):
                return begun[:1]
    return b""


def _below_each_other(source: str, frames: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """Return CSV files of the same columns as one; files without a byte are left out."""
    headers = {name: frame.collect_schema().names() for name, frame in frames.items()}
    headers = {name: columns for name, columns in headers.items() if columns}
    if not headers:
        raise faults.nothing(source, next(iter(frames)))
    first, columns = next(iter(headers.items()))
    lines = [
        f"{name} has {faults.some(other)}; {first} has {faults.some(columns)}"
        for name, other in headers.items()
        if set(other) != set(columns)
    ]
    if lines:
        raise faults.schemas_differ(source, lines)
    return pl.concat([frames[name].select(columns) for name in headers])


def _together(source: str, frames: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """Return JSON files as one; a column may be absent from some of them."""
    schemas = {name: dict(frame.collect_schema()) for name, frame in frames.items()}
    schemas = {name: schema for name, schema in schemas.items() if schema}
    if not schemas:
        raise faults.nothing(source, next(iter(frames)))
    merged = _merged(source, schemas)
    aligned = [
        frames[name].select(
            pl.col(column).cast(dtype) if column in schema else pl.lit(None, dtype).alias(column)
            for column, dtype in merged.items()
        )
        for name, schema in schemas.items()
    ]
    return pl.concat(aligned)


def _merged(source: str, schemas: Mapping[str, Schema]) -> Schema:
    """Return the dtype of each column over all files: whole numbers and floats make floats, null gives way."""
    merged: Schema = {}
    for column in dict.fromkeys(column for schema in schemas.values() for column in schema):
        holders = {name: schema[column] for name, schema in schemas.items() if column in schema}
        dtype = _common(set(holders.values()))
        if dtype is None:
            raise faults.schemas_differ(source, [f"{column} is {found} in {name}" for name, found in holders.items()])
        merged[column] = dtype
    return merged


def _common(dtypes: set[pl.DataType]) -> pl.DataType | None:
    typed = dtypes - {pl.Null()}
    if len(typed) <= 1:
        return next(iter(typed), pl.String())
    return pl.Float64() if all(dtype.is_numeric() for dtype in typed) else None
