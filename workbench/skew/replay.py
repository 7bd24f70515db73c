"""Answering logged reads again, as a training set does, and comparing.

Each read is answered by the version that answered then, from that version's data as it stands, for the instant that was
asked for. Rows that became known after that instant (`created`) are no candidates, so they are no skew.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl

from workbench.dtypes import dtype_from_json
from workbench.equality import equal
from workbench.errors import FeatureNotFound, RegistryError, WorkbenchError
from workbench.online import replay_offline
from workbench.protocol import from_json, key_from_json
from workbench.registry import Registry, record_path
from workbench.skew.log import log_files
from workbench.skew.record import LoggedRead, decode_read
from workbench.skew.result import EXAMPLES, Cause, FeatureSkew, SkewExample, SkewReport, Uncompared
from workbench.store import JoinedView, Reference, RegistryReader, ResolvedFeature, reading_lake
from workbench.times import microseconds

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.registry import Version
    from workbench.workspace import Workspace

HISTORY = 10_000
"""Commits of a record that are looked at, to say what was published at a time."""

COMPUTED = "It is computed from stored features, which are compared where they were asked for, and from the request."

Value = tuple[Any, str]
"""A value and its status."""


@dataclass(frozen=True, slots=True)
class _Read:
    """One view of one entity, as it was served."""

    entity: Mapping[str, object]
    instant: datetime
    requested: datetime
    values: Mapping[str, Value]
    digest: str | None
    delta_version: int | None
    generation: int | None


@dataclass(slots=True)
class _Logged:
    """What the log has, newest first, by view and version."""

    reads: dict[tuple[str, str], list[_Read]] = field(default_factory=lambda: defaultdict(list))
    computed: Counter[tuple[str, str]] = field(default_factory=Counter)
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
        comparison = _Comparison(workspace, reading, name, number)
        comparison.compare(reads)
        features += comparison.features()
        uncompared += [Uncompared(f"{name}@{number}", count, why) for why, count in comparison.left_out.items()]
    uncompared += [Uncompared(f"{name}@{number}", count, COMPUTED) for (name, number), count in logged.computed.items()]
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
    features = {
        column.name for version in registry.record(wanted.view).versions for column in version.contract.features
    }
    if wanted.feature is not None and wanted.feature not in features:
        raise FeatureNotFound.named(str(wanted), [f"{wanted.view}:{feature}" for feature in sorted(features)])


class _Comparison:
    """The reads of one version of a view, beside what a training set has."""

    def __init__(self, workspace: Workspace, reading: RegistryReader, view: str, number: str) -> None:
        self._workspace = workspace
        self._reading = reading
        self._view, self._number = view, number
        self._tallies: dict[str, _Tally] = {}
        self.left_out: Counter[str] = Counter()

    def compare(self, reads: Sequence[_Read]) -> None:
        """Compare the reads; those that cannot be are counted with the reason."""
        version = _version_of(self._reading.registry, self._view, self._number)
        if version is None:
            self.left_out["The registry has no such version."] += len(reads)
            return
        known = [read for read in reads if read.instant <= read.requested]
        if len(known) < len(reads):
            self.left_out["The requests ask for a time that had not come yet."] += len(reads) - len(known)
        if not known:
            return
        try:
            right = self._replayed(version, known)
        except WorkbenchError as error:
            self.left_out[error.message] += len(known)
            return
        self._take(version, known, right)

    def features(self) -> list[FeatureSkew]:
        """Return what was found of each feature."""
        label = f"{self._view}@{self._number}"
        return [tally.result(label, feature) for feature, tally in self._tallies.items()]

    def _take(self, version: Version, reads: Sequence[_Read], right: Sequence[Mapping[str, Value]]) -> None:
        differing = []
        for read, answer in zip(reads, right, strict=True):
            for feature, served in read.values.items():
                tally = self._tallies.setdefault(feature, _Tally(version.contract[feature].dtype))
                tally.compared += 1
                if not _same(version, feature, served, answer[feature]):
                    differing.append((read, feature, answer[feature]))
        own = self._own(version, [read for read, _, _ in differing])
        for read, feature, answered in differing:
            served = read.values[feature]
            cause: Cause
            if read.digest == version.data_digest:
                cause = "store"
            elif (there := own.get(id(read))) is None:
                cause = "unknown"
            elif not _same(version, feature, served, there[feature]):
                cause = "store"
            else:
                cause = "behind" if self._was_behind(read) else "later"
            self._tallies[feature].differ(read, served, answered, cause)

    def _own(self, version: Version, reads: Sequence[_Read]) -> dict[int, Mapping[str, Value]]:
        """Return what the data that answered gives for each read whose version has other data now."""
        found: dict[int, Mapping[str, Value]] = {}
        by_data: dict[tuple[int | None, str | None], dict[int, _Read]] = defaultdict(dict)
        for read in reads:
            if read.digest != version.data_digest:
                by_data[read.delta_version, read.digest][id(read)] = read
        for (delta_version, digest), each in by_data.items():
            if delta_version is None or digest is None:
                continue
            before = replace(version, delta_version=delta_version, data_digest=digest)
            try:
                answers = self._replayed(before, list(each.values()))
            except WorkbenchError:  # removed from the lake
                continue
            found |= dict(zip(each, answers, strict=True))
        return found

    def _replayed(self, version: Version, reads: Sequence[_Read]) -> list[dict[str, Value]]:
        view = self._reading.readable_version(self._view, version)
        part = JoinedView(view.label, None, tuple((entity, entity) for entity in view.entities), view)
        names = dict.fromkeys(feature for read in reads for feature in read.values)
        wanted = [ResolvedFeature(part, name, name) for name in names]
        asked = [([read.entity], microseconds(read.instant)) for read in reads]
        with reading_lake([view]):
            found = replay_offline(wanted, self._reading, asked)
        right: list[dict[str, Value]] = []
        for answers in found:
            columns = ((column.name, answers.column(column)) for column in answers.plan.columns)
            right.append({name: (values[0], statuses[0]) for name, (values, statuses) in columns})
        return right

    def _was_behind(self, read: _Read) -> bool:
        """Whether other data than what answered was published when it did."""
        for time, digest in self._published:
            if time + timedelta(seconds=1) <= read.requested:  # git's times are whole seconds
                return digest is not None and digest != read.digest
        return False

    @cached_property
    def _published(self) -> Sequence[tuple[datetime, str | None]]:
        """Since when the version had which data, newest first."""
        repository, found = self._workspace.repository, []
        for commit in repository.history(self._reading.commit, path=record_path(self._view), limit=HISTORY):
            try:
                version = _version_of(Registry(repository, commit.id), self._view, self._number)
            except RegistryError:
                continue
            found.append((commit.time, None if version is None else version.data_digest))
        return found


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


def _same(version: Version, feature: str, served: Value, right: Value) -> bool:
    column = version.contract[feature]
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
            for shown, answer in read.answer.views.items():
                if shown not in read.views and answer.version and _is_wanted(wanted, shown, answer.version):
                    logged.computed[shown, answer.version] += len(read.entities)
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
    keys = {name: dtype_from_json(dtype) for name, dtype in read.answer.keys.items()}
    for name, logged in read.views.items():
        answered = read.answer.views[name]
        version = answered.version
        if version is None or not _is_wanted(wanted, logged.view, version):
            continue
        columns = _columns_of(read, name, None if wanted is None else wanted.feature)
        if not columns:
            continue
        converts = [(entity, column, key_from_json(keys[column], texts=True)) for entity, column in logged.keys]
        for place, given in enumerate(read.entities):
            entity = {
                entity: given[column] if convert is None or given[column] is None else convert(given[column])
                for entity, column, convert in converts
            }
            values = {feature: (each[place], statuses[place]) for feature, each, statuses in columns}
            yield (
                (logged.view, version),
                _Read(
                    entity, read.answer.instant, read.requested, values,
                    logged.data_digest, logged.delta_version, answered.generation,
                ),
            )  # fmt: skip


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
