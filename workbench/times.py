"""Times as users write them: lengths (``"7d12h"``), periods (``2013-01..2013-03``) and moments."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Self

from workbench.errors import DefinitionError, FeatureNotFound, UsageError

if TYPE_CHECKING:
    import polars as pl  # where it is used, since the command line reads settings and no data

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_UNITS = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
    "us": timedelta(microseconds=1),
}
_PART = re.compile(r"(\d{1,12})(ms|us|[wdhms])")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")
_CALENDAR = re.compile(r"\d(mo|q|y)")


def parse_duration(value: str | timedelta, *, what: str) -> timedelta:
    """Return `value` as a timedelta.

    Examples
    --------
    >>> parse_duration("7d12h", what="ttl")
    datetime.timedelta(days=7, seconds=43200)
    """
    if isinstance(value, timedelta):
        if value < timedelta(0):
            raise _negative(what, str(value))
        return value
    if not isinstance(value, str):
        raise _unreadable(what, value)
    text = value.strip()
    if text.startswith("-"):
        raise _negative(what, value)
    if not _WHOLE.fullmatch(text):
        raise _calendar(what, value) if _CALENDAR.search(text) else _unreadable(what, value)
    try:
        return sum((int(count) * _UNITS[unit] for count, unit in _PART.findall(text)), timedelta(0))
    except OverflowError:
        raise _unreadable(what, value) from None


def format_duration(value: timedelta) -> str:
    """Return `value` as `parse_duration` reads it, in the fewest units.

    Examples
    --------
    >>> from datetime import timedelta
    >>> format_duration(timedelta(days=7, hours=12))
    '7d12h'
    """
    left, parts = value, []
    for unit, size in _UNITS.items():
        if unit == "w":  # days are what people compare
            continue
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def duration_in_words(seconds: float) -> str:
    """Return a length of time as people say it, in its largest fitting unit.

    Examples
    --------
    >>> [duration_in_words(s) for s in (4e-7, 0.0004, 0.42, -5.0, 90.0, 5400.0, 172800.0, 1e9)]
    ['400 ns', '400 µs', '420 ms', '-5 s', '90 s', '90 min', '48 h', '11,600 d']
    """
    limits = ((1e-6, "ns", 1e-9), (1e-3, "µs", 1e-6), (1, "ms", 1e-3), (120, "s", 1), (7200, "min", 60))
    for limit, unit, width in (*limits, (3 * 86_400, "h", 3600), (math.inf, "d", 86_400)):
        if 0 < abs(seconds) < limit:
            return f"{float(f'{seconds / width:.3g}'):,.5g} {unit}"
    return "0 ms" if seconds == 0 else f"{seconds:g} s"


def _unreadable(what: str, value: object) -> DefinitionError:
    return DefinitionError(
        f"{what}={value!r} is not a duration.", remedy="Write numbers with units, e.g. '2d', '7d12h', '30m', '90s'."
    )


def _negative(what: str, value: str) -> DefinitionError:
    return DefinitionError(f"{what}={value!r} is negative.", remedy=f"{what} must be positive: write it without '-'.")


def _calendar(what: str, value: str) -> DefinitionError:
    return DefinitionError(
        f"{what}={value!r} uses months, quarters or years, whose length depends on the date.",
        remedy="Write days or weeks, e.g. '30d' or '52w'.",
    )


_UNIT = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
_TIMED = re.compile(r"[T ]\d", re.ASCII)
_EXAMPLES = (
    "Write 2013, 2013-03, 2013-03-05, or two of them as in 2013-01..2013-03 (both included); ..2013-03 and 2013-04.. "
    "are open; an instant as in 2013-03-05T12:00Z ends a period without being in it."
)
_CALENDAR_UNITS = ((4, "-01-01T00:00:00Z"), (7, "-01T00:00:00Z"), (10, "T00:00:00Z"))
"""How many letters of an instant name a year, month or day, and what follows where one begins."""


@dataclass(frozen=True, slots=True)
class Period:
    """A half-open stretch of time: `start` belongs to it, `end` does not.

    Attributes
    ----------
    start, end
        In UTC; `None` where it is open.
    """

    start: datetime | None = None
    end: datetime | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the period that `text` names.

        Years, months and days stand for all of themselves, so that ``2013-01..2013-03`` ends with March. Instants
        (ISO 8601 with hour and minute) are UTC where they name no zone, and have no length: as an end they are not in
        the period.

        Parameters
        ----------
        text
            One unit, or two ends around ``..``, of which one may be left out.

        Raises
        ------
        UsageError
            Not a period, no such date, or one that ends before it starts.

        Examples
        --------
        >>> period = Period.parse("2013-01..2013-03")
        >>> period.start.isoformat(), period.end.isoformat()
        ('2013-01-01T00:00:00+00:00', '2013-04-01T00:00:00+00:00')
        """
        first, dots, last = (part.strip() for part in text.strip().partition(".."))
        if not first and not last:
            raise _not_a_period(text, "it does not name a time", remedy=_EXAMPLES)
        if not dots:
            if not _UNIT.fullmatch(first):
                _instant(text, first)
                raise _not_a_period(text, "start and end are the same instant", remedy=_EXAMPLES)
            last = first
        start = _bounds(text, first)[0] if first else None
        end = _bounds(text, last)[1] if last else None
        if start is not None and end is not None and end <= start:
            raise _not_a_period(text, "it ends before it starts", remedy="Put the earlier time first.")
        return cls(start, end)

    def __str__(self) -> str:
        """Return the period as `parse` reads it, in the largest units that say it."""
        ends = [moment for moment in (self.start, self.end) if moment is not None]
        length = next(
            (length for length, rest in _CALENDAR_UNITS if all(_text(end)[length:] == rest for end in ends)), None
        )
        if length is None:
            first, last = (moment and _text(moment) for moment in (self.start, self.end))
        else:
            first = self.start and _text(self.start)[:length]
            last = self.end and _text(self.end - timedelta(microseconds=1))[:length]
        return str(first) if first == last and first is not None else f"{first or ''}..{last or ''}"

    def __contains__(self, moment: datetime) -> bool:
        return (self.start is None or moment >= self.start) and (self.end is None or moment < self.end)

    def filter(self, frame: pl.LazyFrame, time: str) -> pl.LazyFrame:
        """Return the rows of `frame` whose `time` is in the period; rows without one are in none.

        Parameters
        ----------
        frame
            Rows.
        time
            A Datetime column (naive means UTC) or a Date column, of which a day is in where its midnight is.

        Raises
        ------
        FeatureNotFound
            `frame` has no such column.
        UsageError
            It is not a time.
        """
        import polars as pl

        moment = _as_utc(frame, time)
        kept = [moment.is_not_null()]
        if self.start is not None:
            kept.append(moment >= pl.lit(self.start, pl.Datetime("us", "UTC")))
        if self.end is not None:
            kept.append(moment < pl.lit(self.end, pl.Datetime("us", "UTC")))
        return frame.filter(*kept)

    def rows(self, frame: pl.LazyFrame, time: str) -> pl.LazyFrame:
        """Return the rows of `frame` in the period, of which there is at least one.

        Parameters
        ----------
        frame, time
            As in `filter`.

        Raises
        ------
        UsageError
            There are none; says from when until when there are some.
        """
        import polars as pl

        kept = self.filter(frame, time)
        if not kept.select(pl.len()).head(1).collect(engine="streaming").item():
            moment = _as_utc(frame, time)
            facts = frame.select(moment.min().alias("first"), moment.max().alias("last")).collect(engine="streaming")
            first, last = facts.row(0)
            held = "there are none"
            if first is not None:
                held = f"they run from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"
            raise UsageError.without_rows(str(self), held=held)
        return kept


