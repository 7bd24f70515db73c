"""At which instants a view is computed as if the future had not happened.

Cuts lie at times of the view's own rows, where a row dated too early has least to stand on, spread over its history;
and where a value is missing in the inputs, because that is where something is filled in from later rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from workbench.check.probes.differences import TIME
from workbench.check.probes.inputs import Alteration, ProbeInput, instant
from workbench.check.probes.sample import Sample

CHEAP = (0.35, 0.6, 0.85)
"""Where cuts lie when a computation is a small part of the view's."""
DEAR = (0.15, 0.35, 0.55)
"""Where they lie when each computation has all entities: early, because what is before the cut is computed."""
SMALL = (0.1, 0.3, 0.5, 0.7, 0.9)
FULL = tuple(step / 12 for step in range(1, 12))
WIDEST = 64
"""Columns of an input up to which missing values are looked for."""
TIMES = 4_000
"""How many of a sample's times before a cut are compared; all of them where everything is probed."""
_GAPS = "__workbench_gaps"


@dataclass(frozen=True, slots=True)
class Cut:
    """An instant, and which rows before it are compared.

    Attributes
    ----------
    until
        What is known by then is computed with.
    after
        Rows readable later than that are compared; all where None.
    since
        What happened before that should not matter; None where no lookback is declared.
    """

    until: datetime
    after: datetime | None
    since: datetime | None


def choose_cuts(
    rows: pl.DataFrame,
    inputs: Sequence[ProbeInput],
    keys: pl.DataFrame | None,
    sample: Sample,
    *,
    lookback: timedelta | None,
    small: bool,
    full: bool,
) -> list[Cut]:
    """Return the cuts for a group of entities whose rows, with `TIME`, are `rows`.

    Parameters
    ----------
    rows
        The view's rows of these entities.
    inputs
        What the view is computed from.
    keys
        The entities.
    sample
        What they are of.
    lookback
        The declared lookback.
    small, full
        Whether there is little data, or everything should be probed.
    """
    times = rows[TIME].unique().sort()
    if not times.len():
        return []
    places = FULL if full else SMALL if small else CHEAP if sample.cheap else DEAR
    if any(data.remade is not None for data in inputs) and not small:
        places = places[:2]
    last = times.len() - 1
    chosen = {times[round(place * last)] for place in places}
    if small or full or sample.cheap:
        chosen |= set(_missing(inputs, keys if sample.narrow else None, times[-1], 6 if full else 2))
    part = 4 if small or full else 10
    period = max((times[-1] - times[0]) / part, timedelta(microseconds=1))
    most = times.len() if full else TIMES
    return [_cut(moment, times, period, lookback, most) for moment in sorted(chosen)]


def _cut(moment: datetime, times: pl.Series, period: timedelta, lookback: timedelta | None, most: int) -> Cut:
    before = int(times.search_sorted(moment)) - most
    after = times[before] if before > 0 else None
    if lookback is None:
        return Cut(moment, after, None)
    after = max(moment - period, after or moment - period)
    return Cut(moment, after, _minus(after, lookback))


def _minus(moment: datetime, lookback: timedelta) -> datetime | None:
    try:
        return moment - lookback
    except OverflowError:
        return None


def _missing(inputs: Sequence[ProbeInput], keys: pl.DataFrame | None, last: datetime, most: int) -> list[datetime]:
    """Return instants at which a row became known that lacks a value, one for each way of lacking some."""
    found: list[tuple[int, datetime]] = []
    for data in inputs:
        frame = Alteration(keys=keys).of(data)
        schema = frame.collect_schema()
        columns = [name for name in schema if name not in data.known]
        if not columns or len(columns) > WIDEST:
            continue
        times = [instant(name, schema[name]) for name in data.known]
        bits = pl.concat_str(pl.col(name).is_null().cast(pl.Int8) for name in columns)
        gaps = frame.select(pl.max_horizontal(times).alias(TIME), bits.alias(_GAPS))
        gaps = gaps.filter(pl.col(TIME) <= last, pl.col(_GAPS).str.contains("1", literal=True))
        middle = pl.col(TIME).sort().get(pl.len() // 2).alias(TIME)
        ways = gaps.group_by(_GAPS).agg(middle, pl.len().alias("rows")).sort("rows", _GAPS, descending=True)
        found += [(rows, moment) for moment, rows in ways.head(most).select(TIME, "rows").collect().iter_rows()]
    return [moment for _, moment in sorted(found, reverse=True)[:most]]
