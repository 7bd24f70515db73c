"""Serving: what models read, published or of a branch; each value as it was known, every row accounted for."""

from __future__ import annotations

from workbench.serve.behind import BehindRows
from workbench.serve.deprecation import DeprecatedVersionWarning
from workbench.serve.explain import Candidate, Explanation
from workbench.serve.files import TrainingSetReport, training_set_of_file
from workbench.serve.ledger import FailedCheckWarning, Ledger, LowMatchWarning, ViewLedger
from workbench.serve.references import Reference, use
from workbench.serve.reproduction import Reproduction, reproduce
from workbench.serve.saved import SavedTrainingSet
from workbench.serve.store import FeatureStore

__all__ = [
    "BehindRows",
    "Candidate",
    "DeprecatedVersionWarning",
    "Explanation",
    "FailedCheckWarning",
    "FeatureStore",
    "Ledger",
    "LowMatchWarning",
    "Reference",
    "Reproduction",
    "SavedTrainingSet",
    "TrainingSetReport",
    "ViewLedger",
    "reproduce",
    "training_set_of_file",
    "use",
]
