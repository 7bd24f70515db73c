"""`Where` and `ValueSelection`: which rows are looked at, by entity, period and value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Literal, TypeAlias

import polars as pl

from workbench.diff import value_of
from workbench.errors import UsageError
from workbench.notebook.explorer.kinds import as_number, is_list, is_slow, list_as_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.diff import Side
    from workbench.notebook.explorer.subject import Changed, ExploredView
    from workbench.times import Period

MANY = 1_000_000
"""Rows of a side beyond which pictures are of a sample."""
SAMPLE = 200_000
"""Rows of such a sample where values are texts, which take longer."""
PLACES, STRETCH = 24, 4_000
"""Of lists, which take longest, a sample is so many stretches of so many rows each."""
_SEED = 20_240_229
_PLACE = "__place"

PartKind = Literal["range", "value", "null", "nan", "infinite", "below", "above", "other"]


@dataclass(frozen=True, slots=True)
class Where:
    """Which entities and which period; everything if absent.

    Attributes
    ----------
    entity
        Values of entity columns, as text.
    period
        A stretch of event time.
    """

    entity: Mapping[str, str] = field(default_factory=dict)
    period: Period | None = None

    @property
    def is_everything(self) -> bool:
        """Whether no row is left out."""
        return not self.entity and self.period is None

    def rows(self, side: Side) -> pl.LazyFrame:
        """Return the rows of a side that are looked at; nothing is read."""
        return self.select(side, side.frame)

    def select(self, side: Side, frame: pl.LazyFrame) -> pl.LazyFrame:
        """Return those of `frame`, rows of a side, that are looked at."""
        schema = frame.collect_schema()
        for column, text in self.entity.items():
            frame = frame.filter(pl.col(column) == pl.lit(value_of(column, text, schema[column]), schema[column]))
        if self.period is None:
            return frame
        time = next((column.name for column in side.contract.columns if column.role == "event_time"), None)
        if time is None:
            raise UsageError(f"The rows of {side.label} have no event time.", remedy="Leave the period out.")
        return self.period.filter(frame, time)


@dataclass(frozen=True, slots=True)
class SideRows:
    """The rows of a side that are looked at for one feature.

    Attributes
    ----------
    frame
        The rows. Of a sample, and of lists, alone the feature and the event time, in memory; lists as what is drawn.
    rows
        How many there are, in the sample or not.
    sample
        How many rows the sample has; None where all are looked at.
    places
        In how many stretches they lie; 0 where each was taken by itself.
    """

    frame: pl.LazyFrame
    rows: int
    sample: int | None = None
    places: int = 0

    @property
    def is_sample(self) -> bool:
        """Whether not all rows are looked at."""
        return self.sample is not None


BothRows: TypeAlias = tuple[SideRows | None, SideRows | None]


def rows_of(subject: ExploredView, feature: Changed, where: Where | None = None) -> BothRows:
    """Return what is looked at of both sides: all rows, or a sample of very many that take long to read."""
    where = where or Where()
    left, right = (
        None if side is None or name is None else _side_rows(side, name, subject.time, where)
        for side, name in zip(subject.sides, feature.names, strict=True)
    )
    return left, right


def _side_rows(side: Side, name: str, time: str | None, where: Where) -> SideRows:
    frame = where.rows(side)
    schema = frame.collect_schema()
    rows = count_rows(frame)
    if not is_slow(schema[name]) or (rows <= MANY and not is_list(schema[name])):
        return SideRows(frame, rows)
    held = [name, time] if time is not None and time in schema else [name]
    if not is_list(schema[name]):
        kept = sample(frame.select(held), rows, most=SAMPLE).collect(engine="streaming")
        return SideRows(kept.lazy(), rows, kept.height)
    drawn = [list_as_number(name, schema[name]), *held[1:]]
    if rows > MANY:
        read = _stretches(side, where, rows)
        if read:
            # one scan for each stretch: Polars would else read all rows once and cut them afterwards
            once = pl.QueryOptFlags(comm_subplan_elim=False)
            kept = pl.concat([each.select(drawn) for each in read]).collect(engine="streaming", optimizations=once)
            return SideRows(kept.lazy(), rows, kept.height, len(read))
        frame = sample(frame.select(held), rows, most=PLACES * STRETCH)
    kept = frame.select(drawn).collect(engine="streaming")
    return SideRows(kept.lazy(), rows, kept.height if rows > MANY else None)


def _stretches(side: Side, where: Where, rows: int) -> list[pl.LazyFrame]:
    """Return stretches of the rows that are looked at, spread over all of them; none where that would read more.

    Each is at a place of its own within an equal part of the rows: at equal distances all might be of the same hour.
    """
    stored, choose = side.stored()
    if not _skips_rows(stored):
        return []
    numbers: Sequence[int] | pl.Series = range(rows)
    if stored is not side.frame or not where.is_everything:
        numbered = where.select(side, choose(stored.with_row_index(_PLACE)))
        numbers = numbered.select(_PLACE).collect(engine="streaming")[_PLACE]
    part = rows // PLACES
    length = min(STRETCH, part)
    places = Random(_SEED)  # noqa: S311 - the same places each time
    found = []
    for number in range(PLACES):
        start = number * part + places.randrange(part - length + 1)
        first, last = numbers[start], numbers[start + length - 1]
        # where those that are looked at lie far apart, not all of a stretch are read
        read = stored.slice(first, min(last - first + 1, 4 * length))
        found.append(where.select(side, choose(read)))
    return found


def _skips_rows(frame: pl.LazyFrame) -> bool:
    """Whether a stretch of the rows can be read without those before it."""
    return "SLICE[" not in frame.slice(1, 1).explain()


def describe_samples(looked_at: BothRows, labels: tuple[str, str]) -> str:
    """Return of which rows what is counted is a sample, in words; empty where it is of none."""
    said = []
    for side, label in zip(looked_at, labels, strict=True):
        if side is not None and side.sample is not None:
            how = f", {side.places} stretches spread over all of them" if side.places else ""
            said.append(f"{side.sample:,} of the {side.rows:,} rows of {label}{how}")
    return f"Drawn is a sample: {'; '.join(said)}. Numbers of rows are estimates from it." if said else ""


def count_rows(frame: pl.LazyFrame) -> int:
    """Return how many rows there are."""
    return int(frame.select(pl.len()).collect(engine="streaming").item())


def sample(frame: pl.LazyFrame, rows: int, *, most: int | None = None) -> pl.LazyFrame:
    """Return `rows` up to `MANY` of them, of more about `most`, the same each time whatever their order."""
    if rows <= MANY:
        return frame
    every = -(-rows // (most or MANY))
    # a hash, since every n-th row may be of the same entities or hours
    return frame.with_row_index(_PLACE).filter(pl.col(_PLACE).hash(seed=_SEED) % every == 0).drop(_PLACE)


@dataclass(frozen=True, slots=True)
class ValueSelection:
    """Some of a feature's values.

    Attributes
    ----------
    kind
        ``range`` (from `low` to `high`), ``value`` (one category), ``below`` `low`, ``above`` `high`, or what is no
        place on an axis.
    low, high
        As numbers, see `kinds.as_number`.
    closed
        Whether `high` belongs to the range.
    value
        The category; of ``other`` all that are not among `known`.
    known
        See `value`.
    """

    kind: PartKind
    low: float = 0.0
    high: float = 0.0
    closed: bool = False
    value: str = ""
    known: tuple[str, ...] = ()

    def test(self, column: str, dtype: pl.DataType) -> pl.Expr:
        """Return which rows have such a value in `column`; rows with null only for ``null``."""
        values = pl.col(column)
        if self.kind == "null":
            return values.is_null()
        if self.kind in {"value", "other"}:
            text = values.cast(pl.String)
            return text == self.value if self.kind == "value" else values.is_not_null() & ~text.is_in(self.known)
        number = as_number(values, dtype)
        match self.kind:
            case "nan":
                found = number.is_nan()
            case "infinite":
                found = number.is_infinite()
            case "below":
                found = number.is_finite() & (number < self.low)
            case "above":
                found = number.is_finite() & (number > self.high)
            case _:
                within = number <= self.high if self.closed else number < self.high
                found = number.is_finite() & (number >= self.low) & within
        return found.fill_null(value=False)
