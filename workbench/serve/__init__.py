"""Serving: what models read, published or of a branch; each value as it was known, every row accounted for."""

from __future__ import annotations

from workbench.serve.behind import BehindRows
from workbench.serve.catalog import Catalog, CatalogEntry, CatalogPage
from workbench.serve.compared import Difference, Drift, diff, drift
from workbench.serve.deprecation import DeprecatedVersionWarning, warn_of
from workbench.serve.explain import Candidate, Explanation
from workbench.serve.files import TrainingSetReport, answer_into_file, training_set_of_file
from workbench.serve.ledger import FailedCheckWarning, Ledger, LowMatchWarning, ViewLedger
from workbench.serve.references import Reference, use
from workbench.serve.reproduction import Reproduction, reproduce
from workbench.serve.saved import SavedTrainingSet, saved_sets
from workbench.serve.sql import Answer
from workbench.serve.store import FeatureStore
from workbench.serve.trained import facts_of, saved_facts

__all__ = [
    "Answer",
    "BehindRows",
    "Candidate",
    "Catalog",
    "CatalogEntry",
    "CatalogPage",
    "DeprecatedVersionWarning",
    "Difference",
    "Drift",
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
    "answer_into_file",
    "diff",
    "drift",
    "facts_of",
    "reproduce",
    "saved_facts",
    "saved_sets",
    "training_set_of_file",
    "use",
    "warn_of",
]
