"""Reading a view without a spine: the latest row of each entity, or all rows of a period."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import polars as pl

from workbench.errors import UsageError
from workbench.point_in_time import latest_rows
from workbench.store.reading_lake import reading_lake
from workbench.times import moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.store.reader import ReadableView

When = datetime | date | str | None


def latest(view: ReadableView, features: Sequence[str], *, at: When) -> pl.DataFrame:
    """Return the latest row of each entity, by the rules of `point_in_time_join` at the moment `at`."""
    until = None if at is None else moment(at)
    with reading_lake([view]):
        won = latest_rows(view.rows({}), at=until)
    return _select_columns(won, view, features)


def period(view: ReadableView, features: Sequence[str], *, start: When, end: When) -> pl.DataFrame:
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
    return _select_columns(frame, view, features)


def _select_columns(frame: pl.LazyFrame, view: ReadableView, features: Sequence[str]) -> pl.DataFrame:
    kept = {*view.entities, view.event_time, view.created, *features}
    columns = [name for name in view.contract.names if name in kept]
    order = [*view.entities, view.event_time]
    with reading_lake([view]):
        return frame.sort(order, maintain_order=True).select(columns).collect(engine="streaming")
