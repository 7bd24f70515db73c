"""The category of a change, from contract *and* data: what a reader of the old version would notice.

``none``; ``metadata``: what is said differs; ``refactor``: the code differs, the data does not; ``additive``: columns
were added, or a promise became stricter; ``value``: values or rows differ; ``breaking``: a promise is broken: a
column gone or renamed, another dtype, unit, entity or grain, nulls or values newly allowed. The first three and
``additive`` make a minor version, the last two a major one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.compare.diff import Category, ColumnDiff, ViewDiff

_SAID = frozenset({"description", "deprecated", "default"})


def category_of(diff: ViewDiff) -> Category:
    """Return the category of a change."""
    if diff.left is None or diff.right is None:
        return "new" if diff.left is None else "removed"
    if not diff.grain or any(change.breaking for change in diff.contract):
        return "breaking"
    if any(column.status in {"removed", "renamed", "retyped"} for column in diff.columns):
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
    yield from (_sentence(column) for column in diff.columns if column.status not in {"same", "added"})
    if diff.grain:
        yield from _rows(diff)
    yield from (_sentence(column) for column in diff.columns if column.status == "added" and diff.grain)
    yield from (change.sentence for change in diff.contract if not change.breaking and change.what != "column")
    if diff.category == "refactor":
        yield "the code differs, the values do not"
    if diff.category == "metadata" and not diff.contract:
        yield "what is said about it differs" if _said(diff) else "comments or layout differ"


def _said(diff: ViewDiff) -> bool:
    assert diff.left is not None  # noqa: S101 - asked of two sides alone
    assert diff.right is not None  # noqa: S101
    return diff.left.metadata_hash != diff.right.metadata_hash


def _rows(diff: ViewDiff) -> Iterator[str]:
    rows = diff.rows
    if rows.added:
        yield "1 row is new" if rows.added == 1 else f"{rows.added:,} rows are new"
    if rows.removed:
        yield "1 row is gone" if rows.removed == 1 else f"{rows.removed:,} rows are gone"
    if rows.duplicates:
        yield f"{rows.duplicates:,} rows have a key that is there more than once, and were not compared"


def _sentence(column: ColumnDiff) -> str:
    if column.status == "renamed":
        return f"{column.before} is called {column.name} now"
    if column.status == "removed":
        return f"{column.name} is gone"
    if column.status == "added":
        return f"{column.name} is new"
    if column.status == "retyped" and not column.changed:
        return f"{column.name} has another dtype"
    much = "" if column.mean is None else f", by {column.mean:.4g} on average and {column.largest:.4g} at most"
    said = f"{column.name}: {column.share:.3%} of values differ{much}"
    return f"{column.name} has another dtype; {said}" if column.status == "retyped" else said


def _stricter(diff: ViewDiff) -> bool:
    """Whether a promise about values became stricter, which readers may rely on from now on."""
    return any(change.what not in {*_SAID, "column"} and not change.breaking for change in diff.contract)
