"""How far features moved between two sets of rows, and which moved more than they do by themselves. Numbers only."""

from __future__ import annotations

from workbench.drift.drift import DriftReport, contract_of_frame, drift, require_room
from workbench.drift.pairs import PairCounter, PairedChange, PairedRows, compare_pairs, pairs_to_count
from workbench.drift.result import FeatureDrift, Verdict

__all__ = [
    "DriftReport",
    "FeatureDrift",
    "PairCounter",
    "PairedChange",
    "PairedRows",
    "Verdict",
    "compare_pairs",
    "contract_of_frame",
    "drift",
    "pairs_to_count",
    "require_room",
]
