"""Promotion: what an experiment would change, the gates it must pass, and publishing it by one commit on main.

Nothing outside of this room writes main, the registry or the lake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.lazy import loading

if TYPE_CHECKING:
    from workbench.promote.approve import ApprovalReport, approve
    from workbench.promote.fetch import Fetched, fetch
    from workbench.promote.gates.context import GateSubject
    from workbench.promote.gates.result import GateResult
    from workbench.promote.gates.run import GATES, run_gates
    from workbench.promote.gc import Garbage, collect_garbage
    from workbench.promote.lifecycle import Standing, deprecate, retire
    from workbench.promote.materialize import Materialized, materialize
    from workbench.promote.plan import Plan
    from workbench.promote.promote import execute, promote
    from workbench.promote.releases import Release, ReleaseList, cut, drop, releases
    from workbench.promote.report import PromotionReport
    from workbench.promote.rollback import rollback
    from workbench.promote.withdraw import withdraw

_HOMES = {
    "approve": ("ApprovalReport", "approve"),
    "fetch": ("Fetched", "fetch"),
    "gates.context": ("GateSubject",),
    "gates.result": ("GateResult",),
    "gates.run": ("GATES", "run_gates"),
    "gc": ("Garbage", "collect_garbage"),
    "lifecycle": ("Standing", "deprecate", "retire"),
    "materialize": ("Materialized", "materialize"),
    "plan": ("Plan",),
    "promote": ("execute", "promote"),
    "releases": ("Release", "ReleaseList", "cut", "drop", "releases"),
    "report": ("PromotionReport",),
    "rollback": ("rollback",),
    "withdraw": ("withdraw",),
}
__getattr__, __dir__ = loading(__name__, _HOMES)

__all__ = [
    "GATES",
    "ApprovalReport",
    "Fetched",
    "Garbage",
    "GateResult",
    "GateSubject",
    "Materialized",
    "Plan",
    "PromotionReport",
    "Release",
    "ReleaseList",
    "Standing",
    "approve",
    "collect_garbage",
    "cut",
    "deprecate",
    "drop",
    "execute",
    "fetch",
    "materialize",
    "promote",
    "releases",
    "retire",
    "rollback",
    "run_gates",
    "withdraw",
]
