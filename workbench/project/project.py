"""`Project`: an open project, which wires its workspace."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import contextmanager, suppress
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from workbench.drivers import speaks_plainly
from workbench.errors import ProjectError, WorkbenchError
from workbench.files import stamp
from workbench.memory import limit_memory
from workbench.project.caches import cache_folder
from workbench.project.notebook import shown_in_notebook, shows_work
from workbench.project.verb import verb
from workbench.times import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import date, datetime
    from pathlib import Path

    import polars as pl

    from workbench.comparison import Difference, Drift
    from workbench.compute import Progress
    from workbench.config import Config
    from workbench.experiments import BranchList, ModelRun, RunComparison
    from workbench.git import Branch, Repository
    from workbench.lineage import Lineage
    from workbench.online import FeatureReport, OnlineLoad, OnlineStatus, OnlineVerification
    from workbench.pipeline import (
        HelperModule,
        NewCell,
        Removal,
        SkeletonKinds,
        Status,
        Trust,
        UiLink,
        View,
        ViewResult,
        WhyChanged,
    )
    from workbench.project.feature_store import FeatureStore
    from workbench.project.known import KnownNames
    from workbench.promote import (
        ApprovalReport,
        Fetched,
        Garbage,
        Materialized,
        PromotionReport,
        Release,
        ReleaseList,
        Standing,
    )
    from workbench.reproduce import Reproduction
    from workbench.skew import SkewReport
    from workbench.sources import Sources
    from workbench.store import Explanation, SavedTrainingSet, TrainingSet
    from workbench.times import Period
    from workbench.workspace import Workspace


Given = ParamSpec("Given")
Result = TypeVar("Result")
Holder = TypeVar("Holder", bound="Project")


def at_one_moment(
    method: Callable[Concatenate[Holder, Given], Result],
) -> Callable[Concatenate[Holder, Given], Result]:
    """Run a verb on one commit of main, even if another is published meanwhile."""

    @wraps(method)
    def call(self: Holder, /, *args: Given.args, **named: Given.kwargs) -> Result:
        with self._workspace.repository.at_one_moment():
            return method(self, *args, **named)

    return call


def _reasons(accept: Mapping[str, str] | Sequence[str]) -> dict[str, str]:
    """Return what is accepted by name with its reason; a bare name has none, and is refused where it is looked at."""
    return dict(accept) if isinstance(accept, Mapping) else dict.fromkeys(accept, "")


@speaks_plainly
class Project:
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
        from workbench.config import CONFIG_FILE  # slow to import, and not needed for a list of the verbs

        self.root = root
        self._branch = branch
        self._config_file = str(root / CONFIG_FILE)  # looked at by every read of a feature
        self._stores: dict[str, FeatureStore] = {}
        self._read: tuple[object, Config] | None = None
        self._opened: Workspace | None = None
        _ = self.config

    @property
    def config(self) -> Config:
        """What ``workbench.toml`` says now: it is read again when it changes.

        Raises
        ------
        ConfigError
            Where it is wrong by now, or gone.
        """
        stamped = stamp(self._config_file)
        if self._read is None or self._read[0] != stamped:
            from workbench.config import Config  # here alone: every read of a feature passes by

            self._read = stamped, Config.of_file(Path(self._config_file))
        return self._read[1]

    @cached_property
    def _repository(self) -> Repository:
        from workbench.git import Repository
        from workbench.project.protection import repository_rules

        repository = Repository.open(self.root, recover=False, signs=self.config.git.sign)
        try:
            repository.protected, repository.hooks = repository_rules(repository, self.config)
            repository.recover()
        except BaseException:
            repository.close()
            raise
        return repository

    @contextmanager
    def unsigned(self) -> Iterator[None]:
        """Within the block, sign only what the policy requires, whatever git's configuration says."""
        repository = self._repository
        before, repository.signs = repository.signs, False
        try:
            yield
        finally:
            repository.signs = before

    def recover(self) -> None:
        """Finish what killed commands left in the repository, and warn of what cannot be finished."""
        if "_repository" in self.__dict__:
            self._repository.recover()
        else:
            with suppress(WorkbenchError):  # said by the first verb that needs the repository
                _ = self._repository

    @property
    def _workspace(self) -> Workspace:
        config, before = self.config, self._opened
        if before is None or before.config is not config:
            self._opened = self._workspace_of(config, before)
        assert self._opened is not None  # noqa: S101  # for the type checker
        limit_memory(config.compute.memory, self._opened.hidden)
        return self._opened

    def _workspace_of(self, config: Config, before: Workspace | None) -> Workspace:
        """Return the workspace that `config` describes, and keep of those `before` what it leaves as it was."""
        from workbench.compute import ViewCache
        from workbench.lake import Lake
        from workbench.project.protection import repository_rules
        from workbench.sources import Sources
        from workbench.tracking import ComputationJournal, Tracker, TrainingListener
        from workbench.workspace import Workspace

        repository = self._repository
        if before is not None:
            repository.protected, repository.hooks = repository_rules(repository, config)
            repository.signs = config.git.sign
        home, shared = repository.home, repository.main_root
        hidden = cache_folder(self.root)
        name, cache = config.project.name, ViewCache(hidden / "views")
        if before is not None and (before.config.tracking, before.config.project.name) == (config.tracking, name):
            tracker = before.tracker
        else:
            tracker = Tracker(config.tracking, home=home, root=shared, project=name)
        return Workspace(
            root=self.root,
            hidden=hidden,
            config=config,
            repository=repository,
            protected=repository.protected,
            sources=Sources(config.sources, root=self.root, cache=hidden),
            cache=cache,
            tracker=tracker,
            journal=ComputationJournal(home / "journal", lifetime=repository.lifetime),
            lake=Lake(config.lake.uri or str(home / "lake"), root=shared, spare=cache, kept=hidden / "known"),
            training_listener=before.training_listener if before else TrainingListener(),
        )

    @property
    def repository(self) -> Repository:
        """The project's git repository."""
        return self._repository

    @property
    def sources(self) -> Sources:
        """The declared sources by name; ``project.sources["flights"].frame()`` reads one."""
        return self._workspace.sources

    @property
    def store(self) -> FeatureStore:
        """The features of this handle's branch, for training and serving: an experiment trains on its own."""
        from workbench.project.feature_store import FeatureStore

        branch = self._revision(None)
        if branch not in self._stores:
            self._stores[branch] = FeatureStore(lambda: self._workspace, branch)
        return self._stores[branch]

    @property
    def chosen_branch(self) -> str | None:
        """The branch that was chosen on this handle, whatever is checked out; `None` where none was."""
        return self._branch

    @chosen_branch.setter
    def chosen_branch(self, name: str | None) -> None:
        self._branch = name

    @property
    def branch_name(self) -> str | None:
        """The branch this handle is on; `None` where HEAD is detached and no branch was chosen."""
        return self._branch or self._workspace.repository.head()

    def branch(
        self,
        name: str,
        *,
        start: str | None = None,
        objective: str | None = None,
        hypothesis: str | None = None,
        metrics: Sequence[str] = (),
        tags: Mapping[str, str] | None = None,
    ) -> Branch:
        """Start the experiment `name`, or switch this handle to it where it exists. The working tree stays as it is.

        With a remote, a name that is not here is looked for there: the branch then continues, and tracks, the remote's.

        Parameters
        ----------
        name
            The branch, e.g. ``exp/carry-over``.
        start
            The branch or commit a new experiment starts from; the branch with what is published if absent.
        objective, hypothesis, metrics, tags
            What the experiment is for, what you expect, what it is judged by, and what else its runs should carry;
            kept as trailers of the branch's first commit. On a branch that exists they are changed by a commit that
            changes no file, and what is not given stays as it was.

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
            Where git knows no identity, or a `start` is given of a branch that the remote has.
        ProtectedBranch
            Where a branch is described that only ``promote`` may write.
        """
        from workbench.experiments import open_experiment

        branch = open_experiment(
            self._workspace,
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
        """Make this handle's branch the default of the next command on the command line."""
        path = self._workspace.hidden / "branch"
        try:
            path.write_text(f"{self._branch or ''}\n", encoding="utf-8")
        except OSError as error:
            raise ProjectError.not_writable(str(path), error.strerror or str(error)) from None

    def branches(self) -> BranchList:
        """Return the repository's branches, with what each experiment is for, and those that only the remote has."""
        from workbench.experiments import list_branches

        return list_branches(self._workspace, current=self.branch_name)

    def push_branch(self, name: str | None = None) -> BranchList:
        """Give the remote an experiment's branch, so that others can continue it; nothing is forced.

        Parameters
        ----------
        name
            The branch; this handle's if absent.

        Returns
        -------
        BranchList
            All branches, with a note of what was pushed.

        Raises
        ------
        BranchMoved
            Where the remote's has commits that are not here: ``fetch``, join both, and push again.
        ProtectedBranch
            For a branch that only ``promote`` may write.
        BranchError
            Where there is no remote, it cannot be reached, or it refuses.
        """
        from workbench.experiments import push_experiment

        return push_experiment(self._workspace, self._existing(name), current=self.branch_name)

    def delete_branch(self, name: str, *, force: bool = False) -> BranchList:
        """Delete the branch `name` and return the ones left.

        Raises
        ------
        BranchError
            Where it is protected, checked out, or (without `force`) holds commits that are nowhere else.
        """
        self._workspace.repository.delete(name, force=force)
        if self._branch == name:
            self._branch = None
        return self.branches()

    @shows_work
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
            The commit's subject; ``Define`` and the view's name if absent.
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
            As the parts of the workspace raise them.
        """
        from workbench.pipeline import define

        return define(self._workspace, text, branch=self._existing(branch), log=log, message=message, progress=progress)

    def define_helper(
        self, name: str, text: str, *, branch: str | None = None, message: str | None = None
    ) -> HelperModule:
        """Write a module of helpers that views import: ``from .name import function``. It is committed to the branch.

        Parameters
        ----------
        name
            The module: ``features/<name>.py``.
        text
            What a ``%%feature --helper NAME`` cell holds: functions, constants, models; no view.
        branch
            The branch to write; this handle's if absent.
        message
            The commit's subject.

        Returns
        -------
        HelperModule
            What it defines, and which views of the branch import it.

        Raises
        ------
        DefinitionError
            Where it does not load, or a view that imports it no longer does; nothing is committed.
        ProtectedBranch
            On a branch only ``promote`` may write.
        """
        from workbench.pipeline import define_helper

        return define_helper(self._workspace, name, text, branch=self._existing(branch), message=message)

    @verb()
    @shows_work
    def compute(
        self,
        ref: str | None = None,
        *,
        branch: str | None = None,
        log: bool = True,
        full: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> list[ViewResult]:
        """Compute a view, or all views of the branch, upstream first, and reuse what is already computed.

        A result whose stored rows were wrong, and are replaced, says so among its warnings.

        Parameters
        ----------
        ref
            A view's name; all views if absent.
        branch
            The branch; this handle's if absent.
        log
            Send runs to MLflow.
        full
            Compute what is stored, too, with the views it reads, and replace what differs from that.
        progress
            Called while a view is computed.

        Raises
        ------
        FeatureNotFound
            Where the branch has no such view.
        """
        from workbench.pipeline import compute

        return compute(self._workspace, ref, branch=self._revision(branch), log=log, again=full, progress=progress)

    @verb()
    @shows_work
    def check(
        self,
        ref: str | None = None,
        *,
        branch: str | None = None,
        full: bool = False,
        deep: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> list[ViewResult]:
        """Check the contract of a view, or of all views of the branch, and probe it; nothing is logged.

        Parameters
        ----------
        ref
            A view's name; all views if absent.
        branch
            The branch; this handle's if absent.
        full
            Probe every entity, at more instants, and not a sample.
        deep
            Compute each view in full, and compare what is stored of it and what its live versions hold in the lake:
            the checks named ``stored values``. Nothing is replaced.
        progress
            Called while a view is computed.

        Raises
        ------
        FeatureNotFound
            Where the branch has no such view.
        """
        from workbench.pipeline import compute

        where = self._revision(branch)
        return compute(self._workspace, ref, branch=where, log=False, full=full, deep=deep, progress=progress)

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
        from workbench.pipeline import open_view

        return open_view(self._workspace, ref, branch=self._revision(branch))

    def view_names(self, *, branch: str | None = None) -> list[str]:
        """Return the names of the branch's views, without running its code."""
        from workbench.define import load_tree

        workspace = self._workspace
        commit = workspace.repository.resolve(self._revision(branch))
        return sorted(load_tree(workspace.repository, commit, cache=workspace.hidden).outline.views)

    def new(
        self, kind: str | None = None, of: str | None = None, *, branch: str | None = None, name: str | None = None
    ) -> NewCell | SkeletonKinds:
        """Return a skeleton of a feature view, filled with the columns of a source or view; nothing is written.

        It runs as it is. In a notebook it is put into the cell below; a terminal prints it, for ``define``.

        Parameters
        ----------
        kind
            ``windowed``, ``lag``, ``ratio``, ``target-encoding``, ``cumulative``, ``global``, ``on-view``, ``static``
            or ``embedding``. If absent, all kinds are listed, with what they can be made of here.
        of
            The source or view that it reads; the first one that suits if absent.
        branch
            The branch whose views are meant; this handle's if absent. None of its code runs.
        name
            The new view's name.

        Raises
        ------
        UsageError
            For an unknown kind, source or view (did you mean), and where there are no suitable columns.
        """
        from workbench.pipeline import new_cell, skeleton_kinds

        if kind is None:
            return skeleton_kinds(self._workspace, branch=self._revision(branch))
        return new_cell(self._workspace, kind, of, branch=self._revision(branch), name=name)

    def known_names(self, *, branch: str | None = None) -> KnownNames:
        """Return what can be named here, for completion: no definition runs, and nothing is computed."""
        from workbench.project.known import KnownNames

        return KnownNames(self._workspace, self._revision(branch))

    @verb()
    @at_one_moment
    @shows_work
    def status(self) -> Status:
        """Return where you are: branch, changes against main, computed views, last runs, MLflow."""
        from workbench.pipeline import status

        return status(self._workspace, branch=self.branch_name)

    @verb()
    @shows_work
    def fetch(self) -> Fetched:
        """Bring here what others published and pushed: commits, releases, approvals.

        Main and the experiments go forward to what the remote has, with the working trees that have them checked out.
        A branch that has commits of its own, or whose files have edits in the way, stays, and is told.

        Returns
        -------
        Fetched
            What became of each branch, what was published, and which of it cannot be read here.

        Raises
        ------
        BranchError
            Where there is no remote, or it cannot be reached.
        """
        from workbench.promote import fetch

        return fetch(self._workspace)

    @verb()
    def trust(self, branch: str | None = None, *, revoke: str | None = None) -> Trust:
        """Let the definitions of a branch's authors run here from now on, and return who the authors are.

        Definitions run only if each author since the branch left main is you, has a commit on main, or was trusted.
        Trust is remembered by e-mail address in the repository's git directory, on this machine alone. The author is
        whoever a commit names: git does not prove it.

        Parameters
        ----------
        branch
            The branch or commit. Read its definitions first. Without one, those who are trusted are listed.
        revoke
            The e-mail address of somebody who is no longer to be trusted.

        Raises
        ------
        BranchNotFound
            Where there is no such branch (did you mean).
        UsageError
            Where `revoke` is not trusted by name (did you mean), or a branch is given beside it.
        """
        from workbench.pipeline import trust

        return trust(self._workspace, branch, revoke=revoke)

    @verb()
    @shows_work
    def remove(self, view: str, *, branch: str | None = None) -> Removal:
        """Take a view out of an experiment: the branch has it as it began with it, or no longer.

        What is published stays as it is: `withdraw`, `rollback`, or `deprecate` and `retire` end that.

        Parameters
        ----------
        view
            A view, on-demand view or helper module of the branch, also one that does not load.
        branch
            The experiment's branch; this handle's if absent.

        Raises
        ------
        FeatureNotFound
            Where the branch has no such view.
        DefinitionError
            Where other definitions of the branch read it, or the experiment does not change it.
        ProtectedBranch
            On a branch only ``promote`` may write.
        """
        from workbench.pipeline import remove

        return remove(self._workspace, view, branch=self._revision(self._existing(branch)))

    def experiment(self, name: str, *, branch: str | None = None) -> ModelRun:
        """Return a run of the experiment `name` with a model, to be opened by ``with``; MLflow gets what it logs.

        ::

            with project.experiment("late flights") as run:
                train = project.store.training_set(spine, features, label="late")
                run.log_params({"depth": 6})
                run.log_metric("rmse", 12.3, seed=1)
                run.log_model_file("model.txt")  # or run.log_model(model), by MLflow's flavors

        Where you import ``mlflow``, before the block or in it, the run is its active one until the block ends:
        ``mlflow.log_metric``, autologging, nested runs and ``mlflow.<flavor>.log_model`` go to it. What was set before
        is put back; a run of yours that is active becomes its parent. Where MLflow does not answer, a warning says
        within 20 seconds that ``mlflow`` calls will fail, and the block goes on. With ``[tracking] send = false``
        MLflow is left alone.

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

        from workbench.experiments import ModelRun
        from workbench.project.feature_store import FeatureStore, facts_of

        described = self._workspace.repository.branch(self._revision(branch))
        store = self.store if branch is None else FeatureStore(lambda: self._workspace, branch)
        return ModelRun(self._workspace, name, described, resolve=partial(facts_of, self._workspace, store))

    @verb()
    def ui(self, *, stop: bool = False) -> UiLink:
        """Start the MLflow UI in the background, or stop it, and return its link at once.

        Parameters
        ----------
        stop
            Stop it.
        """
        from workbench.pipeline import ui_link

        return ui_link(self._workspace, stop=stop)

    @verb(saves=True)
    @at_one_moment
    @shows_work
    def diff(self, view: str, left: str | None = None, right: str | None = None) -> Difference:
        """Return how a view differs between two sides: code, contract, rows and values, exactly and on all rows.

        Parameters
        ----------
        view
            The view's name.
        left, right
            A branch (its definition, computed), ``@1.2`` (a published version), ``release/NAME``, a moment (what was
            published then), or a run's id (what it computed, or what its model was trained on). Left is main if absent,
            right this handle's branch.

        Raises
        ------
        FeatureNotFound
            Where neither side has the view.
        BranchNotFound
            Where a side is nothing of these (did you mean).
        """
        from workbench.comparison import diff

        return diff(self._workspace, view, left or self._workspace.trunk, right or self._revision(None))

    @verb(saves=True)
    @at_one_moment
    @shows_work
    def drift(
        self,
        view: str,
        *,
        reference: str | Period | Path | TrainingSet | SavedTrainingSet | pl.DataFrame | pl.LazyFrame,
        current: str | Period | Path | TrainingSet | SavedTrainingSet | pl.DataFrame | pl.LazyFrame,
        by: str | Sequence[str] = (),
        branch: str | None = None,
    ) -> Drift:
        """Return the drift of a view's features between two sets of rows, and which features drifted unusually far.

        Where both sides have the same rows, these are compared one by one: a feature has drifted where its values
        changed by more than a tenth of the reference's spread, or more than a hundredth of them became null, NaN or
        infinite. Other rows are compared by the measure that ``[policy.drift]`` on main names (the population stability
        index if absent): a feature has drifted where it is over its budget there, or, without one, over what blocks of
        the reference as long as the current rows differ by, from what their season (day, week, year) and trend lead to
        expect. No noise excuses a Kolmogorov-Smirnov distance over 0.5 or a stability index over 2. Shares of null,
        NaN, infinite, constant, new and out-of-range values are judged alone. A reference that is too short or too
        restless to judge by gives the verdict ``cannot judge``.

        Of more than 500,000 rows the Kolmogorov-Smirnov and Wasserstein distances may be those of fine bins: each then
        has beside it how far it is off at most (``± 2e-5``; ``bounds`` of a feature). All else is exact, and where the
        verdict, or the precision of a distance, takes values in order, they are sorted.

        Parameters
        ----------
        view
            The view, or ``view:feature`` for one feature. An on-demand view has rows in training sets and files only.
        reference, current
            A period (``2013-01..2013-03``, both ends included), a branch, ``@1.2``, ``release/NAME``, a run's id, a
            saved training set, a file of Parquet, CSV or NDJSON, or ``column=value``; several of them between commas,
            as in ``"main, 2013-01, carrier=UA"``. Or rows, whose columns are called like the features or
            ``view__feature``, e.g. what serving returned.
        by
            Columns, each combination of whose values is compared by itself too; at most 100, those with the most rows.
        branch
            Whose rows are meant where only a period or some entities are named; this handle's if absent.

        Raises
        ------
        FeatureNotFound
            For an unknown view, feature or column, and a feature that the current rows lack (did you mean).
        UsageError
            For a side that names no set of rows, or one without any.
        """
        from workbench.comparison import drift

        wanted = [by] if isinstance(by, str) else list(by)
        return drift(self._workspace, view, reference, current, otherwise=self._revision(branch), by=wanted)

    @verb()
    @at_one_moment
    def why(
        self, ref: str, entity: Mapping[str, object], at: datetime | date | str, *, branch: str | None = None
    ) -> Explanation:
        """Return why a feature has its value for an entity at a moment: the winning row, and why the others lost.

        Parameters
        ----------
        ref
            ``view:feature``; ``view`` will do where it has one feature.
        entity
            The view's entity columns and their values, or a whole row of a training set.
        at
            The moment; without a zone it is UTC.
        branch
            The branch; this handle's if absent.

        Raises
        ------
        FeatureNotFound
            For an unknown view or feature, or a version.
        UsageError
            For an entity that lacks a key or has a value of another kind, and for what is not a time.
        """
        from workbench.project.feature_store import FeatureStore

        store = self.store if branch is None else FeatureStore(lambda: self._workspace, branch)
        return store.why(ref, entity, at)

    @verb()
    @at_one_moment
    @shows_work
    def why_changed(self, view: str, *, branch: str | None = None, against: str | None = None) -> WhyChanged:
        """Return what changed a view's values: a line, a helper, a constant, a parameter, a source's data.

        Parameters
        ----------
        view
            The view's name.
        branch
            The branch; this handle's if absent.
        against
            A branch or commit to compare with; the view's computation before its last one if absent.
        """
        from workbench.pipeline import why_changed

        return why_changed(self._workspace, view, branch=self._revision(branch), against=against)

    @verb(saves=True)
    @at_one_moment
    @shows_work
    def compare(
        self, *what: str, branch: str | None = None, view: str | None = None, all_rows: bool = False
    ) -> RunComparison:
        """Return branches, experiments or runs side by side, and the link to MLflow's compare page for their runs.

        Parameters
        ----------
        what
            Branches, names of experiments with models, and run ids, mixed; the first is what the others are compared
            with, and one branch alone is compared with main. If absent, the newest runs of `branch`.
        branch
            The branch; this handle's if absent.
        view
            Only runs of this view.
        all_rows
            Also rows in which all agree.

        Raises
        ------
        UsageError
            For a name that is not a branch, experiment or run (did you mean).
        """
        from workbench.experiments import compare_runs

        return compare_runs(self._workspace, what, branch=self._revision(branch), view=view, all_rows=all_rows)

    @verb(saves=True, by_column="column")
    @at_one_moment
    @shows_work
    def lineage(self, ref: str | None = None, *, branch: str | None = None, by_column: bool = False) -> Lineage:
        """Return where the branch's features come from and where they go: sources to models. No view is computed.

        Parameters
        ----------
        ref
            A source, view, ``view:feature``, ``source:column``, feature set, version, saved training set, experiment,
            or the beginning of a run's id; everything if absent.
        branch
            The branch; this handle's if absent. Definitions of a branch other than that and main are read as text, and
            none of them runs, so what their columns depend on is not shown.
        by_column
            Show columns; a feature is always shown so.

        Returns
        -------
        Lineage
            With ``.nodes``, ``.edges``, ``.upstream(x)``, ``.downstream(x)``, ``.changed`` (against main).

        Raises
        ------
        FeatureNotFound
            Where nothing is called `ref` (did you mean).
        """
        from workbench.lineage import trace_lineage
        from workbench.store import facts_of_saved, saved_sets

        saved = [facts_of_saved(self._workspace, each) for each in saved_sets(self._workspace.home)]
        return trace_lineage(
            self._workspace,
            ref,
            branch=self._revision(branch),
            here=self._revision(None),
            by_column=by_column,
            training_sets=saved,
        )

    @verb()
    @at_one_moment
    @shows_work
    def reproduce(self, what: str) -> Reproduction:
        """Build a view or training set again from its commit and its data, and compare it with what was computed then.

        Parameters
        ----------
        what
            A view id or an MLflow run id (six characters are enough), a published version such as ``view@2``, or the
            name of a saved training set.

        Returns
        -------
        Reproduction
            Whether the same came out, within the declared tolerances; which values differ; and what is not as it was:
            code, data, library versions.

        Raises
        ------
        UsageError
            Where nothing was recorded under it here, or its commit is gone.
        SourceError
            Where a source is gone altogether.
        """
        from workbench.reproduce import reproduce

        return reproduce(self._workspace, what)

    @at_one_moment
    def sql(self, query: str) -> pl.DataFrame:
        """Return the result of a query over published views, any branch's views and the sources.

        DuckDB runs it in memory, over the tables that it names: ``spend`` and ``"spend@1"`` are what `store` reads
        under these names, ``"exp/carry-over".spend`` is a branch's view (computed where it is not computed yet),
        ``main.spend`` the published one, ``"release/2026.11".spend`` a release's; a name that is not a view's may be a
        source's. It reads nothing else and writes nothing. Times with a zone are UTC. Tables are read batch by batch,
        and only the columns and rows that the query needs; what DuckDB cannot hold in memory it puts on disk.

        Parameters
        ----------
        query
            One SELECT in DuckDB's dialect.

        Raises
        ------
        QueryError
            For a name that is not a view or source (did you mean), for what is not one SELECT, and for what DuckDB
            refuses.
        MemoryLimit
            Where the result is larger than memory may hold; ``workbench sql "..." --out FILE`` writes one of any size.
        LakeError
            Where a published version's data is missing or damaged.

        Warns
        -----
        DeprecatedVersionWarning
            Where a version that it reads is deprecated.

        Examples
        --------
        ``project.sql('select carrier, avg(delay_mean_7d) from carrier_delay group by all')``
        """
        from workbench.store import warn_of

        with shown_in_notebook("sql"):
            answer = self.store.answer(query)
        warn_of(answer.deprecations, stacklevel=4)
        return answer.frame

    @shows_work
    def promote(
        self,
        views: str | Sequence[str] = (),
        *,
        branch: str | None = None,
        dry_run: bool = False,
        accept: Mapping[str, str] | Sequence[str] = (),
        with_downstream: bool = False,
        message: str | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> PromotionReport:
        """Publish views and feature sets of an experiment: plan, gates, then one commit on main.

        Parameters
        ----------
        views
            Their names; all that the branch changed if empty.
        branch
            The experiment's branch; this handle's if absent.
        dry_run
            Return and save the plan with the result of every gate, and publish nothing.
        accept
            What is accepted although it drifts, by name (``view`` or ``view:feature``), each with its reason.
        with_downstream
            Publish the views that read what changes with it.
        message
            The commit's subject.
        progress
            Called while a view is computed.

        Returns
        -------
        PromotionReport
            The plan, what every gate said, and the commit on main.

        Raises
        ------
        PromotionRefused
            Where a gate fails; its ``report`` says which. Nothing is published.
        PromotionError
            Where there is nothing to promote.
        """
        from workbench.promote import promote

        names = (views,) if isinstance(views, str) else tuple(views)
        return promote(
            self._workspace,
            names,
            branch=self._existing(branch) or "HEAD",
            dry_run=dry_run,
            accept=_reasons(accept),
            with_downstream=with_downstream,
            message=message,
            progress=progress,
        )

    @shows_work
    def execute(
        self,
        plan: str | os.PathLike[str],
        *,
        message: str | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> PromotionReport:
        """Publish a plan that ``promote(dry_run=True)`` saved, if nothing changed since.

        Raises
        ------
        PlanOutdated
            Where main, the branch or a source's data moved.
        PromotionRefused
            Where a gate fails now.
        """
        from workbench.promote import execute

        return execute(self._workspace, Path(plan), message=message, progress=progress)

    @verb()
    def approve(
        self, views: str | Sequence[str] = (), *, branch: str | None = None, note: str | None = None
    ) -> ApprovalReport:
        """Approve a branch's current commit, signed if git knows a key. A new commit asks again.

        Parameters
        ----------
        views
            What is agreed to; all that the branch changed if empty.
        branch
            The experiment's branch; this handle's if absent.
        note
            What was looked at.
        """
        from workbench.promote import approve

        names = (views,) if isinstance(views, str) else tuple(views)
        return approve(self._workspace, self._existing(branch) or "HEAD", names, note=note or "")

    @verb()
    @shows_work
    def rollback(
        self,
        view: str,
        to: str | None = None,
        *,
        data: int | None = None,
        with_downstream: bool = False,
        accept: Mapping[str, str] | Sequence[str] = (),
    ) -> Standing:
        """Take readers of a view back to an earlier version at once, without computing or moving data.

        Published views that read it go on with the versions that they were made from.

        Parameters
        ----------
        view
            The view.
        to
            The version, such as ``1.2``; the one that serves if absent, for its earlier data.
        data
            The data version to go back to, as the catalog's page of the view lists them. What was there instead does
            not come back until `materialize` is told to accept the view, or somebody promotes it.
        with_downstream
            Roll the views that read it back with it, each to its newest version that was made from this one.
        accept
            Views that main could not compute any more, by name, each with the reason for going on.

        Raises
        ------
        FeatureNotFound
            Where there is no such version, or it is retired.
        PromotionError
            Where there is no such data version, or a view downstream has no version that was made from this one.
        PromotionRefused
            Where policy does not let you, or main could not compute what it serves.
        """
        from workbench.promote import rollback

        return rollback(self._workspace, view, to, data=data, with_downstream=with_downstream, accept=_reasons(accept))

    @verb()
    @shows_work
    def withdraw(self, ref: str, *, reason: str) -> Standing:
        """Take a published version out of service at once, in an emergency; no data is moved.

        Whoever reads it by its number, or by a release that pins it, is refused with the reason and what to read
        instead. Its major version gives the one before it again, where there is one, and main's definition becomes that
        one's; readers of the bare name are warned. The online store follows. `rollback` to it, or a new promotion,
        ends this.

        Parameters
        ----------
        ref
            ``view@1.2``; ``view@1`` for what this major version gives now.
        reason
            Why, for its readers.

        Returns
        -------
        Standing
            The versions as they stand; its notes list what was made from the version, what pins it, and the training
            sets and models that have its values.

        Raises
        ------
        FeatureNotFound
            Where there is no such version, or it is retired.
        UsageError
            Without a version or a reason.
        PromotionRefused
            Where policy does not let you.
        """
        from workbench.promote import withdraw

        return withdraw(self._workspace, ref, reason=reason)

    @verb()
    def deprecate(self, ref: str, until: date | str | None = None, *, successor: str | None = None) -> Standing:
        """Announce the end of a major version; its readers are warned of the date and directed to its successor.

        Parameters
        ----------
        ref
            ``view@major``; ``view`` for the version that serves.
        until
            The last day; the earliest that policy allows if absent; ``"never"`` takes it back.
        successor
            What to read instead: a version of the view, another view, or ``"none"``. The version that serves if absent;
            where that is the one that ends, it must be said.

        Raises
        ------
        FeatureNotFound
            Where there is no such version or successor.
        PromotionError
            For a day that comes too soon, and for the version that serves without a successor.
        """
        from workbench.promote import deprecate

        return deprecate(self._workspace, ref, until, successor=successor)

    @verb()
    @shows_work
    def retire(self, ref: str, *, accept: Mapping[str, str] | Sequence[str] = ()) -> Standing:
        """Stop serving a deprecated version whose last day is over and that nothing pins.

        Parameters
        ----------
        ref
            ``view@major``.
        accept
            What pins it and may lose it, by name (feature sets, releases, training sets), each with the reason.

        Raises
        ------
        PromotionError
            Where it is not deprecated, its last day is not over, or something pins one of its minor versions.
        """
        from workbench.promote import retire

        return retire(self._workspace, ref, accept=_reasons(accept))

    def cut_release(self, name: str) -> Release:
        """Pin what is published now under `name`, by a tag on main; ``training_set(release=name)`` reads it."""
        from workbench.promote import cut

        return cut(self._workspace, name)

    def drop_release(self, name: str) -> ReleaseList:
        """Remove a release; the versions that it pinned stay published."""
        from workbench.promote import drop

        return drop(self._workspace, name)

    def releases(self) -> ReleaseList:
        """Return all releases, newest first."""
        from workbench.promote import ReleaseList, releases

        return ReleaseList(releases(self._workspace))

    @verb()
    @shows_work
    def materialize(
        self,
        views: str | Sequence[str] | None = None,
        *,
        full: bool = False,
        accept: Mapping[str, str] | Sequence[str] = (),
        progress: Callable[[Progress], None] | None = None,
    ) -> Materialized:
        """Bring published views up to date with new source data: only the entities and periods that it touches.

        A view whose new data breaks its contract, or is refused by ``[policy.new_data]``, is left with the data that
        it has, and so is what reads it; the result's ``passed`` is False then.

        Parameters
        ----------
        views
            Their names; all that are published if absent.
        full
            Compute everything, also what is stored and published, and replace what differs from that.
        accept
            Views whose new data is published although the policy refuses it, or it was rolled back, each with the
            reason. It counts for this time.
        progress
            Called while a view is computed.

        Returns
        -------
        Materialized
            What became of each version, and why where it was left.
        """
        from workbench.promote import materialize

        names = (views,) if isinstance(views, str) else None if views is None else tuple(views)
        return materialize(self._workspace, names, full=full, accept=_reasons(accept), progress=progress)

    @verb()
    @at_one_moment
    def get(self, ref: str, entity: Mapping[str, object], *, at: datetime | date | str | None = None) -> FeatureReport:
        """Read a feature of one entity, or all features of a view or feature set, as a model in production does.

        Parameters
        ----------
        ref
            ``view:feature``, ``view@2:feature``, ``view``, or the name of a feature set.
        entity
            The view's entity columns and their values, as in ``carrier=UA``.
        at
            As it was known at this moment, in ISO 8601 (UTC without a zone); now if absent.

        Returns
        -------
        FeatureReport
            Each feature's value, status, event time and version, and where it was read; see `store.get_feature`.

        Raises
        ------
        FeatureNotFound, JoinError, OnlineError
            As `store.get_feature`.
        """
        from workbench.online import FeatureReport

        store = self.store
        values = store.key_values(ref, entity)
        (features,) = store.batch_get_features(ref, [values], at=at)
        return FeatureReport(values, None if at is None else moment(at), features)

    @shows_work
    def load_online(self, *, full: bool = False, force: bool = False) -> OnlineLoad:
        """Bring the online store to what is published on main.

        Each view that has other data now is written beside what readers have, read back, and then shown in one step;
        whatever ends this, readers have what they had.

        Parameters
        ----------
        full
            Write every view anew.
        force
            Show main as it is here, also where the store shows what it does not build upon.

        Returns
        -------
        OnlineLoad
            What became of each view.

        Raises
        ------
        OnlineError
            Where the store cannot be written, or does not hold what was written; where others published since what main
            is here, or another project of this name uses it.
        LakeError
            Where the lake's data cannot be read.
        """
        from workbench.online import OnlineLoad, load_online

        return OnlineLoad(load_online(self._workspace, full=full, force=force))

    @at_one_moment
    def online_status(self) -> OnlineStatus:
        """Return how the online store stands beside what is published: what answers, since when, and what is behind."""
        from workbench.online import online_status

        return online_status(self._workspace)

    @shows_work
    def verify_online(self, *, full: bool = False) -> OnlineVerification:
        """Compare the online store with the lake, row by row.

        Parameters
        ----------
        full
            Compare every entity; else up to a thousand of each view, drawn at random.
        """
        from workbench.online import verify_online

        return verify_online(self._workspace, full=full)

    @verb()
    @at_one_moment
    @shows_work
    def skew(
        self,
        view: str | None = None,
        *,
        since: datetime | date | str | None = None,
        until: datetime | date | str | None = None,
        limit: int = 100_000,
        log: Path | None = None,
    ) -> SkewReport:
        """Compare what the HTTP service answered with what a training set has for the same entities and instants.

        `log_reads` under ``[serve]`` is the share of answers that the service keeps. Each is compared with the version
        that answered, as it was known at the instant; rows that became known later are no skew. Without a single
        comparison nothing has passed.

        Parameters
        ----------
        view
            ``view``, ``view@2``, ``view@2.1`` or ``view:feature``; all that was read if absent.
        since, until
            Only requests from this moment on, and before that one, in ISO 8601 (UTC without a zone).
        limit
            How many reads, of one view and one entity each, are compared: the newest ones.
        log
            The folder of kept answers, such as a copy of another machine's; as ``[serve]`` says if absent.

        Returns
        -------
        SkewReport
            Of each feature how many values differ, by how much and why, with examples; and what was not compared.

        Raises
        ------
        FeatureNotFound
            For a view or feature that was never published (did you mean).
        UsageError
            For what is no reference, and for what is no time.
        """
        from workbench.skew import measure_skew

        return measure_skew(
            self._workspace,
            view,
            since=None if since is None else moment(since, what="since"),
            until=None if until is None else moment(until, what="until"),
            limit=limit,
            folder=log,
        )

    @verb()
    @shows_work
    def gc(self, *, delete: bool = False) -> Garbage:
        """Return unreachable data: computed views, files of the lake, old definitions.

        Parameters
        ----------
        delete
            Remove it.
        """
        from workbench.promote import collect_garbage

        return collect_garbage(self._workspace, delete=delete)

    def warm(self) -> None:
        """Load in advance what the first definition needs, and start the process that sends runs to MLflow."""
        from workbench.pipeline import warm

        warm(self._workspace)

    def close(self) -> None:
        """End git's child processes."""
        if "_repository" in self.__dict__:
            self._repository.close()

    def __repr__(self) -> str:
        return f"<Project {self.config.project.name!r} at {self.root}, on {self.branch_name or 'a detached HEAD'}>"

    def _existing(self, branch: str | None) -> str | None:
        name = branch or self.branch_name
        if name is not None and branch is not None and not self._workspace.repository.exists(name):
            raise self._workspace.repository.branch_not_found(name)
        return name

    def _revision(self, branch: str | None) -> str:
        return branch or self.branch_name or "HEAD"


def workspace_of(project: Project) -> Workspace:
    """Return the opened parts of a project, for a front end that shows what they know."""
    return project._workspace
