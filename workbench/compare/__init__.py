"""Comparison: numbers that describe a view and how two of them differ. Numbers only, no drawing."""

from __future__ import annotations

from workbench.compare.category import Category
from workbench.compare.code import CodeDiff, FileDiff, Hunk, code_diff
from workbench.compare.column_diff import ColumnDiff
from workbench.compare.diff import ViewDiff, diff_views
from workbench.compare.drift import DriftReport, contract_of_frame, drift
from workbench.compare.feature import FeatureProfile
from workbench.compare.histogram import Histogram
from workbench.compare.moved import FeatureDrift
from workbench.compare.period import Period
from workbench.compare.profile import Profile, profile
from workbench.compare.promise import ContractChange, contract_changes
from workbench.compare.rows import RowCounts
from workbench.compare.side import Side
from workbench.compare.typed import value_of

__all__ = [
    "Category",
    "CodeDiff",
    "ColumnDiff",
    "ContractChange",
    "DriftReport",
    "FeatureDrift",
    "FeatureProfile",
    "FileDiff",
    "Histogram",
    "Hunk",
    "Period",
    "Profile",
    "RowCounts",
    "Side",
    "ViewDiff",
    "code_diff",
    "contract_changes",
    "contract_of_frame",
    "diff_views",
    "drift",
    "profile",
    "value_of",
]
