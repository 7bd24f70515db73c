"""`BranchReader`: the views of one branch at one commit, computed or reused as they are asked for."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from workbench.compute import compute_on_demand
from workbench.define import load_tree, reraise_user_errors
from workbench.errors import FeatureNotFound, SourceMoved
from workbench.fingerprint import code_hash
from workbench.pipeline import Evaluation, on_steady_sources
from workbench.point_in_time import index_folder
from workbench.store.on_demand import ReadableOnDemand
from workbench.store.reader import ReadableData, ReadableInput, ReadableView, broken_files
from workbench.store.registry_reader import RegistryReader

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    import polars as pl

    from workbench.define import Definitions, FeatureSet, FeatureView
    from workbench.pipeline import Evaluated
    from workbench.sources import Snapshot
    from workbench.workspace import Workspace


class BranchReader:
    """A branch's definitions and their data, as they stand at `commit`; versions are the published ones.

    Parameters
    ----------
    workspace
        The project's workspace.
    branch, commit
        What is read.
    evaluation
        Computes the views; sources are looked at once, so that all views see the same data.
    registry
        The commit at which published versions are looked up; what is published now if absent.
    """

    def __init__(
        self, workspace: Workspace, branch: str, commit: str, evaluation: Evaluation, *, registry: str | None = None
    ) -> None:
        self.branch = branch
        self.commit = commit
        self.evaluation = evaluation
        self._workspace = workspace
        self._registry = registry
        self._published: RegistryReader | None = None
        self._views: dict[str, ReadableView] = {}
        self._on_demand: dict[str, ReadableOnDemand | None] = {}

    @classmethod
    def of(cls, workspace: Workspace, branch: str) -> BranchReader:
        """Return a reading of the tip of `branch`."""
        commit = workspace.repository.resolve(branch)
        definitions = load_tree(workspace.repository, commit, cache=workspace.hidden)
        return cls(workspace, branch, commit, Evaluation(definitions, workspace.sources, workspace.cache))

    @property
    def release(self) -> None:
        """None: a branch is no release."""

    @property
    def definitions(self) -> Definitions:
        """What the branch defines."""
        return self.evaluation.definitions

    @property
    def registry_commit(self) -> str | None:
        """The commit at which published versions were looked up; None where none was."""
        return None if self._published is None else self._published.commit

    @property
    def snapshots(self) -> Mapping[str, Snapshot]:
        """What the sources were that views were computed from."""
        return self.evaluation.snapshots

    def view(self, name: str, version: str | None = None) -> ReadableView:
        """Return the branch's view `name`, or the published version that is asked for."""
        if version is not None:
            return self._publications().view(name, version)
        if name not in self._views:
            self._views[name] = self._readable_view(self.definitions.view(name))
        return self._views[name]

    def has(self, name: str, version: str | None = None) -> bool:
        """Return whether the branch has a view `name`, even a broken one; of a version `view` says."""
        if version is not None:
            return self._publications().on_demand(name) is None
        return self.definitions.has_view(name)

    def on_demand(self, name: str, version: str | None = None) -> ReadableOnDemand | None:
        """Return the branch's on-demand view `name`, or the published version of it; None where there is none."""
        if version is not None:
            return self._publications().on_demand(name, version)
        if name not in self._on_demand:
            definitions = self.definitions
            found = readable_on_demand(definitions, name) if definitions.has_on_demand(name) else None
            self._on_demand[name] = found
        return self._on_demand[name]

    def names(self) -> Iterable[str]:
        """Return the names of the branch's views and feature sets."""
        return [*self.definitions.outline.views, *self.definitions.on_demand_views, *self.definitions.set_files]

    def tables(self) -> Iterable[str]:
        """Return the names of the branch's views, for "did you mean"."""
        return [*self.definitions.outline.views]

    def owners(self, feature: str) -> Iterable[str]:
        """Return the branch's views that have a feature of this name."""
        outline = self.definitions.outline
        return [
            *(view.name for view in outline.views.values() if feature in view.features),
            *(view.name for view in outline.on_demand.values() if feature in view.features),
        ]

    def feature_set(self, name: str) -> FeatureSet | None:
        """Return the branch's feature set `name`; None where there is none."""
        return self.definitions.feature_set(name) if name in self.definitions.set_files else None

    @property
    def ambiguous(self) -> Collection[str]:
        """The names that are both a view's and a feature set's."""
        return {*self.definitions.outline.views} & {*self.definitions.set_files}

    def missing(self, name: str) -> FeatureNotFound:
        """Return the error for a `name` that is neither a view nor a feature set here; broken files are named in it."""
        if name in RegistryReader.of(self._workspace, self._registry).registry:
            return FeatureNotFound(
                f"Branch {self.branch!r} does not define a view {name!r}.",
                remedy=f"It is published: write the version, as in '{name}@1'; `catalog {name}` lists its versions.",
            )
        error = FeatureNotFound.named(name, self.names())
        error.lines = broken_files(self.definitions, self.commit)
        return error

    def evaluate(self, name: str) -> Evaluated:
        """Return the branch's view `name` with its data, computed now where it is not computed yet."""
        with reraise_user_errors(self.definitions, {}):
            if self.evaluation.evaluated:  # views of the sources as they were are read already
                return self.evaluation.evaluate(name)
            return on_steady_sources(lambda: self._evaluate_first(name))

    def _evaluate_first(self, name: str) -> Evaluated:
        try:
            return self.evaluation.evaluate(name)
        except SourceMoved:
            self.evaluation = self.evaluation.renew()
            raise

    def _publications(self) -> RegistryReader:
        if self._published is None:
            self._published = RegistryReader.of(self._workspace, self._registry)
        return self._published

    def _readable_view(self, view: FeatureView) -> ReadableView:
        return ReadableView(
            name=view.name,
            version=None,
            contract=view.contract,
            entities=view.entities,
            event_time=view.event_time,
            created=view.created,
            ttl=view.ttl,
            lookback=view.lookback,
            load=partial(self._data, view.name),
            load_inputs=partial(self._inputs, view.name),
        )

    def _data(self, name: str) -> ReadableData:
        evaluated = self.evaluate(name)
        stored = evaluated.computed.stored
        return ReadableData(
            frame=stored.frame(),
            numbered=stored.frame,
            view_id=evaluated.prepared.view_id,
            code_hash=evaluated.prepared.fingerprint.code_hash,
            data_digest=stored.record.digest.exact,
            index=index_folder(
                self._workspace.facts / stored.view_id,
                rows=stored.record.rows,
                files=lambda: [str(path) for path in stored.paths],
            ),
        )

    def _inputs(self, name: str) -> tuple[ReadableInput, ...]:
        inputs = self.evaluate(name).prepared.inputs
        times = self.evaluation.times_of
        return tuple(ReadableInput(data.name, data.kind, data.frame, times(data)) for data in inputs)


def readable_on_demand(definitions: Definitions, name: str, *, version: str | None = None) -> ReadableOnDemand:
    """Return an on-demand view as it is read, by its definition, which is imported."""
    view = definitions.on_demand(name)

    def compute(rows: pl.DataFrame) -> pl.DataFrame:
        with reraise_user_errors(definitions, {}):
            return compute_on_demand(view, rows)

    return ReadableOnDemand(
        name=name,
        version=version,
        contract=view.contract,
        reads=view.reads,
        request=view.request,
        identity=code_hash(view).code_hash,
        compute=compute,
    )
