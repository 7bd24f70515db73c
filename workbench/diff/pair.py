"""`Pair`: a column of the left side and one of the right, whether their values differ, and by how much.

Values are equal as `workbench.equality` says, within the tolerance that the right side declares. Values of two dtypes
are compared in a third that holds both without loss, where there is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from workbench.equality import differ
from workbench.profile import NANOSECONDS, common_dtype, units

if TYPE_CHECKING:
    from polars._typing import TimeUnit

_DAY = 86_400_000_000_000
_WIDEST = 1.6e38  # a little less than 128 bits hold


@dataclass(frozen=True, slots=True)
class DifferingValues:
    """The values of a pair of columns in the rows where they differ.

    Attributes
    ----------
    where
        Which of all rows these are.
    old, new
        The values.
    differences
        As `Pair.differences` returns them.
    """

    where: pl.Series
    old: pl.Series
    new: pl.Series
    differences: pl.Series


@dataclass(frozen=True, slots=True)
class Pair:
    """Two columns.

    Attributes
    ----------
    left, right
        Their names.
    dtypes
        Theirs.
    common
        The dtype in which their values are compared.
    tolerance
        Up to which numbers are equal; None where none is declared.
    """

    left: str
    right: str
    dtypes: tuple[pl.DataType, pl.DataType]
    common: pl.DataType
    tolerance: float | None = None

    @property
    def measurable(self) -> bool:
        """Whether a difference has a size: of numbers in their unit, of times and durations in seconds."""
        return self.common.is_numeric() or self.common.is_temporal()

    def differing(self, old: pl.Series, new: pl.Series) -> DifferingValues | None:
        """Return the values of two equally long columns where they differ; None where they differ nowhere."""
        where = self.differs(old, new)
        if where is None:
            return None
        old, new = old.filter(where), new.filter(where)
        return DifferingValues(where, old, new, self.differences(old, new))

    def differs(self, old: pl.Series, new: pl.Series) -> pl.Series | None:
        """Return where the values of two equally long columns differ; None where they differ nowhere."""
        one, other = self.comparable(old, new)
        if one.equals(other):
            return None
        found = differ(one, other, tolerance=self.tolerance)
        return found if found.any() else None

    def differences(self, old: pl.Series, new: pl.Series) -> pl.Series:
        """Return right less left as Float64: null where there is none, infinite and NaN as floats have it."""
        if not self.measurable:
            return pl.repeat(None, len(old), dtype=pl.Float64, eager=True)
        one, other = self.comparable(old, new)
        if one.dtype.is_float():
            return other.cast(pl.Float64) - one.cast(pl.Float64)
        both = pl.DataFrame([one.alias("one"), other.alias("other")]).select(pl.all().to_physical().cast(pl.Int128))
        exact = pl.col("other") - pl.col("one")  # which wraps around where it is wider than 128 bits
        rough = pl.col("other").cast(pl.Float64) - pl.col("one").cast(pl.Float64)
        size = pl.when(rough.abs() < _WIDEST).then(exact.cast(pl.Float64)).otherwise(rough)
        return both.select(size.alias(new.name) / self._per_unit).to_series()

    def comparable(self, old: pl.Series, new: pl.Series) -> tuple[pl.Series, pl.Series]:
        """Return the values of two columns as they are compared: in `common`, or if their units differ, as ticks."""
        convert = _nanoseconds if self._has_two_units else partial(as_common, common=self.common)
        one, other = (convert(pl.col(name), dtype) for name, dtype in zip("ab", self.dtypes, strict=True))
        both = pl.DataFrame([old.alias("a"), new.alias("b")]).select(one, other)
        return both["a"], both["b"]

    @property
    def _has_two_units(self) -> bool:
        """Whether these are times of different units, of which the coarser may reach further than the finer."""
        return self.common.is_temporal() and len(units(*self.dtypes)) > 1

    @property
    def _per_unit(self) -> float:
        """How many of the integers that are compared are one, or a second of what is a time."""
        if isinstance(self.common, pl.Decimal):
            return float(10**self.common.scale)
        if not self.common.is_temporal():
            return 1.0
        if self._has_two_units or self.common == pl.Time():
            return 1e9
        if self.common == pl.Date():
            return 1 / 86_400
        unit: TimeUnit = self.common.time_unit  # type: ignore[attr-defined]  # a Datetime or Duration
        return 1e9 / NANOSECONDS[unit]


def pair_of(
    left: str, right: str, dtypes: tuple[pl.DataType, pl.DataType], *, tolerance: float | None = None
) -> Pair | None:
    """Return how the column `left` is compared with `right`; None where their dtypes have no common one."""
    common = common_dtype(*dtypes)
    return None if common is None else Pair(left, right, dtypes, common, tolerance)


def as_common(column: pl.Expr, dtype: pl.DataType, common: pl.DataType) -> pl.Expr:
    """Return a column of `dtype` as `common`, which `common_dtype` chose."""
    return column if dtype == common else column.cast(common)


def _nanoseconds(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return a time as a wide integer: a Datetime of nanoseconds ends in 2262."""
    ticks = _DAY if isinstance(dtype, pl.Date) else NANOSECONDS[dtype.time_unit]  # type: ignore[attr-defined]  # no Time
    return column.to_physical().cast(pl.Int128) * pl.lit(ticks, dtype=pl.Int128)
