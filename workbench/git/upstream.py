"""`Upstream`: a branch beside the one of its name at the remote, as that was last fetched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.errors import BranchError
from workbench.git.command import GitFailed

if TYPE_CHECKING:
    from workbench.git.command import Git


@dataclass(frozen=True, slots=True)
class Upstream:
    """How a branch stands beside the one of its name at the remote.

    Attributes
    ----------
    remote, branch
        The remote's name, and the branch's.
    tip
        The remote's newest commit of it, as last fetched; None where the remote does not have the branch.
    ahead, behind
        How many commits only this repository has, and only the remote.
    """

    remote: str
    branch: str
    tip: str | None
    ahead: int = 0
    behind: int = 0

    @property
    def has_diverged(self) -> bool:
        """Whether each side has commits that the other does not have."""
        return bool(self.ahead and self.behind)

    @property
    def label(self) -> str:
        """The remote's branch as git writes it, ``origin/exp/a``."""
        return f"{self.remote}/{self.branch}"

    @property
    def standing(self) -> str:
        """How the branch stands there, in a few words."""
        if self.tip is None:
            return "not there"
        sides = [f"{self.ahead} ahead"] if self.ahead else []
        sides += [f"{self.behind} behind"] if self.behind else []
        return " and ".join(sides) or "the same"


def tracked_remote(git: Git, name: str, *, branch: str) -> str | None:
    """Return the name of the remote that `branch` tracks, else `name` where there is one; `None` where neither is."""
    settings = git.read_settings(r"^(branch\..*\.remote|remote\..*)$")
    tracked = settings.get(f"branch.{branch}.remote")
    if tracked not in {None, "."}:  # a dot: it tracks a branch of this repository
        return tracked
    return name if any(each.startswith(f"remote.{name}.") for each in settings) else None


def count_apart(git: Git, ours: str, theirs: str) -> tuple[int, int]:
    """Return how many commits only `ours` has, and only `theirs` (full ids)."""
    if ours == theirs:
        return 0, 0
    try:
        left, right = git.run("rev-list", "--left-right", "--count", f"{ours}...{theirs}").split()
    except GitFailed:  # a damaged repository: whoever reads the commits says so
        return 0, 0
    return int(left), int(right)


def join_both(found: Upstream) -> str:
    """Return how a branch is joined with the remote's: fast where it has nothing of its own, else by a merge."""
    if not found.ahead:
        return "`workbench fetch` brings it up to that."
    return f"Join both: git switch {found.branch} && git merge {found.label}."


def no_remote() -> BranchError:
    """Return the error for a repository that knows no other."""
    return BranchError(
        "This repository has no remote, so there is nobody to share with.",
        remedy="Make an empty repository that all can reach, then: git remote add origin ADDRESS && "
        "git push --set-upstream origin HEAD.",
    )
