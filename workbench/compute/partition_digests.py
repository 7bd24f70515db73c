"""A sketch of an input: what its rows are, by group of entities and by period, small enough to keep.

Two sketches of the same input at different times tell which entities and which periods its changes touch, whatever kind
of source it is and whether or not its old rows are still there. A cell holds the number of its rows and two sums over
their hashes modulo 2**64, so that rows which moved, changed, came or went all show. Periods are told apart for few
groups of entities, and many groups of entities for all periods together.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.drivers import require_uninterrupted
from workbench.dtypes import instance
from workbench.equality import BITS
from workbench.files import replacing
from workbench.times import instant

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

SCHEME = 2
_LAYOUT = 5
GROUPS = 16_384
"""Groups of entities: one key that changed has 1/16384 of all entities computed again, where there are rows enough."""
_COARSE = 256
"""Groups whose periods are told apart, and the least that are told apart at all."""
_ROWS = 16
"""How many rows of a part a group has on average, at least: the sketch stays small beside them."""
_PERIODS = 1500
_MOST = 2_000_000
"""Cells from which on parts are not told apart: each of them is of all times."""
_CELL = ("group", "period")
_GROUP = ("part", "group", "groups")
_SUMS = ("rows", "low", "high")
_WIDTHS = (1, 60, 3600, 86400, 7 * 86400, 30 * 86400, 365 * 86400)  # seconds
_ODD = 0x9E3779B97F4A7C15
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sketch:
    """What an input held.

    Parameters
    ----------
    cells
        Columns ``part`` (UInt32, its place in `parts`), ``group`` (UInt16, one of 256), ``period`` (Int64, counted from
        1970; null for rows without a time), ``first`` (Int64, the earliest time in it in microseconds), ``rows``,
        ``low`` and ``high`` (UInt64).
    entities
        The same rows by groups of entities alone: columns ``part``, ``group`` (UInt16), ``groups`` (UInt16, of how many
        it is one: a power of two, the same in all of a part), ``rows``, ``low`` and ``high``.
    facts
        How it was made: scheme, Polars' version, columns with dtypes, keys, times, and the seconds of a period.
    parts
        What the parts of the input hold, by which they are known again.
    """

    cells: pl.DataFrame
    entities: pl.DataFrame
    facts: dict[str, Any]
    parts: tuple[str, ...]

    def of_parts(self, names: Collection[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the cells of these parts together, and their groups of entities."""
        places = [place for place, name in enumerate(self.parts) if name in names]
        cells, entities = (each.filter(pl.col("part").is_in(places)) for each in (self.cells, self.entities))
        return _together(cells.lazy(), _CELL).collect(), entities

    def save(self, path: Path) -> None:
        """Write the sketch to `path`, at once."""
        with replacing(path) as unfinished:
            both = pl.concat([self.cells, self.entities], how="diagonal")
            both.write_parquet(unfinished, metadata={"sketch": json.dumps([self.facts, self.parts])})

    @classmethod
    def load(cls, path: Path) -> Sketch | None:
        """Return the sketch at `path`; None where there is none that can be read."""
        try:
            facts, parts = json.loads(pl.read_parquet_metadata(path)["sketch"])
            if facts["scheme"] != _LAYOUT:
                return None
            both, is_cell = pl.read_parquet(path, glob=False), pl.col("groups").is_null()
            cells = both.filter(is_cell).drop("groups")
            return cls(cells, both.filter(~is_cell).select(*_GROUP, *_SUMS), facts, tuple(parts))
        except (OSError, ValueError, KeyError, pl.exceptions.PolarsError):
            return None


@dataclass(frozen=True, slots=True)
class ChangedGroups:
    """What changed between two sketches.

    Parameters
    ----------
    since
        No row known before then changed; None where that cannot be said.
    groups
        The groups of entities with changed rows; None for all of them.
    rows
        How many more rows there are now.
    """

    since: datetime | None
    groups: frozenset[int] | None
    rows: int = 0


