"""Comparing what a view holds here and there: its difference, exact on all rows, and its drift."""

from __future__ import annotations

from workbench.comparison.budgets import Limits
from workbench.comparison.cache import cached_compare
from workbench.comparison.creep import compare_with_first
from workbench.comparison.diff import Difference, diff
from workbench.comparison.drift import Drift, drift
from workbench.comparison.refs import side_at, side_of

__all__ = [
    "Difference",
    "Drift",
    "Limits",
    "cached_compare",
    "compare_with_first",
    "diff",
    "drift",
    "side_at",
    "side_of",
]
