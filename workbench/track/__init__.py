"""Tracking: every step reports to MLflow, and nothing waits for it.

Submitting a run writes one file to the outbox; a detached sender process, the only one that imports MLflow, brings it
there exactly once. `record_of` turns the facts of a computed view into a run that reads well in MLflow's pages.
"""

from workbench.track.comparison import Comparison, differ, run_label
from workbench.track.journal import MODEL_TAG, TRAINING, Facts, RunSummary
from workbench.track.measures import Measured, check_fits, is_repeat, repeats_of
from workbench.track.openrun import Event, OpenRun, UnsavedRunWarning
from workbench.track.record import SourceFacts, ViewFacts, record_of
from workbench.track.runs import DatasetRecord, RunRecord, RunStatus, new_key
from workbench.track.sides import Side, Spread, joined, repeats, side_of_repeats, side_of_run
from workbench.track.tables import TABLES_TAG, table_text, tables_tag
from workbench.track.tracker import Delivery, Ticket, Tracker, TrackingStatus
from workbench.track.ui import Ui

__all__ = [
    "MODEL_TAG",
    "TABLES_TAG",
    "TRAINING",
    "Comparison",
    "DatasetRecord",
    "Delivery",
    "Event",
    "Facts",
    "Measured",
    "OpenRun",
    "RunRecord",
    "RunStatus",
    "RunSummary",
    "Side",
    "SourceFacts",
    "Spread",
    "Ticket",
    "Tracker",
    "TrackingStatus",
    "Ui",
    "UnsavedRunWarning",
    "ViewFacts",
    "check_fits",
    "differ",
    "is_repeat",
    "joined",
    "new_key",
    "record_of",
    "repeats",
    "repeats_of",
    "run_label",
    "side_of_repeats",
    "side_of_run",
    "table_text",
    "tables_tag",
]
