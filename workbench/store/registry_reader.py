"""`RegistryReader`: the versions that are published at one commit of main, read from the lake as it was then."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from workbench.errors import FeatureNotFound, LakeDataMissing, RegistryError, SourceError
from workbench.point_in_time import index_folder
from workbench.registry import Registry
from workbench.store.deprecation import deprecation_of
from workbench.store.on_demand import ReadableOnDemand
from workbench.store.reader import ReadableData, ReadableInput, ReadableView, broken_files
from workbench.times import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    import polars as pl

    from workbench.define import Definitions, FeatureSet
    from workbench.lake import Lake
    from workbench.registry import InputRecord, OnDemandVersion, Record, Version
    from workbench.sources import Snapshot
    from workbench.workspace import Workspace


class RecordReader:
    """The versions that a registry's records declare. A subclass says where their rows are, and which sets there are.

    Parameters
    ----------
    registry
        The records, at their commit.
    branch
        The branch that holds what is published.
    release
        The release's name where the commit is one's.
    now
        The records as they stand on main: what was withdrawn since is refused by it.
    """

    def __init__(
        self, registry: Registry, *, branch: str, release: str | None = None, now: Registry | None = None
    ) -> None:
        self.branch = branch
        self.commit = registry.commit or ""
        self.release = release
        self.registry = registry
        self._now = now
        self._views: dict[tuple[str, str], ReadableView] = {}
        self._on_demand: dict[tuple[str, str], ReadableOnDemand] = {}

    @property
    def registry_commit(self) -> str:
        """The commit at which versions are looked up."""
        return self.commit

    @property
    def snapshots(self) -> Mapping[str, Snapshot]:
        """Nothing: no source is read."""
        return {}

    def view(self, name: str, version: str | None = None) -> ReadableView:
        """Return the version of view `name` that is asked for, or the current one."""
        if name not in self.registry:
            raise self.missing(name)
        found = self.registry.version(name, version)
        key = name, found.number
        if key not in self._views:
            self._refuse_withdrawn(name, found)
            self._views[key] = self.readable_version(name, found)
        return self._views[key]

    def _refuse_withdrawn(self, name: str, version: Version) -> None:
        """Do nothing unless a version was withdrawn since the commit at which versions are looked up."""
        if self._now is None or name not in self._now:
            return
        record = self._now.record(name)
        for one in record.versions:
            if one.withdrawn is not None and (one.number, one.published_at) == (version.number, version.published_at):
                raise record.withdrawal_error(one)

    def has(self, name: str, version: str | None = None) -> bool:
        """Whether a version of view `name` was ever published."""
        return name in self.registry or (version is not None and name not in self.registry.on_demand_views)

    def on_demand(self, name: str, version: str | None = None) -> ReadableOnDemand | None:
        """Return an on-demand view, or the version of it that is asked for; None where there is none."""
        if name not in self.registry.on_demand_views:
            return None
        found = self.registry.on_demand(name).version(version)
        key = name, found.number
        if key not in self._on_demand:
            self._on_demand[key] = ReadableOnDemand(
                name=name,
                version=found.number,
                contract=found.contract,
                reads=found.inputs,
                request=found.request,
                identity=found.identity,
                compute=self.on_demand_function(name, found),
                run=found.run,
            )
        return self._on_demand[key]

    def on_demand_function(self, name: str, version: OnDemandVersion) -> Callable[[pl.DataFrame], pl.DataFrame]:
        """Return what computes a version of the on-demand view `name`; its definition is loaded when it is called."""
        raise NotImplementedError

    def tables(self) -> Iterable[str]:
        """Return the names of the views, with their versions, for "did you mean"."""
        versions = ((name, version) for name, record in self._records() for version in record.versions)
        served = {f"{name}@{version.major}" for name, version in versions if version.is_served}
        return [*self.registry.views, *sorted(served)]

    def owners(self, feature: str) -> Iterable[str]:
        """Return the views that have a feature of this name in their current version."""
        serving = ((name, record.serving) for name, record in self._records())
        features = [(name, version.contract.features) for name, version in serving if version is not None]
        for name in self.registry.on_demand_views:
            with suppress(RegistryError, FeatureNotFound):
                features.append((name, self.registry.on_demand(name).version().contract.features))
        return [name for name, columns in features if feature in [column.name for column in columns]]

    def _records(self) -> Iterator[tuple[str, Record]]:
        """Yield the records that can be read; others say so where they are asked for."""
        for name in self.registry.views:
            with suppress(RegistryError):
                yield name, self.registry.record(name)

    @property
    def ambiguous(self) -> Collection[str]:
        """Nothing: a published view comes before a feature set of its name, without a look at any definition."""
        return ()

    def names(self) -> Iterable[str]:
        """Return the names of views and feature sets, for "did you mean"."""
        raise NotImplementedError

    def feature_set(self, name: str) -> FeatureSet | None:
        """Return the feature set `name`; None where there is none."""
        raise NotImplementedError

    def missing(self, name: str) -> FeatureNotFound:
        """Return the error for a `name` that is neither a view nor a feature set."""
        return FeatureNotFound.unpublished(name, self.names())

    def readable_version(self, name: str, version: Version) -> ReadableView:
        """Return a version of view `name` as it is read, whether it is still served or not."""
        raise NotImplementedError


class RegistryReader(RecordReader):
    """What is published at one commit: each view's declaration from its record, its rows from the lake.

    No definition is run for it, save that a feature set is looked up in the definitions of the same commit.

    Parameters
    ----------
    workspace
        The project's workspace.
    registry
        The records, at their commit.
    release
        The release's name where the commit is one's.
    now
        The records as they stand on main: what was withdrawn since is refused by it.
    """

    def __init__(
        self, workspace: Workspace, registry: Registry, *, release: str | None = None, now: Registry | None = None
    ) -> None:
        super().__init__(registry, branch=workspace.trunk, release=release, now=now)
        self._workspace = workspace

    @classmethod
    def of(
        cls, workspace: Workspace, commit: str | None = None, *, release: str | None = None, as_it_was: bool = False
    ) -> RegistryReader:
        """Return what is published at `commit`; what is published now if absent.

        A main without a commit has nothing published. Of a release what was withdrawn since is refused, unless it is to
        be read `as_it_was`.
        """
        repository = workspace.repository
        now = Registry.at(repository, workspace.trunk) if release is not None and not as_it_was else None
        return cls(workspace, Registry.at(repository, commit or workspace.trunk), release=release, now=now)

    @property
    def definitions(self) -> Definitions | None:
        """The definitions of the same commit, whose files run when they are looked into; None without a commit."""
        from workbench.define import load_tree

        return load_tree(self._workspace.repository, self.commit, cache=self._workspace.hidden) if self.commit else None

    def names(self) -> Iterable[str]:
        """Return the names of what is published: views that are served, and feature sets."""
        sets = self.definitions.set_files if self.definitions else ()
        return [*self.registry.views, *self.registry.on_demand_views, *sets]

    def feature_set(self, name: str) -> FeatureSet | None:
        """Return the feature set `name` of the definitions at this commit; None where there is none."""
        definitions = self.definitions
        return definitions.feature_set(name) if definitions and name in definitions.set_files else None

    def missing(self, name: str) -> FeatureNotFound:
        """Return the error for a `name` that is neither published nor a feature set; broken files are named in it."""
        error = FeatureNotFound.unpublished(name, self.names())
        error.lines = broken_files(self.definitions, self.commit) if self.definitions else ()
        return error

    def on_demand_function(self, name: str, version: OnDemandVersion) -> Callable[[pl.DataFrame], pl.DataFrame]:
        """Return what computes a version of the on-demand view `name`, by the definition it was published with."""
        return on_demand_function(self._workspace, name, version)

    def readable_version(self, name: str, version: Version) -> ReadableView:
        """Return a version of view `name` as it is read, whether it is still served or not."""
        load = partial(self._rows, name, version)
        return published_view(name, version, load=load, load_inputs=partial(self._inputs, version))

    def _rows(self, name: str, version: Version) -> ReadableData:
        """Return a version's rows from the lake; computed again where that lacks them."""
        try:
            return self._published_data(name, version)
        except LakeDataMissing as missing:
            from workbench.pipeline import rebuild

            rebuild(self._workspace, self.registry, name, version, missing)
        return self._published_data(name, version)

    def _published_data(self, name: str, version: Version) -> ReadableData:
        return published_data(self._workspace.lake, name, version, facts=self._workspace.facts)

    def _inputs(self, version: Version) -> tuple[ReadableInput, ...]:
        return tuple(self._input(record) for record in version.inputs)

    def _input(self, record: InputRecord) -> ReadableInput:
        from workbench.pipeline import InputTimes

        if record.kind == "source":
            return self._source(record)
        try:
            view = self.view(record.name, record.version)
        except FeatureNotFound as error:
            return ReadableInput(record.name, "view", None, None, f"{record.name} cannot be read: {error.message}")
        known = (view.event_time,) if view.created is None else (view.event_time, view.created)
        return ReadableInput(view.label, "view", view.data.frame, InputTimes(view.event_time, known))

    def _source(self, record: InputRecord) -> ReadableInput:
        """Return a source's rows of today, with a note where they are not those that the version was computed from."""
        from workbench.pipeline import InputTimes, source_digest

        if record.name not in self._workspace.sources:
            note = f"{record.name} is no longer a source of this project."
            return ReadableInput(record.name, "source", None, None, note)
        source = self._workspace.sources[record.name]
        try:
            snapshot = source.snapshot()
        except SourceError as error:
            return ReadableInput(record.name, "source", None, None, f"{record.name} cannot be read: {error.message}")
        moved = source_digest(source, snapshot) != record.digest
        note = f"{record.name} has changed since this version was computed; the current rows are shown."
        times = InputTimes(source.event_time, source.known_since)
        return ReadableInput(record.name, "source", source.frame(snapshot), times, note if moved else "")


