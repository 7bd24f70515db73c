"""Computing views of one tree of definitions over the sources: upstream first, each once."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from workbench.compute import InputData, build, materialize_view, refuse_doubtful, try_view
from workbench.define import contract_of
from workbench.drivers import is_drivers
from workbench.errors import SourceError, SourceMoved
from workbench.fingerprint import SourceCodes, code_hash, metadata_hash, parameters_of, view_id
from workbench.lazy import deferred
from workbench.pipeline.heard import heard
from workbench.pipeline.identities import source_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    import polars as pl

    from workbench.checks import StreamedCheck
    from workbench.compute import Computed, Progress, Replaced, Shortcut, StoredView, ViewCache
    from workbench.define import Contract, Definitions, FeatureView
    from workbench.fingerprint import Fingerprint
    from workbench.sources import Snapshot, Sources, SourceWarning
else:
    pl = deferred("polars")


Result = TypeVar("Result")

ATTEMPTS = 3
"""How often something is done where the sources change while they are read."""


def on_steady_sources(act: Callable[[], Result]) -> Result:
    """Return what `act` returns, done again from the beginning where a source changed meanwhile."""
    for _ in range(ATTEMPTS - 1):
        try:
            return act()
        except SourceMoved:
            continue
    return act()


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
    raised: str
    """What it raised in a worker, on all rows; what is computed here all the same is refused."""
    stored: StoredView | None = None
    """What was computed of it when it was prepared."""

    @property
    def digests(self) -> dict[str, str]:
        """The digest of each input's data."""
        return {data.name: data.digest for data in self.inputs}


