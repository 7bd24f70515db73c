"""At which instants a view is computed as if the future had not happened.

Cuts lie at times of the view's own rows, where a row dated too early has least to stand on, spread over its history;
and at the `telling` instants of the inputs, where a leak that seldom shows would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from workbench.check.probes.differences import TIME
from workbench.check.probes.inputs import ProbeInput
from workbench.check.probes.sample import Sample
from workbench.check.probes.telling import telling

CHEAP = (0.35, 0.6, 0.85)
"""Where cuts lie when a computation is a small part of the view's."""
DEAR = (0.2, 0.5)
EARLY = 0.45
"""Where they lie when each computation has all entities: early, because what is before the cut is computed."""
HEAD = 50_000
"""Rows of an input that are looked at for telling instants then."""
SMALL = (0.1, 0.3, 0.5, 0.7, 0.9)
FULL = tuple(step / 12 for step in range(1, 12))
TIMES = 4_000
"""How many of a sample's times before a cut are compared; all of them where everything is probed."""


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
    narrowed_to = keys if sample.narrow else None
    if small or full or sample.cheap:
        chosen |= set(telling(inputs, narrowed_to, times, most=6 if full else 2))
    else:
        early = times.head(max(1, round(EARLY * last)))
        chosen |= set(telling(inputs, narrowed_to, early, most=1, head=HEAD)[:2])
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
