"""What a view is computed from, and how a probe alters it: rows taken away, rows in another order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from workbench.compute import InputData, build

if TYPE_CHECKING:
    from workbench.define import FeatureView


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
        When a row happened.
    known
        A row is known once the time in each of these columns has come; where one is null it never is.
    remade
        For an upstream view that leaks: what it would have given, had it been computed at an instant.
    """

    name: str
    frame: pl.LazyFrame
    event_time: str
    known: tuple[str, ...]
    remade: Callable[[datetime], pl.LazyFrame] | None = None


@dataclass(frozen=True, slots=True)
class Alteration:
    """How inputs are altered; where nothing is set they are what they are.

    Attributes
    ----------
    until
        Only rows known by then.
    since
        Only rows that happened or became known at or after then.
    trimmed
        Of which input alone `since` takes rows; of all where None.
    keys
        Only these entities' rows, of inputs that have such columns; one row an entity.
    seed
        Rows in the random order of this seed.
    by_event_time
        `until` goes by when rows happened, not by when they became known.
    trusting
        Upstream views give what they hold, even those known to leak.
    """

    until: datetime | None = None
    since: datetime | None = None
    trimmed: str | None = None
    keys: pl.DataFrame | None = None
    seed: int | None = None
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
        if self.until is not None:
            times = (data.event_time,) if self.by_event_time else data.known
            frame = frame.filter(instant(name, schema[name]) <= self.until for name in times)
        if self.since is not None and self.trimmed in (None, data.name):
            times = tuple(dict.fromkeys((data.event_time, *data.known)))
            young = pl.any_horizontal(
                instant(name, schema[name]).is_null() | (instant(name, schema[name]) >= self.since) for name in times
            )
            frame = frame.filter(young)
        if self.keys is not None:
            frame = narrowed(frame, schema, self.keys)
        return frame if self.seed is None else shuffled(frame, self.seed)


def source_input(name: str, frame: pl.LazyFrame, *, event_time: str, available_at: str | None = None) -> ProbeInput:
    """Return a source as an input: its rows are known from `available_at` on, or when they happened."""
    return ProbeInput(name, frame, event_time, (available_at or event_time,))


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
    """Run a view's function on altered inputs.

    Raises
    ------
    Exception
        Whatever the function raises; `ComputeError` and `WrongReturn` as `build` does.
    """
    given = [InputData(name=data.name, frame=alteration.of(data), digest="", kind="source") for data in inputs]
    return build(view, given)


def instant(name: str, dtype: pl.DataType | type[pl.DataType]) -> pl.Expr:
    """Return the column as ``Datetime("us", "UTC")``: naive is UTC, a date its midnight."""
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        column = column.dt.cast_time_unit("us") if dtype.time_unit != "us" else column
        if dtype.time_zone is None:
            return column.dt.replace_time_zone("UTC")
        return column if dtype.time_zone == "UTC" else column.dt.convert_time_zone("UTC")
    return column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def shared_keys(schema: Mapping[str, pl.DataType], keys: pl.DataFrame) -> list[str]:
    """Return the entity columns by which an input can be narrowed: those it has, with the same dtype."""
    return [name for name, dtype in keys.schema.items() if schema.get(name) == dtype]


def narrowed(frame: pl.LazyFrame, schema: Mapping[str, pl.DataType], keys: pl.DataFrame) -> pl.LazyFrame:
    """Return the rows of the entities in `keys`, in their order; all rows of a frame that has no entity's column."""
    names = shared_keys(schema, keys)
    for name in names:
        frame = frame.filter(pl.col(name).is_in(keys[name].unique().implode()))
    if len(names) > 1:
        wanted = keys.select(pl.struct(names).unique().implode()).to_series()
        frame = frame.filter(pl.struct(names).is_in(wanted))
    return frame


def shuffled(frame: pl.LazyFrame, seed: int) -> pl.LazyFrame:
    """Return the rows in a random order, which is the same for the same rows and seed.

    They are gathered, not sorted: where the view sorts them again, Polars would leave a sort before that out.
    """
    return frame.select(pl.all().gather(pl.int_range(pl.len()).hash(seed).arg_sort()))
