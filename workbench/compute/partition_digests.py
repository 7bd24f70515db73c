"""A sketch of an input: what its rows are, by group of entities and period, small enough to keep.

Two sketches of the same input at different times tell which entities and which periods its changes touch, whatever kind
of source it is and whether or not its old rows are still there. A cell holds the number of its rows and two sums over
their hashes modulo 2**64, so that rows which moved, changed, came or went all show.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.dtypes import instance
from workbench.equality import BITS
from workbench.files import replacing
from workbench.times import instant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SCHEME = 2
GROUPS = 256
"""Groups of entities: one key that changed has 1/256 of all entities computed again."""
_PERIODS = 1500
_WIDTHS = (1, 60, 3600, 86400, 7 * 86400, 30 * 86400, 365 * 86400)  # seconds
_ODD = 0x9E3779B97F4A7C15
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sketch:
    """What an input held.

    Parameters
    ----------
    cells
        Columns ``group`` (UInt16), ``period`` (Int64, counted from 1970; null for rows without a time), ``rows``,
        ``low`` and ``high`` (UInt64).
    facts
        How it was made: scheme, Polars' version, columns with dtypes, keys, times, and the seconds of a period.
    """

    cells: pl.DataFrame
    facts: dict[str, Any]

    def save(self, path: Path) -> None:
        """Write the sketch to `path`, at once."""
        with replacing(path) as unfinished:
            self.cells.write_parquet(unfinished, metadata={"sketch": json.dumps(self.facts)})

    @classmethod
    def load(cls, path: Path) -> Sketch | None:
        """Return the sketch at `path`; None where there is none that can be read."""
        try:
            return cls(pl.read_parquet(path), json.loads(pl.read_parquet_metadata(path)["sketch"]))
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
    frame: pl.LazyFrame, *, keys: Sequence[str], known_since: Sequence[str], width: int | None = None
) -> Sketch | None:
    """Return the sketch of `frame`; None where its rows cannot be hashed."""
    schema = frame.collect_schema()
    moment = latest_time(schema, known_since).dt.epoch("us")
    try:
        width = _width(frame, moment, like=width)
        hashed = pl.struct(exact_bits(pl.col(name), dtype).alias(name) for name, dtype in schema.items()).hash(SCHEME)
        cells = frame.select(
            group=group_of(keys),
            period=moment // (width * 1_000_000),
            low=hashed,
        ).with_columns(high=(pl.col("low") * pl.lit(_ODD, dtype=pl.UInt64)) ^ (pl.col("low") // 2**32))
        summed = (
            cells.group_by("group", "period")
            .agg(pl.len().alias("rows"), pl.col("low").sum(), pl.col("high").sum())
            .sort("group", "period")
            .collect(engine="streaming")
        )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    facts = {
        "scheme": SCHEME,
        "polars": pl.__version__,
        "columns": {name: str(dtype) for name, dtype in schema.items()},
        "keys": list(keys),
        "known_since": list(known_since),
        "width": width,
    }
    return Sketch(summed, facts)


def group_of(keys: Sequence[str]) -> pl.Expr:
    """Return the group of a row's entity: equal keys of equal dtype are in one group."""
    if not keys:
        return pl.lit(0, dtype=pl.UInt16)
    return (pl.struct(*keys).hash(SCHEME) % GROUPS).cast(pl.UInt16)


def compare_sketches(old: Sketch, new: Sketch) -> ChangedGroups:
    """Return what changed from `old` to `new`; everything where they were made in different ways."""
    if old.facts != new.facts:
        return ChangedGroups(None, None)
    both = old.cells.join(new.cells, on=["group", "period"], how="full", coalesce=True, nulls_equal=True)
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_right")) for name in ("rows", "low", "high"))
    cells = both.filter(differs)
    rows = int(new.cells["rows"].sum()) - int(old.cells["rows"].sum())
    if cells.is_empty():
        return ChangedGroups(datetime.max.replace(tzinfo=UTC), frozenset(), rows)
    groups = frozenset(cells["group"].to_list()) if old.facts["keys"] else None
    first = cells["period"].min() if not cells["period"].null_count() else None
    if not isinstance(first, int):
        return ChangedGroups(None, groups, rows)
    return ChangedGroups(_EPOCH + timedelta(seconds=first * int(old.facts["width"])), groups, rows)


def latest_time(schema: Mapping[str, pl.DataType], columns: Sequence[str]) -> pl.Expr:
    """Return the latest time of each row in `columns`, as ``Datetime("us", "UTC")``; null where one is, or none is."""
    if not columns:
        return pl.lit(None, pl.Datetime("us", "UTC"))
    times = [instant(pl.col(name), schema[name]) for name in columns]
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


def _width(frame: pl.LazyFrame, moment: pl.Expr, *, like: int | None) -> int:
    """Return the seconds of a period: those of an earlier sketch, unless the data has outgrown them."""
    first, last = frame.select(moment.min().alias("first"), moment.max().alias("last")).collect().row(0)
    span = 0 if first is None or last is None else (last - first) / 1_000_000
    if like is not None and span / like <= _PERIODS * 20:
        return like
    return next((width for width in _WIDTHS if span / width <= _PERIODS), _WIDTHS[-1])