@dataclass(frozen=True, slots=True)
class InputTimes:
    """The time columns of an input: when a row happened; and those that must all have come for it to be known.

    A static source has none of either: its rows are known always.
    """

    event_time: str | None
    known_since: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """All of them, each once."""
        return tuple(dict.fromkeys(filter(None, (self.event_time, *self.known_since))))


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A view and its computed data, and what was seen of the rows while they were written, where that was asked."""

    prepared: Prepared
    computed: Computed
    streamed: StreamedCheck | None = None


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where the rows of a view that is read come from: `evaluation` computes it, unless `data` stands in its place."""

    evaluation: Evaluation
    data: InputData | None = None


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
        compared on the same data. Where it has the same tree, what it knows of the code is known here.
    shortcut
        Gives a shorter way to the same data for a view that is to be computed, or None.
    replaced
        Computes in full what is stored, too, and is asked whether that is to be replaced.
    upstream
        Says where a view that is read comes from, where that is not what this tree defines under its name.
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
        shortcut: Callable[[Prepared], Shortcut | None] | None = None,
        replaced: Replaced | None = None,
        upstream: Callable[[str], Upstream] | None = None,
    ) -> None:
        self.definitions = definitions
        self.sources = sources
        self.cache = cache
        self._progress = progress
        self._offsets = dict(offsets or {})
        self._shortcut = shortcut
        self._replaced = replaced
        self._upstream = upstream
        self._codes: SourceCodes = SourceCodes() if beside is None else beside._codes
        self._fingerprints: dict[str, Fingerprint] = {}
        if beside is not None and (beside.definitions.package, beside._offsets) == (definitions.package, self._offsets):
            self._fingerprints = beside._fingerprints  # the same modules
        self.warnings: list[SourceWarning] = []
        self.heard: dict[str, dict[str, None]] = {}
        self._snapshots: dict[str, Snapshot] = {} if beside is None else beside._snapshots
        self._marks: dict[str, object] = {} if beside is None else beside._marks
        self._source_inputs: dict[str, InputData] = {}
        self._prepared: dict[str, Prepared] = {}
        self._evaluated: dict[str, Evaluated] = {}

    def snapshot(self, name: str) -> Snapshot:
        """Return the snapshot of source `name` that this evaluation reads."""
        if name not in self._snapshots:
            source = self.sources[name]
            self._snapshots[name] = source.snapshot()
            self.warnings.extend(source.check(self._snapshots[name]))
        return self._snapshots[name]

    def upstream(self, name: str) -> Upstream:
        """Return where the rows of the view `name` come from where another view reads it."""
        return Upstream(self) if self._upstream is None else self._upstream(name)

    def _require_inputs(self, name: str) -> None:
        """Refuse a view whose inputs, or theirs, are not there or read each other in a circle."""
        if self._upstream is None:
            self.definitions.order([name], self.sources.names())

    def times_of(self, data: InputData) -> InputTimes:
        """Return which columns of an input say when a row happened, and since when it is known."""
        if data.kind == "source":
            source = self.sources[data.name]
            return InputTimes(source.event_time, source.known_since)
        view = self.upstream(data.name).evaluation.definitions.view(data.name)
        return InputTimes(view.event_time, view.known_since)

    def renew(self) -> Evaluation:
        """Return an evaluation of the same definitions over the sources as they are now."""
        return Evaluation(
            self.definitions,
            self.sources,
            self.cache,
            offsets=self._offsets,
            progress=self._progress,
            shortcut=self._shortcut,
            replaced=self._replaced,
            upstream=self._upstream,
        )

    def confirm(self, view: FeatureView | None = None) -> None:
        """Raise where a source is not what it was when this evaluation took its snapshot."""
        for name in [name for name in self._marks if view is None or name in view.inputs]:
            try:
                self.sources[name].verify(self._snapshots[name], mark=self._marks[name])
            except SourceMoved:
                raise
            except SourceError as error:
                raise SourceMoved(error.message, lines=error.lines, remedy=error.remedy) from error

    def _confirm(self, prepared: Prepared) -> None:
        """Raise where what was computed must not be stored."""
        self.confirm(prepared.view)
        refuse_doubtful(prepared.view, prepared.raised)

    @contextmanager
    def _reading(self, view: FeatureView) -> Iterator[None]:
        """Blame the source, and not the view, where its data changes while it is read, or cannot be read."""
        try:
            yield
        except (SourceMoved, KeyboardInterrupt):
            raise
        except BaseException as error:
            try:
                self.confirm(view)
                if may_be_the_sources(error):
                    self._require_readable(view)
            except SourceError as source:
                raise source from error
            raise

    def _hearing(self, name: str) -> AbstractContextManager[None]:
        """Hear what the code of a view warns of; `heard` has it, by view, each sentence once."""
        return heard(self.heard.setdefault(name, {}), name, self.definitions, self._offsets)

    def _require_readable(self, view: FeatureView) -> None:
        for name in view.inputs:
            if name in self._marks:
                self.sources[name].require_readable(self._snapshots[name])

    def offset(self, view: str) -> int | None:
        """Return how many lines the file of `view` has before its cell's first; None where it comes from no cell."""
        return self._offsets.get(view)

    @property
    def snapshots(self) -> dict[str, Snapshot]:
        """The snapshots taken so far, by source."""
        return dict(self._snapshots)

    def prepare(self, name: str) -> Prepared:
        """Return view `name` with its identity, after computing what it is made from."""
        if name not in self._prepared:
            self._require_inputs(name)
            view = self.definitions.view(name)
            with self._reading(view), self._hearing(name):
                self._prepared[name] = self._prepare(view)
        return self._prepared[name]

    def identity(self, name: str) -> str | None:
        """Return the id that view `name` has or would get, computing nothing; `None` where its inputs are not there."""
        self._require_inputs(name)
        view = self.definitions.view(name)
        digests: dict[str, str] = {}
        for parameter in view.inputs:
            if parameter in self.sources:
                digests[parameter] = source_digest(self.sources[parameter], self.snapshot(parameter))
                continue
            read = self.upstream(parameter)
            if read.data is not None:
                digests[parameter] = read.data.digest
                continue
            upstream = read.evaluation.identity(parameter)
            stored = None if upstream is None else self.cache.get(upstream)
            if stored is None:
                return None
            digests[parameter] = stored.record.digest.exact
        return view_id(code_hash=self.fingerprint(name).code_hash, parameters=parameters_of(view), inputs=digests)

    def fingerprint(self, name: str) -> Fingerprint:
        """Return the fingerprint of the code of view `name`."""
        if name not in self._fingerprints:
            view = self.definitions.view(name)
            self._fingerprints[name] = code_hash(view, sources=self._codes, offset=self._offsets.get(name, 0))
        return self._fingerprints[name]

    def _prepare(self, view: FeatureView) -> Prepared:
        inputs = tuple(self._input(parameter) for parameter in view.inputs)
        fingerprint = self.fingerprint(view.name)
        parameters = parameters_of(view)
        identity = view_id(
            code_hash=fingerprint.code_hash,
            parameters=parameters,
            inputs={data.name: data.digest for data in inputs},
        )
        raised = try_view(self.definitions, view, inputs)
        stored = self.cache.get(identity)
        if stored is not None:
            refuse_doubtful(view, raised)
        return Prepared(
            view=view,
            contract=contract_of(view.model, view, sources=self._codes, offset=self._offsets.get(view.name, 0)),
            fingerprint=fingerprint,
            metadata_hash=metadata_hash(view),
            parameters=parameters,
            inputs=inputs,
            view_id=identity,
            plan=None if stored is not None else build(view, inputs),
            raised=raised,
            stored=stored,
        )

    def _input(self, name: str) -> InputData:
        if name in self.sources:
            if name not in self._source_inputs:
                self._source_inputs[name] = self._source_input(name)
            return self._source_inputs[name]
        read = self.upstream(name)
        if read.data is not None:
            return read.data
        return view_data(name, read.evaluation.evaluate(name).computed.stored)

    def _source_input(self, name: str) -> InputData:
        source, snapshot = self.sources[name], self.snapshot(name)
        if name not in self._marks:
            self._marks[name] = source.mark()
        return InputData(
            name=name,
            frame=source.frame(snapshot),
            digest=source_digest(source, snapshot),
            kind="source",
            parts=lambda: source.parts(snapshot),
        )

    def evaluate(self, name: str, *, checked: bool = False) -> Evaluated:
        """Return view `name` computed, or reused where it was computed before.

        Where it is to be `checked`, its rows are looked at while they are written.
        """
        if name not in self._evaluated:
            looked = name not in self._prepared  # this moment: later it may have been computed, or replaced
            prepared = self.prepare(name)
            with self._reading(prepared.view), self._hearing(name):
                streamed = self._streamed_check(prepared) if checked else None
                shorter = self._shortcut(prepared) if self._shortcut and prepared.plan is not None else None
                computed = materialize_view(
                    prepared.view,
                    prepared.inputs,
                    view_id=prepared.view_id,
                    code_hash=prepared.fingerprint.code_hash,
                    cache=self.cache,
                    known=prepared.stored if looked else None,
                    plan=prepared.plan,
                    shortcut=shorter,
                    replaced=self._replaced,
                    confirm=lambda: self._confirm(prepared),
                    observe=None if streamed is None else streamed.add,
                    progress=self._progress,
                )
            self._evaluated[name] = Evaluated(prepared, computed, streamed)
        return self._evaluated[name]

    def _streamed_check(self, prepared: Prepared) -> StreamedCheck | None:
        """Return the check of rows while they are written; None where they may be other rows than those stored."""
        if prepared.plan is None or self._replaced is not None:
            return None
        from workbench.checks import StreamedCheck

        return StreamedCheck.of(prepared.contract, prepared.view.model)

    @property
    def prepared(self) -> dict[str, Prepared]:
        """The views prepared so far."""
        return dict(self._prepared)

    @property
    def evaluated(self) -> tuple[Evaluated, ...]:
        """The views evaluated so far, upstream first."""
        return tuple(self._evaluated.values())


def may_be_the_sources(error: BaseException) -> bool:
    """Return whether `error`, raised where rows were read, may come from the rows, and not from what was asked."""
    kinds = (pl.exceptions.ColumnNotFoundError, pl.exceptions.InvalidOperationError, pl.exceptions.SchemaError)
    return any(is_drivers(each) and not isinstance(each, kinds) for each in (error, error.__cause__))


def view_data(name: str, stored: StoredView) -> InputData:
    """Return a computed view as the input of another."""
    return InputData(name=name, frame=stored.frame(), digest=stored.record.digest.exact, kind="view")
