"""How far apart two distributions are: effect sizes, which do not grow with the rows as p-values do.

`psi` and `jensen_shannon` compare shares of bins, `kolmogorov_smirnov` and `wasserstein` the values themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

Measure = Literal["psi", "jensen_shannon", "ks", "wasserstein"]

if TYPE_CHECKING:
    from workbench.profile import Counts, Numbers

SMALLEST_SHARE = 1e-4
"""In `psi`, a smaller share of a bin counts as this one."""

_GRID = 1 << 14
_BLOCK = 1 << 16


def psi(reference: Counts, current: Counts) -> float:
    """Return the population stability index: the sum of ``(q - p) * ln(q / p)`` over bins.

    Shares below `SMALLEST_SHARE` count as that: an empty bin would make the index infinite, and a bin with a few rows
    among millions would weigh as much as one that matters. Where every bin holds more, this is the plain formula.
    By rule of thumb below 0.1 is little and above 0.25 is much (N. Siddiqi, Credit Risk Scorecards, 2006); it is
    Jeffreys' divergence (H. Jeffreys, Theory of Probability, 1946).

    Parameters
    ----------
    reference, current
        Rows in each bin; the same bins, at least one row each.

    Returns
    -------
    float
        Zero or more, without unit.
    """
    return float(psi_of_shares(reference / reference.sum(), current / current.sum()))


def psi_of_shares(reference: Numbers, current: Numbers) -> Numbers:
    """Return `psi` over the last axis of arrays of shares."""
    p, q = np.maximum(reference, SMALLEST_SHARE), np.maximum(current, SMALLEST_SHARE)
    return np.asarray(np.sum((q - p) * np.log(q / p), axis=-1))


def jensen_shannon(reference: Counts, current: Counts) -> float:
    """Return the Jensen-Shannon distance: the square root of the divergence in bits.

    J. Lin, Divergence measures based on the Shannon entropy, 1991; a metric by D. Endres and J. Schindelin, 2003.
    Equals ``scipy.spatial.distance.jensenshannon(p, q, base=2)``.

    Parameters
    ----------
    reference, current
        Rows in each bin; the same bins, at least one row each. Empty bins need no smoothing.

    Returns
    -------
    float
        From 0 (equal) to 1 (nothing in common).
    """
    return float(jensen_shannon_of_shares(reference / reference.sum(), current / current.sum()))


def jensen_shannon_of_shares(reference: Numbers, current: Numbers) -> Numbers:
    """Return `jensen_shannon` over the last axis of arrays of shares."""
    middle = (reference + current) / 2
    bits = np.zeros(np.shape(reference)[:-1])
    for share in (reference, current):
        held = share > 0
        ratio = np.divide(share, middle, out=np.ones_like(share), where=held)
        bits = bits + np.sum(share * np.log2(ratio), axis=-1) / 2
    return np.sqrt(np.clip(bits, 0.0, 1.0))


def kolmogorov_smirnov(reference: Numbers, current: Numbers) -> float:
    """Return the largest distance between the two empirical distribution functions.

    Equals the statistic of ``scipy.stats.ks_2samp`` (N. Smirnov, 1939) without its merge of all values: both functions
    are looked up at 16,384 quantiles of each side; between two neighbours they are bounded by what they are there, and
    only where that bound exceeds the largest distance found are the values themselves looked at.

    Parameters
    ----------
    reference, current
        Finite values in ascending order, at least one each.

    Returns
    -------
    float
        From 0 to 1; exact but for the rounding of floats.
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


def wasserstein(reference: Numbers, current: Numbers) -> float:
    """Return the mean distance that values must move to turn one distribution into the other, in their own unit.

    The first Wasserstein distance as the integral of ``|F^-1(u) - G^-1(u)|`` over u in 0..1 (S. Vallender, Calculation
    of the Wasserstein distance between probability distributions on the line, 1974). Equals
    ``scipy.stats.wasserstein_distance``. Both quantile functions are steps of known places, so that no values need to
    be merged; blocks keep the memory small.

    Parameters
    ----------
    reference, current
        Finite values in ascending order, at least one each.

    Returns
    -------
    float
        Zero or more; infinite where the values are too large for their difference to be a float.
    """
    long, short = (reference, current) if len(reference) >= len(current) else (current, reference)
    n, m = len(long), len(short)
    with np.errstate(over="ignore", invalid="ignore"):
        if n == m:
            parts = (np.abs(long[at : at + _BLOCK] - short[at : at + _BLOCK]).sum() for at in range(0, n, _BLOCK))
            return float(sum(float(part) for part in parts) / n)
        return sum(_block(long, short, at, min(at + _BLOCK, n)) for at in range(0, n, _BLOCK))


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
