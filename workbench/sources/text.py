"""CSV and JSON files, which say nothing of their types: the whole of them is looked at, never just the first rows."""

from __future__ import annotations

import glob
import gzip
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl

from workbench.sources import faults
from workbench.sources.listing import Format, Listing
from workbench.sources.times import parsed

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
    texts = frozenset(roles.values())
    frames = {}
    for file in listing.files:
        try:
            frames[listing.name(file)] = _READERS[listing.format](file, texts)
        except OSError as error:
            raise faults.unreadable(source, file, error.strerror or str(error)) from None
        except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
            raise faults.corrupt(source, file, str(error)) from None
    try:
        return parsed(source, _together(source, frames, optional=listing.format != "csv"), roles)
    except pl.exceptions.PolarsError as error:
        raise faults.corrupt(source, faults.some(frames), str(error)) from None


def _csv(file: Path, texts: frozenset[str]) -> pl.LazyFrame:
    try:
        names = pl.scan_csv(file, glob=False, infer_schema=False).collect_schema()
    except pl.exceptions.NoDataError:
        return pl.LazyFrame()
    overrides = {name: pl.String for name in names if name in texts}
    frame = pl.scan_csv(file, glob=False, try_parse_dates=True, infer_schema_length=None, schema_overrides=overrides)
    frame.collect_schema()
    return frame


def _ndjson(file: Path, _: frozenset[str]) -> pl.LazyFrame:
    if not _first_byte(file):
        return pl.LazyFrame()
    frame = pl.scan_ndjson(glob.escape(str(file)), infer_schema_length=None)
    frame.collect_schema()
    return frame


def _json(file: Path, texts: frozenset[str]) -> pl.LazyFrame:
    if _first_byte(file) != b"[":
        return _ndjson(file, texts)
    return pl.read_json(file, infer_schema_length=None).lazy()


_READERS: dict[Format, Callable[[Path, frozenset[str]], pl.LazyFrame]] = {"csv": _csv, "ndjson": _ndjson, "json": _json}


def _first_byte(file: Path) -> bytes:
    """Return the first byte that is no white space; empty for a file without any."""
    with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as stream:
        while block := stream.read(65_536):
            if begun := block.lstrip(b" \t\r\n\xef\xbb\xbf"):
                return begun[:1]
    return b""


def _together(source: str, frames: Mapping[str, pl.LazyFrame], *, optional: bool) -> pl.LazyFrame:
    """Return `frames` one after the other; `optional` allows columns that some of them lack."""
    schemas = {name: dict(frame.collect_schema()) for name, frame in frames.items()}
    filled = {name: schema for name, schema in schemas.items() if schema}
    if not filled:
        raise faults.nothing(source, next(iter(frames)))
    merged = _merged(source, frames, filled, optional=optional)
    aligned = [
        frames[name].select(
            pl.col(column).cast(dtype) if column in schema else pl.lit(None, dtype).alias(column)
            for column, dtype in merged.items()
        )
        for name, schema in filled.items()
    ]
    return pl.concat(aligned) if len(aligned) > 1 else aligned[0]


def _merged(
    source: str, frames: Mapping[str, pl.LazyFrame], schemas: Mapping[str, Schema], *, optional: bool
) -> Schema:
    """Return the dtype of each column over all files.

    Whole numbers and floats make floats; a column without any value in a file takes the type of the other files.
    """
    first, *others = schemas
    if not optional:
        lines = [
            f"{name} has {faults.some(schemas[name])}; {first} has {faults.some(schemas[first])}"
            for name in others
            if set(schemas[name]) != set(schemas[first])
        ]
        if lines:
            raise faults.schemas_differ(source, lines)
    merged: Schema = {}
    for column in dict.fromkeys(column for schema in schemas.values() for column in schema):
        holders = {name: schema[column] for name, schema in schemas.items() if column in schema}
        dtype = _common(set(holders.values()))
        if dtype is None:
            holders = {name: dtype for name, dtype in holders.items() if not _valueless(frames[name], column, dtype)}
            dtype = _common(set(holders.values()))
        if dtype is None:
            raise faults.schemas_differ(source, [f"{column} is {dtype} in {name}" for name, dtype in holders.items()])
        merged[column] = dtype
    return merged


def _common(dtypes: set[pl.DataType]) -> pl.DataType | None:
    typed = dtypes - {pl.Null()}
    if len(typed) <= 1:
        return next(iter(typed), pl.String())
    return pl.Float64() if all(dtype.is_numeric() for dtype in typed) else None


def _valueless(frame: pl.LazyFrame, column: str, dtype: pl.DataType) -> bool:
    """Return whether text `column` has no value at all, so that its dtype is a guess."""
    return dtype == pl.String and not frame.select(pl.col(column).is_not_null().any()).collect().item()
