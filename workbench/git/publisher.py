"""`Publisher`: the handle that writes protected branches and tags. Only the room ``promote`` opens one."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from workbench.errors import BranchError, BranchMoved, WorkbenchError
from workbench.git.command import GitFailed, explain_failure, is_full_id
from workbench.git.history import MADE_AT, add_trailers
from workbench.git.names import refuse_clashes, valid_tag
from workbench.git.remote import drop_tag
from workbench.git.tags import TAGS, Tag
from workbench.git.worktrees import Unfinished, warn_unfinished
from workbench.git.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from workbench.git.remote import Remote


_TURN_OF_SECOND = 10.0
"""Seconds that git's clock and ours may be apart, for what happens between looking at them."""


class Publisher(Writer):
    """Writes what is published, in the repository around a project. No other handle leads to one.

    Open it with `Publisher.open`, and close it, or use it in a ``with`` block.
    """

    def commit(
        self,
        branch: str,
        tree: str,
        *,
        expected: str,
        message: str,
        parents: Sequence[str] = (),
        trailers: Sequence[tuple[str, str]] = (),
        sign: bool = False,
        confirm: Callable[[str], None] | None = None,
        remote: Remote | None = None,
    ) -> str:
        """Commit `tree` on `branch` if its tip is still `expected`, and return the commit.

        Working trees that have the branch checked out follow; where one would lose local edits nothing happens. With
        a `remote` the push is what counts: before it nothing has happened, after it the commit is published, and where
        the local branch could not follow `follow_remote` finishes, or says why it cannot.
        """
        line = tuple(dict.fromkeys(parents)) or (expected,)
        if not all(map(is_full_id, (expected, tree, *line))):
            raise BranchError("A commit needs full object ids.", remedy="Resolve the names first.")
        if line[0] != expected:
            raise BranchError("A branch goes on from its tip.", remedy="Give the expected tip as the first parent.")
        tip = self._tip(branch)
        if tip != expected:
            raise BranchMoved.during(branch, expected=expected, found=tip)
        self._refuse_rebased(branch)
        stamp, made_at = _exact_stamp(self._stamp(), datetime.now(UTC))
        text = add_trailers(message, [*trailers, *made_at])
        commit = self._store_commit(tree, line, text, stamp, branch=branch, is_signed=sign)
        if confirm is not None:
            confirm(commit)
        if remote is None:
            self._advance(branch, commit, expected)
            return commit
        self.refuse_unpushed(branch, expected, remote)
        self.refuse_lost_edits(branch, expected, commit)
        replace(remote, _protected=()).push(commit, branch)
        try:
            self._advance(branch, commit, expected)
        except WorkbenchError as error:  # it is published; the next `follow_remote` finishes, or says why it cannot
            warn_unfinished([_unfollowed(self._top, branch, remote.name, error)])
        return commit

    def pack(self) -> None:
        """Have git pack loose objects, as its settings say: when there are many, in the background, or never."""
        with suppress(WorkbenchError):
            if self._git.run("config", "--type=bool", "--default=true", "--get", "maintenance.auto").strip() == "true":
                self._git.run("gc", "--auto", "--quiet")

    def follow_remote(self, branch: str, *, remote: Remote | None = None) -> str | None:
        """Bring `branch` and its working trees up to the remote's, as last fetched, and return its tip.

        A branch that is ahead of the remote's stays. Without a remote, or where the remote has no such branch, nothing
        happens.
        """
        source = remote or self.remote(branch=branch)
        theirs = source.tip(branch) if source else None
        ours = self._find_tip(branch)
        if source is None or theirs is None or theirs == ours or (ours and self.contains(ours, theirs)):
            return ours
        self._refuse_rebased(branch)
        if ours is None:
            self._refuse_unborn(branch, theirs, self._worktrees())
            self._swap(branch, theirs, "0" * len(theirs))
        elif self.contains(theirs, ours):
            self._advance(branch, theirs, ours)
        else:
            raise BranchError(
                f"Branch {branch!r} here and at {source.name} have diverged.",
                lines=[f"  here {ours[:10]}, at {source.name} {theirs[:10]}"],
                remedy=f"What only your {branch} has is not published: keep it with `git branch mine {branch}`, then "
                f"`git checkout {branch} && git reset --keep {source.name}/{branch}`.",
            )
        return theirs

    def tag(
        self,
        name: str,
        commit: str,
        *,
        message: str,
        trailers: Sequence[tuple[str, str]] = (),
        sign: bool = False,
    ) -> Tag:
        """Make the annotated tag `name` on a commit and return it. No tag is ever overwritten."""
        about = self.show(commit).id
        refuse_clashes(valid_tag(name), (ref.removeprefix(TAGS) for ref in self._refs(TAGS.rstrip("/"))), kind="tag")
        self._refuse_ambiguous(name, kind="tag")
        made = self._store_tag(about, name, add_trailers(message, trailers), is_signed=sign)
        try:
            self._move_ref(f"{TAGS}{name}", made, "0" * len(made))
        except GitFailed as failure:
            if self._refs(f"{TAGS}{name}"):
                raise BranchError(f"Tag {name!r} exists since a moment ago.", remedy="Choose another name.") from None
            raise explain_failure(failure, f"making the tag {name}") from None
        return Tag.of(name, made, self._objects.read(made)[1])

    def drop_tag(self, name: str, *, remote: Remote | None = None) -> None:
        """Delete the tag `name`, at the remote first; where there is none nothing happens."""
        ref = f"{TAGS}{valid_tag(name)}"
        found = self._refs(ref).get(ref)
        if found is None:
            return
        if remote is not None:
            drop_tag(remote, name, expected=found)
        try:
            self._move_ref(ref, None, found)
        except GitFailed as failure:
            raise explain_failure(failure, f"deleting the tag {name}") from None


def _unfollowed(top: Path, branch: str, remote: str, error: WorkbenchError) -> Unfinished:
    return Unfinished(
        top,
        f"It is published at {remote}, but {branch} here could not follow.",
        tuple(error.message.splitlines()),
        f"What reads {branch} here sees the state before. The next command that publishes brings it along.",
    )


def _exact_stamp(stamp: str, now: datetime) -> tuple[str, list[tuple[str, str]]]:
    """Return ``Name <email> seconds zone`` for `now`, and the trailer that says it to the microsecond.

    A time that the user has set for git stays, and is not said more exactly.
    """
    who, seconds, zone = stamp.rsplit(" ", 2)
    if abs(now.timestamp() - int(seconds)) > _TURN_OF_SECOND:
        return stamp, []
    return f"{who} {int(now.timestamp())} {zone}", [(MADE_AT, now.isoformat(timespec="microseconds"))]
