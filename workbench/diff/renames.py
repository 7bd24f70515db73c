"""Columns that were renamed: a column is gone, another is new, and their values are the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from workbench.diff.pair import Pair

_ALIKE = 0.999
"""Share of the rows in common whose values must be equal."""

_TELLING = 0.9
"""Share, among the rows in which either has another value than the left column's commonest."""

_FIRST = 10_000
"""Rows by which the commonest value is found."""


@dataclass(slots=True)
class Guess:
    """A column that is gone and one that is new, and whether the second may be the first.

    Most flags are false, and most values of two sparse columns are equal by chance: equal values tell more where they
    are not the commonest one. A guess is dropped, and costs nothing from there on, as soon as too many values differ
    for it to come true.

    Attributes
    ----------
    pair
        The two columns.
    most
        In how many rows values may differ at most: a share of all rows that the sides can have in common.
    differs, telling, rows
        In how many rows so far they do; how many tell; how many there were.
    """

    pair: Pair
    most: int
    differs: int = 0
    telling: int = 0
    rows: int = 0
    _usual: pl.Series | None = field(default=None)

    @classmethod
    def about(cls, pair: Pair, heights: tuple[int, int]) -> Guess:
        """Return the guess that `pair` is a renamed column, of sides with so many rows."""
        return cls(pair, int((1 - _ALIKE) * min(heights)))

    @property
    def is_dead(self) -> bool:
        """Whether it cannot come true any more."""
        return self.differs > self.most

    @property
    def holds(self) -> bool:
        """Whether the values of nearly all rows are equal, and not by chance."""
        equal = self.telling - self.differs  # where values differ, one of them is not the usual one
        return not self.is_dead and self.telling > 0 and equal >= _TELLING * self.telling and self._nearly_all

    @property
    def is_constant(self) -> bool:
        """Whether both columns have one and the same value throughout, which is not null."""
        usual = self._usual is not None and self._usual.null_count() == 0
        return usual and self.rows > 0 and self.telling == 0

    @property
    def _nearly_all(self) -> bool:
        return self.rows - self.differs >= _ALIKE * self.rows

    def add(self, old: pl.Series, new: pl.Series) -> None:
        """Look at the two columns in the rows of a part."""
        if self.is_dead or not len(old):
            return
        where = self.pair.differs(old, new)
        self.differs += 0 if where is None else int(where.sum())
        self.rows += len(old)
        one, other = self.pair.comparable(old, new)
        if self._usual is None:
            self._usual = one.head(_FIRST).mode().head(1)
        both = pl.DataFrame([one.alias("one"), other.alias("other")])
        usual = pl.lit(self._usual).first()
        odd = pl.any_horizontal(pl.col("one").ne_missing(usual), pl.col("other").ne_missing(usual))
        self.telling += int(both.select(odd.sum()).item())


def find_renames(guesses: Sequence[Guess]) -> tuple[Guess, ...]:
    """Return the guesses that came true, at most one for each column: those with the fewest differences.

    Constant columns are taken for each other only where there is no choice.
    """
    found: list[Guess] = []
    for guess in sorted((each for each in guesses if each.holds), key=lambda each: each.differs):
        if not _touches(guess, found):
            found.append(guess)
    constants = [guess for guess in guesses if guess.is_constant]
    found += [
        guess
        for guess in constants
        if not _touches(guess, [each for each in (*found, *constants) if each is not guess])
    ]
    return tuple(found)


def _touches(guess: Guess, others: Iterable[Guess]) -> bool:
    return any(guess.pair.left == other.pair.left or guess.pair.right == other.pair.right for other in others)
