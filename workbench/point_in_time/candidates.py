"""One side of a point-in-time join: rows or spine, checked and reduced to keys, instants and row numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import polars as pl

from workbench.config import free_name
from workbench.dtypes import row_width
from workbench.errors import JoinError
from workbench.memory import memory_share
from workbench.times import conversion_to_times

INDEX = "__index"
AT = "__at"
ROW = "__row"
EVENT = "__event"
KNOWN = "__known"
CREATED = "__created"
NEVER = -(2**63)
_RANK = "__rank"
_PART, _LEAST, _READ = 2**22, 2**16, 2**18
"""Rows among which winners are looked for at a time, at most and at least, and how many of them are read at a time."""
_HELD = 1 / 16
"""The share of what is free that they may take: to group them takes some times as much."""
LATEST = 2**61
"""Microseconds since the epoch that no instant of a spine exceeds, so that differences fit 64 bits."""


@dataclass(frozen=True, slots=True)
class ViewRows:
    """The rows of one view that takes part in a join.

    Parameters
    ----------
    name
        What messages and prefixes call it: the view, or its alias when a view is joined twice.
    rows
        One row for each entity and event time, in ingest order.
    keys
        Key column of the rows by the spine's column that must equal it; empty for a view without entities.
    features
        Column of the rows by the name it gets in the result.
    event_time
        Column of the rows: since when a row holds.
    ttl
        For how long it holds, both ends included; None or zero means no limit.
    created
        Column of the rows: when a row became known; None if a row was known from its event time on.
    outcome
        Name of a further result column that says ``matched``, ``expired`` or ``missing`` for each spine row.
    stored
        Whether the rows are a scan of files that nobody changes, so that reading them twice gives the same rows in the
        same order. Keys and times are then read first, and of the features only what is near winning rows.
    numbered
        Returns the rows with their numbers in a column of the given name, as their files are scanned: a condition on
        the rows then decides what is read of the files. None, or rows that are not `stored`, adds them to `rows`.
    index
        Returns the folder where an index of the rows by these keys may be kept, another one for other files. None, or
        rows that are not `stored`, keeps none.
    """

    name: str
    rows: pl.LazyFrame | pl.DataFrame
    keys: Mapping[str, str]
    features: Mapping[str, str]
    event_time: str = "event_timestamp"
    ttl: timedelta | None = None
    created: str | None = None
    outcome: str | None = None
    stored: bool = False
    numbered: Callable[[str], pl.LazyFrame] | None = None
    index: Callable[[], Path] | None = None

    def with_numbers(self, row: str) -> pl.LazyFrame:
        """Return the rows with their numbers, from 0, in the column `row`."""
        if self.stored and self.numbered is not None:
            return self.numbered(row)
        return self.rows.lazy().with_row_index(row)

    def outputs(self) -> list[str]:
        """Return the names of the columns that the view adds."""
        return [*self.features, *([self.outcome] if self.outcome else [])]


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A spine column and a rows column that must be equal, and the dtype both are compared as.

    Hashed keys are compared by their hashes: only where no two keys that can meet have the same one.
    """

    spine: str
    rows: str
    dtype: pl.DataType
    hashed: bool = False

    def compared(self, key: pl.Expr) -> pl.Expr:
        """Return what is compared of a `key` of the dtype."""
        return pl.when(key.is_not_null()).then(key.hash()) if self.hashed else key


def key_pairs(view: ViewRows, spine: pl.Schema, rows: pl.Schema) -> tuple[KeyPair, ...]:
    """Return the view's keys with the dtype each is compared as, once they are known to be comparable."""
    pairs = []
    for left, right in view.keys.items():
        require(left, spine, "the spine")
        require(right, rows, f"view {view.name!r}")
        dtype = _common(spine[left], rows[right])
        if dtype is None:
            raise _key_dtype(view.name, left, spine[left], right, rows[right])
        pairs.append(KeyPair(left, right, dtype))
    return tuple(pairs)


def require(column: str, schema: Mapping[str, pl.DataType], where: str) -> None:
    """Raise unless `schema` has the `column`."""
    if column not in schema:
        raise JoinError.missing_column(column, where, schema)


def epoch_microseconds(column: str, schema: Mapping[str, pl.DataType], where: str) -> pl.Expr:
    """Return the column as UTC microseconds since the epoch; a time without a zone is UTC, a date its midnight.

    Times that 64 bits of microseconds do not hold, 290,000 years from now, are taken for 73,000 years: Polars panics.
    """
    require(column, schema, where)
    dtype = schema[column]
    number = pl.col(column).to_physical()
    if dtype == pl.Date:
        return _multiplied(number.cast(pl.Int64), 86_400_000_000)
    if not isinstance(dtype, pl.Datetime):
        raise JoinError(
            f"Point-in-time join: the time column {column!r} of {where} is {dtype}, not a datetime.",
            remedy=conversion_to_times(column, dtype),
        )
    if dtype.time_unit == "ms":
        return _multiplied(number, 1_000)
    return number if dtype.time_unit == "us" else pl.col(column).dt.cast_time_unit("us").to_physical()


