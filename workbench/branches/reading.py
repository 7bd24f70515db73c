"""`Reader`: what a repository holds, read from its refs and objects, never from the working tree."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from workbench.branches import trees
from workbench.branches.git import GitFailed, explained, is_full_id
from workbench.branches.log import LOG, as_utc, parse_log
from workbench.branches.opening import Opened
from workbench.branches.survey import MAIN, merge_base, survey
from workbench.errors import BranchError, BranchNotFound

if TYPE_CHECKING:
    from datetime import datetime

    from workbench.branches.model import Branch, Commit

Kind = Literal["added", "modified", "deleted"]


class Reader(Opened):
    """The reading half of `Repository`. Paths are relative to `root`, a folder of the working tree or its top."""

    def exists(self, name: str) -> bool:
        """Whether there is a branch `name`."""
        return self._found(name) is not None

    def resolve(self, ref: str) -> str:
        """Return the full id of the commit that a branch, tag, ``HEAD`` or (abbreviated) id names.

        Raises
        ------
        BranchNotFound
            Where nothing is called that (did you mean).
        """
        places = ("{}",) if is_full_id(ref) else ("refs/heads/{}", "refs/tags/{}", "refs/remotes/{}", "{}")
        for place in places if ref.isprintable() and ref and ref[0] not in "-^:" else ():
            revision = f"{place.format(ref)}^{{commit}}"
            try:
                found = self._git.run("rev-parse", "--verify", "--quiet", "--end-of-options", revision).strip()
            except GitFailed:
                continue
            if is_full_id(found):
                return found
        raise BranchNotFound.named(ref, self.names())

    def branch(self, name: str) -> Branch:
        """Return the branch `name` with the experiment it is.

        Raises
        ------
        BranchNotFound
            Where there is none.
        """
        tip = self._tip(name)
        return survey(self._git, {name: tip}, main=self._found(MAIN))[0]

    def branches(self) -> list[Branch]:
        """Return all branches, sorted by name."""
        tips = self._tips()
        return survey(self._git, tips, main=tips.get(MAIN))

    def merge_base(self, left: str, right: str) -> str | None:
        """Return the newest commit both have; `None` where they share nothing."""
        return merge_base(self._git, self._known(left), self._known(right))

    def contains(self, commit: str, ancestor: str) -> bool:
        """Whether `commit` is `ancestor` or descends from it.

        Raises
        ------
        BranchError
            Where the repository does not hold one of them.
        """
        try:
            self._git.run("merge-base", "--is-ancestor", self._known(ancestor), self._known(commit))
        except GitFailed as failure:
            if failure.code == 1:
                return False
            raise explained(failure, f"looking for {ancestor[:10]} below {commit[:10]}") from None
        return True

    def files(self, commit_or_tree: str, under: str = "features") -> dict[str, str]:
        """Return path and blob id of every file below the folder `under` (``""``: all) of a commit or root tree."""
        tree = self.subtree(commit_or_tree, under)
        above = f"{under}/" if under else ""
        return {f"{above}{path}": blob for path, blob in trees.walk(self._objects, tree)} if tree else {}

    def subtree(self, commit_or_tree: str, path: str = "features") -> str | None:
        """Return the tree id of the folder `path`, or `None` where there is none."""
        found = trees.find(self._objects, self._tree(commit_or_tree), self._parts(path))
        return found[1] if found and found[0] == trees.FOLDER else None

    def read(self, commit_or_tree: str, path: str) -> str:
        """Return the text of a file.

        Raises
        ------
        BranchError
            Where there is no such file, or it is not UTF-8.
        """
        found = trees.find(self._objects, self._tree(commit_or_tree), self._parts(path))
        if found is None or found[0] == trees.FOLDER:
            raise BranchError(f"{commit_or_tree[:10]} has no file {path!r}.", remedy="Look at what the branch holds.")
        try:
            return self.read_blob(found[1]).decode()
        except UnicodeDecodeError:
            raise BranchError(f"{path!r} is not UTF-8 text.", remedy="Save it as UTF-8 and commit it again.") from None

    def read_blob(self, blob: str) -> bytes:
        """Return the content of the blob with this id."""
        return self._objects.read(blob)[1]

    def folder(self, tree: str) -> dict[str, str]:
        """Return path and blob id of every file in the folder whose tree has the id `tree`, relative to it."""
        return dict(trees.walk(self._objects, tree))

    def message(self, commit: str) -> str:
        """Return a commit's whole message, trailers included."""
        return self._objects.read(self._known(commit))[1].partition(b"\n\n")[2].decode("utf-8", "replace")

    def show(self, commit: str) -> Commit:
        """Return one commit.

        Raises
        ------
        BranchNotFound
            Where there is none, as after a rebase.
        """
        return self._log(commit, "--max-count=1")[0]

    def history(self, branch_or_commit: str, *, path: str | None = None, limit: int = 50) -> list[Commit]:
        """Return commits, newest first; only those that touch `path` where one is given."""
        if path:
            self._parts(path)
        return self._log(branch_or_commit, f"--max-count={limit:d}", path=path)

    def first_parents(self, ref: str, *, until: datetime | None = None, limit: int = 50) -> list[Commit]:
        """Return what `ref` has been, newest first: each commit, and the one it was made on.

        Parameters
        ----------
        ref
            A branch, tag or commit.
        until
            Leave out commits made after that time; without a zone it is UTC.
        limit
            How many at most.
        """
        made_by = [] if until is None else [f"--min-age={_seconds(until)}"]
        return self._log(ref, "--first-parent", f"--max-count={limit:d}", *made_by)

    def commit_at(self, ref: str, time: datetime) -> str | None:
        """Return the commit that `ref` was at a time (UTC without a zone): the newest first-parent one made by then."""
        found = self.first_parents(ref, until=time, limit=1)
        return found[0].id if found else None

    def changed(self, left: str, right: str, under: str = "features") -> dict[str, Kind]:
        """Return which files below `under` differ between two commits, and how."""
        old, new = self.files(left, under), self.files(right, under)
        kinds: dict[str, Kind] = {}
        for path in sorted({*old, *new}):
            if path not in new:
                kinds[path] = "deleted"
            elif path not in old:
                kinds[path] = "added"
            elif old[path] != new[path]:
                kinds[path] = "modified"
        return kinds

    def dirty(self) -> list[str]:
        """Return the files below `root` with local edits, untracked ones left out."""
        try:
            out = self._git.run("status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=no", "--", ".")
        except GitFailed as failure:
            raise explained(failure, "looking for local edits") from None
        above = "".join(f"{part}/" for part in self._prefix)
        return sorted(entry[3:].removeprefix(above) for entry in out.split("\0") if len(entry) > 3)

    def _refs(self, *patterns: str) -> dict[str, str]:
        """Return the object id of each ref that matches, or lies below, one of the patterns."""
        lines = self._git.run("for-each-ref", "--format=%(objectname) %(refname)", *patterns).splitlines()
        return {ref: object_id for object_id, _, ref in (line.partition(" ") for line in lines)}

    def _log(self, ref: str, *options: str, path: str | None = None) -> list[Commit]:
        tip = self._known(ref)
        try:
            return parse_log(self._git.run(*LOG, *options, tip, "--", *([path] if path else [])))
        except GitFailed as failure:
            if "bad object" in str(failure):
                raise BranchNotFound.named(ref, self.names()) from None
            raise explained(failure, f"reading the history of {ref}") from None

    def _known(self, ref: str) -> str:
        return ref if is_full_id(ref) else self.resolve(ref)

    def _tree(self, commit_or_tree: str) -> str:
        """Return the root tree of a commit, or of what leads to one; a tree is its own."""
        object_id = self._known(commit_or_tree)
        kind, data = self._objects.read(object_id)
        if kind == "tree":
            return object_id
        if kind in {"commit", "tag"}:  # both begin with a line that names what they are about
            about = data.split(b"\n", 1)[0].split(b" ", 1)[1].decode()
            return about if kind == "commit" else self._tree(about)
        raise BranchError(f"{object_id[:10]} is a file, not a commit.", remedy="Give a branch or a commit.")

    def _parts(self, path: str) -> tuple[str, ...]:
        """Return the parts of `path` from the top of the repository.

        Raises
        ------
        BranchError
            For what leaves the project or could reach git's own folder on some disk.
        """
        parts = tuple(path.split("/")) if path else ()
        if not all(_is_plain(part) for part in parts):
            raise BranchError(
                f"{path[:200]!r} is not a path inside the project.", remedy="Use a relative path, with '/'."
            )
        return (*self._prefix, *parts)


def _seconds(time: datetime) -> int:
    return max(0, math.floor(as_utc(time).timestamp()))


def _is_plain(part: str) -> bool:
    """Whether a part of a path is a name on every disk, and never git's own folder as Windows or macOS read it."""
    git_s = part.casefold().partition(":")[0].rstrip(" .") in {".git", "git~1"}
    return part not in {"", ".", ".."} and not git_s and "\\" not in part and part.isprintable()
