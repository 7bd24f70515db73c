"""Which rows of the inputs lead to which entities.

An input's column whose values are the entities, whatever its name, is found by the lineage of the view's key. Where a
key is made of columns (upper case, a slice, two of them put together), parts of the values are tried: the view's keys,
computed from each part alone, say which values lead where. Nothing is taken for granted: a probe that accuses has
checked that no other value leads to the entities it accuses (`Keys.holds`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from workbench.checks.probes.groups import rows_of_groups
from workbench.checks.probes.inputs import UNIT, Alteration, ProbeInput, altered
from workbench.compute import ColumnLineage, InputData, column_lineage
from workbench.define import FeatureView

PARTS = (16, 128)
"""Into how many parts the values of an input are put to see which entities each leads to; more, where few do not do."""
DRAWN = 0.1
"""Which share of the rows is enough to see where the entities of a sample come from."""
RANGES = 2
"""In how many ranges of an input's values they lie, ..."""
IN_RANGE = 4
"""... each in so many parts; of the first and the last, entities may come from the values beside them, too."""
LEAST_VALUES = 400
"""Of fewer values all are looked at."""
LEAST_LEFT_OUT = 3
"""A third of an input's values, at least, must not lead to the entities that are looked at."""
_KEPT = 64 << 20
"""Bytes of rows that are kept for the probes where they were read to see where entities come from."""
ROWS = "__workbench_rows"
_PART = "__workbench_part"


@dataclass(frozen=True, slots=True)
class Link:
    """How one input's rows belong to entities: by the values of these columns, each with its `UNIT` and `ROWS`."""

    columns: tuple[str, ...]
    values: pl.DataFrame

    def values_of(self, groups: Sequence[pl.Series]) -> list[pl.DataFrame]:
        """Return for each group of units the values of `columns` that lead to them, with the `UNIT` of each."""
        return [self.values.filter(pl.col(UNIT).is_in(units.implode())).drop(ROWS) for units in groups]

    def others(self, data: ProbeInput, units: pl.Series) -> ProbeInput:
        """Return the input without the rows of some units."""
        taken = self.values.filter(pl.col(UNIT).is_in(units.implode()))
        rows = data.frame.join(taken.lazy(), on=list(self.columns), how="anti", nulls_equal=True)
        return replace(data, frame=rows)


@dataclass(frozen=True, slots=True)
class Keys:
    """The entities of a view and of its inputs.

    Attributes
    ----------
    entities
        The view's entity columns, `UNIT`, and `ROWS`, how many rows the view has of each; 0 for entities that only the
        inputs have.
    links
        By input: how its rows belong to them. An input that is not named cannot be narrowed.
    unlinked
        How many more entities the view has, that no rows of the inputs are known to lead to alone.
    proven
        Whether it is known that no other values lead to the entities.
    drawn
        Whether the linked entities are a sample already.
    untraced
        Why no input can be narrowed; empty where one can.
    rows
        By input: rows that were read already, with all of those that belong to the entities among them.
    """

    entities: pl.DataFrame
    links: Mapping[str, Link] = field(default_factory=dict)
    unlinked: int = 0
    proven: bool = False
    drawn: bool = False
    untraced: str = ""
    rows: Mapping[str, pl.DataFrame] = field(default_factory=dict)

    def frame_of(self, data: ProbeInput) -> pl.LazyFrame:
        """Return rows of an input, with all of those that belong to the entities among them."""
        return self.rows[data.name].lazy() if data.name in self.rows else data.frame

    def holds(self, view: FeatureView, inputs: Sequence[ProbeInput], units: pl.Series) -> bool:
        """Return whether entities of `units` depend only on the rows linked to them."""
        if self.proven:
            return True
        rest = [self.links[data.name].others(data, units) if data.name in self.links else data for data in inputs]
        names = self.names
        try:
            found = altered(view, rest, Alteration()).select(names).unique().collect()
        except Exception:  # noqa: BLE001 - user code: without these entities it may do anything
            return False
        taken = self.entities.filter(pl.col(UNIT).is_in(units.implode()), pl.col(ROWS) > 0)
        return found.join(taken, on=names, how="semi").is_empty()

    @property
    def total(self) -> int:
        """How many entities there are."""
        return self.entities.height + self.unlinked

    @property
    def names(self) -> list[str]:
        """The view's entity columns."""
        return [name for name in self.entities.columns if name not in {UNIT, ROWS}]


