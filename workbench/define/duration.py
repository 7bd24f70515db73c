"""Fixed lengths of time, written as Polars writes them."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
    "us": timedelta(microseconds=1),
}
_PART = re.compile(r"(\d+)(mo|ms|us|ns|[a-z])")


def parse_duration(value: str | timedelta) -> timedelta:
    """Return the length of time that `value` spells: ``"2d"``, ``"7d12h"``, ``"30m"``, or a timedelta as it is.

    Parameters
    ----------
    value
        Whole numbers with the units ``w d h m s ms us``, largest first by custom; a leading ``-`` negates.

    Returns
    -------
    timedelta
        The length; negative and zero lengths are returned, what they mean is the caller's business.

    Raises
    ------
    ValueError
        Saying in a clause why this is no fixed length of time.

    Examples
    --------
    >>> parse_duration("7d12h")
    datetime.timedelta(days=7, seconds=43200)
    """
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError("it is neither a text nor a timedelta")  # noqa: TRY004 - one kind of error for callers
    text = value.strip().removeprefix("-")
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError("it is not made of numbers with the units w, d, h, m, s, ms, us")
    for _, unit in parts:
        if unit in {"mo", "q", "y"}:
            raise ValueError("months, quarters and years have no fixed length")
        if unit == "ns":
            raise ValueError("times are kept to the microsecond")
        if unit not in _UNITS:
            raise ValueError(f"there is no unit {unit!r}")
    try:
        length = sum((int(number) * _UNITS[unit] for number, unit in parts), timedelta())
    except OverflowError:
        raise ValueError("it is longer than a calendar") from None
    return -length if value.strip().startswith("-") else length


def spell_duration(length: timedelta) -> str:
    """Return the shortest spelling of `length`, whole days and smaller: ``"7d"``, ``"1d12h"``.

    Examples
    --------
    >>> spell_duration(timedelta(hours=36))
    '1d12h'
    """
    rest = microseconds(length)
    sign, rest = ("-" if rest < 0 else ""), abs(rest)
    spelled = ""
    for unit in ("d", "h", "m", "s", "ms", "us"):
        number, rest = divmod(rest, microseconds(_UNITS[unit]))
        spelled += f"{number}{unit}" if number else ""
    return sign + (spelled or "0s")


def microseconds(length: timedelta) -> int:
    """Return `length` in whole microseconds, exactly."""
    return length // timedelta(microseconds=1)
