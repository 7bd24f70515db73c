"""Tracking: every step reports to MLflow, and nothing waits for it.

Submitting a run writes one file to the outbox; a detached sender process, the only one that imports MLflow, brings it
there exactly once. `record_of` turns the facts of a computed view into a run that reads well in MLflow's pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.lazy import loading

if TYPE_CHECKING:
    from workbench.tracking.comparison import Comparison, differ, run_label
    from workbench.tracking.computations import ComputationJournal, Entry, RecordedView, own_runs
    from workbench.tracking.fluent import FluentBlock, TrackingWarning
    from workbench.tracking.journal import MODEL_TAG, REGISTERED_TAG, TRAINING, Facts, RunSummary
    from workbench.tracking.measures import Measured, check_fits, is_repeat, repeats_of
    from workbench.tracking.record import SourceFacts, ViewFacts, record_of
    from workbench.tracking.run_log import Event, OpenRun, UnsavedRunWarning
    from workbench.tracking.runs import DatasetRecord, RunRecord, RunStatus, new_key
    from workbench.tracking.sides import RunSide, Spread, join_sides, repeats, side_of_repeats, side_of_run
    from workbench.tracking.tables import TABLES_TAG, table_text, tables_tag
    from workbench.tracking.tracker import Delivery, Ticket, Tracker, TrackingStatus
    from workbench.tracking.training import ReadView, TrainingFacts, TrainingListener, VersionedView
    from workbench.tracking.ui import Ui

_HOMES = {
    "comparison": (
        "Comparison",
        "differ",
        "run_label",
    ),
    "computations": (
        "ComputationJournal",
        "Entry",
        "RecordedView",
        "own_runs",
    ),
    "fluent": (
        "FluentBlock",
        "TrackingWarning",
    ),
    "journal": (
        "MODEL_TAG",
        "REGISTERED_TAG",
        "TRAINING",
        "Facts",
        "RunSummary",
    ),
    "measures": (
        "Measured",
        "check_fits",
        "is_repeat",
        "repeats_of",
    ),
    "record": (
        "SourceFacts",
        "ViewFacts",
        "record_of",
    ),
    "run_log": (
        "Event",
        "OpenRun",
        "UnsavedRunWarning",
    ),
    "runs": (
        "DatasetRecord",
        "RunRecord",
        "RunStatus",
        "new_key",
    ),
    "sides": (
        "RunSide",
        "Spread",
        "join_sides",
        "repeats",
        "side_of_repeats",
        "side_of_run",
    ),
    "tables": (
        "TABLES_TAG",
        "table_text",
        "tables_tag",
    ),
    "tracker": (
        "Delivery",
        "Ticket",
        "Tracker",
        "TrackingStatus",
    ),
    "training": (
        "ReadView",
        "TrainingFacts",
        "TrainingListener",
        "VersionedView",
    ),
    "ui": ("Ui",),
}

__all__ = [
    "MODEL_TAG",
    "REGISTERED_TAG",
    "TABLES_TAG",
    "TRAINING",
    "Comparison",
    "ComputationJournal",
    "DatasetRecord",
    "Delivery",
    "Entry",
    "Event",
    "Facts",
    "FluentBlock",
    "Measured",
    "OpenRun",
    "ReadView",
    "RecordedView",
    "RunRecord",
    "RunSide",
    "RunStatus",
    "RunSummary",
    "SourceFacts",
    "Spread",
    "Ticket",
    "Tracker",
    "TrackingStatus",
    "TrackingWarning",
    "TrainingFacts",
    "TrainingListener",
    "Ui",
    "UnsavedRunWarning",
    "VersionedView",
    "ViewFacts",
    "check_fits",
    "differ",
    "is_repeat",
    "join_sides",
    "new_key",
    "own_runs",
    "record_of",
    "repeats",
    "repeats_of",
    "run_label",
    "side_of_repeats",
    "side_of_run",
    "table_text",
    "tables_tag",
]

__getattr__, __dir__ = loading(__name__, _HOMES)
