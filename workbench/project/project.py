"""`Project`: an open project, which wires its rooms."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.config import Config
from workbench.errors import BranchNotFound, ProjectError, WorkbenchError
from workbench.project.explaining import Explaining
from workbench.project.publishing import Publishing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from workbench.branches import Branch, Repository
    from workbench.compute import Progress
    from workbench.loop import (
        BranchList,
        ModelRun,
        Status,
        UiLink,
        View,
        ViewResult,
    )
    from workbench.loop.rooms import Rooms
    from workbench.serve import FeatureStore
    from workbench.sources import Sources

CONFIG_FILE = "workbench.toml"


class Project(Explaining, Publishing):
    """An open project: a handle with a branch of its own. Several may be open in one process.

    Make one with ``wb.open()`` or ``wb.init()``. What a handle's branch is never touches the working tree.

    Parameters
    ----------
    root
        The folder that holds ``workbench.toml``.
    branch
        The branch this handle starts on; the one checked out if absent.
    """

    def __init__(self, root: Path, *, branch: str | None = None) -> None:
        self.root = root
        self.config = Config.read(root / CONFIG_FILE)
        self._branch = branch
        self._stores: dict[str, FeatureStore] = {}

    @cached_property
    def _rooms(self) -> Rooms:
        from workbench.branches import Repository
        from workbench.compute import ViewCache
        from workbench.lake import Lake
        from workbench.loop.journal import Journal
        from workbench.loop.rooms import Rooms
        from workbench.sources import Sources
        from workbench.track import Tracker

        hidden = self.root / ".workbench"
        try:
            hidden.mkdir(exist_ok=True)
        except OSError as error:
            raise ProjectError.not_writable(str(hidden), error.strerror or str(error)) from None
        protected = protected_branches(self.root, self.config)
        return Rooms(
            root=self.root,
            config=self.config,
            repository=Repository.open(self.root, protected=protected),
            protected=protected,
            sources=Sources(self.config.sources, root=self.root, cache=hidden),
            cache=ViewCache(hidden / "views"),
            tracker=Tracker(self.config.tracking, root=self.root, project=self.config.project.name),
            journal=Journal(hidden / "journal"),
            lake=Lake(self.config.lake.uri, root=self.root),
        )

    @property
    def repository(self) -> Repository:
        """The project's git repository."""
        return self._rooms.repository

    @property
    def sources(self) -> Sources:
        """The declared sources by name; ``project.sources["flights"].frame()`` reads one."""
        return self._rooms.sources

    @property
    def store(self) -> FeatureStore:
        """The features of this handle's branch, for training and serving: an experiment trains on its own."""
        from workbench.serve import FeatureStore

        branch = self._revision(None)
        if branch not in self._stores:
            self._stores[branch] = FeatureStore(self._rooms, branch)
        return self._stores[branch]

    @property
    def chosen_branch(self) -> str | None:
        """The branch that was chosen on this handle, whatever is checked out; `None` where none was."""
        return self._branch

    @property
    def branch_name(self) -> str | None:
        """The branch this handle is on; `None` where HEAD is detached and no branch was chosen."""
        return self._branch or self._rooms.repository.head()

    def branch(
        self,
        name: str,
        *,
        start: str = "main",
        objective: str | None = None,
        hypothesis: str | None = None,
        metrics: Sequence[str] = (),
        tags: Mapping[str, str] | None = None,
    ) -> Branch:
        """Start the experiment `name`, or switch this handle to it where it exists. The working tree stays as it is.

        Parameters
        ----------
        name
            The branch, e.g. ``exp/carry-over``.
        start
            The branch or commit a new experiment starts from.
        objective, hypothesis, metrics, tags
            What the experiment is for, what you expect, what it is judged by, and what else its runs should carry;
            kept as trailers of the branch's first commit. They belong to a new branch.

        Returns
        -------
        Branch
            Its name, tip and description.

        Raises
        ------
        InvalidName
            For a name git or the file system would not take.
        BranchNotFound
            Where `start` does not exist.
        BranchError
            Where git knows no identity, or an existing branch is described anew.
        """
        from workbench.loop import open_experiment

        branch = open_experiment(
            self._rooms,
            name,
            start=start,
            objective=objective,
            hypothesis=hypothesis,
            metrics=tuple(metrics),
            tags=dict(tags or {}),
        )
        self._branch = branch.name
        return branch

    def use_branch_in_shell(self) -> None:
        """Let the command line go on, in its next call, on the branch this handle is on."""
        path = self._rooms.hidden / "branch"
        try:
            path.write_text(f"{self._branch or ''}\n", encoding="utf-8")
        except OSError as error:
            raise ProjectError.not_writable(str(path), error.strerror or str(error)) from None

    def branches(self) -> BranchList:
        """Return the repository's branches, with what each experiment is for."""
        from workbench.loop import list_branches

        return list_branches(self._rooms, current=self.branch_name)

    def delete_branch(self, name: str, *, force: bool = False) -> BranchList:
        """Delete the branch `name` and return the ones left.

        Raises
        ------
        BranchError
            Where it is protected, checked out, or (without `force`) holds commits that are nowhere else.
        """
        self._rooms.repository.delete(name, force=force)
        if self._branch == name:
            self._branch = None
        return self.branches()

    def define(
        self,
        text: str,
        *,
        branch: str | None = None,
        log: bool = True,
        message: str | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> ViewResult:
        """Define the feature view in `text`: commit it to the branch, compute it, check it, log it to MLflow.

        Parameters
        ----------
        text
            What a ``%%feature`` cell holds: a FeatureModel and one function under ``@feature_view``.
        branch
            The branch to write; this handle's if absent.
        log
            Send a run to MLflow.
        message
            The commit's subject; ``Define <view>`` if absent.
        progress
            Called some five times a second while the view is computed.

        Returns
        -------
        ViewResult
            The computed or reused view. Where a check failed its ``passed`` is false: the definition is committed and
            its run marked failed.

        Raises
        ------
        DefinitionError
            Where the text does not load or its plan cannot be built; nothing is committed.
        ProtectedBranch
            On a branch only ``promote`` may write.
        ComputeError, SourceError, BranchError
            As the rooms raise them.
        """
        from workbench.loop import define

        return define(self._rooms, text, branch=self._existing(branch), log=log, message=message, progress=progress)

    def compute(
        self,
        ref: str | None = None,
        *,
        branch: str | None = None,
        log: bool = True,
        full: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> list[ViewResult]:
        """Compute the view `ref`, or all views of the branch, upstream first; what is computed already is reused.

        Parameters
        ----------
        ref
            A view's name; all views if absent.
        branch
            The branch; this handle's if absent.
        log
            Send runs to MLflow.
        full
            Probe every entity, at more instants, and not a sample.
        progress
            Called while a view is computed.

        Raises
        ------
        FeatureNotFound
            Where the branch has no such view.
        """
        from workbench.loop import compute

        return compute(self._rooms, ref, branch=self._revision(branch), log=log, full=full, progress=progress)

    def view(self, ref: str, *, branch: str | None = None) -> View:
        """Return the view `ref` (``view`` or ``view:feature``) as the branch defines it.

        Returns
        -------
        View
            With ``.frame()`` (a LazyFrame, computed when asked for), ``.view_id``, ``.contract``, ``.lineage()``,
            ``.history()``.

        Raises
        ------
        FeatureNotFound
            Where the branch has no such view, or the view no such feature.
        """
        from workbench.loop import open_view

        return open_view(self._rooms, ref, branch=self._revision(branch))

    def view_names(self, *, branch: str | None = None) -> list[str]:
        """Return the names of the branch's definition files, without loading them."""
        files = self._rooms.repository.files(self._revision(branch))
        names = (Path(path).stem for path in files if Path(path).parent == Path("features") and path.endswith(".py"))
        return sorted(name for name in names if not name.startswith("_"))

    def status(self) -> Status:
        """Return where the handle is: branch, changes against main, computed views, last runs, MLflow."""
        from workbench.loop import status

        return status(self._rooms, branch=self.branch_name)

    def experiment(self, name: str, *, branch: str | None = None) -> ModelRun:
        """Return a run of the experiment `name` with a model, to be opened by ``with``; MLflow gets what it logs.

        ::

            with project.experiment("late flights") as run:
                train = project.store.training_set(spine, features, label="late")
                run.log_params({"depth": 6})
                run.log_metric("rmse", 12.3, seed=1)
                run.log_model_file("model.txt")

        Parameters
        ----------
        name
            What its runs are compared under.
        branch
            The branch it belongs to; this handle's if absent.

        Raises
        ------
        BranchNotFound
            Where there is no such branch, or HEAD is detached and none was chosen.
        UsageError
            For a name that is none.
        """
        from functools import partial

        from workbench.loop import ModelRun
        from workbench.serve import FeatureStore, facts_of

        described = self._rooms.repository.branch(self._revision(branch))
        store = self.store if branch is None else FeatureStore(self._rooms, branch)
        return ModelRun(self._rooms, name, described, resolve=partial(facts_of, self._rooms, store))

    def ui(self, *, stop: bool = False) -> UiLink:
        """Start the MLflow UI in the background, or stop it, and return its link at once."""
        from workbench.loop import ui_link

        return ui_link(self._rooms, stop=stop)

    def warm(self) -> None:
        """Load in advance what the first definition needs, and start the process that sends runs to MLflow."""
        from workbench.loop import warm

        warm(self._rooms)

    def close(self) -> None:
        """Let go of git's child processes."""
        if "_rooms" in self.__dict__:
            self._rooms.repository.close()

    def __repr__(self) -> str:
        return f"<Project {self.config.project.name!r} at {self.root}, on {self.branch_name or 'a detached HEAD'}>"

    def _existing(self, branch: str | None) -> str | None:
        name = branch or self.branch_name
        if name is not None and branch is not None and not self._rooms.repository.exists(name):
            raise BranchNotFound.named(name, self._rooms.repository.names())
        return name

    def _revision(self, branch: str | None) -> str:
        return branch or self.branch_name or "HEAD"


def protected_branches(root: Path, config: Config) -> tuple[str, ...]:
    """Return the branches that experiments do not write, the one that holds what is published first.

    What the branch itself says of ``protected`` counts, whatever the checked-out ``workbench.toml`` says: an experiment
    cannot lift its own protection. A checkout can only add to it.
    """
    from workbench.branches import Repository

    declared = config.project.protected
    with Repository.open(root) as repository:
        trunk = "main" if repository.exists("main") or not declared else declared[0]
        try:
            said = Config.parse(repository.read(trunk, CONFIG_FILE)).project.protected
        except WorkbenchError:
            said = ()  # it has no commit, or no settings that can be read
    return tuple(dict.fromkeys([*said, *(() if said else (trunk,)), *declared]))
