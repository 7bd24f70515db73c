"""`Context`: where a computation happens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Context:
    """Where a computation happens: project, branch, commit, and whether MLflow hears of it."""

    workspace: Workspace
    branch: str
    commit: str
    log: bool
    definition: str
