"""`workbench status`: where you are, at a glance."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from workbench.define import load_tree
from workbench.errors import BranchError, WorkbenchError
from workbench.loop.evaluate import Evaluation
from workbench.loop.failure import explained
from workbench.widgets import Report, Reported, Table

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.loop.rooms import Rooms
    from workbench.track import RunSummary, TrackingStatus

State = Literal["computed", "to compute", "waits for upstream", "broken"]
LAST_RUNS = 5


@dataclass(frozen=True, slots=True)
class ViewStatus:
    """One view of the branch: whether its data is there, and for which id."""

    name: str
    state: State
    view_id: str | None
    change: str | None
    detail: str


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
            "views": [
                {"name": v.name, "state": v.state, "view_id": v.view_id, "change": v.change, "detail": v.detail}
                for v in self.views
            ],
            "sources": list(self.sources),
            "runs": [run.to_dict() for run in self.runs],
            "tracking": asdict(self.tracking),
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
            "tip": None if self.tip is None else f"{self.tip[:10]}, {self.ahead} ahead of main",
            "against main": changed or "no definition differs",
            "not committed": ", ".join(self.dirty[:8]) or None,
            "sources": ", ".join(self.sources) or None,
            "MLflow": tracking,
            "MLflow UI": self.tracking.ui,
        }
        return tuple((label, value) for label, value in facts.items() if value is not None)

    def _tables(self) -> tuple[Table, ...]:
        views = tuple((v.name, v.state, (v.view_id or "")[:10] or None, v.change, v.detail) for v in self.views)
        runs = tuple(
            (run.view, run.status, run.commit[:10], run.started.strftime("%Y-%m-%d %H:%M"), run.run_id)
            for run in self.runs
        )
        return (
            *((Table("Views", ("view", "data", "view id", "against main", ""), views),) if views else ()),
            *((Table("Last runs", ("view", "status", "commit", "UTC", "MLflow run"), runs),) if runs else ()),
        )

    def _notes(self) -> tuple[str, ...]:
        notes = []
        if self.branch is None or self.is_protected:
            notes.append("Start an experiment with `branch exp/<name>`.")
        if not self.sources:
            notes.append("Declare a source in workbench.toml to compute something.")
        notes += self.tracking.warnings
        return tuple(notes)


def status(rooms: Rooms, *, branch: str | None) -> Status:
    """Return the status of a handle on `branch`."""
    tip = _tip(rooms, branch)
    described = rooms.repository.branch(branch) if branch and rooms.repository.exists(branch) else None
    changed = _changed(rooms, tip)
    return Status(
        project=rooms.config.project.name,
        root=rooms.root,
        branch=branch,
        tip=tip,
        is_protected=branch in rooms.protected,
        objective=described.objective if described else None,
        ahead=described.ahead if described else 0,
        dirty=tuple(rooms.repository.dirty()),
        changed=changed,
        views=_views(rooms, tip, changed) if tip else (),
        sources=tuple(rooms.sources.names()),
        runs=tuple(rooms.tracker.runs(branch=branch, limit=LAST_RUNS)),
        tracking=rooms.tracker.status(),
    )


def _tip(rooms: Rooms, branch: str | None) -> str | None:
    try:
        return rooms.repository.resolve(branch or "HEAD")
    except BranchError:
        return None  # no commit yet


def _changed(rooms: Rooms, tip: str | None) -> dict[str, str]:
    if tip is None or not rooms.repository.exists("main"):
        return {}
    return dict(rooms.repository.changed(rooms.repository.resolve("main"), tip))


def _views(rooms: Rooms, tip: str, changed: dict[str, str]) -> tuple[ViewStatus, ...]:
    definitions = load_tree(rooms.repository, tip, cache=rooms.hidden)
    evaluation = Evaluation(definitions, rooms.sources, rooms.cache)
    found = []
    for name in sorted({*definitions.views, *definitions.broken}):
        change = changed.get(f"features/{name}.py")
        try:
            with explained(definitions, {}):
                identity = evaluation.identity(name)
        except WorkbenchError as error:
            found.append(ViewStatus(name, "broken", None, change, error.message))
            continue
        if identity is None:
            found.append(ViewStatus(name, "waits for upstream", None, change, "its inputs are not computed"))
            continue
        stored = rooms.cache.get(identity)
        state: State = "to compute" if stored is None else "computed"
        detail = "" if stored is None else f"{stored.record.rows:,} rows"
        found.append(ViewStatus(name, state, identity, change, detail))
    return tuple(found)
