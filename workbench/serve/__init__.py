"""Serving: what models read. Training sets of a branch's views, each value as it was known, every row accounted for."""

from __future__ import annotations

from workbench.serve.behind import BehindRows
from workbench.serve.explain import Candidate, Explanation
from workbench.serve.files import TrainingSetReport, training_set_of_file
from workbench.serve.ledger import FailedCheckWarning, Ledger, LowMatchWarning, ViewLedger
from workbench.serve.reproduction import Reproduction, reproduce
from workbench.serve.saved import SavedTrainingSet
from workbench.serve.store import FeatureStore

__all__ = [
    "BehindRows",
    "Candidate",
    "Explanation",
    "FailedCheckWarning",
    "FeatureStore",
    "Ledger",
    "LowMatchWarning",
    "Reproduction",
    "SavedTrainingSet",
    "TrainingSetReport",
    "ViewLedger",
    "reproduce",
    "training_set_of_file",
]
