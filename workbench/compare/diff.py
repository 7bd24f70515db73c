"""`diff_views`: how two sides of a view differ, in code, contract, rows and values, exactly and on all rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from workbench.compare.beside import beside, height, pairs_of, same_grain
from workbench.compare.category import Category, category_of, judged, reasons
from workbench.compare.code import CodeDiff, code_diff
from workbench.compare.column_diff import ColumnDiff
from workbench.compare.comparing import compare, equal_by_digest, unmatched
from workbench.compare.page import Kind, Wanted, page
from workbench.compare.parts import AT_ONCE
from workbench.compare.promise import ContractChange, contract_changes
from workbench.compare.rows import RowCounts
from workbench.compare.side import Side
from workbench.errors import FeatureNotFound, UsageError

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
        One for each column that is no key, the right side's first.
    contract
        What differs in what is promised.
    code
        The files that differ.
    grain
        Whether rows could be matched: entities and event time are the same.
    """

    left: Side | None
    right: Side | None
    rows: RowCounts = field(default_factory=RowCounts)
    columns: tuple[ColumnDiff, ...] = ()
    contract: tuple[ContractChange, ...] = ()
    code: CodeDiff = field(default_factory=CodeDiff)
    grain: bool = True

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

    def column(self, name: str) -> ColumnDiff:
        """Return the difference of one column.

        Raises
        ------
        FeatureNotFound
            Where neither side has it (did you mean).
        """
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

        Parameters
        ----------
        offset, limit
            Where the page begins, and how many rows it has, at most 100.
        column
            Only rows in which this column differs.
        entity
            Only rows of this entity: key columns and their values.
        kind
            Rows of both sides that differ (``changed``), or whether they do or not (``any``), or rows of one side alone
            (``added``, ``removed``).

        Returns
        -------
        polars.DataFrame
            The key columns, then for each column that can be compared its left and right value, ``x (left's label)``
            and ``x (right's label)``; where both sides are called the same, ``x (left, label)`` and ``x (right,
            label)``. Rows whose key is there more than once are left out. Without columns where a side is missing or
            has another grain.

        Raises
        ------
        UsageError
            For an offset or limit below zero, and a value that its key cannot have.
        FeatureNotFound
            For a column that cannot be compared, or an entity that is no key.
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
        both = beside(self.left, self.right, columns, entity=entity)
        called = _called(self.left, self.right)
        shown = [(pair, called(pair.right)) for pair in pairs]
        return page(both, Wanted(kind, differing, shown, offset, min(limit, PAGE)))

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
            "rows": self.rows.to_dict(),
            "columns": [column.to_dict() for column in self.columns],
            "renamed": dict(self.renamed),
            "contract": [change.to_dict() for change in self.contract],
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


def diff_views(left: Side | None, right: Side | None, *, worst: int = _WORST, at_once: int = AT_ONCE) -> ViewDiff:
    """Return how two sides of a view differ.

    Rows are matched by entities and event time; see `Pair` for when two values differ. Rows whose key one of the sides
    has more than once are counted and left out, never multiplied; `RowCounts` tells how many. What digests say is equal
    is not read. Sides that are stored in the order of their keys, or of event time, are read once, others several
    times; memory holds a few times `at_once` rows, however many there are.

    Parameters
    ----------
    left, right
        The sides; None where one has no such view.
    worst
        How many rows of each column to keep that differ most, at most 100.
    at_once
        How many rows of each side to read at a time, more or less.

    Raises
    ------
    UsageError
        Where neither side has it, or a number is out of range.
    FeatureNotFound
        Where the contract has a column that the rows have not.
    ComputeError
        Where rows cannot be read.
    """
    if left is None and right is None:
        raise UsageError("There are no two sides to compare.", remedy="Name a view that one of them has.")
    if not 0 <= worst <= PAGE or at_once < 1:
        raise UsageError(f"worst={worst} or at_once={at_once} is out of range.", remedy="Take worst from 0 to 100.")
    if left is None or right is None:
        return _alone(left, right)
    promise, code = contract_changes(left.contract, right.contract), code_diff(left.text, right.text)
    grain = same_grain(left, right)
    if grain:
        counts, columns = equal_by_digest(left, right) or compare(
            left, right, called=_called(left, right), worst=worst, at_once=at_once
        )
    else:
        counts, columns = RowCounts(height(left), height(right)), unmatched(left, right)
    return ViewDiff(left, right, counts, judged(columns, promise, right.contract), promise, code, grain)


def _alone(left: Side | None, right: Side | None) -> ViewDiff:
    if right is not None:
        columns = tuple(ColumnDiff(name, "added", right_dtype=str(right.contract[name].dtype)) for name in right.values)
        rows = height(right)
        return ViewDiff(None, right, RowCounts(right=rows, added=rows), columns, code=code_diff({}, right.text))
    assert left is not None  # noqa: S101 - one of them is there
    columns = tuple(ColumnDiff(name, "removed", left_dtype=str(left.contract[name].dtype)) for name in left.values)
    rows = height(left)
    return ViewDiff(left, None, RowCounts(left=rows, removed=rows), columns, code=code_diff(left.text, {}))


def _called(left: Side, right: Side) -> Callable[[str], tuple[str, str]]:
    """Return what the left and the right value of a column are called."""
    labels = left.label, right.label
    if labels[0] == labels[1]:
        labels = f"left, {labels[0]}", f"right, {labels[1]}"
    return lambda column: (f"{column} ({labels[0]})", f"{column} ({labels[1]})")
