"""The order of rows by some of their columns: nulls first, NaN last, as Polars sorts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

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
