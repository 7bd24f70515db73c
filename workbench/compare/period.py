"""`Period`: a stretch of time as users write it, e.g. ``2013-01..2013-03`` for January through March."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Self

import polars as pl

from workbench.errors import FeatureNotFound, UsageError

_UNIT = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
_TIMED = re.compile(r"[T ]\d", re.ASCII)
_EXAMPLES = (
    "Write 2013, 2013-03, 2013-03-05, or two of them as in 2013-01..2013-03 (both included); ..2013-03 and 2013-04.. "
    "are open; an instant as in 2013-03-05T12:00Z ends a period without being in it."
)
_UNITS = ((4, "-01-01T00:00:00Z"), (7, "-01T00:00:00Z"), (10, "T00:00:00Z"))
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
            raise UsageError.not_a_period(text, "it names no time", remedy=_EXAMPLES)
        if not dots:
            if not _UNIT.fullmatch(first):
                _instant(text, first)
                raise UsageError.not_a_period(text, "an instant has no length", remedy=_EXAMPLES)
            last = first
        start = _bounds(text, first)[0] if first else None
        end = _bounds(text, last)[1] if last else None
        if start is not None and end is not None and end <= start:
            raise UsageError.not_a_period(text, "it ends before it starts", remedy="Swap its ends.")
        return cls(start, end)

    def __str__(self) -> str:
        """Return the period as `parse` reads it, in the largest units that say it."""
        ends = [moment for moment in (self.start, self.end) if moment is not None]
        length = next((length for length, rest in _UNITS if all(_text(end)[length:] == rest for end in ends)), None)
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
            It is no time.
        """
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
        kept = self.filter(frame, time)
        if not kept.select(pl.len()).head(1).collect(engine="streaming").item():
            moment = _as_utc(frame, time)
            facts = frame.select(moment.min().alias("first"), moment.max().alias("last")).collect(engine="streaming")
            first, last = facts.row(0)
            held = "there are none at all"
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
        raise UsageError.not_a_period(text, f"there is no {part}", remedy=_EXAMPLES) from None
    after = _next_day if day else _next_month if month else _next_year
    return start, after(start)


def _instant(text: str, part: str) -> datetime:
    try:
        moment = datetime.fromisoformat(part if _TIMED.search(part) else "")
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError.not_a_period(text, f"{part!r} is no time", remedy=_EXAMPLES) from None


def _text(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat() + "Z"


def _as_utc(frame: pl.LazyFrame, time: str) -> pl.Expr:
    schema = frame.collect_schema()
    if time not in schema:
        raise FeatureNotFound.absent(time, where="these rows", known=schema)
    match schema[time]:
        case pl.Datetime(time_unit="us", time_zone="UTC"):
            return pl.col(time)  # bare, so that a scan can skip row groups
        case pl.Date() | pl.Datetime(time_zone=None):
            return pl.col(time).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        case pl.Datetime():
            return pl.col(time).dt.convert_time_zone("UTC").dt.cast_time_unit("us")
        case dtype:
            raise UsageError(f"{time!r} is {dtype}, not a time.", remedy="Name a Datetime or Date column.")


def _next_year(start: datetime) -> datetime | None:
    return start.replace(year=start.year + 1) if start.year < date.max.year else None


def _next_month(start: datetime) -> datetime | None:
    return start.replace(month=start.month + 1) if start.month < 12 else _next_year(start.replace(month=1))


def _next_day(start: datetime) -> datetime | None:
    return start + timedelta(days=1) if start.date() < date.max else None
