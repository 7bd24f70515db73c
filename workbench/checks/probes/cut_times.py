"""At which instants a view is computed as if the future had not happened.

Where entities are independent, each is cut at instants of its own (`own_cuts`): many instants for the price of one.
Otherwise all are cut together: at times of the view's own rows, where a row dated too early has least to stand on,
spread over its history and close to its end; and at the `telling` instants of the inputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import zip_longest

import polars as pl

from workbench.checks.probes.differences import TIME
from workbench.checks.probes.inputs import AFTER, SINCE, UNIT, UNTIL, Alteration, ProbeInput
from workbench.checks.probes.sample import Sample
from workbench.times import instant

WIDEST = 62
"""Columns of an input up to which missing values are looked for: a bit for each."""
_WAY = "__workbench_way"


def telling(inputs: Sequence[ProbeInput], times: pl.Series, *, most: int, head: int | None = None) -> list[datetime]:
    """Return instants to cut at, within the period of a view: of each kind in turn."""
    first, last = times[0], times[-1]
    inputs = [data for data in inputs if data.known]
    looked_at = [data if head is None else replace(data, frame=data.frame.head(head)) for data in inputs]
    queries = [query for data in looked_at for query in _queries(data, first, last, most)]
    kinds = [frame.sort("rows", TIME, descending=True)[TIME].to_list() for frame in pl.collect_all(queries)]
    kinds += [_nearer_next(data, times, most) for data in looked_at if len(inputs) > 1]
    return [moment for turn in zip_longest(*kinds) for moment in turn if moment is not None]


def _queries(data: ProbeInput, first: datetime, last: datetime, most: int) -> Iterator[pl.LazyFrame]:
    """Give queries for instants, with how many rows have the same to tell."""
    frame = Alteration().of(data)
    schema = frame.collect_schema()
    known = pl.max_horizontal(instant(pl.col(name), schema[name]) for name in data.known)
    columns = [name for name in schema if name not in data.known]
    if columns and len(columns) <= WIDEST:
        way = pl.sum_horizontal(pl.col(name).is_null().cast(pl.Int64) * 2**bit for bit, name in enumerate(columns))
        gaps = frame.select(known.alias(TIME), way.alias(_WAY)).filter(pl.col(_WAY) > 0)
        within = gaps.filter(pl.col(TIME).is_between(first, last))
        yield within.group_by(_WAY).agg(_at(0.5), pl.len().alias("rows")).select(TIME, "rows").top_k(most, by="rows")
    if data.event_time is not None and data.known != (data.event_time,):
        happened = instant(pl.col(data.event_time), schema[data.event_time])
        late = frame.select(happened.alias(TIME), (known - happened).alias(_WAY))
        within = late.filter(pl.col(_WAY) > pl.duration(), pl.col(TIME).is_between(first, last)).sort(_WAY)
        yield within.select(pl.col(TIME).get(pl.len() * 9 // 10, null_on_oob=True), pl.len().alias("rows")).drop_nulls()


def _at(share: float) -> pl.Expr:
    return pl.col(TIME).sort().get((pl.len() * share).cast(pl.Int64)).alias(TIME)


def _nearer_next(data: ProbeInput, times: pl.Series, most: int) -> list[datetime]:
    """Return times of the view to which the next row that becomes known is much nearer than the last one."""
    frame = Alteration().of(data)
    schema = frame.collect_schema()
    known = pl.max_horizontal(instant(pl.col(name), schema[name]) for name in data.known).alias(TIME)
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


CHEAP = (0.4, 0.97)
"""Where cuts lie when a computation is a small part of the view's."""
DEAR = (0.2, 0.97)
EARLY = 0.45
"""Where they lie when each computation has all entities: early, because what is before the cut is computed."""
HEAD = 50_000
"""Rows of an input that are looked at for telling instants then."""
SMALL = (0.02, 0.3, 0.5, 0.7, 0.9, 0.98)
FULL = (0.01, *(step / 12 for step in range(1, 12)), 0.97, 0.99)
TELLING = 4
"""How many telling instants there are at most, unless everything is probed."""
TIMES = 4_000
"""How many of a sample's times before a cut are compared; all of them where everything is probed."""


