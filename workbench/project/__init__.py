"""A project: the open handle on a repository with a ``workbench.toml``, and how it is opened and made.

The names are loaded when they are first used: opening a project is quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.lazy import loading

if TYPE_CHECKING:
    from workbench.project.feature_store import FeatureStore, facts_of
    from workbench.project.files import TrainingSetReport, answer_into_file, training_set_of_file
    from workbench.project.kernel_branch import ChosenBy, choose_kernel_branch, kernel_branch
    from workbench.project.known import KnownNames, KnownView
    from workbench.project.opening import (
        branch_of_kernel,
        declare_sources,
        find_root,
        init_project,
        open_project,
        remembered_branch,
        source,
    )
    from workbench.project.project import Project, workspace_of
    from workbench.project.serving import service_options
    from workbench.project.verb import Verb, verbs_of

_HOMES = {
    "feature_store": (
        "FeatureStore",
        "facts_of",
    ),
    "files": (
        "TrainingSetReport",
        "answer_into_file",
        "training_set_of_file",
    ),
    "kernel_branch": (
        "ChosenBy",
        "choose_kernel_branch",
        "kernel_branch",
    ),
    "known": (
        "KnownNames",
        "KnownView",
    ),
    "opening": (
        "branch_of_kernel",
        "declare_sources",
        "find_root",
        "init_project",
        "open_project",
        "remembered_branch",
        "source",
    ),
    "project": (
        "Project",
        "workspace_of",
    ),
    "serving": ("service_options",),
    "verb": (
        "Verb",
        "verbs_of",
    ),
}

__all__ = [
    "ChosenBy",
    "FeatureStore",
    "KnownNames",
    "KnownView",
    "Project",
    "TrainingSetReport",
    "Verb",
    "answer_into_file",
    "branch_of_kernel",
    "choose_kernel_branch",
    "declare_sources",
    "facts_of",
    "find_root",
    "init_project",
    "kernel_branch",
    "open_project",
    "remembered_branch",
    "service_options",
    "source",
    "training_set_of_file",
    "verbs_of",
    "workspace_of",
]

__getattr__, __dir__ = loading(__name__, _HOMES)
