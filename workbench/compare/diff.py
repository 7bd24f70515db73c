"""`diff_views`: how two sides of a view differ, in code, contract, rows and values, exactly and on all rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import polars as pl

from workbench.compare.code import FileDiff, code_diff
from workbench.compare.joined import LEFT, RIGHT, Pair, beside, common_dtype, duplicated, pair_of, same_grain
from workbench.compare.promise import ContractChange, contract_changes
from workbench.compare.side import Side
from workbench.errors import ComputeError, FeatureNotFound, UsageError

Status = Literal["same", "changed", "added", "removed", "renamed", "retyped"]
Category = Literal["none", "new", "removed", "metadata", "refactor", "additive", "value", "breaking"]
PAGE = 100
_WORST = 20
_RENAMED = 0.999
"""Share of common rows with equal values from which on a column counts as renamed."""


@dataclass(frozen=True, slots=True)
class RowCounts:
    """Rows by key: of both sides, in common (`same` and `changed`), and of one side alone.

    Rows whose key either side has more than once are counted in `duplicates_left` and `duplicates_right`, and compared
    with nothing: each side's rows are the common ones, its own, and these.
    """

    left: int = 0
    right: int = 0
    same: int = 0
    changed: int = 0
    added: int = 0
    removed: int = 0
    duplicates_left: int = 0
    duplicates_right: int = 0

    @property
    def duplicates(self) -> int:
        """Rows of both sides whose key is there more than once."""
        return self.duplicates_left + self.duplicates_right

    @property
    def common(self) -> int:
        """Rows that both sides have."""
        return self.same + self.changed

    def to_dict(self) -> dict[str, int]:
        """Return the counts as JSON-ready values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class ColumnDiff:
    """One column.

    Attributes
    ----------
    name
        On the right side; on the left where it is gone.
    status
        What became of it.
    before
        Its name on the left where it was renamed.
    changed, share
        Rows in common with another value, and their share of them.
    mean, largest
        Of the absolute differences where there are any: in the feature's unit, for times in seconds; else None.
    """

    name: str
    status: Status
    before: str | None = None
    changed: int = 0
    share: float = 0.0
    mean: float | None = None
    largest: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the column's difference as JSON-ready values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


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
    code: tuple[FileDiff, ...] = ()
    grain: bool = True

    @property
    def category(self) -> Category:
        """What kind of change it is, from contract and data."""
        from workbench.compare.category import category_of

        return category_of(self)

    @property
    def why(self) -> tuple[str, ...]:
        """What makes it that, a sentence each."""
        from workbench.compare.category import reasons

        return reasons(self)

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

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """The columns that can be compared, left with right."""
        if self.left is None or self.right is None:
            return ()
        named = {
            each.name: each.before or each.name for each in self.columns if each.status not in {"added", "removed"}
        }
        found = (pair_of(self.left.contract, self.right.contract, old, new) for new, old in named.items())
        return tuple(pair for pair in found if pair is not None)

    def changed_rows(
        self,
        *,
        offset: int = 0,
        limit: int = PAGE,
        column: str | None = None,
        entity: Mapping[str, object] | None = None,
        kind: Literal["changed", "added", "removed"] = "changed",
        largest_first: bool = False,
    ) -> pl.DataFrame:
        """Return a page of the rows that differ, sorted by key.

        Parameters
        ----------
        offset, limit
            Where the page begins, and how many rows it has, at most 100.
        column
            Only rows in which this column differs.
        entity
            Only rows of this entity: columns and their values.
        kind
            Rows of both sides that differ, or rows of one side alone.
        largest_first
            Sorted by the size of the difference in `column` instead.

        Returns
        -------
        polars.DataFrame
            The key columns, then for each column its left and right value, ``x (left's label)`` and ``x (right's
            label)``; where both sides are called the same, ``x (left, label)`` and ``x (right, label)``. Rows whose key
            is there more than once are left out.

        Raises
        ------
        UsageError
            For an offset or limit below zero.
        FeatureNotFound
            For a column that cannot be compared, or an entity that is no key.
        """
        if offset < 0 or limit < 0:
            raise UsageError("A page begins at row 0 or later.", remedy="Give offset and limit as counts of rows.")
        if self.left is None or self.right is None or not self.grain:
            return pl.DataFrame()
        pairs = [pair for pair in self.pairs if column is None or pair.right == column]
        if column is not None and not pairs:
            raise FeatureNotFound.named(column, [pair.right for pair in self.pairs])
        keys = self.left.keys
        for name in entity or {}:
            if name not in keys:
                raise FeatureNotFound.named(name, list(keys))
        many = duplicated(self.left, self.right)[0] if self.rows.duplicates else None
        frame = beside(self.left, self.right, self.pairs, without=many)
        wanted = {
            "changed": pl.col(LEFT) & pl.col(RIGHT) & _any(pairs),
            "added": ~pl.col(LEFT),
            "removed": ~pl.col(RIGHT),
        }[kind]
        frame = frame.filter(wanted)
        for name, value in (entity or {}).items():
            frame = frame.filter(pl.col(name).eq_missing(pl.lit(value)))
        if largest_first and column is not None:
            gap = pairs[0].gap
            frame = frame.sort(
                gap.is_nan(), gap, *keys, descending=[False, True, *(False for _ in keys)], nulls_last=True
            )
        elif keys:
            frame = frame.sort(keys)
        labels = [self.left.label, self.right.label]
        if labels[0] == labels[1]:
            labels = [f"left, {labels[0]}", f"right, {labels[1]}"]
        shown = [
            side
            for pair in self.pairs
            for side in (
                pl.col(pair.left + LEFT).alias(f"{pair.right} ({labels[0]})"),
                pl.col(pair.right + RIGHT).alias(f"{pair.right} ({labels[1]})"),
            )
        ]
        return _collected(frame.slice(offset, min(limit, PAGE)).select(*keys, *shown))

    def worst(self, column: str, *, limit: int = _WORST) -> pl.DataFrame:
        """Return the rows in which `column` differs most."""
        return self.changed_rows(column=column, limit=limit, largest_first=True)

    def to_dict(self) -> dict[str, Any]:
        """Return the difference as JSON-ready values."""
        return {
            "left": self.left.label if self.left else None,
            "right": self.right.label if self.right else None,
            "category": self.category,
            "why": list(self.why),
            "rows": self.rows.to_dict(),
            "columns": [column.to_dict() for column in self.columns],
            "contract": [change.to_dict() for change in self.contract],
            "code": [file.to_dict() for file in self.code],
        }

    def to_frame(self) -> pl.DataFrame:
        """Return one row a column: name, status, before, changed, share, mean, largest."""
        schema = {
            "name": pl.String,
            "status": pl.String,
            "before": pl.String,
            "changed": pl.Int64,
            "share": pl.Float64,
            "mean": pl.Float64,
            "largest": pl.Float64,
        }
        return pl.DataFrame([column.to_dict() for column in self.columns], schema=schema)


