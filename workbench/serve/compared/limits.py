"""How far a view's features may move: the project's budgets, and drift measured by them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.compare import drift
from workbench.serve.policy import policy_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from workbench.compare import DriftReport, Side
    from workbench.compare.measures import Measure
    from workbench.config import DriftSettings
    from workbench.loop.rooms import Rooms


@dataclass(frozen=True, slots=True)
class Limits:
    """The measure that decides, and budgets in it; a feature without one is judged by its own noise."""

    measure: Measure
    budget: float | None
    budgets: Mapping[str, float]

    @classmethod
    def of(cls, settings: DriftSettings, view: str, features: Collection[str]) -> Limits:
        """Return what ``[policy.drift]`` says of `view`: of a feature, else of the view, else of all."""
        named = ((*name.partition(":"), budget) for name, budget in settings.budgets.items())
        own = {feature: budget for about, _, feature, budget in named if about == view and feature in features}
        return cls(settings.measure, settings.budgets.get(view, settings.budget), own)

    def measured(self, sides: tuple[Side, Side], features: Sequence[str], *, by: Sequence[str] = ()) -> DriftReport:
        """Return how far `features` moved from the first side to the second, as the second's contract names them."""
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
        )


def measured(
    rooms: Rooms, view: str, sides: tuple[Side, Side], features: Sequence[str], *, by: Sequence[str] = ()
) -> DriftReport:
    """Return how far features moved between two sides, by the budgets that main's ``[policy.drift]`` sets."""
    return Limits.of(policy_of(rooms).drift, view, features).measured(sides, features, by=by)
