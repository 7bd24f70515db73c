"""`Remote`: the repository that a team shares. Nothing is ever forced on its branches, and nobody is asked anything."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workbench.branches.addresses import address_of, chosen_remote, quietly
from workbench.branches.answers import (
    is_about_tags,
    is_broken_off,
    is_lost_race,
    is_missing,
    is_overtaken,
    refused,
    rejections,
    unreachable,
    without_secrets,
)
from workbench.branches.git import Git, GitFailed, is_full_id
from workbench.branches.names import valid_branch, valid_tag
from workbench.branches.tags import APPROVALS, FETCHED, TAGS
from workbench.errors import BranchError, BranchMoved, ProtectedBranch

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

END = "--end-of-options"
NO_SUBMODULES = "--recurse-submodules=no"
FETCH = (
    *("fetch", "--no-progress", "--refmap=", "--prune", "--no-write-fetch-head"),
    *("--no-auto-maintenance", NO_SUBMODULES, END),
)
PUSH = ("push", "--porcelain", "--no-verify", "--no-follow-tags", "--no-signed", NO_SUBMODULES)
"""Whatever a user has configured to happen besides does not."""

_APPROVAL = re.compile(rf"{re.escape(APPROVALS)}([0-9a-f]{{40}}|[0-9a-f]{{64}})/[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True, slots=True)
class Remote:
    """A remote of the project's repository.

    Attributes
    ----------
    name, url
        As git knows it; without a password.
    timeout
        Seconds for one exchange.
    """

    name: str
    url: str
    _git: Git = field(repr=False)
    _protected: tuple[str, ...] = ()
    timeout: float = 60.0

    def tip(self, branch: str) -> str | None:
        """Return the branch's newest commit at the remote, as it was last heard of; `None` where it had none."""
        try:
            return self._git.run("show-ref", "--verify", "--hash", "--", self._tracking(branch)).strip()
        except GitFailed:
            return None

    def fetch(self, *branches: str) -> None:
        """Bring here what the remote has of `branches` (all if none is given), of approvals, and of their tags.

        No branch of this repository moves, and no tag is replaced. A branch that the remote does not have is forgotten.

        Raises
        ------
        BranchError
            Where the remote cannot be reached.
        """
        kept = f"+{APPROVALS}*:{FETCHED}{self.name}/approvals/*"
        wanted = [valid_branch(branch) for branch in branches]
        patience = 20
        while True:
            named = [f"+refs/heads/{branch}:{self._tracking(branch)}" for branch in wanted]
            specs = named if branches else [f"+refs/heads/*:{self._tracking('*')}"]
            try:
                self._exchange(*FETCH, self.name, *specs, kept)
            except GitFailed as failure:
                if is_about_tags(failure):
                    return
                if is_overtaken(failure) and patience:
                    patience -= 1
                    continue
                gone = next((branch for branch in wanted if is_missing(failure, branch)), None)
                if gone is None:
                    raise unreachable(failure, self.name, "Nothing was fetched.") from None
                wanted.remove(gone)
                self._forget(gone)
            else:
                return

    def push(self, commit: str, branch: str) -> None:
        """Make `commit` the remote branch's tip, if it stands on what the branch is there; never by force.

        Raises
        ------
        BranchMoved
            Where somebody else's push came first.
        ProtectedBranch
            For a branch that this handle does not write.
        BranchError
            Where the remote refuses it or cannot be reached. It says whether anything was published.
        """
        if branch.casefold() in {name.casefold() for name in self._protected}:
            raise ProtectedBranch.named(branch)
        if not is_full_id(commit):
            raise BranchError("A push needs a full object id.", remedy="Resolve the name first.")
        target = f"refs/heads/{valid_branch(branch)}"
        try:
            self._push([f"{commit}:{target}"])
        except GitFailed as failure:
            if is_lost_race(failure):
                raise BranchMoved.at_remote(branch, remote=self.name) from None
            if rejections(failure):
                raise refused(failure, self.name) from None
            self._settle(failure, commit, branch)
        else:
            with suppress(GitFailed):  # the next fetch sees it
                self._git.run("update-ref", "--no-deref", "-m", "workbench", self._tracking(branch), commit)

    def push_refs(self, refs: Iterable[str]) -> None:
        """Give the remote tags (``refs/tags/...``) and approvals, as they are here.

        An approval replaces one by the same person; a tag never replaces another.

        Raises
        ------
        BranchError
            For any other ref, where a tag of that name exists there, or the remote cannot be reached.
        """
        specs = [_spec(ref) for ref in refs]
        if not specs:
            return
        try:
            self._push(specs)
        except GitFailed as failure:
            taken = [ref for ref, reason in rejections(failure).items() if "already exists" in reason]
            if taken:
                raise BranchError(
                    f"{self.name} has another tag of that name: {', '.join(taken)}.",
                    remedy="Choose another name; a release is never replaced.",
                ) from None
            raise refused(failure, self.name) from None

    def listed(self, ref: str) -> str | None:
        """Return the object id of one ref (``refs/...``) as the remote has it now, or `None`.

        Raises
        ------
        BranchError
            Where the remote cannot be reached.
        """
        try:
            out = self._exchange("ls-remote", "--quiet", "--refs", END, self.name, ref)
        except GitFailed as failure:
            raise unreachable(failure, self.name, "Nothing was changed.") from None
        rows = (line.split("\t", 1) for line in out.splitlines())
        return next((object_id for object_id, name in rows if name == ref), None)

    def _push(self, specs: Sequence[str], *options: str) -> str:
        return self._exchange("-c", f"remote.{self.name}.mirror=false", *PUSH, *options, END, self.name, *specs)

    def _settle(self, failure: GitFailed, commit: str, branch: str) -> None:
        """Find out whether a push without an answer arrived, as where the connection broke behind it.

        Raises
        ------
        BranchError
            Where it did not, or nobody can tell.
        """
        outcome = "Nothing was published."
        try:
            self.fetch(branch)
            tip = self.tip(branch)
            if tip is not None:
                self._git.run("merge-base", "--is-ancestor", commit, tip)
                return
        except GitFailed:
            pass
        except BranchError:
            if is_broken_off(failure):
                outcome = "Whether it was published will be seen when it answers."
        raise unreachable(failure, self.name, outcome) from None

    def _exchange(self, *words: str) -> str:
        return self._git.run(*words, more=quietly(self._git), timeout=self.timeout)

    def _tracking(self, branch: str) -> str:
        return f"refs/remotes/{self.name}/{branch}"

    def _forget(self, branch: str) -> None:
        self._git.run("update-ref", "--no-deref", "-d", self._tracking(branch))