def diff_views(left: Side | None, right: Side | None) -> ViewDiff:
    """Return how two sides of a view differ.

    Parameters
    ----------
    left, right
        The sides; None where one has no such view.

    Raises
    ------
    UsageError
        Where neither side has it.
    ComputeError
        Where rows cannot be read.
    """
    if left is None and right is None:
        raise UsageError("There are no two sides to compare.", remedy="Name a view that one of them has.")
    if left is None or right is None:
        return _alone(left, right)
    promise = contract_changes(left.contract, right.contract)
    code = code_diff(left.text, right.text)
    if not same_grain(left, right):
        columns = (
            *(ColumnDiff(name, "added") for name in right.values),
            *(ColumnDiff(name, "removed") for name in left.values),
        )
        counts = RowCounts(left=_height(left), right=_height(right))
        return ViewDiff(left, right, counts, columns, promise, code, grain=False)
    if _equal(left, right):
        rows = left.digest.rows if left.digest else 0
        columns = tuple(ColumnDiff(name, "same") for name in right.values)
        return ViewDiff(left, right, RowCounts(rows, rows, rows), columns, promise, code)
    counts, columns = _compared(left, right)
    return ViewDiff(left, right, counts, columns, promise, code)


def _alone(left: Side | None, right: Side | None) -> ViewDiff:
    if right is not None:
        columns = tuple(ColumnDiff(name, "added") for name in right.values)
        rows = _height(right)
        return ViewDiff(None, right, RowCounts(right=rows, added=rows), columns, code=code_diff({}, right.text))
    assert left is not None  # noqa: S101 - one of them is there
    columns = tuple(ColumnDiff(name, "removed") for name in left.values)
    rows = _height(left)
    return ViewDiff(left, None, RowCounts(left=rows, removed=rows), columns, code=code_diff(left.text, {}))


