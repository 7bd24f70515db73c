"""Computing views of one tree of definitions over the sources: upstream first, each once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.compute import InputData, build, materialize_view
from workbench.define import Contract, SourceCodes, code_hash, metadata_hash, parameters_of, view_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import polars as pl

    from workbench.compute import Computed, Progress, ViewCache
    from workbench.define import Definitions, FeatureView, Fingerprint
    from workbench.sources import Snapshot, Source, Sources, SourceWarning


@dataclass(frozen=True, slots=True)
class Prepared:
    """A view whose identity is known and whose plan, unless it is computed already, was built."""

    view: FeatureView
    contract: Contract
    fingerprint: Fingerprint
    metadata_hash: str
    parameters: str
    inputs: tuple[InputData, ...]
    view_id: str
    plan: pl.LazyFrame | None

    @property
    def digests(self) -> dict[str, str]:
        """The digest of each input's data."""
        return {data.name: data.digest for data in self.inputs}


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A view and its computed data."""

    prepared: Prepared
    computed: Computed


class Evaluation:
    """Computes views of one tree. Snapshots of sources are taken once, so that all views see the same data.

    Parameters
    ----------
    definitions
        The tree's definitions.
    sources
        The project's sources.
    cache
        Where computed views are kept.
    offsets
        For a view that comes from a cell, how many lines its file has before the cell's first.
    progress
        Called while a view is computed.
    beside
        Another evaluation over the same sources, whose snapshots are read here too: so two trees of definitions are
        compared on the same data.
    planner
        Gives a shorter plan to the same data for a view that is to be computed, or None.
    """

    def __init__(
        self,
        definitions: Definitions,
        sources: Sources,
        cache: ViewCache,
        *,
        offsets: Mapping[str, int] | None = None,
        progress: Callable[[Progress], None] | None = None,
        beside: Evaluation | None = None,
        planner: Callable[[Prepared], pl.LazyFrame | None] | None = None,
    ) -> None:
        self.definitions = definitions
        self.sources = sources
        self.cache = cache
        self._progress = progress
        self._offsets = dict(offsets or {})
        self._planner = planner
        self._codes = SourceCodes()
        self.warnings: list[SourceWarning] = []
        self._snapshots: dict[str, Snapshot] = {} if beside is None else beside._snapshots
        self._prepared: dict[str, Prepared] = {}
        self._evaluated: dict[str, Evaluated] = {}

    def snapshot(self, name: str) -> Snapshot:
        """Return the snapshot of source `name` that this evaluation reads."""
        if name not in self._snapshots:
            source = self.sources[name]
            self._snapshots[name] = source.snapshot()
            self.warnings.extend(source.check(self._snapshots[name]))
        return self._snapshots[name]

    def offset(self, view: str) -> int | None:
        """Return how many lines the file of `view` has before its cell's first; None where it comes from no cell."""
        return self._offsets.get(view)

    @property
    def snapshots(self) -> dict[str, Snapshot]:
        """The snapshots taken so far, by source."""
        return dict(self._snapshots)

    def prepare(self, name: str) -> Prepared:
        """Return view `name` with its identity, after computing what it is made from.

        Raises
        ------
        DefinitionError
            Where the definition, or one it depends on, is wrong: a cycle, an unknown parameter, a wrong return.
        SourceError
            Where a source cannot be read.
        """
        if name not in self._prepared:
            self.definitions.order([name], self.sources.names())
            self._prepared[name] = self._prepare(self.definitions.view(name))
        return self._prepared[name]

    def identity(self, name: str) -> str | None:
        """Return the id that view `name` has or would get, computing nothing; `None` where its inputs are not there."""
        self.definitions.order([name], self.sources.names())
        view = self.definitions.view(name)
        digests: dict[str, str] = {}
        for parameter in view.inputs:
            if parameter in self.sources:
                digests[parameter] = source_digest(self.sources[parameter], self.snapshot(parameter))
                continue
            upstream = self.identity(parameter)
            stored = None if upstream is None else self.cache.get(upstream)
            if stored is None:
                return None
            digests[parameter] = stored.record.digest.view
        return view_id(code_hash=self._fingerprint(view).code_hash, parameters=parameters_of(view), inputs=digests)

    def _fingerprint(self, view: FeatureView) -> Fingerprint:
        return code_hash(view, sources=self._codes, offset=self._offsets.get(view.name, 0))

    def _prepare(self, view: FeatureView) -> Prepared:
        inputs = tuple(self._input(parameter) for parameter in view.inputs)
        fingerprint = self._fingerprint(view)
        parameters = parameters_of(view)
        identity = view_id(
            code_hash=fingerprint.code_hash,
            parameters=parameters,
            inputs={data.name: data.digest for data in inputs},
        )
        known = self.cache.get(identity) is not None
        return Prepared(
            view=view,
            contract=Contract.of(view.model, view),
            fingerprint=fingerprint,
            metadata_hash=metadata_hash(view),
            parameters=parameters,
            inputs=inputs,
            view_id=identity,
            plan=None if known else build(view, inputs),
        )

    def _input(self, name: str) -> InputData:
        if name in self.sources:
            source = self.sources[name]
            snapshot = self.snapshot(name)
            return InputData(
                name=name, frame=source.frame(snapshot), digest=source_digest(source, snapshot), kind="source"
            )
        upstream = self.evaluate(name).computed.stored
        return InputData(name=name, frame=upstream.frame(), digest=upstream.record.digest.view, kind="view")

    def evaluate(self, name: str) -> Evaluated:
        """Return view `name` computed, or reused where it was computed before."""
        if name not in self._evaluated:
            prepared = self.prepare(name)
            shorter = self._planner(prepared) if self._planner and prepared.plan is not None else None
            computed = materialize_view(
                prepared.view,
                prepared.inputs,
                view_id=prepared.view_id,
                code_hash=prepared.fingerprint.code_hash,
                cache=self.cache,
                plan=prepared.plan if shorter is None else shorter,
                progress=self._progress,
            )
            self._evaluated[name] = Evaluated(prepared, computed)
        return self._evaluated[name]

    @property
    def prepared(self) -> dict[str, Prepared]:
        """The views prepared so far."""
        return dict(self._prepared)

    @property
    def evaluated(self) -> tuple[Evaluated, ...]:
        """The views evaluated so far, upstream first."""
        return tuple(self._evaluated.values())


def source_digest(source: Source, snapshot: Snapshot) -> str:
    """Return the digest of what a view sees of `source`: its data, and which columns are its times."""
    seen = "\n".join([snapshot.digest, source.event_time, source.available_at or "", source.settings.format or ""])
    return hashlib.sha256(seen.encode()).hexdigest()
