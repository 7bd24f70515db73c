"""`Remote`: the repository that a team shares. Nothing is ever forced on its branches, and nobody is asked anything."""

from __future__ import annotations

import os
import re
import shlex
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING

from workbench.branches.git import Git, GitFailed, explained, is_full_id
from workbench.branches.names import valid_branch, valid_remote, valid_tag
from workbench.branches.processes import NEVER_ASK
from workbench.branches.tags import APPROVALS, FETCHED, TAGS
from workbench.errors import BranchError, BranchMoved, ProtectedBranch

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TRANSPORTS = "file:git:http:https:ssh"
"""What git may talk through; ``ext::`` and its like run a command that the address spells."""

_ADDRESS = re.compile(r"(?!-)(?![A-Za-z0-9+.-]*::)[^\x00-\x1f\x7f]+")
_APPROVAL = re.compile(rf"{re.escape(APPROVALS)}([0-9a-f]{{40}}|[0-9a-f]{{64}})/[a-z0-9][a-z0-9-]*")
_LOST = (
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

_BROKEN = ("hung up unexpectedly", "unexpected disconnect", "RPC failed", "early EOF", "roken pipe", "onnection reset")
"""What git says where the connection broke after it had been made."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A remote of the project's repository.

    Attributes
    ----------
    name, url
        As git knows it.
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

        No branch of this repository moves. A branch that the remote does not have is forgotten here.

        Raises
        ------
        BranchError
            Where the remote cannot be reached.
        """
        kept = f"+{APPROVALS}*:{FETCHED}{self.name}/approvals/*"
        wanted = [valid_branch(branch) for branch in branches]
        while True:
            named = [f"+refs/heads/{branch}:{self._tracking(branch)}" for branch in wanted]
            specs = named if branches else [f"+refs/heads/*:{self._tracking('*')}"]
            try:
                self._exchange(
                    *("-c", f"remote.{self.name}.tagOpt="),
                    *(
                        "fetch",
                        "--quiet",
                        "--refmap=",
                        "--prune",
                        "--no-prune-tags",
                        "--no-write-fetch-head",
                        "--no-auto-maintenance",
                    ),
                    *("--recurse-submodules=no", "--end-of-options", self.name, *specs, kept),
                )
            except GitFailed as failure:
                gone = next((branch for branch in wanted if _is_missing(failure, branch)), None)
                if gone is None:
                    raise self._unreachable(failure, "Nothing was fetched.") from None
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
            reasons = _reasons(failure)
            if any(clue in reason for reason in reasons.values() for clue in _LOST):
                raise BranchMoved.at_remote(branch, remote=self.name) from None
            if reasons:
                raise self._refused(failure, reasons) from None
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
            reasons = _reasons(failure)
            if any("already exists" in reason for reason in reasons.values()):
                raise BranchError(
                    f"{self.name} has another tag of that name: {', '.join(reasons)}.",
                    remedy="Choose another name; a release is never replaced.",
                ) from None
            if reasons:
                raise self._refused(failure, reasons) from None
            raise self._unreachable(failure, "Try again; pushing them twice does no harm.") from None

    def listed(self, ref: str) -> str | None:
        """Return the object id of one ref (``refs/...``) as the remote has it now, or `None`.

        Raises
        ------
        BranchError
            Where the remote cannot be reached.
        """
        try:
            out = self._exchange("ls-remote", "--quiet", "--refs", "--end-of-options", self.name, ref)
        except GitFailed as failure:
            raise self._unreachable(failure, "Nothing was changed.") from None
        rows = (line.split("\t", 1) for line in out.splitlines())
        return next((object_id for object_id, name in rows if name == ref), None)

    def _push(self, specs: Sequence[str], *options: str) -> str:
        return self._exchange(
            *("-c", f"remote.{self.name}.mirror=false"),
            *("push", "--porcelain", "--no-verify", "--no-follow-tags", "--no-signed", "--recurse-submodules=no"),
            *(*options, "--end-of-options", self.name, *specs),
        )

    def _settle(self, failure: GitFailed, commit: str, branch: str) -> None:
        """Find out whether a push without an answer arrived, as where the connection broke behind it.

        Raises
        ------
        BranchError
            Where it did not, or nobody can tell.
        """
        said = str(failure)
        is_open = failure.code is None or any(clue in said for clue in _BROKEN)
        try:
            self.fetch(branch)
            tip = self.tip(branch)
            if tip is not None:
                self._git.run("merge-base", "--is-ancestor", commit, tip)
                return
        except (BranchError, GitFailed) as error:
            is_open = is_open and isinstance(error, BranchError)
        outcome = "Whether it was published will be seen when it answers." if is_open else "Nothing was published."
        raise self._unreachable(failure, outcome) from None

    def _refused(self, failure: GitFailed, reasons: dict[str, str]) -> BranchError:
        if not reasons:
            return self._unreachable(failure, "Nothing was changed.")
        said = [
            line.removeprefix("remote:").strip() for line in str(failure).splitlines() if line.startswith("remote:")
        ]
        return BranchError(
            f"{self.name} refused the push: {'; '.join(reasons.values())}. Nothing was published.",
            lines=[f"  {line}" for line in said[:5] if line],
            remedy="Its own rules forbid it: ask who keeps that repository.",
        )

    def _unreachable(self, failure: GitFailed, outcome: str) -> BranchError:
        said = [line for line in str(failure).splitlines() if line.startswith(("fatal:", "ssh:", "error:"))]
        lines = said or str(failure).splitlines()[-2:]
        return BranchError(
            f"The remote {self.name!r} cannot be reached. {outcome}",
            lines=[f"  {_without_secrets(line)}" for line in lines[:4]],
            remedy=f"See whether `git ls-remote {self.name}` works without asking for a password, then try again.",
        )

    def _exchange(self, *words: str) -> str:
        more = {**NEVER_ASK, "GIT_ALLOW_PROTOCOL": os.environ.get("GIT_ALLOW_PROTOCOL", TRANSPORTS), **self._ssh()}
        return self._git.run(*words, more=more, timeout=self.timeout)

    def _ssh(self) -> dict[str, str]:
        """Return how ssh is to be called: as the user has it configured, but without questions."""
        command = os.environ.get("GIT_SSH_COMMAND") or self._git.configured("core.sshCommand")
        if command is None and "GIT_SSH" in os.environ:
            return {}
        command = command or "ssh"
        try:
            program = PurePath(shlex.split(command)[0]).name
        except (ValueError, IndexError):
            return {}
        return {"GIT_SSH_COMMAND": f"{command} -oBatchMode=yes -oConnectTimeout=20"} if program == "ssh" else {}

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
        remote._push([f":{ref}"], f"--force-with-lease={ref}:{expected}")  # noqa: SLF001
    except GitFailed as failure:
        raise remote._refused(failure, _reasons(failure)) from None


def find_remote(git: Git, name: str, *, branch: str, protected: tuple[str, ...]) -> Remote | None:
    """Return the remote that `branch` tracks, else the one called `name`; `None` where there is neither.

    Raises
    ------
    InvalidName, BranchError
        Where its name or address could be taken for an option or a command.
    """
    tracked = git.configured(f"branch.{branch}.remote")
    known = git.run("remote").splitlines()
    chosen = tracked if tracked and tracked != "." else name
    if chosen not in known and chosen != tracked:
        return None
    valid_remote(chosen)
    try:
        addresses = [git.run("remote", "get-url", *push, "--all", chosen).splitlines() for push in ((), ("--push",))]
    except GitFailed as failure:
        raise explained(failure, f"looking up the remote {chosen}") from None
    for address in (*addresses[0], *addresses[1]):
        if not _ADDRESS.fullmatch(address):
            raise BranchError(
                f"The remote {chosen!r} has an address that could run a command: {_without_secrets(address)[:120]!r}.",
                remedy=f"Set it to a path, https://... or ssh://...: git remote set-url {chosen} <address>.",
            )
    return Remote(chosen, addresses[0][0], git, protected)


def _spec(ref: str) -> str:
    if ref.startswith(TAGS):
        return f"{TAGS}{valid_tag(ref.removeprefix(TAGS))}:{ref}"
    if _APPROVAL.fullmatch(ref):
        return f"+{ref}:{ref}"
    raise BranchError(f"{ref[:120]!r} is neither a tag nor an approval.", remedy="Push commits with `push`.")


def _reasons(failure: GitFailed) -> dict[str, str]:
    """Return why each ref was rejected, by its name: ``git push --porcelain`` prints ``!<tab>from:to<tab>why``."""
    rows = (line.split("\t", 2) for line in failure.out.splitlines() if line.startswith("!\t"))
    return {row[1].rpartition(":")[2]: row[2] for row in rows if len(row) == 3}


def _is_missing(failure: GitFailed, branch: str) -> bool:
    return f"couldn't find remote ref refs/heads/{branch}" in str(failure).splitlines()[-1].removeprefix("fatal: ")


def _without_secrets(text: str) -> str:
    return re.sub(r"(://)[^/@\s]+@", r"\1...@", text)
