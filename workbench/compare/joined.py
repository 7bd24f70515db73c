"""Two sides of a view beside each other, row by row, and what differs between them.

Rows are matched by entity and event time in a full outer join, null keys with null keys. Null and NaN are values:
equal to themselves, different from all else. Floats are equal within the tolerance that the right side declares, and
in any case within a relative 1e-12, the noise of adding in another order. A view that has neither is matched by the
places of its rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from workbench.compare.side import Side
from workbench.define import Contract

NOISE = 1e-12
LEFT, RIGHT = "__left", "__right"
"""Marks, and suffixes of the two sides' columns."""
_PLACE = "__place"


@dataclass(frozen=True, slots=True)
class Pair:
    """A column of the left side and the one of the right that it is compared with, cast to `dtype`."""

    left: str
    right: str
    dtype: pl.DataType
    tolerance: float = 0.0

    @property
    def is_float(self) -> bool:
        """Whether values are equal within a tolerance."""
        return self.dtype.is_float()

    @property
    def old(self) -> pl.Expr:
        """The left side's value."""
        return pl.col(self.left + LEFT).cast(pl.Float64 if self.is_float else self.dtype)

    @property
    def new(self) -> pl.Expr:
        """The right side's value."""
        return pl.col(self.right + RIGHT).cast(pl.Float64 if self.is_float else self.dtype)

    @property
    def differs(self) -> pl.Expr:
        """Whether the two values differ."""
        if not self.is_float:
            return self.old.ne_missing(self.new)
        far = self.gap > self.tolerance + NOISE * pl.max_horizontal(self.old.abs(), self.new.abs())
        plain = self.old.is_finite() & self.new.is_finite()
        return pl.when(plain).then(far).otherwise(self.old.ne_missing(self.new)).fill_null(value=True)

    @property
    def gap(self) -> pl.Expr:
        """The absolute difference: of numbers in their unit, of times in seconds; null where there is none."""
        if self.dtype.is_numeric():
            if self.is_float:
                return (self.new - self.old).abs()
            if self.dtype.is_integer():  # floats cannot tell large numbers apart
                return (self.new.cast(pl.Int128) - self.old.cast(pl.Int128)).abs().cast(pl.Float64)
            return (self.new.cast(pl.Float64) - self.old.cast(pl.Float64)).abs()
        if self.dtype.is_temporal() and self.dtype != pl.Time:
            micros = self.new.cast(pl.Int64, strict=False) - self.old.cast(pl.Int64, strict=False)
            return micros.abs() / _ticks(self.dtype)
        return pl.lit(None, dtype=pl.Float64)


def common_dtype(left: pl.DataType, right: pl.DataType) -> pl.DataType | None:
    """Return the dtype in which values of both can be compared without loss; None where there is none."""
    if left == right:
        return pl.String() if isinstance(left, pl.Categorical) else left
    texts = (pl.String, pl.Categorical, pl.Enum)
    if isinstance(left, texts) and isinstance(right, texts):
        return pl.String()
    if left.is_integer() and right.is_integer():
        wide = {pl.UInt64(), pl.Int128()} & {left, right}
        return pl.Int128() if wide else pl.Int64()
    if left.is_float() and right.is_float():
        return pl.Float64()
    if {left, right} <= {pl.Float64(), pl.Int32(), pl.Int16(), pl.Int8(), pl.UInt32(), pl.UInt16(), pl.UInt8()}:
        return pl.Float64()
    if isinstance(left, pl.Datetime) and isinstance(right, pl.Datetime) and left.time_zone == right.time_zone:
        return pl.Datetime("ns" if "ns" in (left.time_unit, right.time_unit) else "us", left.time_zone)
    if isinstance(left, pl.Duration) and isinstance(right, pl.Duration):
        return pl.Duration("ns" if "ns" in (left.time_unit, right.time_unit) else "us")
    return None


def pair_of(left: Contract, right: Contract, old: str, new: str) -> Pair | None:
    """Return how the column `old` of the left side is compared with `new` of the right; None where it cannot be."""
    dtype = common_dtype(left[old].dtype, right[new].dtype)
    return None if dtype is None else Pair(old, new, dtype, float(right[new].tolerance or 0.0))


def beside(left: Side, right: Side, pairs: Sequence[Pair], *, without: pl.DataFrame | None = None) -> pl.LazyFrame:
    """Return both sides' rows beside each other.

    Parameters
    ----------
    left, right
        The sides, of one grain.
    pairs
        The columns to have.
    without
        Keys to leave out.

    Returns
    -------
    polars.LazyFrame
        The key columns; ``__left`` and ``__right``, true where that side has the row; and the columns of both sides
        with these suffixes.
    """
    keys = left.keys
    sides = []
    for side, suffix, names in (
        (left, LEFT, dict.fromkeys(pair.left for pair in pairs)),
        (right, RIGHT, dict.fromkeys(pair.right for pair in pairs)),
    ):
        frame = side.frame
        columns = [pl.col(name).cast(_key_dtype(left, right, name)) for name in keys]
        frame = frame.select(*columns, *(pl.col(name).alias(name + suffix) for name in names), pl.lit(1).alias(suffix))
        if without is not None:
            frame = frame.join(without.lazy(), on=list(keys), how="anti", nulls_equal=True)
        sides.append(frame)
    if not keys:
        one, other = (frame.with_row_index(_PLACE) for frame in sides)
        both = one.join(other, on=_PLACE, how="full", coalesce=True).sort(_PLACE)
        return both.with_columns(pl.col(LEFT).is_not_null(), pl.col(RIGHT).is_not_null())
    both = sides[0].join(sides[1], on=list(keys), how="full", coalesce=True, nulls_equal=True)
    return both.with_columns(pl.col(LEFT).is_not_null(), pl.col(RIGHT).is_not_null())


def duplicated(left: Side, right: Side) -> tuple[pl.DataFrame, Mapping[str, int]]:
    """Return the keys that either side has more than once, and how many rows with them each side has."""
    keys = list(left.keys)
    frames = {
        name: side.frame.select(pl.col(key).cast(_key_dtype(left, right, key)) for key in keys)
        for name, side in ((LEFT, left), (RIGHT, right))
    }
    many = [frame.group_by(keys).len().filter(pl.col("len") > 1).select(keys) for frame in frames.values()]
    found = pl.concat(many).unique().collect(engine="streaming")
    counts = {
        name: int(
            frame.join(found.lazy(), on=keys, how="semi", nulls_equal=True)
            .select(pl.len())
            .collect(engine="streaming")
            .item()
        )
        for name, frame in frames.items()
    }
    return found, counts


def same_grain(left: Side, right: Side) -> bool:
    """Whether rows of both sides can be matched: the same entities and event time, comparable."""
    return sorted(left.keys) == sorted(right.keys) and all(
        common_dtype(left.contract[key].dtype, right.contract[key].dtype) is not None for key in left.keys
    )


def _key_dtype(left: Side, right: Side, name: str) -> pl.DataType:
    return common_dtype(left.contract[name].dtype, right.contract[name].dtype) or left.contract[name].dtype


def _ticks(dtype: pl.DataType) -> float:
    """Return how many units of a temporal dtype's number are a second."""
    if isinstance(dtype, pl.Date):
        return 1 / 86_400
    return {"ms": 1e3, "us": 1e6, "ns": 1e9}[getattr(dtype, "time_unit", None) or "us"]
