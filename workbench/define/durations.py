"""Lengths of time as users write them: ``"2d"``, ``"7d12h"``, ``"30m"``, or a timedelta."""

from __future__ import annotations

import re
from datetime import timedelta

from workbench.errors import DefinitionError

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

    Parameters
    ----------
    value
        Numbers with units ``w d h m s ms us``, largest first by custom: ``"7d12h"``; or a timedelta.
    what
        What the duration is for, for the message: ``ttl``, ``lookback``, ...

    Returns
    -------
    timedelta
        Zero or positive, to the microsecond.

    Raises
    ------
    DefinitionError
        Not a duration, negative, longer than Python can count, or of calendar units (months, quarters,
        years), whose length depends on the date.

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


def _unreadable(what: str, value: object) -> DefinitionError:
    return DefinitionError(
        f"{what}={value!r} is not a duration.", remedy="Write numbers with units, e.g. '2d', '7d12h', '30m', '90s'."
    )


def _negative(what: str, value: str) -> DefinitionError:
    return DefinitionError(
        f"{what}={value!r} is negative.", remedy=f"{what} counts back in time: write it without '-'."
    )


def _calendar(what: str, value: str) -> DefinitionError:
    return DefinitionError(
        f"{what}={value!r} uses months, quarters or years, whose length depends on the date.",
        remedy="Write days or weeks, e.g. '30d' or '52w'.",
    )
