"""What a view is computed from, and how a probe alters it: rows taken away, rows in another order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from workbench.compute import InputData, build
from workbench.times import instant

if TYPE_CHECKING:
    from workbench.define import FeatureView

UNIT = "__workbench_unit"
"""The column of a narrowed input that says to which entities a row belongs: those with one number are cut together."""
UNTIL = "__workbench_until"
AFTER = "__workbench_after"
SINCE = "__workbench_since"
_ORDER = "__workbench_order"
UNITS = 64
"""By how many units in the last place floats are nudged, at most."""
_EPSILON: Mapping[type[pl.DataType], float] = {pl.Float64: 2.0**-52, pl.Float32: 2.0**-23}
_WHOLE = 2.0**53


@dataclass(frozen=True, slots=True)
class ProbeInput:
    """One input of a view, with the columns that say when its rows happened and since when they are known.

    Attributes
    ----------
    name
        The parameter it is given to.
    frame
        All its rows.
    event_time
        When a row happened; None for a static source.
    known
        A row is known once the time in each of these columns has come; where one is null it never is. Always, where
        there are none.
    remade
        For an upstream view that leaks: what it would have given, had it been computed at an instant.
    units
        Whether `frame` has a column `UNIT`, which the view is not given.
    """

    name: str
    frame: pl.LazyFrame
    event_time: str | None
    known: tuple[str, ...]
    remade: Callable[[datetime], pl.LazyFrame] | None = None
    units: bool = False

    def since_known(self, schema: Mapping[str, pl.DataType]) -> pl.Expr:
        """Return when each row became known; null if never."""
        times = [instant(pl.col(name), schema[name]) for name in self.known]
        return pl.when(pl.all_horizontal(time.is_not_null() for time in times)).then(pl.max_horizontal(times))


@dataclass(frozen=True, slots=True)
class Alteration:
    """How inputs are altered; where nothing is set they are what they are.

    Attributes
    ----------
    alone
        Only the rows of the entities that are looked at, of inputs that can be narrowed to them.
    until
        Only rows known by then.
    since
        Only rows that happened or became known at or after then.
    own
        `UNTIL` and `SINCE` of each `UNIT`, in the place of `until` and `since` for inputs that have units.
    trimmed
        Of which input alone `since` takes rows; of all where None.
    seed
        Rows in the random order of this seed.
    nudge
        Floats a few units in the last place off, by this seed.
    by_event_time
        `until` goes by when rows happened, not by when they became known.
    trusting
        Upstream views give what they hold, even those known to leak.
    """

    alone: bool = False
    until: datetime | None = None
    since: datetime | None = None
    own: pl.DataFrame | None = None
    trimmed: str | None = None
    seed: int | None = None
    nudge: int | None = None
    by_event_time: bool = False
    trusting: bool = False

    def but(self, **changes: object) -> Alteration:
        """Return the alteration with some of it changed."""
        return replace(self, **changes)  # type: ignore[arg-type]  # the fields' own names and types

    def of(self, data: ProbeInput) -> pl.LazyFrame:
        """Return the rows of `data` that are left, in the order they come in."""
        frame = data.frame
        if self.until is not None and data.remade is not None and not self.trusting:
            frame = data.remade(self.until)
        schema = frame.collect_schema()
        own = self.own if data.units else None
        if own is not None:
            frame = frame.join(own.lazy(), on=UNIT, how="inner", maintain_order="left")
        until = pl.lit(self.until) if own is None else pl.col(UNTIL)
        since = pl.lit(self.since) if own is None else pl.col(SINCE)
        if self.until is not None and data.event_time is not None:
            times = (data.event_time,) if self.by_event_time else data.known
            frame = frame.filter(instant(pl.col(name), schema[name]) <= until for name in times)
        if self.since is not None and data.event_time is not None and self.trimmed in (None, data.name):
            times = tuple(dict.fromkeys((data.event_time, *data.known)))
            moments = [instant(pl.col(name), schema[name]) for name in times]
            young = pl.any_horizontal(moment.is_null() | (moment >= since) for moment in moments)
            frame = frame.filter(young)
        frame = frame.drop(UNIT, UNTIL, AFTER, SINCE, strict=False) if data.units else frame
        frame = frame if self.nudge is None else nudged(frame, self.nudge)
        return frame if self.seed is None else shuffled(frame, self.seed)


def source_input(
    name: str, frame: pl.LazyFrame, *, event_time: str | None, available_at: str | None = None
) -> ProbeInput:
    """Return a source as an input: its rows are known from `available_at` on, or when they happened, or always."""
    known = available_at or event_time
    return ProbeInput(name, frame, event_time, () if known is None else (known,))


def view_input(
    view: FeatureView, frame: pl.LazyFrame, *, remade: Callable[[datetime], pl.LazyFrame] | None = None
) -> ProbeInput:
    """Return an upstream view as an input: its rows are known at their event time, and once they were created."""
    known = (view.event_time, view.created) if view.created else (view.event_time,)
    return ProbeInput(view.name, frame, view.event_time, known, remade)


def remade_from(view: FeatureView, inputs: Sequence[ProbeInput]) -> Callable[[datetime], pl.LazyFrame]:
    """Return a function that computes `view` from what was known of its inputs at an instant."""

    def remade(until: datetime) -> pl.LazyFrame:
        return altered(view, inputs, Alteration(until=until))

    return remade


def altered(view: FeatureView, inputs: Sequence[ProbeInput], alteration: Alteration) -> pl.LazyFrame:
    """Run a view's function on altered inputs."""
    given = [InputData(name=data.name, frame=alteration.of(data), digest="", kind="source") for data in inputs]
    return build(view, given)


def shuffled(frame: pl.LazyFrame, seed: int) -> pl.LazyFrame:
    """Return the rows in a random order, which is the same for the same rows and seed.

    They are gathered, not sorted: where the view sorts them again, Polars would leave a sort before that out.
    """
    order = pl.int_range(pl.len()).hash(seed).arg_sort()  # in a column, or each column would find it again
    return frame.with_columns(order.alias(_ORDER)).select(pl.all().exclude(_ORDER).gather(pl.col(_ORDER)))


def nudged(frame: pl.LazyFrame, seed: int) -> pl.LazyFrame:
    """Return `frame` with floats a little off; equal ones alike, and whole numbers, which may be keys, as they are."""
    floats = {name: dtype for name, dtype in frame.collect_schema().items() if dtype.is_float()}
    return frame.with_columns(_nudged(name, dtype, seed) for name, dtype in floats.items())


def _nudged(name: str, dtype: pl.DataType, seed: int) -> pl.Expr:
    column = pl.col(name)
    share = (column.hash(seed) % 1024).cast(pl.Float64) / 512 - 1
    whole = (column.floor() == column) & (column.abs() < _WHOLE)
    off = (column * (1 + share * UNITS * _EPSILON[type(dtype)])).cast(dtype)
    return pl.when(column.is_finite() & ~whole).then(off).otherwise(column).alias(name)
