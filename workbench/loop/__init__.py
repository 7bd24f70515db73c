"""The loop: a definition is staged, loaded, planned, committed, computed, checked and recorded.

This room is where the others meet; `Project` hands it their opened rooms.
"""

from __future__ import annotations

from workbench.loop.define import compute, define
from workbench.loop.evaluate import Evaluation
from workbench.loop.experiment import BranchList, list_branches, open_experiment
from workbench.loop.lineage import Lineage, trace_lineage
from workbench.loop.model_run import ModelRun
from workbench.loop.result import ResultList, ViewResult
from workbench.loop.run_comparison import RunComparison
from workbench.loop.runs import compare_runs
from workbench.loop.status import Status, ViewStatus, status
from workbench.loop.uilink import UiLink, ui_link
from workbench.loop.view import View, open_view
from workbench.loop.warm import warm
from workbench.loop.why import WhyChanged, why_changed

__all__ = [
    "BranchList",
    "Evaluation",
    "Lineage",
    "ModelRun",
    "ResultList",
    "RunComparison",
    "Status",
    "UiLink",
    "View",
    "ViewResult",
    "ViewStatus",
    "WhyChanged",
    "compare_runs",
    "compute",
    "define",
    "list_branches",
    "open_experiment",
    "open_view",
    "status",
    "trace_lineage",
    "ui_link",
    "warm",
    "why_changed",
]
