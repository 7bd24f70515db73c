"""`promote`: plan, gates, publish."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import PlanOutdated, ProjectError, PromotionRefused, UsageError, WorkbenchError
from workbench.pipeline import on_steady_sources
from workbench.promote.after_publish import announce
from workbench.promote.incremental import remember, sketches_of
from workbench.promote.plan import FORMAT
from workbench.promote.planner import propose
from workbench.promote.policy import approvers
from workbench.promote.publish import publish
from workbench.promote.report import PromotionReport
from workbench.promote.samples import Published, Samples
from workbench.promote.trunk import TrunkWriter, in_line
from workbench.records import plain_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from workbench.compute import Progress
    from workbench.promote.plan import Plan
    from workbench.promote.proposal import Proposal
    from workbench.promote.publish import Publication
    from workbench.workspace import Workspace


def promote(
    workspace: Workspace,
    names: Sequence[str],
    *,
    branch: str,
    dry_run: bool = False,
    accept: Mapping[str, str] | None = None,
    with_downstream: bool = False,
    message: str | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> PromotionReport:
    """Publish views and feature sets of `branch`, or with `dry_run` say what that would do."""
    started = time.monotonic()
    with TrunkWriter.open(workspace) as line:
        announce(line)

        def proposed() -> Proposal:
            return propose(
                workspace, names, branch=branch, accept=accept, with_downstream=with_downstream, progress=progress
            )

        def step() -> PromotionReport:
            proposal = on_steady_sources(proposed)
            if dry_run:
                return PromotionReport(
                    proposal.plan, None, time.monotonic() - started, save(workspace, proposal.plan), dry_run=True
                )
            refuse(proposal.plan, started)
            approved = approvers(
                workspace, proposal.candidate.config.policy, main=proposal.plan.main, commit=proposal.plan.tip
            )
            with line.lock():
                published = publish(line, proposal, message=message, approved_by=approved)
            notes = _follow_up(line, proposal, published)
            return PromotionReport(proposal.plan, published.commit, time.monotonic() - started, notes=notes)

        return in_line(line, step)


def execute(
    workspace: Workspace,
    path: str | Path,
    *,
    message: str | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> PromotionReport:
    """Execute the plan saved at `path`, if main, the branch and the data are unchanged."""
    saved, started = read_plan(path), time.monotonic()
    with TrunkWriter.open(workspace) as line:
        announce(line)
        for what, ref, planned in (("main", workspace.trunk, saved["main"]), ("branch", saved["branch"], saved["tip"])):
            found = workspace.repository.resolve(ref)
            if found != planned:
                raise PlanOutdated(
                    f"{ref} moved from {planned[:10]} to {found[:10]} since the plan was made ({what}).",
                    remedy="Make the plan again: promote --dry-run.",
                )
        proposal = on_steady_sources(
            lambda: propose(
                workspace,
                saved["asked"],
                branch=saved["branch"],
                accept=saved["accepted"],
                with_downstream=any(change["indirect"] for change in saved["changes"]),
                progress=progress,
            )
        )
        _refuse_other(saved, proposal.plan)
        refuse(proposal.plan, started)
        approved = approvers(
            workspace, proposal.candidate.config.policy, main=proposal.plan.main, commit=proposal.plan.tip
        )
        with line.lock():
            published = publish(line, proposal, message=message, approved_by=approved)
        notes = _follow_up(line, proposal, published)
        return PromotionReport(proposal.plan, published.commit, time.monotonic() - started, notes=notes)


def _follow_up(line: TrunkWriter, proposal: Proposal, published: Publication) -> tuple[str, ...]:
    """Do what follows a publish, and return what could not be done: it is published, whatever happens here."""
    steps: dict[str, Callable[[], object]] = {
        "its plan was not saved": lambda: save(line.workspace, proposal.plan),
        "the next `materialize` computes everything": lambda: keep_in_mind(line.workspace, proposal),
    }
    notes = []
    for otherwise, step in steps.items():
        try:
            step()
        except Exception as error:  # noqa: BLE001  # nothing may say that the publish failed
            reason = error.message if isinstance(error, WorkbenchError) else str(error)
            notes.append(f"Published, but {otherwise}: {reason}")
    announce(line, published)
    return tuple(notes)


def keep_in_mind(workspace: Workspace, proposal: Proposal) -> None:
    """Keep what the inputs were, so that `materialize` computes only what new data touches; else it computes all."""
    if proposal.evaluation is None:
        return
    sketches = sketches_of(workspace)
    for view in proposal.views.values():
        prepared, stored = view.evaluated.prepared, view.evaluated.computed.stored
        remember(prepared, proposal.evaluation, sketches)
        Samples(workspace.facts).keep(Published.of_stored(stored, prepared.contract), stored.frame())


def refuse(plan: Plan, started: float) -> None:
    """Raise unless every gate of `plan` passed."""
    if plan.passed:
        return
    report = PromotionReport(plan, None, time.monotonic() - started)
    raise PromotionRefused.of(report, plan.refusals)


def save(workspace: Workspace, plan: Plan) -> Path:
    """Save `plan` as JSON in the project's ignored folder, and return where."""
    folder = workspace.hidden / "plans"
    path = folder / f"{plan.digest[:16]}.json"
    try:
        folder.mkdir(exist_ok=True)
        path.write_text(plain_json(plan.to_dict(), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise ProjectError.not_writable(str(path), error.strerror or str(error)) from None
    return path


def read_plan(path: str | Path) -> dict[str, Any]:
    """Return the plan saved at `path`."""
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
        known = values["format"] == FORMAT and all(
            isinstance(values[key], kind)
            for key, kind in {
                "main": str,
                "tip": str,
                "branch": str,
                "asked": list,
                "accepted": dict,
                "changes": list,
                "digest": str,
            }.items()
        )
    except (OSError, ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it does not have the fields of a plan"
        raise UsageError(f"{path} is not a saved plan: {said}.", remedy="Make one with promote --dry-run.") from None
    if not known:
        raise UsageError(f"{path} is not a saved plan of this version.", remedy="Make one with promote --dry-run.")
    plan: dict[str, Any] = values
    return plan


def _refuse_other(saved: Mapping[str, Any], plan: Plan) -> None:
    if saved["digest"] == plan.digest:
        return
    moved = [name for name, digest in plan.sources.items() if saved.get("sources", {}).get(name) != digest]
    what = f"the data of {', '.join(moved)} moved" if moved else "the same promotion would now differ"
    raise PlanOutdated(
        f"The plan {saved['digest'][:10]} is out of date: {what}.", remedy="Make it again: promote --dry-run."
    )
