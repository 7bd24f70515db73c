"""The one rule of equality: for columns (`differ`, `differs`) and for single values (`equal`).

- Null equals null, NaN equals NaN, and null is not NaN. Infinities are equal by sign. ``-0.0`` equals ``0.0``.
- With a tolerance, numbers are equal whose difference is at most the tolerance: absolute, in the feature's unit, both
  ends included. The difference is taken as people read the numbers: 1.00 and 1.01 are equal within 0.01, although as
  binary floats they are a little further apart (`ROUNDING`). A tolerance of 0 allows no difference at all.
- Without a tolerance, floats are equal but for the noise that another order of addition leaves in their last digits
  (`NOISE`). Whole numbers that a float holds exactly, up to 2**53, carry no such noise: identifiers and counts of
  milliseconds in a float column differ if they differ by one.
- Integers, decimals and all else are compared exactly; integers and decimals of any size have an exact tolerance too.
- Lists, arrays and structs are equal if they have the same shape and all that they hold is equal by this rule.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast

import numpy as np
import polars as pl

NOISE: Mapping[type[pl.DataType], float] = {pl.Float64: 1e-12, pl.Float32: 1e-6}
"""The noise of floats, relative to the larger value: 12 significant digits, 6 of single precision."""

ROUNDING: Mapping[type[pl.DataType], float] = {pl.Float64: 2.0**-50, pl.Float32: 2.0**-21}
"""How far, relative to the larger value, the difference of two floats may be off that of the numbers they stand for."""

_WHOLE: Mapping[type[pl.DataType], float] = {pl.Float64: 2.0**53, pl.Float32: 2.0**24}
"""Up to which size a float holds every whole number."""


BITS: Mapping[pl.DataType, pl.DataType] = {
    pl.Float64(): pl.UInt64(),
    pl.Float32(): pl.UInt32(),
    pl.Float16(): pl.UInt16(),
}
"""As what floats are read to be told apart to the bit: the sign of a zero, one NaN from another."""


def has_numbers(dtype: pl.DataType) -> bool:
    """Return whether values of `dtype` are numbers or hold some, so that they can have a tolerance."""
    return dtype.is_numeric() or any(map(has_numbers, _inside(dtype)))


def has_floats(dtype: pl.DataType) -> bool:
    """Return whether values of `dtype` are floats or hold some, so that they can be equal without being the same."""
    return dtype.is_float() or any(map(has_floats, _inside(dtype)))


def differs(
    left: pl.Expr, right: pl.Expr, dtype: pl.DataType, *, tolerance: float | None = None, slack: float = 0.0
) -> pl.Expr:
    """Return whether two columns of `dtype` differ, row by row; never null."""
    if dtype.is_nested():
        return pl.map_batches(
            [left, right],
            lambda sides: differ(sides[0], sides[1], tolerance=tolerance, slack=slack),
            return_dtype=pl.Boolean,
            is_elementwise=True,
        )
    if dtype.is_float():
        return _floats_differ(left, right, dtype, tolerance, slack)
    steps = _steps(dtype, tolerance)
    return _exact_differ(left, right, dtype, steps) if steps else left.ne_missing(right)


def differ(left: pl.Series, right: pl.Series, *, tolerance: float | None = None, slack: float = 0.0) -> pl.Series:
    """Return where two columns of one dtype and length differ; see `differs`."""
    if not left.dtype.is_nested():
        both = pl.DataFrame([left.alias("left"), right.alias("right")])
        rule = differs(pl.col("left"), pl.col("right"), left.dtype, tolerance=tolerance, slack=slack)
        return both.select(rule.alias("")).to_series()
    if not has_floats(left.dtype) and (tolerance is None or not has_numbers(left.dtype)):
        return left.ne_missing(right).alias("")
    found = (left.is_null() != right.is_null()).to_numpy(writable=True)
    both_there = left.is_not_null() & right.is_not_null()
    if isinstance(left.dtype, pl.List):
        same_length = (left.list.len() == right.list.len()).fill_null(value=False)
        found |= (both_there & ~same_length).to_numpy()
        both_there &= same_length & (left.list.len() > 0).fill_null(value=False)
    places = both_there.to_numpy()
    if places.any():
        one, other = left.filter(both_there), right.filter(both_there)
        found[places] |= _inner_differ(one, other, tolerance=tolerance, slack=slack)
    return pl.Series("", found)


def equal(left: Any, right: Any, dtype: pl.DataType, *, tolerance: float | None = None, slack: float = 0.0) -> bool:
    """Return whether two values of a column of `dtype` are equal.

    Examples
    --------
    >>> equal(1.00, 1.01, pl.Float64(), tolerance=0.01), equal(0.1 + 0.2, 0.3, pl.Float64())
    (True, True)
    >>> equal([1.0, None], [1.0, float("nan")], pl.List(pl.Float64()))
    False
    """
    if left is None or right is None:
        return left is right
    if dtype.is_nested():
        one, other = _items(left), _items(right)
        dtypes = [*_inside(dtype)] if isinstance(dtype, pl.Struct) else [*_inside(dtype)] * len(one)
        return len(one) == len(other) and all(
            equal(a, b, kind, tolerance=tolerance, slack=slack) for a, b, kind in zip(one, other, dtypes, strict=True)
        )
    if dtype.is_float():
        return _floats_equal(float(left), float(right), type(dtype), tolerance, slack)
    if not _steps(dtype, tolerance):
        return bool(left == right)
    return abs(Fraction(left) - Fraction(right)) <= Fraction(repr(tolerance))


def _floats_differ(left: pl.Expr, right: pl.Expr, dtype: pl.DataType, tolerance: float | None, slack: float) -> pl.Expr:
    unequal = left.ne_missing(right)
    if tolerance == 0 and not slack:
        return unequal
    one, other = (left, right) if dtype == pl.Float64() else (left.cast(pl.Float64), right.cast(pl.Float64))
    gap, largest = (one - other).abs(), pl.max_horizontal(one.abs(), other.abs())
    allowed = pl.lit(0.0) if not tolerance else largest * ROUNDING[type(dtype)] + tolerance
    far = gap > allowed
    if tolerance is None or slack:
        noise = largest * NOISE[type(dtype)] if tolerance is None else pl.lit(0.0)
        whole = (gap >= 1) & (largest <= _WHOLE[type(dtype)]) & (one.floor() == one) & (other.floor() == other)
        far &= (gap > (pl.max_horizontal(noise, pl.lit(slack)) if slack else noise)) | whole
    return pl.when(gap.is_finite()).then(far).otherwise(unequal)


def _floats_equal(left: float, right: float, kind: type[pl.DataType], tolerance: float | None, slack: float) -> bool:
    if left == right:
        return True
    gap, largest = abs(left - right), max(abs(left), abs(right))
    if not math.isfinite(gap):
        return math.isnan(left) and math.isnan(right)
    if tolerance and gap <= largest * ROUNDING[kind] + tolerance:
        return True
    if left.is_integer() and right.is_integer() and largest <= _WHOLE[kind]:
        return False
    return gap <= max(slack, largest * NOISE[kind] if tolerance is None else 0.0)


def _exact_differ(left: pl.Expr, right: pl.Expr, dtype: pl.DataType, steps: int) -> pl.Expr:
    """Return where integers are more than `steps` apart: what wraps around reads right without its sign."""
    one, other = left.to_physical(), right.to_physical()
    gap = pl.max_horizontal(one, other) - pl.min_horizontal(one, other)
    if not dtype.is_unsigned_integer():
        gap = gap.reinterpret(signed=False)
    bits = 128 if dtype.is_decimal() else int(str(dtype).lstrip("UInt"))
    far = gap > pl.lit(min(steps, 2**bits - 1), dtype=pl.UInt128)
    return pl.when(left.is_not_null() & right.is_not_null()).then(far).otherwise(left.ne_missing(right))


def _steps(dtype: pl.DataType, tolerance: float | None) -> int:
    """Return how many steps of an exact number the tolerance is; 0 where it is less than one, or there is none."""
    if not tolerance or not (dtype.is_integer() or dtype.is_decimal()):
        return 0
    written = Decimal(repr(float(tolerance)))
    return int(written.scaleb(dtype.scale) if isinstance(dtype, pl.Decimal) else written)


def _inside(dtype: pl.DataType) -> list[pl.DataType]:
    """Return the dtypes of what values of a nested dtype hold."""
    if isinstance(dtype, pl.List | pl.Array):
        return [_instance(dtype.inner)]
    return [_instance(field.dtype) for field in dtype.fields] if isinstance(dtype, pl.Struct) else []


def _inner_differ(left: pl.Series, right: pl.Series, *, tolerance: float | None, slack: float) -> Any:
    """Return where nested values of the same shape, none of them null, hold something that differs."""
    if isinstance(left.dtype, pl.Struct):
        fields = zip(left.struct.unnest().get_columns(), right.struct.unnest().get_columns(), strict=True)
        found = [differ(one, other, tolerance=tolerance, slack=slack).to_numpy() for one, other in fields]
        return np.logical_or.reduce(found) if found else False
    items = differ(left.explode(), right.explode(), tolerance=tolerance, slack=slack).to_numpy()
    if isinstance(left.dtype, pl.Array):
        return items.reshape(len(left), left.dtype.shape[0]).any(axis=1)
    ends = left.list.len().cast(pl.Int64).cum_sum().to_numpy()
    return np.logical_or.reduceat(items, np.concatenate([[0], ends[:-1]]))


def _instance(dtype: Any) -> pl.DataType:
    """Polars keeps an inner dtype as it was written: ``pl.Int64`` or ``pl.Int64()``."""
    return cast("pl.DataType", dtype if isinstance(dtype, pl.DataType) else dtype())


def _items(value: Any) -> list[Any]:
    if isinstance(value, pl.Series):
        return value.to_list()
    return [*value.values()] if isinstance(value, Mapping) else [*value]
