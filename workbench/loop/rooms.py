"""The opened rooms of one project, handed to whatever needs them; there is no global state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workbench.loop.training import TrainingSets

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.branches import Repository
    from workbench.compute import ViewCache
    from workbench.config import Config
    from workbench.lake import Lake
    from workbench.loop.journal import Journal
    from workbench.sources import Sources
    from workbench.track import Tracker


@dataclass(frozen=True, slots=True)
class Rooms:
    """What one open project consists of."""

    root: Path
    config: Config
    repository: Repository
    protected: tuple[str, ...]
    sources: Sources
    cache: ViewCache
    tracker: Tracker
    journal: Journal
    lake: Lake
    training_sets: TrainingSets = field(default_factory=TrainingSets)

    @property
    def hidden(self) -> Path:
        """The project's ignored folder: cache, queue of runs, locks, logs."""
        return self.root / ".workbench"

    @property
    def trunk(self) -> str:
        """The branch that holds what is published."""
        return self.protected[0] if self.protected else "main"
