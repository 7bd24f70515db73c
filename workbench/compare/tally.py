"""What is counted of a column while two sides are read part by part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import fsum, isfinite
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from workbench.compare.feature import finite_or_none

if TYPE_CHECKING:
    import numpy.typing as npt

    from workbench.compare.matched import Matched
    from workbench.compare.pair import Pair

SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Of which shares of the differing values the quantiles are given."""

SAMPLE = 1_000_000
"""From how many differences at most they are taken."""

DIFFERENCE = "right - left"
"""The column of the worst rows that says by how much; no column's own name has spaces."""

_SIZE = "size of the difference"


@dataclass(slots=True)
class Tally:
    """How the values of a pair of columns differ, in the rows that both sides have.

    Attributes
    ----------
    pair
        The columns.
    keys
        The key columns, to find rows by.
    names
        What the two values are called in `worst`.
    most
        How many rows are kept that differ most.
    differs
        In how many rows so far the values differ.
    largest
        The largest finite absolute difference so far.
    """

    pair: Pair
    keys: Sequence[str]
    names: tuple[str, str]
    most: int
    differs: int = 0
    largest: float | None = None
    _kept: pl.DataFrame | None = None
    _sums: list[float] = field(default_factory=list)
    _measured: int = 0
    _sample: Sample = field(default_factory=lambda: Sample(SAMPLE))

    def add(self, rows: Matched) -> pl.Series | None:
        """Count the rows of a part; return where the values differ, or None where they do nowhere."""
        old, new = rows.left[self.pair.left], rows.right[self.pair.right]
        where = self.pair.differs(old, new)
        if where is None:
            return None
        self.differs += int(where.sum())
        old, new = old.filter(where), new.filter(where)
        differences = self.pair.differences(old, new)
        finite = differences.filter(differences.is_finite())
        if len(finite):
            sizes = finite.abs()
            self._sums.append(float(sizes.sum()))
            self._measured += len(finite)
            self.largest = max(self.largest or 0.0, float(sizes.max()))  # type: ignore[arg-type]  # there are some
            self._sample.add(finite.to_numpy())
        self._keep([rows.left[key].filter(where) for key in self.keys], old, new, differences)
        return where

    @property
    def worst(self) -> pl.DataFrame | None:
        """The rows that differ most, the worst first: keys, both values, `DIFFERENCE`; None without any."""
        return None if self._kept is None else self._kept.drop(_SIZE)

    @property
    def mean(self) -> float | None:
        """The mean of the finite absolute differences; None without any, or where they are too large to add."""
        return finite_or_none(fsum(self._sums) / self._measured) if self._measured and self._addable else None

    @property
    def quantiles(self) -> tuple[tuple[float, float], ...]:
        """Of each of `SHARES` the value which that share of the finite differences, right less left, is not above."""
        return self._sample.quantiles(SHARES)

    @property
    def _addable(self) -> bool:
        return all(isfinite(each) for each in self._sums)

    def _keep(self, keys: Sequence[pl.Series], old: pl.Series, new: pl.Series, differences: pl.Series) -> None:
        """Keep the rows that differ most: by size, then such without one, of equal ones those that came first."""
        if not self.most:
            return
        sizes = differences.abs().fill_nan(None).fill_null(-1.0)
        columns = [
            *keys,
            old.alias(self.names[0]),
            new.alias(self.names[1]),
            differences.alias(DIFFERENCE),
            sizes.alias(_SIZE),
        ]
        places = _first_largest(sizes, self.most)
        found = pl.DataFrame([column.gather(places) for column in columns])
        if self._kept is not None:
            found = pl.concat([self._kept, found])
        self._kept = found.sort(_SIZE, descending=True, maintain_order=True).head(self.most)


def _first_largest(values: pl.Series, count: int) -> pl.Series:
    """Return the places of the largest values; of equal ones the first."""
    if len(values) <= count:
        return pl.int_range(len(values), eager=True)
    least = values.top_k(count).min()
    above = (values > least).arg_true()
    return pl.concat([above, (values == least).arg_true().head(count - len(above))]).sort()


class Sample:
    """Numbers out of a stream: all of them, or where these are too many, each with the same chance."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._chance = np.random.default_rng(0)  # the same sample each time
        self._share = 1.0
        self._parts: list[npt.NDArray[np.float64]] = []
        self._size = 0

    def add(self, values: npt.NDArray[np.float64]) -> None:
        """Take more numbers."""
        taken = self._thinned(values, self._share) if self._share < 1 else values
        self._parts.append(taken)
        self._size += len(taken)
        while self._size > self._most:
            half = self._thinned(np.concatenate(self._parts), 0.5)
            self._parts, self._size, self._share = [half], len(half), self._share / 2

    def quantiles(self, shares: Sequence[float]) -> tuple[tuple[float, float], ...]:
        """Return each share with its quantile, linear between two numbers; nothing without numbers."""
        if not self._size:
            return ()
        found = np.quantile(np.concatenate(self._parts), shares)
        return tuple((share, float(value)) for share, value in zip(shares, found, strict=True))

    def _thinned(self, values: npt.NDArray[np.float64], share: float) -> npt.NDArray[np.float64]:
        return values[self._chance.random(len(values)) < share]


@dataclass(slots=True)
class Missing:
    """Nulls and NaN of a side's column, over all its rows."""

    rows: int = 0
    nulls: int = 0
    nans: int = 0

    def add(self, values: pl.Series) -> None:
        """Count a part's values."""
        self.rows += len(values)
        self.nulls += values.null_count()
        if values.dtype.is_float():
            self.nans += int(values.is_nan().sum())
