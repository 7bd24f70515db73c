"""`Repository`: the project's git repository, read and written without touching what the user has checked out."""

from __future__ import annotations

import random
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from workbench.branches import trees
from workbench.branches.experiment import trailers_for
from workbench.branches.git import GitFailed, explained, is_full_id
from workbench.branches.names import refuse_clashes, valid_branch
from workbench.branches.reading import Reader
from workbench.branches.survey import MAIN
from workbench.branches.trailers import with_trailers
from workbench.branches.turns import in_turn
from workbench.branches.worktrees import Follower, rebased
from workbench.errors import BranchError, BranchMoved, BranchNotFound, ProtectedBranch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workbench.branches.model import Branch
    from workbench.branches.worktrees import Worktree


class Repository(Reader):
    """Git for a project in `root`, which may be a subfolder of the working tree; paths are relative to `root`.

    Open one with `Repository.open` or `Repository.init`, and close it, or use it in a ``with`` block.
    """

    def create(
        self,
        name: str,
        *,
        start: str = MAIN,
        message: str | None = None,
        objective: str | None = None,
        hypothesis: str | None = None,
        metrics: Sequence[str] = (),
        tags: Mapping[str, str] | None = None,
        protected: Sequence[str] = (),
    ) -> Branch:
        """Start the experiment `name` from `start`, with its description as trailers of a first, empty commit.

        Where `start` is checked out but has no commit yet, the experiment begins with an empty tree.

        Raises
        ------
        InvalidName
            For a name that must not reach git.
        BranchError
            Where it exists, another branch's name is in its way, or git knows no identity.
        BranchNotFound
            Where `start` does not exist.
        """
        valid_branch(name)
        if name in protected:
            raise ProtectedBranch.named(name)
        signature = self._signature()
        text = with_trailers(
            message or f"Start {name}", trailers_for(name, objective, hypothesis, tuple(metrics), dict(tags or {}))
        )
        refuse_clashes(name, self.names())
        places = self._worktrees()
        parent = self._start(start, places)
        self._refuse_unborn(name, parent, places)
        tree = self._tree(parent) if parent else trees.write(self._objects, {})
        commit = self._store_commit(tree, (parent,) if parent else (), text, signature)
        try:
            self._swap(name, commit, "0" * len(commit))
        except BranchMoved:
            raise BranchError(f"Branch {name!r} exists since a moment ago.", remedy="Switch to it.") from None
        return self.branch(name)

    def _start(self, start: str, places: Sequence[Worktree]) -> str | None:
        """Return the commit to start from; `None` where `start` has none yet."""
        try:
            return self.resolve(start)
        except BranchNotFound:
            is_unborn = any(place.is_unborn and place.branch == start for place in places)
            if is_unborn or (start == MAIN and not self.names()):
                return None
            raise

    def _refuse_unborn(self, name: str, parent: str | None, places: Sequence[Worktree]) -> None:
        """Refuse a branch that a working tree waits to make itself: its files would all seem deleted."""
        for place in places:
            if parent and place.is_unborn and place.branch == name:
                raise BranchError(
                    f"{place.folder} has {name!r} checked out, without a commit yet.",
                    remedy="Commit there first, switch it to another branch, or choose another name.",
                )

    def delete(self, name: str, *, force: bool = False, protected: Sequence[str] = ()) -> None:
        """Delete the branch `name`.

        Raises
        ------
        BranchError
            Where it is protected, checked out somewhere, or (without `force`) holds changes that no other branch has.
        """
        tip = self._tip(name)
        if name in protected:
            raise ProtectedBranch.named(name)
        self._refuse_rebased(name)
        for place in self._worktrees():
            if place.branch == name:
                raise BranchError(
                    f"Branch {name!r} is checked out in {place.folder}.",
                    remedy="Switch that working tree to another branch first.",
                )
        alone = self._git.run("rev-list", "--count", tip, "--not", f"--exclude={name}", "--branches").strip()
        if not force and alone != "0" and self._changes(tip):
            raise BranchError(
                f"Branch {name!r} holds {alone} commits that are nowhere else.",
                remedy=f"Delete it with --force if you mean it; `git branch {name} {tip[:10]}` brings it back.",
            )
        try:
            self._git.run("update-ref", "-d", f"refs/heads/{name}", tip)
        except GitFailed as failure:
            found = self._found(name)
            if found not in {tip, None}:
                raise BranchMoved.during(name, expected=tip, found=str(found)) from None
            raise explained(failure, f"deleting {name}") from None

    def _changes(self, tip: str) -> bool:
        """Whether any file differs between `tip` and where it left main; a description alone is no loss."""
        main = self._found(MAIN)
        base = self.merge_base(main, tip) if main else None
        before = self._tree(base) if base else trees.write(self._objects, {})
        return self._tree(tip) != before

    def tree_with(self, commit: str, changes: Mapping[str, str | None]) -> str:
        """Return the id of the root tree of `commit` with files written (text) or deleted (`None`). No ref moves.

        Raises
        ------
        BranchError
            For a path that leaves the project, a file in a folder's place, or text that is not Unicode.
        """
        tree = self._tree(commit)
        parts = {self._file(path): None if text is None else _bytes(path, text) for path, text in changes.items()}
        return trees.edited(self._objects, tree, parts) or trees.write(self._objects, {})

    def _file(self, path: str) -> tuple[str, ...]:
        parts = self._parts(path)
        if not path:
            raise BranchError("A file needs a name.", remedy="Use a relative path, with '/'.")
        return parts

    def commit_tree(
        self,
        branch: str,
        tree: str,
        *,
        expected: str,
        message: str,
        trailers: Sequence[tuple[str, str]] = (),
        protected: Sequence[str] = (),
    ) -> str:
        """Commit `tree` on `branch` if its tip is still `expected`, and return the commit.

        Working trees that have the branch checked out follow; where one would lose local edits nothing happens.

        Raises
        ------
        BranchMoved
            Where somebody else came first.
        ProtectedBranch, BranchError
            Where the branch may not be written, or a working tree cannot follow.
        """
        if branch in protected:
            raise ProtectedBranch.named(branch)
        if not is_full_id(expected) or not is_full_id(tree):
            raise BranchError("A commit needs full object ids.", remedy="Resolve the names first.")
        self._tip(branch)
        return self._move(branch, tree, expected, with_trailers(message, trailers), self._signature())

    def _move(self, branch: str, tree: str, expected: str, text: str, signature: str) -> str:
        self._refuse_rebased(branch)
        commit = self._store_commit(tree, (expected,), text, signature)
        places = [place for place in self._worktrees() if place.branch == branch]
        if not places:
            self._swap(branch, commit, expected)
            return commit
        follower = Follower(self.git_dir)
        with follower.alone():
            follower.finish(places, self._tip)
            tip = self._tip(branch)
            if tip != expected:
                raise BranchMoved.during(branch, expected=expected, found=tip)
            follower.move(places, expected, commit, lambda: self._swap(branch, commit, expected))
        return commit

    def commit(
        self,
        branch: str,
        changes: Mapping[str, str | None],
        *,
        message: str,
        trailers: Sequence[tuple[str, str]] = (),
        protected: Sequence[str] = (),
        attempts: int = 20,
    ) -> str:
        """Commit `changes` on `branch`, again on its new tip where others come first; nothing to change, no commit.

        Raises
        ------
        BranchMoved
            Where others came first `attempts` times.
        """
        if branch in protected:
            raise ProtectedBranch.named(branch)
        text, attempt = with_trailers(message, trailers), 1
        with ExitStack() as line:
            while True:
                tip, signature = self._tip(branch), self._signature()
                tree = self.tree_with(tip, changes)
                if tree == self._tree(tip):
                    return tip
                try:
                    return self._move(branch, tree, tip, text, signature)
                except BranchMoved:
                    if attempt >= attempts:
                        raise
                if attempt == 1:  # among equals luck alone would fail some writer in the end
                    line.enter_context(in_turn(self.git_dir))
                time.sleep(random.uniform(0, 0.005 * attempt))  # noqa: S311  others may not stand in line
                attempt += 1

    def _store_commit(self, tree: str, parents: tuple[str, ...], message: str, signature: str) -> str:
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        lines += [f"author {signature}", f"committer {signature}", "", message]
        return self._objects.store("commit", "\n".join(lines).encode("utf-8", "surrogateescape"))

    def _swap(self, branch: str, new: str, old: str) -> None:
        """Move `branch` from `old` to `new` in one step, or not at all."""
        try:
            self._git.run("update-ref", "-m", "workbench", f"refs/heads/{branch}", new, old)
        except GitFailed as failure:
            found = self._found(branch)
            if found is None and old.strip("0"):
                raise BranchNotFound.named(branch, self.names()) from None
            if found is not None and found != old:
                raise BranchMoved.during(branch, expected=old, found=found) from None
            raise explained(failure, f"moving {branch}") from None

    def _refuse_rebased(self, branch: str) -> None:
        if branch in rebased(self.git_dir):
            raise BranchError(
                f"Branch {branch!r} is being rebased or bisected, and git will move it itself at the end.",
                remedy="Finish that first (`git rebase --continue` or `--abort`), or write to another branch.",
            )


def _bytes(path: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise BranchError(f"{path} holds characters that are not Unicode.", remedy="Take them out.") from None
