"""Branches, runs and the catalog of a project: what records say, at a glance."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING

from workbench.errors import UsageError, WorkbenchError
from workbench.lab.answers import (
    BranchAnswer,
    CatalogAnswer,
    CatalogView,
    FeatureInfo,
    Problem,
    Reader,
    RunAnswer,
    RunInfo,
)
from workbench.lab.branch_views import main_of, outlined, published
from workbench.project import workspace_of

if TYPE_CHECKING:
    from datetime import datetime

    from workbench.catalog import CatalogEntry
    from workbench.lab.branch_views import Published
    from workbench.lab.projects import Look
    from workbench.tracking import RunSummary
    from workbench.workspace import Workspace

RUNS = 50
"""How many runs are listed, the newest first."""
_MOST = 1_000_000


def branches(look: Look) -> BranchAnswer:
    """Return the names of all branches."""
    return BranchAnswer(branches=[each.name for each in workspace_of(look.project).repository.branches()])


def runs(look: Look) -> RunAnswer:
    """Return the newest runs of the branch."""
    from workbench.tracking import own_runs

    workspace = workspace_of(look.project)
    tracker, branch = workspace.tracker, look.branch
    all_runs = tracker.runs(branch=branch, limit=_MOST)
    if branch is not None:
        all_runs = own_runs(all_runs, branch, workspace.repository.lifetime(branch))
    status = tracker.status()
    problem = None
    if status.last_error:
        problem = Problem(
            type="tracking-error",
            title=" ".join(status.warnings) or f"MLflow cannot be used: {status.last_error}",
            status=502,
            remedy="Runs are kept and sent when it answers again.",
        )
    return RunAnswer(runs=[_run(workspace, run) for run in all_runs[:RUNS]], problem=problem)


def _run(workspace: Workspace, run: RunSummary) -> RunInfo:
    ui = workspace.tracker.current_ui()
    is_there = ui is not None and run.run_id is not None and run.experiment_id is not None
    metrics = workspace.tracker.facts(run).metrics
    return RunInfo(
        id=run.run_id or run.key,
        name=run.name,
        kind=run.kind,
        view=run.view if run.kind == "view" else "",
        status=run.status if run.state == "sent" else "QUEUED",
        started=run.started.isoformat(),
        seconds=run.seconds,
        metrics={name: value for name, value in metrics.items() if value - value == 0.0},
        link=ui.run(str(run.experiment_id), str(run.run_id)) if ui is not None and is_there else None,
    )


def catalog(look: Look) -> CatalogAnswer:
    """Return what is published on main; no definition runs."""
    workspace = workspace_of(look.project)
    main = main_of(workspace)
    if main is None:
        return CatalogAnswer(views=[], problems=[])
    records = published(look, workspace, main)
    entries, problems = look.known.once("entries", main, lambda: _entries(records, workspace.trunk))
    readers = _readers(look, workspace, main, records)
    return CatalogAnswer(views=[_catalog_view(each, readers[each.view]) for each in entries], problems=problems)


def _entries(records: Published, trunk: str) -> tuple[list[CatalogEntry], list[str]]:
    from workbench.catalog import CatalogEntry
    from workbench.registry import OnDemandRecord

    entries, problems = [], []
    for name, record in sorted(records.items()):
        if record is None:
            problems.append(f"The record of {name} on {trunk} cannot be read.")
            continue
        try:
            if isinstance(record, OnDemandRecord):
                entries.append(CatalogEntry.of_on_demand(record, ()))
            else:
                entries.append(CatalogEntry.of_summary(record))
        except WorkbenchError as error:
            problems.append(error.message)
    return entries, problems


def _catalog_view(entry: CatalogEntry, readers: list[Reader]) -> CatalogView:
    return CatalogView(
        name=entry.view,
        version=entry.version,
        status=entry.status,
        versions=[number for number, _ in entry.versions],
        owner=entry.owner,
        entities=list(entry.entities),
        description=entry.description,
        freshness=entry.staleness or "",
        published=_iso(entry.published_at),
        published_by=entry.published_by,
        readers=readers,
        features=[
            FeatureInfo(name=each.name, dtype=each.dtype, unit=each.unit, description=each.description)
            for each in entry.features
        ],
    )


def _readers(look: Look, workspace: Workspace, main: str, records: Published) -> defaultdict[str, list[Reader]]:
    """Return what reads each view: current versions of views, feature sets on main, saved training sets."""
    from workbench.store import Reference, saved_sets

    found: defaultdict[str, list[Reader]] = defaultdict(list)
    for name, record in records.items():
        shown = getattr(record, "shown", None)
        for data in shown.inputs if shown is not None and shown.is_served else ():
            if data.kind == "view":
                found[data.name].append(Reader(kind="view", name=name))
        for read in getattr(getattr(record, "serving", None), "inputs", ()):
            found[read.view].append(Reader(kind="on-demand view", name=name))
    _, outline = outlined(look, workspace, main)
    for each in outline.sets.values():
        with suppress(UsageError):
            for view in dict.fromkeys(Reference.parse(reference).view for reference in each.features):
                found[view].append(Reader(kind="feature set", name=each.name))
    for saved in saved_sets(workspace.home):
        for view in dict.fromkeys(read.view for read in saved.views):
            found[view].append(Reader(kind="training set", name=saved.name))
    return found


def _iso(when: datetime | None) -> str | None:
    return None if when is None else when.isoformat()
