"""What is checked of a source's data before a view is computed from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from workbench.lazy import deferred
from workbench.sources import faults
from workbench.sources.arrow import in_range
from workbench.sources.faults import Origin
from workbench.sources.reader import Declared
from workbench.sources.snapshot import SourceWarning
from workbench.sources.times import as_utc, clock_changes, is_naive

if TYPE_CHECKING:
    import polars as pl
else:
    pl = deferred("polars")


def check_rows(declared: Declared, frame: pl.LazyFrame) -> tuple[SourceWarning, ...]:
    """Return what is odd about the rows of `frame`, whose times are as they are stored."""
    schema = frame.collect_schema()
    _declared_columns(declared, schema)
    counts = frame.select(_counts(declared, schema)).collect(engine="streaming").row(0, named=True)
    _refuse_out_of_range(declared, schema, counts)
    _refuse_skipped(declared, counts)
    return tuple(_warnings(declared, schema, counts))


def _declared_columns(declared: Declared, schema: Mapping[str, pl.DataType]) -> None:
    for role, column in declared.roles.items():
        if column not in schema:
            raise faults.missing_column(declared.name, role, column, schema)
        as_utc(declared.name, role, column, schema[column])
    for column in declared.settings.key:
        if column not in schema:
            raise faults.missing_column(declared.name, "key", column, schema)


def _counts(declared: Declared, schema: Mapping[str, pl.DataType]) -> list[pl.Expr]:
    key, zone = declared.settings.key, declared.settings.time_zone
    columns = dict.fromkeys([*declared.roles.values(), *key])
    counts: list[pl.Expr] = [pl.len().alias("rows")]
    counts += [pl.col(column).null_count().alias(f"null {column}") for column in columns]
    if key:
        counts.append((pl.len() - pl.struct(key).n_unique()).alias("repeated"))
    if zone is not None:
        naive = [column for column in declared.roles.values() if is_naive(schema[column])]
        counts += [clock_changes(pl.col(column), zone).alias(f"clock {column}") for column in naive]
    ends = ((name, pl.col(name).to_physical()) for name in _moments(schema))
    return [*counts, *(pl.struct(value.min(), last=value.max()).alias(f"ends {name}") for name, value in ends)]


def _moments(schema: Mapping[str, pl.DataType]) -> list[str]:
    return [name for name, dtype in schema.items() if isinstance(dtype, pl.Date | pl.Datetime)]


def _refuse_out_of_range(declared: Declared, schema: Mapping[str, pl.DataType], counts: Mapping[str, Any]) -> None:
    """Refuse moments, such as a database's 'infinity', that neither Python nor a printed table can show."""
    for name in _moments(schema):
        dtype = schema[name]
        least, greatest = (value or 0 for value in counts[f"ends {name}"].values())
        if not in_range(least, greatest, dtype.time_unit if isinstance(dtype, pl.Datetime) else None):
            raise faults.moment_out_of_range(declared.name, name)


def _refuse_skipped(declared: Declared, counts: Mapping[str, Any]) -> None:
    for role, column in declared.roles.items():
        changes = counts.get(f"clock {column}")
        if changes is not None and changes["skipped"]:
            origin, zone = Origin.of(declared.name), str(declared.settings.time_zone)
            raise faults.skipped_hour(origin, role, column, zone, changes)


def _warnings(
    declared: Declared, schema: Mapping[str, pl.DataType], counts: Mapping[str, Any]
) -> Iterator[SourceWarning]:
    name, rows = declared.name, counts["rows"]
    if rows == 0:
        yield SourceWarning(name, "has no rows", 0)
        return
    naive = [column for column in declared.roles.values() if is_naive(schema[column])]
    zone = declared.settings.time_zone
    for column in naive:
        if zone is not None and (twice := counts[f"clock {column}"]["twice"]):
            said = f"{faults.counted(twice, 'time')} of {column!r} came twice in {zone}: read as the second"
            yield SourceWarning(name, said, twice)
    if naive and zone is None:
        yield SourceWarning(name, f"{faults.some(naive)} does not state a time zone: read as UTC", rows)
    for role, column in declared.roles.items():
        if nulls := counts[f"null {column}"]:
            yield SourceWarning(name, f"{role} {column!r} is null in {nulls:,} of {rows:,} rows", nulls)
    for column in declared.settings.key:
        if nulls := counts[f"null {column}"]:
            yield SourceWarning(name, f"key {column!r} is null in {nulls:,} of {rows:,} rows", nulls)
    if repeated := counts.get("repeated", 0):
        key = ", ".join(declared.settings.key)
        yield SourceWarning(name, f"{repeated:,} of {rows:,} rows repeat a key ({key}) that another row has", repeated)