@dataclass(frozen=True, slots=True, eq=False)
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
    own
        Entities with `UNIT` and `UNTIL`, `AFTER` and `SINCE` of their own, in the place of these; the others' rows are
        left out.
    """

    until: datetime
    after: datetime | None
    since: datetime | None
    own: pl.DataFrame | None = None

    def of(self, base: Alteration) -> Alteration:
        """Return the alteration that leaves what is known at the cut."""
        if self.own is None:
            return base.but(until=self.until, own=None)
        units = self.own[[UNIT, UNTIL, SINCE]]
        return base.but(until=self.until, own=units if units.height == self.instants else units.unique())

    def rows(self, frame: pl.LazyFrame, *, young: bool) -> pl.LazyFrame:
        """Return the rows of a view's `frame`, which has `TIME`, that are compared; with `young`, only those after."""
        if self.own is not None:
            names = [name for name in self.own.columns if name not in {UNIT, UNTIL, AFTER, SINCE}]
            table = self.own[[*names, UNTIL, AFTER]]
            frame = frame.join(table.lazy(), on=names, how="inner").filter(pl.col(TIME) <= pl.col(UNTIL))
            frame = frame.filter(pl.col(TIME) > pl.col(AFTER)) if young and self.after is not None else frame
            return frame.drop(UNTIL, AFTER)
        frame = frame.filter(pl.col(TIME) <= self.until)
        return frame.filter(pl.col(TIME) > self.after) if young and self.after is not None else frame

    @property
    def instants(self) -> int:
        """At how many instants something is cut."""
        return 1 if self.own is None else self.own[UNIT].n_unique()


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

    def telling(self, inputs: Sequence[ProbeInput]) -> list[Cut]:
        """Return cuts at telling instants of `inputs`."""
        if not self.times.len():
            return []
        if self.sample.cheap or self.sample.full:
            found = telling(inputs, self.times, most=6 if self.sample.full else 2)
            return self._cuts(set(found if self.sample.full else found[:TELLING]))
        early = self.times.head(max(1, round(EARLY * self.times.len())))
        return self._cuts(set(telling(inputs, early, most=1, head=HEAD)[:2]))

    def own(self, entities: pl.DataFrame) -> list[Cut]:
        """Return for each `_PLACE` the cut of each of its `entities`, which have `UNIT`, at its `UNTIL`."""
        whole = pl.lit(None, entities.schema[UNTIL])
        after = pl.col(UNTIL) - self._period()
        since = whole if self.lookback is None else after - self.lookback
        entities = entities.with_columns((whole if self.lookback is None else after).alias(AFTER), since.alias(SINCE))
        cuts = []
        for own in entities.partition_by(_PLACE, include_key=False, maintain_order=True):
            first, last = _ends(own[UNTIL])
            oldest = None if self.lookback is None else _minus(first - self._period(), self.lookback)
            if self.lookback is None:
                cuts.append(Cut(last, None, None, own))
            elif oldest is not None:
                cuts.append(Cut(last, oldest + self.lookback, oldest, own))
            else:
                cuts.append(Cut(last, None, None, own.with_columns(whole.alias(AFTER), whole.alias(SINCE))))
        return cuts

    def _period(self) -> timedelta:
        """Return how long before a cut rows are compared, where older rows are taken away."""
        if not self.times.len():
            return timedelta(days=1)
        thorough = self.sample.small or self.sample.full
        first, last = _ends(self.times)
        return max((last - first) / (4 if thorough else 10), timedelta(microseconds=1))

    def at(self, moment: datetime) -> Cut:
        """Return the cut of all entities at one instant."""
        return self._cut(moment)

    def _cuts(self, moments: set[datetime]) -> list[Cut]:
        return [self._cut(moment) for moment in sorted(moments)]

    def _cut(self, moment: datetime) -> Cut:
        before = 0 if self.sample.full else int(self.times.search_sorted(moment)) - TIMES
        after = self.times[before] if before > 0 else None
        if self.lookback is None:
            return Cut(moment, after, None)
        period = self._period()
        after = max(moment - period, after or moment - period)
        return Cut(moment, after, _minus(after, self.lookback))


RUNS = 6
"""In how many computations entities are cut at instants of their own; each is a part of the sample."""
MOST_RUNS = 24
LEAST_RUNS = 8
ROWS_COMPUTED = 2_000_000
"""How many rows of the inputs are computed with, about, where everything is probed."""
MANY = 2_000
"""Of so many entities each is cut as often as those of a sample, at least: together, that is often."""
_AT = "__workbench_at"
_GAP = "__workbench_gap"
_PLACE = "__workbench_place"


