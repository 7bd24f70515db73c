"""`workbench status`: where you are, at a glance."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from workbench.errors import BranchError, NotTrusted, WorkbenchError
from workbench.git import join_both
from workbench.pipeline.freshness import TONES, Freshness, FreshnessState, freshness
from workbench.pipeline.identities import Identities
from workbench.records import to_plain
from workbench.render import Finding, Fold, Mark, Report, Reported, Table
from workbench.tracking import own_runs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from workbench.git import Upstream
    from workbench.render import Tone
    from workbench.sources import Snapshot
    from workbench.tracking import Entry, RunSummary, TrackingStatus
    from workbench.workspace import Workspace

State = Literal["computed", "to compute", "waits for upstream", "on demand", "broken", "not trusted"]
LAST_RUNS, ALL_RUNS = 5, 1_000_000
STATES: dict[str, tuple[str, Tone]] = {"fail": ("✗", "bad"), "not checked": ("?", "warn"), "pass": ("✓", "good")}
"""The states of a check, the worst first, and how each is drawn."""
FAILS, UNKNOWN, PASSES = range(3)
"""How much a view needs to be looked at, most first."""
NAMED = 4
"""Views and files that a sentence names."""
SAYS: Mapping[FreshnessState, str] = {
    "behind": "do not have the newest data of their sources.",
    "held": "are held at data that they were rolled back to.",
    "missing": "have no rows in the lake.",
    "not looked at": "could not be looked at.",
}
REMEDIES: Mapping[FreshnessState, str] = {
    "behind": "`materialize` brings them up to date.",
    "held": "`materialize` brings them up to date once their sources are in order.",
    "missing": "`materialize` computes them again from their sources.",
}


@dataclass(frozen=True, slots=True)
class ViewStatus:
    """One view of the branch: whether its data is there, for which id, and the state of each check when it was made."""

    name: str
    state: State
    view_id: str | None
    change: str | None
    detail: str
    checks: dict[str, str] = field(default_factory=dict)
    rows: int | None = None

    @property
    def failing(self) -> tuple[str, ...]:
        """The checks that failed."""
        return tuple(name for name, found in self.checks.items() if found == "fail")

    @property
    def rank(self) -> int:
        """How much it needs to be looked at: `FAILS`, then `UNKNOWN`, then `PASSES`."""
        if self.state == "broken" or self.failing:
            return FAILS
        if self.state == "on demand" and not self.checks:
            return UNKNOWN
        return PASSES if self.checks and set(self.checks.values()) == {"pass"} else UNKNOWN

    @property
    def checked(self) -> Mark | None:
        """What the checks said, the worst first; None where they were not run here."""
        if not self.checks:
            return None
        for state, (sign, tone) in STATES.items():
            names = [name for name, found in self.checks.items() if found == state]
            if names:
                return Mark(
                    f"{sign} {state}: {', '.join(names)}" if tone != "good" else f"{sign} {len(names)} pass", tone
                )
        return None


@dataclass(frozen=True, slots=True)
class Status(Reported):
    """Where a handle is."""

    mime_kind: ClassVar[str] = "status"

    project: str
    root: Path
    branch: str | None
    tip: str | None
    is_protected: bool
    objective: str | None
    ahead: int
    dirty: tuple[str, ...]
    changed: dict[str, str]
    views: tuple[ViewStatus, ...]
    sources: tuple[str, ...]
    runs: tuple[RunSummary, ...]
    tracking: TrackingStatus
    trunk: str = "main"
    published: tuple[Freshness, ...] = ()
    lake: str = ""
    unshared: str | None = None
    upstreams: tuple[Upstream, ...] = ()
    risks: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the status as JSON-ready values."""
        return {
            "project": self.project,
            "root": str(self.root),
            "branch": self.branch,
            "tip": self.tip,
            "protected": self.is_protected,
            "objective": self.objective,
            "ahead": self.ahead,
            "dirty": list(self.dirty),
            "changed": self.changed,
            "views": to_plain(self.views),
            "published": [one.to_dict() for one in self.published],
            "sources": list(self.sources),
            "runs": to_plain(self.runs),
            "tracking": to_plain(self.tracking),
            "lake": self.lake,
            "unshared": self.unshared,
            "upstreams": to_plain(self.upstreams),
            "risks": list(self.risks),
        }

    def report(self) -> Report:
        """Return what fails and what to do next, then where things stand."""
        verdict, tone = self._verdict()
        return Report(
            f"{self.project}: {self._where()}. {verdict}",
            tone=tone,
            findings=self._findings(),
            steps=self._steps(),
            facts=self._facts(),
            tables=self._tables(),
            folded=self._folded(),
        )

    def _where(self) -> str:
        if self.branch is None:
            return "HEAD is detached"
        return f"on {self.branch}" + (" (protected)" if self.is_protected else "")

    def _verdict(self) -> tuple[str, Tone | None]:
        """Return what the views' checks say together, as far as they ran here; on main, how published versions are."""
        if self.branch is None or self.is_protected:
            odd = [one for one in self.published if one.state != "current"]
            if odd:
                is_bad = any(TONES[one.state] == "bad" for one in odd)
                return f"{len(odd)} of {len(self.published)} published versions are not current.", (
                    "bad" if is_bad else "warn"
                )
            if self.published:
                return f"All {len(self.published)} published versions are current.", "good"
            return "Nothing is published yet.", None
        count = len(self.views)
        worst = Counter(view.rank for view in self.views)
        if worst[FAILS]:
            return f"{worst[FAILS]} of {count} views fail{'s' if worst[FAILS] == 1 else ''}.", "bad"
        if worst[UNKNOWN]:
            return f"No view fails; {worst[UNKNOWN]} of {count} {_be(worst[UNKNOWN])} not checked in full.", "warn"
        if not count:
            return "No views yet.", None
        return ("Its view passes." if count == 1 else f"All {count} views pass."), "good"

    def _findings(self) -> tuple[Finding, ...]:
        """Return what is wrong: views that fail, versions that are not current, and what keeps others from reading."""
        failing = [view for view in self.views if view.rank == FAILS and view.state != "broken"]
        broken = [view for view in self.views if view.state == "broken"]
        found = []
        if broken:
            found.append(
                Finding(
                    Mark("✗ BROKEN", "bad"),
                    "definitions",
                    f"{len(broken)} of {len(self.views)} cannot be loaded or computed.",
                    tuple(f"{view.name}: {view.detail}" for view in broken),
                    "Define it again, or take it out: `remove VIEW`.",
                )
            )
        if failing:
            found.append(
                Finding(
                    Mark("✗ FAIL", "bad"),
                    "checks",
                    f"{len(failing)} of {len(self.views)} views {'does' if len(failing) == 1 else 'do'} not pass.",
                    tuple(f"{view.name}: {', '.join(view.failing)}" for view in failing),
                    f"`check {failing[0].name}` shows the rows and the likely cause.",
                )
            )
        return (*found, *self._production_findings(), *self._place_findings())

    def _production_findings(self) -> list[Finding]:
        """Return a finding a state of published versions that are not current, and what cures it."""
        by_state: dict[FreshnessState, list[Freshness]] = {}
        for one in self.published:
            if one.state not in {"current", "frozen"}:
                by_state.setdefault(one.state, []).append(one)
        return [
            Finding(
                Mark(f"{'✗' if TONES[state] == 'bad' else '!'} {state}", TONES[state]),
                "published",
                f"{len(alike)} of {len(self.published)} versions {SAYS[state]}",
                tuple(
                    f"{f'{one.view} {one.number}'.strip() or self.trunk}{one.when}: {one.why}".removesuffix(": ")
                    for one in alike
                ),
                REMEDIES.get(state, ""),
            )
            for state, alike in sorted(by_state.items(), key=lambda item: TONES[item[0]] != "bad")
        ]

    def _place_findings(self) -> list[Finding]:
        """Return what is amiss with the remote, the lake and MLflow."""
        warns = [
            (f"{one.remote}", f"{one.branch} is {one.standing}. {join_both(one)}")
            for one in self.upstreams
            if one.behind
        ]
        lake = dict.fromkeys([*([self.unshared] if self.unshared else []), *self.risks])
        warns += [("lake", said) for said in lake]
        warns += [("MLflow", said) for said in self.tracking.warnings]
        return [Finding(Mark("! warning", "warn"), about, said) for about, said in warns]

    def _steps(self) -> tuple[str, ...]:
        """Return what to do next, where nothing fails that comes before it."""
        if not self.sources:
            return ("Declare a source: `init --from FILE` looks at a file and writes workbench.toml.",)
        if self.branch is None or self.is_protected:
            return ("Start an experiment: `branch exp/<name>`.",)
        if not self.views:
            return ("Write a feature: `new` fills a cell with your source's columns, `define FILE` takes a file.",)
        if any(view.rank == FAILS for view in self.views):
            return ()
        waiting = [view.name for view in self.views if view.state in {"to compute", "waits for upstream"}]
        if waiting:
            return (f"`compute` computes and checks {', '.join(waiting[:NAMED])}{_more(waiting)}.",)
        changed = [view.name for view in self.views if view.change is not None]
        if not changed:
            return ()
        said = f"`promote --dry-run` shows what publishing {', '.join(changed[:NAMED])}{_more(changed)} would do."
        objective = f'Say what it is for: `branch {self.branch} --objective "..."`.'
        return (*([] if self.objective else [objective]), said)

    def _facts(self) -> tuple[tuple[str, object], ...]:
        facts: dict[str, object] = {
            "objective": self.objective,
            "tip": None if self.tip is None else f"{self.tip[:10]}, {self.ahead} ahead of {self.trunk}",
            self.upstreams[0].remote if self.upstreams else "remote": self._beside(),
            f"against {self.trunk}": _changes(self.changed) or "no definition differs",
            "not committed": ", ".join(self.dirty[:8]) or None,
            "sources": ", ".join(self.sources) or None,
            "published": self._production(),
            "lake": self.lake or None,
            "MLflow": self._mlflow(),
            "MLflow UI": self.tracking.ui,
        }
        return tuple((label, value) for label, value in facts.items() if value is not None)

    def _mlflow(self) -> str:
        """Return where runs go, and whether they arrive."""
        tracking = self.tracking
        arrives = (
            "reachable" if tracking.reachable else "not reachable" if tracking.reachable is False else "no runs sent"
        )
        waiting = f"{tracking.queued} run{'' if tracking.queued == 1 else 's'} waiting" if tracking.queued else ""
        return ", ".join(filter(None, (tracking.uri, arrives, waiting)))

    def _beside(self) -> Mark | None:
        """Return how the branch and main stand beside the remote's; None without one."""
        if not self.upstreams:
            return None
        tone: Tone = "good"
        if any(one.behind for one in self.upstreams):
            tone = "bad" if any(one.has_diverged for one in self.upstreams) else "warn"
        said = ", ".join(f"{one.branch} {one.standing}" for one in self.upstreams)
        return Mark(f"{said} (as last fetched)", tone)

    def _production(self) -> Mark | None:
        """Return how many published versions have the newest data of their sources; None where nothing is published."""
        if not self.published:
            return None
        odd = [one for one in self.published if one.state != "current"]
        if not odd:
            return Mark(f"{len(self.published)} versions, with the newest data of their sources", "good")
        tone: Tone = "bad" if any(TONES[one.state] == "bad" for one in odd) else "warn"
        states = Counter(one.state for one in odd)
        said = ", ".join(f"{count} {state}" for state, count in states.items())
        return Mark(f"of {len(self.published)} versions {said}", tone)

    def _tables(self) -> tuple[Table, ...]:
        views = tuple(
            (v.name, v.checked, v.state, v.rows, v.change, v.detail)
            for v in sorted(self.views, key=lambda view: view.rank)
        )
        return (
            (Table("Views", ("view", "checks", "data", "rows", f"against {self.trunk}", ""), views),) if views else ()
        )

    def _folded(self) -> tuple[Fold, ...]:
        runs = tuple(
            (run.view, run.status, run.commit[:10], run.started.strftime("%Y-%m-%d %H:%M"), run.run_id)
            for run in self.runs
        )
        ids = tuple((view.name, view.view_id) for view in self.views if view.view_id)
        frozen = tuple(
            (f"{one.view} {one.number}", Mark(one.state, TONES[one.state]), one.why)
            for one in self.published
            if one.state == "frozen"
        )
        tables = {
            f"{len(frozen)} frozen version{'' if len(frozen) == 1 else 's'}": Table(
                "", ("version", "is", "why"), frozen
            ),
            "Last runs": Table("", ("view", "status", "commit", "UTC", "MLflow run"), runs),
            "View ids": Table("", ("view", "view id"), ids),
        }
        return tuple(Fold(title, (table,)) for title, table in tables.items() if table.rows)


