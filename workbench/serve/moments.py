"""Moments as users write them."""

from __future__ import annotations

from datetime import UTC, date, datetime

from workbench.errors import UsageError


def moment(value: object, *, what: str = "at") -> datetime:
    """Return `value` (a datetime, a date, or ISO 8601 text) as a datetime in UTC; without a zone it is UTC.

    Parameters
    ----------
    value
        What the user wrote.
    what
        Its name, for the message.

    Raises
    ------
    UsageError
        For anything else.

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
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise UsageError(f"{what} is not a time.", remedy="Write ISO 8601 as in 2013-06-01T12:00, or pass a datetime.")
