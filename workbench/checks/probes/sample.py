"""Which entities a probe looks at: few enough to be quick, many enough to find something.

A small view is probed whole, in two halves, so that each half is computed without the other. Of a large one, entities
with together about a tenth of the rows are taken, in an order that a hash decides: always the same, favouring none.
Some of them are entities of the inputs that the view leaves out: it may do so because of what happens to them later.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from workbench.checks.probes.inputs import UNIT
from workbench.checks.probes.keys import DRAWN, ROWS, Keys

SMALL = 20_000
"""Rows, of the view and its inputs, up to which all entities are probed."""
SHARE = 0.1
ABSENT = 0.25
"""Which share of what is probed are entities that the view leaves out, at most."""
MOST = 100_000
"""Rows of a sample."""
ENTITIES = 2_000
GROUP = 300_000
"""Rows of one group of entities where all are probed in turn."""
_WEIGHT = "__workbench_weight"


@dataclass(frozen=True, slots=True)
class Sample:
    """The entities that are probed.

    Attributes
    ----------
    groups
        Keys of the entities of each group, which are computed together, with their `UNIT`; None stands for a view
        without entities.
    entities
        How many entities there are; None where the view has none by declaration.
    share
        Which share of all rows one group has, at most.
    narrow
        Whether inputs can be narrowed to a group's entities.
    apart
        Whether a group is computed without some of the other entities.
    small
        Whether there is little to compute with.
    full
        Whether everything is to be probed.
    """

    groups: tuple[pl.DataFrame | None, ...]
    entities: int | None
    share: float
    narrow: bool
    apart: bool
    small: bool
    full: bool

    @property
    def cheap(self) -> bool:
        """Whether to compute a group is a small part of computing the view, or what is computed is little."""
        return self.small or (self.narrow and self.share <= 2 * SHARE)


def take_sample(keys: Keys, *, size: int, full: bool) -> Sample:
    """Choose entities."""
    small, narrow = size <= SMALL, bool(keys.links)
    if not keys.names:
        return Sample((None,), None, 1.0, narrow=False, apart=False, small=small, full=full)
    if not keys.entities.height:
        return Sample((), 0, 0.0, narrow=False, apart=False, small=small, full=full)
    table = _weighed(keys) if narrow else keys.entities.with_columns(pl.col(ROWS).alias(_WEIGHT))
    total = max(int(table[_WEIGHT].sum()), 1) / (DRAWN if keys.drawn else 1)
    if not narrow:
        places = [list(range(table.height))] if full or small else [_some(table)]
        groups = [table[places[0]].select(*keys.names, UNIT)]
        share = 1.0
    else:
        places = _all(table) if full or small else [list(range(table.height))] if keys.drawn else [_some(table)]
        groups = [keys.entities.join(table[some], on=UNIT, how="semi").select(*keys.names, UNIT) for some in places]
        share = max(int(table[_WEIGHT].gather(some).sum()) for some in places) / total
    linked = [link.values[UNIT].n_unique() for link in keys.links.values()]
    apart = narrow and max(linked, default=0) > 1
    return Sample(tuple(groups), keys.total, share, narrow=narrow, apart=apart, small=small, full=full)


def _weighed(keys: Keys) -> pl.DataFrame:
    """Return the units of entities in random order, with how many rows are computed with and given for each."""
    rows = [keys.entities.select(UNIT, ROWS), *(link.values.select(UNIT, ROWS) for link in keys.links.values())]
    weights = pl.concat(rows).group_by(UNIT).agg(pl.col(ROWS).sum().alias(_WEIGHT))
    units = keys.entities.group_by(UNIT).agg(pl.col(ROWS).sum()).join(weights, on=UNIT)
    return units.sort(pl.col(UNIT).hash(seed=1), UNIT)


def _all(table: pl.DataFrame) -> list[list[int]]:
    """Return the places of all units, in groups that can be computed apart."""
    parts = min(table.height, max(2, -(-int(table[_WEIGHT].sum()) // GROUP)))
    return [list(range(number, table.height, parts)) for number in range(parts)]


def _some(table: pl.DataFrame) -> list[int]:
    """Return places with a small share of the rows together; of the smallest one where none has."""
    target = min(int(table[_WEIGHT].sum()) * SHARE, MOST)
    absent = (table[ROWS] == 0).to_list()
    chosen: list[int] = []
    rows, left_out = 0, 0
    for place, count in enumerate(table[_WEIGHT]):
        if rows + count > target or (absent[place] and left_out + count > target * ABSENT):
            continue
        chosen.append(place)
        rows += count
        left_out += count if absent[place] else 0
        if len(chosen) == ENTITIES:
            break
    return chosen or [int(table[_WEIGHT].arg_min() or 0)]
