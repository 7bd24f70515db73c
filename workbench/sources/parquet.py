"""Parquet files: one file, or many with the same columns; ``key=value`` folders are further columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import unquote

from workbench.lazy import deferred
from workbench.sources import faults
from workbench.sources.arrow import as_frame, cannot_carry, has_foreign_zone, in_utc
from workbench.sources.dialect import Dialect
from workbench.sources.faults import Origin
from workbench.sources.glob import FileListing
from workbench.sources.infer import as_declared, infer_types
from workbench.sources.snapshot import SourceWarning
from workbench.sources.spool import Spool

if TYPE_CHECKING:
    import polars as pl
else:
    pl = deferred("polars")

_NULL = "__HIVE_DEFAULT_PARTITION__"

Schema: TypeAlias = "dict[str, pl.DataType]"


@dataclass(frozen=True, slots=True)
class Footers:
    """What the footers of files that agree say.

    Parameters
    ----------
    schema
        The columns of every file.
    foreign
        Whether a column has a zone that Polars does not know: then the files are read by PyArrow.
    """

    schema: Schema
    foreign: bool


def footers(origin: Origin, listing: FileListing) -> Footers:
    """Read the footer of every file, and see that they hold the same columns, all of which can be carried."""
    known: dict[bytes, Footers] = {}
    lines = []
    first = footer(origin, listing.files[0])
    for file in listing.files:
        stored = _stored_schema(origin, file)
        identity = stored.remove_metadata().serialize().to_pybytes()
        if identity not in known:
            known[identity] = _footers(origin, file, stored)
        if known[identity].schema != first.schema:
            lines.append(f"{listing.name(file)}: {difference(first.schema, known[identity].schema)}")
    if lines:
        name = listing.name(listing.files[0])
        raise faults.schemas_differ(origin, [f"{name} is what the others are compared with", *lines])
    return replace(first, foreign=any(found.foreign for found in known.values()))


def footer(origin: Origin, file: Path, *, foreign: bool = False) -> Footers:
    """Return what the footer of one file says; it is `foreign` too where that is known of others."""
    found = _footers(origin, file, _stored_schema(origin, file))
    return replace(found, foreign=found.foreign or foreign)


def _footers(origin: Origin, file: Path, stored: Any) -> Footers:
    return Footers(_schema(origin, file, stored), any(has_foreign_zone(field.type) for field in stored))


def _stored_schema(origin: Origin, file: Path) -> Any:
    """Return the Arrow schema of a file; by PyArrow, as Polars panics where it does not know a zone."""
    import pyarrow as pa
    import pyarrow.parquet

    try:
        return pyarrow.parquet.read_schema(file)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(origin, file, error) from None


def _unreadable(origin: Origin, file: Path, error: Exception) -> Exception:
    if isinstance(error, OSError):
        return faults.damaged_file(origin, file, error)
    return faults.corrupt(origin, file, str(error))


def _schema(origin: Origin, file: Path, stored: Any) -> Schema:
    """Return the columns as Polars has them."""
    twice = [name for name, count in Counter(stored.names).items() if count > 1]
    if twice:
        raise faults.repeated_columns(origin, file, twice)
    for field in stored:
        if (kind := cannot_carry(field.type)) is not None:
            raise faults.not_carried(origin, field.name, kind, _cast(origin, field.name))
    return dict(as_frame(_utc_schema(stored).empty_table()).schema)


def _cast(origin: Origin, column: str) -> str:
    if origin.section is None:
        return f"Write {column!r} as another type."
    query = f"select * replace ({column}::double as {column}) from read_parquet('...')"  # noqa: S608 - is shown, not run
    return f'Write {column!r} as another type, or read the files with a cast: `sql = "{query}"`.'


def _utc_schema(stored: Any) -> Any:
    import pyarrow as pa

    return pa.schema([field.with_type(in_utc(field.type)) for field in stored])


def difference(expected: Schema, found: Schema) -> str:
    """Return in words how the columns `found` differ from those `expected`."""
    missing = [name for name in expected if name not in found]
    extra = [name for name in found if name not in expected]
    other = [
        f"{name} is {found[name]} instead of {dtype}"
        for name, dtype in expected.items()
        if name in found and found[name] != dtype
    ]
    parts = [f"lacks {faults.some(missing)}"] if missing else []
    parts += [f"has {faults.some(extra)} besides"] if extra else []
    return "; ".join([*parts, *other[:3]]) or "has them in another order"


def scan(listing: FileListing, keys: Schema) -> pl.LazyFrame:
    """Return the rows of all files, in the files' order, with the folders' `keys` as columns."""
    return pl.scan_parquet(list(listing.files), glob=False, hive_partitioning=bool(keys), hive_schema=keys or None)


@contextmanager
def convert_files(origin: Origin, listing: FileListing, keys: Schema, scratch: Path | None) -> Iterator[pl.LazyFrame]:
    """Yield the rows of all files as `scan` returns them, with UTC for zones that Polars does not know."""
    import pyarrow as pa
    import pyarrow.parquet

    with Spool(scratch) as spool:
        for file in listing.files:
            said = _folder_values(listing, file)
            folders = [
                as_declared(pl.lit(said[key], pl.String), dtype, Dialect(), None).alias(key)
                for key, dtype in keys.items()
            ]
            try:
                with pyarrow.parquet.ParquetFile(file) as stored:
                    for batch in stored.iter_batches():
                        table = as_frame(pa.Table.from_batches([batch]).cast(_utc_schema(batch.schema)))
                        for part in table.with_columns(folders).to_arrow().to_batches():
                            spool.add(part)
            except (OSError, pa.ArrowException) as error:
                raise _unreadable(origin, file, error) from None
        frame = spool.frame()
        yield pl.LazyFrame() if frame is None else frame


def folder_keys(
    origin: Origin, listing: FileListing, schema: Schema, dialect: Dialect
) -> tuple[Schema, list[SourceWarning]]:
    """Return the columns that the ``key=value`` folders add, with the types that their values have, and what to tell.

    A key that the files have as a column too is of that column's type.
    """
    keys = [key for key in listing.partitions if key not in schema]
    if not keys:
        return {}, []
    values = [_folder_values(listing, file) for file in listing.files]
    columns = {key: pl.Series([said[key] for said in values], dtype=pl.String) for key in keys}
    read = replace(dialect, time_format=None, decimal=".")
    frame, notes = infer_types(origin, pl.LazyFrame(columns), read, {})
    found = dict(frame.collect_schema())
    of_day = next((key for key, dtype in found.items() if dtype == pl.Time), None)
    if of_day is not None:
        raise faults.time_of_day_key(origin, of_day)
    return {key: found.get(key, schema.get(key, pl.String())) for key in listing.partitions}, notes


def _folder_values(listing: FileListing, file: Path) -> dict[str, str | None]:
    """Return what the ``key=value`` folders of `file` say."""
    parts = [part.partition("=") for part in listing.name(file).split("/")[:-1]]
    return {key: None if value == _NULL else unquote(value) for key, sign, value in parts if sign}


def refuse_contradictions(origin: Origin, listing: FileListing, schema: Schema) -> None:
    """Raise for a file that has a column called like a key of its folders, and says something else in it."""
    for key in listing.partitions:
        dtype = schema.get(key)
        if dtype is None:
            continue
        if not (dtype in {pl.String, pl.Boolean, pl.Date} or dtype.is_numeric() or isinstance(dtype, pl.Datetime)):
            raise faults.folder_and_column(origin, key, f"the column is {dtype}, which no folder's name says")
        for file in listing.files:
            said = as_declared(pl.lit(_folder_values(listing, file)[key], pl.String), dtype, Dialect(), None)
            rows = pl.scan_parquet(file, glob=False).select(key, said=said)
            other = rows.filter(~pl.col(key).eq_missing(pl.col("said"))).select(key).head(1)
            found = other.collect(engine="streaming").to_series()
            if found.len():
                raise faults.folder_and_column(origin, key, f"{listing.name(file)} has {found[0]!r} in it")
