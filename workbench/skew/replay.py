"""Answering logged reads again, as a training set does, and comparing.

Each read is answered by the version that answered then, from that version's data as it stands, for the instant that was
asked for. An on-demand view is computed again, from such answers and from the values of the request. Rows that became
known after that instant (`created`) are no candidates, so they are no skew.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import polars as pl

from workbench.dtypes import dtype_from_json
from workbench.equality import equal
from workbench.errors import FeatureNotFound, RegistryError, WorkbenchError
from workbench.online import replay_offline
from workbench.protocol import from_json, key_from_json
from workbench.registry import Registry, record_path
from workbench.skew.log import log_files
from workbench.skew.record import LoggedComputation, LoggedRead, LoggedView, decode_read
from workbench.skew.result import EXAMPLES, Cause, FeatureSkew, SkewExample, SkewReport, Uncompared
from workbench.store import (
    JoinedView,
    Reference,
    RegistryReader,
    Resolution,
    ResolvedFeature,
    joined_views,
    reading_lake,
    resolve_all,
)
from workbench.times import microseconds

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.define import Contract
    from workbench.registry import Version
    from workbench.store import ReadableView
    from workbench.workspace import Workspace

HISTORY = 10_000
"""Commits of a record that are looked at, to say what was published at a time."""

Value = tuple[Any, str]
"""A value and its status."""


class _Data(NamedTuple):
    """The data of a version of a stored view that answered."""

    view: str
    version: str
    delta_version: int | None
    digest: str | None


@dataclass(frozen=True, slots=True)
class _Read:
    """One view of one entity, as it was served; `data` is its own, or that of the stored views it was computed from."""

    entity: Mapping[str, object]
    instant: datetime
    requested: datetime
    values: Mapping[str, Value]
    data: tuple[_Data, ...]
    generation: int | None


@dataclass(slots=True)
class _Logged:
    """What the log has, newest first, by view and version."""

    reads: dict[tuple[str, str], list[_Read]] = field(default_factory=lambda: defaultdict(list))
    count: int = 0
    damaged: int = 0
    has_more: bool = False


def measure_skew(
    workspace: Workspace,
    view: str | None = None,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 100_000,
    folder: Path | None = None,
) -> SkewReport:
    """Return what of the logged reads a training set does not give."""
    place = folder or workspace.home / (workspace.config.serve.reads or "reads")
    reading = RegistryReader.of(workspace)
    wanted = None if view is None else Reference.parse(view)
    if wanted is not None:
        _require(wanted, reading.registry)
    logged = _collect(place, wanted, since, until, limit)
    features: list[FeatureSkew] = []
    uncompared: list[Uncompared] = []
    for (name, number), reads in sorted(logged.reads.items()):
        kind = _ComputedComparison if name in reading.registry.on_demand_views else _Comparison
        comparison = kind(workspace, reading, name, number)
        comparison.compare(reads)
        features += comparison.features()
        uncompared += [Uncompared(f"{name}@{number}", count, why) for why, count in comparison.left_out.items()]
    times = [read.requested for reads in logged.reads.values() for read in reads]
    return SkewReport(
        folder=str(place),
        reads=logged.count,
        first=min(times, default=None),
        last=max(times, default=None),
        features=tuple(features),
        uncompared=tuple(uncompared),
        damaged=logged.damaged,
        has_more=logged.has_more,
    )


def _require(wanted: Reference, registry: Registry) -> None:
    """Raise where no version of a view, or none with the feature, was ever published."""
    record = (registry.on_demand if wanted.view in registry.on_demand_views else registry.record)(wanted.view)
    features = {column.name for version in record.versions for column in version.contract.features}
    if wanted.feature is not None and wanted.feature not in features:
        raise FeatureNotFound.named(str(wanted), [f"{wanted.view}:{feature}" for feature in sorted(features)])


class _Comparison:
    """The reads of one version of a view, beside what a training set has."""

    def __init__(self, workspace: Workspace, reading: RegistryReader, view: str, number: str) -> None:
        self._workspace = workspace
        self._reading = reading
        self._view, self._number = view, number
        self._tallies: dict[str, _Tally] = {}
        self._published: dict[tuple[str, str], Sequence[tuple[datetime, str | None]]] = {}
        self.left_out: Counter[str] = Counter()

    def compare(self, reads: Sequence[_Read]) -> None:
        """Compare the reads; those that cannot be are counted with the reason."""
        contract = self._contract()
        if contract is None:
            self.left_out["The registry has no such version."] += len(reads)
            return
        known = [read for read in reads if read.instant <= read.requested]
        if len(known) < len(reads):
            self.left_out["The requests ask for a time that had not come yet."] += len(reads) - len(known)
        by_version: dict[tuple[_Data, ...], list[_Read]] = defaultdict(list)
        for read in known:
            by_version[tuple(each._replace(delta_version=None, digest=None) for each in read.data)].append(read)
        for data, each in by_version.items():
            try:
                right = self._answers(data, each)
            except WorkbenchError as error:
                self.left_out[error.message] += len(each)
            else:
                self._take(contract, each, right)

    def features(self) -> list[FeatureSkew]:
        """Return what was found of each feature."""
        label = f"{self._view}@{self._number}"
        return [tally.result(label, feature) for feature, tally in self._tallies.items()]

    def _contract(self) -> Contract | None:
        """Return what the version promises; None where the registry does not have it."""
        version = _version_of(self._reading.registry, self._view, self._number)
        return None if version is None else version.contract

    def _wanted(self, reading: RegistryReader, names: Iterable[str]) -> Resolution:
        """Return features of the version as `reading` has them."""
        version = _version_of(self._reading.registry, self._view, self._number)
        assert version is not None  # it has a contract  # noqa: S101
        view = reading.readable_version(self._view, version)
        part = JoinedView(view.label, None, tuple((entity, entity) for entity in view.entities), view)
        return Resolution(tuple(ResolvedFeature(part, name, name) for name in names))

    def _answers(self, data: Sequence[_Data], reads: Sequence[_Read]) -> list[dict[str, Value]]:
        """Return what a training set has for each read, from `data`, or from its version's as it stands."""
        reading = _ReplayReader(self._workspace, self._reading.registry, data)
        wanted = self._wanted(reading, dict.fromkeys(feature for read in reads for feature in read.values))
        asked = [([read.entity], microseconds(read.instant)) for read in reads]
        with reading_lake([part.view for part in joined_views(wanted.stored)]):
            found = replay_offline(wanted, reading, asked)
        right: list[dict[str, Value]] = []
        for answers in found:
            columns = ((column.name, answers.column(column)) for column in answers.plan.columns)
            right.append({name: (values[0], statuses[0]) for name, (values, statuses) in columns})
        return right

    def _take(self, contract: Contract, reads: Sequence[_Read], right: Sequence[Mapping[str, Value]]) -> None:
        differing = []
        for read, answer in zip(reads, right, strict=True):
            for feature, served in read.values.items():
                tally = self._tallies.setdefault(feature, _Tally(contract[feature].dtype))
                tally.compared += 1
                if not _same(contract, feature, served, answer[feature]):
                    differing.append((read, feature, answer[feature]))
        own = self._own([read for read, _, _ in differing])
        for read, feature, answered in differing:
            served = read.values[feature]
            cause: Cause
            if self._is_current(read):
                cause = "store"
            elif (there := own.get(id(read))) is None:
                cause = "unknown"
            elif not _same(contract, feature, served, there[feature]):
                cause = "store"
            else:
                cause = "behind" if self._was_behind(read) else "later"
            self._tallies[feature].differ(read, served, answered, cause)

    def _is_current(self, read: _Read) -> bool:
        """Whether the versions that answered have the same data still."""
        versions = ((each, _version_of(self._reading.registry, each.view, each.version)) for each in read.data)
        return all(version is not None and version.data_digest == each.digest for each, version in versions)

    def _own(self, reads: Sequence[_Read]) -> dict[int, Mapping[str, Value]]:
        """Return what the data that answered gives for each read whose versions have other data now."""
        found: dict[int, Mapping[str, Value]] = {}
        by_data: dict[tuple[_Data, ...], dict[int, _Read]] = defaultdict(dict)
        for read in reads:
            if not self._is_current(read) and all(None not in each for each in read.data):
                by_data[read.data][id(read)] = read
        for data, each in by_data.items():
            try:
                answers = self._answers(data, list(each.values()))
            except WorkbenchError:  # removed from the lake
                continue
            found |= dict(zip(each, answers, strict=True))
        return found

    def _was_behind(self, read: _Read) -> bool:
        """Whether other data than what answered was published when it did."""
        return any(self._had_other(each, read.requested) for each in read.data)

    def _had_other(self, data: _Data, requested: datetime) -> bool:
        for time, digest in self._history_of(data.view, data.version):
            if time + timedelta(seconds=1) <= requested:  # git's times are whole seconds
                return digest is not None and digest != data.digest
        return False

    def _history_of(self, view: str, number: str) -> Sequence[tuple[datetime, str | None]]:
        """Return since when a version had which data, newest first."""
        if (view, number) not in self._published:
            repository, found = self._workspace.repository, []
            for commit in repository.history(self._reading.commit, path=record_path(view), limit=HISTORY):
                try:
                    version = _version_of(Registry(repository, commit.id), view, number)
                except RegistryError:
                    continue
                found.append((commit.time, None if version is None else version.data_digest))
            self._published[view, number] = found
        return self._published[view, number]


