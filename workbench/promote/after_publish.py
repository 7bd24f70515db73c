"""After a publish, log it to MLflow. The runs are derived from main alone, so any next command can finish the work.

So is it told of versions that were left behind their sources, and of those that caught up with them. The key of a run
is made from its commit, and MLflow takes a key once: telling it twice, or from two machines, makes one run.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from workbench.errors import WorkbenchError
from workbench.files import replace_atomically
from workbench.pipeline import origin
from workbench.promote.publish import PLAN, published_versions
from workbench.registry import Registry
from workbench.tracking import RunRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.git import Commit
    from workbench.promote.publish import Publication
    from workbench.promote.trunk import TrunkWriter
    from workbench.workspace import Workspace

LEFT, CAUGHT_UP = "Left-Behind", "Caught-Up"
"""The trailers on main of versions that were left with older data than their sources have, and of those that have it
again."""
MOST = 50
"""The most commits that are logged at once; older ones are skipped."""


def announce(line: TrunkWriter, published: Publication | None = None) -> None:
    """Log to MLflow what happened on main and was not logged from here; of what was just `published`, nothing is read.

    Nothing raises: what a caller did or is about to do does not hang on it, and the next command tells it.
    """
    with suppress(WorkbenchError, OSError):
        _announce(line, published)


def _announce(line: TrunkWriter, published: Publication | None) -> None:
    workspace = line.workspace
    mark = workspace.home / "announced"
    tip = workspace.repository.resolve(workspace.trunk)
    known = None
    with suppress(OSError, UnicodeDecodeError):
        known = mark.read_text(encoding="utf-8").strip()
    if known == tip:
        return
    for commit in workspace.repository.first_parents(tip, limit=MOST):
        if commit.id == known:
            break
        if any(key == PLAN for key, _ in commit.trailers) and published_versions(commit.trailers):
            runs = published.runs if published is not None and commit.id == published.commit else None
            workspace.tracker.submit(_promotion(workspace, commit, runs))
        elif any(key in {LEFT, CAUGHT_UP} for key, _ in commit.trailers):
            workspace.tracker.submit(_behind(workspace, commit))
    replace_atomically(mark, f"{tip}\n")  # where this fails it is told again next time, to no effect


def _promotion(workspace: Workspace, commit: Commit, runs: Mapping[str, str | None] | None) -> RunRecord:
    names = published_versions(commit.trailers)
    versions = dict(name.rsplit(" ", 1) for name in names)
    trailers = dict(commit.trailers)
    tags = {
        "workbench.promotion": ", ".join(names),
        "workbench.promotion_plan": trailers.get(PLAN, ""),
        "workbench.promoted_from": trailers.get("Promoted-From", ""),
        **{f"workbench.published.{view}": number for view, number in versions.items()},
        **_runs(workspace, _recorded_runs(workspace, commit, versions) if runs is None else runs),
    }
    return _run(
        workspace,
        commit,
        name=f"promote {', '.join(names)}",
        tags=tags,
        params={f"version.{view}": number for view, number in versions.items()},
        artifacts={"promotion.md": workspace.repository.message(commit.id), **_plan(workspace, trailers.get(PLAN, ""))},
        note=f"**{', '.join(names)}** published from `{trailers.get('Promoted-From', '').partition(' ')[0]}`",
    )


def _behind(workspace: Workspace, commit: Commit) -> RunRecord:
    """Return the run, failed where versions were left behind their sources, that says which, since when and why."""
    left = [value for key, value in commit.trailers if key == LEFT]
    caught_up = [value for key, value in commit.trailers if key == CAUGHT_UP]
    registry = Registry(workspace.repository, commit.id)
    tags: dict[str, str] = {}
    for name in left:
        view, number = name.rsplit(" ", 1)
        version = registry.version(view, number)
        tags |= {f"workbench.published_run.{view}": version.run or ""}
        if version.behind is not None:
            tags[f"workbench.behind.{view}"] = (
                f"{number} since {version.behind.since:%Y-%m-%d %H:%M} UTC: {version.behind.why}"
            )
    tags |= {"workbench.left_behind": ", ".join(left), "workbench.caught_up": ", ".join(caught_up)}
    said = f"{', '.join(left)} left behind" if left else f"{', '.join(caught_up)} caught up"
    return _run(
        workspace,
        commit,
        name=f"materialize: {said}",
        status="FAILED" if left else "FINISHED",
        tags=tags,
        artifacts={"materialize.md": workspace.repository.message(commit.id)},
        note="\n\n".join(value for key, value in tags.items() if key.startswith("workbench.behind.")),
    )


def _run(workspace: Workspace, commit: Commit, *, tags: Mapping[str, str], **facts: Any) -> RunRecord:
    """Return the run of one commit on main, with the other `facts` of it."""
    at = round(commit.time.timestamp() * 1000)
    source = {
        "mlflow.source.git.commit": commit.id,
        "mlflow.source.git.branch": workspace.trunk,
        "mlflow.source.name": origin(),
        "mlflow.source.type": "LOCAL",
    }
    return RunRecord(
        key=commit.id[:32],
        project=workspace.config.project.name,
        experiment="",
        start=at,
        end=at,
        user=commit.author,
        tags={key: value for key, value in {**source, **tags}.items() if value},
        **facts,
    )


def _runs(workspace: Workspace, runs: Mapping[str, str | None]) -> dict[str, str]:
    """Return, as a tag for each published view, the run of the experiment that it came from."""
    found = {}
    for view, run in runs.items():
        with suppress(WorkbenchError):
            known = run and (workspace.tracker.delivery(run).run_id or run)
            found[f"workbench.promoted_run.{view}"] = known or ""
    return found


def _recorded_runs(workspace: Workspace, commit: Commit, versions: Mapping[str, str]) -> dict[str, str | None]:
    """Return the run that the record of each stored view says its version came from."""
    registry, found = Registry(workspace.repository, commit.id), {}
    for view, number in versions.items():
        with suppress(WorkbenchError):
            found[view] = registry.version(view, number).run
    return found


def _plan(workspace: Workspace, digest: str) -> dict[str, str]:
    """Return the plan as it was saved, where this machine made it."""
    path = workspace.hidden / "plans" / f"{digest[:16]}.json"
    try:
        text = path.read_text(encoding="utf-8")
        return {"promotion.json": text} if json.loads(text)["digest"] == digest else {}
    except (OSError, ValueError, KeyError):
        return {}
