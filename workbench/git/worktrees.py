"""Working trees that have a branch checked out: they follow what is committed to it, or the commit is refused.

Moving a checked-out branch alone would stage the reverse of the change, and the user's next commit would undo it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import threading
import time
import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import BranchError, WorkbenchError
from workbench.files import replace_atomically, sync
from workbench.git.command import Git, GitFailed, explain_failure, find_blocking_lock, is_full_id
from workbench.git.locks import owner
from workbench.git.recovery import rebuild_index, run_patiently, update_worktree

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from types import FrameType

    from workbench.git.locks import LockNotes

PATIENCE = 10.0
"""Seconds to wait for another process that brings working trees up to date; it needs a few milliseconds."""

MANY = 50
"""How many files are flushed to the disk one by one; more than that are left to one flush of everything."""


@dataclass(frozen=True, slots=True)
class Worktree:
    """One working tree: its folder, the branch it has checked out, and whether that branch has a commit yet."""

    folder: Path
    branch: str
    is_unborn: bool = False


def worktrees(git: Git, *, main: Path | None = None) -> list[Worktree]:
    """Return the working trees that have a branch checked out.

    Give the `main` one where it is known: git lists a wrong folder for it where the git directory is elsewhere.
    """
    found = []
    for number, entry in enumerate(git.run("worktree", "list", "--porcelain", "-z").split("\0\0")):
        facts = {key: value for key, _, value in (line.partition(" ") for line in entry.split("\0"))}
        folder = main if number == 0 and main else Path(facts.get("worktree", ""))
        if "branch" in facts and folder.is_dir():
            branch = facts["branch"].removeprefix("refs/heads/")
            found.append(Worktree(folder, branch, is_unborn=not facts.get("HEAD", "").strip("0")))
    return found


def worktree_folders(git: Git) -> set[Path]:
    """Return the folders of all working trees, also of those with a detached HEAD or out of reach now."""
    entries = git.run("worktree", "list", "--porcelain", "-z").split("\0")
    return {Path(path) for key, _, path in (entry.partition(" ") for entry in entries) if key == "worktree"}


def branches_in_rebase(git_dir: Path) -> Iterator[str]:
    """Yield the branches that are being rebased or bisected in some working tree: git moves them itself at the end."""
    for folder in (git_dir, *(git_dir / "worktrees").glob("*")):
        for place in ("rebase-merge/head-name", "rebase-apply/head-name", "BISECT_START"):
            with suppress(OSError):
                yield (folder / place).read_text(encoding="utf-8").strip().removeprefix("refs/heads/")


class UnfinishedWarning(UserWarning):
    """Files of a working tree, or what is published from it, are not what its branch says."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A working tree that could not follow its branch: which paths, why, and what to do about it."""

    folder: Path
    summary: str
    lines: tuple[str, ...]
    remedy: str

    def __str__(self) -> str:
        return "\n".join([self.summary, *(f"  {line}" for line in self.lines), self.remedy])


def warn_unfinished(unfinished: Iterable[Unfinished]) -> None:
    """Warn of working trees that could not follow: each time, since a commit there could do harm."""
    for each in unfinished:
        warnings.warn_explicit(str(each), UnfinishedWarning, "workbench", 1, registry={})