class _ComputedComparison(_Comparison):
    """The reads of one version of an on-demand view, computed again by its function, as for a training set."""

    def _contract(self) -> Contract | None:
        try:
            return self._reading.registry.on_demand(self._view).version(self._number).contract
        except FeatureNotFound:
            return None

    def _wanted(self, reading: RegistryReader, names: Iterable[str]) -> Resolution:
        return resolve_all([Reference(self._view, self._number, name) for name in names], reading, full_names=False)


class _ReplayReader(RegistryReader):
    """What is published, with other data for some versions of views.

    Parameters
    ----------
    data
        The version that is read of a view and major version, and where it is given, its data.
    """

    def __init__(self, workspace: Workspace, registry: Registry, data: Sequence[_Data]) -> None:
        super().__init__(workspace, registry)
        self._data = {(each.view, each.version.partition(".")[0]): each for each in data}

    def readable_version(self, name: str, version: Version) -> ReadableView:
        """Return a version of view `name` as it is read."""
        answered = self._data.get((name, str(version.major)))
        if answered is not None:
            version = _version_of(self.registry, name, answered.version) or version
            if answered.delta_version is not None and answered.digest is not None:
                version = replace(version, delta_version=answered.delta_version, data_digest=answered.digest)
        return super().readable_version(name, version)