def trace_keys(
    view: FeatureView, inputs: Sequence[ProbeInput], stored: pl.LazyFrame, *, local: bool, whole: bool = True
) -> Keys:
    """Return the view's entities and, where their rows are independent of others' (`local`), how inputs lead to them.

    Columns that hold the entities as they are, under any name, are taken to lead to them; `learn_keys` takes nothing,
    but looks at a sample of them where it need not be the `whole`.
    """
    entities = count_entities(stored, view.entities)
    if not local or not view.entities:
        return Keys(_in_one(entities))
    links: dict[str, dict[str, str]] = {}
    lineage: ColumnLineage | None = None
    for data in inputs:
        schema = data.frame.collect_schema()
        columns = {name: name for name in view.entities if schema.get(name) == entities.schema[name]}
        for name in view.entities:
            if name in columns:
                continue
            lineage = lineage or _lineage(view, inputs)
            free = [each for each in _candidates(data, schema, lineage.columns[name]) if each not in columns.values()]
            found = _same_values(data, free, entities[name])
            if found is not None:
                columns[name] = found
        if columns:
            links[data.name] = columns
    values = {data.name: _values(data, entities, links[data.name]) for data in inputs if data.name in links}
    if all(any(_holds_all(table, entities, name) for table in values.values()) for name in view.entities):
        return _linked(entities, values, links)
    learnt = learn_keys(view, inputs, entities, whole=whole)
    covered = [name for name in view.entities if any(_holds_all(table, entities, name) for table in values.values())]
    if not covered or not learnt.untraced:
        return learnt
    links = {of: {key: each for key, each in columns.items() if key in covered} for of, columns in links.items()}
    values = {data.name: _values(data, entities, links[data.name]) for data in inputs if links.get(data.name)}
    return replace(_linked(entities, values, links), untraced=learnt.untraced)


def learn_keys(view: FeatureView, inputs: Sequence[ProbeInput], entities: pl.DataFrame, *, whole: bool = True) -> Keys:
    """Return which values of an input lead to which entities, by computing the view's keys from parts of them."""
    lineage = _lineage(view, inputs)
    partial: list[Keys] = []
    for data in inputs:
        for columns in _columns(data, lineage, view.entities):
            values = data.frame.group_by(columns).agg(pl.len().alias(ROWS)).sort(columns, nulls_last=True).collect()
            try:
                found = None if whole else _drawn(view, inputs, data, values, entities)
            except Exception:  # noqa: BLE001 - user code: on a part of the rows it may do anything
                found = None
            if found is not None:
                return found
            for parts in PARTS:
                try:
                    found = _learnt(view, inputs, data, values, parts, entities)
                except Exception:  # noqa: BLE001 - as above
                    break
                if found is not None and not found.unlinked:
                    return found
                partial += [found] if found is not None else []
    if partial:
        return min(partial, key=lambda keys: keys.unlinked)
    names = ", ".join(view.entities)
    reason = lineage.reason or "no column of an input identifies its entities"
    return Keys(_in_one(entities), untraced=f"which rows produce which {names} cannot be determined: {reason}")


def _learnt(
    view: FeatureView,
    inputs: Sequence[ProbeInput],
    data: ProbeInput,
    values: pl.DataFrame,
    parts: int,
    entities: pl.DataFrame,
) -> Keys | None:
    """Return what `parts` of one input's `values` say, all of them; None where entities come from nearly all."""
    parts = min(parts, values.height)
    number = pl.int_range(pl.len()) * parts // pl.len()
    whole = _link(values, number)
    names = list(view.entities)
    seen = _seen(view, inputs, data, _linked_rows(data, whole), entities)
    lists = seen.group_by(names).agg(pl.col(_PART).unique().sort(), pl.col(ROWS).first())
    if lists.height < entities.height:
        return None  # some come from several parts together
    unit_of = _components(lists[_PART].unique().to_list(), parts)
    if len(set(unit_of)) == 1:
        chosen = _fewest(lists[_PART].unique().to_list(), parts)
        if not chosen:
            return None
        lists = lists.filter(pl.col(_PART).list.set_difference(sorted(chosen)).list.len() == 0)
        unit_of = [0 if part in chosen else 1 for part in range(parts)]
    return _placed(data, whole, lists, unit_of, entities, proven=True)


