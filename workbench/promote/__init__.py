"""Promotion: what an experiment would change, the gates it must pass, and publishing it by one commit on main.

Nothing outside of this room writes main, the registry or the lake.
"""

from __future__ import annotations

from workbench.promote.approving import ApprovalReport, approve
from workbench.promote.garbage import Garbage, collect_garbage
from workbench.promote.materialize import Materialized, materialize
from workbench.promote.plan import Plan
from workbench.promote.promote import execute, promote
from workbench.promote.release import Release, ReleaseList, cut, drop, releases
from workbench.promote.report import PromotionReport
from workbench.promote.standing import Standing, deprecate, retire, rollback

__all__ = [
    "ApprovalReport",
    "Garbage",
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
    "materialize",
    "promote",
    "releases",
    "retire",
    "rollback",
]
