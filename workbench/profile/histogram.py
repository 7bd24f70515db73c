"""`Histogram`: at most 50 equal bins over the bulk of the values, with what lies outside counted apart."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Self

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_BINS = 50
_BINS = 32
_BULK = (0.005, 0.995)
_STRETCH = 1.6
_HALVES = 2.0**50  # beyond, a float cannot hold the half between two whole numbers


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of values in equal bins.

    Attributes
    ----------
    edges
        One more than there are bins. Bins are half-open ``[a, b)``, the last one closed. Two equal edges: constant.
    counts
        Values in each bin.
    below, above
        Values outside the edges: where a few far values would squeeze all others into one bin, the edges span the
        0.5th to the 99.5th percentile only.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    below: int = 0
    above: int = 0

    @classmethod
    def of(cls, ordered: pl.Series, *, whole: bool) -> Self:
        """Return the histogram of a Float64 series in ascending order, without null, NaN or infinities."""
        edges = edges_of(tuple(float(ordered[place]) for place in places_of(ordered.len())), whole=whole)
        cuts = ordered.search_sorted(pl.Series(edges), side="left").to_list()
        cuts[-1] = ordered.search_sorted(edges[-1], side="right")
        counts = tuple(after - before for before, after in pairwise(cuts))
        return cls(tuple(edges), counts, below=cuts[0], above=ordered.len() - cuts[-1])


def places_of(count: int) -> tuple[int, int, int, int]:
    """Return the places, in ascending order, of the values that `edges_of` takes: both ends, and those of the bulk."""
    last = count - 1
    return 0, round(_BULK[0] * last), round(_BULK[1] * last), last


def edges_of(values: Sequence[float], *, whole: bool) -> list[float]:
    """Return the edges of the values' histogram, by those at `places_of`."""
    lowest, _, _, highest = values
    if lowest == highest:
        return [lowest, highest]
    low, high = _bulk(*values)
    return _whole_edges(low, high) if whole and max(-low, high) < _HALVES else _even_edges(low, high)


def _bulk(lowest: float, low: float, high: float, highest: float) -> tuple[float, float]:
    """Return where the edges go: over all values, unless the outermost hundredth stretches them too far."""
    if low == high:
        return lowest, highest
    span = _STRETCH * (high - low)
    if highest - lowest <= span:
        return lowest, highest
    reach = (span - (high - low)) / 2
    return (lowest if low - lowest <= reach else low), (highest if highest - high <= reach else high)


def _whole_edges(low: float, high: float) -> list[float]:
    width = max(1, -(-int(high - low + 1) // (MAX_BINS if high - low < MAX_BINS else _BINS)))
    bins = -(-int(high - low + 1) // width)
    return [low - 0.5 + width * step for step in range(bins + 1)]


def _even_edges(low: float, high: float) -> list[float]:
    # Halves first: the difference of the largest floats is infinite.
    edges = [low * (1 - step / _BINS) + high * (step / _BINS) for step in range(_BINS + 1)]
    return [low, *edges[1:-1], high]
