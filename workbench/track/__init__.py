"""Tracking: every step reports to MLflow, and nothing waits for it.

Submitting a run writes one file to the outbox; a detached sender process, the only one that imports MLflow, brings it
there exactly once. `record_of` turns the facts of a computed view into a run that reads well in MLflow's pages.
"""

from workbench.track.comparison import Comparison
from workbench.track.journal import Facts, RunSummary
from workbench.track.record import SourceFacts, ViewFacts, record_of
from workbench.track.runs import DatasetRecord, RunRecord, new_key
from workbench.track.tracker import Delivery, Ticket, Tracker, TrackingStatus
from workbench.track.ui import Ui

__all__ = [
    "Comparison",
    "DatasetRecord",
    "Delivery",
    "Facts",
    "RunRecord",
    "RunSummary",
    "SourceFacts",
    "Ticket",
    "Tracker",
    "TrackingStatus",
    "Ui",
    "ViewFacts",
    "new_key",
    "record_of",
]
