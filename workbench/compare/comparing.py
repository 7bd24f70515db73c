"""From two sides of a view to how each of its columns differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from workbench.compare.beside import beside, engine_errors, pairs_of
from workbench.compare.column_diff import ColumnDiff, Status
from workbench.compare.counting import Asked, Counted, counted
from workbench.compare.renamed import renamed
from workbench.compare.rows import RowCounts

if TYPE_CHECKING:
    from workbench.compare.renamed import Guess
    from workbench.compare.side import Side
    from workbench.compare.tally import Tally

Columns: TypeAlias = tuple[ColumnDiff, ...]


def equal_by_digest(left: Side, right: Side) -> tuple[RowCounts, Columns] | None:
    """Return rows and columns where all that the left side has is the same on the right, to the bit; else None.

    A column's digest covers the keys of its values: where columns are equal, rows are too.
    """
    if left.digest is None or not all(_same_by_digest(left, right, name) for name in left.contract.names):
        return None
    rows = left.digest.rows
    return RowCounts(rows, rows, rows), _columns(left, right, lambda name: "same" if name in left.values else "added")


def unmatched(left: Side, right: Side) -> Columns:
    """Return the columns of two sides whose rows cannot be matched, or of one side alone, by their contracts."""

    def status(name: str) -> Status:
        if name not in left.values:
            return "added"
        return "changed" if left.contract[name].dtype == right.contract[name].dtype else "retyped"

    gone = [ColumnDiff(name, "removed", **_facts(left, right, name, None)) for name in left.values]
    return (*_columns(left, right, status), *(column for column in gone if column.name not in right.values))


def compare(
    left: Side, right: Side, *, called: Callable[[str], tuple[str, str]], worst: int, at_once: int
) -> tuple[RowCounts, Columns]:
    """Return how rows and columns of two sides of one grain differ.

    Parameters
    ----------
    left, right
        The sides.
    called
        Says what the left and the right value of a column are called.
    worst
        How many rows of each column to keep that differ most.
    at_once
        How many rows of each side to read at a time, more or less.
    """
    gone = [name for name in left.values if name not in right.values]
    new = [name for name in right.values if name not in left.values]
    read = [name for name in right.values if name in left.values and not _same_by_digest(left, right, name)]
    pairs = pairs_of(left, right, [(name, name) for name in read])
    guesses = [replace(pair, tolerance=0.0) for pair in pairs_of(left, right, [(a, b) for a in gone for b in new])]
    both = beside(left, right, ([*read, *gone], [*read, *new]), at_once=at_once)
    with engine_errors():
        found = counted(both, Asked(pairs, guesses, called, worst))
    counts = RowCounts(
        *both.heights, found.common - found.changed, found.changed, found.added, found.removed, *found.duplicates
    )
    names = {guess.pair.right: guess for guess in renamed(found.guesses)}
    taken = {guess.pair.left for guess in names.values()}

    def column(name: str) -> ColumnDiff:
        if name in names:
            return _renamed(left, right, names[name], found)
        facts = _facts(left, right, name, found)
        if name in found.tallies:
            return _changed(left, right, found.tallies[name], found.common, facts)
        if name in new:
            return ColumnDiff(name, "added", **facts)
        return ColumnDiff(name, "retyped" if name in read else "same", **facts)

    kept = (ColumnDiff(name, "removed", **_facts(left, right, name, found)) for name in gone if name not in taken)
    return counts, (*map(column, right.values), *kept)


def _same_by_digest(left: Side, right: Side, name: str) -> bool:
    one, other = left.digest, right.digest
    if one is None or other is None or one.scheme != other.scheme or one.rows != other.rows:
        return False
    known = one.columns.get(name)
    if known is None or known != other.columns.get(name):
        return False
    return name in right.contract.names and left.contract[name].dtype == right.contract[name].dtype


def _columns(left: Side, right: Side, status: Callable[[str], Status]) -> Columns:
    return tuple(ColumnDiff(name, status(name), **_facts(left, right, name, None)) for name in right.values)


def _changed(left: Side, right: Side, tally: Tally, common: int, facts: dict[str, Any]) -> ColumnDiff:
    name = tally.pair.right
    retyped = left.contract[name].dtype != right.contract[name].dtype
    return ColumnDiff(
        name,
        "retyped" if retyped else "changed" if tally.differs else "same",
        **facts,
        compared_as=str(tally.pair.common),
        changed=tally.differs,
        share=tally.differs / common if common else 0.0,
        mean=tally.mean,
        largest=tally.largest,
        quantiles=tally.quantiles,
        worst=tally.worst,
    )


def _renamed(left: Side, right: Side, guess: Guess, found: Counted) -> ColumnDiff:
    old, new = guess.pair.left, guess.pair.right
    facts = _facts(left, right, new, found) | {
        name: value for name, value in _facts(left, right, old, found).items() if name.startswith("left")
    }
    share = guess.differs / found.common
    compared = str(guess.pair.common)
    return ColumnDiff(new, "renamed", old, **facts, compared_as=compared, changed=guess.differs, share=share)


def _facts(left: Side, right: Side, name: str, found: Counted | None) -> dict[str, Any]:
    """Return what each side says of a column by itself."""
    facts: dict[str, Any] = {}
    for place, (word, side) in enumerate((("left", left), ("right", right))):
        if name in side.contract.names:
            facts[f"{word}_dtype"] = str(side.contract[name].dtype)
        missing = found.missing[place].get(name) if found else None
        if missing is not None and missing.rows:
            facts[f"{word}_nulls"] = missing.nulls / missing.rows
            facts[f"{word}_nans"] = missing.nans / missing.rows
    return facts