def drop_tag(remote: Remote, name: str, *, expected: str) -> None:
    """Delete the tag `name` at a remote that has the `expected` one; where it has none nothing happens.

    Raises
    ------
    BranchError
        Where it has another, refuses, or cannot be reached.
    """
    ref = f"{TAGS}{valid_tag(name)}"
    there = remote.listed(ref)
    if there is None:
        return
    if there != expected:
        raise BranchError(
            f"{remote.name} has another tag {name!r}; nothing was deleted.",
            remedy=f"Look at both: `git ls-remote {remote.name} {ref}` and `git cat-file tag {name}`.",
        )
    try:
        remote._push([f":{ref}"], f"--force-with-lease={ref}:{expected}")
    except GitFailed as failure:
        raise refused(failure, remote.name) from None


def find_remote(git: Git, name: str, *, branch: str, protected: tuple[str, ...]) -> Remote | None:
    """Return the remote that `branch` tracks, else the one called `name`; `None` where there is neither.

    Raises
    ------
    InvalidName, BranchError
        Where its name or address could be taken for an option or a command.
    """
    chosen = chosen_remote(git, name, branch=branch)
    return Remote(chosen, without_secrets(address_of(git, chosen)), git, protected) if chosen else None


def _spec(ref: str) -> str:
    if ref.startswith(TAGS):
        valid_tag(ref.removeprefix(TAGS))
    elif not _APPROVAL.fullmatch(ref):
        raise BranchError(f"{ref[:120]!r} is neither a tag nor an approval.", remedy="Push commits with `push`.")
    return f"{ref}:{ref}"  # another approval of the same commit goes on from it, as git sees it
