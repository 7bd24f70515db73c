"""Reading a view without a spine: the latest row of each entity, or all rows of a period."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import polars as pl

from workbench.errors import UsageError
from workbench.point_in_time import latest_rows
from workbench.store.reading_lake import intact
from workbench.times import moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.store.reader import ServedView

When = datetime | date | str | None


def latest(view: ServedView, features: Sequence[str], *, at: When) -> pl.DataFrame:
    """Return the latest row of each entity, by the rules of `point_in_time_join` at the moment `at`."""
    until = None if at is None else moment(at)
    with intact([view]):
        won = latest_rows(view.rows({}), at=until)
    return _shown(won, view, features)


def period(view: ServedView, features: Sequence[str], *, start: When, end: When) -> pl.DataFrame:
    """Return the rows with ``start <= event_time < end``, sorted by entity and event time."""
    first = None if start is None else moment(start, what="start")
    last = None if end is None else moment(end, what="end")
    if first is not None and last is not None and last < first:
        raise UsageError(f"The period ends at {last}, before it starts at {first}.", remedy="Swap them.")
    event = pl.col(view.event_time)
    frame = view.data.frame
    if first is not None:
        frame = frame.filter(event >= first)
    if last is not None:
        frame = frame.filter(event < last)
    return _shown(frame, view, features)


def _shown(frame: pl.LazyFrame, view: ServedView, features: Sequence[str]) -> pl.DataFrame:
    kept = {*view.entities, view.event_time, view.created, *features}
    columns = [name for name in view.contract.names if name in kept]
    order = [*view.entities, view.event_time]
    with intact([view]):
        return frame.sort(order, maintain_order=True).select(columns).collect(engine="streaming")