def _height(side: Side) -> int:
    return side.digest.rows if side.digest else int(_collected(side.frame.select(pl.len())).item())


def _equal(left: Side, right: Side) -> bool:
    """Whether the rows are the same to the bit, by their digests."""
    if left.digest is None or right.digest is None or left.digest.scheme != right.digest.scheme:
        return False
    return left.digest.exact == right.digest.exact and left.contract.schema == right.contract.schema


def _compared(left: Side, right: Side) -> tuple[RowCounts, tuple[ColumnDiff, ...]]:
    shared = [name for name in right.values if name in left.values]
    pairs = {name: pair_of(left.contract, right.contract, name, name) for name in shared}
    known = {name: pair for name, pair in pairs.items() if pair is not None and not _same_column(left, right, name)}
    gone = [name for name in left.values if name not in right.values]
    new = [name for name in right.values if name not in left.values]
    guesses = [
        pair
        for old in gone
        for name in new
        if left.contract[old].dtype == right.contract[name].dtype
        and (pair := pair_of(left.contract, right.contract, old, name)) is not None
    ]
    numbers: Mapping[str, Any] = {}
    if shared and not known and not guesses and all(_same_column(left, right, name) for name in shared):
        rows = _height(left)  # a column's digest covers the keys of its values, so rows are the same too
        counts = RowCounts(rows, rows, rows)
    else:
        counts, numbers = _counted(left, right, list(known.values()), guesses)
    renamed = _renamed(guesses, numbers, counts.common)
    columns = []
    for name in right.values:
        if name in renamed:
            old, changed = renamed[name]
            columns.append(ColumnDiff(name, "renamed", old, changed, changed / counts.common))
        elif name not in shared:
            columns.append(ColumnDiff(name, "added"))
        else:
            columns.append(_column(left, right, name, known.get(name), numbers, counts.common))
    taken = {old for old, _ in renamed.values()}
    columns += [ColumnDiff(name, "removed") for name in gone if name not in taken]
    return counts, tuple(columns)


def _same_column(left: Side, right: Side, name: str) -> bool:
    """Whether a column is the same on both sides by its digest, which covers the keys of its values too."""
    if left.digest is None or right.digest is None or left.digest.scheme != right.digest.scheme:
        return False
    one, other = left.digest.columns.get(name), right.digest.columns.get(name)
    same_rows = left.digest.rows == right.digest.rows
    return same_rows and one is not None and one == other and left.contract[name].dtype == right.contract[name].dtype


def _counted(
    left: Side, right: Side, pairs: Sequence[Pair], guesses: Sequence[Pair]
) -> tuple[RowCounts, Mapping[str, Any]]:
    """Return rows by key and, by ``<measure> <pair>``, what each pair's values do."""
    heights = _height(left), _height(right)
    keys = left.keys
    numbers = _numbers(beside(left, right, [*pairs, *guesses]), pairs, guesses, keys)
    doubles: Mapping[str, int] = {LEFT: 0, RIGHT: 0}
    if keys and _multiplied(numbers, heights):
        many, doubles = duplicated(left, right)
        numbers = _numbers(beside(left, right, [*pairs, *guesses], without=many), pairs, guesses, keys)
    common, lefts, rights, changed = (int(numbers[name] or 0) for name in ("common", "removed", "added", "changed"))
    counts = RowCounts(*heights, common - changed, changed, rights, lefts, doubles[LEFT], doubles[RIGHT])
    return counts, numbers


