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

CHEAP = (0.4, 0.8)
"""Where cuts lie when a computation is a small part of the view's."""
DEAR = (0.2, 0.5)
EARLY = 0.45
"""Where they lie when each computation has all entities: early, because what is before the cut is computed."""
HEAD = 50_000
"""Rows of an input that are looked at for telling instants then."""
SMALL = (0.1, 0.3, 0.5, 0.7, 0.9)
FULL = tuple(step / 12 for step in range(1, 12))
TELLING = 4
"""How many telling instants there are at most, unless everything is probed."""
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


@dataclass(frozen=True, slots=True)
class Calendar:
    """When rows of a group of entities can be read, and where that is cut.

    Attributes
    ----------
    times
        The instants, sorted.
    sample
        What the group is a part of.
    lookback
        The declared lookback.
    """

    times: pl.Series
    sample: Sample
    lookback: timedelta | None

    @classmethod
    def of(cls, rows: pl.DataFrame, sample: Sample, *, lookback: timedelta | None) -> Calendar:
        """Return the calendar of a view's rows, which have `TIME`."""
        return cls(rows[TIME].unique().sort(), sample, lookback)

    def plain(self, inputs: Sequence[ProbeInput]) -> list[Cut]:
        """Return cuts spread over the history; few where an upstream view is computed again for each."""
        sample = self.sample
        places = FULL if sample.full else SMALL if sample.small else CHEAP if sample.cheap else DEAR
        if any(data.remade is not None for data in inputs) and not sample.small:
            places = places[-2:]
        last = self.times.len() - 1
        return self._cuts({self.times[round(place * last)] for place in places} if last >= 0 else set())

    def telling(self, inputs: Sequence[ProbeInput], keys: pl.DataFrame | None) -> list[Cut]:
        """Return cuts at telling instants of `inputs`, of the entities in `keys`, whose rows are compared."""
        if not self.times.len():
            return []
        if self.sample.cheap or self.sample.full:
            found = telling(inputs, keys, self.times, most=6 if self.sample.full else 2)
            return self._cuts(set(found if self.sample.full else found[:TELLING]))
        early = self.times.head(max(1, round(EARLY * self.times.len())))
        return self._cuts(set(telling(inputs, keys, early, most=1, head=HEAD)[:2]))

    def _cuts(self, moments: set[datetime]) -> list[Cut]:
        return [self._cut(moment) for moment in sorted(moments)]

    def _cut(self, moment: datetime) -> Cut:
        thorough = self.sample.small or self.sample.full
        before = 0 if self.sample.full else int(self.times.search_sorted(moment)) - TIMES
        after = self.times[before] if before > 0 else None
        if self.lookback is None:
            return Cut(moment, after, None)
        period = max((self.times[-1] - self.times[0]) / (4 if thorough else 10), timedelta(microseconds=1))
        after = max(moment - period, after or moment - period)
        return Cut(moment, after, _minus(after, self.lookback))


def _minus(moment: datetime, lookback: timedelta) -> datetime | None:
    try:
        return moment - lookback
    except OverflowError:
        return None
