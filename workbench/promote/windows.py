"""When promotions may happen: freezes, and the weekly times of trains. All times are UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from workbench.times import in_utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from workbench.config import FreezeSettings, TrainSettings

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def fits(view: str, patterns: Iterable[str]) -> bool:
    """Tell whether one of `patterns`, with ``*``, ``?`` and ``[...]``, names `view`."""
    return any(fnmatchcase(view, pattern) for pattern in patterns)


def is_frozen(freeze: FreezeSettings, now: datetime) -> bool:
    """Tell whether `now` lies in `freeze`: its last day is frozen to its end, and so is its last instant."""
    moment = in_utc(now)
    return _first(freeze.start) <= moment and (
        moment <= in_utc(freeze.end)
        if isinstance(freeze.end, datetime)
        else moment < _first(freeze.end) + timedelta(days=1)
    )


def _first(moment: date) -> datetime:
    if isinstance(moment, datetime):
        return in_utc(moment)
    return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)


def thaws(freeze: FreezeSettings) -> str:
    """Return until when `freeze` lasts, for people."""
    if isinstance(freeze.end, datetime):
        return f"until {in_utc(freeze.end):%Y-%m-%d %H:%M:%S} UTC"
    return f"to the end of {freeze.end:%Y-%m-%d} (UTC)"


def is_open(train: TrainSettings, now: datetime) -> bool:
    """Tell whether `train` takes passengers at `now`; one that closes before it opens runs over midnight."""
    moment = in_utc(now).replace(microsecond=0)  # a train that closes at 23:59:59 closes at midnight
    clock, today = moment.time(), DAYS[moment.weekday()]
    if train.opens <= train.closes:
        return today in train.days and train.opens <= clock <= train.closes
    yesterday = DAYS[(moment.weekday() - 1) % 7]
    return (today in train.days and clock >= train.opens) or (yesterday in train.days and clock <= train.closes)


def next_departure(trains: Sequence[TrainSettings], now: datetime) -> datetime | None:
    """Return when the first of `trains` opens after `now`; None where none ever does."""
    moment = in_utc(now)
    starts = [
        start
        for train in trains
        for ahead in range(8)
        if (start := _at(moment.date() + timedelta(days=ahead), train.opens)) > moment
        and DAYS[start.weekday()] in train.days
    ]
    return min(starts, default=None)


def _at(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, tzinfo=UTC)
