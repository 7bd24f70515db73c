"""How far a view's features may move: the project's budgets, and drift measured by them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.comparison.cache import cached_drift
from workbench.diff import height
from workbench.drift import compare_pairs, drift, require_room
from workbench.store import policy_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    import polars as pl

    from workbench.config import DriftSettings
    from workbench.diff import Side
    from workbench.drift import DriftReport
    from workbench.workspace import Workspace

LEAST_IN_COMMON = 0.5
"""The share of the smaller side's rows that both must have, for the rows in common to be compared one by one."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The measure that decides, and budgets in it; a feature without one is judged by its own noise.

    Where both sides have the same rows, these decide first, but for features whose budget is set by name.
    """

    measure: str
    budget: float | None
    budgets: Mapping[str, float]

    @classmethod
    def of(cls, settings: DriftSettings, view: str, features: Collection[str]) -> Limits:
        """Return what ``[policy.drift]`` says of `view`: of a feature, else of the view, else of all."""
        named = ((*name.partition(":"), budget) for name, budget in settings.budgets.items())
        own = {feature: budget for about, _, feature, budget in named if about == view and feature in features}
        if view in settings.budgets:
            own = dict.fromkeys(features, settings.budgets[view]) | own
        return cls(settings.measure, settings.budget, own)

    def measure_drift(
        self,
        sides: tuple[Side, Side],
        features: Sequence[str],
        *,
        by: Sequence[str] = (),
        touched: pl.Expr | None = None,
        facts: Path | None = None,
    ) -> DriftReport:
        """Return how far `features` moved from the first side to the second, as the second's contract names them.

        Rows that are not `touched` are known to be the same on both sides. What was found is remembered in `facts`.
        """
        if facts is None or touched is not None:
            return self._measure(sides, features, by=by, touched=touched)
        own = {name: budget for name, budget in self.budgets.items() if name in features}
        settings = [self.measure, self.budget, own, LEAST_IN_COMMON, list(features), list(by)]
        return cached_drift(facts, *sides, settings, measure=lambda: self._measure(sides, features, by=by))

    def _measure(
        self,
        sides: tuple[Side, Side],
        features: Sequence[str],
        *,
        by: Sequence[str],
        touched: pl.Expr | None = None,
    ) -> DriftReport:
        left, right = sides
        require_room((height(left), height(right)))  # before anything is read
        free = [name for name in features if name not in self.budgets]
        changes = compare_pairs(left, right, free, least=LEAST_IN_COMMON, touched=touched)
        return drift(
            left.frame,
            right.frame,
            contract=right.contract,
            columns=features,
            measure=self.measure,
            budget=self.budget,
            budgets=self.budgets,
            labels=(left.label, right.label),
            by=by,
            pairs=changes,
        )


def measure_drift(
    workspace: Workspace, view: str, sides: tuple[Side, Side], features: Sequence[str], *, by: Sequence[str] = ()
) -> DriftReport:
    """Measure the drift of features between two sides, by the budgets that main's ``[policy.drift]`` sets."""
    limits = Limits.of(policy_of(workspace).drift, view, features)
    return limits.measure_drift(sides, features, by=by, facts=workspace.facts)