class Follower:
    """Updates the working trees on a branch from one commit to the next, also after a crash in between.

    What is under way is noted in the repository's shared git directory, one file a working tree.
    """

    def __init__(self, git_dir: Path, *, locks: LockNotes | None = None) -> None:
        self._git_dir = git_dir
        self._notes = git_dir / "workbench"
        self._locks = locks

    def move(self, places: list[Worktree], old: str, new: str, swap: Callable[[], None]) -> list[Unfinished]:
        """Call `swap`, which moves the branch of `places` from `old` to `new`, and update their index and files."""
        trees = [self._git(place.folder) for place in places]
        notes: list[Path] = []
        try:
            for place, tree in zip(places, trees, strict=True):
                notes.append(self._note(place, old, new))
                refuse_lost_edits(tree, old, new)
        except BaseException:
            _remove_notes(notes)
            raise
        with uninterrupted():
            try:
                swap()
            except BaseException:
                _remove_notes(notes)
                raise
            found = [self._follow(tree, note, old, new) for tree, note in zip(trees, notes, strict=True)]
        return [each for each in found if each is not None]

    def is_unfinished(self) -> bool:
        """Whether a process was killed, or may still be at work, between a move and its working trees' following."""
        return any(self._notes.glob("following-*.json"))

    def finish(self, folders: Collection[Path], tip_of: Callable[[str], str | None]) -> list[Unfinished]:
        """Update the working trees that a killed process left behind, and return those that cannot be updated.

        Call it inside `lock`. `folders` are those of this repository, also those that are out of reach now.
        """
        notes: dict[Path, list[tuple[Path, list[str]]]] = {}
        for path in sorted(self._notes.glob("following-*.json")):
            try:
                note = json.loads(path.read_text(encoding="utf-8"))
                folder, old, tip = Path(note["folder"]), str(note["old"]), tip_of(str(note["branch"]))
                commits = [old, str(note.get("new", old)), *([tip] if tip else [])]
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                _remove_notes([path])  # nobody can have moved a branch by it: it is whole before one moves
                continue
            is_ours = folder in folders or self._is_ours(folder)
            if not is_ours or not all(map(is_full_id, commits)) or tip == old:
                _remove_notes([path])
            elif folder.is_dir():
                notes.setdefault(folder, []).append((path, commits))
        found = [self._finish_one(folder, moves) for folder, moves in notes.items()]
        return [each for each in found if each is not None]

    @contextmanager
    def lock(self, *, patience: float = PATIENCE) -> Iterator[None]:
        """Let one process at a time move checked-out branches: each step starts from the last one's files."""
        from filelock import FileLock, Timeout

        try:
            self._notes.mkdir(exist_ok=True)
            lock = FileLock(self._notes / "worktrees.lock", timeout=patience)
            lock.acquire()
        except Timeout:
            raise BranchError(
                f"Another process has been moving checked-out branches for over {patience:.0f} seconds.",
                remedy="Wait for the other kernel or command, or restart it; then try again. Nothing was changed.",
            ) from None
        except OSError as error:
            raise explain_failure(GitFailed(f"{error.strerror}"), "following a checked-out branch") from None
        try:
            yield
        finally:
            lock.release()

    def _git(self, folder: Path) -> Git:
        return Git(folder, locks=self._locks)

    def _is_ours(self, folder: Path) -> bool:
        """Whether a folder is a working tree of this repository, as the one whose git directory is elsewhere."""
        try:
            found = Git(folder).run("rev-parse", "--path-format=absolute", "--git-common-dir").rstrip("\n")
        except (GitFailed, WorkbenchError):
            return False
        return Path(found).resolve() == self._git_dir.resolve()

    def _note(self, place: Worktree, old: str, new: str) -> Path:
        path = self._notes / f"following-{os.getpid()}-{time.monotonic_ns()}.json"
        note = {"folder": str(place.folder), "branch": place.branch, "old": old, "new": new, **owner(os.getpid())}
        try:
            replace_atomically(path, json.dumps(note), durable=True)
        except OSError as error:
            raise explain_failure(GitFailed(f"{error.strerror}"), "following a checked-out branch") from None
        return path

    def _follow(self, tree: Git, note: Path, old: str, new: str) -> Unfinished | None:
        try:
            run_patiently(tree, "read-tree", "-m", "-u", old, new)
            _sync_files(tree, old, new)
        except (GitFailed, OSError, WorkbenchError):  # git may have done a part of it
            return self._finish_one(tree.folder, [(note, [old, new])])
        _remove_notes([note])
        return None

    def _finish_one(self, folder: Path, moves: list[tuple[Path, list[str]]]) -> Unfinished | None:
        """Update a working tree and remove its notes, or return what is in the way."""
        notes = [path for path, _ in moves]
        tree = self._git(folder)
        try:
            tip = tree.run("rev-parse", "--verify", "--quiet", "HEAD^{commit}").strip()
            known = [commit for _, commits in moves for commit in commits if _is_there(tree, commit)]
            rebuild_index(tree, tip)
            obstacles = update_worktree(tree, known, tip)
            gone = _deleted_records(tree, known, tip)
        except (GitFailed, WorkbenchError) as error:
            return _stuck_error(folder, error)
        if gone:
            return _deletion_warning(folder, gone, notes)
        if obstacles:
            return Unfinished(
                folder,
                f"The files in {folder} could not all follow the branch that is checked out there.",
                tuple(f"{each.path}: {each.reason}" for each in obstacles[:5]),
                "The commit is safe; the next command tries again. `git diff HEAD` shows what differs. To have what "
                f"the branch says: git restore --staged --worktree -- {obstacles[0].path}",
            )
        _remove_notes(notes)
        return None


def _stuck_error(folder: Path, error: GitFailed | WorkbenchError) -> Unfinished:
    lock = find_blocking_lock(error) if isinstance(error, GitFailed) else None
    mend = f"If no git is at work there, delete {lock}" if lock else "Mend what git says"
    return Unfinished(
        folder,
        f"The files in {folder} could not follow the branch that is checked out there.",
        tuple(str(error).splitlines()[:5]),
        "The commit is safe, but do not commit there before they have followed: git could take it back. "
        f"{mend}, then run any command again: it brings the files along.",
    )