def _drawn(
    view: FeatureView, inputs: Sequence[ProbeInput], data: ProbeInput, values: pl.DataFrame, entities: pl.DataFrame
) -> Keys | None:
    """Return what some ranges of one input's `values` say; None where they say too little.

    That no other values lead to the entities is not known, but seen of the parts beside them: keys made of the begin
    of a value, say, come from neighbours.
    """
    if values.height < LEAST_VALUES:
        return None
    rest = RANGES * IN_RANGE
    place = (pl.col(ROWS).cum_sum() - pl.col(ROWS)) / pl.col(ROWS).sum() * RANGES
    part = ((place % 1 - (1 - DRAWN) / 2) / DRAWN * IN_RANGE).floor().cast(pl.Int32)
    number = pl.when(part.is_between(0, IN_RANGE - 1)).then(place.floor().cast(pl.Int32) * IN_RANGE + part)
    whole = _link(values, number.otherwise(rest))
    some = replace(whole, values=whole.values.filter(pl.col(UNIT) < rest))
    names = list(view.entities)
    rows = _linked_rows(data, some)
    seen = _seen(view, inputs, data, rows, entities)
    lists = seen.group_by(names).agg(pl.col(_PART).unique().sort(), pl.col(ROWS).first())
    if 2 * lists.height < DRAWN * entities.height:
        return None  # most come from several parts together
    outer = [part for part in range(rest) if part % IN_RANGE in {0, IN_RANGE - 1}]
    lists = lists.filter(pl.col(_PART).list.set_intersection(outer).list.len() == 0)
    if 8 * lists.height < DRAWN * entities.height:
        return None
    unit_of = [*_components(lists[_PART].unique().to_list(), rest), rest]
    kept = {data.name: rows.drop(UNIT)} if rows.estimated_size() <= _KEPT else {}
    return replace(_placed(data, whole, lists, unit_of, entities, proven=False), drawn=True, rows=kept)


def _link(values: pl.DataFrame, number: pl.Expr) -> Link:
    """Return how an input's rows belong to parts, by the `number` of that of each of its `values`."""
    columns = tuple(name for name in values.columns if name != ROWS)
    return Link(columns, values.with_columns(number.cast(pl.UInt32).alias(UNIT)))


def _linked_rows(data: ProbeInput, link: Link) -> pl.DataFrame:
    """Return the rows of an input that have one of the values of `link`, with their `UNIT`."""
    [rows] = rows_of_groups(data.frame, link.values_of([link.values[UNIT].unique()]), link.columns)
    return rows


def _seen(
    view: FeatureView, inputs: Sequence[ProbeInput], data: ProbeInput, rows: pl.DataFrame, entities: pl.DataFrame
) -> pl.DataFrame:
    """Return which of a view's entities come from the `rows` of each part of one input's values alone."""
    plans = []
    for (part,), own in rows.partition_by(UNIT, as_dict=True).items():
        some = replace(data, frame=own.lazy(), units=True)
        keys = altered(view, [some if each is data else each for each in inputs], Alteration()).select(view.entities)
        plans.append(keys.unique().with_columns(pl.lit(part, pl.Int64).alias(_PART)))
    return pl.concat(pl.collect_all(plans)).join(entities, on=list(view.entities), how="inner")


def _placed(
    data: ProbeInput, whole: Link, lists: pl.DataFrame, unit_of: Sequence[int], entities: pl.DataFrame, *, proven: bool
) -> Keys:
    """Return the keys, where `lists` says which parts entities come from, and `unit_of` what is the unit of a part."""
    names = [name for name in entities.columns if name != ROWS]
    schema = {UNIT: pl.UInt32, _PART: pl.UInt32}
    units = pl.DataFrame({UNIT: unit_of, _PART: range(len(unit_of))}, schema=schema)
    linked = whole.values.rename({UNIT: _PART}).join(units, on=_PART).select(*whole.columns, ROWS, UNIT)
    first = lists.with_columns(pl.col(_PART).list.first().cast(pl.UInt32))
    placed = first.join(units, on=_PART).select(*names, ROWS, UNIT)
    unlinked = entities.height - placed.height
    return Keys(placed, {data.name: Link(whole.columns, linked)}, unlinked=unlinked, proven=proven)


def _components(lists: Sequence[Sequence[int]], parts: int) -> list[int]:
    """Return for each part the least one that it is connected with by entities that come from both."""
    least = list(range(parts))
    for some in lists:
        roots = {least[part] for part in some}
        if len(roots) > 1:
            root = min(roots)
            least = [root if each in roots else each for each in least]
    return least


def _fewest(lists: Sequence[Sequence[int]], parts: int) -> set[int]:
    """Return the parts that some entities come from alone, so few that the other parts are worth leaving out."""
    chosen: set[int] = set()
    for some in sorted(lists, key=lambda some: (len(some), some)):
        if len(chosen.union(some)) * LEAST_LEFT_OUT <= parts * (LEAST_LEFT_OUT - 1):
            chosen.update(some)
    return chosen


