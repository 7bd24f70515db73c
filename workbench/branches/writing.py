"""`Writer`: what every handle that writes does alike: objects first, then one compare-and-swap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.branches import trees
from workbench.branches.git import GitFailed, explained
from workbench.branches.merging import Conflict, Merged, merged_text
from workbench.branches.reading import Reader
from workbench.branches.remote import Remote, find_remote
from workbench.branches.signing import can_sign, sign, with_signature
from workbench.branches.survey import MAIN
from workbench.branches.tags import tag_payload
from workbench.branches.worktrees import Follower, rebased
from workbench.errors import BranchError, BranchMoved, BranchNotFound, ProtectedBranch

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from workbench.branches.worktrees import Worktree


class Writer(Reader):
    """The writing half of `Repository` and `Publisher`: trees, merges and commits, and moving a branch to one.

    Objects that no ref reaches harm nobody. Branches are moved in `_swap` alone, which refuses protected ones itself.
    """

    def tree_with(self, commit: str, changes: Mapping[str, str | None]) -> str:
        """Return the id of the root tree of `commit` with files written (text) or deleted (`None`). No ref moves.

        Raises
        ------
        BranchError
            For a path that leaves the project, a file in a folder's place, or text that is not Unicode.
        """
        return self._tree_with(
            self._tree(commit), {path: None if text is None else _bytes(path, text) for path, text in changes.items()}
        )

    def merge_files(self, ours: str, theirs: str, *, base: str | None, paths: Collection[str]) -> Merged:
        """Merge some files of `theirs` into the tree of `ours`, three-way, without a checkout. No ref moves.

        Nothing that the user has configured alters the outcome: no merge driver, attribute, style or rename.

        Parameters
        ----------
        ours, theirs, base
            Commits or trees. Where `base` is `None`, or lacks a file, the two sides share nothing of it.
        paths
            The files to merge; all others are left as `ours` has them. One that `theirs` lacks is deleted, if `ours`
            did not change it.

        Returns
        -------
        Merged
            The merged root tree, and the files that both sides changed in the same place.

        Raises
        ------
        BranchError
            For a path that leaves the project, or is no regular file on some side.
        """
        tree = self._tree(ours)
        sides = (self._tree(base) if base else None, tree, self._tree(theirs))
        changes: dict[str, bytes | None] = {}
        conflicts = []
        for path in dict.fromkeys(paths):
            old, mine, other = (self._content(side, path) for side in sides)
            if other in (old, mine):
                continue
            merged = other if mine == old else merged_text(old, mine, other)
            if merged is None and mine != old:
                conflicts.append(Conflict(path, *map(_shown, (old, mine, other))))
            else:
                changes[path] = merged
        return Merged(self._tree_with(tree, changes), tuple(conflicts))

    def can_sign(self) -> bool:
        """Whether git knows a key to sign commits and tags with."""
        return can_sign(self._git)

    def remote(self, name: str = "origin", *, branch: str | None = None) -> Remote | None:
        """Return the remote that `branch` tracks, else the one called `name`; `None` where there is neither.

        It refuses to push what this handle refuses to write.

        Parameters
        ----------
        name
            The remote, where the branch tracks none.
        branch
            The branch; the first protected one, or main, if absent.

        Raises
        ------
        InvalidName, BranchError
            Where its name or address could be taken for an option or a command.
        """
        trunk = next(iter(self.protected), MAIN)
        return find_remote(self._git, name, branch=branch or trunk, protected=self.protected)

    def _content(self, tree: str | None, path: str) -> bytes | None:
        found = trees.find(self._objects, tree, self._file(path)) if tree else None
        if found is None:
            return None
        if not trees.is_file(found[0]):
            raise BranchError(
                f"{path} is a folder, a link or a submodule somewhere, so it cannot be merged as a file.",
                remedy="Make it a regular file, or choose another name. Nothing was changed.",
            )
        return self.read_blob(found[1])

    def _tree_with(self, tree: str, changes: Mapping[str, bytes | None]) -> str:
        parts = {self._file(path): content for path, content in changes.items()}
        return trees.edited(self._objects, tree, parts) or trees.write(self._objects, {})

    def _file(self, path: str) -> tuple[str, ...]:
        parts = self._parts(path)
        if not path:
            raise BranchError("A file needs a name.", remedy="Use a relative path, with '/'.")
        return parts

    def _store_commit(
        self, tree: str, parents: Sequence[str], message: str, stamp: str, *, is_signed: bool = False
    ) -> str:
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        lines += [f"author {stamp}", f"committer {stamp}", "", message]
        data = "\n".join(lines).encode("utf-8", "surrogateescape")
        if is_signed:
            data = with_signature(data, sign(self._git, data, stamp), is_long=len(tree) > 40)
        return self._objects.store("commit", data)

    def _store_tag(self, commit: str, name: str, message: str, *, is_signed: bool) -> str:
        stamp = self._stamp()
        data = tag_payload(commit, name, stamp, message)
        return self._objects.store("tag", data + sign(self._git, data, stamp) if is_signed else data)

    def _advance(self, branch: str, commit: str, expected: str) -> None:
        """Move `branch` from `expected` to `commit`, which stands on it; working trees follow, or nothing happens."""
        places = [place for place in self._worktrees() if place.branch == branch]
        if not places:
            self._swap(branch, commit, expected)
            return
        follower = Follower(self.git_dir)
        with follower.alone():
            follower.finish(places, self._tip)
            tip = self._tip(branch)
            if tip != expected:
                raise BranchMoved.during(branch, expected=expected, found=tip)
            follower.move(places, expected, commit, lambda: self._swap(branch, commit, expected))

    def _swap(self, branch: str, new: str, old: str) -> None:
        """Move `branch` from `old` to `new` in one step, or not at all."""
        self._refuse_protected(branch)
        try:
            # --no-deref: a branch that is a symbolic name of another never leads to writing that one
            self._git.run("update-ref", "--no-deref", "-m", "workbench", f"refs/heads/{branch}", new, old)
        except GitFailed as failure:
            found = self._found(branch)
            if found is None and old.strip("0"):
                raise BranchNotFound.named(branch, self.names()) from None
            if found is not None and found != old:
                raise BranchMoved.during(branch, expected=old, found=found) from None
            raise explained(failure, f"moving {branch}") from None

    def _refuse_protected(self, branch: str) -> None:
        """Refuse to write a protected branch, also as a disk that ignores case spells it."""
        if branch.casefold() in {name.casefold() for name in self.protected}:
            raise ProtectedBranch.named(branch)

    def _refuse_unborn(self, name: str, parent: str | None, places: Sequence[Worktree]) -> None:
        """Refuse a branch that a working tree waits to make itself: its files would all seem deleted."""
        for place in places:
            if parent and place.is_unborn and place.branch == name:
                raise BranchError(
                    f"{place.folder} has {name!r} checked out, without a commit yet.",
                    remedy="Commit there first, switch it to another branch, or choose another name.",
                )

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


def _shown(content: bytes | None) -> str | None:
    return None if content is None else content.decode("utf-8", "replace")
