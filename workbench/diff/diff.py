"""`diff_views`: how two sides of a view differ, in code, contract, rows and values, exactly and on all rows.

The category of a change comes from contract *and* data: what a reader of the old version would notice.
``none``; ``metadata``: what is said differs; ``refactor``: the code differs, the data does not; ``additive``: columns
were added, or a promise became stricter; ``value``: values or rows differ; ``breaking``: a promise is broken or
weaker: a column gone or renamed, another dtype, unit, entity, grain, ttl or default, nulls or values newly allowed, a
rule gone, a wider tolerance. The first three and ``additive`` make a minor version, the last two a major one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.diff.align import AT_ONCE, height, pairs_of, read_pair, same_grain
from workbench.diff.code import CodeDiff, code_diff
from workbench.diff.contract_diff import ContractChange, contract_changes
from workbench.diff.creep import columns_to_compare
from workbench.diff.engine import Compare, compare, equal_by_digest, unmatched_columns
from workbench.diff.page import Kind, PageRequest, page
from workbench.diff.result import Category, ColumnDiff, Creep
from workbench.diff.side import RowCounts, Side
from workbench.errors import FeatureNotFound, UsageError
from workbench.records import to_plain
from workbench.shares import percent
from workbench.times import duration_in_words

if TYPE_CHECKING:
    from workbench.define import Contract
    from workbench.diff.contract_diff import ContractChange

_BROKEN = frozenset({"removed", "renamed", "retyped"})
_COUNTED = frozenset({"second", "minute", "hour", "day", "week", "month", "year", "meter", "kilometer", "mile"})
"""Units that people speak of in the plural."""

_SAID = frozenset({"description", "deprecated"})


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
    if moved or diff.creep or any(column.status == "changed" for column in diff.columns):
        return "value"
    if any(column.status == "added" for column in diff.columns) or _stricter(diff):
        return "additive"
    if diff.left.code_hash != diff.right.code_hash:
        return "refactor"
    said = diff.left.metadata_hash != diff.right.metadata_hash or bool(diff.contract)
    return "metadata" if said or bool(diff.code) else "none"


def categorise_columns(
    columns: Iterable[ColumnDiff], changes: Iterable[ContractChange], contract: Contract
) -> tuple[ColumnDiff, ...]:
    """Return the columns with the category of each, and why."""
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
    yield from (_crept(diff, found) for found in diff.creep)
    if diff.grain:
        yield from _rows(diff)
    yield from (_of(diff, column) for column in diff.columns if column.status == "added" and diff.grain)
    yield from (change.sentence for change in diff.contract if not change.breaking and change.what != "column")
    if diff.category == "refactor":
        yield "the code differs, the values do not"
    if diff.category == "metadata" and not diff.contract:
        yield "what is said about it differs" if _has_metadata_change(diff) else "comments or layout differ"


def _has_metadata_change(diff: ViewDiff) -> bool:
    assert diff.left is not None  # noqa: S101 - asked of two sides alone
    assert diff.right is not None  # noqa: S101
    return diff.left.metadata_hash != diff.right.metadata_hash


def _of(diff: ViewDiff, column: ColumnDiff) -> str:
    return _sentence(column, _unit(diff, column))


def _unit(diff: ViewDiff, column: ColumnDiff) -> str | None:
    known = diff.right.contract if diff.right is not None else None
    return known[column.name].unit if known and column.name in known.names else None


def _crept(diff: ViewDiff, found: Creep) -> str:
    column = found.column
    if column.compared_as is None:
        return f"{column.name} cannot be compared with version {found.first}, the first of its major version"
    size = _by(column, _unit(diff, column))
    allowed = "" if found.tolerance is None else f"; its tolerance is {found.tolerance:g}"
    return (
        f"{column.name}: {percent(column.share)} of values differ from version {found.first}, the first of its major "
        f"version{size}{allowed}"
    )


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
    much += _by(column, unit)
    if column.status == "retyped":
        return f"{column.name} has another dtype; as {column.compared_as} {much}"
    return f"{column.name}: {much}"


def _by(column: ColumnDiff, unit: str | None) -> str:
    if column.mean is None or column.largest is None:
        return ""
    mean, largest = (_size(column, value, unit) for value in (column.mean, column.largest))
    return f", by {mean} on average and {largest} at most"


def _size(column: ColumnDiff, value: float, unit: str | None) -> str:
    """Return the size of a difference with its unit."""
    if column.is_temporal:
        return duration_in_words(value)
    if unit is None or unit == "count":
        return f"{value:.4g}"
    return f"{value:.4g} {unit}s" if unit in _COUNTED else f"{value:.4g} {unit}"


def _stricter(diff: ViewDiff) -> bool:
    """Whether a promise about values became stricter, which readers may rely on from now on."""
    return any(_is_stricter(change) for change in diff.contract)


def _is_stricter(change: ContractChange) -> bool:
    return change.what not in {*_SAID, "column", "unit"} and not change.breaking


PAGE = 100
"""Rows that a page has at most."""

_WORST = 20


@dataclass(frozen=True)
class ViewDiff:
    """How two sides of a view differ.

    Attributes
    ----------
    left, right
        What was compared; None where a side has no such view.
    rows
        By key.
    columns
        One for each column that is not a key, the right side's first.
    contract
        What differs in what is promised.
    code
        The files that differ.
    grain
        Whether rows could be matched: entities and event time are the same.
    creep
        Columns that are equal on both sides, and no longer within their tolerance of the first version of the major.
    """

    left: Side | None
    right: Side | None
    rows: RowCounts = field(default_factory=RowCounts)
    columns: tuple[ColumnDiff, ...] = ()
    contract: tuple[ContractChange, ...] = ()
    code: CodeDiff = field(default_factory=CodeDiff)
    grain: bool = True
    creep: tuple[Creep, ...] = ()

    @property
    def view(self) -> str:
        """The view's name; empty where neither side came with its definition."""
        return next((side.view for side in (self.right, self.left) if side is not None and side.view), "")

    @property
    def category(self) -> Category:
        """What kind of change it is, from contract and data."""
        return category_of(self)

    @property
    def why(self) -> tuple[str, ...]:
        """What makes it that, a sentence each, what weighs most first."""
        return reasons(self)

    @property
    def renamed(self) -> Mapping[str, str]:
        """The old name of each column that was renamed, by its new one."""
        return {column.name: column.before for column in self.columns if column.before is not None}

    @property
    def stepped(self) -> tuple[str, ...]:
        """The columns that may have moved within their tolerance."""
        if self.left is None or self.right is None or not self.grain:
            return ()
        return columns_to_compare(self.columns, self.left, self.right)

    def column(self, name: str) -> ColumnDiff:
        """Return the difference of one column."""
        for each in self.columns:
            if each.name == name:
                return each
        raise FeatureNotFound.named(name, [each.name for each in self.columns])

    def changed_rows(
        self,
        offset: int = 0,
        limit: int = PAGE,
        column: str | None = None,
        entity: Mapping[str, object] | None = None,
        *,
        kind: Kind = "changed",
    ) -> pl.DataFrame:
        """Return a page of the rows that differ, in the order of their keys; what lies behind the page is not read.

        Where sides of more rows than are read at a time are in no order themselves, pages are in a fixed order instead.
        """
        if offset < 0 or limit < 0:
            raise UsageError("A page begins at row 0 or later.", remedy="Give offset and limit as counts of rows.")
        if self.left is None or self.right is None or not self.grain:
            return pl.DataFrame()
        names = [(each.before or each.name, each.name) for each in self.columns if each.compared_as is not None]
        pairs = pairs_of(self.left, self.right, names)
        differing = [pair for pair in pairs if column is None or pair.right == column]
        if column is not None and not differing:
            raise FeatureNotFound.named(column, [pair.right for pair in pairs])
        for name in entity or {}:
            if name not in self.left.keys:
                raise FeatureNotFound.absent(name, where="the view's key", known=self.left.keys)
        columns = [pair.left for pair in pairs], [pair.right for pair in pairs]
        both = read_pair(self.left, self.right, columns, entity=entity)
        called = _value_names(self.left, self.right)
        shown = [(pair, called(pair.right)) for pair in pairs]
        return page(both, PageRequest(kind, differing, shown, offset, min(limit, PAGE)))

    def worst(self, column: str, *, limit: int = _WORST) -> pl.DataFrame:
        """Return the rows in which `column` differs most, of those that were kept; none where it does not differ."""
        worst = self.column(column).worst
        return pl.DataFrame() if worst is None else worst.head(limit)

    def to_dict(self) -> dict[str, Any]:
        """Return the difference as JSON-ready values."""
        return {
            "view": self.view,
            "left": self.left.label if self.left else None,
            "right": self.right.label if self.right else None,
            "category": self.category,
            "why": list(self.why),
            "rows": to_plain(self.rows),
            "columns": [column.to_dict() for column in self.columns],
            "renamed": dict(self.renamed),
            "contract": to_plain(self.contract),
            "code": self.code.to_dict(),
        }

    def to_frame(self) -> pl.DataFrame:
        """Return one row a column, with what `ColumnDiff.to_row` says of it."""
        return pl.DataFrame([column.to_row() for column in self.columns], schema=_SCHEMA)