class _Tally:
    """What is found of one feature."""

    def __init__(self, dtype: pl.DataType) -> None:
        self._is_number = dtype.is_numeric()
        self.compared = 0
        self._causes: Counter[Cause] = Counter()
        self._gaps: list[float] = []
        self._examples: list[SkewExample] = []

    def differ(self, read: _Read, served: Value, right: Value, cause: Cause) -> None:
        self._causes[cause] += 1
        if self._is_number and served[0] is not None and right[0] is not None:
            gap = abs(float(served[0] - right[0]))
            if math.isfinite(gap):
                self._gaps.append(gap)
        if len(self._examples) < EXAMPLES:
            self._examples.append(SkewExample(read.entity, read.instant, *served, *right, cause, read.generation))

    def result(self, view: str, feature: str) -> FeatureSkew:
        return FeatureSkew(
            view=view,
            feature=feature,
            compared=self.compared,
            mismatches=self._causes.total(),
            causes=dict(self._causes),
            mean_difference=math.fsum(self._gaps) / len(self._gaps) if self._gaps else None,
            max_difference=max(self._gaps, default=None),
            examples=tuple(self._examples),
        )


def _same(contract: Contract, feature: str, served: Value, right: Value) -> bool:
    column = contract[feature]
    status = "present" if served[1] == "stale" else served[1]
    return status == right[1] and equal(served[0], right[0], column.dtype, tolerance=column.tolerance)


