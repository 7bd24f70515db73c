"""`Context`: where a computation happens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.loop.rooms import Rooms


@dataclass(frozen=True, slots=True)
class Context:
    """Where a computation happens: project, branch, commit, and whether MLflow hears of it."""

    rooms: Rooms
    branch: str
    commit: str
    log: bool
    definition: str
