"""`reproduce`: build a view or a training set again from its commit and its data, and compare."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from workbench.compute import ViewCache, digest_frame, versions
from workbench.define import load_tree
from workbench.errors import BranchError, SourceError, UsageError
from workbench.memory import scratch_folder
from workbench.pipeline import Evaluation, on_steady_sources
from workbench.records import to_plain
from workbench.render import Report, Reported, Table, format_elapsed
from workbench.reproduce.differences import RowDifferences, differences
from workbench.store import (
    BranchReader,
    RegistryReader,
    SavedTrainingSet,
    Spine,
    find_record,
    in_order,
    join_features,
    joined_views,
    reading_lake,
)
from workbench.tracking import RecordedView

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from workbench.define import Definitions
    from workbench.sources import Snapshot, Sources
    from workbench.store import ReadableView, SourceView, ViewReader
    from workbench.workspace import Workspace

Verdict = Literal["identical", "same", "within tolerance", "different", "not comparable"]
SAYS: Mapping[str, str] = {
    "identical": "identical",
    "same": "equal except for the last digits of floats",
    "within tolerance": "equal within the declared tolerance",
    "different": "different",
    "not comparable": "computed, but the original is missing, so it was not compared",
}


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that is not what it was: `kind` is ``code``, ``data`` or ``library``."""

    kind: Literal["code", "data", "library"]
    name: str
    detail: str