def _version_of(registry: Registry, view: str, number: str) -> Version | None:
    try:
        record = registry.record(view)
    except FeatureNotFound:
        return None
    return next((version for version in record.versions if version.number == number), None)


def _collect(
    folder: Path, wanted: Reference | None, since: datetime | None, until: datetime | None, limit: int
) -> _Logged:
    logged = _Logged()
    for line in _lines(folder, since):
        try:
            read = decode_read(line)
            if (since is not None and read.requested < since) or (until is not None and read.requested >= until):
                continue
            for name, each in _reads_of(read, wanted):
                if logged.count == limit:
                    logged.has_more = True
                    return logged
                logged.reads[name].append(each)
                logged.count += 1
        except (msgspec.MsgspecError, ArithmeticError, LookupError, TypeError, ValueError, WorkbenchError):
            logged.damaged += 1
    return logged


def _lines(folder: Path, since: datetime | None) -> Iterator[bytes]:
    """Yield the lines of the log, newest first."""
    for path in log_files(folder):
        if since is not None and path.parent.name < f"{since - timedelta(days=1):%Y-%m-%d}":  # begun before midnight
            return
        try:
            lines = path.read_bytes().splitlines()
        except FileNotFoundError:  # swept
            continue
        yield from reversed(lines)


def _reads_of(read: LoggedRead, wanted: Reference | None) -> Iterator[tuple[tuple[str, str], _Read]]:
    """Yield each view and version of a read, with what was served of each entity."""
    kinds = {name: dtype_from_json(dtype) for name, dtype in read.answer.keys.items()}
    views: dict[str, LoggedView | LoggedComputation] = {**read.views, **read.computed}
    for name, logged in views.items():
        version = logged.version
        if version is None or not _is_wanted(wanted, logged.view, version):
            continue
        columns = _columns_of(read, name, None if wanted is None else wanted.feature)
        if not columns:
            continue
        inputs = (logged,) if isinstance(logged, LoggedView) else logged.inputs
        given = dict.fromkeys(pair for each in inputs for pair in each.keys)
        if isinstance(logged, LoggedComputation):
            given |= dict.fromkeys((field, field) for field in logged.request)
        converts = [(entity, column, key_from_json(kinds[column], texts=True)) for entity, column in given]
        data = tuple(_Data(each.view, each.version or "", each.delta_version, each.data_digest) for each in inputs)
        for place, row in enumerate(read.entities):
            entity = {
                entity: row[column] if convert is None or row[column] is None else convert(row[column])
                for entity, column, convert in converts
            }
            values = {feature: (each[place], statuses[place]) for feature, each, statuses in columns}
            generation = read.answer.views[name].generation
            yield (
                (logged.view, version),
                _Read(entity, read.answer.instant, read.requested, values, data, generation),
            )


def _columns_of(read: LoggedRead, view: str, feature: str | None) -> list[tuple[str, Sequence[Any], Sequence[str]]]:
    """Return the features of a view in a read, with their values as they were served, and their statuses."""
    found = []
    for column, answer in read.answer.features.items():
        name = read.columns.get(column)
        if name is None or answer.view != view or feature not in (None, name):
            continue
        convert = from_json(dtype_from_json(answer.dtype))
        values = answer.values if convert is None else [convert(value) for value in answer.values]
        found.append((name, values, answer.statuses or []))
    return found


def _is_wanted(wanted: Reference | None, view: str, version: str) -> bool:
    if wanted is None:
        return True
    return view == wanted.view and (wanted.version is None or f"{version}.".startswith(f"{wanted.version}."))
