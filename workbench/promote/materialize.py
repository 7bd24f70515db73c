"""`materialize`: published views up to date with new source data. One commit on main, after all data is in the lake."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from workbench.errors import (
    FeatureNotFound,
    LakeDataMissing,
    LakeError,
    ProjectError,
    PromotionError,
    RegistryError,
    SourceMoved,
    UsageError,
    WorkbenchError,
)
from workbench.lake import LakeWriter
from workbench.pipeline import (
    VersionEvaluation,
    cached_check,
    cached_row_count,
    difference,
    on_steady_sources,
    replaced,
    wrong_rows,
)
from workbench.promote.after_publish import CAUGHT_UP, LEFT, announce
from workbench.promote.incremental import Refresh, plan_refresh, remember, sketches_of
from workbench.promote.new_data import Change, DataFinding, lost_rows, moved_values
from workbench.promote.pins import superseded
from workbench.promote.policy import require_permission
from workbench.promote.publish import write_rows
from workbench.promote.samples import Published, Samples
from workbench.promote.trunk import TrunkWriter, in_line
from workbench.registry import Behind, Frozen, InputRecord, VersionNumber, record_path
from workbench.render import Mark, Report, Reported, Table, format_elapsed
from workbench.sources import Sources
from workbench.store import main_config

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from workbench.compute import Amendment, Progress, Shortcut
    from workbench.pipeline import Evaluated, Prepared, VersionKey
    from workbench.registry import Record, Registry, Version
    from workbench.render import Tone
    from workbench.workspace import Workspace

MATERIALIZED, FROZEN = "Materialized", "Frozen"
State = Literal["updated", "current", "rebuilt", "left", "held", "frozen"]
UNCHANGED = "its sources did not change"
CONSEQUENCE = ", which it reads, was not updated"
_TONES: tuple[Tone, ...] = ("good", "warn", "bad")


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The outcome for one published version.

    Attributes
    ----------
    view, number
        The version.
    state
        ``updated``, ``current``, ``left`` with the data that it had, ``held`` at data that it was rolled back to, or
        ``frozen`` where its sources moved, a newer major version serves and nothing reads or pins this one;
        ``rebuilt`` where its rows lie in a lake that cannot be read here: they were computed again as they were
        published, for this machine alone.
    how
        What was computed, or why nothing was published.
    before, after
        Its rows.
    seconds
        How long it took.
    warnings
        What is odd about data that was published.
    not_judged
        Of which features it cannot be told whether their new values are odd, and why.
    acceptable
        Whether new data is there that is published where somebody accepts the view by name.
    is_local
        Whether this concerns this machine alone: the rows lie in a lake that cannot be read here, and main is not told.
    """

    view: str
    number: str
    state: State
    how: str
    before: int
    after: int
    seconds: float
    warnings: tuple[str, ...] = ()
    not_judged: tuple[str, ...] = ()
    acceptable: bool = False
    is_local: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as JSON-ready values."""
        return {
            "view": self.view,
            "version": self.number,
            "state": self.state,
            "how": self.how,
            "rows_before": self.before,
            "rows_after": self.after,
            "seconds": round(self.seconds, 3),
            "warnings": list(self.warnings),
            "not_judged": list(self.not_judged),
        }

    @property
    def tone(self) -> Tone:
        """How good that is."""
        return "bad" if self.state == "left" else "warn" if self.state == "held" or self.warnings else "good"


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of a version: its state, how or why, the version as it is now, and what is odd about its data.

    What `is_local` concerns this machine alone, and main is not told.
    """

    state: State
    how: str
    version: Version | None = None
    warnings: tuple[str, ...] = ()
    not_judged: tuple[str, ...] = ()
    acceptable: bool = False
    is_local: bool = False


