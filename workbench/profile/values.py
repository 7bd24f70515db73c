"""One column on one side of a comparison: its finite values in order, or its categories counted, the rest apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from workbench.profile.feature import as_numbers, finite_or_none

if TYPE_CHECKING:
    from polars._typing import TimeUnit

Numbers = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

NANOSECONDS: dict[TimeUnit, int] = {"ns": 1, "us": 1_000, "ms": 1_000_000}

_TEXTS = (pl.String, pl.Categorical, pl.Enum)
_EXACT_IN_FLOATS = (pl.Int8, pl.Int16, pl.Int32, pl.UInt8, pl.UInt16, pl.UInt32)
_WHOLE_IN_FLOATS = 2**53

Family = Literal["number", "moment", "duration", "category", "boolean", "empty", "other"]


def family_of(dtype: pl.DataType) -> Family:
    """Return what values of `dtype` can be compared with: only with values of the same family.

    Dates and datetimes are moments; durations and times of day are durations; a column without any value (dtype
    Null) is ``empty`` and fits all.
    """
    if isinstance(dtype, pl.Null):
        return "empty"
    if dtype.is_numeric():
        return "number"
    if isinstance(dtype, (pl.Datetime, pl.Date)):
        return "moment"
    if isinstance(dtype, (pl.Duration, pl.Time)):
        return "duration"
    if isinstance(dtype, pl.Boolean):
        return "boolean"
    return "category" if isinstance(dtype, (pl.String, pl.Categorical, pl.Enum)) else "other"


def exact_floats(reference: pl.Series, current: pl.Series) -> tuple[pl.Series, pl.Series, float]:
    """Return both columns as Float64, and what must be added to them.

    Whole numbers and decimals that floats would merge are counted from the reference's least, so that 2**53 and the
    number after it stay two.
    """
    common = common_dtype(reference.dtype, current.dtype)
    if common is None or not (common.is_integer() or isinstance(common, pl.Decimal)):
        return as_numbers(reference), as_numbers(current), 0.0
    scale = common.scale if isinstance(common, pl.Decimal) else 0
    found = (end for side in (reference, current) for end in (side.min(), side.max()))
    ends = [int(end * 10**scale) for end in found if end is not None]
    least = reference.min()
    if least is None or max(map(abs, ends)) <= _WHOLE_IN_FLOATS:
        return as_numbers(reference), as_numbers(current), 0.0
    start = int(least * 10**scale)
    ticks = pl.lit(start, dtype=pl.Int128)
    counted = (pl.col("x").cast(common).to_physical().cast(pl.Int128) - ticks).cast(pl.Float64) / 10**scale
    one, other = (side.to_frame("x").select(counted)["x"] for side in (reference, current))
    return one, other, start / 10**scale


@dataclass(frozen=True, slots=True, eq=False)
class Unordered:
    """A column of numbers, times or durations that need not be sorted to be counted.

    Attributes
    ----------
    rows, nulls, nans, infinities, lowest
        Counts; infinities reach no other number, and `lowest` are those of them that are below zero.
    finite
        The finite values, as they come.
    """

    rows: int
    nulls: int
    nans: int
    infinities: int
    lowest: int
    finite: Numbers

    @classmethod
    def of(cls, values: pl.Series) -> Self:
        """Return the numbers of `values`; times and durations as seconds."""
        present = values.drop_nulls() if values.null_count() else values
        numbers = as_numbers(present).to_numpy()
        finite = np.isfinite(numbers)
        if finite.all():
            return cls(values.len(), values.null_count(), 0, 0, 0, numbers)
        nans = int(np.count_nonzero(np.isnan(numbers)))
        held = numbers[finite]
        lowest = int(np.count_nonzero(numbers == -np.inf))
        return cls(values.len(), values.null_count(), nans, len(numbers) - nans - len(held), lowest, held)


@dataclass(frozen=True, slots=True, eq=False)
class Numeric:
    """A column of numbers, times or durations.

    Attributes
    ----------
    rows, nulls, nans, infinities, lowest
        Counts; infinities reach no other number, and `lowest` are those of them that are below zero.
    ordered
        The finite values, ascending.
    """

    rows: int
    nulls: int
    nans: int
    infinities: int
    lowest: int
    ordered: Numbers

    @classmethod
    def of(cls, values: pl.Series) -> Self:
        """Return the numbers of `values`; times and durations as seconds."""
        apart = Unordered.of(values)
        return cls(apart.rows, apart.nulls, apart.nans, apart.infinities, apart.lowest, np.sort(apart.finite))

    @property
    def count(self) -> int:
        """The number of finite values."""
        return len(self.ordered)

    def at(self, places: Counts) -> Numbers:
        """Return the finite values at `places` in ascending order."""
        return self.ordered[places]

    def below(self, points: Numbers) -> Counts:
        """Return how many finite values are less than each of `points`."""
        return np.searchsorted(self.ordered, points, side="left")

    def up_to(self, points: Numbers) -> Counts:
        """Return how many finite values are not greater than each of `points`."""
        return np.searchsorted(self.ordered, points, side="right")

    def different(self, most: int) -> Numbers | None:
        """Return the different finite values, in ascending order; `None` where they are more than `most`."""
        found: list[float] = []
        at = 0
        while at < len(self.ordered):
            if len(found) == most:
                return None
            found.append(float(self.ordered[at]))
            at = int(np.searchsorted(self.ordered, found[-1], side="right"))
        return np.array(found)

    def mean(self) -> float | None:
        """Return the mean of the finite values; `None` without any, or where it overflows."""
        return finite_or_none(pl.Series(self.ordered).mean())

    def std(self) -> float | None:
        """Return the sample standard deviation of the finite values; `None` below two, or where it overflows."""
        return finite_or_none(pl.Series(self.ordered).std())


@dataclass(frozen=True, slots=True, eq=False)
class Categorical:
    """A column of texts or truth values.

    Attributes
    ----------
    rows, nulls
        Counts.
    counts
        Rows of each category, commonest first; false and true are the categories ``false`` and ``true``.
    """

    rows: int
    nulls: int
    counts: dict[str, int]

    @classmethod
    def of(cls, values: pl.Series) -> Self:
        """Return the categories of `values`."""
        present = values.drop_nulls() if values.null_count() else values
        if present.dtype == pl.Null:
            return cls(values.len(), values.null_count(), {})
        counted = present.rename("value").value_counts(name="count").with_columns(pl.col("value").cast(pl.String))
        counted = counted.sort("count", "value", descending=[True, False])
        return cls(values.len(), values.null_count(), dict(counted.iter_rows()))


def common_dtype(left: pl.DataType, right: pl.DataType) -> pl.DataType | None:
    """Return the dtype in which values of both can be compared without loss; None where there is none.

    Of times of different units that is the finer one; times without a zone are in UTC.
    """
    if isinstance(left, _TEXTS) and isinstance(right, _TEXTS):
        return pl.String() if left != right or isinstance(left, pl.Categorical) else left
    if left == right:
        return left
    if left.is_float() and right.is_float():
        return pl.Float64()
    if left.is_integer() and right.is_integer():
        return pl.Int128() if {pl.UInt64(), pl.Int128(), pl.UInt128()} & {left, right} else pl.Int64()
    if left.is_decimal() and right.is_decimal():
        return _common_decimal(left, right)
    if pl.Float64() in (left, right) and (isinstance(left, _EXACT_IN_FLOATS) or isinstance(right, _EXACT_IN_FLOATS)):
        return pl.Float64()
    return _common_time(left, right)


def _common_time(left: pl.DataType, right: pl.DataType) -> pl.DataType | None:
    for kinds in ((pl.Duration,), (pl.Datetime, pl.Date)):
        if isinstance(left, kinds) and isinstance(right, kinds):
            finer = next(unit for unit in NANOSECONDS if unit in units(left, right))
            return pl.Duration(finer) if kinds == (pl.Duration,) else pl.Datetime(finer, _zone(left, right))
    return None


def units(left: pl.DataType, right: pl.DataType) -> set[TimeUnit]:
    """Return the units of two times; a date counts as coarse."""
    return {getattr(dtype, "time_unit", "ms") for dtype in (left, right)}


def _zone(left: pl.DataType, right: pl.DataType) -> str | None:
    zones = {getattr(dtype, "time_zone", None) for dtype in (left, right)}
    return zones.pop() if len(zones) == 1 else "UTC"


def _common_decimal(left: pl.DataType, right: pl.DataType) -> pl.DataType | None:
    assert isinstance(left, pl.Decimal)  # noqa: S101 - asked of decimals alone
    assert isinstance(right, pl.Decimal)  # noqa: S101
    scale = max(left.scale, right.scale)
    whole = max((dtype.precision or 38) - dtype.scale for dtype in (left, right))
    return pl.Decimal(38, scale) if whole + scale <= 38 else None
