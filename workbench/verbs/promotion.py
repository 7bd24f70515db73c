"""Verbs that publish, and what happens to published versions afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from workbench.errors import PromotionRefused, UsageError
from workbench.verbs.options import Opened, Ticks, pairs


def promote(
    view: list[str] | None = None,
    *,
    branch: str | None = None,
    dry_run: bool = False,
    plan: Path | None = None,
    accept: list[str] | None = None,
    with_downstream: bool = False,
    message: str | None = None,
    project: Opened,
    progress: Ticks = None,
) -> Any:
    """Publish views of an experiment: plan, gates, then one commit on main. Readers see the old version or the new.

    Parameters
    ----------
    view
        Views and feature sets; all that the branch changed if absent.
    branch
        The experiment's branch; the current one if absent.
    dry_run
        Show and save the plan with the result of every gate, and publish nothing.
    plan
        Execute this saved plan, if nothing moved since.
    accept
        Go on although this drifts, NAME=REASON; may be repeated.
    with_downstream
        Publish the views that read what changes with it.
    message
        The commit's subject.
    """
    if plan is not None and (view or accept or dry_run or with_downstream):
        raise UsageError("A saved plan says itself what is promoted.", remedy="Give --plan alone.")
    try:
        if plan is not None:
            return project.execute(plan, message=message, progress=progress)
        return project.promote(
            view or (),
            branch=branch,
            dry_run=dry_run,
            accept=pairs(accept or [], option="--accept", example="'spend:total=new prices'"),
            with_downstream=with_downstream,
            message=message,
            progress=progress,
        )
    except PromotionRefused as refused:
        if refused.report is None:
            raise
        return refused.report


def approve(
    view: list[str] | None = None, *, branch: str | None = None, note: str | None = None, project: Opened
) -> Any:
    """Agree to the promotion of a branch as it stands; signed where git knows a key. A new commit asks anew.

    Parameters
    ----------
    view
        The views agreed to; all that the branch changed if absent.
    branch
        The experiment's branch; the current one if absent.
    note
        What you looked at.
    """
    return project.approve(view or (), branch=branch, note=note)


def rollback(view: str, *, to: str, project: Opened) -> Any:
    """Let readers have an earlier version again, at once; nothing is computed and no data is moved.

    Parameters
    ----------
    view
        The view.
    to
        The version, such as 1.2.
    """
    return project.rollback(view, to)


def deprecate(ref: str, *, until: str | None = None, project: Opened) -> Any:
    """Announce the end of a major version: readers are warned of the date and told what to read instead.

    Parameters
    ----------
    ref
        VIEW@MAJOR; VIEW for the version that serves.
    until
        The last day, such as 2027-01-31; the earliest that policy allows if absent; never takes it back.
    """
    return project.deprecate(ref, until)


def retire(ref: str, *, project: Opened) -> Any:
    """Stop serving a deprecated version whose last day is over and that nothing pins.

    Parameters
    ----------
    ref
        VIEW@MAJOR.
    """
    return project.retire(ref)


def release(action: Literal["list", "cut", "drop"] = "list", name: str | None = None, *, project: Opened) -> Any:
    """Pin what is published now under a name, by a signed tag on main; training and serving can read exactly that.

    Parameters
    ----------
    action
        cut makes one, drop takes it away, list shows all.
    name
        The release's name, such as 2026.11.
    """
    if action == "list":
        return project.releases()
    if name is None:
        raise UsageError(f"Which release is to be {action}?", remedy=f"Write: release {action} 2026.11")
    return project.cut_release(name) if action == "cut" else project.drop_release(name)


def materialize(view: list[str] | None = None, *, full: bool = False, project: Opened, progress: Ticks = None) -> Any:
    """Bring published views up to date with new source data: only the entities and periods that it touches.

    Parameters
    ----------
    view
        Views; all that are published if absent.
    full
        Compute everything again.
    """
    return project.materialize(view or None, full=full, progress=progress)


def gc(*, delete: bool = False, project: Opened) -> Any:
    """List what nobody can reach any more: computed views, lake files, old definitions. With --delete, remove it.

    Parameters
    ----------
    delete
        Remove it.
    """
    return project.gc(delete=delete)
