"""Comparison: numbers that describe a view and how two of them differ. Numbers only, no drawing."""

from __future__ import annotations

from workbench.compare.feature import FeatureProfile
from workbench.compare.histogram import Histogram
from workbench.compare.profile import Profile, profile

__all__ = ["FeatureProfile", "Histogram", "Profile", "profile"]
