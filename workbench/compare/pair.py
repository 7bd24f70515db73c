"""`Pair`: a column of the left side and one of the right, and when two of their values differ.

Null and NaN are values: equal to themselves, different from all else. Floats are equal within the tolerance that the
right side declares, absolute and inclusive, and in any case within a relative 1e-12: the noise of adding in another
order. All else is equal or not, nested values with all that they hold. Values of two dtypes are compared in a third
that holds both without loss, where there is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from polars._typing import TimeUnit

NOISE = 1e-12
_OLD, _NEW = pl.col("old"), pl.col("new")
_TEXTS = (pl.String, pl.Categorical, pl.Enum)
_NANOSECONDS: dict[TimeUnit, int] = {"ns": 1, "us": 1_000, "ms": 1_000_000}
_DAY = 86_400_000_000_000
_EXACT_IN_FLOATS = (pl.Int8, pl.Int16, pl.Int32, pl.UInt8, pl.UInt16, pl.UInt32)


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
        Up to which floats are equal.
    """

    left: str
    right: str
    dtypes: tuple[pl.DataType, pl.DataType]
    common: pl.DataType
    tolerance: float = 0.0

    @property
    def measurable(self) -> bool:
        """Whether a difference has a size: of numbers in their unit, of times and durations in seconds."""
        return self.dtypes[1].is_numeric() or (self.dtypes[1].is_temporal() and self.dtypes[1] != pl.Time())

    def differs(self, old: pl.Series, new: pl.Series) -> pl.Series | None:
        """Return where the values of two equally long columns differ; None where they differ nowhere."""
        one, other = self.comparable(old, new)
        if one.equals(other):
            return None
        found = pl.DataFrame([one.alias("old"), other.alias("new")]).select(self._differs).to_series()
        return found if found.any() else None

    def differences(self, old: pl.Series, new: pl.Series) -> pl.Series:
        """Return right less left as Float64: null where there is none, infinite and NaN as floats have it."""
        if not self.measurable:
            return pl.repeat(None, len(old), dtype=pl.Float64, eager=True)
        one, other = self.comparable(old, new)
        if one.dtype.is_float():
            return other - one
        if one.dtype.is_decimal():
            return (other - one).cast(pl.Float64)
        exact = other.to_physical().cast(pl.Int128) - one.to_physical().cast(pl.Int128)
        return exact.cast(pl.Float64) / _per_second(self.common)

    def comparable(self, old: pl.Series, new: pl.Series) -> tuple[pl.Series, pl.Series]:
        """Return the values of two columns in the dtype in which they are compared."""
        one, other = (
            as_common(pl.col(name), dtype, self.common) for name, dtype in zip("ab", self.dtypes, strict=True)
        )
        both = pl.DataFrame([old.alias("a"), new.alias("b")]).select(one, other)
        return both["a"], both["b"]

    @property
    def _differs(self) -> pl.Expr:
        unequal = _OLD.ne_missing(_NEW)
        if not self.common.is_float():
            return unequal
        gap = (_NEW - _OLD).abs()
        far = gap > self.tolerance + NOISE * pl.max_horizontal(_OLD.abs(), _NEW.abs())
        return pl.when(gap.is_finite()).then(far).otherwise(unequal)


def pair_of(
    left: str, right: str, dtypes: tuple[pl.DataType, pl.DataType], *, tolerance: float | None = None
) -> Pair | None:
    """Return how the column `left` is compared with `right`; None where their dtypes have no common one."""
    common = common_dtype(*dtypes)
    return None if common is None else Pair(left, right, dtypes, common, float(tolerance or 0.0))


def common_dtype(left: pl.DataType, right: pl.DataType) -> pl.DataType | None:
    """Return the dtype in which values of both can be compared without loss; None where there is none.

    Times of different units are compared as nanoseconds, as wide integers: a Datetime of nanoseconds ends in 2262.
    Times without a zone are in UTC.
    """
    if isinstance(left, _TEXTS) and isinstance(right, _TEXTS):
        return pl.String() if left != right or isinstance(left, pl.Categorical) else left
    if left.is_float() and right.is_float():
        return pl.Float64()
    if left == right:
        return left
    if left.is_integer() and right.is_integer():
        return pl.Int128() if {pl.UInt64(), pl.Int128(), pl.UInt128()} & {left, right} else pl.Int64()
    if left.is_decimal() and right.is_decimal():
        return _common_decimal(left, right)
    if pl.Float64() in (left, right) and (isinstance(left, _EXACT_IN_FLOATS) or isinstance(right, _EXACT_IN_FLOATS)):
        return pl.Float64()
    return _common_time(left, right)


def key_dtype(left: pl.DataType, right: pl.DataType) -> pl.DataType | None:
    """Return the dtype in which two key columns are matched and shown; as `common_dtype`, but times stay times."""
    common = common_dtype(left, right)
    if common != pl.Int128() or not left.is_temporal():
        return common
    units = _units(left, right)
    finer = next(unit for unit in _NANOSECONDS if unit in units)
    return pl.Duration(finer) if isinstance(left, pl.Duration) else pl.Datetime(finer, _zone(left, right))


def as_common(column: pl.Expr, dtype: pl.DataType, common: pl.DataType) -> pl.Expr:
    """Return a column of `dtype` as `common`, which `common_dtype` or `key_dtype` chose."""
    if dtype == common:
        return column
    if dtype.is_temporal() and common == pl.Int128():
        ticks = _DAY if isinstance(dtype, pl.Date) else _NANOSECONDS[dtype.time_unit]  # type: ignore[attr-defined]  # no Time
        return column.to_physical().cast(pl.Int128) * pl.lit(ticks, dtype=pl.Int128)
    return column.cast(common)


def _common_time(left: pl.DataType, right: pl.DataType) -> pl.DataType | None:
    if isinstance(left, pl.Duration) and isinstance(right, pl.Duration):
        return pl.Int128()
    moments = (pl.Datetime, pl.Date)
    if not (isinstance(left, moments) and isinstance(right, moments)):
        return None
    units = _units(left, right)
    return pl.Datetime(units.pop(), _zone(left, right)) if len(units) == 1 else pl.Int128()


def _units(left: pl.DataType, right: pl.DataType) -> set[TimeUnit]:
    return {getattr(dtype, "time_unit", "us") for dtype in (left, right)}


def _zone(left: pl.DataType, right: pl.DataType) -> str | None:
    zones = {getattr(dtype, "time_zone", None) for dtype in (left, right)}
    return zones.pop() if len(zones) == 1 else "UTC"


def _common_decimal(left: pl.DataType, right: pl.DataType) -> pl.DataType | None:
    assert isinstance(left, pl.Decimal)  # noqa: S101 - asked of decimals alone
    assert isinstance(right, pl.Decimal)  # noqa: S101
    scale = max(left.scale, right.scale)
    whole = max((dtype.precision or 38) - dtype.scale for dtype in (left, right))
    return pl.Decimal(38, scale) if whole + scale <= 38 else None


def _per_second(dtype: pl.DataType) -> float:
    """Return how many of the integers behind a time are a second; 1 for plain integers."""
    if isinstance(dtype, pl.Date):
        return 1 / 86_400
    unit = getattr(dtype, "time_unit", None)
    return 1e9 / _NANOSECONDS[unit] if unit else 1.0