def on_demand_function(
    workspace: Workspace, name: str, version: OnDemandVersion
) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Return what computes a published version of the on-demand view `name` in this process.

    Its definition is loaded from the repository when it is first called; the authors of main must be trusted by then.
    """
    loaded: list[Definitions] = []

    def compute(rows: pl.DataFrame) -> pl.DataFrame:
        from workbench.compute import compute_on_demand
        from workbench.define import reraise_user_errors
        from workbench.pipeline import published_definitions

        if not loaded:
            main = workspace.repository.resolve(workspace.trunk)
            loaded.append(published_definitions(workspace, main, version.features))
        with reraise_user_errors(loaded[0], {}):
            return compute_on_demand(loaded[0].on_demand(name), rows)

    return compute


def published_view(
    name: str,
    version: Version,
    *,
    load: Callable[[], ReadableData],
    load_inputs: Callable[[], tuple[ReadableInput, ...]] = tuple,
) -> ReadableView:
    """Return a version of view `name` as its record declares it; `load` returns its rows."""
    lookback = version.declaration.get("lookback")
    return ReadableView(
        name=name,
        version=version.number,
        contract=version.contract,
        entities=version.entities,
        event_time=version.event_time,
        created=version.created,
        ttl=version.ttl,
        lookback=None if lookback is None else parse_duration(lookback, what="lookback"),
        load=load,
        load_inputs=load_inputs,
        deprecation=deprecation_of(name, version),
        run=version.run,
    )


def published_data(lake: Lake, name: str, version: Version, *, facts: Path | None = None) -> ReadableData:
    """Return the rows of a version of view `name`, from the lake; their index is kept among the `facts`."""
    place = None if facts is None else facts / version.view_id
    files = partial(lake.row_files, name, version)
    return ReadableData(
        frame=lake.rows(name, version),
        numbered=lambda row: lake.rows(name, version, row=row),
        view_id=version.view_id,
        code_hash=version.code_hash,
        data_digest=version.data_digest,
        delta_version=version.delta_version,
        index=None if place is None else index_folder(place, rows=version.rows, files=files),
    )
