"""What is checked of a source's data before a view is computed from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.lazy import deferred
from workbench.records import from_plain, to_plain
from workbench.sources import faults
from workbench.sources.arrow import in_range
from workbench.sources.digest_cache import read_json, write_json
from workbench.sources.faults import Origin
from workbench.sources.reader import Declared, Parts, digest_of
from workbench.sources.snapshot import SourceWarning
from workbench.sources.times import as_utc, clock_changes, is_naive

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl
else:
    pl = deferred("polars")

_ENDS = "ends "


@dataclass(frozen=True, slots=True)
class CountedParts:
    """What was counted in parts of a source's rows.

    Attributes
    ----------
    parts
        Their names.
    sums, ends
        The numbers of rows and of nulls, and the first and the last of each column of times.
    """

    parts: tuple[str, ...]
    sums: dict[str, int]
    ends: dict[str, tuple[int | None, int | None]]


def check_rows(
    declared: Declared, frame: pl.LazyFrame, *, parts: Parts, confirm: Callable[[], None]
) -> tuple[SourceWarning, ...]:
    """Return what is odd about the rows of `frame`, whose times are as they are stored.

    Of its `parts` those are read that were not counted before, where what is counted in parts adds up. `confirm` raises
    where what was read is not the source's data any more.
    """
    schema = frame.collect_schema()
    _declared_columns(declared, schema)
    if declared.settings.key or declared.settings.time_zone or not parts:
        counts = _counted(declared, schema, frame)
        confirm()
    else:
        counts = _counted_by_part(declared, schema, frame, parts, confirm)
    _refuse_out_of_range(declared, schema, counts)
    _refuse_skipped(declared, counts)
    return tuple(_warnings(declared, schema, counts))


def _counted(declared: Declared, schema: Mapping[str, pl.DataType], frame: pl.LazyFrame) -> dict[str, Any]:
    return frame.select(_counts(declared, schema)).collect(engine="streaming").row(0, named=True)


def _counted_by_part(
    declared: Declared,
    schema: Mapping[str, pl.DataType],
    frame: pl.LazyFrame,
    parts: Parts,
    confirm: Callable[[], None],
) -> dict[str, Any]:
    """Return the counts of `frame`, and keep them for when it has further parts."""
    columns = {name: str(dtype) for name, dtype in schema.items()}
    memo = declared.memo_path(digest_of(["parts", declared.roles, columns]))
    known = _counted_before(memo)
    before = frozenset[str]() if known is None else frozenset(known.parts)
    new = [scan() for name, scan in parts.items() if name not in before]
    if known is None or not parts.keys() >= before:
        counts = _counted(declared, schema, frame)
    else:
        counts = {**known.sums, **known.ends}
        counts = _together(counts, _counted(declared, schema, pl.concat(new))) if new else counts
    confirm()
    ends = {name: value for name, value in counts.items() if name.startswith(_ENDS)}
    sums = {name: value for name, value in counts.items() if name not in ends}
    write_json(memo, to_plain(CountedParts(tuple(parts), sums, ends)))
    return counts


def _counted_before(memo: Path) -> CountedParts | None:
    """Return what is kept at `memo`; None where there is nothing that can be read."""
    try:
        return from_plain(read_json(memo), CountedParts)
    except ValueError:
        return None


def _together(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return the counts of rows that were counted in two parts."""
    found: dict[str, Any] = {}
    for name, value in one.items():
        if name.startswith(_ENDS):
            known = [end for end in (*value, *other[name]) if end is not None]
            found[name] = (min(known), max(known)) if known else (None, None)
        else:
            found[name] = value + other[name]
    return found


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
    return [*counts, *(pl.concat_list(value.min(), value.max()).alias(f"{_ENDS}{name}") for name, value in ends)]


def _moments(schema: Mapping[str, pl.DataType]) -> list[str]:
    return [name for name, dtype in schema.items() if isinstance(dtype, pl.Date | pl.Datetime)]


def _refuse_out_of_range(declared: Declared, schema: Mapping[str, pl.DataType], counts: Mapping[str, Any]) -> None:
    """Refuse moments, such as a database's 'infinity', that neither Python nor a printed table can show."""
    for name in _moments(schema):
        dtype = schema[name]
        least, greatest = (value or 0 for value in counts[f"{_ENDS}{name}"])
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
