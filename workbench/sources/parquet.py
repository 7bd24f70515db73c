"""Parquet files: one file, or many with the same columns."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from workbench.sources import faults
from workbench.sources.listing import Listing


def agree(source: str, listing: Listing) -> None:
    """Read the footer of every file, and see that they hold the same columns.

    Raises
    ------
    SourceError
        For a damaged file, or naming the files and columns that differ from the first file's.
    """
    first, *others = listing.files
    expected = footer(source, first)
    lines = []
    for file in others:
        found = footer(source, file)
        if found != expected:
            lines.append(f"{listing.name(file)}: {difference(expected, found)}")
    if lines:
        raise faults.schemas_differ(source, [f"{listing.name(first)} is what the others are compared with", *lines])


def footer(source: str, file: Path) -> dict[str, pl.DataType]:
    """Return the columns of one Parquet file, read from its footer.

    Raises
    ------
    SourceError
        Where it is damaged, gone or refused.
    """
    try:
        return dict(pl.read_parquet_schema(file))
    except FileNotFoundError:
        raise faults.vanished(source, file) from None
    except OSError as error:
        raise faults.unreadable(source, file, error.strerror or str(error)) from None
    except pl.exceptions.PolarsError as error:
        raise faults.corrupt(source, file, str(error)) from None


def difference(expected: dict[str, pl.DataType], found: dict[str, pl.DataType]) -> str:
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


def scan(listing: Listing) -> pl.LazyFrame:
    """Return the rows of all files, in the files' order, with ``key=value`` folders as columns."""
    return pl.scan_parquet(list(listing.files), glob=False, hive_partitioning=bool(listing.partitions))
