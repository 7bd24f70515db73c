"""The opened rooms of one project, handed to whatever needs them; there is no global state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.branches import Repository
    from workbench.compute import ViewCache
    from workbench.config import Config
    from workbench.loop.journal import Journal
    from workbench.sources import Sources
    from workbench.track import Tracker


@dataclass(frozen=True, slots=True)
class Rooms:
    """What one open project consists of."""

    root: Path
    config: Config
    repository: Repository
    sources: Sources
    cache: ViewCache
    tracker: Tracker
    journal: Journal

    @property
    def hidden(self) -> Path:
        """The project's ignored folder: cache, queue of runs, locks, logs."""
        return self.root / ".workbench"

    @property
    def protected(self) -> tuple[str, ...]:
        """The branches only ``promote`` may write."""
        return self.config.project.protected