def _bounds(text: str, part: str) -> tuple[datetime, datetime | None]:
    """Return where `part` starts and where it ends; an instant ends where it starts, the last year never."""
    found = _UNIT.fullmatch(part)
    if found is None:
        moment = _instant(text, part)
        return moment, moment
    year, month, day = found.groups()
    try:
        start = datetime(int(year), int(month or 1), int(day or 1), tzinfo=UTC)
    except ValueError:
        raise _not_a_period(text, f"there is no {part}", remedy=_EXAMPLES) from None
    after = _next_day if day else _next_month if month else _next_year
    return start, after(start)


def _instant(text: str, part: str) -> datetime:
    try:
        moment = datetime.fromisoformat(part if _TIMED.search(part) else "")
        return in_utc(moment)
    except (ValueError, OverflowError):
        raise _not_a_period(text, f"{part!r} is not a time", remedy=_EXAMPLES) from None


def _text(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat() + "Z"


def _as_utc(frame: pl.LazyFrame, time: str) -> pl.Expr:
    import polars as pl

    schema = frame.collect_schema()
    if time not in schema:
        raise FeatureNotFound.absent(time, where="these rows", known=schema)
    if not isinstance(schema[time], pl.Date | pl.Datetime):
        raise UsageError(f"{time!r} is {schema[time]}, not a time.", remedy="Name a Datetime or Date column.")
    return instant(pl.col(time), schema[time])


def _next_year(start: datetime) -> datetime | None:
    return start.replace(year=start.year + 1) if start.year < date.max.year else None


def _next_month(start: datetime) -> datetime | None:
    return start.replace(month=start.month + 1) if start.month < 12 else _next_year(start.replace(month=1))


def _next_day(start: datetime) -> datetime | None:
    return start + timedelta(days=1) if start.date() < date.max else None


def in_utc(moment: datetime) -> datetime:
    """Return `moment` in UTC; without a zone it is UTC already.

    Examples
    --------
    >>> in_utc(datetime.fromisoformat("2013-06-01T12:00+02:00")).isoformat()
    '2013-06-01T10:00:00+00:00'
    """
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def microseconds(moment: datetime) -> int:
    """Return a time, which has a zone, as microseconds since the epoch."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def from_microseconds(count: int) -> datetime:
    """Return microseconds since the epoch as a time in UTC."""
    return EPOCH + timedelta(0, 0, count)  # by name it takes twice as long


def instant(column: pl.Expr, dtype: pl.DataType | type[pl.DataType]) -> pl.Expr:
    """Return a time `column` of `dtype` as ``Datetime("us", "UTC")``: without a zone it is UTC, a date is its midnight.

    What is that already stays the bare column, so that a scan can skip row groups.

    Examples
    --------
    >>> import polars as pl
    >>> pl.select(instant(pl.lit(date(2013, 6, 1)), pl.Date())).item().isoformat()
    '2013-06-01T00:00:00+00:00'
    """
    import polars as pl

    zone = dtype.time_zone if isinstance(dtype, pl.Datetime) else None
    if not isinstance(dtype, pl.Datetime) or dtype.time_unit != "us":
        column = column.cast(pl.Datetime("us")) if zone is None else column.dt.cast_time_unit("us")
    return utc_zone(column, zone)


def conversion_to_times(column: str, dtype: pl.DataType) -> str:
    """Return how a column becomes times; a number does not say its unit, and in a wrong one all of them lie in 1970."""
    name, kind = repr(column), dtype.base_type().__name__
    if kind == "Date":
        return f"Cast it first: pl.col({name}).cast(pl.Datetime('us')).dt.replace_time_zone('UTC')."
    if dtype.is_numeric():
        return (
            f"Say what it counts: pl.from_epoch({name}, time_unit='s').dt.replace_time_zone('UTC') where it is "
            "seconds, 'ms' milliseconds; in pandas pd.to_datetime(..., unit='s', utc=True)."
        )
    if kind == "String":
        return (
            f"Read the text: pl.col({name}).str.to_datetime(time_zone='UTC'), in pandas pd.to_datetime(..., utc=True)."
        )
    return "Name a column of datetimes."


def utc_zone(column: pl.Expr, zone: str | None) -> pl.Expr:
    """Return a datetime `column` of any unit, whose values are in `zone`, in UTC; without a zone it is UTC already."""
    if zone == "UTC":
        return column
    return column.dt.replace_time_zone("UTC") if zone is None else column.dt.convert_time_zone("UTC")


def moment(value: object, *, what: str = "at") -> datetime:
    """Return `value` (a datetime, a date, or ISO 8601 text) as a datetime in UTC; without a zone it is UTC.

    Examples
    --------
    >>> moment("2013-06-01T12:00").isoformat()
    '2013-06-01T12:00:00+00:00'
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            value = None
    if isinstance(value, datetime):
        return in_utc(value)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise UsageError(f"{what} is not a time.", remedy="Write ISO 8601 as in 2013-06-01T12:00, or pass a datetime.")


def _not_a_period(text: str, reason: str, *, remedy: str) -> UsageError:
    """Return the error for a `text` that is not a period."""
    return UsageError(f"{text!r} is not a period: {reason}.", remedy=remedy)
