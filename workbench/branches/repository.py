"""`Repository`: the project's git repository, read and written without touching what the user has checked out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from workbench.branches import trees
from workbench.branches.experiment import described, trailers_for
from workbench.branches.git import Git, GitFailed, explained
from workbench.branches.log import parse_log
from workbench.branches.model import Branch, Commit
from workbench.branches.names import valid_branch
from workbench.branches.trailers import with_trailers
from workbench.branches.worktrees import Follower, checked_out
from workbench.errors import BranchError, BranchMoved, BranchNotFound, InvalidName, ProtectedBranch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LOG = "--format=%H%x00%P%x00%T%x00%an <%ae>%x00%ct%x00%B%x01"
NOTHING = "0" * 40
Kind = Literal["added", "modified", "deleted"]


class Repository:
    """Git for a project in `root`, which may be a subfolder of the working tree; paths are relative to `root`.

    Open one with `Repository.open` or `Repository.init`.
    """

    def __init__(self, root: Path, git: Git, *, top: Path | None, git_dir: Path) -> None:
        self.root = root
        self.git_dir = git_dir
        self._git = git
        self._top = top
        self._prefix = root.relative_to(top).parts if top else ()

    @classmethod
    def open(cls, root: Path) -> Repository:
        """Open the repository around `root`.

        Raises
        ------
        BranchError
            Where there is none.
        GitMissing
            Where git is not installed.
        """
        root = root.resolve()
        git = Git(root)
        try:
            lines = git.run("rev-parse", "--path-format=absolute", "--show-toplevel", "--git-common-dir").splitlines()
        except GitFailed as failure:
            if "not a git repository" in str(failure):
                raise BranchError(f"{root} is not in a git repository.", remedy="Run `workbench init` there.") from None
            raise explained(failure, f"opening {root}") from None
        return cls(root, git, top=Path(lines[0]).resolve(), git_dir=Path(lines[1]))

    @classmethod
    def init(cls, root: Path) -> Repository:
        """Open the repository around `root`, made (with branch ``main``) where there is none."""
        try:
            return cls.open(root)
        except BranchError as error:
            if "not in a git repository" not in error.message:
                raise
        try:
            Git(root).run("init", "--quiet", "--initial-branch=main")
        except GitFailed as failure:
            raise explained(failure, f"making a repository in {root}") from None
        return cls.open(root)

    def close(self) -> None:
        """End git's child processes."""
        self._git.close()

    def identity(self) -> str:
        """Return who commits, as ``Name <email>``.

        Raises
        ------
        BranchError
            Where git knows nobody.
        """
        return self._signature()[0]

    def _signature(self) -> tuple[str, str]:
        """Return ``Name <email>`` and ``seconds zone``."""
        try:
            who, _, when = (
                self._git.run("-c", "user.useConfigOnly=true", "var", "GIT_AUTHOR_IDENT").strip().rpartition("> ")
            )
        except GitFailed:
            raise BranchError(
                "Git does not know who you are, so nothing can be committed.",
                remedy='Run `git config --global user.name "Your Name"` and '
                "`git config --global user.email you@example.org`, then try again.",
            ) from None
        return f"{who}>", when

    def head(self) -> str | None:
        """Return the branch checked out at `root`, also before its first commit; `None` where HEAD is detached."""
        try:
            return self._git.run("symbolic-ref", "--quiet", "--short", "HEAD").strip()
        except GitFailed:
            return None

    def names(self) -> list[str]:
        """Return the branches' names, sorted."""
        return self._git.run("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads").split()

    def exists(self, name: str) -> bool:
        """Whether there is a branch `name`."""
        try:
            self._tip(valid_branch(name))
        except (InvalidName, BranchNotFound):
            return False
        return True

    def resolve(self, ref: str) -> str:
        """Return the full id of the commit that a branch, tag, ``HEAD`` or (abbreviated) id names.

        Raises
        ------
        BranchNotFound
            Where nothing is called that (did you mean).
        """
        candidates = [f"refs/heads/{ref}", f"refs/tags/{ref}", f"refs/remotes/{ref}", ref]
        for candidate in candidates if ref and not ref.startswith("-") and ":" not in ref else []:
            try:
                return self._git.run(
                    "rev-parse", "--verify", "--quiet", "--end-of-options", f"{candidate}^{{commit}}"
                ).strip()
            except GitFailed:
                continue
        raise BranchNotFound.named(ref, self.names())

    def _tip(self, name: str) -> str:
        try:
            return self._git.run("rev-parse", "--verify", "--quiet", f"refs/heads/{name}^{{commit}}").strip()
        except GitFailed:
            raise BranchNotFound.named(name, self.names()) from None

    def branch(self, name: str) -> Branch:
        """Return the branch `name` with the experiment it is.

        Raises
        ------
        BranchNotFound
            Where there is none.
        """
        tip = self._tip(valid_branch(name))
        main = self._tip("main") if name != "main" and self.exists("main") else None
        base = self.merge_base(main, tip) if main else None
        since = [f"^{main}"] if main else []
        own = parse_log(self._git.run("log", LOG, tip, *since, "--"))
        return described(name, tip, base, own if name != "main" else [])

    def branches(self) -> list[Branch]:
        """Return all branches, sorted by name."""
        return [self.branch(name) for name in self.names()]

    def create(
        self,
        name: str,
        *,
        start: str = "main",
        message: str | None = None,
        objective: str | None = None,
        hypothesis: str | None = None,
        metrics: Sequence[str] = (),
        tags: Mapping[str, str] | None = None,
        protected: Sequence[str] = (),
    ) -> Branch:
        """Start the experiment `name` from `start`, with its description as trailers of a first, empty commit.

        In a repository without a commit the experiment begins with an empty tree.

        Raises
        ------
        BranchError
            Where it exists, another branch's name is in its way, or git knows no identity.
        BranchNotFound
            Where `start` does not exist.
        """
        valid_branch(name)
        if name in protected:
            raise ProtectedBranch.named(name)
        self._has_room(name)
        parent = self._start(start)
        tree = self.show(parent).tree if parent else trees.write(self._git, {})
        text = with_trailers(
            message or f"Start {name}", trailers_for(name, objective, hypothesis, tuple(metrics), dict(tags or {}))
        )
        commit = self._store_commit(tree, (parent,) if parent else (), text)
        self._swap(name, commit, NOTHING)
        return self.branch(name)

    def _start(self, start: str) -> str | None:
        try:
            return self.resolve(start)
        except BranchNotFound:
            if self.names() or start != "main":
                raise
            return None

    def _has_room(self, name: str) -> None:
        """Refuse a name that a case-insensitive disk, or a folder of refs, would confuse with another branch."""
        for other in self.names():
            if other == name:
                raise BranchError(f"Branch {name!r} exists.", remedy="Switch to it, or choose another name.")
            mine, theirs = name.casefold(), other.casefold()
            if mine == theirs or mine.startswith(f"{theirs}/") or theirs.startswith(f"{mine}/"):
                raise BranchError(f"Branch {other!r} is in the way of {name!r}.", remedy="Choose another name.")

    def delete(self, name: str, *, force: bool = False, protected: Sequence[str] = ()) -> None:
        """Delete the branch `name`.

        Raises
        ------
        BranchError
            Where it is protected, checked out somewhere, or (without `force`) holds commits that no other branch has.
        """
        tip = self._tip(valid_branch(name))
        if name in protected:
            raise ProtectedBranch.named(name)
        for place, branch in checked_out(self.git_dir, self._main_tree()):
            if branch == name:
                raise BranchError(
                    f"Branch {name!r} is checked out in {place}.", remedy="Switch that working tree first."
                )
        others = [f"^refs/heads/{other}" for other in self.names() if other != name]
        alone = self._git.run("rev-list", "--count", tip, *others, "--").strip()
        changes = self._git.run("diff-tree", "--name-only", "-r", tip, self._left(tip), "--").strip()
        if not force and alone != "0" and changes:
            raise BranchError(
                f"Branch {name!r} holds {alone} commits that are nowhere else.",
                remedy=f"Delete it with --force if you mean it; `git branch {name} {tip[:10]}` brings it back.",
            )
        self._update("-d", f"refs/heads/{name}", tip, doing=f"deleting {name}")

    def _left(self, tip: str) -> str:
        """Return where `tip` left main, or the empty tree."""
        base = self.merge_base(self._tip("main"), tip) if self.exists("main") else None
        return base or trees.write(self._git, {})

    def tree_with(self, commit: str, changes: Mapping[str, str | None]) -> str:
        """Return the id of the root tree of `commit` with files written (text) or deleted (`None`). No ref moves.

        Raises
        ------
        BranchError
            For a path that leaves the project.
        """
        tree = self._tree(commit)
        parts = {self._parts(path): None if text is None else text.encode() for path, text in changes.items()}
        return trees.edited(self._git, tree, parts) or trees.write(self._git, {})

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
        commit = self._store_commit(tree, (expected,), with_trailers(message, trailers))
        places = [place for place, name in checked_out(self.git_dir, self._main_tree()) if name == valid_branch(branch)]
        follower = Follower(places, expected, commit)
        follower.rehearse()
        self._swap(branch, commit, expected)
        follower.follow()
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
        for attempt in range(attempts):
            tip = self._tip(valid_branch(branch))
            tree = self.tree_with(tip, changes)
            if tree == self._tree(tip):
                return tip
            try:
                return self.commit_tree(
                    branch, tree, expected=tip, message=message, trailers=trailers, protected=protected
                )
            except BranchMoved:
                if attempt == attempts - 1:
                    raise
        raise ValueError("attempts must be at least 1")

    def _store_commit(self, tree: str, parents: tuple[str, ...], message: str) -> str:
        who, when = self._signature()
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        lines += [f"author {who} {when}", f"committer {who} {when}", "", message]
        return self._git.store("commit", "\n".join(lines).encode())

    def _swap(self, branch: str, new: str, old: str) -> None:
        try:
            self._git.run("update-ref", "-m", "workbench", f"refs/heads/{branch}", new, old)
        except GitFailed as failure:
            found = self._tip(branch) if self.exists(branch) else NOTHING
            if found != old:
                raise BranchMoved.during(branch, expected=old, found=found) from None
            raise explained(failure, f"moving {branch}") from None

    def _update(self, *arguments: str, doing: str) -> None:
        try:
            self._git.run("update-ref", *arguments)
        except GitFailed as failure:
            raise explained(failure, doing) from None

    def _main_tree(self) -> Path | None:
        """Return the main working tree, which is not ours where the project is in a linked one."""
        return self.git_dir.parent if self.git_dir.name == ".git" else None

    def _tree(self, commit_or_tree: str) -> str:
        kind, data = self._git.read(commit_or_tree)
        return data[5:45].decode() if kind == "commit" else commit_or_tree

    def _parts(self, path: str) -> tuple[str, ...]:
        parts = tuple(path.split("/"))
        if any(part in {"", ".", "..", ".git"} for part in parts):
            raise BranchError(f"{path!r} is not a path inside the project.", remedy="Use a relative path.")
        return (*self._prefix, *parts)

    def files(self, commit_or_tree: str, under: str = "features") -> dict[str, str]:
        """Return path and blob id of every file below the folder `under` of a commit or root tree."""
        tree = self.subtree(commit_or_tree, under)
        return {f"{under}/{path}": blob for path, blob in trees.walk(self._git, tree)} if tree else {}

    def subtree(self, commit_or_tree: str, path: str = "features") -> str | None:
        """Return the tree id of the folder `path`, or `None` where there is none."""
        found = trees.find(self._git, self._tree(self._known(commit_or_tree)), self._parts(path))
        return found[1] if found and found[0] == trees.FOLDER else None

    def read(self, commit_or_tree: str, path: str) -> str:
        """Return the text of a file.

        Raises
        ------
        BranchError
            Where there is no such file, or it is not UTF-8.
        """
        found = trees.find(self._git, self._tree(self._known(commit_or_tree)), self._parts(path))
        if found is None or found[0] == trees.FOLDER:
            raise BranchError(f"{commit_or_tree[:10]} has no file {path!r}.", remedy="Look at what the branch holds.")
        try:
            return self.read_blob(found[1]).decode()
        except UnicodeDecodeError:
            raise BranchError(f"{path!r} is not UTF-8 text.", remedy="Save it as UTF-8 and commit it again.") from None

    def read_blob(self, blob: str) -> bytes:
        """Return the content of the blob with this id."""
        return self._git.read(blob)[1]

    def _known(self, commit_or_tree: str) -> str:
        return commit_or_tree if len(commit_or_tree) == len(NOTHING) else self.resolve(commit_or_tree)

    def show(self, commit: str) -> Commit:
        """Return one commit."""
        return parse_log(self._git.run("log", "-1", LOG, self.resolve(commit), "--"))[0]

    def history(self, branch_or_commit: str, *, path: str | None = None, limit: int = 50) -> list[Commit]:
        """Return commits, newest first; only those that touch `path` where one is given."""
        paths = ["/".join(self._parts(path))] if path else []
        tip = self.resolve(branch_or_commit)
        top = ["-C", str(self._top)] if self._top else []
        return parse_log(self._git.run(*top, "log", f"-{limit}", LOG, tip, "--", *paths))

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
        """Return the files with local edits, untracked ones left out."""
        out = self._git.run("status", "--porcelain=v1", "-z", "--untracked-files=no", "--", str(self.root))
        return [entry[3:] for entry in out.split("\0") if len(entry) > 3]

    def merge_base(self, left: str, right: str) -> str | None:
        """Return the newest commit both have; `None` where they share nothing."""
        try:
            return self._git.run("merge-base", left, right).strip()
        except GitFailed:
            return None
