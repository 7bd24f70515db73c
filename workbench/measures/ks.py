"""The Kolmogorov-Smirnov distance of values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.measures import Cells

    Numbers = NDArray[np.float64]
    Counts = NDArray[np.int64]

_GRID = 1 << 14


def ks(reference: Numbers, current: Numbers) -> float:
    """Return the largest distance between the two empirical distribution functions.

    Equals the statistic of ``scipy.stats.ks_2samp`` (N. Smirnov, 1939) without its merge of all values: both functions
    are looked up at 16,384 quantiles of each side; between two neighbours they are bounded by what they are there, and
    only where that bound exceeds the largest distance found are the values themselves looked at.
    """
    n, m = len(reference), len(current)
    points = np.union1d(_quantiles(reference), _quantiles(current))
    f_at, g_at = _at_most(reference, points) / n, _at_most(current, points) / m
    largest = float(np.max(np.abs(f_at - g_at)))
    before_f = np.searchsorted(reference, points[1:], side="left") / n
    before_g = np.searchsorted(current, points[1:], side="left") / m
    bound = np.maximum(before_f - g_at[:-1], before_g - f_at[:-1])
    unsure = np.flatnonzero(bound > largest + 1e-15)
    if not len(unsure):
        return largest
    inside = np.concatenate([_between(values, points[unsure], points[unsure + 1]) for values in (reference, current)])
    distances = np.abs(_at_most(reference, inside) / n - _at_most(current, inside) / m)
    return max(largest, float(distances.max(initial=0.0)))


def of_shares(one: Numbers, other: Numbers, widths: Numbers) -> Numbers:  # noqa: ARG001  bins of any width
    """Return the distance between shares of bins, over the last axis."""
    return np.asarray(np.abs(np.cumsum(one - other, axis=-1)).max(axis=-1))


def of_cells(cells: Cells) -> tuple[float, float]:
    """Return the largest distance at the ends of cells, and how much larger it may be within one.

    Both functions are known at the ends of each cell and rise within it: at any value inside, the first is at most what
    it is at the cell's end, the second at least what it is at its beginning, and the other way round.
    """
    f, g = (np.cumsum(side) / side.sum() for side in (cells.one, cells.other))
    largest = float(np.abs(f - g).max())
    before_f, before_g = np.append(0.0, f[:-1]), np.append(0.0, g[:-1])
    inside = np.where(cells.low < cells.high, np.maximum(f - before_g, g - before_f), 0.0)
    return largest, max(0.0, float(inside.max()) - largest)


def _quantiles(ordered: Numbers) -> Numbers:
    step = max(1, len(ordered) // _GRID)
    return np.append(ordered[::step], ordered[-1])


def _at_most(ordered: Numbers, points: Numbers) -> Counts:
    return np.searchsorted(ordered, points, side="right")


def _between(ordered: Numbers, after: Numbers, before: Numbers) -> Numbers:
    """Return the values strictly between each pair of `after` and `before`."""
    starts = np.searchsorted(ordered, after, side="right")
    stops = np.searchsorted(ordered, before, side="left")
    lengths = stops - starts
    offsets = np.repeat(starts - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
    return ordered[offsets + np.arange(int(lengths.sum()))]
