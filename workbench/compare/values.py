"""One column on one side of a comparison: its finite values in order, or its categories counted, the rest apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
import polars as pl

from workbench.compare.feature import as_numbers, finite_or_none

if TYPE_CHECKING:
    from workbench.compare.measures import Numbers

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


@dataclass(frozen=True, slots=True, eq=False)
class Unordered:
    """A column of numbers, times or durations that need not be sorted to be counted.

    Attributes
    ----------
    rows, nulls, nans, infinities
        Counts; infinities reach no other number.
    finite
        The finite values, as they come.
    """

    rows: int
    nulls: int
    nans: int
    infinities: int
    finite: Numbers

    @classmethod
    def of(cls, values: pl.Series) -> Self:
        """Return the numbers of `values`; times and durations as seconds."""
        present = values.drop_nulls() if values.null_count() else values
        numbers = as_numbers(present).to_numpy()
        finite = np.isfinite(numbers)
        if finite.all():
            return cls(values.len(), values.null_count(), 0, 0, numbers)
        nans = int(np.count_nonzero(np.isnan(numbers)))
        held = numbers[finite]
        return cls(values.len(), values.null_count(), nans, len(numbers) - nans - len(held), held)


@dataclass(frozen=True, slots=True, eq=False)
class Numeric:
    """A column of numbers, times or durations.

    Attributes
    ----------
    rows, nulls, nans, infinities
        Counts; infinities reach no other number.
    ordered
        The finite values, ascending.
    """

    rows: int
    nulls: int
    nans: int
    infinities: int
    ordered: Numbers

    @classmethod
    def of(cls, values: pl.Series) -> Self:
        """Return the numbers of `values`; times and durations as seconds."""
        apart = Unordered.of(values)
        ordered = pl.Series(apart.finite).sort().to_numpy()  # a third less work than NumPy has with it
        return cls(apart.rows, apart.nulls, apart.nans, apart.infinities, ordered)

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
