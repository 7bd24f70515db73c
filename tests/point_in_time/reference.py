"""The point-in-time join in plain Python, one spine row and one candidate at a time: slow, and obviously correct.

It shares no code with the package and reads its rules word for word:

- candidates have equal keys, and ``t - ttl <= event_time <= t``; a ttl of None or zero is for ever;
- where rows have a `created`, one created after t or at an unknown time is no candidate (unless `as_known` is off);
- the latest event time wins, then the latest `created`, then the last row in ingest order;
- a null key or time matches nothing; the winner's nulls stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

Row = Mapping[str, Any]
EARLIEST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class View:
    rows: Sequence[Row]
    keys: Mapping[str, str]
    features: Mapping[str, str]
    event_time: str = "event_timestamp"
    ttl: timedelta | None = None
    created: str | None = None
    outcome: str | None = None

    def of(self, rows: Sequence[Row]) -> View:
        """Return the view with these rows."""
        return replace(self, rows=rows)


def utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def join(spine: Sequence[Row], views: Sequence[View], *, time: str, as_known: bool) -> list[dict[str, Any]]:
    """Return the spine's rows in their order, each with the features of every view's winner."""
    result = []
    for row in spine:
        found = dict(row) | {time: utc(row[time])}
        for view in views:
            best = winner(row, view, time=time, as_known=as_known)
            fresh = best is not None and not expired(row, best, view, time)
            for name, column in view.features.items():
                found[name] = best[column] if best is not None and fresh else None
            if view.outcome:
                found[view.outcome] = "missing" if best is None else "matched" if fresh else "expired"
        result.append(found)
    return result


def expired(row: Row, candidate: Row, view: View, time: str) -> bool:
    at, event = utc(row[time]), utc(candidate[view.event_time])
    return bool(view.ttl) and at is not None and event is not None and event < at - (view.ttl or timedelta())


def winner(row: Row, view: View, *, time: str, as_known: bool) -> Row | None:
    """Return the row that wins if the ttl is left out: whatever is older than the latest has expired if that has."""
    at = utc(row[time])
    best: tuple[datetime, datetime, int] | None = None
    chosen = None
    for order, candidate in enumerate(view.rows):
        event = utc(candidate[view.event_time])
        if at is None or event is None or event > at:
            continue
        if any(row[left] is None or candidate[right] is None for left, right in view.keys.items()):
            continue
        if any(row[left] != candidate[right] for left, right in view.keys.items()):
            continue
        created = utc(candidate[view.created]) if view.created else None
        if view.created and as_known and (created is None or created > at):
            continue
        rank = (event, created or EARLIEST, order)
        if best is None or rank > best:
            best, chosen = rank, candidate
    return chosen
