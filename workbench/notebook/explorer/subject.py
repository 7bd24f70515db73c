"""`ExploredView`: the two sides of a view that are explored, and what changed between them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workbench.notebook.explorer.kinds import Kind, kind_of
from workbench.shares import percent

if TYPE_CHECKING:
    from workbench.comparison import Difference, Drift
    from workbench.diff import ColumnDiff, Side, ViewDiff
    from workbench.drift import FeatureDrift

Order = Literal["change", "name"]


@dataclass(frozen=True, slots=True)
class Changed:
    """A feature, and how much it changed.

    Attributes
    ----------
    name
        On the right side; on the left where only that has it.
    names
        What each side calls it; None where it does not have it.
    kind
        How its values are drawn.
    dtype
        Its type, as text.
    unit
        Of its numbers.
    share
        Of the rows in common, those with another value; None where values were not compared one by one.
    drift
        How its distribution moved, where that was measured.
    status
        What became of the column: ``same``, ``changed``, ``added``, ...
    tolerance
        Up to which its values are equal, where that is declared.
    """

    name: str
    names: tuple[str | None, str | None]
    kind: Kind
    unit: str | None = None
    share: float | None = None
    drift: FeatureDrift | None = None
    status: str = "same"
    tolerance: float | None = None
    dtype: str = ""

    @property
    def is_paired(self) -> bool:
        """Whether its values can be compared row by row."""
        return self.share is not None

    @property
    def says(self) -> str:
        """How much it changed, in a few words."""
        if self.status in {"added", "removed"}:
            return self.status
        parts = []
        if self.share is not None:
            parts.append(percent(self.share) if self.share else "same")
        elif self.drift is None:
            parts.append(self.status)
        if self.drift is not None and (self.share is None or self.drift.verdict != "no drift"):
            parts.append(self.drift.verdict)
        return ", ".join(parts)

    @property
    def weight(self) -> tuple[float, float]:
        """By which features are ordered: the share of values that differ, then the drift over its threshold.

        What one side alone has comes after what differs: there is nothing to compare it with.
        """
        if self.status in {"added", "removed"}:
            return 0.0, math.inf
        return self.share or 0.0, self.drift.excess if self.drift else 0.0


@dataclass(frozen=True, slots=True)
class ExploredView:
    """Two sides of a view.

    Attributes
    ----------
    view
        The view.
    refs
        What was asked for, as it was named.
    sides
        The rows; None where a side has no such view.
    features
        Those of both sides.
    diff
        How rows differ; None where the sides hold other rows by nature, e.g. two periods.
    choices
        Names what else each side could be.
    other
        Returns the same view between two other sides.
    free
        Whether a side can be named in words that are not among the choices, e.g. a period.
    """

    view: str
    refs: tuple[str, str]
    sides: tuple[Side | None, Side | None]
    features: tuple[Changed, ...]
    diff: ViewDiff | None
    choices: Callable[[], tuple[str, ...]]
    other: Callable[[str, str], ExploredView]
    free: bool = False

    @property
    def labels(self) -> tuple[str, str]:
        """What the sides are called; never the same."""
        left, right = (side.label if side else ref for side, ref in zip(self.sides, self.refs, strict=True))
        return (left, right) if left != right else (f"left, {left}", f"right, {right}")

    @property
    def side(self) -> Side:
        """A side that is there, the right one rather."""
        found = self.sides[1] or self.sides[0]
        assert found is not None  # noqa: S101 - one of them is there, or there would be no comparison
        return found

    @property
    def entities(self) -> tuple[str, ...]:
        """The entity columns that the sides that are there have."""
        held = [side.frame.collect_schema().names() for side in self.sides if side is not None]
        named = (column.name for column in self.side.contract.columns if column.role == "entity")
        return tuple(name for name in named if all(name in names for names in held))

    @property
    def time(self) -> str | None:
        """The event time's column."""
        return next((column.name for column in self.side.contract.columns if column.role == "event_time"), None)

    def feature(self, name: str) -> Changed:
        """Return a feature by name."""
        return next(feature for feature in self.features if feature.name == name)

    def sorted_features(self, by: Order) -> tuple[Changed, ...]:
        """Return the features by name, or those that changed most first."""
        named = sorted(self.features, key=lambda feature: feature.name)
        if by == "name":
            return tuple(named)
        return tuple(sorted(named, key=lambda feature: feature.weight, reverse=True))


def subject_of(shown: Difference | Drift) -> ExploredView:
    """Return what there is to explore in a difference or a drift."""
    from workbench.comparison import Difference

    return _of_difference(shown) if isinstance(shown, Difference) else _of_drift(shown)


def _of_difference(shown: Difference) -> ExploredView:
    moved = {} if shown.drift is None else {one.name: one for one in shown.drift.features}
    diff = shown.diff
    features = tuple(feature_of(column, diff, moved.get(column.name)) for column in diff.columns)

    def other(left: str, right: str) -> ExploredView:
        return _of_difference(shown.against(left, right))

    # without a pair of columns that can be compared there are no rows to set side by side
    matched = diff if diff.grain and any(feature.is_paired for feature in features) else None
    return ExploredView(shown.view, shown.refs, (diff.left, diff.right), features, matched, shown.choices, other)


def feature_of(column: ColumnDiff, diff: ViewDiff, drift: FeatureDrift | None) -> Changed:
    """Return a column of a difference as a feature to look at."""
    names = (
        None if diff.left is None or column.left_dtype is None else column.before or column.name,
        None if diff.right is None or column.right_dtype is None else column.name,
    )
    side, held = (diff.right, names[1]) if names[1] is not None else (diff.left, names[0])
    assert side is not None  # noqa: S101 - a column is on one side at least
    assert held is not None  # noqa: S101
    promised = side.contract[held]
    return Changed(
        name=column.name,
        names=names,
        kind=kind_of(promised.dtype),
        unit=promised.unit,
        share=column.share if column.compared_as is not None else None,
        drift=drift,
        status=column.status,
        tolerance=promised.tolerance,
        dtype=str(promised.dtype),
    )


def _of_drift(shown: Drift) -> ExploredView:
    contract = shown.sides[1].contract
    features = tuple(
        Changed(
            one.name,
            (one.name, one.name),
            kind_of(contract[one.name].dtype),
            one.unit,
            drift=one,
            dtype=str(contract[one.name].dtype),
        )
        for one in shown.drift.features
    )

    def other(left: str, right: str) -> ExploredView:
        # a side of rows that were handed over has no name, and stays where none is given
        return _of_drift(shown.between(left or None, right or None))

    return ExploredView(shown.view, shown.refs, shown.sides, features, None, shown.choices, other, free=True)