def _more(names: Sequence[str]) -> str:
    return f" and {len(names) - NAMED} more" if len(names) > NAMED else ""


def _be(count: int) -> str:
    return "is" if count == 1 else "are"


def _changes(changed: Mapping[str, str]) -> str:
    """Return how files of definitions differ: by name where they are few, else how many."""
    if len(changed) <= NAMED:
        return ", ".join(f"{path} {kind}" for path, kind in changed.items())
    counts = Counter(changed.values())
    return f"{len(changed)} files of definitions: {', '.join(f'{count} {kind}' for kind, count in counts.items())}"


def _upstreams(workspace: Workspace, branch: str | None) -> tuple[Upstream, ...]:
    """Return how the branch and main stand beside the remote's, as last fetched."""
    names = dict.fromkeys([*([branch] if branch else []), workspace.trunk])
    found = [workspace.repository.upstream(name) for name in names if workspace.repository.exists(name)]
    return tuple(upstream for upstream in found if upstream is not None)


def status(workspace: Workspace, *, branch: str | None) -> Status:
    """Return the status of a handle on `branch`."""
    tip = _tip(workspace, branch)
    described = workspace.repository.branch(branch) if branch and workspace.repository.exists(branch) else None
    changed = _changed_views(workspace, tip)
    views, snapshots = _views(workspace, tip, changed, branch) if tip else ((), {})
    return Status(
        project=workspace.config.project.name,
        root=workspace.root,
        branch=branch,
        tip=tip,
        is_protected=branch in workspace.protected,
        objective=described.objective if described else None,
        ahead=described.ahead if described else 0,
        dirty=tuple(workspace.repository.dirty()),
        changed=changed,
        views=views,
        published=freshness(workspace, snapshots),
        sources=tuple(workspace.sources.names()),
        runs=_runs(workspace, branch),
        tracking=workspace.tracker.status(),
        trunk=workspace.trunk,
        lake=workspace.lake.uri,
        unshared=workspace.unshared,
        upstreams=_upstreams(workspace, branch),
        risks=workspace.lake_risks,
    )


