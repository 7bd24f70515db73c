"""`page`: the rows behind what is chosen, a hundred at a time, and how many there are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import polars as pl

from workbench.define import Contract
from workbench.diff import diff_views
from workbench.notebook.explorer.selection import ValueSelection, Where

if TYPE_CHECKING:
    from workbench.diff import Side, ViewDiff
    from workbench.notebook.explorer.subject import Changed, ExploredView

PAGE = 100
Kind = Literal["changed", "any", "added", "removed", "left", "right"]
_SIDES: dict[str, int] = {"removed": 0, "left": 0, "added": 1, "right": 1}


@dataclass(frozen=True, slots=True)
class RowFilter:
    """Which rows.

    Attributes
    ----------
    feature
        The feature that is looked at.
    kind
        Rows of both sides in which it differs (``changed``) or not (``any``), set side by side; rows that one side
        alone has (``added``, ``removed``); or rows of one side, whatever the other has (``left``, ``right``).
    where
        Of which entities and which period.
    part
        Only with such values of the feature.
    side
        On which side, 0 or 1; of a kind that is about one side, on that.
    """

    feature: Changed
    kind: Kind
    where: Where
    part: ValueSelection | None = None
    side: int = 1

    @property
    def of_side(self) -> int:
        """Whose values are looked at."""
        return _SIDES.get(self.kind, self.side)


@dataclass(frozen=True, slots=True)
class RowPage:
    """Some rows.

    Attributes
    ----------
    rows
        At most 100: keys, then values. Of rows set side by side, pairs of columns: left, right.
    columns
        The features behind the columns that are no keys.
    keys
        How many columns are keys.
    beside
        Whether there are two columns a feature.
    offset
        How many rows come before.
    """

    rows: pl.DataFrame
    columns: tuple[str, ...]
    keys: int
    beside: bool
    offset: int = 0


def kinds(subject: ExploredView, feature: Changed) -> tuple[Kind, ...]:
    """Return which kinds of rows there are to see."""
    left, right = subject.sides
    if subject.diff is None:
        return tuple(kind for kind, side in (("right", right), ("left", left)) if side is not None)  # type: ignore[misc]
    alone: tuple[Kind, ...] = ("added", "removed")
    if not feature.is_paired:
        return ("right", *alone) if feature.names[1] is not None else ("left", *alone)
    return ("changed", "any", *alone)


def page(subject: ExploredView, asked: RowFilter, offset: int = 0) -> RowPage:
    """Return a page of rows, in the order of their keys; of one side's, in the order in which they are stored."""
    if asked.kind in {"left", "right"}:
        return _of_side(subject, asked, offset)
    diff = _restrict(subject, asked)
    column = asked.feature.name if asked.kind == "changed" else None
    rows = diff.changed_rows(offset, PAGE, column, kind=asked.kind)  # type: ignore[arg-type]  # not a side's
    paired = tuple(each.name for each in diff.columns if each.compared_as is not None)
    keys = len(rows.columns) - 2 * len(paired)
    return RowPage(rows, paired, max(keys, 0), beside=True, offset=offset)


def count(subject: ExploredView, asked: RowFilter) -> int:
    """Return how many rows there are in all."""
    if asked.kind in {"left", "right"}:
        return int(_rows_of_side(subject, asked).select(pl.len()).collect(engine="streaming").item())
    diff = subject.diff
    assert diff is not None  # noqa: S101 - `kinds` offers these only where rows are set side by side
    if asked.part is not None or not asked.where.is_everything:
        diff = _select_feature(_restrict(subject, asked), asked.feature)
    if asked.kind == "changed":
        return diff.column(asked.feature.name).changed
    counts = diff.rows
    return {"any": counts.same + counts.changed, "added": counts.added, "removed": counts.removed}[asked.kind]


def _restrict(subject: ExploredView, asked: RowFilter) -> ViewDiff:
    """Return the difference of the rows that are looked at.

    Entity and period are the same on rows of one key, so that both sides are cut by them. Values are not: they cut the
    side that they are on, and the other side's rows then find no partner unless theirs is among them.
    """
    diff = subject.diff
    assert diff is not None  # noqa: S101
    if asked.where.is_everything and asked.part is None:
        return diff
    left, right = (side and _cut(side, asked, place) for place, side in enumerate((diff.left, diff.right)))
    return replace(diff, left=left, right=right)


def _cut(side: Side, asked: RowFilter, place: int) -> Side:
    frame = asked.where.rows(side)
    if asked.part is not None and place == asked.of_side:
        name = asked.feature.names[place]
        chosen = pl.lit(value=False) if name is None else asked.part.test(name, frame.collect_schema()[name])
        frame = frame.filter(chosen)
    return replace(side, frame=frame, digest=None)


def _select_feature(diff: ViewDiff, feature: Changed) -> ViewDiff:
    """Return the difference of the keys and one feature alone, under one name."""
    sides = (
        _narrow(side, name, feature.name) for side, name in zip((diff.left, diff.right), feature.names, strict=True)
    )
    return diff_views(*sides, worst=0)


def _narrow(side: Side | None, name: str | None, called: str) -> Side | None:
    if side is None:
        return None
    kept = [column for column in side.contract.columns if column.name in side.keys or column.name == name]
    frame = side.frame.select(column.name for column in kept)
    if name is not None:
        frame = frame.rename({name: called})
    columns = tuple(replace(column, name=called) if column.name == name else column for column in kept)
    return replace(side, frame=frame, contract=Contract(columns), text={})


def _rows_of_side(subject: ExploredView, asked: RowFilter) -> pl.LazyFrame:
    side = subject.sides[asked.of_side]
    assert side is not None  # noqa: S101 - `kinds` offers none that is not there
    return _cut(side, asked, asked.of_side).frame


def _of_side(subject: ExploredView, asked: RowFilter, offset: int) -> RowPage:
    side = subject.sides[asked.of_side]
    assert side is not None  # noqa: S101
    held = side.frame.collect_schema().names()
    keys = [name for name in side.keys if name in held]
    values = [name for name in side.values if name in held]
    rows = _rows_of_side(subject, asked).select(*keys, *values).slice(offset, PAGE).collect(engine="streaming")
    return RowPage(rows, tuple(values), len(keys), beside=False, offset=offset)
