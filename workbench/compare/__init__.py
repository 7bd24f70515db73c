"""Comparison: numbers that describe a view and how two of them differ. Numbers only, no drawing."""

from __future__ import annotations

from workbench.compare.drift import DriftReport, contract_of_frame, drift
from workbench.compare.feature import FeatureProfile
from workbench.compare.histogram import Histogram
from workbench.compare.moved import FeatureDrift
from workbench.compare.period import Period
from workbench.compare.profile import Profile, profile

__all__ = [
    "DriftReport",
    "FeatureDrift",
    "FeatureProfile",
    "Histogram",
    "Period",
    "Profile",
    "contract_of_frame",
    "drift",
    "profile",
]
