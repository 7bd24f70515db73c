"""The category of a change, from contract *and* data: what a reader of the old version would notice.

``none``; ``metadata``: what is said differs; ``refactor``: the code differs, the data does not; ``additive``: columns
were added, or a promise became stricter; ``value``: values or rows differ; ``breaking``: a promise is broken: a
column gone or renamed, another dtype, unit, entity or grain, nulls or values newly allowed. The first three and
``additive`` make a minor version, the last two a major one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from workbench.compare.column_diff import ColumnDiff
    from workbench.compare.diff import ViewDiff
    from workbench.compare.promise import ContractChange
    from workbench.define import Contract

Category = Literal["none", "new", "removed", "metadata", "refactor", "additive", "value", "breaking"]

_BROKEN = frozenset({"removed", "renamed", "retyped"})
_COUNTED = frozenset({"second", "minute", "hour", "day", "week", "month", "year", "meter", "kilometer", "mile"})
"""Units that people speak of in the plural."""

_SAID = frozenset({"description", "deprecated", "default"})


def category_of(diff: ViewDiff) -> Category:
    """Return the category of a change."""
    if diff.left is None or diff.right is None:
        return "new" if diff.left is None else "removed"
    if not diff.grain or any(change.breaking for change in diff.contract):
        return "breaking"
    if any(column.status in _BROKEN for column in diff.columns):
        return "breaking"
    rows = diff.rows
    moved = rows.added or rows.removed or rows.changed or rows.duplicates  # what was not compared may differ
    if moved or any(column.status == "changed" for column in diff.columns):
        return "value"
    if any(column.status == "added" for column in diff.columns) or _stricter(diff):
        return "additive"
    if diff.left.code_hash != diff.right.code_hash:
        return "refactor"
    said = diff.left.metadata_hash != diff.right.metadata_hash or bool(diff.contract)
    return "metadata" if said or bool(diff.code) else "none"


def judged(
    columns: Iterable[ColumnDiff], changes: Iterable[ContractChange], contract: Contract
) -> tuple[ColumnDiff, ...]:
    """Return the columns with the category of each, and why.

    Parameters
    ----------
    columns
        How they differ.
    changes
        What differs in what is promised.
    contract
        Of the right side: says what units differences are in.
    """
    found = []
    for column in columns:
        own = [change for change in changes if change.column in {column.name, column.before}]
        said = [change.sentence for change in own if change.what not in {"column", "dtype"}]
        unit = contract[column.name].unit if column.name in contract.names else None
        first = [] if column.status == "same" else [_sentence(column, unit)]
        found.append(replace(column, category=_of_column(column, own), why="; ".join([*first, *said])))
    return tuple(found)


def _of_column(column: ColumnDiff, changes: list[ContractChange]) -> Category:
    if column.status in _BROKEN or any(change.breaking for change in changes):
        return "breaking"
    if column.status == "changed":
        return "value"
    if column.status == "added" or any(_is_stricter(change) for change in changes):
        return "additive"
    return "metadata" if changes else "none"


def reasons(diff: ViewDiff) -> tuple[str, ...]:
    """Return what makes a change what it is, a sentence each, what weighs most first."""
    return tuple(dict.fromkeys(_reasons(diff)))


def _reasons(diff: ViewDiff) -> Iterator[str]:
    if diff.left is None or diff.right is None:
        yield "a new view" if diff.left is None else "the view is gone"
        return
    if not diff.grain:
        yield f"its rows are keyed by {', '.join(diff.right.keys)} instead of {', '.join(diff.left.keys)}"
    yield from (change.sentence for change in diff.contract if change.breaking and change.what != "column")
    yield from (_of(diff, column) for column in diff.columns if column.status not in {"same", "added"})
    if diff.grain:
        yield from _rows(diff)
    yield from (_of(diff, column) for column in diff.columns if column.status == "added" and diff.grain)
    yield from (change.sentence for change in diff.contract if not change.breaking and change.what != "column")
    if diff.category == "refactor":
        yield "the code differs, the values do not"
    if diff.category == "metadata" and not diff.contract:
        yield "what is said about it differs" if _said(diff) else "comments or layout differ"


def _said(diff: ViewDiff) -> bool:
    assert diff.left is not None  # noqa: S101 - asked of two sides alone
    assert diff.right is not None  # noqa: S101
    return diff.left.metadata_hash != diff.right.metadata_hash


def _of(diff: ViewDiff, column: ColumnDiff) -> str:
    known = diff.right.contract if diff.right is not None else None
    return _sentence(column, known[column.name].unit if known and column.name in known.names else None)


def _rows(diff: ViewDiff) -> Iterator[str]:
    rows = diff.rows
    if rows.added:
        yield "1 row is new" if rows.added == 1 else f"{rows.added:,} rows are new"
    if rows.removed:
        yield "1 row is gone" if rows.removed == 1 else f"{rows.removed:,} rows are gone"
    if rows.duplicates:
        yield f"{rows.duplicates:,} rows have a key that is there more than once, and were not compared"


def _sentence(column: ColumnDiff, unit: str | None) -> str:
    if column.status == "renamed":
        return f"{column.before} is called {column.name} now"
    if column.status == "removed":
        return f"{column.name} is gone"
    if column.status == "added":
        return f"{column.name} is new"
    if column.compared_as is None:
        kind = "has another dtype" if column.status == "retyped" else "belongs to other rows"
        return f"{column.name} {kind}, so that its values were not compared"
    much = f"{percent(column.share)} of values differ" if column.changed else "the values are the same"
    if column.mean is not None and column.largest is not None:
        words = _units(column, unit)
        much += f", by {column.mean:.4g}{words} on average and {column.largest:.4g}{words} at most"
    if column.status == "retyped":
        return f"{column.name} has another dtype; as {column.compared_as} {much}"
    return f"{column.name}: {much}"


def percent(share: float) -> str:
    """Return a share as people say it: two digits, and 100 % only where it is all.

    Examples
    --------
    >>> percent(0.0312), percent(0.9999), percent(0.000012), percent(1.0)
    ('3.1 %', 'over 99 %', '0.0012 %', '100 %')
    """
    if 0.99 < share < 1:
        return "over 99 %"
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def _units(column: ColumnDiff, unit: str | None) -> str:
    """Return the unit of a difference, after a space."""
    if (column.right_dtype or "").startswith(("Datetime", "Date", "Duration")):
        return " seconds"
    if unit is None or unit == "count":
        return ""
    return f" {unit}s" if unit in _COUNTED else f" {unit}"


def _stricter(diff: ViewDiff) -> bool:
    """Whether a promise about values became stricter, which readers may rely on from now on."""
    return any(_is_stricter(change) for change in diff.contract)


def _is_stricter(change: ContractChange) -> bool:
    return change.what not in {*_SAID, "column"} and not change.breaking
