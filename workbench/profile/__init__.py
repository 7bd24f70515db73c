"""What a column of values looks like: some fifty numbers, histograms, bins that two sides share."""

from __future__ import annotations

from workbench.profile.bins import Bin, CategoryBins, NumericBins, count_finely, count_passed, histograms
from workbench.profile.feature import TOP, FeatureProfile, as_numbers, finite_or_none, norms, truncate
from workbench.profile.fine_bins import FineBins
from workbench.profile.histogram import Histogram
from workbench.profile.profile import Profile, profile
from workbench.profile.quantiles import quantiles
from workbench.profile.values import (
    NANOSECONDS,
    Categorical,
    Counts,
    Family,
    Numbers,
    Numeric,
    Unordered,
    common_dtype,
    exact_floats,
    family_of,
    units,
)

__all__ = [
    "NANOSECONDS",
    "TOP",
    "Bin",
    "Categorical",
    "CategoryBins",
    "Counts",
    "Family",
    "FeatureProfile",
    "FineBins",
    "Histogram",
    "Numbers",
    "Numeric",
    "NumericBins",
    "Profile",
    "Unordered",
    "as_numbers",
    "common_dtype",
    "count_finely",
    "count_passed",
    "exact_floats",
    "family_of",
    "finite_or_none",
    "histograms",
    "norms",
    "profile",
    "quantiles",
    "truncate",
    "units",
]