def own_cuts(inputs: Sequence[ProbeInput], rows: pl.DataFrame, entities: pl.DataFrame, calendar: Calendar) -> list[Cut]:
    """Return cuts of each entity at instants of its own, the most telling ones first.

    These are instants at which something of the entity became known or can be read, and after which more comes: where
    the next row is nearest (it falls into the same hour, day or week), the newest, the first ones, those where a value
    is missing, and some that a hash chooses. One cut has one instant of each entity; all have one where there are few.
    """
    narrowed = [data for data in inputs if data.units and data.known]
    names = [name for name in entities.columns if name != UNIT]
    seen = rows.lazy().join(entities.lazy(), on=names).select(UNIT, pl.col(TIME).alias(_AT), input=False, gappy=False)
    events = pl.concat([*map(_events, narrowed), seen]).drop_nulls(_AT)
    events = events.group_by(UNIT, _AT).agg(pl.col("input", "gappy").any()).sort(UNIT, _AT)
    later = pl.when("input").then(_AT).shift(-1).backward_fill().over(UNIT)
    events = events.with_columns((later - pl.col(_AT)).alias(_GAP))
    sizes = [data.frame.select(pl.len()) for data in narrowed]
    table, *rows_of = pl.collect_all([events, *sizes], engine="in-memory")
    runs = _runs(calendar.sample, sum(int(each.item()) for each in rows_of))
    hashed = table.lazy().filter(pl.col(_GAP).is_not_null()).with_columns(hash=pl.struct(UNIT, _AT).hash(seed=2))
    place = pl.min_horizontal(_turns()).rank("ordinal").over(UNIT)
    chosen = hashed.select(UNIT, pl.col(_AT).alias(UNTIL), place.alias(_PLACE)).filter(pl.col(_PLACE) <= runs)
    # an entity after whose rows nothing comes is computed as it is, without the others
    rest = table.lazy().join(chosen, on=UNIT, how="anti").group_by(UNIT).agg(pl.col(_AT).max().alias(UNTIL))
    taken = pl.concat([chosen, rest.with_columns(pl.lit(1).alias(_PLACE))], how="vertical_relaxed")
    own = entities.lazy().join(taken, on=UNIT).sort(_PLACE).collect(engine="in-memory")
    return calendar.own(own) if own.height else []


def _runs(sample: Sample, size: int) -> int:
    """Return in how many computations the entities of a group, of `size` rows, are cut."""
    if not sample.full:
        return RUNS
    least = RUNS if (sample.entities or 0) >= MANY else LEAST_RUNS
    return min(MOST_RUNS, max(least, ROWS_COMPUTED // max(size * len(sample.groups), 1)))


def _events(data: ProbeInput) -> pl.LazyFrame:
    schema = data.frame.collect_schema()
    gaps = [pl.col(name).is_null() for name in schema if name != UNIT and name not in data.known]
    gappy = pl.any_horizontal(gaps) if gaps else pl.lit(value=False)
    return data.frame.select(UNIT, data.since_known(schema).alias(_AT), input=True, gappy=gappy)


def _turns() -> list[pl.Expr]:
    """Return for each kind of telling instant the turn in which it would be taken; the earliest counts."""
    anything = pl.col(UNIT).is_not_null()
    kinds = [
        (pl.col(_GAP).rank("ordinal"), pl.col("input"), 1),
        (pl.col(_AT).rank("ordinal", descending=True), anything, 1),
        (pl.col(_GAP).rank("ordinal"), ~pl.col("input"), 1),
        (pl.col("hash").rank("ordinal"), anything, 1),
        (pl.col("hash").rank("ordinal"), pl.col("gappy"), 1),
        (pl.col(_AT).rank("ordinal"), anything, 2),
    ]
    return [
        pl.when(where).then(rank.over(UNIT, where).cast(pl.Int64) * seldom * len(kinds) + number)
        for number, (rank, where, seldom) in enumerate(kinds)
    ]


def _ends(times: pl.Series) -> tuple[datetime, datetime]:
    first, last = times.min(), times.max()
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        raise TypeError(f"{times.name} does not hold instants")
    return first, last


def _minus(moment: datetime, lookback: timedelta) -> datetime | None:
    try:
        return moment - lookback
    except OverflowError:
        return None
