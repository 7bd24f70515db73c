"""When two values are the same: within the declared tolerance, or but for the last bits of floats.

Sums and means of floats depend on the order of addition. A running window adds and subtracts, so what is left of large
values can be small and noisy: noise is measured by the value, and by the largest value of its column.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import polars as pl

NOISE: Mapping[type[pl.DataType], tuple[float, float]] = {pl.Float64: (1e-8, 1e-10), pl.Float32: (1e-4, 1e-6)}
"""Relative to the value, and to the column's largest."""


def differs(left: str, right: str, dtype: pl.DataType, *, tolerance: float | None, scale: float) -> pl.Expr:
    """Return whether the columns `left` and `right`, both of `dtype`, differ; nulls and NaN equal themselves.

    Parameters
    ----------
    left, right
        Two columns.
    dtype
        Of both.
    tolerance
        The largest difference the contract declares to be none.
    scale
        The largest size of a value in the whole column.
    """
    one, other = pl.col(left), pl.col(right)
    if dtype.is_nested():
        if "Float" not in str(dtype):
            return one.ne_missing(other)
        pair = pl.struct(one.alias("one"), other.alias("other"))
        unlike = pair.map_elements(lambda row: not alike(row["one"], row["other"]), return_dtype=pl.Boolean)
        return one.ne_missing(other) & unlike
    if isinstance(dtype, (pl.Categorical, pl.Enum)):
        return one.cast(pl.String).ne_missing(other.cast(pl.String))
    noise = NOISE.get(type(dtype))
    if noise is None and (tolerance is None or not dtype.is_numeric()):
        return one.ne_missing(other)
    one, other = one.cast(pl.Float64), other.cast(pl.Float64)
    relative, of_scale = noise or (0.0, 0.0)
    allowed = pl.max_horizontal(one.abs(), other.abs()) * relative + scale * of_scale
    if tolerance is not None:
        allowed = pl.max_horizontal(allowed, pl.lit(tolerance))
    near = ((one - other).abs() <= allowed) & one.is_finite() & other.is_finite()
    return ~(one.eq_missing(other) | near.fill_null(value=False))


def scale_of(column: pl.Series) -> float:
    """Return the size of the largest finite number in `column`; 0 where there is none."""
    if not column.dtype.is_numeric():
        return 0.0
    sizes = column.cast(pl.Float64).abs()
    largest = sizes.filter(sizes.is_finite()).max()
    return float(largest) if isinstance(largest, (int, float)) else 0.0


def alike(one: Any, other: Any) -> bool:
    """Tell whether two nested values are the same but for the last bits of floats.

    Examples
    --------
    >>> alike([0.1 + 0.2, None], [0.3, None]), alike({"a": 1}, {"a": 2})
    (True, False)
    """
    if isinstance(one, float) and isinstance(other, float):
        return one == other or math.isclose(one, other, rel_tol=1e-8) or (math.isnan(one) and math.isnan(other))
    if isinstance(one, pl.Series) and isinstance(other, pl.Series):
        one, other = one.to_list(), other.to_list()
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    return bool(one == other)
