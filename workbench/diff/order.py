"""The order of rows by their keys: whether there is one, and the keys of two sides as integers that have it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
LOOKED_AT = 4_096
"""Rows of a part by which it is told whether that may be so, or whether rows are in order."""


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


INTEGERS = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32)


def _ranks(left: pl.Series, right: pl.Series) -> tuple[list[Codes], int] | None:
    """Return the ranks of the values of two columns among those of both, and how many ranks there may be."""
    dtype = left.dtype
    if dtype == pl.String:
        return _of_texts(left, right)
    if dtype.is_temporal() or dtype in INTEGERS:
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
    if not _has_runs([side.head(LOOKED_AT) for side in (left, right)]):
        return None
    runs = [side.rle().struct.unnest() for side in (left, right)]
    if sum(each.height for each in runs) * _RUNS > len(left) + len(right):
        return None
    ranks = pl.concat([each["value"] for each in runs]).rank("dense").fill_null(0).to_numpy().astype(np.int64)
    parts = np.split(ranks, [runs[0].height])
    rows = [np.repeat(part, each["len"].to_numpy()) for part, each in zip(parts, runs, strict=True)]
    return rows, int(ranks.max(initial=0)) + 1


def _has_runs(sides: Sequence[pl.Series]) -> bool:
    """Whether the texts may come in runs that are long enough, by the first of them: to find all runs takes time."""
    changes = sum(int((side.head(len(side) - 1) != side.tail(len(side) - 1)).sum()) for side in sides if len(side))
    return changes * _RUNS <= sum(map(len, sides))


_STEP = 1024


def longest_order(frames: Sequence[pl.DataFrame], keys: Sequence[str], time: str | None) -> tuple[str, ...]:
    """Return the most columns that all `frames` are sorted by: the first of `keys`, or `time` and then they."""
    orders = [tuple(keys)]
    if time is not None and keys[0] != time:
        orders.append((time, *(key for key in keys if key != time)))
    found = [_longest(frames, order) for order in orders]
    return max(found, key=len)


def _longest(frames: Sequence[pl.DataFrame], order: tuple[str, ...]) -> tuple[str, ...]:
    for length in range(len(order), 0, -1):
        if all(is_ordered(frame, order[:length]) for frame in frames):
            return order[:length]
    return ()


def is_ordered(frame: pl.DataFrame, order: Sequence[str]) -> bool:
    """Whether no row comes before the one above it."""
    count = frame.height - 1
    if count < 1:
        return True
    above, here = frame.select(order).head(count), frame.select(order).tail(count)
    both = pl.DataFrame([column.alias(f"{name}^") for name, column in zip(order, above.get_columns(), strict=True)])
    both = both.hstack(here.get_columns())
    after = _before(order, lambda name: pl.col(f"{name}^"), pl.col, or_equal=True)
    return bool(both.select(after.all()).item())


def below(frame: pl.DataFrame, cut: pl.DataFrame, order: Sequence[str]) -> int:
    """Return how many rows of a sorted frame come before `cut`, which is one row."""
    before = _before(order, pl.col, lambda name: pl.lit(cut[name]).first(), or_equal=False)
    keys = frame.select(order)
    blocks = int(keys.gather_every(_STEP).select(before.sum()).item())
    start = max(blocks - 1, 0) * _STEP
    return start + int(keys.slice(start, _STEP).select(before.sum()).item())


def _before(
    order: Sequence[str], one: Callable[[str], pl.Expr], other: Callable[[str], pl.Expr], *, or_equal: bool
) -> pl.Expr:
    found = pl.lit(value=or_equal)
    for name in reversed(order):
        left, right = one(name), other(name)
        less = (left < right).fill_null(left.is_null() & right.is_not_null())
        found = less | (left.eq_missing(right) & found)
    return found