def _deletion_warning(folder: Path, gone: dict[str, str], notes: list[Path]) -> Unfinished:
    by = next(iter(gone.values()))
    paths = " ".join(path for path, commit in gone.items() if commit == by)
    return Unfinished(
        folder,
        f"The commit {by} took back what was published: it was made in {folder} before the files had followed.",
        tuple(f"{path} is gone" for path in list(gone)[:5]),
        f"Bring it back: `git checkout {by}~1 -- {paths}` and commit. If it was meant so, delete "
        f"{' '.join(map(str, notes))}.",
    )


def _is_there(tree: Git, commit: str) -> bool:
    try:
        tree.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{tree}}")
    except GitFailed:
        return False
    return True


def _deleted_records(tree: Git, commits: list[str], tip: str) -> dict[str, str]:
    """Return records of published views, and definitions with them, that a commit since deleted, and which one did.

    Nothing of ours deletes a record: it was a commit made by hand on an index that had been left behind.
    """
    apart = [f"^{commit}" for commit in commits if commit != tip]
    if not apart:
        return {}
    options = ("--first-parent", "-m", "--no-renames", "--diff-filter=D", "--name-only", "--format=%x00%h")
    found: dict[str, str] = {}
    for entry in tree.run("log", *options, tip, *apart).split("\0")[1:]:
        commit, *paths = entry.split("\n")
        if any(_is_record(path) for path in paths):
            found |= {path: commit for path in paths if path and path not in found}
    there = set(tree.run("ls-tree", "-r", "-z", "--name-only", tip).split("\0")) if found else set()
    return {path: commit for path, commit in found.items() if path not in there}


def _is_record(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    return name.endswith(".toml") and f"/{folder}".endswith("/registry")


def refuse_lost_edits(tree: Git, old: str, new: str) -> None:
    """Do nothing where the working tree can be updated from one commit to the next."""
    with suppress(GitFailed):  # it fails for any file with edits; the next command decides whether they matter
        tree.run("update-index", "-q", "--refresh")
    try:
        run_patiently(tree, "read-tree", "-n", "-m", "-u", old, new)
    except GitFailed as failure:
        if "would be overwritten" in str(failure) and _is_there_already(tree, old, new):
            return
        if find_blocking_lock(failure) or not _is_about_edits(failure):
            raise explain_failure(failure, f"looking at the working tree {tree.folder}") from None
        raise BranchError(
            f"The branch is checked out in {tree.folder}, and edits there would be lost.",
            lines=[f"  {line.removeprefix('error: ').strip()}" for line in str(failure).splitlines()[:5]],
            remedy="Commit, stash or remove those edits, or write to another branch. Nothing was changed.",
        ) from None


def _is_there_already(tree: Git, old: str, new: str) -> bool:
    """Whether all that is in the way are untracked files with the content that will be added.

    Then nothing is lost: git tries again with an index that has them.
    """
    added = tree.run("diff-tree", "-r", "-z", "--no-renames", "--diff-filter=A", old, new).split("\0")[:-1]
    there = []
    for entry, path in zip(added[0::2], added[1::2], strict=True):
        _, mode, _, blob, _ = entry.split(" ")
        file = tree.folder / path
        if file.is_file() and not file.is_symlink() and tree.run("hash-object", "--", path).strip() == blob:
            there += ["--cacheinfo", f"{mode},{blob},{path}"]
    if not there:
        return False
    with tempfile.TemporaryDirectory(prefix="workbench-index-") as name:
        index = Path(name, "index")
        shutil.copyfile(tree.folder / tree.run("rev-parse", "--git-path", "index").strip(), index)
        variables = {"GIT_INDEX_FILE": str(index)}
        try:
            tree.run("update-index", "--add", *there, variables=variables)
            tree.run("read-tree", "-n", "-m", "-u", old, new, variables=variables)
        except GitFailed:
            return False
    return True


def _is_about_edits(failure: GitFailed) -> bool:
    clues = ("not uptodate", "would be overwritten", "would be removed", "Cannot merge", "unmerged", "need to resolve")
    return any(clue in str(failure) for clue in clues)


def _sync_files(tree: Git, old: str, new: str) -> None:
    """Flush the updated files to the disk: the note by which they would be recovered is removed next."""
    changed = tree.run("diff-tree", "-r", "-z", "--no-renames", "--name-only", "--diff-filter=d", old, new)
    paths = [tree.folder / path for path in changed.split("\0")[:-1]]
    if len(paths) > MANY:
        os.sync()
        return
    for path in [*paths, *{path.parent for path in paths}]:
        with suppress(OSError):  # it is not checked out
            sync(path)


def _remove_notes(notes: list[Path]) -> None:
    for note in notes:
        with suppress(OSError):
            note.unlink(missing_ok=True)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Deliver an interrupt that comes within the block at its end.

    Python delivers interrupts to the main thread only, so that other threads need nothing.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is None:
        yield
        return
    came: list[int] = []

    def remember(number: int, _frame: FrameType | None) -> None:
        came.append(number)

    signal.signal(signal.SIGINT, remember)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            signal.raise_signal(signal.SIGINT)
