"""`Writer`: what every handle that writes does alike: objects first, then one compare-and-swap."""

from __future__ import annotations

import stat
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from workbench.errors import BranchError, BranchMoved, BranchNotFound, ProtectedBranch, SigningFailed
from workbench.files import sync
from workbench.git.command import Git, GitFailed, explain_failure
from workbench.git.hooks import Hooks
from workbench.git.merge import Conflict, MergeResult, merge_text
from workbench.git.reader import Reader
from workbench.git.remote import Remote, find_remote
from workbench.git.signatures import Signature, SignedObject, add_signature, can_sign, sign, verify_signature
from workbench.git.tags import TAGS, tag_payload
from workbench.git.worktrees import branches_in_rebase, refuse_lost_edits, warn_unfinished

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from workbench.git.worktrees import Worktree

WITHOUT = "To go on without a signature: --no-sign, or sign = false under [git] in workbench.toml."

_OTHERS = ("but expected", "already exists", "unable to resolve")
"""What git says of a ref that somebody else has moved."""


class Writer(Reader):
    """The writing half of `Repository` and `Publisher`: trees, merges and commits, and moving a branch to one.

    Objects that no ref reaches harm nobody. Branches are moved in `_swap` alone, which refuses protected ones itself.
    """

    def tree_with(self, commit: str, changes: Mapping[str, str | bytes | None]) -> str:
        """Return the id of the root tree of `commit` with files written or deleted (`None`). No ref moves."""
        return self._tree_with(
            self._tree(commit),
            {path: _bytes(path, text) if isinstance(text, str) else text for path, text in changes.items()},
        )

    def merge_files(self, ours: str, theirs: str, *, base: str | None, paths: Collection[str]) -> MergeResult:
        """Merge some files of `theirs` into the tree of `ours`, three-way, without a checkout. No ref moves.

        Nothing that the user has configured alters the outcome: no merge driver, attribute, style or rename.
        """
        tree = self._tree(ours)
        sides = (self._tree(base) if base else None, tree, self._tree(theirs))
        changes: dict[str, bytes | str | None] = {}
        conflicts = []
        for path in dict.fromkeys(paths):
            old, mine, other = (self._blob(side, path) for side in sides)
            if other in (old, mine):
                continue
            if mine == old:
                changes[path] = other
                continue
            texts = [None if blob is None else self.read_blob(blob) for blob in (old, mine, other)]
            merged = merge_text(*texts)
            if merged is None:
                conflicts.append(Conflict(path, *map(_shown, texts)))
            else:
                changes[path] = merged
        return MergeResult(self._tree_with(tree, changes), tuple(conflicts))

    def can_sign(self) -> bool:
        """Whether git knows a key to sign commits and tags with."""
        return can_sign(self._git)

    def wants_signature(self) -> bool:
        """Whether an agreement is signed that nobody demands to be: where git knows a key, unless told otherwise."""
        return self.can_sign() if self.signs is None else self.signs

    def prove(self, allowed_signers: str) -> Signature:
        """Return what a signature that is made now is worth: it tells who really is at work here.

        What is signed is no git object, so that nobody can use it as an approval or a commit.
        """
        who = self.identity()
        payload = f"At work in workbench, {datetime.now(UTC).isoformat()}: {who}\n".encode("utf-8", "surrogateescape")
        signature = sign(self._git, payload, self._stamp())
        claimed = who.rpartition("<")[2].rstrip(">")
        return verify_signature(SignedObject(payload, signature, claimed), allowed_signers=allowed_signers)

    def remote(self, name: str = "origin", *, branch: str | None = None) -> Remote | None:
        """Return the remote that `branch` tracks, else the one called `name`; `None` where there is neither.

        It refuses to push what this handle refuses to write.
        """
        return find_remote(self._git, name, branch=branch or self.trunk, protected=self.protected)

    def refuse_unpushed(self, branch: str, expected: str, remote: Remote) -> None:
        """Refuse to push, along with a commit, others below it that nobody has looked at where `remote` keeps them."""
        theirs = remote.tip(branch)
        if theirs is None or theirs == expected:
            return
        if not self.contains(expected, theirs):
            raise BranchMoved.at_remote(branch, remote=remote.name)
        raise BranchError(
            f"Branch {branch!r} here has commits that {remote.name} does not have, and they would be published along.",
            remedy=f"Publish them first, as {remote.name} lets you: git push {remote.name} {branch}.",
        )

    def refuse_lost_edits(self, branch: str, expected: str, after: str) -> None:
        """Refuse to move `branch` to the commit or tree `after` where a working tree that has it would lose edits."""
        for place in self._worktrees():
            if place.branch == branch:
                refuse_lost_edits(Git(place.folder, locks=self._git.locks), expected, after)

    def _blob(self, tree: str | None, path: str) -> str | None:
        """Return the id of a regular file's content in a tree; None where there is none."""
        found = self._objects.find(tree, self._file(path)) if tree else None
        if found is None:
            return None
        if not stat.S_ISREG(found[0]):
            raise BranchError(
                f"{path} is a folder, a link or a submodule somewhere, so it cannot be merged as a file.",
                remedy="Make it a regular file, or choose another name. Nothing was changed.",
            )
        return found[1]

    def _tree_with(self, tree: str, changes: Mapping[str, bytes | str | None]) -> str:
        parts = {self._file(path): content for path, content in changes.items()}
        return self._objects.edit_tree(tree, parts) or self._objects.write_empty_tree()

    def _file(self, path: str) -> tuple[str, ...]:
        parts = self._parts(path)
        if not path:
            raise BranchError("A file needs a name.", remedy="Use a relative path, with '/'.")
        return parts

    def _store_commit(
        self, tree: str, parents: Sequence[str], message: str, stamp: str, *, branch: str, is_signed: bool = False
    ) -> str:
        """Write a commit for `branch`, past the hooks if they are asked for, signed if it has to be or git says so."""
        if self.hooks:
            hooks = Hooks(self._git, self.git_dir, self._top, self._prefix)
            message = hooks.run(tree, message, branch=branch, parent=parents[0] if parents else None)
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        lines += [f"author {stamp}", f"committer {stamp}", "", message]
        data = "\n".join(lines).encode("utf-8", "surrogateescape")
        if is_signed or self._is_configured("commit.gpgSign"):
            data = add_signature(data, self._sign(data, stamp, is_demanded=is_signed), is_long=len(tree) > 40)
        return self._objects.write("commit", data)

    def _store_tag(self, commit: str, name: str, message: str, *, is_signed: bool, is_demanded: bool = True) -> str:
        stamp = self._stamp()
        data = tag_payload(commit, name, stamp, message)
        if is_signed or self._is_configured("tag.gpgSign", "tag.forceSignAnnotated"):
            data += self._sign(data, stamp, is_demanded=is_signed and is_demanded)
        return self._objects.write("tag", data)

    def _is_configured(self, *names: str) -> bool:
        """Whether to sign although nobody demands it: as this handle was told, else as git is, by one of `names`."""
        return any(self._git.is_enabled(name) for name in names) if self.signs is None else self.signs

    def _sign(self, payload: bytes, stamp: str, *, is_demanded: bool) -> bytes:
        try:
            return sign(self._git, payload, stamp)
        except SigningFailed as error:
            if is_demanded:
                raise
            raise SigningFailed(error.message, lines=error.lines, remedy=f"{error.remedy} {WITHOUT}") from None

    def _advance(self, branch: str, commit: str, expected: str) -> None:
        """Move `branch` from `expected` to `commit`, which stands on it; working trees follow, or nothing happens."""
        places = [place for place in self._worktrees() if place.branch == branch]
        if not places:
            self._swap(branch, commit, expected)
            return
        follower = self._follower()
        with follower.lock():
            follower.finish([place.folder for place in places], self._find_tip)
            tip = self._tip(branch)
            if tip != expected:
                raise BranchMoved.during(branch, expected=expected, found=tip)
            unfinished = follower.move(places, expected, commit, lambda: self._swap(branch, commit, expected))
        warn_unfinished(unfinished)

    def _swap(self, branch: str, new: str, old: str) -> None:
        """Move `branch` from `old` to `new` in one step, or not at all."""
        self._refuse_protected(branch)
        try:
            self._move_ref(f"refs/heads/{branch}", new, old)
        except GitFailed as failure:
            found = self._find_tip(branch)
            if found is None and old.strip("0"):
                raise BranchNotFound.named(branch, self.names()) from None
            if found is not None and found != old:
                raise BranchMoved.during(branch, expected=old, found=found) from None
            raise explain_failure(failure, f"moving {branch}") from None

    def _move_ref(self, ref: str, new: str | None, old: str | None = None) -> None:
        """Move a ref to `new`, or delete it where that is `None`, if it is at `old` where one is given.

        A git that is struck after it has moved the ref says that it failed, and has not: what is there counts.
        """
        words = ("-d", ref) if new is None else ("-m", "workbench", ref, new)
        try:
            # --no-deref: a ref that is a symbolic name of another never leads to writing that one
            self._git.run("update-ref", "--no-deref", *words, *([old] if old else []))
        except GitFailed as failure:
            if any(clue in str(failure) for clue in _OTHERS) or self._refs(ref).get(ref) != new:
                raise
        if new is not None:
            self._sync_ref(ref)

    def _sync_ref(self, ref: str) -> None:
        """Flush the name of a ref that git has just renamed its file to: git flushes the file alone."""
        with suppress(OSError):  # refs are kept in another format
            sync((self.git_dir / ref).parent)

    def _refuse_protected(self, branch: str) -> None:
        """Refuse to write a protected branch, also as a disk that ignores case spells it."""
        if branch.casefold() in {name.casefold() for name in self.protected}:
            raise ProtectedBranch.named(branch)

    def _refuse_ambiguous(self, name: str, *, kind: Literal["branch", "tag"]) -> None:
        """Refuse a new name that git would take for another ref, or another ref's for it."""
        others = {
            f"refs/{name}": "another ref",
            f"refs/remotes/{name}": "a branch of a remote",
            f"refs/remotes/{name}/HEAD": "a remote",
            **({f"refs/heads/{name}": "a branch"} if kind == "tag" else {f"{TAGS}{name}": "a tag"}),
        }
        there = self._refs(*others)
        found = [what for ref, what in others.items() if ref in there]
        remotes = self._git.run("remote").splitlines()
        found += ["a remote"] if name.split("/", maxsplit=1)[0] in remotes else []
        if found:
            raise BranchError(
                f"{name!r} is {found[0]}, and git would take one for the other.",
                remedy=f"Choose another name for the {kind}.",
            )

    def _refuse_unborn(self, name: str, parent: str | None, places: Sequence[Worktree]) -> None:
        """Refuse a branch that a working tree waits to make itself: its files would all seem deleted."""
        for place in places:
            if parent and place.is_unborn and place.branch == name:
                raise BranchError(
                    f"{place.folder} has {name!r} checked out, without a commit yet.",
                    remedy="Commit there first, switch it to another branch, or choose another name.",
                )

    def _refuse_rebased(self, branch: str) -> None:
        if branch in branches_in_rebase(self.git_dir):
            raise BranchError(
                f"Branch {branch!r} is being rebased or bisected, and git will move it itself at the end.",
                remedy="Finish that first (`git rebase --continue` or `--abort`), or write to another branch.",
            )


def _bytes(path: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise BranchError(f"{path} holds characters that are not Unicode.", remedy="Take them out.") from None


def _shown(content: bytes | None) -> str | None:
    return None if content is None else content.decode("utf-8", "replace")
