"""Bins for numbers that are read once or twice and never held: where they lie, and how many values each holds."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

BINS = 40
WHOLE = 50
"""Whole numbers that span no more than this have a bin each."""

_BULK = (0.005, 0.995)
_STRETCH = 1.6
_FINE = 1024
_ZOOMS = 20
_FARTHEST = 8e307  # beyond, the difference of two floats may be infinite
_THINNEST = 1e-300  # below, a quotient may be no number
_HALVES = 2.0**50  # beyond, a float cannot hold the half between two whole numbers


@dataclass(frozen=True, slots=True)
class Bins:
    """Equally wide, half-open bins ``[low + i * width, low + (i + 1) * width)``; the last one is closed by `high`."""

    low: float
    high: float
    width: float
    count: int

    @property
    def edges(self) -> tuple[float, ...]:
        """Where each begins, and where the last one ends."""
        return (*(self.low + place * self.width for place in range(self.count)), self.high)

    def counted(self, numbers: pl.LazyFrame) -> list[int]:
        """Return how many of the only column's values are below, in each bin, and above; exact.

        Null, NaN and infinite values are in none.
        """
        value = pl.col(numbers.collect_schema().names()[0])
        place = ((value - self.low) / self.width).floor()
        # the quotient may be rounded over an edge; edges are what `edges` says, to the last bit
        place = (
            place
            - (value < self.low + place * self.width).cast(pl.Float64)
            + (value >= self.low + (place + 1) * self.width).cast(pl.Float64)
        )
        place = (
            pl.when(value < self.low)
            .then(-1)
            .when(value > self.high)
            .then(self.count)
            .otherwise(place.clip(0, self.count - 1))
        )
        found = numbers.filter(value.is_finite()).select(place.cast(pl.Int32).alias("place")).group_by("place").len()
        counts = dict(found.collect(engine="streaming").rows())
        return [counts.get(number, 0) for number in range(-1, self.count + 1)]


def bins_of(frames: Sequence[pl.LazyFrame], lowest: float, highest: float, *, whole: bool) -> Bins:
    """Return bins over the bulk of values: a few far ones, the outermost hundredth at most, may lie outside.

    Parameters
    ----------
    frames
        One Float64 column each.
    lowest, highest
        Of all their finite values.
    whole
        Whether these are whole numbers, which get bins of whole width around them.
    """
    whole = whole and max(-lowest, highest) < _HALVES
    if whole and highest - lowest < WHOLE:
        return Bins(lowest - 0.5, highest + 0.5, 1.0, int(highest - lowest) + 1)
    low, high = _bulk(frames, *(min(max(end, -_FARTHEST), _FARTHEST) for end in (lowest, highest)))
    if whole:
        low, high = float(ceil(low)), float(int(high) if high >= 0 else -ceil(-high))
        width = float(ceil((high - low + 1) / BINS))
        count = ceil((high - low + 1) / width)
        return Bins(low - 0.5, low - 0.5 + count * width, width, count)
    width = (high - low) / BINS
    if not _is_step(width, low, high):
        return Bins(low, high, 1.0, 1)
    return Bins(low, high, width, BINS)


def _bulk(frames: Sequence[pl.LazyFrame], lowest: float, highest: float) -> tuple[float, float]:
    """Return where bins go: over everything, unless the outermost hundredth stretches that too far."""
    low, high = lowest, highest
    for _ in range(_ZOOMS):
        width = (high - low) / _FINE
        if not _is_step(width, low, high):
            return low, high
        fine = Bins(low, high, width, _FINE)
        counts = [sum(each) for each in zip(*(fine.counted(frame) for frame in frames), strict=True)]
        first, last = _quantiles(counts)
        edges = (*fine.edges[:-1], high)
        bulk = edges[max(first - 1, 0)], edges[min(last, _FINE)]
        if high - low <= _STRETCH * (bulk[1] - bulk[0]):
            break
        low, high = bulk
    reach = (_STRETCH - 1) / 2 * (high - low)
    return low if low - lowest > reach else lowest, high if highest - high > reach else highest


def _is_step(width: float, low: float, high: float) -> bool:
    """Whether edges of this width differ from each other."""
    return width > _THINNEST and low + width != low and high - width != high


def _quantiles(counts: Sequence[int]) -> tuple[int, int]:
    """Return in which places the bulk begins and ends."""
    total, running = sum(counts), 0
    places: list[int] = []
    for place, count in enumerate(counts):
        running += count
        while len(places) < len(_BULK) and running >= _BULK[len(places)] * total and running:
            places.append(place)
    return places[0], places[-1]
