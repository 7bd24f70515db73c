"""How far a view's features may move: the project's budgets, and drift measured by them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workbench.comparison.cache import cached_drift, known_drift, known_pairs
from workbench.diff import height
from workbench.drift import DriftReport, FeatureDrift, compare_pairs, drift, require_room
from workbench.store import policy_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    import polars as pl

    from workbench.config import DriftSettings
    from workbench.diff import Side
    from workbench.drift import PairedRows
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
        settings = self._settings(features, by)
        return cached_drift(facts, *sides, settings, measure=lambda: self._measure(sides, features, by=by))

    def judge_drift(self, sides: tuple[Side, Side], features: Sequence[str], *, facts: Path) -> DriftReport:
        """Return the verdicts of `measure_drift`; distributions are measured where they have a say in them.

        They have none where both sides have the same rows and no budget is set.
        """
        settings = self._settings(features, ())
        known = known_drift(facts, *sides, settings)
        if known is not None:
            return known

        def measure() -> DriftReport:
            free, heights = self._free(features), (height(sides[0]), height(sides[1]))
            known = known_pairs(facts, *sides)
            if known.keys() >= set(free):
                least = LEAST_IN_COMMON * min(heights)
                pairs = {name: known[name] for name in free if known[name].change.rows >= least}
            else:
                require_room(heights)  # before anything is read
                pairs = compare_pairs(*sides, free, least=LEAST_IN_COMMON)
            decided = self._decided(sides[1], free, pairs)
            rest = [name for name in features if name not in decided]
            if not rest:
                labels = sides[0].label, sides[1].label
                return DriftReport(tuple(decided[name] for name in features), labels, heights, self.measure)
            report = self._measure_distributions(sides, rest, pairs=pairs)
            found = {one.name: one for one in report.features} | decided
            return replace(report, features=tuple(found[name] for name in features))

        return cached_drift(facts, *sides, [*settings, "verdicts"], measure=measure)

    def _settings(self, features: Sequence[str], by: Sequence[str]) -> list[object]:
        own = {name: budget for name, budget in self.budgets.items() if name in features}
        return [self.measure, self.budget, own, LEAST_IN_COMMON, list(features), list(by)]

    def _free(self, features: Sequence[str]) -> list[str]:
        return [name for name in features if name not in self.budgets]

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
        pairs = compare_pairs(left, right, self._free(features), least=LEAST_IN_COMMON, touched=touched)
        return self._measure_distributions(sides, features, by=by, pairs=pairs)

    def _decided(self, right: Side, names: Sequence[str], pairs: Mapping[str, PairedRows]) -> dict[str, FeatureDrift]:
        """Return the features whose rows alone decide, and so judged."""
        if self.budget is not None:
            return {}
        found = {
            name: FeatureDrift.of_rows(name, pairs[name], unit=right.contract[name].unit, measure=self.measure)
            for name in names
            if name in pairs
        }
        return {name: one for name, one in found.items() if one is not None}

    def _measure_distributions(
        self,
        sides: tuple[Side, Side],
        features: Sequence[str],
        *,
        by: Sequence[str] = (),
        pairs: Mapping[str, PairedRows],
    ) -> DriftReport:
        left, right = sides
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
            pairs=pairs,
        )


def measure_drift(
    workspace: Workspace, view: str, sides: tuple[Side, Side], features: Sequence[str], *, by: Sequence[str] = ()
) -> DriftReport:
    """Measure the drift of features between two sides, by the budgets that main's ``[policy.drift]`` sets."""
    limits = Limits.of(policy_of(workspace).drift, view, features)
    return limits.measure_drift(sides, features, by=by, facts=workspace.facts)
