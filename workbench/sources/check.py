"""What is checked of a source's data before a view is computed from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl

from workbench.sources import faults
from workbench.sources.reader import Declared
from workbench.sources.snapshot import SourceWarning
from workbench.sources.times import as_utc, is_naive


def checked(declared: Declared, frame: pl.LazyFrame) -> tuple[SourceWarning, ...]:
    """Return what is odd about the rows of `frame`, whose times are as they are stored.

    Raises
    ------
    SourceError
        Where a declared column is missing or is no time, or the data turns out to be damaged.
    """
    schema = frame.collect_schema()
    _declared_columns(declared, schema)
    try:
        counts = frame.select(_counts(declared)).collect(engine="streaming").row(0, named=True)
    except (pl.exceptions.PolarsError, OSError) as error:
        place = declared.settings.path or declared.settings.delta or "its landed result"
        raise faults.corrupt(declared.name, place, str(error)) from None
    return tuple(_warnings(declared, schema, counts))


def _declared_columns(declared: Declared, schema: Mapping[str, pl.DataType]) -> None:
    for role, column in declared.roles.items():
        if column not in schema:
            raise faults.missing_column(declared.name, role, column, schema)
        as_utc(declared.name, role, column, schema[column])
    for column in declared.settings.key:
        if column not in schema:
            raise faults.missing_column(declared.name, "key", column, schema)


def _counts(declared: Declared) -> list[pl.Expr]:
    key = declared.settings.key
    columns = dict.fromkeys([*declared.roles.values(), *key])
    counts = [pl.len().alias("rows")]
    counts += [pl.col(column).null_count().alias(f"null {column}") for column in columns]
    if key:
        counts.append((pl.len() - pl.struct(key).n_unique()).alias("repeated"))
    return counts


def _warnings(
    declared: Declared, schema: Mapping[str, pl.DataType], counts: Mapping[str, int]
) -> Iterator[SourceWarning]:
    name, rows = declared.name, counts["rows"]
    if rows == 0:
        yield SourceWarning(name, "has no rows", 0)
        return
    naive = [column for column in declared.roles.values() if is_naive(schema[column])]
    if naive:
        yield SourceWarning(name, f"{faults.some(naive)} states no time zone: read as UTC", rows)
    for role, column in declared.roles.items():
        if nulls := counts[f"null {column}"]:
            yield SourceWarning(name, f"{role} {column!r} is null in {nulls:,} of {rows:,} rows", nulls)
    for column in declared.settings.key:
        if nulls := counts[f"null {column}"]:
            yield SourceWarning(name, f"key {column!r} is null in {nulls:,} of {rows:,} rows", nulls)
    if repeated := counts.get("repeated", 0):
        key = ", ".join(declared.settings.key)
        yield SourceWarning(name, f"{repeated:,} of {rows:,} rows repeat a key ({key}) that another row has", repeated)
