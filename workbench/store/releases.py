"""Which commit of main a release, or a moment, is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import BranchError, PromotionError, UsageError, did_you_mean
from workbench.registry import RELEASE_PREFIX, valid_release
from workbench.store.policy import policy_of

if TYPE_CHECKING:
    from datetime import datetime

    from workbench.git import Tag
    from workbench.workspace import Workspace


def release_commit(workspace: Workspace, name: str) -> str:
    """Return the commit of main that the release `name` is."""
    tag = workspace.repository.tag(f"{RELEASE_PREFIX}{valid_release(name)}")
    if tag is None:
        raise PromotionError(
            f"There is no release {name!r}.",
            remedy=did_you_mean(name, release_names(workspace))
            or "There are no releases yet; `release cut NAME` creates one.",
        )
    _check(workspace, name, tag)
    return tag.commit


def release_names(workspace: Workspace) -> list[str]:
    """Return the names of all releases."""
    return sorted(tag.name.removeprefix(RELEASE_PREFIX) for tag in workspace.repository.tags(f"{RELEASE_PREFIX}*"))


def commit_at(workspace: Workspace, moment: datetime) -> str:
    """Return what main's commit was at `moment`."""
    commit = workspace.repository.commit_at(workspace.trunk, moment)
    if commit is None:
        raise UsageError(
            f"Nothing was published at {moment}: {workspace.trunk!r} had no commit yet.", remedy="Name a later moment."
        )
    return commit


def _check(workspace: Workspace, name: str, tag: Tag) -> None:
    if tag.tagger is None:
        raise PromotionError(
            f"Release {name!r} is a lightweight tag, without author and date.",
            remedy=f"Delete it (git tag -d {tag.name}) and cut it with `release cut {name}`.",
        )
    if not workspace.repository.contains(workspace.trunk, tag.commit):
        raise PromotionError(
            f"Release {name!r} names {tag.commit[:10]}, which is not in the history of {workspace.trunk!r}.",
            remedy="Cut it with `release cut`, from a published state.",
        )
    _check_signature(workspace, name, tag)


def _check_signature(workspace: Workspace, name: str, tag: Tag) -> None:
    """Raise where main's policy wants signed releases and no key that main lists signed this one."""
    policy = policy_of(workspace)
    if not policy.require_signed:
        return
    try:
        allowed = workspace.repository.read(workspace.trunk, policy.allowed_signers)
    except BranchError:
        allowed = ""
    signature = workspace.repository.signature_of(tag.object_id, allowed_signers=allowed)
    if signature.status != "good":
        raise PromotionError(
            f"Release {name!r} cannot be trusted: {signature.detail}",
            remedy=f"[policy] on {workspace.trunk} requires signed releases: cut it with a key that "
            f"{policy.allowed_signers} there lists, or list the key.",
        )
