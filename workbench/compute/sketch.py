"""A sketch of an input: what its rows are, by group of entities and period, small enough to keep.

Two sketches of the same input at different times tell which entities and which periods its changes touch, whatever kind
of source it is and whether or not its old rows are still there. A cell holds the number of its rows and two sums over
their hashes modulo 2**64, so that rows which moved, changed, came or went all show.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SCHEME = 1
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
        How it was made: scheme, Polars' version, columns with dtypes, keys, time, and the seconds of a period.
    """

    cells: pl.DataFrame
    facts: dict[str, Any]

    def save(self, path: Path) -> None:
        """Write the sketch to `path`, at once."""
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        metadata = {"sketch": json.dumps(self.facts)}
        self.cells.write_parquet(unfinished, metadata=metadata)
        unfinished.replace(path)

    @classmethod
    def load(cls, path: Path) -> Sketch | None:
        """Return the sketch at `path`; None where there is none that can be read."""
        try:
            return cls(pl.read_parquet(path), json.loads(pl.read_parquet_metadata(path)["sketch"]))
        except (OSError, ValueError, KeyError, pl.exceptions.PolarsError):
            return None


@dataclass(frozen=True, slots=True)
class Touched:
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


def sketch(frame: pl.LazyFrame, *, keys: Sequence[str], time: str, width: int | None = None) -> Sketch | None:
    """Return the sketch of `frame`; None where its rows cannot be hashed.

    Parameters
    ----------
    frame
        The input's rows.
    keys
        Its entity columns; without any, all rows are of one group.
    time
        The column, Datetime("us", "UTC"), that says since when a row is known.
    width
        Seconds of a period; chosen for some 1,500 periods if absent.
    """
    schema = frame.collect_schema()
    moment = pl.col(time).cast(pl.Datetime("us", "UTC")).dt.epoch("us")
    try:
        width = _width(frame, moment, like=width)
        hashed = pl.struct(pl.all()).hash(SCHEME)
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
        "time": time,
        "width": width,
    }
    return Sketch(summed, facts)


def group_of(keys: Sequence[str]) -> pl.Expr:
    """Return the group of a row's entity: equal keys of equal dtype are in one group."""
    if not keys:
        return pl.lit(0, dtype=pl.UInt16)
    return (pl.struct(*keys).hash(SCHEME) % GROUPS).cast(pl.UInt16)


def touched(old: Sketch, new: Sketch) -> Touched:
    """Return what changed from `old` to `new`; everything where they were made in different ways."""
    if old.facts != new.facts:
        return Touched(None, None)
    both = old.cells.join(new.cells, on=["group", "period"], how="full", coalesce=True, nulls_equal=True)
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_right")) for name in ("rows", "low", "high"))
    cells = both.filter(differs)
    rows = int(new.cells["rows"].sum()) - int(old.cells["rows"].sum())
    if cells.is_empty():
        return Touched(datetime.max.replace(tzinfo=UTC), frozenset(), rows)
    groups = frozenset(cells["group"].to_list()) if old.facts["keys"] else None
    first = cells["period"].min() if not cells["period"].null_count() else None
    if not isinstance(first, int):
        return Touched(None, groups, rows)
    return Touched(_EPOCH + timedelta(seconds=first * int(old.facts["width"])), groups, rows)


def _width(frame: pl.LazyFrame, moment: pl.Expr, *, like: int | None) -> int:
    """Return the seconds of a period: those of an earlier sketch, unless the data has outgrown them."""
    first, last = frame.select(moment.min().alias("first"), moment.max().alias("last")).collect().row(0)
    span = 0 if first is None or last is None else (last - first) / 1_000_000
    if like is not None and span / like <= _PERIODS * 20:
        return like
    return next((width for width in _WIDTHS if span / width <= _PERIODS), _WIDTHS[-1])
