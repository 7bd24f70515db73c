"""Whom git talks to for us, and how: plain addresses only, and no questions asked."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import PurePath
from typing import TYPE_CHECKING

from workbench.branches.answers import without_secrets
from workbench.branches.git import GitFailed, explained
from workbench.branches.names import valid_remote
from workbench.branches.processes import NEVER_ASK
from workbench.errors import BranchError

if TYPE_CHECKING:
    from workbench.branches.git import Git

TRANSPORTS = "file:git:http:https:ssh"
"""What git may talk through; ``ext::`` and its like run a command that the address spells."""

_PLAIN = re.compile(r"(?!-)(?![A-Za-z0-9+.-]*::)[^\x00-\x1f\x7f]+")


def chosen_remote(git: Git, name: str, *, branch: str) -> str | None:
    """Return the remote that `branch` tracks, else `name` where there is a remote of that name."""
    tracked = git.configured(f"branch.{branch}.remote")
    if tracked and tracked != ".":  # a dot: it tracks a branch of this repository
        return tracked
    return name if name in git.run("remote").splitlines() else None


def address_of(git: Git, remote: str) -> str:
    """Return where a remote is fetched from, when no address of it could be taken for an option or a command.

    Raises
    ------
    InvalidName
        Where its name could.
    BranchError
        Where an address could, or it has none.
    """
    valid_remote(remote)
    try:
        fetched, pushed = (
            git.run("remote", "get-url", *push, "--all", remote).splitlines() for push in ((), ("--push",))
        )
    except GitFailed as failure:
        raise explained(failure, f"looking up the remote {remote}") from None
    for address in (*fetched, *pushed):
        if not _PLAIN.fullmatch(address):
            raise BranchError(
                f"The remote {remote!r} has an address that could run a command: {without_secrets(address)[:120]!r}.",
                remedy=f"Set it to a path, https://... or ssh://...: git remote set-url {remote} <address>.",
            )
    return fetched[0]


def quietly(git: Git) -> dict[str, str]:
    """Return the variables with which git asks nobody anything and runs no command that an address spells."""
    return {**NEVER_ASK, "GIT_ALLOW_PROTOCOL": os.environ.get("GIT_ALLOW_PROTOCOL", TRANSPORTS), **_ssh(git)}


def _ssh(git: Git) -> dict[str, str]:
    """Return how ssh is to be called: as the user has it configured, but in batch mode."""
    command = os.environ.get("GIT_SSH_COMMAND") or git.configured("core.sshCommand")
    if command is None and "GIT_SSH" in os.environ:
        return {}
    command = command or "ssh"
    try:
        program = PurePath(shlex.split(command)[0]).name
    except (ValueError, IndexError):
        return {}
    return {"GIT_SSH_COMMAND": f"{command} -oBatchMode=yes -oConnectTimeout=20"} if program == "ssh" else {}
