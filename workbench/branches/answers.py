"""What git says where an exchange with a remote failed, as outcomes and as errors with a remedy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from workbench.errors import BranchError

if TYPE_CHECKING:
    from workbench.branches.git import GitFailed

LOST = (
    "non-fast-forward",
    "fetch first",
    "needs force",
    "stale info",
    "incorrect old value",
    "failed to update ref",
    "cannot lock ref",
    "failed to lock",
    "reference already exists",
)
"""Why git rejects a push that somebody else's came before."""

BROKEN = ("hung up unexpectedly", "unexpected disconnect", "RPC failed", "early EOF", "roken pipe", "onnection reset")
"""What git says where the connection broke after it had been made."""


def rejections(failure: GitFailed) -> dict[str, str]:
    """Return why each ref was rejected, by its name: ``git push --porcelain`` prints ``!<tab>from:to<tab>why``."""
    rows = (line.split("\t", 2) for line in failure.out.splitlines() if line.startswith("!\t"))
    return {row[1].rpartition(":")[2]: row[2] for row in rows if len(row) == 3}


def is_lost_race(failure: GitFailed) -> bool:
    """Whether a push was rejected because another one came first."""
    return any(clue in reason for reason in rejections(failure).values() for clue in LOST)


def is_broken_off(failure: GitFailed) -> bool:
    """Whether the connection broke, or took too long, when something may have arrived already."""
    return failure.code is None or any(clue in str(failure) for clue in BROKEN)


def is_about_tags(failure: GitFailed) -> bool:
    """Whether all that a fetch could not do was to replace tags of this repository's own."""
    refused = [line for line in str(failure).splitlines() if "[rejected]" in line]
    return bool(refused) and all("would clobber existing tag" in line for line in refused)


def is_overtaken(failure: GitFailed) -> bool:
    """Whether another process of this repository noted what was fetched at the same moment."""
    return "cannot lock ref" in str(failure) or "unable to update local ref" in str(failure)


def is_missing(failure: GitFailed, branch: str) -> bool:
    """Whether a fetch failed because the remote has no such branch."""
    return f"fatal: couldn't find remote ref refs/heads/{branch}" in str(failure).splitlines()


def refused(failure: GitFailed, remote: str) -> BranchError:
    """Return the error for a remote that does not take what was pushed, or could not be asked."""
    reasons = rejections(failure)
    if not reasons:
        return unreachable(failure, remote, "Nothing was changed.")
    said = [line[len("remote:") :].strip() for line in str(failure).splitlines() if line.startswith("remote:")]
    return BranchError(
        f"{remote} refused the push: {'; '.join(reasons.values())}. Nothing was published.",
        lines=[f"  {line}" for line in said[:5] if line],
        remedy="Its own rules forbid it: ask who keeps that repository.",
    )


def unreachable(failure: GitFailed, remote: str, outcome: str) -> BranchError:
    """Return the error for a remote that gave no answer, with the `outcome` as far as it is known."""
    said = [line for line in str(failure).splitlines() if line.startswith(("fatal:", "ssh:", "error:"))]
    lines = said or str(failure).splitlines()[-2:]
    return BranchError(
        f"The remote {remote!r} cannot be reached. {outcome}",
        lines=[f"  {without_secrets(line)}" for line in lines[:4]],
        remedy=f"See whether `git ls-remote {remote}` works without asking for a password, then try again.",
    )


def without_secrets(text: str) -> str:
    """Return the text without the passwords in its addresses."""
    return re.sub(r"(://)[^/@\s]+@", r"\1...@", text)