@dataclass(frozen=True, slots=True)
class Reproduction(Reported):
    """A view or training set that was built again.

    Parameters
    ----------
    name, kind
        The view or training set.
    identity
        Its view id, or the digest of the training set's data.
    branch, commit
        The definitions it was built from, then and now.
    verdict
        ``identical`` (to the bit), ``same`` (but for the last digits of floats), ``within tolerance``, ``different``,
        or ``not comparable`` where what was computed then is gone.
    rows_then, rows_now
        Rows; None where that is not known any more.
    differences
        Rows and values that differ; None where the digests say all there is to say.
    causes
        What changed since: code, data, library versions. There may be some though all values are the same.
    seconds
        How long it took.
    """

    name: str
    kind: Literal["view", "training set"]
    identity: str
    branch: str
    commit: str
    verdict: Verdict
    rows_then: int | None
    rows_now: int
    differences: RowDifferences | None
    causes: tuple[Cause, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether the same values came out, within tolerance."""
        return self.verdict in {"identical", "same", "within tolerance"}

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values."""
        found = self.differences
        return {
            "name": self.name,
            "kind": self.kind,
            "identity": self.identity,
            "branch": self.branch,
            "commit": self.commit,
            "verdict": self.verdict,
            "passed": self.passed,
            "rows_then": self.rows_then,
            "rows_now": self.rows_now,
            "added": found.added if found else 0,
            "removed": found.removed if found else 0,
            "columns": to_plain(found.columns) if found else [],
            "causes": to_plain(self.causes),
            "seconds": self.seconds,
        }

    def report(self) -> Report:
        """Return the verdict, what differs and why."""
        found = self.differences
        values = tuple((c.column, c.rows, c.largest, c.tolerance) for c in found.columns) if found else ()
        causes = tuple((cause.kind, cause.name, cause.detail) for cause in self.causes)
        moved = f"{found.added:,} rows more, {found.removed:,} rows fewer" if found else None
        return Report(
            f"{self.kind} {self.name}: {SAYS[self.verdict]}",
            facts=(
                ("built from", f"{self.branch} at {self.commit[:10]}, in {format_elapsed(self.seconds)}"),
                ("identity", self.identity[:16]),
                ("rows then, now", f"{'unknown' if self.rows_then is None else self.rows_then}, {self.rows_now}"),
                *((("rows", moved),) if found and (found.added or found.removed) else ()),
            ),
            tables=(
                *(
                    (Table("Values", ("column", "rows that differ", "at most by", "tolerance"), values),)
                    if values
                    else ()
                ),
                *((Table("What changed since", ("what", "name", "how"), causes),) if causes else ()),
            ),
            notes=()
            if causes or self.passed
            else ("Code, data and libraries are unchanged: the definition is not deterministic.",),
        )


def reproduce(workspace: Workspace, what: str) -> Reproduction:
    """Build again what was recorded under `what`, from its commit and its data, in a cache of its own, and compare.

    Every byte of the sources is read again. Where the recorded data cannot be read any more, today's is taken, and the
    result says so.
    """
    started = time.monotonic()
    then = find_record(workspace, what)
    with scratch_folder("reproduce") as place:
        if isinstance(then, SavedTrainingSet):
            return on_steady_sources(lambda: _training_set(workspace, then, place, started))
        return on_steady_sources(lambda: _view(workspace, then, place, started))


def _view(workspace: Workspace, then: RecordedView, scratch: Path, started: float) -> Reproduction:
    reading, causes = _reading(workspace, then, [then.view], scratch)
    evaluated = reading.evaluate(then.view)
    now, old = evaluated.computed.stored, workspace.cache.get(then.view_id)
    if then.code_hash and evaluated.prepared.fingerprint.code_hash != then.code_hash:
        causes.append(_code(then.view, then.commit))
    inputs = {data.name: data for data in evaluated.prepared.inputs}
    moved = [name for name, digest in then.inputs.items() if name not in inputs or inputs[name].digest != digest]
    named = {cause.name for cause in causes}
    causes += [Cause("data", name, "its data changed since it was read") for name in moved if name not in named]
    causes += _libraries(then.versions or (old.record.versions if old else {}))
    found: RowDifferences | None = None
    verdict: Verdict = "not comparable"
    if now.record.digest.exact == (old.record.digest.exact if old else then.data_digest):
        verdict = "identical"
    elif old is not None:
        tolerances = {column.name: column.tolerance for column in evaluated.prepared.contract.features}
        view = evaluated.prepared.view
        keys = [*view.entities, *view.known_since]
        verdict, found = _compare_rows(old.frame().collect(), now.frame().collect(), keys=keys, tolerances=tolerances)
    elif then.rounded_digest:
        verdict = "same" if now.record.digest.rounded == then.rounded_digest else "different"
    return Reproduction(
        name=then.view,
        kind="view",
        identity=then.view_id,
        branch=then.branch,
        commit=then.commit,
        verdict=verdict,
        rows_then=None if old is None else old.record.rows,
        rows_now=now.record.rows,
        differences=found,
        causes=tuple(causes),
        seconds=time.monotonic() - started,
    )


def _training_set(workspace: Workspace, then: SavedTrainingSet, scratch: Path, started: float) -> Reproduction:
    old = then.frame
    reading, causes = _reading_of(workspace, then, scratch)
    if in_order(old).exact != then.data_digest:
        causes.append(Cause("data", then.name, f"{then.path.name} was changed since it was saved"))
    spine = Spine(old.select(then.spine_columns), then.ledger.assumed)
    built = join_features(reading, spine, then.question, minimum=then.ledger.minimum_match)
    now = {joined.label: joined.view for joined in joined_views(built.wanted)}
    causes += [cause for view in then.views for cause in _find_causes(view, now.get(view.label), then)]
    causes += _libraries(then.versions)
    tolerances = {item.column: item.joined.view.contract[item.feature].tolerance for item in built.wanted}
    found: RowDifferences | None = None
    verdict: Verdict
    if in_order(built.frame).exact in {then.data_digest, in_order(old).exact}:
        verdict = "identical"
    else:
        verdict, found = _compare_rows(old, built.frame, keys=(), tolerances=tolerances)
    return Reproduction(
        name=then.name,
        kind="training set",
        identity=then.data_digest,
        branch=then.branch,
        commit=then.commit,
        verdict=verdict,
        rows_then=then.ledger.rows_out,
        rows_now=built.frame.height,
        differences=found,
        causes=tuple(causes),
        seconds=time.monotonic() - started,
    )


def _compare_rows(
    old: pl.DataFrame, new: pl.DataFrame, *, keys: Sequence[str], tolerances: Mapping[str, float | None]
) -> tuple[Verdict, RowDifferences | None]:
    """Return what to say of rows whose digests differ, and how they do."""
    found = differences(old, new, keys=keys, tolerances=tolerances)
    if not found.none:
        return "different", found
    if differences(old, new, keys=keys, tolerances={}).none:
        return "same", None
    return "within tolerance", found


def _find_causes(then: SourceView, now: ReadableView | None, saved: SavedTrainingSet) -> list[Cause]:
    """Return what is not as it was of one view that was joined."""
    if now is None:
        return [Cause("code", then.label, f"the reference resolves to another version at {saved.commit[:10]}")]
    if now.version is not None:
        return _rewritten(then, now)
    found = [_code(then.view, saved.commit)] if now.data.code_hash != then.code_hash else []
    if now.data.data_digest != then.data_digest:
        found.append(Cause("data", then.view, "the view's values differ from those that were joined"))
    return found


def _rewritten(then: SourceView, now: ReadableView) -> list[Cause]:
    """Return what is not as it was of a published version: its record, or, read to the last byte, its data."""
    if (now.data.view_id, now.data.delta_version) != (then.view_id, then.delta_version):
        return [Cause("data", then.label, "its record does not name the data that was joined")]
    with reading_lake([now]):
        digest = digest_frame(now.data.frame, keys=now.keys)
    if digest.exact != then.data_digest:
        return [Cause("data", then.label, "its rows in the lake differ from those that were published")]
    return []


def _reading_of(workspace: Workspace, then: SavedTrainingSet, scratch: Path) -> tuple[ViewReader, list[Cause]]:
    """Return a reading as the training set was read: what was published then, or the branch over its recorded data."""
    ledger = then.ledger
    registry = None if ledger.registry is None else _commit(workspace, ledger.registry, workspace.trunk)
    if registry is not None and ledger.registry == then.commit and all(view.version for view in then.views):
        return RegistryReader.of(workspace, registry, release=ledger.release, as_it_was=True), []
    own = [view.view for view in then.views if view.version is None]
    return _reading(workspace, then, own, scratch, registry=registry)


def _commit(workspace: Workspace, commit: str, branch: str) -> str:
    try:
        return workspace.repository.resolve(commit)
    except BranchError:
        raise UsageError(
            f"Commit {commit[:10]} of {branch!r} is no longer in this repository.",
            remedy="Fetch it, or restore the branch: git keeps deleted commits for some weeks (git reflog).",
        ) from None


def _reading(
    workspace: Workspace,
    then: RecordedView | SavedTrainingSet,
    views: Sequence[str],
    scratch: Path,
    *,
    registry: str | None = None,
) -> tuple[BranchReader, list[Cause]]:
    """Return a reading of the commit, over the recorded data as far as it can be had, and what is not as it was."""
    commit = _commit(workspace, then.commit, then.branch)
    definitions = load_tree(workspace.repository, commit, cache=workspace.hidden)
    known = then.snapshots if isinstance(then, SavedTrainingSet) else workspace.journal.snapshots(then)
    taken: dict[str, Snapshot] = {}
    causes: list[Cause] = []
    for name in _sources(workspace, definitions, views):
        now, old = workspace.sources[name].snapshot(recheck=True), known.get(name)
        taken[name] = now
        if old is None or old.digest == now.digest:
            continue
        try:
            workspace.sources[name].verify(old)
        except SourceError:
            detail = f"was {old.digest[:10]}, taken {old.taken_at:%Y-%m-%d %H:%M} UTC; is {now.digest[:10]} now"
            causes.append(Cause("data", name, detail))
        else:
            taken[name] = old
    evaluation = _Pinned(definitions, workspace.sources, ViewCache(scratch), taken)
    return BranchReader(workspace, then.branch, commit, evaluation, registry=registry), causes


class _Pinned(Evaluation):
    """An evaluation that reads given snapshots, rather than the sources as they are now."""

    def __init__(
        self, definitions: Definitions, sources: Sources, cache: ViewCache, snapshots: Mapping[str, Snapshot]
    ) -> None:
        super().__init__(definitions, sources, cache)
        self._given = snapshots
        self._snapshots.update(snapshots)

    def renew(self) -> Evaluation:
        return _Pinned(self.definitions, self.sources, self.cache, self._given)


def _sources(workspace: Workspace, definitions: Definitions, views: Sequence[str]) -> list[str]:
    """Return the sources behind `views`."""
    order = definitions.order(views, workspace.sources.names())
    return sorted({name for view in order for name in definitions.view(view).inputs if name in workspace.sources})


def _code(view: str, commit: str) -> Cause:
    return Cause("code", view, f"the code at {commit[:10]} does not have the recorded fingerprint")


def _libraries(then: Mapping[str, str]) -> list[Cause]:
    now = versions()
    return [
        Cause("library", name, f"{version} then, {now.get(name, 'absent')} now")
        for name, version in then.items()
        if now.get(name) != version
    ]
