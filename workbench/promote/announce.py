"""After a publish: MLflow is told of it. What is told is derived from main alone, so that any next command finishes it.

The key of a promotion's run is made from its commit, and MLflow takes a key once: telling it twice, or from two
machines, makes one run.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.loop.facts import origin
from workbench.promote.publish import PLAN, published_in
from workbench.registry import Registry
from workbench.track import RunRecord

if TYPE_CHECKING:
    from workbench.branches import Commit
    from workbench.loop.rooms import Rooms
    from workbench.promote.mainline import Mainline

MOST = 50
"""Promotions that are told at once; a machine that was away longer tells the newest."""


def announce(line: Mainline) -> int:
    """Tell MLflow of the promotions on main that it was not told of from here, and return how many these were."""
    rooms = line.rooms
    mark = rooms.hidden / "announced"
    tip = rooms.repository.resolve(rooms.trunk)
    known = mark.read_text(encoding="utf-8").strip() if mark.exists() else None
    if known == tip:
        return 0
    told = 0
    for commit in rooms.repository.first_parents(tip, limit=MOST):
        if commit.id == known:
            break
        if any(key == PLAN for key, _ in commit.trailers) and published_in(commit.trailers):
            rooms.tracker.submit(_run(rooms, commit))
            told += 1
    with suppress(OSError):  # told again next time, to no effect
        mark.write_text(f"{tip}\n", encoding="utf-8")
    return told


def _run(rooms: Rooms, commit: Commit) -> RunRecord:
    at = round(commit.time.timestamp() * 1000)
    names = published_in(commit.trailers)
    versions = dict(name.rsplit(" ", 1) for name in names)
    trailers = dict(commit.trailers)
    tags = {
        "workbench.promotion": ", ".join(names),
        "workbench.promotion_plan": trailers.get(PLAN, ""),
        "workbench.promoted_from": trailers.get("Promoted-From", ""),
        "mlflow.source.git.commit": commit.id,
        "mlflow.source.git.branch": rooms.trunk,
        "mlflow.source.name": origin(),
        "mlflow.source.type": "LOCAL",
        **{f"workbench.published.{view}": number for view, number in versions.items()},
        **_runs(rooms, commit, versions),
    }
    return RunRecord(
        key=commit.id[:32],
        project=rooms.config.project.name,
        experiment="",
        name=f"promote {', '.join(names)}",
        start=at,
        end=at,
        user=commit.author,
        tags={key: value for key, value in tags.items() if value},
        params={f"version.{view}": number for view, number in versions.items()},
        artifacts={"promotion.md": _text(rooms, commit), **_plan(rooms, trailers.get(PLAN, ""))},
        note=f"**{', '.join(names)}** published from `{trailers.get('Promoted-From', '').partition(' ')[0]}`",
    )


def _runs(rooms: Rooms, commit: Commit, versions: dict[str, str]) -> dict[str, str]:
    """Return, for each published view, the run of the experiment that it came from."""
    registry, found = Registry(rooms.repository, commit.id), {}
    for view, number in versions.items():
        with suppress(WorkbenchError):
            run = registry.version(view, number).run
            known = run and (rooms.tracker.delivery(run).run_id or run)
            found[f"workbench.promoted_run.{view}"] = known or ""
    return found


def _text(rooms: Rooms, commit: Commit) -> str:
    """Return the commit's message, which holds what every gate said."""
    return rooms.repository.message(commit.id)


def _plan(rooms: Rooms, digest: str) -> dict[str, str]:
    """Return the plan as it was saved, where this machine made it."""
    path = rooms.hidden / "plans" / f"{digest[:16]}.json"
    try:
        text = path.read_text(encoding="utf-8")
        return {"promotion.json": text} if json.loads(text)["digest"] == digest else {}
    except (OSError, ValueError, KeyError):
        return {}
