"""Reading features: published or of a branch, each value as it was known, every row of a training set accounted for.

Names are loaded when they are first used: a service needs few. What is called as its module is loaded at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.lazy import loading
from workbench.store.on_demand import ReadableOnDemand
from workbench.store.reading_lake import find_damage, reading_lake
from workbench.store.resolve import (
    ComputedFeature,
    JoinedView,
    OnDemandPart,
    Resolution,
    ResolvedFeature,
    joined_views,
    named_view,
    resolve,
    resolve_all,
)

if TYPE_CHECKING:
    from workbench.store.branch_reader import BranchReader
    from workbench.store.deprecation import DeprecatedVersionWarning, deprecation_of, warn_of
    from workbench.store.explanation import Candidate, Explanation, explain
    from workbench.store.history import latest, period
    from workbench.store.join import JoinedSpine, Question, in_order, join_features
    from workbench.store.ledger import FailedCheckWarning, Ledger, LowMatchWarning, NaiveTimeWarning, ViewLedger
    from workbench.store.policy import main_config, policy_of
    from workbench.store.reader import ReadableData, ReadableView, ViewReader
    from workbench.store.records import SHORTEST, find_record
    from workbench.store.references import Reference, parse_all, use
    from workbench.store.registry_reader import (
        RecordReader,
        RegistryReader,
        on_demand_function,
        published_data,
        published_view,
    )
    from workbench.store.releases import commit_at, release_commit, release_names
    from workbench.store.saved import SavedTrainingSet, SourceView, names, saved_sets, saved_training_set
    from workbench.store.source_rows import BehindRows
    from workbench.store.spine import IntoSpine, Spine, as_spine
    from workbench.store.tracking import computed_views, facts_of_saved, failed_checks, run_of, views_read
    from workbench.store.training_set import TrainingSet, facts_of_built

_HOMES = {
    "branch_reader": ("BranchReader",),
    "deprecation": (
        "DeprecatedVersionWarning",
        "deprecation_of",
        "warn_of",
    ),
    "explanation": (
        "Candidate",
        "Explanation",
        "explain",
    ),
    "history": (
        "latest",
        "period",
    ),
    "join": (
        "JoinedSpine",
        "Question",
        "in_order",
        "join_features",
    ),
    "ledger": (
        "FailedCheckWarning",
        "Ledger",
        "LowMatchWarning",
        "NaiveTimeWarning",
        "ViewLedger",
    ),
    "policy": ("main_config", "policy_of"),
    "reader": (
        "ReadableData",
        "ReadableView",
        "ViewReader",
    ),
    "records": (
        "SHORTEST",
        "find_record",
    ),
    "references": (
        "Reference",
        "parse_all",
        "use",
    ),
    "registry_reader": (
        "RecordReader",
        "RegistryReader",
        "on_demand_function",
        "published_data",
        "published_view",
    ),
    "releases": (
        "commit_at",
        "release_commit",
        "release_names",
    ),
    "saved": (
        "SavedTrainingSet",
        "SourceView",
        "names",
        "saved_sets",
        "saved_training_set",
    ),
    "source_rows": ("BehindRows",),
    "spine": (
        "IntoSpine",
        "Spine",
        "as_spine",
    ),
    "tracking": (
        "computed_views",
        "facts_of_saved",
        "failed_checks",
        "run_of",
        "views_read",
    ),
    "training_set": (
        "TrainingSet",
        "facts_of_built",
    ),
}

__all__ = [
    "SHORTEST",
    "BehindRows",
    "BranchReader",
    "Candidate",
    "ComputedFeature",
    "DeprecatedVersionWarning",
    "Explanation",
    "FailedCheckWarning",
    "IntoSpine",
    "JoinedSpine",
    "JoinedView",
    "Ledger",
    "LowMatchWarning",
    "NaiveTimeWarning",
    "OnDemandPart",
    "Question",
    "ReadableData",
    "ReadableOnDemand",
    "ReadableView",
    "RecordReader",
    "Reference",
    "RegistryReader",
    "Resolution",
    "ResolvedFeature",
    "SavedTrainingSet",
    "SourceView",
    "Spine",
    "TrainingSet",
    "ViewLedger",
    "ViewReader",
    "as_spine",
    "commit_at",
    "computed_views",
    "deprecation_of",
    "explain",
    "facts_of_built",
    "facts_of_saved",
    "failed_checks",
    "find_damage",
    "find_record",
    "in_order",
    "join_features",
    "joined_views",
    "latest",
    "main_config",
    "named_view",
    "names",
    "on_demand_function",
    "parse_all",
    "period",
    "policy_of",
    "published_data",
    "published_view",
    "reading_lake",
    "release_commit",
    "release_names",
    "resolve",
    "resolve_all",
    "run_of",
    "saved_sets",
    "saved_training_set",
    "use",
    "views_read",
    "warn_of",
]

__getattr__, __dir__ = loading(__name__, _HOMES)