def _runs(workspace: Workspace, branch: str | None) -> tuple[RunSummary, ...]:
    if branch is None:
        return tuple(workspace.tracker.runs(limit=LAST_RUNS))
    runs = workspace.tracker.runs(branch=branch, limit=ALL_RUNS)
    return tuple(own_runs(runs, branch, workspace.repository.lifetime(branch))[:LAST_RUNS])


def _tip(workspace: Workspace, branch: str | None) -> str | None:
    try:
        return workspace.repository.resolve(branch or "HEAD")
    except BranchError:
        return None  # no commit yet


def _changed_views(workspace: Workspace, tip: str | None) -> dict[str, str]:
    if tip is None or not workspace.repository.exists(workspace.trunk):
        return {}
    return dict(workspace.repository.changed(workspace.repository.resolve(workspace.trunk), tip))


def _views(
    workspace: Workspace, tip: str, changed: dict[str, str], branch: str | None
) -> tuple[tuple[ViewStatus, ...], dict[str, Snapshot]]:
    """Return the branch's views, and the snapshots of sources that were taken for them."""
    identities = Identities(workspace, tip)
    try:
        workspace.repository.refuse_untrusted(tip)
    except NotTrusted as refusal:
        return tuple(
            ViewStatus(name, "not trusted", None, changed.get(f"features/{name}.py"), refusal.remedy)
            for name in identities.outline.views
        ), {}
    found = []
    names = sorted({*identities.views, *identities.broken})
    on_demand = [name for name in identities.outline.on_demand if name not in identities.broken]
    entries = _last_entries(workspace, [*names, *on_demand], branch)
    for name in names:
        change = changed.get(f"features/{name}.py")
        try:
            identity = identities.of(name)
        except WorkbenchError as error:
            found.append(ViewStatus(name, "broken", None, change, error.message))
            continue
        if identity is None:
            found.append(ViewStatus(name, "waits for upstream", None, change, "its inputs are not computed"))
            continue
        stored = identities.stored(identity)
        state: State = "to compute" if stored is None else "computed"
        rows = None if stored is None else stored.rows
        last = entries.get(name)
        checks = last.checks if last is not None and last.view_id == identity else {}
        found.append(ViewStatus(name, state, identity, change, "", checks, rows))
    identities.save()
    for name in on_demand:
        text = hashlib.sha256(identities.source_text(name).encode()).hexdigest()
        last = entries.get(name)
        checks = last.checks if last is not None and last.definition == text else {}
        change = changed.get(f"features/{name}.py")
        found.append(ViewStatus(name, "on demand", None, change, "computed for each request", checks))
    return tuple(found), identities.snapshots


def _last_entries(workspace: Workspace, names: Sequence[str], branch: str | None) -> dict[str, Entry]:
    """Return the newest computation of each view; of `branch` alone where one is given."""
    if branch is not None:
        return workspace.journal.last_on(branch, names)
    found = {name: workspace.journal.last(name) for name in names}
    return {name: last for name, last in found.items() if last is not None}
