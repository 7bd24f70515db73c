"""The population stability index of shares of bins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Counts = NDArray[np.int64]

SMALLEST_SHARE = 1e-4
"""In `psi`, a smaller share of a bin counts as this one."""


def psi(reference: Counts, current: Counts) -> float:
    """Return the population stability index: the sum of ``(q - p) * ln(q / p)`` over bins.

    Shares below `SMALLEST_SHARE` count as that: an empty bin would make the index infinite, and a bin with a few rows
    among millions would weigh as much as one that matters. Where every bin holds more, this is the plain formula.
    By rule of thumb below 0.1 is little and above 0.25 is much (N. Siddiqi, Credit Risk Scorecards, 2006); it is
    Jeffreys' divergence (H. Jeffreys, Theory of Probability, 1946).
    """
    return float(of_shares(reference / reference.sum(), current / current.sum(), np.empty(0)))


def of_shares(one: Numbers, other: Numbers, widths: Numbers) -> Numbers:  # noqa: ARG001  bins of any width
    """Return `psi` over the last axis of arrays of shares."""
    p, q = np.maximum(one, SMALLEST_SHARE), np.maximum(other, SMALLEST_SHARE)
    return np.asarray(np.sum((q - p) * np.log(q / p), axis=-1))