def sketch(
    frame: pl.LazyFrame,
    digest: str,
    *,
    keys: Sequence[str],
    known_since: Sequence[str],
    parts: Mapping[str, Callable[[], pl.LazyFrame]] | None = None,
    like: Sketch | None = None,
) -> Sketch | None:
    """Return the sketch of `frame`, whose data has the `digest`; None where its rows cannot be hashed.

    With `parts`, which together are the frame, only those are read that `like` does not have.
    """
    schema = frame.collect_schema()
    moment = latest_time(schema, known_since).dt.epoch("us")
    parts = parts or {digest: lambda: frame}
    facts = {
        "scheme": _LAYOUT,
        "polars": pl.__version__,
        "columns": {name: str(dtype) for name, dtype in schema.items()},
        "keys": list(keys),
        "known_since": list(known_since),
    }
    try:
        width = _width(frame, moment) if like is None else int(like.facts["width"])
        facts["width"] = width
        known = like.parts if like is not None and like.facts == facts else ()
        places = {name: place for place, name in enumerate(parts)}
        there = {name: places[name] for name in known if name in places}
        made = [_renumbered(like, there)] if like is not None and there else []
        for name, place in places.items():
            if name not in known:
                made.append(_cells(parts[name](), place, keys=keys, moment=moment, width=width))
        summed, entities = (pl.concat(each) for each in zip(*made, strict=True))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        require_uninterrupted(error)
        return None
    first, last = summed["period"].min(), summed["period"].max()
    if like is not None and isinstance(first, int) and isinstance(last, int) and last - first > _PERIODS * 20:
        return sketch(frame, digest, keys=keys, known_since=known_since, parts=parts)
    if len(parts) > 1 and summed.height > _MOST:
        summed = _together(_merged(summed).lazy(), ["part", *_CELL]).collect()
        return Sketch(summed, _coarsened(_merged(entities), _least(entities)), facts, (digest,))
    return Sketch(summed, entities, facts, tuple(parts))


