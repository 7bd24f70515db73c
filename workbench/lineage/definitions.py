"""What a branch defines: sources, views, columns and feature sets, and how they hang together. Computes no view."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.compute import ColumnLineage, InputData, column_lineage
from workbench.define import load_tree
from workbench.errors import SourceError, WorkbenchError
from workbench.fingerprint import SourceCodes, code_hash, metadata_hash, parameters_of, view_id
from workbench.lineage.graph import Edge, Node
from workbench.lineage.outline import on_demand_edges, on_demand_nodes
from workbench.pipeline import source_digest, write_facts
from workbench.records import read_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from workbench.compute import ColumnLineage, InputData, StoredView
    from workbench.define import Definitions, FeatureSet, FeatureView
    from workbench.fingerprint import Fingerprint
    from workbench.sources import Snapshot
    from workbench.workspace import Workspace


SCHEME = "columns/1"
"""Raised when the same plan is read differently."""


def remembered_columns(folder: Path, view: FeatureView, inputs: Sequence[InputData], code: str) -> ColumnLineage:
    """Return what each column of `view` depends on; asked once for its code, parameters and inputs."""
    asked = [SCHEME, pl.__version__, code, parameters_of(view), *view.contract.names]
    asked += [f"{data.name} {data.digest or dict(data.frame.collect_schema())}" for data in inputs]
    path = folder / f"{hashlib.sha256(chr(10).join(asked).encode()).hexdigest()}.json"
    known = read_record(path, ColumnLineage)
    if known is not None:
        return known
    found = column_lineage(view, inputs)
    if found.reason is None:
        write_facts(path, found)
    return found


@dataclass(frozen=True, slots=True)
class KnownView:
    """A view of the branch, as far as it is known without computing anything.

    Parameters
    ----------
    view
        The view.
    fingerprint, metadata, parameters
        Of its code, of what is said about it, and of its parameters.
    view_id
        Its address; None where something it is made from is not computed.
    stored
        Its data, where it is computed.
    columns
        What each of its columns depends on.
    """

    view: FeatureView
    fingerprint: Fingerprint
    metadata: str
    parameters: str
    view_id: str | None
    stored: StoredView | None
    columns: ColumnLineage

    @property
    def inputs(self) -> tuple[str, ...]:
        """The sources and views that it reads."""
        return self.view.inputs


@dataclass(slots=True)
class KnownDefinitions:
    """The definitions of one commit, each view after those it is made from.

    Parameters
    ----------
    workspace
        The project's workspace.
    commit
        Whose definitions.
    snapshots
        What the sources are, by name; filled as they are looked at, so that two commits can share them.
    """

    workspace: Workspace
    commit: str
    snapshots: dict[str, Snapshot | None] = field(default_factory=dict)
    definitions: Definitions = field(init=False)
    views: dict[str, KnownView] = field(init=False, default_factory=dict)
    broken: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.definitions = load_tree(self.workspace.repository, self.commit, cache=self.workspace.hidden)
        self.broken = {name: error.message for name, error in self.definitions.broken.items()}
        codes, sources = SourceCodes(), self.workspace.sources.names()
        for name in list(self.definitions.views):
            try:
                for each in self.definitions.order([name], sources):
                    if each not in self.views:
                        self.views[each] = self._known(self.definitions.view(each), codes)
            except WorkbenchError as error:
                self.broken[name] = error.message

    def _known(self, view: FeatureView, codes: SourceCodes) -> KnownView:
        fingerprint = code_hash(view, sources=codes)
        parameters = parameters_of(view)
        inputs = tuple(self._input(name) for name in view.inputs)
        identity = None
        if all(data.digest for data in inputs):
            digests = {data.name: data.digest for data in inputs}
            identity = view_id(code_hash=fingerprint.code_hash, parameters=parameters, inputs=digests)
        return KnownView(
            view=view,
            fingerprint=fingerprint,
            metadata=metadata_hash(view),
            parameters=parameters,
            view_id=identity,
            stored=None if identity is None else self.workspace.cache.get(identity),
            columns=remembered_columns(self.workspace.facts / "columns", view, inputs, fingerprint.code_hash),
        )

    def _input(self, name: str) -> InputData:
        """Return an input: its data where that is there, else a frame that has its columns and cannot be read."""
        if name in self.workspace.sources:
            source, snapshot = self.workspace.sources[name], self.snapshot(name)
            if snapshot is None:
                return InputData(name, pl.LazyFrame(), "", "source")
            return InputData(name, source.frame(snapshot), source_digest(source, snapshot), "source")
        upstream = self.views[name]
        if upstream.stored is not None:
            return InputData(name, upstream.stored.frame(), upstream.stored.record.digest.exact, "view")
        schema = {column.name: column.dtype for column in upstream.view.contract.columns}
        return InputData(name, _unreadable(name, schema), "", "view")

    def snapshot(self, name: str) -> Snapshot | None:
        """Return what the source `name` is now; None where it cannot be read."""
        if name not in self.snapshots:
            try:
                self.snapshots[name] = self.workspace.sources[name].snapshot()
            except SourceError:
                self.snapshots[name] = None
        return self.snapshots[name]

    @property
    def sets(self) -> Mapping[str, FeatureSet]:
        """The feature sets."""
        return self.definitions.feature_sets

    @property
    def unknown(self) -> tuple[tuple[str, str], ...]:
        """The views whose columns' inputs are not known, with the reason."""
        return tuple((name, view.columns.reason) for name, view in self.views.items() if view.columns.reason)

    def nodes(self) -> Iterator[Node]:
        """Yield the sources that are read, the views (broken ones too), and the feature sets."""
        read = {name for known in self.views.values() for name in known.view.inputs}
        for name in self.workspace.sources.names():
            if name in read:
                yield Node("source", name, self._source_facts(name))
        for name, known in self.views.items():
            yield Node("view", name, _view_facts(known))
        yield from on_demand_nodes(self.definitions)
        for name, message in self.broken.items():
            if name not in {*self.views, *self.definitions.outline.on_demand}:
                yield Node("view", name, {"state": "broken", "error": message})
        for name, found in self.sets.items():
            yield Node("feature set", name, {"features": list(found.features), "owner": found.owner})

    def edges(self) -> Iterator[Edge]:
        """Yield what views are made from."""
        for name, known in self.views.items():
            for used in known.view.inputs:
                yield Edge(self.thing(used), f"view:{name}")
        yield from on_demand_edges(self.definitions)

    def column_nodes(self) -> Iterator[Node]:
        """Yield the columns of sources that are read, then those of the views: keys, times and features."""
        read: dict[str, dict[str, None]] = {}
        for known in self.views.values():
            for inputs in known.columns.columns.values():
                for name in inputs.keys() & self.workspace.sources.keys():
                    columns = inputs[name]
                    found = self._all_columns(name) if columns is None else sorted(columns)
                    read.setdefault(name, {}).update(dict.fromkeys(found))
        for name, of_source in read.items():
            for label in of_source:
                yield Node("column", f"{name}:{label}", {"of": "source", "column": label})
        for name, known in self.views.items():
            for column in known.view.contract.columns:
                facts = {
                    "of": "view",
                    "column": column.name,
                    "role": column.role,
                    "dtype": str(column.dtype),
                    "unit": column.unit,
                    "description": column.description,
                }
                yield Node("feature" if column.role == "feature" else "column", f"{name}:{column.name}", facts)

    def column_edges(self) -> Iterator[Edge]:
        """Yield which columns each column of a view depends on; all of an input's where the plan does not say which."""
        for name, known in self.views.items():
            for column, inputs in known.columns.columns.items():
                end = self.column(name, column)
                for used, columns in inputs.items():
                    for each in self._all_columns(used) if columns is None else sorted(columns):
                        yield Edge(self.column(used, each), end, is_exact=columns is not None)

    def features_of(self, reference: str) -> list[str]:
        """Return the ids of the features that ``view`` or ``view:feature`` names; a version's are the view's."""
        view, _, feature = reference.partition(":")
        known = self.views.get(view.partition("@")[0])
        if known is None:
            return []
        names = [feature] if feature else [column.name for column in known.view.contract.features]
        return [f"feature:{known.view.name}:{name}" for name in names]

    def thing(self, name: str) -> str:
        """Return the id of the source or view `name`."""
        return f"source:{name}" if name in self.workspace.sources else f"view:{name}"

    def column(self, of: str, column: str) -> str:
        """Return the id of a column of the source or view `of`."""
        known = self.views.get(of)
        is_feature = known is not None and column in known.view.contract.names and _role(known, column) == "feature"
        return f"{'feature' if is_feature else 'column'}:{of}:{column}"

    def _all_columns(self, name: str) -> list[str]:
        if name in self.views:
            return list(self.views[name].view.contract.names)
        snapshot = self.snapshot(name)
        return [] if snapshot is None else self.workspace.sources[name].frame(snapshot).collect_schema().names()

    def _source_facts(self, name: str) -> dict[str, Any]:
        snapshot = self.snapshot(name)
        if snapshot is None:
            return {"state": "unreadable"}
        return {"state": "read", "snapshot": snapshot.kind, "digest": snapshot.digest}


def _role(known: KnownView, column: str) -> str:
    return known.view.contract[column].role


def _view_facts(known: KnownView) -> dict[str, Any]:
    view, stored = known.view, known.stored
    return {
        "state": "computed" if stored is not None else "to compute" if known.view_id else "waits for upstream",
        "view_id": known.view_id,
        "code_hash": known.fingerprint.code_hash,
        "features": [column.name for column in view.contract.features],
        "owner": view.owner,
        "description": view.description,
        "rows": None if stored is None else stored.record.rows,
        "columns_unknown": known.columns.reason,
    }


def _unreadable(name: str, schema: Mapping[str, pl.DataType]) -> pl.LazyFrame:
    """Return a frame with columns and no rows to read: a function that collects it is told why not."""

    def refuse(*_: object) -> Iterator[pl.DataFrame]:
        raise LookupError(f"{name} is not computed yet")

    from polars.io.plugins import register_io_source

    return register_io_source(refuse, schema=pl.Schema(schema))
