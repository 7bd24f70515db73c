"""Times: whatever a source calls a time comes out as ``Datetime("us", "UTC")``.

Texts are read as ISO 8601, or in the one format that is declared. A time that states no zone is in the declared one, or
UTC. Where that zone's clock is put back, an hour comes twice: data counts as of the second one and a question as of the
first, so that neither sees what was not known yet. An hour that the clock skips is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from workbench.lazy import deferred
from workbench.sources import faults
from workbench.sources.dialect import Dialect, Side
from workbench.sources.faults import Origin
from workbench.sources.snapshot import SourceWarning

if TYPE_CHECKING:
    import polars as pl
else:
    pl = deferred("polars")

ISO = r"^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?\s?(?:Z|[+-]\d{2}(?::?\d{2})?)?)?$"
_ZONED = r":\d{2}.*(?:Z|[+-]\d{2}(?::?\d{2})?)$"
_SHORT = r"^.{13}:\d{2}(?:[^:.\d]|$)"
_CUT = r"\.\d{6}\d*[1-9]"
_DATE_LENGTH = 10
_NAIVE_FORMAT, _ZONED_FORMAT = "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f%#z"
_OF_DAY = re.compile(r"%[-_0]?(?:[HIklMSTRrXcs+]|\.f|\.?[369]f|f)")
_FIRST_YEAR = 1000
"""A year that is written with two digits and read with four is before this one."""

_SECOND_HOUR: dict[Side, Literal["earliest", "latest"]] = {"data": "latest", "question": "earliest"}


def is_naive(dtype: pl.DataType) -> bool:
    """Return whether `dtype` is a time of day in no stated zone."""
    return isinstance(dtype, pl.Datetime) and dtype.time_zone is None


def in_zone(value: pl.Expr, dtype: pl.DataType, zone: str, *, side: Side = "data") -> pl.Expr:
    """Return naive times or dates, which are of `zone`, as ``Datetime("us", "UTC")``; a date is its first instant."""
    moment = value.cast(pl.Datetime("us"))
    if zone == "UTC":
        return moment.dt.replace_time_zone("UTC")
    if dtype == pl.Date:
        midnight = moment.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        after = moment.dt.offset_by("1h").dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        return pl.coalesce(midnight, after).dt.convert_time_zone("UTC")
    local = moment.dt.replace_time_zone(zone, ambiguous=_SECOND_HOUR[side], non_existent="raise")
    return local.dt.convert_time_zone("UTC")


def clock_changes(value: pl.Expr, zone: str) -> pl.Expr:
    """Return a struct about naive times of `zone`: how many its clock skipped, one of them, how many came twice."""
    moment = value.cast(pl.Datetime("us"))
    first = moment.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    second = moment.dt.replace_time_zone(zone, ambiguous="latest", non_existent="null")
    skipped = moment.is_not_null() & first.is_null()
    return pl.struct(
        skipped.sum().alias("skipped"),
        moment.filter(skipped).first().alias("example"),
        (first != second).sum().alias("twice"),
    )


def as_utc(source: str, role: str, column: str, dtype: pl.DataType, zone: str | None = None) -> pl.Expr:
    """Return the expression that reads `column` as ``Datetime("us", "UTC")``.

    A naive time is of `zone`, or UTC; another zone is converted, a date is its first instant, and nanoseconds are cut
    to microseconds.
    """
    value = pl.col(column)
    match dtype:
        case pl.Datetime(time_zone=None) | pl.Date():
            return in_zone(value, dtype, zone or "UTC")
        case pl.Datetime():
            return value.dt.convert_time_zone("UTC").cast(pl.Datetime("us", "UTC"))
    raise faults.not_a_time(source, role, column, dtype)


def normalise_times(
    source: str, frame: pl.LazyFrame, roles: Mapping[str, str], zone: str | None = None
) -> pl.LazyFrame:
    """Return `frame` with its time columns in UTC, all other columns as they are."""
    schema = frame.collect_schema()
    for role, column in roles.items():
        if column not in schema:
            raise faults.missing_column(source, role, column, schema)
    columns = {column: as_utc(source, role, column, schema[column], zone) for role, column in roles.items()}
    wanted = [expression for column, expression in columns.items() if schema[column] != pl.Datetime("us", "UTC")]
    return frame.with_columns(wanted) if wanted else frame


@dataclass(frozen=True, slots=True)
class TimeFacts:
    """What the texts of a column have in common that were meant as times.

    Parameters
    ----------
    values
        How many there are; an empty text is none.
    odd, example
        How many are not ISO 8601, and the first of them.
    dated, zoned, zulu, spaced, short, parts, cut
        How many are dates alone, state a zone, state it as ``Z``, have a space, leave out the seconds, have parts of a
        second, say more than microseconds.
    uniform
        Whether all are written in the same way, so that two spellings are two times.
    """

    values: int
    odd: int
    example: str | None
    dated: int
    zoned: int
    zulu: int
    spaced: int
    short: int
    parts: int
    cut: int
    uniform: bool

    @classmethod
    def of(cls, text: pl.Expr) -> pl.Expr:
        """Return the expression for the struct of these facts."""
        length = text.str.len_bytes()
        odd = ~text.str.contains(ISO) & (length > 0)
        values, zoned = (length > 0).sum(), text.str.contains(_ZONED).sum()
        zulu = text.str.ends_with("Z").sum()
        spaced = text.str.contains(" ", literal=True).sum()
        alike = (length.filter(length > 0).min() == length.max()) & ((spaced == 0) | (spaced == values))
        return pl.struct(
            values.alias("values"),
            odd.sum().alias("odd"),
            text.filter(odd).first().alias("example"),
            (length == _DATE_LENGTH).sum().alias("dated"),
            zoned.alias("zoned"),
            zulu.alias("zulu"),
            spaced.alias("spaced"),
            text.str.contains(_SHORT).sum().alias("short"),
            text.str.contains(".", literal=True).sum().alias("parts"),
            text.str.contains(_CUT).sum().alias("cut"),
            (alike & ((zoned == 0) | (zulu == values))).alias("uniform"),
        )

    def parse(self, text: pl.Expr, zone: str | None, *, side: Side = "data") -> pl.Expr:
        """Return the texts as times, null where one is not on the calendar; in UTC where any states a zone."""
        if self.dated == self.values:
            return text.str.to_date("%Y-%m-%d", strict=False)
        text = _in_full(text, dated=self.dated > 0, spaced=self.spaced > 0, short=self.short > 0)
        if self.zulu == self.values and not self.parts:  # by far the most common, and five times as fast
            return text.str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us", strict=False).dt.replace_time_zone("UTC")
        naive = text.str.to_datetime(_NAIVE_FORMAT if self.parts else "%Y-%m-%dT%H:%M:%S", time_unit="us", strict=False)
        if not self.zoned:
            return naive
        zoned = text.str.to_datetime(_ZONED_FORMAT, time_unit="us", time_zone="UTC", strict=False)
        if self.zoned == self.values:
            return zoned
        return pl.coalesce(zoned, in_zone(naive, pl.Datetime("us"), zone or "UTC", side=side))


def _in_full(text: pl.Expr, *, dated: bool = True, spaced: bool = True, short: bool = True) -> pl.Expr:
    """Return ISO 8601 texts with a ``T``, seconds and no space; each step only where it is needed."""
    if dated:
        text = pl.when(text.str.len_bytes() == _DATE_LENGTH).then(text + "T00:00:00").otherwise(text)
    if spaced:
        text = text.str.replace("^(.{10}) ", "${1}T").str.replace(" ", "", literal=True)
    if short:
        text = text.str.replace(r"^(.{13}:\d{2})(Z|[+-].*)?$", "${1}:00${2}")
    return text


def as_time(text: pl.Expr, dtype: pl.Date | pl.Datetime, time_format: str | None) -> pl.Expr:
    """Return texts as times of a declared dtype; null where one is none, or would lose its zone or digits."""
    if isinstance(dtype, pl.Date):
        if time_format is not None:
            return text.str.to_date(time_format, strict=False)
        return (
            pl.when(text.str.contains(ISO) & (text.str.len_bytes() == _DATE_LENGTH))
            .then(text)
            .str.to_date(strict=False)
        )
    if time_format is not None:
        found = _parse_format(text, time_format).cast(pl.Datetime(dtype.time_unit))
        return found if dtype.time_zone is None else _of_zone(found, dtype)
    kept = text.str.contains(ISO) & ~text.str.contains(_LOST[dtype.time_unit])
    if dtype.time_unit == "ns":
        kept &= text.str.slice(0, 4).cast(pl.Int32, strict=False).is_between(1678, 2261)
    full = pl.when(kept).then(_in_full(text))
    naive = full.str.to_datetime(_NAIVE_FORMAT, time_unit=dtype.time_unit, strict=False)
    if dtype.time_zone is None:
        return naive
    zoned = full.str.to_datetime(_ZONED_FORMAT, time_unit=dtype.time_unit, time_zone="UTC", strict=False)
    return pl.coalesce(zoned.dt.convert_time_zone(dtype.time_zone), _of_zone(naive, dtype))


_LOST = {"ms": r"\.\d{3}\d*[1-9]", "us": _CUT, "ns": r"\.\d{10}"}


def _of_zone(naive: pl.Expr, dtype: pl.Datetime) -> pl.Expr:
    return naive.dt.replace_time_zone(dtype.time_zone, ambiguous=_SECOND_HOUR["data"], non_existent="null")


def parse_times(
    origin: Origin, frame: pl.LazyFrame, dialect: Dialect, roles: Mapping[str, str]
) -> tuple[pl.LazyFrame, list[SourceWarning]]:
    """Return `frame`, read from text, with its time columns as times or dates, and what was decided about them.

    Texts are ISO 8601, or of the declared format. A column where any text states a zone becomes UTC, one where none
    does stays naive, one of plain dates becomes Date. ``03/04/2024`` could be two days: it is refused.
    """
    schema = frame.collect_schema()
    texts = {column: role for role, column in roles.items() if schema.get(column) == pl.String}
    if not texts:
        return frame, []
    if dialect.time_format is not None:
        times = {column: _parse_format(pl.col(column), dialect.time_format) for column in texts}
        return frame.with_columns(_require_parsed(origin, frame, times, texts, dialect)), []
    facts = _collect(frame, {column: TimeFacts.of(pl.col(column)) for column in texts})
    found = {column: TimeFacts(**facts[column]) for column in texts}
    for column, fact in found.items():
        if fact.odd:
            raise faults.not_iso(origin, texts[column], column, count=fact.odd, example=str(fact.example))
    if dialect.time_zone is not None:
        _refuse_skipped(origin, frame, {column: fact for column, fact in found.items() if fact.zoned}, texts, dialect)
    times = {column: fact.parse(pl.col(column), dialect.time_zone, side=dialect.side) for column, fact in found.items()}
    notes = [note for column, fact in found.items() for note in _notes(origin, column, fact, dialect)]
    return frame.with_columns(_require_parsed(origin, frame, times, texts, dialect)), notes


def _notes(origin: Origin, column: str, fact: TimeFacts, dialect: Dialect) -> list[SourceWarning]:
    notes = []
    if 0 < fact.zoned < fact.values:
        zone = dialect.time_zone or "UTC"
        said = f"{fact.values - fact.zoned:,} of {fact.values:,} times of {column!r} state no zone: read as {zone}"
        notes.append(SourceWarning(origin.name, said, fact.values - fact.zoned))
    if fact.cut:
        more = "says" if fact.cut == 1 else "say"
        said = f"{faults.counted(fact.cut, 'time')} of {column!r} {more} more than microseconds: the rest is cut"
        notes.append(SourceWarning(origin.name, said, fact.cut))
    return notes


def _parse_format(text: pl.Expr, time_format: str) -> pl.Expr:
    if not _OF_DAY.search(time_format):
        return text.str.to_date(time_format, strict=False)
    return text.str.to_datetime(time_format, time_unit="us", strict=False)


def _require_parsed(
    origin: Origin, frame: pl.LazyFrame, times: Mapping[str, pl.Expr], texts: Mapping[str, str], dialect: Dialect
) -> list[pl.Expr]:
    """Return `times` under their columns' names, once every text is known to have become one."""
    lost = {}
    for column in times:
        text, time = pl.col(column), pl.col(f"time of {column}")
        gone = (text != "") & time.is_null()
        if dialect.time_format is not None:
            gone |= time.dt.year() < _FIRST_YEAR
        lost[column] = pl.struct(gone.sum().alias("count"), text.filter(gone).first().alias("example"))
    read = frame.select(*times, *(time.alias(f"time of {column}") for column, time in times.items()))
    try:
        found = _collect(read, lost)
    except pl.exceptions.ComputeError as error:
        if dialect.time_format is None:
            raise
        raise faults.bad_time_format(origin, dialect.time_format, str(error)) from None
    for column, role in texts.items():
        if found[column]["count"]:
            raise faults.no_such_time(
                origin,
                role,
                column,
                dialect.time_format,
                count=found[column]["count"],
                example=found[column]["example"],
            )
    return [time.alias(column) for column, time in times.items()]


def _refuse_skipped(
    origin: Origin,
    frame: pl.LazyFrame,
    facts: Mapping[str, TimeFacts],
    texts: Mapping[str, str],
    dialect: Dialect,
) -> None:
    """Raise for times without a zone, beside others with one, that the declared zone's clock skips."""
    mixed = {column: fact for column, fact in facts.items() if fact.zoned < fact.values}
    if not mixed:
        return
    zone = str(dialect.time_zone)
    plain = {column: replace(fact, zoned=0).parse(pl.col(column), None) for column, fact in mixed.items()}
    found = _collect(frame, {column: clock_changes(time, zone) for column, time in plain.items()})
    for column in mixed:
        if found[column]["skipped"]:
            raise faults.skipped_hour(origin, texts[column], column, zone, found[column])


def _collect(frame: pl.LazyFrame, structs: Mapping[str, pl.Expr]) -> dict[str, dict[str, Any]]:
    wanted = [struct.alias(column) for column, struct in structs.items()]
    return frame.select(wanted).collect(engine="streaming").row(0, named=True)
