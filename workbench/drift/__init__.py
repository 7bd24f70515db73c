"""How far features moved between two sets of rows, and which moved more than they do by themselves. Numbers only."""

from __future__ import annotations

from workbench.drift.drift import DriftReport, contract_of_frame, drift, require_room
from workbench.drift.pairs import PairedChange, compare_pairs
from workbench.drift.result import FeatureDrift, Verdict

__all__ = [
    "DriftReport",
    "FeatureDrift",
    "PairedChange",
    "Verdict",
    "compare_pairs",
    "contract_of_frame",
    "drift",
    "require_room",
]
