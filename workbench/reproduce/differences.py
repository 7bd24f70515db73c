"""Comparing rows with rows, within the tolerance that a contract declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from workbench.diff import pair_of

_OLD, _NEW, _NTH = "old", "new", "nth"


@dataclass(frozen=True, slots=True)
class ColumnDifference:
    """A column whose values differ: in how many rows, at most by how much, and what would have been allowed."""

    column: str
    rows: int
    largest: float | None
    tolerance: float | None


@dataclass(frozen=True, slots=True)
class RowDifferences:
    """How rows differ from rows: gained, lost, and values in the rows that both have."""

    added: int
    removed: int
    columns: tuple[ColumnDifference, ...]

    @property
    def none(self) -> bool:
        """Whether all rows and values are the same, within tolerance."""
        return not (self.added or self.removed or self.columns)


def differences(
    old: pl.DataFrame, new: pl.DataFrame, *, keys: Sequence[str], tolerances: Mapping[str, float | None]
) -> RowDifferences:
    """Return how `new` differs from `old`."""
    sides = [_number_rows(frame, keys, mark) for frame, mark in ((old, _OLD), (new, _NEW))]
    on = [*(_key(place) for place in range(len(keys))), _NTH]
    both = sides[0].join(sides[1], on=on, how="full", nulls_equal=True, coalesce=True)
    shared = both.filter(pl.col(_OLD) & pl.col(_NEW))
    found = []
    for column in dict.fromkeys((*old.columns, *new.columns)):
        if column in keys:
            continue
        if column in old.columns and column in new.columns:
            difference = _compare_column(shared, column, tolerances.get(column))
        else:
            difference = ColumnDifference(column, shared.height, None, None)
        found += [difference] if difference.rows else []
    return RowDifferences(int(both[_OLD].is_null().sum()), int(both[_NEW].is_null().sum()), tuple(found))


def _number_rows(frame: pl.DataFrame, keys: Sequence[str], mark: str) -> pl.DataFrame:
    """Return the rows with a mark, numbered among those of equal keys, all under names that no column can have."""
    values = [name for name in frame.columns if name not in keys]
    names = {name: _key(place) for place, name in enumerate(keys)} | {name: _value(mark, name) for name in values}
    renamed = frame.rename(names)
    number = pl.int_range(pl.len())
    if keys:
        own = [names[name] for name in keys]
        renamed = renamed.sort([*own, *(names[name] for name in values if not frame.schema[name].is_nested())])
        number = number.over(own)
    return renamed.with_columns(number.alias(_NTH), pl.lit(value=True).alias(mark))


def _key(place: int) -> str:
    return f"key {place}"


def _value(mark: str, name: str) -> str:
    return f"{mark} value {name}"


def _compare_column(shared: pl.DataFrame, column: str, tolerance: float | None) -> ColumnDifference:
    old, new = shared[_value(_OLD, column)], shared[_value(_NEW, column)]
    pair = pair_of(column, column, (old.dtype, new.dtype), tolerance=tolerance)
    if pair is None or old.dtype != new.dtype:
        return ColumnDifference(column, shared.height, None, tolerance)
    where = pair.differs(old, new)
    if where is None:
        return ColumnDifference(column, 0, None, tolerance)
    sizes = pair.differences(old.filter(where), new.filter(where)).abs()
    largest = sizes.drop_nulls().drop_nans().max()
    return ColumnDifference(column, int(where.sum()), largest, tolerance)  # type: ignore[arg-type]  # a float or None
