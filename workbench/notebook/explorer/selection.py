"""`Where` and `ValueSelection`: which rows are looked at, by entity, period and value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

import polars as pl

from workbench.diff import value_of
from workbench.errors import UsageError
from workbench.notebook.explorer.kinds import as_number, is_slow

if TYPE_CHECKING:
    from workbench.diff import Side
    from workbench.notebook.explorer.subject import Changed, ExploredView
    from workbench.times import Period

MANY = 1_000_000
"""Rows of a side beyond which pictures are of a sample."""
SAMPLE = 200_000
"""Rows of such a sample where values are texts or lists, which take longer."""

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
        frame = side.frame
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
        The rows; of a sample alone the feature and the event time, in memory.
    rows
        How many there are, in the sample or not.
    is_sample
        Whether they are a sample.
    """

    frame: pl.LazyFrame
    rows: int
    is_sample: bool


BothRows: TypeAlias = tuple[SideRows | None, SideRows | None]


def rows_of(subject: ExploredView, feature: Changed, where: Where | None = None) -> BothRows:
    """Return what is looked at of both sides: all rows, or a sample of very many that take long to read."""
    where = where or Where()
    found: list[SideRows | None] = []
    for side, name in zip(subject.sides, feature.names, strict=True):
        if side is None or name is None:
            found.append(None)
            continue
        frame = where.rows(side)
        rows = count_rows(frame)
        is_sample = is_slow(feature.kind) and rows > MANY
        if is_sample:
            held = [column for column in (name, subject.time) if column in frame.collect_schema().names()]
            frame = sample(frame.select(held), rows, most=SAMPLE).collect(engine="streaming").lazy()
        found.append(SideRows(frame, rows, is_sample))
    return found[0], found[1]


def count_rows(frame: pl.LazyFrame) -> int:
    """Return how many rows there are."""
    return int(frame.select(pl.len()).collect(engine="streaming").item())


def sample(frame: pl.LazyFrame, rows: int, *, most: int | None = None) -> pl.LazyFrame:
    """Return `rows` up to `MANY` of them, of more about `most`, the same each time whatever their order."""
    if rows <= MANY:
        return frame
    every = -(-rows // (most or MANY))
    place = "__place"
    # a hash, since every n-th row may be of the same entities or hours
    return frame.with_row_index(place).filter(pl.col(place).hash(seed=20_240_229) % every == 0).drop(place)


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
