"""Exact quantiles of very many numbers, by counting: all but those near a quantile are never sorted.

A sample says between which values a quantile lies, more or less. These are cut at a few edges, and counted in one pass;
only the values between the two edges around a quantile are sorted then, so that it is exact wherever the edges lie.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from workbench.profile.values import Counts, Numbers

_SAMPLE = 1 << 16
_APART = 4.0
"""Standard deviations of a share of the sample between a quantile and the edges around it."""
_AT_ONCE = 1 << 15
"""Numbers that stay in a core's cache."""


def quantiles(batches: Callable[[], Iterable[Numbers]], count: int, shares: Sequence[float]) -> Numbers:
    """Return what `np.quantile` returns for the finite numbers that `batches` gives each time, `count` or fewer."""
    some = np.sort(np.concatenate([batch[:: max(1, count // _SAMPLE)] for batch in batches()]))
    edges = _edges(some, shares)
    counts = np.zeros(len(edges) + 1, dtype=np.int64)
    for part in _parts(batches()):
        counts += np.bincount(_cells(edges, part), minlength=len(counts))
    places = np.array(shares) * (counts.sum() - 1)
    low = np.floor(places).astype(np.int64)
    asked = np.concatenate([low, np.minimum(low + 1, counts.sum() - 1)])
    cells = np.searchsorted(np.cumsum(counts), asked, side="right")
    before = np.cumsum(counts) - counts
    held = _of_cells(batches(), edges, np.unique(cells))
    values = np.array([held[cell][place - before[cell]] for cell, place in zip(cells.tolist(), asked, strict=True)])
    one, two = np.split(values, 2)
    part = places - low
    with np.errstate(over="ignore", invalid="ignore"):
        apart = two - one  # as NumPy takes a linear quantile, to the bit
        return np.asarray(np.where(part < 0.5, one + apart * part, two - apart * (1 - part)))


def _edges(some: Numbers, shares: Sequence[float]) -> Numbers:
    """Return ascending edges: each value near a quantile, and the float after it, so that ties have their own cell."""
    many = len(some)
    off = [_APART * np.sqrt(share * (1 - share) * many) + 1 for share in shares]
    places = [share * (many - 1) + way * each for share, each in zip(shares, off, strict=True) for way in (-1, 1)]
    values = some[np.clip(places, 0, many - 1).astype(np.int64)]
    with np.errstate(over="ignore"):
        return np.unique(np.concatenate([values, np.nextafter(values, np.inf)]))


def _parts(batches: Iterable[Numbers]) -> Iterator[Numbers]:
    for batch in batches:
        yield from (batch[start : start + _AT_ONCE] for start in range(0, len(batch), _AT_ONCE))


def _cells(edges: Numbers, numbers: Numbers) -> Counts:
    passed = np.zeros(len(numbers), dtype=np.int8)
    for edge in edges:
        passed += numbers >= edge
    return passed.astype(np.int64)


def _of_cells(batches: Iterable[Numbers], edges: Numbers, cells: Counts) -> dict[int, Numbers]:
    """Return the values of some cells, each in ascending order."""
    low, high = np.append(-np.inf, edges), np.append(edges, np.inf)
    found: dict[int, list[Numbers]] = {cell: [] for cell in cells.tolist()}
    for part in _parts(batches):
        for cell, held in found.items():
            held.append(part[(part >= low[cell]) & (part < high[cell])])
    return {cell: np.sort(np.concatenate(held)) for cell, held in found.items()}
