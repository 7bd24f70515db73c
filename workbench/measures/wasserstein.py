"""The first Wasserstein distance of values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.measures import Cells

    Numbers = NDArray[np.float64]
    Counts = NDArray[np.int64]

_BLOCK = 1 << 16


def wasserstein(reference: Numbers, current: Numbers) -> float:
    """Return the mean distance that values must move to turn one distribution into the other, in their own unit.

    The first Wasserstein distance as the integral of ``|F^-1(u) - G^-1(u)|`` over u in 0..1 (S. Vallender, Calculation
    of the Wasserstein distance between probability distributions on the line, 1974). Equals
    ``scipy.stats.wasserstein_distance``. Both quantile functions are steps of known places, so that no values need to
    be merged; blocks keep the memory small.
    """
    long, short = (reference, current) if len(reference) >= len(current) else (current, reference)
    n, m = len(long), len(short)
    with np.errstate(over="ignore", invalid="ignore"):
        if n == m:
            parts = (np.abs(long[at : at + _BLOCK] - short[at : at + _BLOCK]).sum() for at in range(0, n, _BLOCK))
            return float(sum(float(part) for part in parts) / n)
        return sum(_block(long, short, at, min(at + _BLOCK, n)) for at in range(0, n, _BLOCK))


def of_shares(one: Numbers, other: Numbers, widths: Numbers) -> Numbers:
    """Return the distance between shares of bins, over the last axis."""
    return np.asarray((np.abs(np.cumsum(one - other, axis=-1)) * widths).sum(axis=-1))


def of_cells(cells: Cells) -> tuple[float, float]:
    """Return the distance with all values in the middle of their cells, and what moving them there may have changed.

    To move a side's values costs at most half of a cell's width each, and by the triangle inequality the distance
    changes by no more than both sides cost together.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        middles, reach = cells.low / 2 + cells.high / 2, (cells.high - cells.low) / 2
        order = np.argsort(middles, kind="stable")
        n, m = int(cells.one.sum()), int(cells.other.sum())
        # whole numbers, since a gap between far values would multiply what shares are rounded by
        apart = np.abs(np.cumsum(cells.one[order]) * m - np.cumsum(cells.other[order]) * n)[:-1]
        moved = np.sum(cells.one * reach) / n + np.sum(cells.other * reach) / m
        return float(np.sum(apart * np.diff(middles[order]))) / n / m, float(moved)


def of_quantiles(expected: Numbers, ordered: Numbers, levels: Numbers) -> float:
    """Return the distance between the quantiles that are expected at some levels and those of values in order."""
    return float(np.mean(np.abs(np.quantile(ordered, levels) - expected)))


def _block(long: Numbers, short: Numbers, first: int, last: int) -> float:
    """Return the integral's part over the quantiles of ``long[first:last]``.

    Counted in steps of 1 / (n * m), each value of `long` lasts m of them and each of `short` n, so that beside one
    value of `long` stands one of `short`, or one and then the next.
    """
    n, m = len(long), len(short)
    starts = np.arange(first, last, dtype=np.int64) * m
    places = starts // n
    until = (places + 1) * n - starts
    shares = np.minimum(until, m) / m
    values = long[first:last]
    before = np.abs(values - short[places])
    after = np.abs(values - short[np.minimum(places + 1, m - 1)])
    after[until >= m] = 0.0
    return float(np.sum(before * shares + after * (1 - shares))) / n