def _cells(
    frame: pl.LazyFrame, place: int, *, keys: Sequence[str], moment: pl.Expr, width: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the cells of one part, and its groups of entities."""
    schema = frame.collect_schema()
    low = pl.struct(exact_bits(pl.col(name), dtype).alias(name) for name, dtype in schema.items()).hash(SCHEME)
    period = moment // (width * 1_000_000)
    rows = frame.select(group=group_of(keys), period=period, first=moment, low=low).with_columns(
        high=(pl.col("low") * pl.lit(_ODD, dtype=pl.UInt64)) ^ (pl.col("low") // 2**32),
    )
    # by few keys, and none that is the same in all rows: Polars groups by one small number several times as fast
    sums = (pl.len().cast(pl.UInt32).alias("rows"), pl.col("low", "high").sum())
    cells = rows.with_columns(pl.col("group") % _COARSE).group_by(_CELL).agg(pl.col("first").min(), *sums)
    entities = rows.group_by("group").agg(*sums)
    part = pl.lit(place, dtype=pl.UInt32).alias("part")
    both = [
        cells.select(part, *_CELL, "first", *_SUMS),
        entities.select(part, "group", pl.lit(GROUPS, dtype=pl.UInt16).alias("groups"), *_SUMS),
    ]
    found, grouped = pl.collect_all(both, engine="streaming")
    groups = 1 << max(0, int(grouped["rows"].sum()) // _ROWS).bit_length() >> 1
    return found, _coarsened(grouped, min(max(groups, _COARSE), GROUPS))


def _together(cells: pl.LazyFrame, by: Sequence[str]) -> pl.LazyFrame:
    return cells.group_by([*by]).agg(pl.col("first").min(), pl.col(_SUMS).sum())


def _grouped(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.group_by([*_GROUP]).agg(pl.col(_SUMS).sum())


def _coarsened(entities: pl.DataFrame, groups: int) -> pl.DataFrame:
    """Return the sums of so many groups, of which those that are there are parts."""
    fewer = entities.lazy().with_columns(pl.col("group") % groups, groups=pl.lit(groups, dtype=pl.UInt16))
    return _grouped(fewer).collect()


def _least(entities: pl.DataFrame) -> int:
    """Return how many groups all parts tell apart."""
    least = entities["groups"].min()
    return least if isinstance(least, int) else GROUPS


def _merged(cells: pl.DataFrame) -> pl.DataFrame:
    """Return cells of all parts as those of one."""
    return cells.with_columns(part=pl.lit(0, dtype=pl.UInt32))


def _renumbered(like: Sketch, places: Mapping[str, int]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the cells and the groups of the parts of `like` that are in `places`, where they are now."""
    number = {old: places[name] for old, name in enumerate(like.parts) if name in places}
    there, now = pl.col("part").is_in(list(number)), pl.col("part").replace_strict(number, return_dtype=pl.UInt32)
    return like.cells.filter(there).with_columns(now), like.entities.filter(there).with_columns(now)


def group_of(keys: Sequence[str]) -> pl.Expr:
    """Return the group of a row's entity: equal keys of equal dtype are in one group."""
    if not keys:
        return pl.lit(0, dtype=pl.UInt16)
    return (pl.struct(*keys).hash(SCHEME) % GROUPS).cast(pl.UInt16)


def compare_sketches(old: Sketch, new: Sketch) -> ChangedGroups:
    """Return what changed from `old` to `new`; everything where they were made in different ways."""
    if old.facts != new.facts:
        return ChangedGroups(None, None)
    (before, were), (after, are) = (
        one.of_parts(set(one.parts) - set(other.parts)) for one, other in ((old, new), (new, old))
    )
    cells = _different(before, after, _CELL)
    rows = int(after["rows"].sum()) - int(before["rows"].sum())
    if cells.is_empty():
        return ChangedGroups(datetime.max.replace(tzinfo=UTC), frozenset(), rows)
    groups = (_different_groups(were, are) or None) if old.facts["keys"] else None
    first = cells.select(pl.min_horizontal("first", "first_right").min()).item()
    if cells["period"].null_count() or first is None:
        return ChangedGroups(None, groups, rows)
    return ChangedGroups(_EPOCH + timedelta(microseconds=first), groups, rows)


def _different(before: pl.DataFrame, after: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Return the cells whose rows are not the same."""
    both = before.join(after, on=[*by], how="full", coalesce=True, nulls_equal=True)
    return both.filter(pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_right")) for name in _SUMS))


def _different_groups(before: pl.DataFrame, after: pl.DataFrame) -> frozenset[int]:
    """Return the groups of entities whose rows are not the same: all of which one that both tell apart consists."""
    least = min(_least(before), _least(after))
    was, now = (_coarsened(_merged(each), least) for each in (before, after))
    found = _different(was, now, _GROUP)["group"].to_list()
    return frozenset(first + other for first in found for other in range(0, GROUPS, least))


def latest_time(schema: Mapping[str, pl.DataType], columns: Sequence[str]) -> pl.Expr:
    """Return the latest time of each row in `columns`, as ``Datetime("us", "UTC")``; null where one is, or none is."""
    if not columns:
        return pl.lit(None, pl.Datetime("us", "UTC"))
    times = [instant(pl.col(name), schema[name]) for name in columns]
    if len(times) == 1:
        return times[0]  # as it is, Polars skips what cannot be since some time
    return pl.when(pl.all_horizontal(time.is_not_null() for time in times)).then(pl.max_horizontal(times))


def exact_bits(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return floats as their bits, since Polars hashes -0.0 as 0.0 and all NaN as one; all else as it is."""
    if dtype in BITS:
        return column.reinterpret(dtype=BITS[dtype])
    if isinstance(dtype, pl.Array):
        return exact_bits(column.arr.to_list(), pl.List(dtype.inner))
    if isinstance(dtype, pl.List):
        return column.list.eval(exact_bits(pl.element(), instance(dtype.inner)))
    if isinstance(dtype, pl.Struct):
        fields = [(field.name, instance(field.dtype)) for field in dtype.fields]
        parts = [exact_bits(column.struct.field(name), inner).alias(name) for name, inner in fields]
        return pl.struct(column.is_null().alias(""), *parts)
    return column


def _width(frame: pl.LazyFrame, moment: pl.Expr) -> int:
    """Return the seconds of a period."""
    first, last = frame.select(moment.min().alias("first"), moment.max().alias("last")).collect().row(0)
    span = 0 if first is None or last is None else (last - first) / 1_000_000
    return next((width for width in _WIDTHS if span / width <= _PERIODS), _WIDTHS[-1])
