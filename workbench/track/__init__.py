"""Tracking: every step reports to MLflow, and nothing waits for it.

Submitting a run writes one file to the outbox; a detached sender process, the only one that imports MLflow, brings it
there exactly once. `record_of` turns the facts of a computed view into a run that reads well in MLflow's pages.
"""

from workbench.track.comparison import Comparison
from workbench.track.journal import MODEL_TAG, TRAINING, Facts, RunSummary
from workbench.track.measures import Measured, check_fits, repeats_of
from workbench.track.openrun import Event, OpenRun
from workbench.track.record import SourceFacts, ViewFacts, record_of
from workbench.track.runs import DatasetRecord, RunRecord, RunStatus, new_key
from workbench.track.tracker import Delivery, Ticket, Tracker, TrackingStatus
from workbench.track.ui import Ui

__all__ = [
    "MODEL_TAG",
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
    "SourceFacts",
    "Ticket",
    "Tracker",
    "TrackingStatus",
    "Ui",
    "ViewFacts",
    "check_fits",
    "new_key",
    "record_of",
    "repeats_of",
]