def _multiplied(number: pl.Expr, factor: int) -> pl.Expr:
    return number.clip(-LATEST // factor, LATEST // factor) * factor


def narrow_rows(
    view: ViewRows, pairs: Sequence[KeyPair], names: Sequence[str], reachable: pl.Expr | None
) -> pl.LazyFrame:
    """Return the rows in their order, reduced to `ROW`, keys under `names`, `EVENT` and, where there is one, `CREATED`.

    Only those that meet the condition `reachable` on the view's own columns; times are microseconds since the epoch.
    """
    schema = view.rows.collect_schema()
    event = epoch_microseconds(view.event_time, schema, f"view {view.name!r}").alias(EVENT)
    keys = [
        pair.compared(pl.col(pair.rows).cast(pair.dtype)).alias(name) for pair, name in zip(pairs, names, strict=True)
    ]
    row = free_name(ROW, schema)
    numbered = view.with_numbers(row)
    if reachable is not None:
        numbered = numbered.filter(reachable)
    return numbered.select(pl.col(row).alias(ROW), *keys, event, *_creation(view, schema))


def candidates(
    view: ViewRows, pairs: Sequence[KeyPair], names: Sequence[str], *, reachable: pl.Expr | None, as_known: bool
) -> pl.LazyFrame:
    """Return the rows that can ever win, reduced to keys, row number, event time and the instant they can win from.

    With a `created` column a row can win only from the later of its event time and its creation on, and never if a row
    with a later event time (or an equal one, created later) was known by then: such a row wins at every later instant
    too. Without the rows that this rules out, the one known last wins.
    """
    return rank_rows(view, narrow_rows(view, pairs, names, reachable), names, as_known=as_known)


def known_rows(view: ViewRows, *, known: str, event: str, created: str, row: str) -> pl.LazyFrame:
    """Return the rows that can ever win, with all their columns, and when each does.

    The winner at an instant is the row of its keys with the latest `known` that is not after it, and of several such
    rows the one with the highest `row`: so stored in this order, one look finds it.
    """
    schema = view.rows.collect_schema()
    pairs = key_pairs(view, pl.Schema({name: schema[column] for name, column in view.keys.items()}), schema)
    names = [f"__key {number}" for number in range(len(pairs))]
    if view.created is None:  # every row wins from its event time on: there is nothing to rank, and nothing to look up
        times = epoch_microseconds(view.event_time, schema, f"view {view.name!r}")
        usable = (
            view.rows.lazy()
            .with_row_index(row)
            .with_columns(times.alias(known), times.alias(event), pl.lit(None, pl.Int64).alias(created))
        )
        return usable.filter(pl.all_horizontal(pl.col(event, *view.keys.values()).is_not_null()))
    winning = candidates(view, pairs, names, reachable=None, as_known=True)
    creation = _creation(view, schema)
    numbered = view.rows.lazy().with_columns(*(each.alias(created) for each in creation)).with_row_index(row)
    return numbered.join(
        winning.select(pl.col(ROW).alias(row), pl.col(KNOWN).alias(known), pl.col(EVENT).alias(event)), on=row
    )


def rank_rows(view: ViewRows, narrow: pl.LazyFrame, names: Sequence[str], *, as_known: bool) -> pl.LazyFrame:
    """Return the rows of `narrow_rows` that can win at some time, ordered by `KNOWN`."""
    possible = usable_rows(view, narrow, names, as_known=as_known).sort(KNOWN, maintain_order=True)
    if view.created is None:
        return possible
    best = rank(view).cum_max()
    return possible.filter(rank(view) == (best.over(names) if names else best)).drop(CREATED)


def usable_rows(view: ViewRows, narrow: pl.LazyFrame, names: Sequence[str], *, as_known: bool) -> pl.LazyFrame:
    """Return the rows of `narrow_rows` with `KNOWN`, since when each can win, without those that never can."""
    usable = narrow.filter(pl.all_horizontal(pl.col(EVENT, *names).is_not_null()))
    if view.created is None:
        return usable.with_columns(pl.col(EVENT).alias(KNOWN))
    if not as_known:
        return usable.with_columns(pl.col(CREATED).fill_null(NEVER), pl.col(EVENT).alias(KNOWN))
    return usable.filter(pl.col(CREATED).is_not_null()).with_columns(pl.max_horizontal(EVENT, CREATED).alias(KNOWN))


def rank(view: ViewRows) -> pl.Expr:
    """Return the number by which rows precede others that are known: of equals, the last row does.

    It is (event, created) as one: both fit 64 bits, and no maximum of pairs is to be had.
    """
    event = pl.col(EVENT).cast(pl.Int128) * 2**64
    return event if view.created is None else event + pl.col(CREATED).cast(pl.Int128)


def last_winners(view: ViewRows, usable: pl.LazyFrame, names: Sequence[str]) -> pl.LazyFrame:
    """Return the row of each entity that wins where all `usable_rows` are known, without a sort."""
    if view.created is None:
        return _highest(usable, names, rank(view) + pl.col(ROW).cast(pl.Int128))
    best = _highest(usable, names, rank(view)).select(*names, rank(view).alias(_RANK))
    equals = usable.join(best, left_on=[*names, rank(view)], right_on=[*names, _RANK], how="semi")
    return _highest(equals, names, pl.col(ROW))


def last_winners_by_parts(view: ViewRows, usable: pl.LazyFrame, names: Sequence[str]) -> pl.DataFrame:
    """Return what `last_winners` does, without all rows in memory: those of a part, and the winners before it.

    Polars 2.1 holds most rows where it groups them by keys that come again and again, as in files in order of time.
    """
    schema = usable.collect_schema()
    part = min(_PART, max(_LEAST, memory_share(_HELD) // row_width(schema)))
    found = pl.DataFrame(schema=schema)
    read: list[pl.DataFrame] = []
    for batch in usable.collect_batches(chunk_size=min(part, _READ)):
        read.append(batch)
        if sum(each.height for each in read) >= max(part, found.height):  # each row is compared again a few times only
            found, read = _winners_of(view, found, read, names), []
    return _winners_of(view, found, read, names) if read else found


def _winners_of(
    view: ViewRows, found: pl.DataFrame, read: Sequence[pl.DataFrame], names: Sequence[str]
) -> pl.DataFrame:
    """Return the rows that win among those `found`, one of each entity, and those `read` after them."""
    rows = pl.concat([found, *read])
    if rows.is_empty():
        return rows
    if view.created is not None or not _in_order_of_time(found, read):
        return last_winners(view, rows.lazy(), names).select(rows.columns).collect()
    latest = pl.col(EVENT, ROW).max()
    won = rows.lazy().group_by(names).agg(latest) if names else rows.lazy().select(latest)
    return won.select(rows.columns).collect(engine="streaming")


def _in_order_of_time(found: pl.DataFrame, read: Sequence[pl.DataFrame]) -> bool:
    """Return whether none of the rows `read` is earlier than one before it: the last of an entity then wins."""
    places = pl.concat([found.select(pl.col(ROW, EVENT).max()), *(rows.select(ROW, EVENT) for rows in read)])
    return all(column.is_sorted() for column in places.get_columns())


def _highest(rows: pl.LazyFrame, names: Sequence[str], by: pl.Expr) -> pl.LazyFrame:
    """Return a row of each entity with the highest `by`."""
    others = [name for name in rows.collect_schema().names() if name not in names]
    best = pl.col(others).max_by(by)
    return rows.group_by(names).agg(best) if names else rows.select(best)


def _creation(view: ViewRows, schema: Mapping[str, pl.DataType]) -> list[pl.Expr]:
    if view.created is None:
        return []
    return [epoch_microseconds(view.created, schema, f"view {view.name!r}").alias(CREATED)]


def _common(left: pl.DataType, right: pl.DataType) -> pl.DataType | None:
    """Return the dtype in which keys of both dtypes can be compared without loss, or None."""
    if left == right:
        return left
    if left.is_integer() and right.is_integer():
        wide = {left, right} & {pl.UInt64(), pl.Int128(), pl.UInt128()}
        return None if wide else pl.Int64()
    texts = (pl.String, pl.Categorical, pl.Enum)
    if isinstance(left, texts) and isinstance(right, texts):
        return pl.String()
    return None


def _key_dtype(view: str, left: str, left_dtype: object, right: str, right_dtype: object) -> JoinError:
    """Return the error for keys whose values cannot be compared."""
    return JoinError(
        f"Point-in-time join: the spine's {left!r} is {left_dtype}, but {right!r} of view {view!r} is {right_dtype}.",
        remedy=f"Cast the spine's key: spine.with_columns(pl.col({left!r}).cast(pl.{right_dtype})), in pandas by "
        "astype.",
    )
