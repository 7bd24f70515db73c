"""Comparing what was computed of new data alone with a computation in full, for a sample of entities.

A view was probed when it was published, on the data of then: a promise that held on hourly rows need not hold after ten
quiet days. So nothing that was computed from a part of the inputs is stored before it was seen to be what all of them
give. Those entities are looked at first where it would show: with the longest pause before what is new, and new ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from workbench.checks import Unequal, find_unequal
from workbench.compute import InputData, build, group_of, latest_time
from workbench.promote.recent import Recent
from workbench.times import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from workbench.pipeline import Evaluation, Prepared

SMALL = 20_000
"""Rows of the inputs up to which all entities are compared."""
SHARE = 0.1
MOST = 50_000
"""Of larger inputs, entities with this share of the rows are compared, and with this many rows at most."""
_ROWS, _BEFORE, _AFTER, _TOUCHED, _RANK, _PLACE, _TAKEN = (
    f"__workbench_{name}" for name in ("rows", "before", "after", "touched", "rank", "place", "taken")
)


@dataclass(frozen=True, slots=True)
class Narrowing:
    """By which columns each input is narrowed to entities: none of an input that does not have them all.

    Attributes
    ----------
    prepared
        The view and its inputs.
    keys
        The entity columns of an input, by its name.
    """

    prepared: Prepared
    keys: dict[str, tuple[str, ...]]

    def to(self, entities: pl.DataFrame, inputs: Sequence[InputData] | None = None) -> list[InputData]:
        """Return the inputs, or those given, with the rows of these entities, in their order."""
        return [self._narrow(data, entities) for data in inputs or self.prepared.inputs]

    def _narrow(self, data: InputData, entities: pl.DataFrame) -> InputData:
        keys = self.keys[data.name]
        if not keys:
            return data
        frame = data.frame.join(entities.lazy(), on=keys, how="semi", nulls_equal=True, maintain_order="left")
        return InputData(name=data.name, frame=frame, digest=data.digest, kind=data.kind)


def disagreement(
    rows: pl.LazyFrame,
    narrowing: Narrowing,
    evaluation: Evaluation,
    *,
    since: datetime,
    groups: frozenset[int] | None,
    trimmed: Callable[[], list[InputData]],
) -> str:
    """Return how the view's `rows` differ from a computation in full, and which promise is broken; empty if equal."""
    prepared = narrowing.prepared
    view, order = prepared.view, prepared.contract.names
    keys = [*view.entities, *view.known_since]
    entities = _entities(narrowing, evaluation, since=since, groups=groups)
    sample, rest = _sample(entities, view.entities)
    stored = rows.join(rest.lazy(), on=view.entities, how="anti", nulls_equal=True)
    right = build(view, narrowing.to(sample) if rest.height else prepared.inputs).select(order).collect()
    found = find_unequal(stored.collect(), right, keys=keys)
    if not found:
        return ""
    known = latest_time(right.schema, view.known_since)
    young = build(view, narrowing.to(sample, trimmed())).select(order).collect()
    recent = (known >= since) | known.is_null()
    if view.lookback is not None and find_unequal(young.filter(recent), right.filter(recent), keys=keys):
        return _failure_text(f"lookback {format_duration(view.lookback)}", found)
    if find_unequal(stored.filter(recent).collect(), right.filter(recent), keys=keys):
        return _failure_text("entity-locality", found)
    return _changed_before(since, found)


def disagreement_of_recent(
    kept: pl.LazyFrame, fresh: pl.LazyFrame, narrowing: Narrowing, recent: Recent, *, touched: pl.Expr, since: datetime
) -> str:
    """Return how rows differ from a computation in full, as `disagreement` does, where the inputs were not read whole.

    Compared are all rows of the entities whose inputs were.
    """
    prepared = narrowing.prepared
    view, order = prepared.view, prepared.contract.names
    keys = [*view.entities, *view.known_since]
    right = build(view, recent.whole).select(order).collect()
    stored = pl.concat([kept, fresh]).filter(recent.is_compared()).collect()
    found = find_unequal(stored, right, keys=keys)
    if not found:
        return ""
    read = [data.frame.select(view.entities) for data in recent.whole if narrowing.keys[data.name]]
    young = build(view, narrowing.to(pl.concat(read).unique().collect(), recent.inputs)).select(order).collect()
    if view.lookback is not None and find_unequal(young.filter(touched), right.filter(touched), keys=keys):
        return _failure_text(f"lookback {format_duration(view.lookback)}", found)
    if find_unequal(stored.filter(touched), right.filter(touched), keys=keys):
        return _failure_text("entity-locality", found)
    return _changed_before(since, found)


def _changed_before(since: datetime, found: Unequal) -> str:
    return f"rows before {since:%Y-%m-%d %H:%M} also changed: {found.example()}"


def _failure_text(promise: str, found: Unequal) -> str:
    return f"{promise} no longer holds: {found.example()}"


def _entities(
    narrowing: Narrowing, evaluation: Evaluation, *, since: datetime, groups: frozenset[int] | None
) -> pl.DataFrame:
    """Return the inputs' entities: their rows, the last time before what was computed and the first in it."""
    names = narrowing.prepared.view.entities
    tables = []
    for data in narrowing.prepared.inputs:
        if narrowing.keys[data.name]:
            known = latest_time(data.frame.collect_schema(), evaluation.times_of(data).known_since)
            columns = (pl.len(), known.filter(known < since).max(), known.filter(known >= since).min())
            summed = (column.alias(name) for column, name in zip(columns, (_ROWS, _BEFORE, _AFTER), strict=True))
            tables.append(data.frame.group_by(names).agg(*summed))
    both = pl.concat(tables).group_by(names).agg(pl.col(_ROWS).sum(), pl.col(_BEFORE).max(), pl.col(_AFTER).min())
    touched = pl.col(_AFTER).is_not_null() if groups is None else group_of(names).is_in(sorted(groups))
    return both.with_columns(touched.alias(_TOUCHED)).collect()


def _sample(entities: pl.DataFrame, names: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the entities that are compared, and the others."""
    total = int(entities[_ROWS].sum())
    budget = total if total <= SMALL else max(SMALL, min(MOST, int(total * SHARE)))
    new = pl.col(_BEFORE).is_null()
    pause = pl.when(_TOUCHED).then(pl.col(_AFTER) - pl.col(_BEFORE)).rank("ordinal", descending=True)
    by_chance = pl.struct(names).hash(seed=1).rank("ordinal").over(pl.col(_TOUCHED), new)
    ranked = entities.with_columns(pl.min_horizontal(pause, by_chance).alias(_RANK)).sort(_RANK, *names)
    ranked = ranked.with_row_index(_PLACE)
    least = ranked.filter(_TOUCHED).bottom_k(1, by=_ROWS)[_PLACE]  # compared however large: else nothing new might be
    taken = (pl.col(_ROWS).cum_sum() <= budget) | pl.col(_PLACE).is_in(least.implode())
    split = ranked.select(*names, taken.alias(_TAKEN))
    return split.filter(_TAKEN).select(names), split.filter(~pl.col(_TAKEN)).select(names)
