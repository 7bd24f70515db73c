"""Which names a new branch may have: a list of what is allowed, stricter than git's own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from workbench.errors import BranchError, InvalidName

if TYPE_CHECKING:
    from collections.abc import Iterable

ALLOWED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*(/[A-Za-z0-9_][A-Za-z0-9._+-]*)*")
LONGEST = 200
RULE = "Use letters, digits, '.', '_', '+', '-' and '/' between parts, e.g. exp/carry-over."
_GIT_S_OWN = re.compile(
    r"((FETCH|ORIG|MERGE|CHERRY_PICK|REVERT|REBASE|BISECT|AUTO_MERGE)_)?HEAD|[0-9a-f]{40}|[0-9a-f]{64}", re.IGNORECASE
)


def valid_branch(name: str) -> str:
    """Return `name` if a branch may be called that.

    Raises
    ------
    InvalidName
        For anything git, a shell or a file system could take for something else: options, ``..``, ``HEAD``, object
        ids, ``refs/...``, names that end in ``.lock``, control characters, over 200 characters.

    Examples
    --------
    >>> valid_branch("exp/carry-over")
    'exp/carry-over'
    """
    parts = name.split("/")
    is_fine = (
        len(name) <= LONGEST
        and ALLOWED.fullmatch(name) is not None
        and ".." not in name
        and parts[0].casefold() != "refs"
        and not _GIT_S_OWN.fullmatch(name)
        and not any(part.casefold().endswith((".lock", ".")) for part in parts)
    )
    if not is_fine:
        raise InvalidName.of("branch", name, rule=RULE)
    return name


def refuse_clashes(name: str, existing: Iterable[str]) -> None:
    """Refuse a new branch that another one is in the way of.

    Git keeps a branch as a file below the folders its name spells: ``a`` and ``a/b`` cannot both be, and where a disk
    ignores case (macOS, Windows) neither can ``exp/Mean`` and ``exp/mean``, or ``Exp/x`` and ``exp/y``.

    Raises
    ------
    BranchError
        Naming the branch in the way.
    """
    for other in existing:
        if other == name:
            raise BranchError(f"Branch {name!r} exists.", remedy="Switch to it, or choose another name.")
        reason = _clash(name.split("/"), other.split("/"))
        if reason:
            raise BranchError(
                f"Branch {other!r} is in the way of {name!r}: {reason}.",
                remedy="Choose another name, or delete the other branch first.",
            )


def _clash(mine: list[str], theirs: list[str]) -> str | None:
    for own, other in zip(mine, theirs, strict=False):
        if own.casefold() != other.casefold():
            return None
        if own != other:
            return "they differ by upper and lower case only, which some disks ignore"
    return "git cannot keep a branch and a folder of branches under one name"
