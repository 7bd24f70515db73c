"""The opened workspace of one project, handed to whatever needs them; there is no global state."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.tracking import TrainingListener

if TYPE_CHECKING:
    from workbench.compute import ViewCache
    from workbench.config import Config
    from workbench.git import Repository
    from workbench.lake import Lake, VersionData
    from workbench.sources import Sources
    from workbench.tracking import ComputationJournal, Tracker


@dataclass(frozen=True, slots=True)
class Workspace:
    """What one open project consists of.

    Attributes
    ----------
    root
        The project's folder in this working tree.
    hidden
        The working tree's folder of caches, which may be deleted.
    """

    root: Path
    hidden: Path
    config: Config
    repository: Repository
    protected: tuple[str, ...]
    sources: Sources
    cache: ViewCache
    tracker: Tracker
    journal: ComputationJournal
    lake: Lake
    training_listener: TrainingListener = field(default_factory=TrainingListener)

    @property
    def facts(self) -> Path:
        """The folder of what is known of computed views and never changes."""
        return self.hidden / "facts"

    @property
    def home(self) -> Path:
        """The folder of what must not be lost, one for all working trees: lake, journal, outbox, training sets."""
        return self.repository.home

    @property
    def unshared(self) -> str | None:
        """Why other clones cannot read what is published here; None if they can, or there are none."""
        uri = self.config.lake.uri
        if uri is None:
            where = f"in this repository's git directory ({self.lake.uri})"
        elif uri.startswith("~"):
            where = f"in each user's own home folder ({self.lake.uri})"
        elif "://" not in uri and not Path(uri).expanduser().is_absolute():
            where = f"in this project's folder ({self.lake.uri})"
        else:
            return None
        if not self.repository.has_remote:
            return None
        return (
            f"The lake is {where}: those who clone the repository see what is published and cannot read it. Name a "
            "folder or bucket that all can reach as [lake] uri in workbench.toml."
        )

    @property
    def lake_risks(self) -> tuple[str, ...]:
        """What is to be known of where the lake is, before it hurts: who cannot read it, and what would delete it."""
        found = [self.unshared] if self.unshared else []
        uri = self.config.lake.uri
        if uri is None or "://" in self.lake.uri:
            return tuple(found)
        place = Path(self.lake.uri)
        elsewhere = "Name a folder outside of it as [lake] uri in workbench.toml, and move the lake there."
        tree = self.repository.working_tree_of(place)
        if tree is not None and tree != self.repository.main_top:
            found.append(
                f"The lake is in the working tree {tree}, and goes with it: `git worktree remove` deletes what is "
                f"published. {elsewhere}"
            )
        elif tree is not None and not self.repository.is_ignored(place):
            found.append(
                f"The lake is in the working tree ({place}), and git does not ignore it: `git clean` deletes it, and "
                "`git add` commits it. Add it to .gitignore, or name a folder outside as [lake] uri in workbench.toml."
            )
        if not place.is_dir() and self._publishes():
            found.append(
                f"The lake's folder {place} is not there, and views are published: it was moved, or is not mounted. "
                "Bring it back, or correct [lake] uri in workbench.toml, before anything is published anew."
            )
        return tuple(found)

    def require_rows(self, view: str, version: VersionData) -> None:
        """Do nothing where the rows of a published version can be read here, by what is listed; nothing is read.

        A lake that others may well share must have them itself.
        """
        if self.unshared is None:
            self.lake.require_files(view, version)
        else:
            self.lake.require(view, version)

    def _publishes(self) -> bool:
        repository = self.repository
        if not repository.exists(repository.trunk):
            return False
        return any(path.endswith(".toml") for path in repository.files(repository.trunk, "registry"))

    def place(self, path: Path) -> str:
        """Return `path` as records name it: from the project's folder in the main working tree where it is inside."""
        root = self.tracker.places.root
        return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)

    @property
    def trunk(self) -> str:
        """The branch that holds what is published."""
        return self.repository.trunk
