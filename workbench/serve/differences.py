"""Comparing rows with rows, within the tolerance that a contract declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

_OLD, _NEW, _NTH = "__old", "__new", "__nth"
NOISE = 1e-11
"""Relative difference of floats that counts as none where no tolerance is declared: 12 significant digits."""


@dataclass(frozen=True, slots=True)
class ColumnDifference:
    """A column whose values differ: in how many rows, at most by how much, and what would have been allowed."""

    column: str
    rows: int
    largest: float | None
    tolerance: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the difference as JSON-ready values."""
        return {"column": self.column, "rows": self.rows, "largest": self.largest, "tolerance": self.tolerance}


@dataclass(frozen=True, slots=True)
class Differences:
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
) -> Differences:
    """Return how `new` differs from `old`.

    Parameters
    ----------
    old, new
        Rows in any order. Rows of equal keys are compared in the order of their values.
    keys
        Columns that tell one row from another.
    tolerances
        The absolute difference that is allowed, by column; without one floats may differ by `NOISE`.
    """
    both = _numbered(old, keys, _OLD).join(
        _numbered(new, keys, _NEW), on=[*keys, _NTH], how="full", nulls_equal=True, coalesce=True, suffix=_NEW
    )
    shared = both.filter(pl.col(_OLD) & pl.col(_NEW))
    found = []
    for column in (name for name in old.columns if name not in keys):
        if column not in new.columns:
            found.append(ColumnDifference(column, shared.height, None, None))
            continue
        difference = _compared(shared, column, tolerances.get(column))
        found += [difference] if difference.rows else []
    found += [ColumnDifference(name, shared.height, None, None) for name in new.columns if name not in old.columns]
    return Differences(int(both[_OLD].is_null().sum()), int(both[_NEW].is_null().sum()), tuple(found))


def _numbered(frame: pl.DataFrame, keys: Sequence[str], mark: str) -> pl.DataFrame:
    """Return the rows with a mark, those of equal keys numbered in the order of their values."""
    order = [*keys, *(name for name, dtype in frame.schema.items() if name not in keys and not dtype.is_nested())]
    number = pl.int_range(pl.len()).over(keys) if keys else pl.int_range(pl.len())
    return frame.sort(order).with_columns(number.alias(_NTH), pl.lit(value=True).alias(mark))


def _compared(shared: pl.DataFrame, column: str, tolerance: float | None) -> ColumnDifference:
    left, right = pl.col(column), pl.col(f"{column}{_NEW}")
    if shared.schema[column] != shared.schema[f"{column}{_NEW}"]:
        return ColumnDifference(column, shared.height, None, tolerance)
    same = left.eq_missing(right)
    if not shared.schema[column].is_numeric():
        return ColumnDifference(column, shared.select((~same).sum()).item(), None, tolerance)
    left, right = left.cast(pl.Float64), right.cast(pl.Float64)
    gap = (left - right).abs()
    allowed = NOISE * pl.max_horizontal(left.abs(), right.abs()) if tolerance is None else pl.lit(tolerance)
    exact = tolerance is None and not shared.schema[column].is_float()
    other = ~same if exact else ~(same | (gap.is_finite() & (gap <= allowed)).fill_null(value=False))
    rows, largest = shared.select(other.sum().alias("rows"), gap.filter(other).max().alias("largest")).row(0)
    return ColumnDifference(column, rows, largest, tolerance)
