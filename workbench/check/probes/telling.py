"""Instants at which a leak that seldom shows would: told from the inputs, whatever the view does with them.

Where a value is missing, it is filled in from a later row. Where a row became known long after it happened, it is used
too early. Where the next row of another input is nearer than the last one, the nearest of them is a later one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import zip_longest

import polars as pl

from workbench.check.probes.differences import TIME
from workbench.check.probes.inputs import Alteration, ProbeInput, instant

WIDEST = 62
"""Columns of an input up to which missing values are looked for: a bit for each."""
_WAY = "__workbench_way"


def telling(
    inputs: Sequence[ProbeInput], keys: pl.DataFrame | None, times: pl.Series, *, most: int, head: int | None = None
) -> list[datetime]:
    """Return instants to cut at, within the period of a view: of each kind in turn.

    Parameters
    ----------
    inputs
        What the view is computed from.
    keys
        The entities whose rows tell, where an input has their columns.
    times
        When rows of the view can be read, sorted.
    most
        How many instants of each kind.
    head
        Look only at so many rows of each input, the first ones; at all if absent.
    """
    first, last = times[0], times[-1]
    looked_at = [data if head is None else replace(data, frame=data.frame.head(head)) for data in inputs]
    queries = [query for data in looked_at for query in _queries(data, keys, first, last, most)]
    kinds = [frame.sort("rows", TIME, descending=True)[TIME].to_list() for frame in pl.collect_all(queries)]
    kinds += [_nearer_next(data, keys, times, most) for data in looked_at if len(inputs) > 1]
    return [moment for turn in zip_longest(*kinds) for moment in turn if moment is not None]


def _queries(
    data: ProbeInput, keys: pl.DataFrame | None, first: datetime, last: datetime, most: int
) -> Iterator[pl.LazyFrame]:
    """Give queries for instants, with how many rows have the same to tell."""
    frame = Alteration(keys=keys).of(data)
    schema = frame.collect_schema()
    known = pl.max_horizontal(instant(name, schema[name]) for name in data.known)
    columns = [name for name in schema if name not in data.known]
    if columns and len(columns) <= WIDEST:
        way = pl.sum_horizontal(pl.col(name).is_null().cast(pl.Int64) * 2**bit for bit, name in enumerate(columns))
        gaps = frame.select(known.alias(TIME), way.alias(_WAY)).filter(pl.col(_WAY) > 0)
        within = gaps.filter(pl.col(TIME).is_between(first, last))
        yield within.group_by(_WAY).agg(_at(0.5), pl.len().alias("rows")).select(TIME, "rows").top_k(most, by="rows")
    if data.known != (data.event_time,):
        happened = instant(data.event_time, schema[data.event_time])
        late = frame.select(happened.alias(TIME), (known - happened).alias(_WAY))
        within = late.filter(pl.col(_WAY) > pl.duration(), pl.col(TIME).is_between(first, last)).sort(_WAY)
        yield within.select(pl.col(TIME).get(pl.len() * 9 // 10, null_on_oob=True), pl.len().alias("rows")).drop_nulls()


def _at(share: float) -> pl.Expr:
    return pl.col(TIME).sort().get((pl.len() * share).cast(pl.Int64)).alias(TIME)


def _nearer_next(data: ProbeInput, keys: pl.DataFrame | None, times: pl.Series, most: int) -> list[datetime]:
    """Return times of the view to which the next row that becomes known is much nearer than the last one."""
    frame = Alteration(keys=keys).of(data)
    schema = frame.collect_schema()
    known = pl.max_horizontal(instant(name, schema[name]) for name in data.known).alias(TIME)
    rows = frame.select(known).drop_nulls().unique().sort(TIME).collect()[TIME]
    place = rows.search_sorted(times, side="right")
    inside = (place > 0) & (place < rows.len())
    at, place = times.filter(inside), place.filter(inside)
    since, until = (
        (at - rows.gather(place - 1)).dt.total_microseconds(),
        (rows.gather(place) - at).dt.total_microseconds(),
    )
    scored = pl.DataFrame({TIME: at, "nearer": (since + 1) / (until + 1)}).filter(pl.col("nearer") > 1)
    halves = [scored.slice(part * scored.height // most, scored.height // most) for part in range(most)]
    return [half.sort("nearer", TIME, descending=True)[TIME][0] for half in halves if half.height]
