"""`Proposal`: the plan of a promotion together with the data that it is about."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.pipeline import Evaluation, VersionEvaluation
    from workbench.promote.merge import MergedTree
    from workbench.promote.on_demand_change import ComparedOnDemand
    from workbench.promote.plan import Plan
    from workbench.promote.version_change import Compared


@dataclass(frozen=True, slots=True)
class Proposal:
    """A plan together with the data that it is about.

    Attributes
    ----------
    plan, candidate
        What would be done, and what main would define then.
    evaluation
        Computes the candidate's definitions.
    views
        The views that get a new version by name, each after what it reads.
    on_demand
        The on-demand views that get a new version by name.
    published
        Computes what is published, on the same source data.
    """

    plan: Plan
    candidate: MergedTree
    evaluation: Evaluation | None = None
    views: Mapping[str, Compared] = field(default_factory=dict)
    published: VersionEvaluation | None = None
    on_demand: Mapping[str, ComparedOnDemand] = field(default_factory=dict)
