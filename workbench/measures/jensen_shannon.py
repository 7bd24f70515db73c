"""The Jensen-Shannon distance of shares of bins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Counts = NDArray[np.int64]


def jensen_shannon(reference: Counts, current: Counts) -> float:
    """Return the Jensen-Shannon distance: the square root of the divergence in bits.

    J. Lin, Divergence measures based on the Shannon entropy, 1991; a metric by D. Endres and J. Schindelin, 2003.
    Equals ``scipy.spatial.distance.jensenshannon(p, q, base=2)``.
    """
    return float(of_shares(reference / reference.sum(), current / current.sum(), np.empty(0)))


def of_shares(one: Numbers, other: Numbers, widths: Numbers) -> Numbers:  # noqa: ARG001  bins of any width
    """Return `jensen_shannon` over the last axis of arrays of shares."""
    middle = (one + other) / 2
    bits = np.zeros(np.shape(one)[:-1])
    for share in (one, other):
        held = share > 0
        ratio = np.divide(share, middle, out=np.ones_like(share), where=held)
        bits = bits + np.sum(share * np.log2(ratio), axis=-1) / 2
    return np.sqrt(np.clip(bits, 0.0, 1.0))
