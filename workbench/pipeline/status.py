"""`workbench status`: where you are, at a glance."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from workbench.define import load_tree, reraise_user_errors
from workbench.errors import BranchError, NotTrusted, WorkbenchError
from workbench.pipeline.evaluate import Evaluation
from workbench.pipeline.freshness import TONES, Freshness, freshness
from workbench.records import to_plain
from workbench.render import Mark, Report, Reported, Table
from workbench.tracking import own_runs

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.render import Tone
    from workbench.sources import Snapshot
    from workbench.tracking import RunSummary, TrackingStatus
    from workbench.workspace import Workspace

State = Literal["computed", "to compute", "waits for upstream", "on demand", "broken", "not trusted"]
LAST_RUNS, ALL_RUNS = 5, 1_000_000
STATES: dict[str, Tone] = {"fail": "bad", "not checked": "warn", "pass": "good"}
"""The states of a check, the worst first, and how each is drawn."""


@dataclass(frozen=True, slots=True)
class ViewStatus:
    """One view of the branch: whether its data is there, for which id, and the state of each check when it was made."""

    name: str
    state: State
    view_id: str | None
    change: str | None
    detail: str
    checks: dict[str, str] = field(default_factory=dict)

    @property
    def checked(self) -> Mark | None:
        """What the checks said, the worst first; None where they were not run here."""
        if not self.checks:
            return None
        for state, tone in STATES.items():
            names = [name for name, found in self.checks.items() if found == state]
            if names:
                return Mark(f"{state}: {', '.join(names)}" if tone != "good" else f"{len(names)} pass", tone)
        return None


@dataclass(frozen=True, slots=True)
class Status(Reported):
    """Where a handle is."""

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
        }

    def report(self) -> Report:
        """Return the status as facts and two tables."""
        return Report(
            f"{self.project}: {self._where()}",
            facts=self._facts(),
            tables=self._tables(),
            notes=self._notes(),
        )

    def _where(self) -> str:
        if self.branch is None:
            return "HEAD is detached"
        return f"on {self.branch}" + (" (protected)" if self.is_protected else "")

    def _facts(self) -> tuple[tuple[str, object], ...]:
        changed = ", ".join(f"{path} {kind}" for path, kind in self.changed.items())
        tracking = self.tracking.uri + (f", {self.tracking.queued} runs waiting" if self.tracking.queued else "")
        facts: dict[str, object] = {
            "objective": self.objective,
            "tip": None if self.tip is None else f"{self.tip[:10]}, {self.ahead} ahead of {self.trunk}",
            f"against {self.trunk}": changed or "no definition differs",
            "not committed": ", ".join(self.dirty[:8]) or None,
            "sources": ", ".join(self.sources) or None,
            "published": self._production(),
            "lake": self.lake or None,
            "MLflow": tracking,
            "MLflow UI": self.tracking.ui,
        }
        return tuple((label, value) for label, value in facts.items() if value is not None)

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
            (v.name, v.state, v.checked, (v.view_id or "")[:10] or None, v.change, v.detail) for v in self.views
        )
        runs = tuple(
            (run.view, run.status, run.commit[:10], run.started.strftime("%Y-%m-%d %H:%M"), run.run_id)
            for run in self.runs
        )
        odd = tuple(
            (
                f"{one.view} {one.number}".strip() or self.trunk,
                Mark(one.state, TONES[one.state]),
                None if one.since is None else f"{one.since:%Y-%m-%d %H:%M}",
                one.why,
            )
            for one in self.published
            if one.state != "current"
        )
        return (
            *(
                (Table("Views", ("view", "data", "checks", "view id", f"against {self.trunk}", ""), views),)
                if views
                else ()
            ),
            *(
                (Table("Published versions that are not current", ("version", "is", "since (UTC)", "why"), odd),)
                if odd
                else ()
            ),
            *((Table("Last runs", ("view", "status", "commit", "UTC", "MLflow run"), runs),) if runs else ()),
        )

    def _notes(self) -> tuple[str, ...]:
        notes = []
        if self.branch is None or self.is_protected:
            notes.append("Start an experiment with `branch exp/<name>`.")
        if not self.sources:
            notes.append("Next: declare a source in workbench.toml.")
        notes += [self.unshared] if self.unshared else []
        notes += self.tracking.warnings
        return tuple(notes)


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
    definitions = load_tree(workspace.repository, tip, cache=workspace.hidden)
    evaluation = Evaluation(definitions, workspace.sources, workspace.cache)
    try:
        workspace.repository.refuse_untrusted(tip)
    except NotTrusted as refusal:
        names = definitions.outline.views
        return tuple(
            ViewStatus(name, "not trusted", None, changed.get(f"features/{name}.py"), refusal.remedy) for name in names
        ), {}
    found = []
    for name in sorted({*definitions.views, *definitions.broken}):
        change = changed.get(f"features/{name}.py")
        try:
            with reraise_user_errors(definitions, {}):
                identity = evaluation.identity(name)
        except WorkbenchError as error:
            found.append(ViewStatus(name, "broken", None, change, error.message))
            continue
        if identity is None:
            found.append(ViewStatus(name, "waits for upstream", None, change, "its inputs are not computed"))
            continue
        stored = workspace.cache.get(identity)
        state: State = "to compute" if stored is None else "computed"
        detail = "" if stored is None else f"{stored.record.rows:,} rows"
        last = workspace.journal.last(name, branch=branch)
        checks = last.checks if last is not None and last.view_id == identity else {}
        found.append(ViewStatus(name, state, identity, change, detail, checks))
    for name in definitions.on_demand_views:
        if name in definitions.broken:
            continue
        text = hashlib.sha256(definitions.source_text(name).encode()).hexdigest()
        last = workspace.journal.last(name, branch=branch)
        checks = last.checks if last is not None and last.definition == text else {}
        change = changed.get(f"features/{name}.py")
        found.append(ViewStatus(name, "on demand", None, change, "computed for each request", checks))
    return tuple(found), evaluation.snapshots
