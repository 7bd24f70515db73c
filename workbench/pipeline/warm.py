"""Loading what the first definition needs, while the user still types."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from workbench.worker import pool

if TYPE_CHECKING:
    from workbench.workspace import Workspace

NEEDED = (
    "polars",
    "pandera.polars",
    "workbench.define.model",
    "workbench.define.loader",
    "workbench.fingerprint.identity",
    "git",
    "rich",
)
"""What a first cell would otherwise import while the user waits."""


def warm(workspace: Workspace) -> None:
    """Import what a definition needs; start the processes that try it and the one that sends runs to MLflow."""
    pool().warm()
    workspace.tracker.warm()
    for name in NEEDED:
        import_module(name)