def _in_one(entities: pl.DataFrame) -> pl.DataFrame:
    return entities.with_columns(pl.lit(0, pl.UInt32).alias(UNIT))


def count_entities(stored: pl.LazyFrame, entities: Sequence[str]) -> pl.DataFrame:
    """Return the entities of a computed view, and how many rows it has of each."""
    if not entities:
        return stored.select(pl.len().alias(ROWS)).collect()
    names = list(entities)
    counted = stored.drop_nulls(names).group_by(names).agg(pl.len().alias(ROWS))
    return counted.sort(pl.struct(names).hash(seed=1), *names).collect()


def _lineage(view: FeatureView, inputs: Sequence[ProbeInput]) -> ColumnLineage:
    return column_lineage(
        view, [InputData(name=data.name, frame=data.frame, digest="", kind="source") for data in inputs]
    )


def _candidates(
    data: ProbeInput, schema: Mapping[str, pl.DataType], lineage: Mapping[str, frozenset[str] | None]
) -> list[str]:
    """Return the columns of an input that a key may be made of: no times of the input, no floats."""
    if data.name not in lineage:
        return []
    read, times = lineage[data.name], {data.event_time, *data.known}
    names = [name for name in schema if (read is None or name in read) and name not in times]
    return [name for name in names if not schema[name].is_float() and not schema[name].is_nested()]


def _columns(data: ProbeInput, lineage: ColumnLineage, entities: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the columns that may tell an input's entities apart: all, without row numbers first; then each."""
    schema = data.frame.collect_schema()
    read = list(dict.fromkeys(each for key in entities for each in _candidates(data, schema, lineage.columns[key])))
    if not read:
        return []
    counts = data.frame.select(pl.len().alias(ROWS), *(pl.col(name).n_unique() for name in read)).collect().row(0)
    few = [name for name, count in zip(read, counts[1:], strict=True) if 2 * count <= counts[0]]
    return list(dict.fromkeys(some for some in [tuple(few), tuple(read), *((name,) for name in read)] if some))


def _same_values(data: ProbeInput, columns: Sequence[str], keys: pl.Series) -> str | None:
    """Return the one of an input's columns that has all of the values of a key column, perhaps as another dtype."""
    wanted = keys.unique().drop_nulls()
    for name in columns:
        try:
            values = data.frame.select(pl.col(name).unique().cast(keys.dtype, strict=False)).collect()[name]
        except pl.exceptions.PolarsError:
            continue
        if wanted.len() and wanted.is_in(values.implode()).all():
            return name
    return None


def _holds_all(values: pl.DataFrame, entities: pl.DataFrame, name: str) -> bool:
    return name in values.columns and entities.join(values, on=name, how="anti").is_empty()


def _linked(entities: pl.DataFrame, values: Mapping[str, pl.DataFrame], links: Mapping[str, Mapping[str, str]]) -> Keys:
    """Return the keys, where `links` names, by input, the column in which an entity column's `values` stand."""
    links = {name: links[name] for name in values}
    names = [name for name in entities.columns if name != ROWS]
    whole = [table.select(names) for name, table in values.items() if len(links[name]) == len(names)]
    missing = pl.concat([entities.select(names).clear(), *whole]).unique().drop_nulls()
    missing = missing.join(entities, on=names, how="anti").with_columns(pl.lit(0, entities.schema[ROWS]).alias(ROWS))
    entities = pl.concat([entities, missing])
    shared = [name for name in names if all(name in columns for columns in links.values())]
    if shared:
        units = entities.select(shared).unique().sort(shared).with_row_index(UNIT)
        entities = entities.join(units, on=shared)
    else:
        entities = entities.with_columns(pl.lit(0, pl.UInt32).alias(UNIT))
    found = {}
    for name, table in values.items():
        on = list(links[name])
        units = table.join(entities.select(*on, UNIT).unique(), on=on)  # entities of one value have one unit
        columns = {column: pl.col(f"{_PART}{key}") for key, column in links[name].items()}
        found[name] = Link(tuple(columns), units.select(UNIT, ROWS, **columns))
    return Keys(entities, found)


def _values(data: ProbeInput, entities: pl.DataFrame, columns: Mapping[str, str]) -> pl.DataFrame:
    """Return the values of an input's columns, as they stand there and as the entities' dtypes."""
    plain = [pl.col(column).alias(f"{_PART}{key}") for key, column in columns.items()]
    table = data.frame.select(plain).group_by(pl.all()).agg(pl.len().alias(ROWS)).collect()
    return table.with_columns(
        pl.col(f"{_PART}{key}").cast(entities.schema[key], strict=False).alias(key) for key in columns
    )
