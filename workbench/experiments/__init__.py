"""Experiments: branches with an objective, runs with a model, and their comparison."""

from __future__ import annotations

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
