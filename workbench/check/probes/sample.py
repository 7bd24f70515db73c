"""Which entities a probe looks at: few enough to be quick, many enough to find something.

A small view is probed whole, in two halves, so that each half is computed without the other. Of a large one, entities
with together about a tenth of its rows are taken, in an order that a hash decides: always the same, favouring none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from workbench.check.probes.inputs import ProbeInput, shared_keys

SMALL = 20_000
"""Rows, of the view and its inputs, up to which all entities are probed."""
SHARE = 0.1
ROWS = 100_000
ENTITIES = 2_000
GROUP = 1_000_000
"""Rows of one group of entities where all are probed in turn."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The entities that are probed.

    Attributes
    ----------
    groups
        Keys of the entities of each group, which are computed together; None stands for a view without entities.
    entities
        How many entities the view has; None where it has none by declaration.
    share
        Which share of the view's rows one group has, at most.
    narrow
        Whether inputs can be narrowed to a group's entities.
    small
        Whether there is little to compute with.
    full
        Whether everything is to be probed.
    """

    groups: tuple[pl.DataFrame | None, ...]
    entities: int | None
    share: float
    narrow: bool
    small: bool
    full: bool

    @property
    def cheap(self) -> bool:
        """Whether to compute a group is a small part of computing the view, or what is computed is little."""
        return self.small or (self.narrow and self.share <= 2 * SHARE)

    @property
    def apart(self) -> bool:
        """Whether a group is computed without some of the other entities."""
        return self.narrow and self.entities is not None and self.entities > 1


def take_sample(
    stored: pl.LazyFrame, entities: Sequence[str], inputs: Sequence[ProbeInput], *, local: bool, size: int, full: bool
) -> Sample:
    """Choose entities.

    Parameters
    ----------
    stored
        The view.
    entities
        Its entity columns.
    inputs
        What it is computed from.
    local
        Whether a row depends on its own entity's rows alone, as the view declares.
    size
        How many rows there are to compute with.
    full
        Take every entity.
    """
    small = size <= SMALL
    if not entities:
        return Sample((None,), None, 1.0, narrow=False, small=small, full=full)
    counted = stored.drop_nulls(list(entities)).group_by(list(entities)).agg(pl.len().alias("__rows")).collect()
    if not counted.height:
        return Sample((), 0, 0.0, narrow=False, small=small, full=full)
    hashed = pl.struct(list(entities)).hash(seed=1)
    counted = counted.sort([hashed, *(pl.col(name) for name in entities)])
    keys = counted.drop("__rows")
    narrow = local and any(shared_keys(data.frame.collect_schema(), keys) for data in inputs)
    places = _all(counted, narrow=narrow) if full or small else [_some(counted["__rows"])]
    most = max(int(counted["__rows"].gather(group).sum()) for group in places)
    share = most / int(counted["__rows"].sum())
    return Sample(tuple(keys[group] for group in places), keys.height, share, narrow=narrow, small=small, full=full)


def _all(counted: pl.DataFrame, *, narrow: bool) -> list[list[int]]:
    """Return the places of all entities, in groups that can be computed apart where that makes a difference."""
    least = -(-int(counted["__rows"].sum()) // GROUP)
    parts = min(counted.height, max(2, least) if narrow else least)
    return [list(range(number, counted.height, parts)) for number in range(parts)]


def _some(counts: pl.Series) -> list[int]:
    """Return the places of entities with a small share of the rows together; of the smallest one where none has."""
    target = min(int(counts.sum()) * SHARE, ROWS)
    chosen, rows = [], 0
    for place, count in enumerate(counts):
        if rows + count <= target:
            chosen.append(place)
            rows += count
        if len(chosen) == ENTITIES:
            break
    return chosen or [int(counts.arg_min() or 0)]
