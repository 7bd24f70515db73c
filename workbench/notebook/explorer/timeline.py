"""`timeline`: a feature over time on both sides, at most five hundred points each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from workbench.notebook.explorer.kinds import as_number, is_numeric, kind_of
from workbench.notebook.explorer.selection import MANY, PLACES, rows_of, sample
from workbench.times import instant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.notebook.explorer.kinds import Kind
    from workbench.notebook.explorer.selection import BothRows, SideRows, Where
    from workbench.notebook.explorer.subject import Changed, ExploredView

POINTS = 500
"""As many as a chart is wide, at most."""
_STEPS = tuple(
    timedelta(seconds=seconds)
    for seconds in (
        *(1, 5, 15, 30, 60, 300, 900, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400),
        *(604_800, 30 * 86_400, 91 * 86_400, 365 * 86_400, 3_650 * 86_400, 36_500 * 86_400),
    )
)
_TIME, _VALUE, _ROWS = "time", "value", "rows"


@dataclass(frozen=True, slots=True)
class Point:
    """One moment of one side: the mean of `rows` values, or the commonest category."""

    time: datetime
    value: float | str | None
    rows: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """A feature over time.

    Attributes
    ----------
    feature, kind, unit
        Of what.
    lines
        The points of both sides, in order of time (UTC, without a zone).
    step
        How much time is one point; None where each moment is its own.
    sampled
        Whether points are of a sample of the rows.
    """

    feature: str
    kind: Kind
    unit: str | None
    lines: tuple[tuple[Point, ...], tuple[Point, ...]]
    step: timedelta | None = None
    sampled: bool = False

    @property
    def says(self) -> str:
        """What a point stands for."""
        what = "the mean" if is_numeric(self.kind) else "the commonest value"
        what += " of a sample" if self.sampled else ""
        if self.step is not None:
            return f"each point is {what} of {_length(self.step)}"
        if any(point.rows > 1 for line in self.lines for point in line):
            return f"each point is {what} of a moment's rows"
        return f"each point is a row{' of a sample' if self.sampled else ''}"


def timeline(
    subject: ExploredView,
    feature: Changed,
    where: Where | None = None,
    *,
    points: int = POINTS,
    looked_at: BothRows | None = None,
) -> Timeline:
    """Return a feature over time, of the rows that are looked at; empty without an event time.

    Where there are more moments than `points`, time is cut into equal steps, the same on both sides, and each is one
    point. Of more than a million rows of a side a sample of a million is looked at, of texts and lists a smaller one.
    `looked_at` is what `rows_of` gives, where that is known.
    """
    looked_at = looked_at or rows_of(subject, feature, where)
    frames: list[pl.LazyFrame | None] = []
    for side, name in zip(looked_at, feature.names, strict=True):
        timed = None
        if side is not None and name is not None:
            frame = side.frame if side.is_sample else sample(side.frame, side.rows)
            timed = _with_time(frame, subject.time, name)
        # what is drawn is held: it is looked at several times
        frames.append(None if timed is None else timed.collect(engine="streaming").lazy())
    sampled = any(side is not None and (side.is_sample or side.rows > MANY) for side in looked_at)
    if any(_are_moments(side, frame) for side, frame in zip(looked_at, frames, strict=True)):
        points = min(points, PLACES)
    step = _step([frame for frame in frames if frame is not None], points)
    left, right = (() if frame is None else _points(frame, step, feature.kind) for frame in frames)
    return Timeline(feature.name, feature.kind, feature.unit, (left, right), step, sampled)


def _are_moments(side: SideRows | None, timed: pl.LazyFrame | None) -> bool:
    """Whether rows are stretches of a side that is stored in the order of time: between them nothing is known."""
    if side is None or timed is None or not side.places:
        return False
    return timed.select(_TIME).collect()[_TIME].is_sorted()


def _with_time(frame: pl.LazyFrame, time: str | None, name: str) -> pl.LazyFrame | None:
    schema = frame.collect_schema()
    if time is None or time not in schema:
        return None
    dtype = schema[name]
    kind = kind_of(dtype)
    if kind == "other":
        return None
    drawn = as_number(pl.col(name), dtype) if is_numeric(kind) else pl.col(name).cast(pl.String)
    moment = instant(pl.col(time), schema[time]).dt.replace_time_zone(None)
    return frame.select(moment.alias(_TIME), drawn.alias(_VALUE)).drop_nulls(_TIME)


def _step(frames: Sequence[pl.LazyFrame], points: int) -> timedelta | None:
    time = pl.col(_TIME)
    facts = [
        frame.select(time.min().alias("first"), time.max().alias("last"), time.n_unique().alias("moments"))
        .collect(engine="streaming")
        .row(0, named=True)
        for frame in frames
    ]
    facts = [each for each in facts if each["first"] is not None]
    if not facts or max(each["moments"] for each in facts) <= points:
        return None
    span = max(each["last"] for each in facts) - min(each["first"] for each in facts)
    # one more than fits, since a step may begin before the first moment
    return next((step for step in _STEPS if span / step + 1 < points), _STEPS[-1])


def _points(frame: pl.LazyFrame, step: timedelta | None, kind: Kind) -> tuple[Point, ...]:
    time = pl.col(_TIME) if step is None else pl.col(_TIME).dt.truncate(f"{int(step.total_seconds())}s")
    timed = frame.with_columns(time)
    value = pl.col(_VALUE)
    if is_numeric(kind):
        value = value.filter(value.is_finite()).mean()
        found = timed.group_by(_TIME).agg(value.alias(_VALUE), pl.len().alias(_ROWS))
    else:
        found = (
            timed.group_by(_TIME, _VALUE)
            .len()
            .sort("len", _VALUE, descending=[True, False], nulls_last=True)
            .group_by(_TIME, maintain_order=True)
            .agg(pl.col(_VALUE).first(), pl.col("len").sum().alias(_ROWS))
        )
    rows = found.select(_TIME, _VALUE, _ROWS).sort(_TIME).collect(engine="streaming")
    return tuple(Point(*row) for row in rows.rows())


def _length(step: timedelta) -> str:
    seconds = int(step.total_seconds())
    for name, size in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        if seconds % size == 0:
            count = seconds // size
            return f"{count:,} {name}s" if count > 1 else f"one {name}"
    return str(step)
