"""Which commit of main a release, or a moment, is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import BranchError, PromotionError, UsageError, did_you_mean
from workbench.registry import RELEASE_PREFIX, valid_release
from workbench.serve.policy import policy_of

if TYPE_CHECKING:
    from datetime import datetime

    from workbench.branches import Tag
    from workbench.loop.rooms import Rooms


def release_commit(rooms: Rooms, name: str) -> str:
    """Return the commit of main that the release `name` is.

    Raises
    ------
    InvalidName
        For what could be no release's name.
    PromotionError
        Where there is no such release (did you mean), its tag was not made by `release`, its commit is none of main's,
        or the policy wants signatures and git cannot verify this one.
    """
    tag = rooms.repository.tag(f"{RELEASE_PREFIX}{valid_release(name)}")
    if tag is None:
        raise PromotionError(
            f"There is no release {name!r}.",
            remedy=did_you_mean(name, release_names(rooms)) or "`release cut NAME` makes one; none was cut yet.",
        )
    _check(rooms, name, tag)
    return tag.commit


def release_names(rooms: Rooms) -> list[str]:
    """Return the names of all releases."""
    return sorted(tag.name.removeprefix(RELEASE_PREFIX) for tag in rooms.repository.tags(f"{RELEASE_PREFIX}*"))


def commit_at(rooms: Rooms, moment: datetime) -> str:
    """Return what main's commit was at `moment`.

    Raises
    ------
    UsageError
        Where main had none yet.
    """
    commit = rooms.repository.commit_at(rooms.trunk, moment)
    if commit is None:
        raise UsageError(
            f"Nothing was published at {moment}: {rooms.trunk!r} had no commit yet.", remedy="Name a later moment."
        )
    return commit


def _check(rooms: Rooms, name: str, tag: Tag) -> None:
    if tag.tagger is None:
        raise PromotionError(
            f"Release {name!r} is an ordinary tag: nobody says who cut it and when.",
            remedy=f"Delete it (git tag -d {tag.name}) and cut it with `release cut {name}`.",
        )
    if not rooms.repository.contains(rooms.trunk, tag.commit):
        raise PromotionError(
            f"Release {name!r} names {tag.commit[:10]}, which never was on {rooms.trunk!r}.",
            remedy="A release is cut from what is published: `release cut` does it.",
        )
    _check_signature(rooms, name, tag)


def _check_signature(rooms: Rooms, name: str, tag: Tag) -> None:
    """Raise where main's policy wants signed releases and no key that main lists signed this one."""
    policy = policy_of(rooms)
    if not policy.require_signed:
        return
    try:
        allowed = rooms.repository.read(rooms.trunk, policy.allowed_signers)
    except BranchError:
        allowed = ""
    signature = rooms.repository.signature_of(tag.object_id, allowed_signers=allowed)
    if signature.status != "good":
        raise PromotionError(
            f"Release {name!r} cannot be trusted: {signature.detail}",
            remedy=f"[policy] on {rooms.trunk} wants signed releases: cut it with a key that {policy.allowed_signers} "
            "there lists, or list the key.",
        )
