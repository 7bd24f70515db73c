"""Which names a new branch, tag or remote may have: a list of what is allowed, stricter than git's own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from workbench.errors import BranchError, InvalidName

if TYPE_CHECKING:
    from collections.abc import Iterable

ALLOWED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*(/[A-Za-z0-9_][A-Za-z0-9._+-]*)*")
LONGEST = 200
RULE = "Use letters, digits, '.', '_', '+', '-' and '/' between parts, e.g. {}."
_GIT_S_OWN = re.compile(
    r"((FETCH|ORIG|MERGE|CHERRY_PICK|REVERT|REBASE|BISECT|AUTO_MERGE)_)?HEAD|[0-9a-f]{40}|[0-9a-f]{64}", re.IGNORECASE
)

_AMBIGUOUS = {"heads", "main-worktree", "origin", "remotes", "tags", "worktrees"}
"""First parts by which git finds something else than a branch or tag of the whole name."""


def valid_branch(name: str) -> str:
    """Return `name` if a branch may be called that.

    Examples
    --------
    >>> valid_branch("exp/carry-over")
    'exp/carry-over'
    """
    return _unambiguous("branch", name, example="exp/carry-over")


def valid_tag(name: str) -> str:
    """Return `name` if a tag may be called that: what a branch may be.

    Examples
    --------
    >>> valid_tag("2026.11")
    '2026.11'
    """
    return _unambiguous("tag", name, example="2026.11")


def valid_remote(name: str) -> str:
    """Return `name` if git may be told to talk to a remote of that name."""
    if not _is_fine(name):
        raise InvalidName.of("remote", name, rule="Give it a plain one: git remote add origin <address>.")
    return name


def _unambiguous(kind: str, name: str, *, example: str) -> str:
    if not _is_fine(name):
        raise InvalidName.of(kind, name, rule=RULE.format(example))
    first = name.split("/", maxsplit=1)[0]
    if first.casefold() in _AMBIGUOUS:
        rule = (
            f"Git would take it for something else: choose a name that does not begin with {first!r}, e.g. {example}."
        )
        raise InvalidName.of(kind, name, rule=rule)
    return name


def _is_fine(name: str) -> bool:
    parts = name.split("/")
    return (
        len(name) <= LONGEST
        and ALLOWED.fullmatch(name) is not None
        and ".." not in name
        and parts[0].casefold() != "refs"
        and not _GIT_S_OWN.fullmatch(name)
        and not any(part.casefold().endswith((".lock", ".")) for part in parts)
    )


def refuse_clashes(name: str, existing: Iterable[str], *, kind: Literal["branch", "tag"] = "branch") -> None:
    """Refuse a new branch (or tag) that another one is in the way of.

    Git keeps a branch as a file below the folders its name spells: ``a`` and ``a/b`` cannot both be, and where a disk
    ignores case (macOS, Windows) neither can ``exp/Mean`` and ``exp/mean``, or ``Exp/x`` and ``exp/y``.
    """
    for other in existing:
        if other == name:
            remedy = "Switch to it, or choose another name." if kind == "branch" else "Choose another name."
            raise BranchError(f"{kind.capitalize()} {name!r} exists.", remedy=remedy)
        reason = _clash(name.split("/"), other.split("/"))
        if reason:
            raise BranchError(
                f"{kind.capitalize()} {other!r} is in the way of {name!r}: {reason}.",
                remedy=f"Choose another name, or delete the other {kind} first.",
            )


def _clash(mine: list[str], theirs: list[str]) -> str | None:
    for own, other in zip(mine, theirs, strict=False):
        if own.casefold() != other.casefold():
            return None
        if own != other:
            return "they differ by upper and lower case only, which some disks ignore"
    return "git cannot keep one under a name that is also a folder of others"
