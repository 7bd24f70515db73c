"""Two sides of a view, read together a part at a time: each part has all rows of both sides with certain keys.

Sides that are stored in the order of their keys, or of event time, are read once and abreast. Sides in no such order
are read several times, and each time the rows are kept whose keys fall into one class by their hash. So memory is
bounded by the size of a part, whatever the size of the sides.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from math import ceil

import numpy as np
import polars as pl

from workbench.compare.codes import Codes, are_ordered, codes_of
from workbench.compare.matched import Matched, match
from workbench.compare.order import below, is_ordered, longest_order

AT_ONCE = 262_144
"""Rows of each side in a part: a row group of a stored view."""

_SCATTERED = 4
"""How many times as many rows a part has that is read by hash."""

_LARGEST = 8
"""How many times as many rows a part may have that cannot be cut."""


_WAITING = 2
"""Parts that may be read before they were shown."""


class OutOfOrderError(Exception):
    """A side turned out not to be stored in the order that its first rows have."""


@dataclass(frozen=True, slots=True)
class Part:
    """All rows of both sides with certain keys.

    Attributes
    ----------
    left, right
        The rows.
    ordered
        Whether each side's are sorted by key.
    codes
        Their keys as integers, where these were made.
    """

    left: pl.DataFrame
    right: pl.DataFrame
    ordered: bool = True
    codes: tuple[Codes, Codes] | None = None


@dataclass(frozen=True, slots=True)
class Both:
    """Two sides' rows.

    Attributes
    ----------
    left, right
        The rows; key columns of both have the same dtypes.
    keys
        The columns that say which row is which; without any, rows are matched by their places.
    time
        The key that is the event time.
    heights
        The number of rows of each.
    at_once
        How many rows of each side a part has, more or less.
    """

    left: pl.LazyFrame
    right: pl.LazyFrame
    keys: tuple[str, ...]
    time: str | None
    heights: tuple[int, int]
    at_once: int = AT_ONCE

    def visit(self, begin: Callable[[], Callable[[Part, Matched], bool]]) -> None:
        """Show all parts, one after the other, to what `begin` returns, until it has seen enough and returns true.

        It is shown each part with its rows by key. Where a side turns out to be in no order, `begin` is called again,
        and all parts are shown to what it returns.
        """
        ways = [self._whole] if sum(self.heights) <= self.at_once else [self._abreast, self._by_hash]
        if not self.keys:
            ways = [self._by_place]
        for way in ways:
            try:
                _show(way(), self.keys, begin())
            except OutOfOrderError:
                continue
            return

    def _whole(self) -> Iterator[Part]:
        left, right = pl.collect_all([self.left, self.right], engine="streaming")
        yield Part(left.sort(self.keys), right.sort(self.keys))

    def _by_hash(self) -> Iterator[Part]:
        classes = ceil(max(self.heights) / (_SCATTERED * self.at_once))
        which = (
            sum((pl.col(key).hash(seed) for seed, key in enumerate(self.keys)), start=pl.lit(0, dtype=pl.UInt64))
            % classes
        )
        for number in range(classes):
            left, right = (
                frame.filter(which == number).collect(engine="streaming").rechunk() for frame in (self.left, self.right)
            )
            yield Part(left, right, ordered=False)

    def _by_place(self) -> Iterator[Part]:
        left, right = _Reader(self.left, self.at_once), _Reader(self.right, self.at_once)
        while True:
            left.fill()
            right.fill()
            heights = left.rows.height, right.rows.height
            rows = min(heights) or max(heights)
            if rows == 0:
                return
            yield Part(left.take(rows), right.take(rows))

    def _abreast(self) -> Iterator[Part]:
        left, right = _Reader(self.left, self.at_once), _Reader(self.right, self.at_once)
        left.fill()
        right.fill()
        order = longest_order([left.rows, right.rows], self.keys, self.time)
        if not order:
            raise OutOfOrderError
        rest = [key for key in self.keys if key not in order]
        while part := _next(left, right, order, most=_LARGEST * self.at_once):
            yield Part(part.left.sort(*order, *rest), part.right.sort(*order, *rest)) if rest else part


def _show(parts: Iterator[Part], keys: Sequence[str], show: Callable[[Part, Matched], bool]) -> None:
    """Show each part while the next one is matched, and the one after that is read."""
    named = partial(ThreadPoolExecutor, 1, thread_name_prefix="compare")
    with named() as matching, named() as showing:
        waiting: deque[Future[bool]] = deque()
        for part in parts:
            matched = matching.submit(match, part, keys)
            waiting.append(showing.submit(lambda part, matched: show(part, matched.result()), part, matched))
            if len(waiting) == _WAITING and waiting.popleft().result():
                break
        for shown in waiting:
            if shown.result():
                return


def _next(left: _Reader, right: _Reader, order: Sequence[str], *, most: int) -> Part | None:
    """Return the rows of both up to where one of them must be read on; None at the end.

    Whether rows are in order is looked at with the last row of those before them, which always stays behind.
    """
    while True:
        left.fill()
        right.fill()
        codes = codes_of(left.rows, right.rows, order)
        if codes is None:
            in_order = all(is_ordered(reader.rows, order) for reader in (left, right))
        else:
            in_order = all(are_ordered(side) for side in codes)
        if not in_order:
            raise OutOfOrderError
        rows = _until_cut(left, right, order, codes)
        if any(rows):
            known = None if codes is None else (codes[0][: rows[0]], codes[1][: rows[1]])
            return Part(left.take(rows[0]), right.take(rows[1]), codes=known)
        if left.ended and right.ended:
            return None
        for reader in (left, right):  # all that is there has one key: there may be more of it
            if reader.rows.height > most:
                raise OutOfOrderError
            reader.fill(reader.rows.height + 1)


def _until_cut(
    left: _Reader, right: _Reader, order: Sequence[str], codes: tuple[Codes, Codes] | None
) -> tuple[int, int]:
    """Return how many rows of each come before the first key that may have more rows than are read."""
    unread = [place for place, reader in enumerate((left, right)) if not reader.ended]
    if not unread:
        return left.rows.height, right.rows.height
    if codes is not None:
        least = min(codes[place][-1] for place in unread)
        return int(np.searchsorted(codes[0], least)), int(np.searchsorted(codes[1], least))
    ends = [(left, right)[place].rows.tail(1) for place in unread]
    cut = ends[0] if len(ends) == 1 or not below(ends[1], ends[0], order) else ends[1]
    return below(left.rows, cut, order), below(right.rows, cut, order)


class _Reader:
    """A side's rows, batch by batch, in the order in which they are stored."""

    def __init__(self, frame: pl.LazyFrame, size: int) -> None:
        self.rows = pl.DataFrame(schema=frame.collect_schema())
        self.ended = False
        self._size = size
        self._batches = frame.collect_batches(chunk_size=size, maintain_order=True)

    def fill(self, rows: int | None = None) -> None:
        """Read on until there are as many rows as a part has, or `rows`, or no more."""
        batches = [self.rows]
        height = self.rows.height
        while height < (rows or self._size) and not self.ended:
            batch = next(self._batches, None)
            self.ended = batch is None
            if batch is not None:
                batches.append(batch)
                height += batch.height
        if len(batches) > 1:
            self.rows = pl.concat(batches)

    def take(self, count: int) -> pl.DataFrame:
        """Return the first rows, which are then no longer there."""
        taken, self.rows = self.rows.head(count), self.rows.slice(count)
        return taken
