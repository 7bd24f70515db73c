"""`PublishedReading`: the versions that are published at one commit of main, read from the lake as it was then."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from workbench.define import load_tree, parse_duration
from workbench.errors import FeatureNotFound, SourceError
from workbench.loop.evaluate import source_digest
from workbench.registry import Registry
from workbench.serve.deprecation import deprecation_of
from workbench.serve.served import ServedData, ServedInput, ServedView

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from workbench.define import Definitions, FeatureSet
    from workbench.loop.rooms import Rooms
    from workbench.registry import InputRecord, Version
    from workbench.sources import Snapshot


class PublishedReading:
    """What is published at `commit`: each view's declaration from its record, its rows from the lake.

    No definition is run for it, save that a feature set is looked up in the definitions of the same commit.

    Parameters
    ----------
    rooms
        The project's rooms.
    registry
        The records, at their commit.
    commit
        That commit.
    release
        The release's name where the commit is one's.
    """

    def __init__(self, rooms: Rooms, registry: Registry, commit: str, *, release: str | None = None) -> None:
        self.branch = rooms.trunk
        self.commit = commit
        self.release = release
        self.registry = registry
        self._rooms = rooms
        self._views: dict[tuple[str, str], ServedView] = {}

    @classmethod
    def of(cls, rooms: Rooms, commit: str | None = None, *, release: str | None = None) -> PublishedReading:
        """Return what is published at `commit`; what is published now if absent.

        A main without a commit has nothing published.
        """
        registry = Registry.at(rooms.repository, commit or rooms.trunk)
        return cls(rooms, registry, registry.commit or "", release=release)

    @property
    def registry_commit(self) -> str:
        """The commit at which versions are looked up."""
        return self.commit

    @property
    def snapshots(self) -> Mapping[str, Snapshot]:
        """Nothing: no source is read."""
        return {}

    @property
    def definitions(self) -> Definitions | None:
        """The definitions of the same commit, whose files run when they are looked into; None without a commit."""
        return load_tree(self._rooms.repository, self.commit, cache=self._rooms.hidden) if self.commit else None

    def view(self, name: str, version: str | None = None) -> ServedView:
        """Return the version of view `name` that is asked for, or the current one."""
        if name not in self.registry:
            raise self.missing(name)
        found = self.registry.version(name, version)
        key = name, found.number
        if key not in self._views:
            self._views[key] = self.served(name, found)
        return self._views[key]

    def has(self, name: str, version: str | None = None) -> bool:
        """Whether a version of view `name` was ever published."""
        return name in self.registry or version is not None

    def names(self) -> Iterable[str]:
        """Return the names of what is published: views that are served, and feature sets."""
        return [*self.registry.views, *(self.definitions.feature_sets if self.definitions else ())]

    def tables(self) -> Iterable[str]:
        """Return the names of the views, with their versions, for "did you mean"."""
        versions = ((name, version) for name in self.registry.views for version in self.registry.record(name).versions)
        served = {f"{name}@{version.major}" for name, version in versions if version.is_served}
        return [*self.registry.views, *sorted(served)]

    def owners(self, feature: str) -> Iterable[str]:
        """Return the views that have a feature of this name in their current version."""
        serving = ((name, self.registry.record(name).serving) for name in self.registry.views)
        features = ((name, version.contract.features) for name, version in serving if version is not None)
        return [name for name, columns in features if feature in [column.name for column in columns]]

    def feature_set(self, name: str) -> FeatureSet | None:
        """Return the feature set `name` of the definitions at this commit; None where there is none."""
        return self.definitions.feature_sets.get(name) if self.definitions else None

    @property
    def ambiguous(self) -> Collection[str]:
        """Nothing: a published view comes before a feature set of its name, without a look at any definition."""
        return ()

    def missing(self, name: str) -> FeatureNotFound:
        """Return the error for a `name` that is neither published nor a feature set; broken files are named in it."""
        error = FeatureNotFound.unpublished(name, self.names())
        error.lines = tuple(
            f"  features/{stem}.py at {self.commit[:10]} does not load: {broken.message}"
            for stem, broken in (self.definitions.broken if self.definitions else {}).items()
        )
        return error

    def served(self, name: str, version: Version) -> ServedView:
        """Return a version of view `name` as it is read, whether it is still served or not."""
        lookback = version.declaration.get("lookback")
        return ServedView(
            name=name,
            version=version.number,
            contract=version.contract,
            entities=version.entities,
            event_time=version.event_time,
            created=version.created,
            ttl=version.ttl,
            lookback=None if lookback is None else parse_duration(lookback, what="lookback"),
            load=partial(self._data, name, version),
            load_inputs=partial(self._inputs, version),
            deprecation=deprecation_of(name, version),
            run=version.run,
        )

    def _data(self, name: str, version: Version) -> ServedData:
        return ServedData(
            frame=self._rooms.lake.scan(name, version.major, version.delta_version, version.contract),
            view_id=version.view_id,
            code_hash=version.code_hash,
            data_digest=version.data_digest,
            delta_version=version.delta_version,
        )

    def _inputs(self, version: Version) -> tuple[ServedInput, ...]:
        return tuple(self._input(record) for record in version.inputs)

    def _input(self, record: InputRecord) -> ServedInput:
        if record.kind == "source":
            return self._source(record)
        try:
            view = self.view(record.name, record.version)
        except FeatureNotFound as error:
            return ServedInput(record.name, "view", None, "", f"{record.name} cannot be read: {error.message}")
        return ServedInput(view.label, "view", view.data.frame, view.created or view.event_time)

    def _source(self, record: InputRecord) -> ServedInput:
        """Return a source's rows of today, with a note where they are not those that the version was computed from."""
        if record.name not in self._rooms.sources:
            note = f"{record.name} is no source of this project any more."
            return ServedInput(record.name, "source", None, "", note)
        source = self._rooms.sources[record.name]
        try:
            snapshot = source.snapshot()
        except SourceError as error:
            return ServedInput(record.name, "source", None, "", f"{record.name} cannot be read: {error.message}")
        moved = source_digest(source, snapshot) != record.digest
        note = f"{record.name} has changed since this version was computed: these are its rows of today."
        return ServedInput(record.name, "source", source.frame(snapshot), source.available_at, note if moved else "")
