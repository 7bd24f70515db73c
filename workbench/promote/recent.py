"""The rows of a view's inputs that its new rows depend on, found without reading all that the inputs hold.

Of each entity that has rows since some time, these are needed, and its last ones before. Most of those lie shortly
before that time. Whoever has none there is new or paused for long: all rows of those entities are read, and of a few
others by chance, since it is among them that a promise which new data breaks would show.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.compute import InputData, group_of, latest_time
from workbench.dtypes import row_width
from workbench.memory import memory_share

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workbench.pipeline import InputTimes

SMALL = 20_000
"""Rows of the inputs up to which they are read whole."""
CHANCE = 25_000
"""Rows of entities that are taken by chance."""
MOST_WHOLE = 500_000
"""Rows of entities that are read whole, from which on all rows of the inputs are looked at."""
_RECENT = 0.25
_BEFORE = 8
"""How many rows for each entity lie in the time that is searched for its last ones."""
_FIRST_FEW = 50
_SEED = 1
_ROWS, _LAST = "__workbench_rows", "__workbench_last"


@dataclass(frozen=True, slots=True)
class Recent:
    """Parts of a view's inputs.

    Attributes
    ----------
    inputs
        The rows since some time, and the last ones before of each entity that has such rows.
    owners
        The entities that have rows since then.
    whole
        All rows of the entities `sample`, and of those that are taken by chance.
    sample
        Entities that paused for long, new ones, and some more that have rows since then.
    share
        Of how many entities one is taken by chance.
    """

    inputs: list[InputData]
    owners: pl.DataFrame
    whole: list[InputData]
    sample: pl.DataFrame
    share: int

    def is_compared(self) -> pl.Expr:
        """Return which rows are of the entities whose rows are there whole."""
        return _is_taken(self.sample, self.share)


@dataclass(frozen=True, slots=True)
class _Keyed:
    """An input that has the entities: which of its rows are recent, and since when its last ones before were found."""

    data: InputData
    rows: pl.LazyFrame
    recent: pl.Expr
    happened: pl.Expr
    owners: pl.DataFrame
    near: pl.Expr
    last: pl.DataFrame
    missing: pl.DataFrame

    @classmethod
    def of(
        cls, data: InputData, rows: pl.LazyFrame, names: Sequence[str], times: InputTimes, first: datetime
    ) -> _Keyed | None:
        """Return which of the `rows` were since `first`, and the last before; None where these are many."""
        if times.event_time is None:
            return None
        schema = data.frame.collect_schema()
        moments = [latest_time(schema, [name]) for name in times.columns]
        recent = pl.any_horizontal(time.is_null() | (time >= first) for time in moments)
        happened = latest_time(schema, [times.event_time])
        summed = rows.filter(recent).group_by(names).agg(pl.len().alias(_ROWS), happened.max().alias(_LAST))
        young = summed.collect(engine="streaming")
        owners, count = young.select(names), int(young[_ROWS].sum())
        if count > height(data) * _RECENT:
            return None
        try:
            near = ~recent & (happened >= _long_before(first, young[_LAST].max(), _BEFORE * owners.height, count))
        except OverflowError:
            return None
        before = rows.filter(near).join(owners.lazy(), on=names, how="semi", nulls_equal=True)
        last = before.group_by(names).agg(happened.max().alias(_LAST)).collect(engine="streaming")
        missing = owners.join(last, on=names, how="anti", nulls_equal=True)
        return cls(data, rows, recent, happened, owners, near, last, missing)

    def narrowed(self, names: Sequence[str], whole: pl.DataFrame) -> InputData:
        """Return the recent rows, and the last before of their entities; `whole` has all rows of those far before.

        Rows that are in the order of time stay so.
        """
        far = whole.filter(~self.recent).join(self.missing, on=names, how="semi", nulls_equal=True)
        far = far.filter(self.happened == self.happened.max().over(names))
        near = self.rows.filter(self.near)
        near = near.join(self.last.lazy(), on=names, how="inner", nulls_equal=True, maintain_order="left")
        near = near.filter(self.happened == pl.col(_LAST)).drop(_LAST)
        frame = pl.concat([far.lazy(), near.select(far.columns), self.rows.filter(self.recent)])
        return replace(self.data, frame=frame, parts=None)


def recent_rows(
    inputs: Sequence[InputData],
    keys: Mapping[str, tuple[str, ...]],
    times: Mapping[str, InputTimes],
    *,
    first: datetime,
    groups: frozenset[int] | None,
) -> Recent | None:
    """Return the rows since `first` of the inputs that have the entities; None where it is as well to read them all."""
    having = [data for data in inputs if keys[data.name]]
    names = keys[having[0].name]
    total = sum(height(data) for data in having)
    if total <= SMALL or not all(_is_plain(having[0].frame.collect_schema()[name]) for name in names):
        return None
    share = max(1, total // CHANCE)
    own = pl.lit(value=True) if groups is None else group_of(names).is_in(sorted(groups))
    read: dict[str, pl.DataFrame | None] = {}
    found: dict[str, _Keyed] = {}
    for data in having:
        some = read[data.name] = None if groups is None else _few(data, own | _chance(names, share))
        rows = (data.frame if some is None else some.lazy()).filter(own)
        keyed = _Keyed.of(data, rows, names, times[data.name], first)
        if keyed is None:
            return None
        found[data.name] = keyed
    owners = pl.concat([one.owners for one in found.values()]).unique()
    some_owners = owners.sort(pl.struct(names).hash(_SEED)).head(_FIRST_FEW)
    sample = pl.concat([some_owners, *(one.missing for one in found.values())]).unique()
    taken = _is_taken(sample, share)
    whole: dict[str, pl.DataFrame] = {}
    for data in having:
        some = read[data.name]
        some = _few(data, taken) if some is None else some.filter(taken)  # their entities are all of those groups
        if some is None:
            return None
        whole[data.name] = some
    return Recent(
        [found[data.name].narrowed(names, whole[data.name]) if data.name in found else data for data in inputs],
        owners,
        [replace(data, frame=whole[data.name].lazy(), parts=None) if data.name in whole else data for data in inputs],
        sample,
        share,
    )


def _few(data: InputData, which: pl.Expr) -> pl.DataFrame | None:
    """Return which rows of an input are wanted; None where they are many."""
    most = min(MOST_WHOLE, memory_share(0.1) // row_width(data.frame.collect_schema()))
    rows = data.frame.filter(which).head(most + 1).collect(engine="streaming")
    return None if rows.height > most else rows


def height(data: InputData) -> int:
    """Return how many rows an input has."""
    return int(data.frame.select(pl.len()).collect(engine="streaming").item())


def _long_before(first: datetime, latest: Any, wanted: int, count: int) -> datetime:
    """Return when so many rows more than those since `first` should have been, if they come as often as these."""
    return first - (latest - first) * ceil(wanted / count) if isinstance(latest, datetime) else first


def _is_plain(dtype: pl.DataType) -> bool:
    return dtype in {pl.String, pl.Boolean, pl.Date} or dtype.is_integer() or isinstance(dtype, pl.Datetime)


def among(entities: pl.DataFrame) -> pl.Expr:
    """Return which rows are of these entities."""
    names = entities.columns
    if len(names) == 1:
        return pl.col(names[0]).is_in(entities.to_series().implode(), nulls_equal=True)
    return pl.struct(names).is_in(entities.select(pl.struct(names)).to_series().implode(), nulls_equal=True)


def _is_taken(sample: pl.DataFrame, share: int) -> pl.Expr:
    return among(sample) | _chance(sample.columns, share)


def _chance(names: Sequence[str], share: int) -> pl.Expr:
    """Return which rows are of entities of which one in so many is taken; to hash a struct takes far longer."""
    key = pl.col(names[0]) if len(names) == 1 else pl.struct(names)
    return key.hash(_SEED) % share == 0
