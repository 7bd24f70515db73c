"""Leaving out rows that no spine row can reach, before they are sorted or even read.

Only speed depends on this: what is left out could not have won.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import polars as pl

from workbench.point_in_time.candidates import KeyPair, ViewRows, epoch_microseconds
from workbench.times import from_microseconds, microseconds

FEW = 200_000  # from here on, looking up each row's number costs more than joining the rows that it would leave out
_WORTH = 10  # with fewer rows than this for each spine row, most keys are asked for
_SLACK = timedelta(milliseconds=1)  # stored times may be coarser than microseconds
_LONG = timedelta(days=365 * 1000)
_FIRST, _LAST = (microseconds(datetime(year, 1, 1, tzinfo=UTC)) for year in (1600, 2600))


@dataclass(frozen=True, slots=True)
class Reach:
    """The time and the keys that a spine asks for.

    Parameters
    ----------
    rows
        How many rows it has.
    first, last
        Its earliest and latest time; None where it has none, or none that a calendar holds.
    keys
        The distinct values of each key column, where they are few.
    """

    rows: int
    first: datetime | None
    last: datetime | None
    keys: Mapping[str, pl.Series]

    @classmethod
    def of_moment(cls, at: datetime) -> Reach:
        """Return what a spine asks for whose rows, of any keys, all have the time `at`."""
        moment = _moment(microseconds(at))
        return cls(0, moment, moment, {})


def reach_of(spine: pl.DataFrame, time: str, columns: Sequence[str]) -> Reach:
    """Return what `spine` asks for in its `time` and key `columns`."""
    at = spine.select(epoch_microseconds(time, spine.schema, "the spine")).to_series()
    few = [column for column in columns if spine.height <= FEW or spine.schema[column] == pl.String]
    return Reach(
        spine.height,
        _moment(at.min()),
        _moment(at.max()),
        {column: spine[column].unique().drop_nulls() for column in few},
    )


def reachable_rows(view: ViewRows, pairs: Sequence[KeyPair], reach: Reach) -> pl.Expr | None:
    """Return the condition on the view's own columns that every row which can win meets, or None."""
    schema = view.rows.collect_schema()
    listed = [(pair, _listed(view, schema, pair, reach)) for pair in pairs]
    conditions = [pl.col(pair.rows).is_in(keys.implode()) for pair, keys in listed if keys is not None]
    dtype = schema[view.event_time]
    if isinstance(dtype, pl.Datetime) and dtype.time_zone in (None, "UTC"):
        event = pl.col(view.event_time)
        if reach.last is not None:
            conditions.append(event <= _literal(reach.last + _SLACK, dtype))
        if reach.first is not None and view.ttl and view.ttl <= _LONG and not view.outcome:
            conditions.append(event >= _literal(reach.first - view.ttl - _SLACK, dtype))
    return pl.all_horizontal(conditions) if conditions else None


def hash_texts(view: ViewRows, pairs: Sequence[KeyPair], reach: Reach) -> tuple[KeyPair, ...]:
    """Return the pairs, those of texts hashed where `reachable_rows` have only keys whose hashes are known to differ.

    Numbers are sooner grouped than texts, and take less room.
    """
    schema = view.rows.collect_schema()
    return tuple(
        replace(pair, hashed=keys is not None and pair.dtype == pl.String and keys.hash().n_unique() == len(keys))
        for pair, keys in ((pair, _listed(view, schema, pair, reach)) for pair in pairs)
    )


def _listed(view: ViewRows, schema: pl.Schema, pair: KeyPair, reach: Reach) -> pl.Series | None:
    """Return the keys that are asked for, where rows with others are left out."""
    if not view.stored and isinstance(view.rows, pl.DataFrame) and view.rows.height < _WORTH * reach.rows:
        return None
    if pair.spine not in reach.keys or schema[pair.rows] != pair.dtype:
        return None
    return reach.keys[pair.spine].cast(pair.dtype)


def _literal(moment: datetime, dtype: pl.Datetime) -> pl.Expr:
    return pl.lit(moment.replace(tzinfo=None) if dtype.time_zone is None else moment)


def _moment(physical: object) -> datetime | None:
    """Return microseconds since the epoch as a time of the years 1600 to 2600, or None."""
    if not isinstance(physical, int) or not _FIRST <= physical <= _LAST:
        return None
    return from_microseconds(physical)