_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("name", "status", "category", "before", "left_dtype", "right_dtype", "compared_as"), pl.String),
    "changed": pl.Int64,
    **dict.fromkeys(("share", "mean", "largest", "q0.05", "q0.25", "q0.5", "q0.75", "q0.95"), pl.Float64),
    **dict.fromkeys(("left_nulls", "right_nulls", "left_nans", "right_nans"), pl.Float64),
    "why": pl.String,
}


def diff_views(
    left: Side | None,
    right: Side | None,
    *,
    worst: int = _WORST,
    at_once: int = AT_ONCE,
    compared: Compare = compare,
) -> ViewDiff:
    """Return how two sides of a view differ.

    Rows are matched by entities and event time; see `Pair` for when two values differ. Rows whose key one of the sides
    has more than once are counted and left out, never multiplied; `RowCounts` tells how many. What digests say is equal
    is not read. Sides that are stored in the order of their keys, or of event time, are read once, a few times
    `at_once` rows at a time. Of others the keys are read first, to match the rows, and then one column after the other;
    where memory has no room for that, or keys are there more than once, all rows are divided into files instead.
    """
    if left is None and right is None:
        raise UsageError("There are no two sides to compare.", remedy="Name a view that one of them has.")
    if not 0 <= worst <= PAGE or at_once < 1:
        raise UsageError(f"worst={worst} or at_once={at_once} is out of range.", remedy="Take worst from 0 to 100.")
    if left is None or right is None:
        return _one_sided(left, right)
    promise, code = contract_changes(left.contract, right.contract), code_diff(left.text, right.text)
    grain = same_grain(left, right)
    if grain:
        counts, columns = equal_by_digest(left, right) or compared(
            left, right, called=_value_names(left, right), worst=worst, at_once=at_once
        )
    else:
        counts, columns = RowCounts(height(left), height(right)), unmatched_columns(left, right)
    return ViewDiff(left, right, counts, categorise_columns(columns, promise, right.contract), promise, code, grain)


def _one_sided(left: Side | None, right: Side | None) -> ViewDiff:
    if right is not None:
        columns = tuple(ColumnDiff(name, "added", right_dtype=str(right.contract[name].dtype)) for name in right.values)
        rows = height(right)
        return ViewDiff(None, right, RowCounts(right=rows, added=rows), columns, code=code_diff({}, right.text))
    assert left is not None  # noqa: S101 - one of them is there
    columns = tuple(ColumnDiff(name, "removed", left_dtype=str(left.contract[name].dtype)) for name in left.values)
    rows = height(left)
    return ViewDiff(left, None, RowCounts(left=rows, removed=rows), columns, code=code_diff(left.text, {}))


def _value_names(left: Side, right: Side) -> Callable[[str], tuple[str, str]]:
    """Return what the left and the right value of a column are called."""
    labels = left.label, right.label
    if labels[0] == labels[1]:
        labels = f"left, {labels[0]}", f"right, {labels[1]}"
    return lambda column: (f"{column} ({labels[0]})", f"{column} ({labels[1]})")
