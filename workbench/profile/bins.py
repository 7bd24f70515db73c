"""Bins frozen on the reference: both sides are counted in the same ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
import polars as pl

from workbench.profile.feature import TOP, truncate
from workbench.profile.fine_bins import FineBins
from workbench.profile.histogram import Histogram, edges_of, places_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.profile.values import Categorical, Counts, Numbers, Numeric

BINS = 10
"""Bins of equal share of the reference, as is the custom for the population stability index."""

DISCRETE = 20
"""A reference of at most so many different values, each held `FEWEST_NAMED` times on average, gets a bin for each."""

NAMED = 100
"""The reference's commonest categories that are counted each by itself; all others are one bin."""

FEWEST_NAMED = 5
"""Rarer categories of the reference are counted together."""

_AT_ONCE = 1 << 15
"""Numbers that stay in a core's cache."""

BinKind = Literal["values", "value", "below", "above", "other", "new", "null", "nan", "infinite"]


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin with both sides' rows.

    Attributes
    ----------
    kind
        ``values`` (an interval), ``value`` (one value or category), ``below`` and ``above`` the reference's range,
        ``other`` (numbers: between the reference's values; categories: its rarer ones), ``new`` (categories that the
        reference lacks, or values where it has none), ``null``, ``nan``, ``infinite``.
    label
        The category, or the kind.
    low, high
        An interval is half-open ``[low, high)``, the reference's last one closed; equal for one value; `None` for
        categories and where there is no end. Times are seconds since 1970 (UTC), durations seconds.
    reference, current
        Rows.
    """

    kind: BinKind
    label: str
    low: float | None
    high: float | None
    reference: int
    current: int


@dataclass(frozen=True, slots=True, eq=False)
class NumericBins:
    """Half-open intervals between ascending `edges`; a value that many rows share has an interval of its own.

    Attributes
    ----------
    edges
        The first is the reference's smallest value, the last the float after its largest. Empty for a reference
        without finite values.
    last
        The reference's largest value.
    discrete
        Whether every value of the reference has its own bin; then what lies between them is counted together.
    """

    edges: Numbers
    last: float
    discrete: bool

    @classmethod
    def of(cls, reference: Numeric | FineBins) -> Self:
        """Return the bins of the reference's finite values."""
        if not reference.count:
            return cls(np.empty(0), 0.0, discrete=False)
        values = reference.different(DISCRETE)
        if values is not None and len(values) * FEWEST_NAMED <= reference.count:
            return cls.each(values)
        quantiles = reference.at(tenths_of(reference.count))
        shared = quantiles[1:][quantiles[1:] == quantiles[:-1]]
        edges = np.unique(np.concatenate([quantiles[:1], quantiles[:-1], _around(shared), _after(quantiles[-1:])]))
        return cls(edges, float(quantiles[-1]), discrete=False)

    @classmethod
    def each(cls, values: Numbers) -> Self:
        """Return one bin for each of `values`, which ascend."""
        return cls(_around(values), float(values[-1]), discrete=True)

    def counts(self, side: Numeric | FineBins) -> Counts:
        """Return the rows of `side` in each bin: below, intervals, above, other, null, NaN, infinite, -infinite."""
        return self._counts(np.diff(side.below(self.edges), prepend=0, append=side.count), side)

    def places(self, values: pl.Series) -> Counts:
        """Return the bin of each of `values`, numbers in no order, as `counts` has the bins."""
        numbers = values.fill_null(0.0).to_numpy()
        steps = count_passed(self.edges, numbers)
        width = self.width - 4
        if self.discrete:
            steps = np.where(steps == len(self.edges), width - 2, np.where(steps % 2, steps // 2 + 1, width - 1))
            steps[numbers < self.edges[0]] = 0
        if not np.isfinite(numbers).all():
            steps[np.isnan(numbers)] = width + 1
            steps[numbers == np.inf] = width + 2
            steps[numbers == -np.inf] = width + 3
        if values.null_count():
            steps[values.is_null().to_numpy()] = width
        return steps

    def places_of(self, side: FineBins) -> Callable[[int, int], Counts]:
        """Return what finds the bins of some rows of `side`, where bins are not discrete."""
        width = self.width - 4
        return side.places(self.edges, side="right", odd=(width, width + 1, width + 2, width + 3))

    @property
    def width(self) -> int:
        """The number of bins."""
        if not len(self.edges):
            return 1 + 4
        inside = len(self.edges) - 1
        return 2 + (inside // 2 + 2 if self.discrete else inside) + 4

    def _counts(self, steps: Counts, side: Numeric | FineBins) -> Counts:
        """Return the counts of all bins from those between the edges."""
        below, inside, above = (
            (steps[:1], steps[1:-1], steps[-1:]) if len(self.edges) else (steps[:0], steps[:0], steps)
        )
        other = inside[1::2].sum(keepdims=True) if self.discrete else inside[:0]
        if self.discrete:
            inside = inside[::2]
        odd = [side.nulls, side.nans, side.infinities - side.lowest, side.lowest]
        return np.concatenate([below, inside, above, other, odd]).astype(np.int64)

    def bins(self, reference: Counts, current: Counts) -> tuple[Bin, ...]:
        """Return the bins with what `counts` returned for the two sides; what is empty on both is left out."""
        odd: list[tuple[BinKind, str]] = [("null", "null"), ("nan", "nan")]
        odd += [("infinite", "infinite"), ("infinite", "-infinite")]
        named = [
            *((kind, f"{low:.6g}" if kind == "value" else kind, low, high) for kind, low, high in self._intervals()),
            *((kind, label, None, None) for kind, label in odd),
        ]
        found = (
            Bin(kind, label, low, high, int(one), int(two))
            for (kind, label, low, high), one, two in zip(named, reference, current, strict=True)
        )
        return tuple(one for one in found if one.reference or one.current)

    def _intervals(self) -> list[tuple[BinKind, float | None, float | None]]:
        if not len(self.edges):
            return [("new", None, None)]
        first = float(self.edges[0])
        lows, highs = self.edges[:-1], np.append(self.edges[1:-1], self.last)
        pairs = [(float(low), float(high)) for low, high in zip(lows, highs, strict=True)]
        if self.discrete:
            pairs = pairs[::2]
        inside: list[tuple[BinKind, float | None, float | None]] = [
            ("value", low, low) if self.discrete or high <= math.nextafter(low, math.inf) else ("values", low, high)
            for low, high in pairs
        ]
        other: list[tuple[BinKind, float | None, float | None]] = [("other", None, None)] if self.discrete else []
        return [("below", None, first), *inside, ("above", self.last, None), *other]


@dataclass(frozen=True, slots=True, eq=False)
class CategoryBins:
    """The reference's commonest categories each by itself, and all others together.

    A category that the reference holds fewer than `FEWEST_NAMED` times counts like one that it lacks: which of the rare
    ones a sample holds is chance (I. Good, The population frequencies of species and the estimation of population
    parameters, 1953), and a column in which every row has its own text has not drifted when it goes on so.
    """

    names: tuple[str, ...]
    known: frozenset[str]

    @classmethod
    def of(cls, reference: Categorical) -> Self:
        """Return the bins of the reference's categories."""
        names = [name for name, count in reference.counts.items() if count >= FEWEST_NAMED]
        return cls(tuple(names[:NAMED]), frozenset(reference.counts))

    def counts(self, side: Categorical) -> Counts:
        """Return the rows of `side` in each bin: the names, all others, null."""
        named = [side.counts.get(name, 0) for name in self.names]
        return np.array([*named, side.rows - side.nulls - sum(named), side.nulls], dtype=np.int64)

    def places(self, values: pl.Series) -> Counts:
        """Return the bin of each of `values`, as `counts` has the bins."""
        others, width = len(self.names), len(self.names) + 1
        held = values.cast(pl.String).to_frame("name")
        known = pl.DataFrame(
            {"name": self.names, "place": range(others)}, schema={"name": pl.String, "place": pl.Int64}
        )
        found = held.join(known, on="name", how="left", maintain_order="left")
        place = pl.when(pl.col("name").is_null()).then(width).otherwise(pl.col("place").fill_null(others))
        return found.select(place.cast(pl.Int64).alias("place"))["place"].to_numpy()

    def bins(self, reference: Categorical, current: Categorical) -> tuple[Bin, ...]:
        """Return at most 20 categories by name, then the others, those that the reference lacks, and null."""
        found = [
            Bin("value", truncate(name), None, None, reference.counts[name], current.counts.get(name, 0))
            for name in self.names[:TOP]
        ]
        new = sum(count for name, count in current.counts.items() if name not in self.known)
        one = reference.rows - reference.nulls - sum(shown.reference for shown in found)
        two = current.rows - current.nulls - sum(shown.current for shown in found) - new
        found.append(Bin("other", "other", None, None, one, two))
        found.append(Bin("new", "new", None, None, 0, new))
        found.append(Bin("null", "null", None, None, reference.nulls, current.nulls))
        return tuple(each for each in found if each.reference or each.current)


def histograms(
    reference: Numeric | FineBins, current: Numeric | FineBins, *, whole: bool
) -> tuple[Histogram, Histogram] | None:
    """Return both sides in the same equal bins over the bulk of the reference; `None` where it has no finite value."""
    if not reference.count:
        return None
    edges = histogram_edges(reference, whole=whole)
    return _histogram(reference, edges), _histogram(current, edges)


def histogram_edges(reference: Numeric | FineBins, *, whole: bool) -> Numbers:
    """Return the edges of `histograms`."""
    return np.array(edges_of(reference.at(np.array(places_of(reference.count))).tolist(), whole=whole))


def _histogram(side: Numeric | FineBins, edges: Numbers) -> Histogram:
    ends = np.append(side.below(edges[:-1]), side.up_to(edges[-1:]))
    counts = tuple(int(count) for count in np.diff(ends))
    return Histogram(tuple(edges.tolist()), counts, below=int(ends[0]), above=side.count - int(ends[-1]))


def tenths_of(count: int) -> Counts:
    """Return the places of the reference's values, in ascending order, between which bins lie."""
    return np.unique([(count - 1) * step // BINS for step in range(BINS + 1)])


def count_finely(reference: pl.Series, current: pl.Series, *, whole: bool) -> tuple[FineBins, FineBins] | None:
    """Return both sides in fine bins, ready for `NumericBins` and `histograms`; `None` where it is no use."""
    sides = FineBins.pair(reference, current, places=lambda count: np.concatenate([tenths_of(count), places_of(count)]))
    if sides is None:
        return None
    points = np.concatenate([NumericBins.of(sides[0]).edges, histogram_edges(sides[0], whole=whole)])
    for side in sides:
        side.expect(points)
    return sides


def count_passed(edges: Numbers, numbers: Numbers) -> Counts:
    """Return how many of a few `edges` each number, in no order, is not below; of NaN nothing in particular.

    To compare with each edge takes a fifth of the time of a binary search, whose branches cannot be predicted.
    """
    steps = np.empty(len(numbers), dtype=np.int64)
    for start in range(0, len(numbers), _AT_ONCE):
        some = numbers[start : start + _AT_ONCE]
        passed = np.zeros(len(some), dtype=np.int16)
        for edge in edges:
            passed += some >= edge
        steps[start : start + _AT_ONCE] = passed
    return steps


def _around(values: Numbers) -> Numbers:
    """Return each value and the float after it: the edges of an interval that holds nothing else."""
    return np.stack([values, _after(values)], axis=1).ravel()


def _after(values: Numbers) -> Numbers:
    with np.errstate(over="ignore"):  # after the largest float comes infinity
        return np.nextafter(values, np.inf)
