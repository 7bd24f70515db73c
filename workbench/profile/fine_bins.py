"""`FineBins`: a column of very many numbers, counted instead of sorted.

A value's bin is its distance from the middle of both sides, in units of their spread, rounded to a float of 16 bits.
That never orders two values the other way round, so that whatever the distribution is, a bin holds all values between
its ends: how many lie below a bin is exact, and a value of any rank is found by sorting one bin alone. Bins are a
thousandth as wide as they are far from the middle. One that holds very many values, for ties or for a second peak, is
sorted at once, as are the farthest ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from workbench.measures import Cells
from workbench.profile.feature import finite_or_none

if TYPE_CHECKING:
    from workbench.profile.values import Counts, Numbers

LARGE = 500_000
"""Where neither side has more values, all are sorted."""

_BINS = 1 << 16
_HEAVY = 1 / 500
"""A bin with a larger share of a side is sorted at once."""
_LARGEST_SORTED = 0.5
"""Where more of a side would be sorted, all of it is."""
_LOOKED_AT = 4096
_PART = 1 << 16
_COUNTED = 1 << 18
_BESIDE_ZERO = 2.0**-30
"""Of the spread: from a middle of zero, zero and minus zero would lie on either side."""
_FARTHEST = 1e150
"""Beyond, sums of squares overflow."""

_CODES = np.concatenate([np.arange(_BINS - 1, _BINS // 2 - 1, -1), np.arange(_BINS // 2)]).astype(np.uint16)
"""The bits of all floats of 16 bits, in ascending order, a NaN at either end."""
_RANKS = np.argsort(_CODES).astype(np.uint16)
_LOWEST, _HIGHEST = (int(_RANKS[code]) for code in (0xFC00, 0x7C00))
"""The ranks of the infinities, which hold what is too far off as well."""

Codes = npt.NDArray[np.uint16]
Side = Literal["left", "right"]
Odd = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where bins are finest, and how far they reach."""

    middle: float
    factor: float

    @classmethod
    def of(cls, *sides: Numbers) -> _Scale | None:
        """Return the scale for some of the values; `None` where they are all the same, or too far for floats."""
        some = np.concatenate([side[:: max(1, len(side) // _LOOKED_AT)] for side in sides])
        some = some[np.isfinite(some)]
        if not len(some) or np.abs(some).max() > _FARTHEST:
            return None
        middle = float(np.median(some))
        distances = np.abs(some - middle)
        apart = distances[distances > 0]
        spread = float(np.median(apart)) if len(apart) else 0.0
        if spread <= 1 / _FARTHEST:
            return None
        return cls(middle or _BESIDE_ZERO * spread, 1 / spread)

    @np.errstate(over="ignore", under="ignore", invalid="ignore")
    def codes(self, numbers: Numbers) -> Codes:
        """Return the bits of the bin of each number."""
        found = np.empty(len(numbers), dtype=np.float16)
        held = np.empty(min(_PART, len(numbers)))
        for start in range(0, len(numbers), _PART):
            some = numbers[start : start + _PART]
            scaled = np.subtract(some, self.middle, out=held[: len(some)])
            found[start : start + _PART] = np.multiply(scaled, self.factor, out=scaled)
        return found.view(np.uint16)

    def ends(self, ranks: Counts) -> tuple[Numbers, Numbers]:
        """Return what the values of finite bins are not below and not above, for all that arithmetic rounds."""
        before, at, after = (_CODES[ranks + step].view(np.float16).astype(np.float64) for step in (-1, 0, 1))
        sides = []
        for neighbour, outwards in ((before, -1.0), (after, 1.0)):
            off = (at + np.clip(neighbour, -(2.0**16), 2.0**16)) / 2 / self.factor  # beyond, all is infinite
            end = self.middle + off
            rounded = np.abs(off) * 2.0**-50 + 4 * (np.spacing(abs(self.middle)) + np.spacing(np.abs(end)))
            sides.append(end + outwards * rounded)
        return sides[0], sides[1]


@dataclass(slots=True, eq=False)
class FineBins:
    """A column of numbers, times or durations.

    Attributes
    ----------
    rows, nulls, nans, infinities, lowest
        As of `Numeric`.
    count
        The number of finite values.
    """

    rows: int
    nulls: int
    nans: int
    infinities: int
    lowest: int
    count: int
    _series: pl.Series
    _values: Numbers
    _codes: Codes
    _scale: _Scale
    _counts: Counts
    """Finite values in each bin, by its rank; the infinities are taken out."""
    _sorted: dict[int, Numbers] = field(default_factory=dict)
    _expected: Counts = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    """Ranks of bins to be sorted with the next ones."""

    @classmethod
    def pair(
        cls, reference: pl.Series, current: pl.Series, *, places: Callable[[int], Counts]
    ) -> tuple[FineBins, FineBins] | None:
        """Return both sides, counted in the same bins; `None` where that is no use.

        The reference's values at `places`, and all in the same bins, are sorted first.
        """
        if max(reference.len(), current.len()) <= LARGE or reference.dtype != pl.Float64 != current.dtype:
            return None
        values = _floats(reference), _floats(current)
        scale = _Scale.of(*values)
        if scale is None:
            return None
        sides = cls._counted(reference, values[0], scale), cls._counted(current, values[1], scale)
        if not all(side.count for side in sides):
            return None
        asked = [side._heavy() for side in sides] + [sides[0]._ranks_at(places(sides[0].count))]
        asked += [side._ranks_at(np.array([0, side.count - 1])) for side in sides]
        ranks = np.unique(np.concatenate(asked))
        for side in sides:
            if side._counts[ranks].sum() > _LARGEST_SORTED * side.count or side._reach() > _FARTHEST:
                return None
            side._expected = ranks
        return sides

    @classmethod
    def _counted(cls, series: pl.Series, values: Numbers, scale: _Scale) -> FineBins:
        codes = scale.codes(values)
        counts = np.zeros(_BINS, dtype=np.int64)
        for start in range(0, len(codes), _COUNTED):
            counts += np.bincount(codes[start : start + _COUNTED], minlength=_BINS)
        counts = counts[_CODES]
        unknown = int(counts[:_LOWEST].sum() + counts[_HIGHEST + 1 :].sum())
        counts[:_LOWEST] = counts[_HIGHEST + 1 :] = 0
        nulls = series.null_count()
        found = cls(series.len(), nulls, unknown - nulls, 0, 0, 0, series, values, codes, scale, counts)
        for rank in (_LOWEST, _HIGHEST):
            found._take_infinities(rank)
        found.infinities = series.len() - unknown - int(counts.sum())
        found.count = int(counts.sum())
        return found

    def _take_infinities(self, rank: int) -> None:
        if not self._counts[rank]:
            return
        held = self._within(np.array([rank]))
        finite = held[np.isfinite(held)]
        if rank == _LOWEST:
            self.lowest = len(held) - len(finite)
        self._counts[rank] = len(finite)
        self._sorted[rank] = np.sort(finite)

    def at(self, places: Counts) -> Numbers:
        """Return the finite values at `places` in ascending order."""
        ranks = self._ranks_at(places)
        self._sort(ranks)
        before = self._before()
        return np.array(
            [self._sorted[rank][place - before[rank]] for rank, place in zip(ranks.tolist(), places, strict=True)]
        )

    def below(self, points: Numbers) -> Counts:
        """Return how many finite values are less than each of `points`."""
        return self._count(points, "left")

    def up_to(self, points: Numbers) -> Counts:
        """Return how many finite values are not greater than each of `points`."""
        return self._count(points, "right")

    def different(self, most: int) -> None:
        """Return nothing: a few values fill a few bins, so that nearly all would be sorted one by one, and all are."""

    def mean(self) -> float | None:
        """Return the mean of the finite values; `None` without any."""
        return finite_or_none(self._finite().mean())

    def std(self) -> float | None:
        """Return the sample standard deviation of the finite values; `None` below two."""
        return finite_or_none(self._finite().std())

    def cells(self, other: FineBins) -> Cells:
        """Return both sides' values in cells: each value by itself where its bin is sorted, else the bin."""
        sides = self, other
        asked = sorted({*self._sorted, *other._sorted})
        single = [rank for rank in asked if all(rank in side._sorted or not side._counts[rank] for side in sides)]
        unsorted = self._counts + other._counts > 0
        unsorted[single] = False
        bins = np.flatnonzero(unsorted)
        low, high = self._scale.ends(bins)
        held = [_joined([side._sorted[rank] for rank in single if rank in side._sorted]) for side in sides]
        values = np.sort(np.concatenate(held), kind="stable")  # two runs in order
        values = values[np.append(True, values[1:] != values[:-1])] if len(values) else values
        ones = [np.diff(np.searchsorted(each, values, side="right"), prepend=0) for each in held]
        order = np.argsort(np.concatenate([bins, self._ranks(values)]), kind="stable")
        one, two = (np.concatenate([side._counts[bins], each])[order] for side, each in zip(sides, ones, strict=True))
        return Cells(np.concatenate([low, values])[order], np.concatenate([high, values])[order], one, two)

    def places(self, edges: Numbers, *, side: Side, odd: Odd) -> Callable[[int, int], Counts]:
        """Return what finds the places among `edges` of the rows from one to before another, as `np.searchsorted`.

        Only what shares a bin with an edge, and what is farthest off, is compared with edges. `odd` are the places of
        null, NaN, infinity and minus infinity.
        """
        at = self._ranks(edges)
        asked = np.uint16(len(edges) + max(odd) + 1)
        steps = np.searchsorted(at, np.arange(_BINS), side="left").astype(np.uint16)
        steps[[*at.tolist(), _LOWEST, _HIGHEST]] = asked
        steps[:_LOWEST] = steps[_HIGHEST + 1 :] = odd[1] if self.nans else odd[0]
        by_code = steps[_RANKS]
        nulls = self._series.is_null().to_numpy() if self.nulls and self.nans else None

        def place(first: int, last: int) -> Counts:
            found = by_code.take(self._codes[first:last])
            (where,) = (found == asked).nonzero()
            values = self._values[first:last].take(where)
            exact = np.searchsorted(edges, values, side=side)
            exact[values == np.inf], exact[values == -np.inf] = odd[2:]
            found[where] = exact
            if nulls is not None:
                found[nulls[first:last]] = odd[0]
            return found  # type: ignore[return-value]  # whole numbers, of fewer bits

        return place

    def expect(self, points: Numbers) -> None:
        """Note what `below` and `up_to` will be asked, so that one pass over all values answers it."""
        self._expected = np.union1d(self._expected, self._ranks(points))

    def _count(self, points: Numbers, side: Side) -> Counts:
        ranks = self._ranks(points)
        self._sort(np.unique(ranks))
        before = self._before()[ranks]
        none = np.empty(0)
        inside = [
            np.searchsorted(self._sorted.get(rank, none), point, side=side)
            for rank, point in zip(ranks.tolist(), points, strict=True)
        ]
        return before + np.array(inside, dtype=np.int64)

    def _ranks(self, numbers: Numbers) -> Counts:
        return _RANKS[self._scale.codes(numbers)].astype(np.int64)

    def _ranks_at(self, places: Counts) -> Counts:
        return np.searchsorted(np.cumsum(self._counts), places, side="right")

    def _before(self) -> Counts:
        return np.cumsum(self._counts) - self._counts

    def _reach(self) -> float:
        """Return what no finite value is farther from zero than."""
        ranks = np.flatnonzero(self._counts)
        finite = ranks[(ranks > _LOWEST) & (ranks < _HIGHEST)]
        farthest = [*self._scale.ends(finite), *(self._sorted.get(rank, np.empty(0)) for rank in (_LOWEST, _HIGHEST))]
        return float(np.abs(np.concatenate(farthest)).max())

    def _heavy(self) -> Counts:
        return np.flatnonzero(self._counts > _HEAVY * self.count)

    def _sort(self, ranks: Counts) -> None:
        """Sort the values of some bins, in one pass over all."""
        if all(rank in self._sorted or not self._counts[rank] for rank in ranks.tolist()):
            return
        every = np.union1d(ranks, self._expected).tolist()
        asked = [rank for rank in every if rank not in self._sorted and self._counts[rank]]
        ordered = np.sort(self._within(np.array(asked)))
        parts = np.split(ordered, np.cumsum(self._counts[asked])[:-1])
        self._sorted.update(zip(asked, parts, strict=True))

    def _within(self, ranks: Counts) -> Numbers:
        flags = np.zeros(_BINS, dtype=np.bool_)
        flags[_CODES[ranks]] = True
        found = []
        for start in range(0, len(self._codes), _PART):
            (where,) = flags.take(self._codes[start : start + _PART]).nonzero()
            found.append(self._values[start : start + _PART].take(where))
        return _joined(found)

    def _finite(self) -> pl.Series:
        return self._series.filter(self._series.is_finite()) if self.nans or self.infinities else self._series


def _floats(series: pl.Series) -> Numbers:
    """Return the values, NaN for null."""
    return (series.fill_null(np.nan) if series.null_count() else series).to_numpy()


def _joined(parts: list[Numbers]) -> Numbers:
    return np.concatenate(parts) if parts else np.empty(0)
