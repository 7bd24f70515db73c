"""Experiments: branches with an objective, runs with a model, and their comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.lazy import loading

if TYPE_CHECKING:
    from workbench.experiments.experiment import (
        BranchList,
        RemoteSilentWarning,
        list_branches,
        open_experiment,
        push_experiment,
    )
    from workbench.experiments.model_record import training_of_run
    from workbench.experiments.model_run import ModelRun
    from workbench.experiments.run_comparison import RunComparison
    from workbench.experiments.runs import compare_runs

_HOMES = {
    "experiment": (
        "BranchList",
        "RemoteSilentWarning",
        "list_branches",
        "open_experiment",
        "push_experiment",
    ),
    "model_record": ("training_of_run",),
    "model_run": ("ModelRun",),
    "run_comparison": ("RunComparison",),
    "runs": ("compare_runs",),
}

__all__ = [
    "BranchList",
    "ModelRun",
    "RemoteSilentWarning",
    "RunComparison",
    "compare_runs",
    "list_branches",
    "open_experiment",
    "push_experiment",
    "training_of_run",
]

__getattr__, __dir__ = loading(__name__, _HOMES)
