"""`Remote`: the repository that a team shares. Nothing is ever forced on its branches, and nobody is asked anything.

GitPython's fetch and push run in our own session, where ssh finds the terminal to ask on, and read ids as SHA-1 only.
Below: which addresses git may talk to, and what git says where an exchange failed, as outcomes and as errors.
"""

from __future__ import annotations

import os
import re
import shlex
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING

from workbench.errors import BranchError, BranchMoved, ProtectedBranch
from workbench.git.command import NEVER_ASK, Git, GitFailed, explain_failure, is_full_id, strip_terminal_codes
from workbench.git.names import valid_branch, valid_remote, valid_tag
from workbench.git.tags import APPROVALS, FETCHED, TAGS
from workbench.git.upstream import tracked_remote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

OVERTAKEN = (
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

DISCONNECTED = (
    "hung up unexpectedly",
    "unexpected disconnect",
    "RPC failed",
    "early EOF",
    "roken pipe",
    "onnection reset",
)
"""What git says where the connection broke after it had been made."""


def rejections(failure: GitFailed) -> dict[str, str]:
    """Return why each ref was rejected, by its name: ``git push --porcelain`` prints ``!<tab>from:to<tab>why``."""
    rows = (line.split("\t", 2) for line in failure.stdout.splitlines() if line.startswith("!\t"))
    return {row[1].rpartition(":")[2]: strip_terminal_codes(row[2]) for row in rows if len(row) == 3}


def is_lost_race(failure: GitFailed) -> bool:
    """Whether a push was rejected because another one came first."""
    return any(clue in reason for reason in rejections(failure).values() for clue in OVERTAKEN)


def is_disconnected(failure: GitFailed) -> bool:
    """Whether the connection broke, or took too long, when something may have arrived already."""
    return failure.status is None or any(clue in str(failure) for clue in DISCONNECTED)


def is_about_tags(failure: GitFailed) -> bool:
    """Whether all that a fetch could not do was to replace tags of this repository's own."""
    refused = [line for line in str(failure).splitlines() if "[rejected]" in line]
    return bool(refused) and all("would clobber existing tag" in line for line in refused)


def is_concurrent(failure: GitFailed) -> bool:
    """Whether another process of this repository noted what was fetched at the same moment."""
    return "cannot lock ref" in str(failure) or "unable to update local ref" in str(failure)


def is_missing(failure: GitFailed, branch: str) -> bool:
    """Whether a fetch failed because the remote does not have the branch."""
    return f"fatal: couldn't find remote ref refs/heads/{branch}" in str(failure).splitlines()


def push_error(failure: GitFailed, remote: str) -> BranchError:
    """Return the error for a remote that does not take what was pushed, or could not be asked."""
    reasons = rejections(failure)
    if not reasons:
        return unreachable_error(failure, remote, "Nothing was changed.")
    said = [line[len("remote:") :].strip() for line in str(failure).splitlines() if line.startswith("remote:")]
    return BranchError(
        f"{remote} refused the push: {'; '.join(reasons.values())}. Nothing was published.",
        lines=[f"  {line}" for line in said[:5] if line],
        remedy="Its own rules forbid it: ask who keeps that repository.",
    )


def unreachable_error(failure: GitFailed, remote: str, outcome: str) -> BranchError:
    """Return the error for a remote that gave no answer, with the `outcome` as far as it is known."""
    said = [line for line in str(failure).splitlines() if line.startswith(("fatal:", "ssh:", "error:"))]
    lines = said or str(failure).splitlines()[-2:]
    return BranchError(
        f"The remote {remote!r} cannot be reached. {outcome}",
        lines=[f"  {redact_userinfo(line)}" for line in lines[:4]],
        remedy=f"See whether `git ls-remote {remote}` works without asking for a password, then try again.",
    )


def redact_userinfo(text: str) -> str:
    """Return the text without the passwords in its addresses."""
    return re.sub(r"(://)[^/@\s]+@", r"\1...@", text)


TRANSPORTS = "file:git:http:https:ssh"
"""What git may talk through; ``ext::`` and its like run a command that the address spells."""

_PLAIN = re.compile(r"(?!-)(?![A-Za-z0-9+.-]*::)[^\x00-\x1f\x7f]+")


def read_address(git: Git, remote: str) -> str:
    """Return where a remote is fetched from, when no address of it could be taken for an option or a command."""
    valid_remote(remote)
    try:
        fetched, pushed = (
            git.run("remote", "get-url", *push, "--all", remote).splitlines() for push in ((), ("--push",))
        )
    except GitFailed as failure:
        raise explain_failure(failure, f"looking up the remote {remote}") from None
    for address in (*fetched, *pushed):
        if not _PLAIN.fullmatch(address):
            raise BranchError(
                f"The remote {remote!r} has an address that could run a command: {redact_userinfo(address)[:120]!r}.",
                remedy=f"Set it to a path, https://... or ssh://...: git remote set-url {remote} <address>.",
            )
    return fetched[0]


def batch_variables(git: Git) -> dict[str, str]:
    """Return the variables with which git asks nobody anything and runs no command that an address spells."""
    return {**NEVER_ASK, "GIT_ALLOW_PROTOCOL": os.environ.get("GIT_ALLOW_PROTOCOL", TRANSPORTS), **_ssh(git)}


def _ssh(git: Git) -> dict[str, str]:
    """Return how ssh is to be called: as the user has it configured, but in batch mode."""
    command = os.environ.get("GIT_SSH_COMMAND") or git.read_setting("core.sshCommand")
    if command is None and "GIT_SSH" in os.environ:
        return {}
    command = command or "ssh"
    try:
        program = PurePath(shlex.split(command)[0]).name
    except (ValueError, IndexError):
        return {}
    return {"GIT_SSH_COMMAND": f"{command} -oBatchMode=yes -oConnectTimeout=20"} if program == "ssh" else {}


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
        """
        kept = f"+{APPROVALS}*:{FETCHED}{self.name}/approvals/*"
        remaining = [valid_branch(branch) for branch in branches]
        patience = 20
        while True:
            named = [f"+refs/heads/{branch}:{self._tracking(branch)}" for branch in remaining]
            specs = named if branches else [f"+refs/heads/*:{self._tracking('*')}"]
            try:
                self._exchange(*FETCH, self.name, *specs, kept)
            except GitFailed as failure:
                if is_about_tags(failure):
                    return
                if is_concurrent(failure) and patience:
                    patience -= 1
                    continue
                gone = next((branch for branch in remaining if is_missing(failure, branch)), None)
                if gone is None:
                    raise unreachable_error(failure, self.name, "Nothing was fetched.") from None
                remaining.remove(gone)
                self._forget(gone)
            else:
                return

    def push(self, commit: str, branch: str) -> None:
        """Make `commit` the remote branch's tip, if it stands on what the branch is there; never by force."""
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
                raise push_error(failure, self.name) from None
            self._settle(failure, commit, branch)
        else:
            with suppress(GitFailed):  # the next fetch sees it
                self._git.run("update-ref", "--no-deref", "-m", "workbench", self._tracking(branch), commit)

    def push_refs(self, refs: Iterable[str]) -> None:
        """Give the remote tags (``refs/tags/...``) and approvals, as they are here.

        An approval replaces one by the same person; a tag never replaces another.
        """
        specs = [_push_spec(ref) for ref in refs]
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
            raise push_error(failure, self.name) from None

    def listed(self, ref: str) -> str | None:
        """Return the object id of one ref (``refs/...``) as the remote has it now, or `None`."""
        try:
            out = self._exchange("ls-remote", "--quiet", "--refs", END, self.name, ref)
        except GitFailed as failure:
            raise unreachable_error(failure, self.name, "Nothing was changed.") from None
        rows = (line.split("\t", 1) for line in out.splitlines())
        return next((object_id for object_id, name in rows if name == ref), None)

    def _push(self, specs: Sequence[str], *options: str) -> str:
        return self._exchange("-c", f"remote.{self.name}.mirror=false", *PUSH, *options, END, self.name, *specs)

    def _settle(self, failure: GitFailed, commit: str, branch: str) -> None:
        """Find out whether a push without an answer arrived, as where the connection broke behind it."""
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
            if is_disconnected(failure):
                outcome = "Whether it was published will be seen when it answers."
        raise unreachable_error(failure, self.name, outcome) from None

    def _exchange(self, *words: str) -> str:
        return self._git.run(*words, variables=batch_variables(self._git), timeout=self.timeout)

    def _tracking(self, branch: str) -> str:
        return f"refs/remotes/{self.name}/{branch}"

    def _forget(self, branch: str) -> None:
        self._git.run("update-ref", "--no-deref", "-d", self._tracking(branch))


def drop_tag(remote: Remote, name: str, *, expected: str) -> None:
    """Delete the tag `name` at a remote that has the `expected` one; where it has none nothing happens."""
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
        raise push_error(failure, remote.name) from None


def find_remote(git: Git, name: str, *, branch: str, protected: tuple[str, ...]) -> Remote | None:
    """Return the remote that `branch` tracks, else the one called `name`; `None` where there is neither."""
    tracked = tracked_remote(git, name, branch=branch)
    return Remote(tracked, redact_userinfo(read_address(git, tracked)), git, protected) if tracked else None


def _push_spec(ref: str) -> str:
    if ref.startswith(TAGS):
        valid_tag(ref.removeprefix(TAGS))
    elif not _APPROVAL.fullmatch(ref):
        raise BranchError(f"{ref[:120]!r} is neither a tag nor an approval.", remedy="Push commits with `push`.")
    return f"{ref}:{ref}"  # another approval of the same commit goes on from it, as git sees it
