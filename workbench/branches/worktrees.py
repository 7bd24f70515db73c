"""Working trees that have a branch checked out: they follow what is committed to it, or the commit is refused.

Moving a checked-out branch alone would stage the reverse of the change, and the user's next commit would undo it.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.branches.git import Git, GitFailed, explained, lock_in_the_way
from workbench.branches.interrupts import uninterrupted
from workbench.errors import BranchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 10.0
"""Seconds to wait for another process that brings working trees up to date; it needs a few milliseconds."""


@dataclass(frozen=True, slots=True)
class Worktree:
    """One working tree: its folder, the branch it has checked out, and whether that branch has a commit yet."""

    folder: Path
    branch: str
    is_unborn: bool = False


def worktrees(git: Git, *, main: Path | None = None) -> list[Worktree]:
    """Return the working trees that have a branch checked out.

    Parameters
    ----------
    git
        Runs git in the repository.
    main
        The main working tree where it is known: git itself tells it wrongly where the git directory is elsewhere.
    """
    found = []
    for number, entry in enumerate(git.run("worktree", "list", "--porcelain", "-z").split("\0\0")):
        facts = {key: value for key, _, value in (line.partition(" ") for line in entry.split("\0"))}
        folder = main if number == 0 and main else Path(facts.get("worktree", ""))
        if "branch" in facts and folder.is_dir():
            branch = facts["branch"].removeprefix("refs/heads/")
            found.append(Worktree(folder, branch, is_unborn=not facts.get("HEAD", "").strip("0")))
    return found


def rebased(git_dir: Path) -> Iterator[str]:
    """Yield the branches that are being rebased or bisected in some working tree: git moves them itself at the end."""
    for folder in (git_dir, *(git_dir / "worktrees").glob("*")):
        for place in ("rebase-merge/head-name", "rebase-apply/head-name", "BISECT_START"):
            with suppress(OSError):
                yield (folder / place).read_text(encoding="utf-8").strip().removeprefix("refs/heads/")


class Follower:
    """Brings the working trees on a branch from one commit to the next, also after a crash in between.

    Parameters
    ----------
    git_dir
        The repository's shared git directory. What is under way is noted there, one file a working tree.
    """

    def __init__(self, git_dir: Path) -> None:
        self._notes = git_dir / "workbench"

    def move(self, places: list[Worktree], old: str, new: str, swap: Callable[[], None]) -> None:
        """Call `swap`, which moves the branch of `places` from `old` to `new`, and bring them along.

        Raises
        ------
        BranchError
            Where a working tree would lose local edits; `swap` was not called.
        """
        trees = [Git(place.folder) for place in places]
        for place in places:
            rehearse(place, old, new)
        with uninterrupted():
            notes = [self._note(place, old) for place in places]
            try:
                swap()
            except BaseException:
                _remove(notes)
                raise
            for tree in trees:
                _follow(tree, old, new)  # where it fails the notes stay, and the next command finishes
            _remove(notes)

    def _note(self, place: Worktree, old: str) -> Path:
        path = self._notes / f"following-{os.getpid()}-{time.monotonic_ns()}.json"
        path.write_text(json.dumps({"folder": str(place.folder), "branch": place.branch, "old": old}), encoding="utf-8")
        return path

    def is_unfinished(self) -> bool:
        """Whether a process was killed, or may still be at work, between a move and its working trees' following."""
        return any(self._notes.glob("following-*.json"))

    def finish(self, places: list[Worktree], tip_of: Callable[[str], str]) -> None:
        """Bring along the working trees that a killed process left behind. Call it inside `alone`.

        Those where that would lose local edits are left as they are, for the user.
        """
        on = {(str(place.folder), place.branch) for place in places}
        for path in sorted(self._notes.glob("following-*.json")):
            try:
                note = json.loads(path.read_text(encoding="utf-8"))
                folder, branch, old = note["folder"], note["branch"], note["old"]
                tip = tip_of(branch) if (folder, branch) in on else old
            except (OSError, ValueError, KeyError, TypeError, BranchError):
                tip = old = folder = ""
            if tip == old or _caught_up(Git(Path(folder)), old, tip):
                _remove([path])

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let one process at a time move checked-out branches: each step starts from the last one's files.

        Raises
        ------
        BranchError
            Where another process holds on for longer than any needs.
        """
        from filelock import FileLock, Timeout

        try:
            self._notes.mkdir(exist_ok=True)
            lock = FileLock(self._notes / "worktrees.lock", timeout=PATIENCE)
            lock.acquire()
        except Timeout:
            raise BranchError(
                f"Another process has been moving checked-out branches for over {PATIENCE:.0f} seconds.",
                remedy="Wait for the other kernel or command, or restart it; then try again. Nothing was changed.",
            ) from None
        except OSError as error:
            raise explained(GitFailed(f"{error.strerror}"), "following a checked-out branch") from None
        try:
            yield
        finally:
            lock.release()


def rehearse(place: Worktree, old: str, new: str) -> None:
    """Do nothing where the working tree can go from one commit to the next.

    Raises
    ------
    BranchError
        Where it would lose local edits, or git is busy there.
    """
    tree = Git(place.folder)
    _refresh(tree)
    failure = _patiently(tree, "read-tree", "-n", "-m", "-u", old, new)
    if failure is None:
        return
    if lock_in_the_way(failure) or not _is_about_edits(failure):
        raise explained(failure, f"looking at the working tree {tree.folder}") from None
    raise BranchError(
        f"The branch is checked out in {tree.folder}, and edits there would be lost.",
        lines=[f"  {line.removeprefix('error: ').strip()}" for line in str(failure).splitlines()[:5]],
        remedy="Commit, stash or remove those edits, or write to another branch. Nothing was changed.",
    )


def _refresh(tree: Git) -> None:
    """Let git see which files have edits, and which were only touched."""
    with suppress(GitFailed):  # it names files with edits; what is asked next decides whether they matter
        tree.run("update-index", "-q", "--refresh")


def _caught_up(tree: Git, old: str, new: str) -> bool:
    _refresh(tree)
    return _patiently(tree, "read-tree", "-m", "-u", old, new) is None


def _is_about_edits(failure: GitFailed) -> bool:
    clues = ("not uptodate", "would be overwritten", "would be removed", "Cannot merge", "unmerged", "need to resolve")
    return any(clue in str(failure) for clue in clues)


def _follow(tree: Git, old: str, new: str) -> None:
    failure = _patiently(tree, "read-tree", "-m", "-u", old, new)
    if failure is not None:
        raise BranchError(
            f"The commit {new[:10]} is safe on its branch, but the files in {tree.folder} could not follow.",
            lines=[f"  {line.strip()}" for line in str(failure).splitlines()[:5]],
            remedy="Run the command again: it brings the files along. If that does not help, `git reset` there keeps "
            "your files, and `git diff` shows what differs.",
        )


def _patiently(tree: Git, *command: str) -> GitFailed | None:
    """Run git, again for about a second where the user's own git holds the index, and return its failure."""
    for pause in (0.01, 0.03, 0.06, 0.1, 0.2, 0.3, 0.3, 0.0):
        try:
            tree.run(*command)
        except GitFailed as failure:
            if lock_in_the_way(failure) is None or not pause:
                return failure
            time.sleep(pause)
        else:
            return None
    return None


def _remove(notes: list[Path]) -> None:
    for note in notes:
        note.unlink(missing_ok=True)
