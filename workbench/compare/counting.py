"""Reading two sides of a view together, and counting row by row and column by column how they differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from workbench.compare.renamed import Guess
from workbench.compare.tally import Missing, Tally

if TYPE_CHECKING:
    from workbench.compare.matched import Matched
    from workbench.compare.pair import Pair
    from workbench.compare.parts import Both, Part


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be counted.

    Attributes
    ----------
    pairs
        Columns to compare.
    guesses
        Columns that may have been renamed.
    called
        Says what the left and the right value of a column are called.
    worst
        How many rows to keep of those that differ most.
    """

    pairs: Sequence[Pair]
    guesses: Sequence[Pair]
    called: Callable[[str], tuple[str, str]]
    worst: int


@dataclass(slots=True)
class Counted:
    """What was counted.

    Attributes
    ----------
    common, changed, added, removed
        Rows that both sides have, those of them in which a pair's values differ, and rows of one side alone.
    duplicates
        Rows of each side whose key is there more than once.
    tallies
        By the right side's name.
    guesses
        Which columns may have been renamed.
    missing
        Nulls and NaN of each side's columns.
    """

    common: int = 0
    changed: int = 0
    added: int = 0
    removed: int = 0
    duplicates: tuple[int, int] = (0, 0)
    tallies: dict[str, Tally] = field(default_factory=dict)
    guesses: list[Guess] = field(default_factory=list)
    missing: tuple[dict[str, Missing], dict[str, Missing]] = field(default_factory=lambda: ({}, {}))

    def add(self, part: Part, rows: Matched, keys: Sequence[str]) -> None:
        """Count the rows of a part."""
        for side, missing in zip((part.left, part.right), self.missing, strict=True):
            for column in side.get_columns():
                if column.name not in keys:
                    missing.setdefault(column.name, Missing()).add(column)
        self.common += rows.left.height
        self.added += rows.added.height
        self.removed += rows.removed.height
        self.duplicates = (self.duplicates[0] + rows.duplicates[0], self.duplicates[1] + rows.duplicates[1])
        found = [where for tally in self.tallies.values() if (where := tally.add(rows)) is not None]
        if found:
            self.changed += int(reduce(or_, found).sum())
        for guess in self.guesses:
            guess.add(rows)


def counted(both: Both, asked: Asked) -> Counted:
    """Return how the rows of two sides differ."""
    found = Counted()

    def begin() -> Callable[[Part, Matched], bool]:
        nonlocal found
        tallies = {pair.right: Tally(pair, both.keys, asked.called(pair.right), asked.worst) for pair in asked.pairs}
        guesses = [Guess.about(pair, both.heights) for pair in asked.guesses]
        found = Counted(tallies=tallies, guesses=guesses)
        return show

    def show(part: Part, rows: Matched) -> bool:
        found.add(part, rows, both.keys)
        return False

    both.visit(begin)
    return found
