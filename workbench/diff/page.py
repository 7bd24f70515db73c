"""A page of the rows in which two sides of a view differ; only as much is read as it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Literal

import polars as pl

from workbench.diff.align import engine_errors

if TYPE_CHECKING:
    from workbench.diff.align import PairReader
    from workbench.diff.matching import MatchedRows, RowBlock
    from workbench.diff.pair import Pair

Kind = Literal["changed", "any", "added", "removed"]


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What a page is to show.

    Attributes
    ----------
    kind
        Rows of both sides that differ, or whether they do or not, or rows of one side alone.
    differing
        In which columns rows must differ, in any of them.
    shown
        The columns to show, with what the left and the right value are called.
    offset, limit
        Where it begins, and how many rows it has.
    """

    kind: Kind
    differing: Sequence[Pair]
    shown: Sequence[tuple[Pair, tuple[str, str]]]
    offset: int
    limit: int


def page(both: PairReader, wanted: PageRequest) -> pl.DataFrame:
    """Return the keys and both sides' values of the rows that are wanted."""
    found = _Found(both.keys, wanted)

    def begin() -> Callable[[RowBlock, MatchedRows], bool]:
        nonlocal found
        found = _Found(both.keys, wanted)
        return found.add

    with engine_errors():
        empty = found.pair_rows(*(pl.DataFrame(schema=frame.collect_schema()) for frame in (both.left, both.right)))
        if wanted.limit:
            both.visit(begin)
    return pl.concat([empty, *found.rows])


@dataclass(slots=True)
class _Found:
    keys: Sequence[str]
    wanted: PageRequest
    before: int = 0
    rows: list[pl.DataFrame] = field(default_factory=list)
    height: int = 0

    def add(self, part: RowBlock, rows: MatchedRows) -> bool:
        """Take what is wanted from a part; return whether the page is full."""
        if self.wanted.kind == "any":
            left, right = rows.left, rows.right
        elif self.wanted.kind != "changed":
            gone = self.wanted.kind == "removed"
            left, right = (rows.removed, part.right.clear()) if gone else (part.left.clear(), rows.added)
        else:
            where = [
                found
                for pair in self.wanted.differing
                if (found := pair.differs(rows.left[pair.left], rows.right[pair.right])) is not None
            ]
            if not where:
                return False
            left, right = (side.filter(reduce(or_, where)) for side in (rows.left, rows.right))
        if not part.ordered and self.keys:
            by = (left if left.height else right).select(pl.arg_sort_by(self.keys)).to_series()
            left, right = (side[by] if side.height else side for side in (left, right))
        start = max(self.wanted.offset - self.before, 0)
        self.before += max(left.height, right.height)
        left, right = (side.slice(start, self.wanted.limit - self.height) for side in (left, right))
        self.rows.append(self.pair_rows(left, right))
        self.height += self.rows[-1].height
        return self.height >= self.wanted.limit

    def pair_rows(self, left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
        """Return the rows of two sides as the page shows them; where one has none, nulls in their place."""
        height = max(left.height, right.height)
        keys = (left if left.height == height else right).select(self.keys)
        columns = [
            (
                side[name] if side.height == height else pl.repeat(None, height, dtype=side.schema[name], eager=True)
            ).alias(called)
            for pair, names in self.wanted.shown
            for side, name, called in ((left, pair.left, names[0]), (right, pair.right, names[1]))
        ]
        return keys.hstack(columns) if self.keys else pl.DataFrame(columns)