def _multiplied(numbers: Mapping[str, Any], heights: tuple[int, int]) -> bool:
    """Whether a key is there twice: rows of both sides were matched twice, or rows of one side have equal keys."""
    common, lefts, rights = (int(numbers[name]) for name in ("common", "removed", "added"))
    matched = (common + lefts, common + rights) == heights
    return not matched or (int(numbers["keys removed"]), int(numbers["keys added"])) != (lefts, rights)


def _any(pairs: Sequence[Pair]) -> pl.Expr:
    """Whether any of the pairs' values differ."""
    return pl.any_horizontal(pl.lit(value=False), *(pair.differs for pair in pairs))


def _numbers(
    frame: pl.LazyFrame, pairs: Sequence[Pair], guesses: Sequence[Pair], keys: Sequence[str]
) -> Mapping[str, Any]:
    both = pl.col(LEFT) & pl.col(RIGHT)
    measures = [
        both.sum().alias("common"),
        (~pl.col(RIGHT)).sum().alias("removed"),
        (~pl.col(LEFT)).sum().alias("added"),
        (both & _any(pairs)).sum().alias("changed"),
    ]
    if keys:
        key = pl.struct(keys)
        measures += [
            key.filter(~pl.col(RIGHT)).n_unique().alias("keys removed"),
            key.filter(~pl.col(LEFT)).n_unique().alias("keys added"),
        ]
    for pair in pairs:
        moved = both & pair.differs
        gap = pl.when(moved & pair.gap.is_finite()).then(pair.gap)
        measures += [
            moved.sum().alias(f"differs {pair.right}"),
            gap.mean().alias(f"mean {pair.right}"),
            gap.max().alias(f"largest {pair.right}"),
        ]
    measures += [(both & ~pair.differs).sum().alias(f"equal {pair.left} {pair.right}") for pair in guesses]
    return _collected(frame.select(measures)).row(0, named=True)


def _renamed(guesses: Sequence[Pair], numbers: Mapping[str, Any], common: int) -> dict[str, tuple[str, int]]:
    """Return old name and differing rows of each new column that has the values of one that is gone, closest first."""
    found: dict[str, tuple[str, int]] = {}
    equal = {pair: int(numbers[f"equal {pair.left} {pair.right}"]) for pair in guesses}
    for pair in sorted(guesses, key=lambda pair: -equal[pair]):
        taken = pair.right in found or any(pair.left == old for old, _ in found.values())
        if common and equal[pair] >= _RENAMED * common and not taken:
            found[pair.right] = (pair.left, common - equal[pair])
    return found


def _column(
    left: Side, right: Side, name: str, pair: Pair | None, numbers: Mapping[str, Any], common: int
) -> ColumnDiff:
    retyped = left.contract[name].dtype != right.contract[name].dtype
    if pair is None:
        cannot = common_dtype(left.contract[name].dtype, right.contract[name].dtype) is None
        return ColumnDiff(name, "retyped" if cannot or retyped else "same")
    changed = int(numbers[f"differs {name}"])
    status: Status = "retyped" if retyped else "changed" if changed else "same"
    share = changed / common if common else 0.0
    return ColumnDiff(name, status, None, changed, share, numbers[f"mean {name}"], numbers[f"largest {name}"])


def _collected(frame: pl.LazyFrame) -> pl.DataFrame:
    try:
        return frame.collect(engine="streaming")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise ComputeError(
            f"The two sides cannot be compared: {str(error).splitlines()[0][:200]}.",
            remedy="Look at each side by itself first; a stored file may be gone.",
        ) from error
