"""`BranchReading`: the views of one branch at one commit, computed or reused as they are asked for."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from workbench.define import load_tree
from workbench.errors import FeatureNotFound
from workbench.loop.evaluate import Evaluation
from workbench.loop.failure import explained
from workbench.serve.published import PublishedReading
from workbench.serve.served import ServedData, ServedInput, ServedView

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from workbench.compute import InputData
    from workbench.define import Definitions, FeatureSet, FeatureView
    from workbench.loop.evaluate import Evaluated
    from workbench.loop.rooms import Rooms
    from workbench.sources import Snapshot


class BranchReading:
    """A branch's definitions and their data, as they stand at `commit`; versions are the published ones.

    Parameters
    ----------
    rooms
        The project's rooms.
    branch, commit
        What is read.
    evaluation
        Computes the views; sources are looked at once, so that all views see the same data.
    registry
        The commit at which published versions are looked up; what is published now if absent.
    """

    def __init__(
        self, rooms: Rooms, branch: str, commit: str, evaluation: Evaluation, *, registry: str | None = None
    ) -> None:
        self.branch = branch
        self.commit = commit
        self.evaluation = evaluation
        self._rooms = rooms
        self._registry = registry
        self._published: PublishedReading | None = None
        self._views: dict[str, ServedView] = {}

    @classmethod
    def of(cls, rooms: Rooms, branch: str) -> BranchReading:
        """Return a reading of the tip of `branch`."""
        commit = rooms.repository.resolve(branch)
        definitions = load_tree(rooms.repository, commit, cache=rooms.hidden)
        return cls(rooms, branch, commit, Evaluation(definitions, rooms.sources, rooms.cache))

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

    def view(self, name: str, version: str | None = None) -> ServedView:
        """Return the branch's view `name`, or the published version that is asked for."""
        if version is not None:
            return self._publications().view(name, version)
        if name not in self._views:
            self._views[name] = self._served(self.definitions.view(name))
        return self._views[name]

    def has(self, name: str, version: str | None = None) -> bool:
        """Whether the branch has a view `name`, be it broken; of a version `view` says."""
        return version is not None or name in self.definitions.views or name in self.definitions.broken

    def names(self) -> Iterable[str]:
        """Return the names of the branch's views and feature sets."""
        return [*self.definitions.views, *self.definitions.feature_sets]

    def tables(self) -> Iterable[str]:
        """Return the names of the branch's views, for "did you mean"."""
        return [*self.definitions.views]

    def owners(self, feature: str) -> Iterable[str]:
        """Return the branch's views that have a feature of this name."""
        views = self.definitions.views.values()
        return [view.name for view in views if feature in [column.name for column in view.contract.features]]

    def feature_set(self, name: str) -> FeatureSet | None:
        """Return the branch's feature set `name`; None where there is none."""
        return self.definitions.feature_sets.get(name)

    @property
    def ambiguous(self) -> Collection[str]:
        """The names that are both a view's and a feature set's."""
        return {*self.definitions.views} & {*self.definitions.feature_sets}

    def missing(self, name: str) -> FeatureNotFound:
        """Return the error for a `name` that is neither a view nor a feature set of the branch."""
        if name in PublishedReading.of(self._rooms, self._registry).registry:
            return FeatureNotFound.published_only(name, self.branch)
        return FeatureNotFound.named(name, self.names())

    def evaluate(self, name: str) -> Evaluated:
        """Return the branch's view `name` with its data, computed now where it is not computed yet."""
        with explained(self.definitions, {}):
            return self.evaluation.evaluate(name)

    def _publications(self) -> PublishedReading:
        if self._published is None:
            self._published = PublishedReading.of(self._rooms, self._registry)
        return self._published

    def _served(self, view: FeatureView) -> ServedView:
        return ServedView(
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

    def _data(self, name: str) -> ServedData:
        evaluated = self.evaluate(name)
        stored = evaluated.computed.stored
        return ServedData(
            frame=stored.frame(),
            view_id=evaluated.prepared.view_id,
            code_hash=evaluated.prepared.fingerprint.code_hash,
            data_digest=stored.record.digest.view,
        )

    def _inputs(self, name: str) -> tuple[ServedInput, ...]:
        inputs = self.evaluate(name).prepared.inputs
        return tuple(ServedInput(data.name, data.kind, data.frame, self._known(data)) for data in inputs)

    def _known(self, data: InputData) -> str:
        """Return the column that says since when a row of the input is known."""
        if data.kind == "source":
            return self.evaluation.sources[data.name].available_at
        view = self.definitions.view(data.name)
        return view.created or view.event_time
