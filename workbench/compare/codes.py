"""Keys as integers: one for each row of two sides, in the order of the keys, equal where the keys are.

Where few columns make up a key and many rows in a row have the same text, integers are made quickly, and rows that are
sorted by them are matched by merging, without hashing or joining.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import polars as pl

if TYPE_CHECKING:
    import numpy.typing as npt

Codes: TypeAlias = "npt.NDArray[np.int64]"
Mask: TypeAlias = "npt.NDArray[np.bool_]"

_ROOM = 2**62
_RUNS = 8
"""Rows that have the same text one after the other, on average, from which on its rank is found run by run."""


def codes_of(left: pl.DataFrame, right: pl.DataFrame, keys: Sequence[str]) -> tuple[Codes, Codes] | None:
    """Return both sides' keys as integers; None where there is no room for them, or making them would be slow.

    Nulls come first, else the order is that of the values.
    """
    sides: list[Codes] = []
    room = _ROOM
    for key in keys:
        ranked = _ranks(left[key], right[key])
        if ranked is None or ranked[1] > room:
            return None
        ranks, span = ranked
        room //= span
        for side, rank in zip(sides, ranks, strict=False):
            np.multiply(side, span, out=side)
            np.add(side, rank, out=side)
        sides = sides or [np.array(rank) for rank in ranks]
    return sides[0], sides[1]


def are_ordered(codes: Codes, *, strictly: bool = False) -> bool:
    """Whether no code is less than the one before it; `strictly`: and none is equal."""
    return bool(np.all(codes[1:] > codes[:-1] if strictly else codes[1:] >= codes[:-1]))


def on_both(left: Codes, right: Codes) -> tuple[Mask, Mask]:
    """Return for two strictly ordered sides which codes the other has too."""
    every = np.concatenate([left, right])
    order = np.argsort(every, kind="stable")  # two runs are merged, not sorted
    merged = every[order]
    twice = merged[1:] == merged[:-1]
    shared = np.zeros(len(every), dtype=np.bool_)
    shared[:-1] = twice
    shared[1:] |= twice
    found = np.empty_like(shared)
    found[order] = shared
    return found[: len(left)], found[len(left) :]


def _ranks(left: pl.Series, right: pl.Series) -> tuple[list[Codes], int] | None:
    """Return the ranks of the values of two columns among those of both, and how many ranks there may be."""
    dtype = left.dtype
    if dtype == pl.String:
        return _of_texts(left, right)
    if dtype.is_temporal() or dtype in (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32):
        return _of_integers([side.to_physical().cast(pl.Int64) for side in (left, right)])
    return None


def _of_integers(sides: list[pl.Series]) -> tuple[list[Codes], int] | None:
    ends = [int(end) for side in sides for end in (side.min(), side.max()) if end is not None]  # type: ignore[arg-type]  # integers
    if not ends:
        return [np.zeros(len(side), dtype=np.int64) for side in sides], 1
    least, span = min(ends), max(ends) - min(ends) + 2
    if span > _ROOM or abs(least) > _ROOM:
        return None
    return [(side - (least - 1)).fill_null(0).to_numpy() for side in sides], span


def _of_texts(left: pl.Series, right: pl.Series) -> tuple[list[Codes], int] | None:
    runs = [side.rle().struct.unnest() for side in (left, right)]
    if sum(each.height for each in runs) * _RUNS > len(left) + len(right):
        return None
    ranks = pl.concat([each["value"] for each in runs]).rank("dense").fill_null(0).to_numpy().astype(np.int64)
    parts = np.split(ranks, [runs[0].height])
    rows = [np.repeat(part, each["len"].to_numpy()) for part, each in zip(parts, runs, strict=True)]
    return rows, int(ranks.max(initial=0)) + 1