@dataclass(frozen=True, slots=True)
class Materialized(Reported):
    """What `materialize` did, version by version.

    Attributes
    ----------
    views
        One entry a version that was asked for, by view and number.
    commit
        Main's; None where nothing had to change.
    seconds
        How long it took.
    besides
        Versions that these read, which were not asked for: computed where their data moved, but not published.
    unshared
        Why others' data cannot be read here; None where the lake may well be shared.
    """

    views: tuple[Refreshed, ...]
    commit: str | None
    seconds: float
    besides: tuple[Refreshed, ...] = ()
    unshared: str | None = None

    @property
    def passed(self) -> bool:
        """Whether no version was left behind."""
        return all(view.state != "left" for view in self.views)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values."""
        return {
            "passed": self.passed,
            "commit": self.commit,
            "seconds": round(self.seconds, 3),
            "views": [view.to_dict() for view in self.views],
            "besides": [view.to_dict() for view in self.besides],
        }

    def report(self) -> Report:
        """Return one line a version."""
        rows = tuple(
            (v.view, v.number, Mark(v.state, v.tone), v.how, v.before, v.after, format_elapsed(v.seconds))
            for v in self.views
        )
        columns = ("view", "version", "is", "how", "rows before", "rows now", "took")
        return Report(
            self._title(),
            facts=((("commit", f"{self.commit[:10]} on main"),) if self.commit else ()),
            tables=(Table("", columns, rows),) if rows else (),
            notes=self._notes() if rows else ("Nothing is published yet.",),
            tone=max((view.tone for view in self.views), key=_TONES.index, default="good"),
        )

    def _title(self) -> str:
        """Return the worst first: what was left, held, or looks odd; "Up to date" is said of nothing else."""
        done = sum(view.state == "updated" for view in self.views)
        left = [view for view in self.views if view.state == "left"]
        held = [view for view in self.views if view.state == "held"]
        odd = [view for view in self.views if view.warnings]
        said = [f"{done} of {len(self.views)} published versions brought up to date"] if done else []
        rebuilt = [f"{view.view} {view.number}" for view in self.views if view.state == "rebuilt"]
        said += [f"{', '.join(rebuilt)} computed again for this machine"] if rebuilt else []
        said = [f"{view.view} {view.number}: {view.warnings[0]}" for view in odd[:1]] + said
        said = [f"{view.view} {view.number} {view.how}" for view in held[:1]] + said
        frozen = sum(view.state == "frozen" for view in self.views)
        said += ([] if said or left else ["Up to date"]) + [f"{frozen} superseded and not refreshed"] if frozen else []
        if left:
            first = min(left, key=lambda view: view.how.endswith(CONSEQUENCE))
            also = f", and {len(left) - 1} more" if len(left) > 1 else ""
            said.insert(0, f"{first.view} {first.number} left: {first.how}{also}")
        return "; ".join(said) or "Up to date"

    def _notes(self) -> tuple[str, ...]:
        odd = [f"{v.view} {v.number}: {warning}." for v in self.views for warning in v.warnings]
        accept = [
            f"To publish it nevertheless: materialize {v.view} --accept {v.view}=REASON."
            for v in self.views
            if v.acceptable
        ]
        besides = [
            f"{v.view} {v.number} was computed for what reads it and not published: its readers keep their rows until "
            f"`materialize {v.view}`."
            for v in self.besides
            if v.state == "updated"
        ]
        there = [self.unshared] if self.unshared and any(v.is_local for v in self.views) else []
        frozen = [f"{v.view}@{v.number.partition('.')[0]}" for v in self.views if v.state == "frozen"]
        keep = [
            f"Readers of {', '.join(frozen)} are warned of old data. To keep one fresh, let a feature set or a release "
            f'name it, or add it to [policy] on main: keep_fresh = ["{frozen[0]}"].'
            for _ in frozen[:1]
        ]
        unknown = [f"{v.view} {v.number}, not checked: {said}." for v in self.views for said in v.not_judged]
        return (*odd, *dict.fromkeys(accept), *unknown, *besides, *there, *keep)


def materialize(
    workspace: Workspace,
    views: Sequence[str] | None = None,
    *,
    full: bool = False,
    accept: Mapping[str, str] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Materialized:
    """Bring published versions up to date with the sources, each after what it reads.

    A version whose new data fails its contract, or is refused by ``[policy.new_data]``, is left as it is, and so is
    what reads it; one whose data was rolled back stays so; one that a newer major version superseded is not refreshed
    where nothing reads or pins it. Run again after a kill it goes on where it was: what was
    computed is there.
    """
    started = time.monotonic()
    with TrunkWriter.open(workspace) as line:
        announce(line)

        def step() -> Materialized:
            return on_steady_sources(
                lambda: _Work(line, line.registry(), full=full, accept=accept or {}, progress=progress).done(
                    views, started
                )
            )

        done = in_line(line, step)
        if done.commit is not None:
            announce(line)
        return done


class _Work:
    """One run over the published versions, on one state of main and of the sources."""

    def __init__(
        self,
        line: TrunkWriter,
        registry: Registry,
        *,
        full: bool,
        accept: Mapping[str, str],
        progress: Callable[[Progress], None] | None,
    ) -> None:
        if registry.commit is None:
            raise PromotionError("Branch main does not have commits.", remedy="Promote something first.")
        self.line = line
        self.workspace = line.workspace
        self.registry = registry
        self.main: str = registry.commit
        self.full = full
        self.accept = accept
        self.sketches = sketches_of(self.workspace)
        self.samples = Samples(self.workspace.facts)
        self.writer = LakeWriter(self.workspace.lake)
        self.config = main_config(self.workspace, self.main)
        sources = Sources(self.config.sources, root=self.workspace.root, cache=self.workspace.hidden)
        self.versions = VersionEvaluation(
            self.workspace,
            registry,
            sources,
            progress=progress,
            shortcut=self._shortcut,
            replaced=replaced(self.workspace.facts) if full else None,
        )
        self._hows: dict[str, str] = {}
        self._touched: dict[str, pl.Expr] = {}
        self._amendments: dict[str, Amendment] = {}
        self._unread: list[Refreshed] = []
        self._asked: dict[VersionKey, Version] = {}
        self._done: dict[VersionKey, tuple[Refreshed, Version | None]] = {}
        self._superseded: dict[VersionKey, str] = {}
        self._local: set[VersionKey] = set()

    def done(self, views: Sequence[str] | None, started: float) -> Materialized:
        """Refresh the versions of `views`, and commit the records that changed."""
        for view, reason in self.accept.items():
            if view not in self.registry:
                raise FeatureNotFound.unpublished(view, self.registry.views)
            if not reason.strip():
                raise UsageError(f"{view!r} is accepted without a reason.", remedy=f"Write {view}=REASON.")
        self._asked = {(view, version.number): version for view, version in self._served_versions(views)}
        require_permission(self.workspace, self.main, sorted({view for view, _ in self._asked}))
        self._superseded = superseded(self.workspace, self.registry, self.config.policy.keep_fresh)
        for (view, _), version in self._asked.items():
            self._refresh(view, version)
        records: dict[str, Record] = {}
        for view, number in self._asked:
            new = self._done[view, number][1]
            if new is not None:
                records[view] = records.get(view, self.registry.record(view)).with_version(new)
        commit = self._commit(records) if records else None
        ordered = sorted(self._asked, key=lambda key: (key[0], VersionNumber.parse(key[1])))
        besides = tuple(entry for key, (entry, _) in self._done.items() if key not in self._asked)
        done = (*(self._done[key][0] for key in ordered), *self._unread)
        return Materialized(done, commit, time.monotonic() - started, besides, self.workspace.unshared)

    def _served_versions(self, views: Sequence[str] | None) -> list[tuple[str, Version]]:
        """Return every version of `views` that serves its major version, of all views if None."""
        for view in views or ():
            if "@" in view:
                name = view.partition("@")[0]
                raise UsageError(
                    f"{view!r} names one version, but `materialize` updates all live versions.", remedy=f"Write {name}."
                )
            if view not in self.registry:
                raise FeatureNotFound.unpublished(view, self.registry.views)
        return [
            (view, version)
            for view in dict.fromkeys(views or self.registry.views)
            for version in self._versions(view, named=bool(views))
            if version.is_live
        ]

    def _versions(self, view: str, *, named: bool) -> tuple[Version, ...]:
        """Return the versions of `view`; where it was not named and its record is damaged, the view is left."""
        try:
            return self.registry.record(view).versions
        except RegistryError as error:
            if named:
                raise
            self._unread.append(Refreshed(view, "", "left", error.message, 0, 0, 0.0))
            return ()

    def _refresh(self, view: str, version: Version) -> None:
        """Refresh a version after the versions that it reads, each once."""
        key = view, version.number
        if key in self._done:
            return
        begun = time.monotonic()
        successor = self._superseded.get(key)
        if successor is not None and not self._missing_reason(view, version):
            self._done[key] = self._leave_superseded(view, version, successor)
            return
        try:
            inputs = self.versions.inputs(version)
        except FeatureNotFound as error:
            found = _Outcome("left", error.message)
        else:
            for name, read in inputs.items():
                self._refresh(name, read)
            above = [name for name, read in inputs.items() if self._done[name, read.number][0].state == "left"]
            is_local = any((name, read.number) in self._local for name, read in inputs.items())
            left = _Outcome("left", f"{', '.join(above)}{CONSEQUENCE}", is_local=is_local)
            found = left if above else self._one(view, version)
        new = found.version or version
        if found.is_local:
            self._local.add(key)
        elif found.state == "left":
            earlier = version.behind or version.frozen
            since = datetime.now(UTC) if earlier is None else earlier.since
            new = replace(version, behind=Behind(since, found.how), frozen=None)
        elif found.state == "held":
            new = replace(new, frozen=None)
        else:
            new = replace(new, behind=None, held=None, frozen=None)
        seconds = time.monotonic() - begun
        entry = Refreshed(
            view=view,
            number=version.number,
            state=found.state,
            how=found.how,
            before=version.rows,
            after=new.rows,
            seconds=seconds,
            warnings=found.warnings,
            not_judged=found.not_judged,
            acceptable=found.acceptable,
            is_local=found.is_local,
        )
        self._done[key] = entry, None if new == version else new

    def _leave_superseded(self, view: str, version: Version, successor: str) -> tuple[Refreshed, Version | None]:
        """Return the outcome for a version that needs no new data: frozen once there is some."""
        if any(self._has_moved(read) for read in version.inputs):
            why = f"{view}@{VersionNumber.parse(successor).major} supersedes it, and nothing reads or pins it"
            since = datetime.now(UTC) if version.frozen is None else version.frozen.since
            entry = Refreshed(view, version.number, "frozen", why, version.rows, version.rows, 0.0)
            new = replace(version, frozen=Frozen(since, why))
        else:
            entry = Refreshed(view, version.number, "current", UNCHANGED, version.rows, version.rows, 0.0)
            new = replace(version, behind=None, held=None, frozen=None)
        return entry, None if new == version else new

    def _has_moved(self, read: InputRecord) -> bool:
        """Whether an input is not what a version was computed from; one that cannot be read may well have moved."""
        if read.kind == "source":
            try:
                return self.versions.source_digest(read.name) != read.digest
            except WorkbenchError:
                return True
        version = self.registry.input_version(read)
        key = read.name, version.number
        if key in self._superseded or key in self._asked:
            self._refresh(read.name, version)
            version = self._done[key][1] or version
        return version.data_digest != read.digest or version.frozen is not None

    def _one(self, view: str, version: Version) -> _Outcome:
        """Return what became of one version."""
        lost = self._missing_reason(view, version)
        if lost and self._is_elsewhere() and view not in self.accept:
            return self._again(view, version, lost)
        try:
            prepared = self.versions.prepare(view, version)
            evaluation = self.versions.evaluation(view, version)
            if prepared.fingerprint.code_hash != version.code_hash:
                return _Outcome("left", "its code does not have the recorded fingerprint: promote the view again")
            is_held = version.held is not None and prepared.view_id != version.view_id and view not in self.accept
            if is_held and lost:
                return _Outcome("left", f"its data was rolled back and is missing: {lost}")
            is_current = prepared.view_id == version.view_id and not lost
            if is_held or (is_current and not self.full):
                self._keep(view, version)
            if is_held:
                return _Outcome("held", self._held_reason(prepared, version), acceptable=True)
            if is_current and not self.full:
                remember(prepared, evaluation, self.sketches)
                same = replace(version, inputs=self._inputs(prepared, version))
                return _Outcome("current", UNCHANGED, same)
            evaluated = self.versions.evaluate(view, version)
            if is_current:
                return self._verify(evaluated, version)
            findings = self._findings(evaluated, version, lost=lost)
            refused = [one.sentence for one in findings if one.action == "refuse" and view not in self.accept]
            if refused:
                return _Outcome("left", "; ".join(refused), acceptable=True)
            amended = self._amendments.get(prepared.view_id)
            check = cached_check(self.workspace.facts, prepared, evaluated.computed.stored, amended=amended)
        except (ProjectError, LakeError, SourceMoved):
            raise  # the disk or the source, not the view: what was computed is there when it is run again
        except WorkbenchError as error:
            return _Outcome("left", error.message)
        if check.failed:
            return _Outcome("left", f"the new data breaks its contract: {check.detail}")
        remember(prepared, evaluation, self.sketches)
        return self._outcome(evaluated, version, lost=lost, findings=findings)

    def _keep(self, view: str, version: Version) -> None:
        """Let what reads a version go on from its published rows: computed again, floats may differ by noise."""
        self.versions.replace(view, version, self.versions.published_rows(view, version))

    def _verify(self, evaluated: Evaluated, version: Version) -> _Outcome:
        """Replace published rows that are not what was computed in full now, on the same data."""
        prepared, stored = evaluated.prepared, evaluated.computed.stored
        view = prepared.view.name
        wrong = wrong_rows(self.versions.published_rows(view, version).frame, version.data_digest, stored)
        if not wrong:
            self._keep(view, version)
            same = replace(version, inputs=self._inputs(prepared, version))
            return _Outcome("current", f"{self._how(evaluated)}; the published data is the same", same)
        check = cached_check(self.workspace.facts, prepared, stored)
        if check.failed:
            return _Outcome("left", f"its rows break its contract: {check.detail}")
        new = self._publish(evaluated, version, lost=wrong)
        return _Outcome(
            "updated", f"{self._how(evaluated)}; the published data was wrong and was replaced: {wrong}", new
        )

    def _how(self, evaluated: Evaluated) -> str:
        """Return how a version was computed, and whether what was stored of it was wrong."""
        said = "computed in full" if self.full else "it was computed before"
        how = self._hows.get(evaluated.prepared.view_id, said)
        repaired = evaluated.computed.repaired
        return f"{how}; the stored data was wrong and was replaced: {repaired}" if repaired else how

    def _outcome(
        self, evaluated: Evaluated, version: Version, *, lost: str, findings: Sequence[DataFinding]
    ) -> _Outcome:
        """Publish what was computed, and return what is to be said of it."""
        new = self._publish(evaluated, version, lost=lost)
        how = self._how(evaluated)
        warnings = [one.sentence for one in findings if one.action != "note"]
        if lost:
            again = "and it is identical" if new.data_digest == version.data_digest else "and its exact digest differs"
            warnings.insert(0, f"its data was missing from the lake ({lost}); it was computed again, {again}")
        notes = tuple(one.sentence for one in findings if one.action == "note")
        state: State = "updated" if lost or new != version else "current"
        return _Outcome(state, how, new, tuple(warnings), not_judged=notes)

    def _missing_reason(self, view: str, version: Version) -> str:
        """Return why the published rows are not in the lake, empty where they are; files are listed and not read."""
        try:
            self.workspace.lake.files(view, version.major, version.delta_version, digest=version.data_digest)
        except LakeDataMissing as error:
            return error.message.rstrip(".")
        return ""

    def _is_elsewhere(self) -> bool:
        """Whether others publish too, and into a lake that cannot be read here: more likely than a loss."""
        if self.line.remote is None:
            return False
        return self.workspace.unshared is not None or not self.workspace.lake.places()

    def _again(self, view: str, version: Version, lost: str) -> _Outcome:
        """Return what becomes of a version in somebody else's lake: its rows are computed again here, and main stays.

        Whether it has the newest data is for those to say who can read it.
        """

        def left(why: str) -> _Outcome:
            return _Outcome("left", f"{lost}; it cannot be computed again here: {why}", acceptable=True, is_local=True)

        was_readable = self._is_readable(view, version)
        try:
            prepared = self.versions.prepare(view, version)
            if why := difference(prepared, version):
                return left(why)
            evaluated = self.versions.evaluate(view, version)
        except (ProjectError, LakeError, SourceMoved):
            raise
        except WorkbenchError as error:
            return left(error.message)
        if evaluated.computed.stored.record.digest.exact != version.data_digest:
            return left("its rows come out as others than were published")
        if was_readable:
            return _Outcome("current", f"{UNCHANGED}; its rows were computed here, the lake has none", is_local=True)
        how = f"{lost}; it was computed again here, and it is identical"
        return _Outcome("rebuilt", how, is_local=True)

    def _is_readable(self, view: str, version: Version) -> bool:
        try:
            self.workspace.lake.require(view, version)
        except LakeDataMissing:
            return False
        return True

    def _held_reason(self, prepared: Prepared, version: Version) -> str:
        """Return when and by whom a version's data was rolled back, and whether its sources changed since."""
        held = version.held
        assert held is not None  # noqa: S101 - asked of held ones alone
        moved = [name for name, digest in prepared.digests.items() if held.inputs.get(name) != digest]
        since = f"{', '.join(moved)} changed since" if moved else "its inputs are unchanged"
        return (
            f"held at its data {version.delta_version}: rolled back {held.since:%Y-%m-%d %H:%M} by {held.by}; {since}"
        )

    def _findings(self, evaluated: Evaluated, version: Version, *, lost: str) -> list[DataFinding]:
        """Return what is odd about new data; nothing can be compared with rows that are lost but their number."""
        prepared, stored = evaluated.prepared, evaluated.computed.stored
        policy = self.config.policy
        if stored.record.digest.exact == version.data_digest:
            return []
        sources = {read.name: read.rows for read in self._inputs(prepared, version) if read.rows is not None}
        found = lost_rows(version, stored.record.rows, sources, policy.new_data)
        if found or lost:
            return found
        old = self.versions.published_rows(prepared.view.name, version).frame
        touched, amendment = self._touched.get(prepared.view_id), self._amendments.get(prepared.view_id)
        change = Change(touched)
        if amendment is not None:
            those = Published.of_stored(stored, prepared.contract)
            self.samples.amend(Published.of_version(version), amendment, those)
            change = Change(touched, amendment, those)
        view, new = prepared.view.name, stored.frame()
        return moved_values(view, version, old, new, prepared.contract, policy, change=change, samples=self.samples)

    def _shortcut(self, key: VersionKey, prepared: Prepared) -> Shortcut | None:
        """Return what computes only what new data touches; None where all is to be computed."""
        view, number = key
        version = self.registry.version(view, number)
        if self.full:
            self._hows[prepared.view_id] = "computed in full"
            return None
        if self._missing_reason(view, version):
            self._hows[prepared.view_id] = "computed in full: the published data is not in the lake"
            return None
        old = self.versions.published_rows(view, version).frame
        found = (
            plan_refresh(
                prepared,
                version,
                old=old,
                evaluation=self.versions.evaluation(view, version),
                sketches=self.sketches,
                base=self.versions.stored(version.view_id),
            )
            if prepared.contract.schema == version.contract.schema and prepared.parameters == version.parameters
            else "its columns changed"
        )
        if isinstance(found, Refresh):
            return lambda path: self._compute_refresh(prepared.view_id, found, path)
        self._hows[prepared.view_id] = f"computed in full: {found}"
        return None

    def _compute_refresh(self, view_id: str, found: Refresh, path: Path) -> bool | Amendment:
        written = found.write(path)
        self._hows[view_id] = f"computed in full: {written.wrong}" if written.wrong else found.how
        if written.wrong:
            return False
        self._touched[view_id] = found.touched
        if written.amendment is None:
            return True
        self._amendments[view_id] = written.amendment
        return written.amendment

    def _publish(self, evaluated: Evaluated, version: Version, *, lost: str) -> Version:
        """Write the data to the lake, unless it is there, and return the version that says so."""
        prepared, stored = evaluated.prepared, evaluated.computed.stored
        digest = stored.record.digest.exact
        delta = version.delta_version
        if (digest != version.data_digest or lost) and (prepared.view.name, version.number) in self._asked:
            amended = self._amendments.get(prepared.view_id)
            is_added = amended is not None and amended.is_addition and len(stored.paths) > 1
            onto = version.delta_version if is_added and not lost else None
            delta = write_rows(
                self.workspace, self.writer, evaluated, number=version.number, anew=bool(lost), onto=onto
            )
        changed = replace(
            version,
            view_id=prepared.view_id,
            data_digest=digest,
            rows=stored.record.rows,
            period=stored.record.period,
            delta_version=delta,
            inputs=self._inputs(prepared, version),
        )
        return version if changed == version else replace(changed, materialized_at=datetime.now(UTC))

    def _inputs(self, prepared: Prepared, version: Version) -> tuple[InputRecord, ...]:
        read, facts = self.versions.inputs(version), self.workspace.facts
        view = prepared.view

        def confirm() -> None:
            self.versions.evaluation(view.name, version).confirm(view)

        return tuple(
            InputRecord(
                data.name,
                data.kind,
                data.digest,
                read[data.name].number if data.name in read else None,
                cached_row_count(facts, data, confirm=confirm) if data.kind == "source" else None,
            )
            for data in prepared.inputs
        )

    def _commit(self, records: Mapping[str, Record]) -> str:
        tree = self.workspace.repository.tree_with(
            self.main, {record_path(view): record.to_toml() for view, record in records.items()}
        )
        new = {key: entry for key, (entry, version) in self._done.items() if version is not None and key in self._asked}
        left = [entry for entry in new.values() if entry.state == "left"]
        frozen = [f"{entry.view} {entry.number}" for entry in new.values() if entry.state == "frozen"]
        done = sorted({entry.view for entry in new.values() if entry.state not in {"left", "frozen"}})
        if done:
            title = f"Materialize {', '.join(done)}"
        elif left:
            title = f"Leave {', '.join(sorted({entry.view for entry in left}))} behind"
        else:
            title = f"Freeze {', '.join(frozen)}"
        accepted = [f"  {view}: {reason}" for view, reason in sorted(self.accept.items())]
        parts = [title, "\n".join(f"{entry.view} {entry.number} left: {entry.how}" for entry in left)]
        parts += ["\n".join(["Accepted by name", *accepted])] if accepted else []
        caught_up = [
            key
            for key, entry in new.items()
            if self._asked[key].behind is not None and entry.state not in {"left", "frozen"}
        ]
        return self.line.commit(
            tree,
            expected=self.main,
            message="\n\n".join(part for part in parts if part),
            trailers=(
                *((MATERIALIZED, f"{view} {records[view].current}") for view in done),
                *((FROZEN, version) for version in frozen),
                *((LEFT, f"{entry.view} {entry.number}") for entry in left),
                *((CAUGHT_UP, f"{view} {number}") for view, number in caught_up),
            ),
        )
