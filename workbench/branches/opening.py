"""`Opened`: which repository is around the project's folder, who writes, and what is checked out where."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

from workbench.branches.git import Git, GitFailed, explained
from workbench.branches.objects import Objects
from workbench.branches.worktrees import Follower, Worktree, worktrees
from workbench.errors import BranchError, BranchNotFound

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType


class Opened:
    """The part of `Repository` that finds it.

    Attributes
    ----------
    root
        The project's folder.
    git_dir
        The repository's shared git directory.
    protected
        The branches that this handle does not write.
    """

    def __init__(
        self, root: Path, git: Git, *, top: Path, git_dir: Path, is_main: bool, protected: Sequence[str] = ()
    ) -> None:
        self.root = root
        self.git_dir = git_dir
        self.protected = tuple(protected)
        self._git = git
        self._top = top
        self._is_main = is_main
        self._prefix = root.relative_to(top).parts
        self._objects = Objects(git)

    @classmethod
    def open(cls, root: Path, *, protected: Sequence[str] = ()) -> Self:
        """Open the repository around `root`.

        Parameters
        ----------
        root
            The project's folder.
        protected
            Branches that this handle refuses to write.

        Raises
        ------
        BranchError
            Where there is none, or it has no working tree.
        GitMissing
            Where git is not installed.
        """
        root = root.resolve()
        git = Git(root)
        asked = ("--show-toplevel", "--git-common-dir", "--absolute-git-dir")
        try:
            lines = git.run("rev-parse", "--path-format=absolute", *asked).splitlines()
        except GitFailed as failure:
            if "not a git repository" in str(failure):
                raise BranchError(f"{root} is not in a git repository.", remedy="Run `workbench init` there.") from None
            raise explained(failure, f"opening {root}") from None
        top, git_dir, own = Path(lines[0]).resolve(), Path(lines[1]), Path(lines[2])
        opened = cls(root, git, top=top, git_dir=git_dir, is_main=own == git_dir, protected=protected)
        opened._finish()
        return opened

    @classmethod
    def init(cls, root: Path, *, protected: Sequence[str] = ()) -> Self:
        """Open the repository around `root`, made (with branch ``main``) where there is none."""
        try:
            return cls.open(root, protected=protected)
        except BranchError as error:
            if "not in a git repository" not in error.message:
                raise
        try:
            Git(root).run("init", "--quiet", "--initial-branch=main")
        except GitFailed as failure:
            raise explained(failure, f"making a repository in {root}") from None
        return cls.open(root, protected=protected)

    def close(self) -> None:
        """End git's child process; the repository can still be used, and starts another when it needs one."""
        self._objects.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def head(self) -> str | None:
        """Return the branch checked out at `root`, also before its first commit; `None` where HEAD is detached."""
        try:
            return self._git.run("symbolic-ref", "--quiet", "HEAD").strip().removeprefix("refs/heads/")
        except GitFailed:
            return None

    def identity(self) -> str:
        """Return who commits, as ``Name <email>``.

        Raises
        ------
        BranchError
            Where git knows nobody.
        """
        return self._stamp().rpartition("> ")[0] + ">"

    def _stamp(self) -> str:
        """Return ``Name <email> seconds zone``."""
        try:
            return self._git.run("-c", "user.useConfigOnly=true", "var", "GIT_AUTHOR_IDENT").strip()
        except GitFailed:
            raise BranchError(
                "Git does not know who you are, so nothing can be committed.",
                remedy='Run `git config --global user.name "Your Name"` and '
                "`git config --global user.email you@example.org`, then try again.",
            ) from None

    def names(self) -> list[str]:
        """Return the branches' names, sorted; also those that others made and `valid_branch` would refuse."""
        return sorted(self._tips())

    def _tips(self) -> dict[str, str]:
        lines = self._git.run("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads").splitlines()
        pairs = (line.split(" ", 1) for line in lines)
        return {name.removeprefix("refs/heads/"): tip for tip, name in pairs}

    def _worktrees(self) -> list[Worktree]:
        return worktrees(self._git, main=self._top if self._is_main else None)

    def _finish(self) -> None:
        """Bring along working trees that a killed process left behind their branch."""
        follower = Follower(self.git_dir)
        if follower.is_unfinished():
            with follower.alone():
                follower.finish(self._worktrees(), self._tip)

    def _found(self, name: str) -> str | None:
        """Return the tip of exactly the branch `name`: no abbreviation, no revision syntax."""
        if not name.isprintable():
            return None
        try:
            return self._git.run("show-ref", "--verify", "--hash", "--", f"refs/heads/{name}").strip()
        except GitFailed:
            return None

    def _tip(self, name: str) -> str:
        tip = self._found(name)
        if tip is None:
            raise BranchNotFound.named(name, self.names())
        return tip
