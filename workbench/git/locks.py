"""Lock files of a git that was killed: told from those of a git that runs, and removed.

Git protects the index, a ref or its configuration by a file that ends in ``.lock``. It cannot take it away when it is
killed, and refuses to work until somebody does. Each of our commands that may take such a lock leaves a note while it
runs. A lock that is newer than the note of a dead command, in a repository where no git is at work, is stale.
"""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

TOLERANCE = 2.0
"""Seconds by which the clock of a file system may differ from another's."""

READING_COMMANDS = {
    *("annotate", "blame", "cat-file", "count-objects", "daemon", "diff", "for-each-ref", "fsmonitor--daemon", "fsck"),
    *("grep", "instaweb", "log", "ls-files", "ls-remote", "ls-tree", "merge-base", "rev-list", "rev-parse", "shortlog"),
    *("show", "show-ref", "symbolic-ref", "upload-pack", "var", "version"),
}
"""Commands of git that take no lock however long they run, such as a log in a pager."""

_WITH_VALUE = {"-c", "-C", "--config-env", "--exec-path", "--git-dir", "--namespace", "--super-prefix", "--work-tree"}


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock file as it was found: another one of its name is not taken for it."""

    path: Path
    inode: int
    written: int

    @classmethod
    def at(cls, path: Path) -> Lock | None:
        """Return the lock file at `path`, if there is one."""
        try:
            found = path.stat()
        except OSError:
            return None
        return cls(path, found.st_ino, found.st_mtime_ns)

    def remove(self, aside: Path) -> bool:
        """Remove it, renamed to `aside` first, if it is still the one that was found; return whether it is gone."""
        if Lock.at(self.path) != self:
            return True
        try:
            self.path.rename(aside)
            if Lock.at(aside) != Lock(aside, self.inode, self.written):
                with suppress(FileExistsError):
                    os.link(aside, self.path)
            aside.unlink()
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True


class LockNotes:
    """The notes of commands that may hold locks, one file each, in the repository's shared git directory."""

    def __init__(self, git_dir: Path, top: Path) -> None:
        self._git_dir = git_dir
        self._top = top
        self._folder = git_dir / "workbench"

    @contextmanager
    def during(self) -> Iterator[Note]:
        """Keep a note for the time of the block. It stays where the block says that git was killed."""
        note = Note(self._folder / f"git-{os.getpid()}-{time.monotonic_ns()}.json")
        with suppress(OSError):  # where nothing can be written, git cannot lock anything either
            self._folder.mkdir(exist_ok=True)
            note.write(os.getpid())
        try:
            yield note
        finally:
            if not note.is_killed:
                with suppress(OSError):
                    note.path.unlink(missing_ok=True)

    def remove_stale(self, path: Path) -> bool:
        """Remove the lock file at `path` if a git that was killed left it; return whether it is gone."""
        lock, died = Lock.at(path), self._dead_notes()
        if lock is None or not died or not path.resolve().is_relative_to(self._git_dir.resolve()):
            return False
        if lock.written < min(died.values()) or self._is_git_running():
            return False
        return lock.remove(self._aside())

    def remove_all_stale(self) -> None:
        """Remove all locks that killed commands left, and their notes."""
        died = {note: since for note, since in self._dead_notes().items() if note.name.startswith("git-")}
        if not died:
            return
        since = min(died.values())
        locks = [lock for path in self._locks() if (lock := Lock.at(path)) is not None and lock.written >= since]
        if locks and self._is_git_running():  # after the locks were looked at: whoever held one then is seen now
            return
        removed = [lock.remove(self._aside()) for lock in locks]
        if all(removed):
            for note in died:
                with suppress(OSError):
                    note.unlink(missing_ok=True)

    def _dead_notes(self) -> dict[Path, int]:
        """Return the notes of commands whose process is gone, with the nanosecond since when a lock may be theirs."""
        found = {}
        for path in (*self._folder.glob("git-*.json"), *self._folder.glob("following-*.json")):
            try:
                written = path.stat().st_mtime
                note = json.loads(path.read_text(encoding="utf-8"))
            except FileNotFoundError:
                continue
            except (OSError, ValueError):
                note = {}  # it was killed while it wrote its note
            if not isinstance(note, dict) or not is_alive(note, written):
                found[path] = int((written - TOLERANCE) * 1e9)
        return found

    def _locks(self) -> Iterator[Path]:
        """Yield the lock files of all that a command of ours may write."""
        for folder in (self._git_dir, *(self._git_dir / "worktrees").glob("*")):
            yield from folder.glob("*.lock")
        for folder in (self._git_dir / "refs", *(self._git_dir / "worktrees").glob("*/refs")):
            for above, _, names in os.walk(folder):
                yield from (Path(above, name) for name in names if name.endswith(".lock"))

    def _aside(self) -> Path:
        return self._folder / f"stale-{os.getpid()}-{time.monotonic_ns()}"

    def _is_git_running(self) -> bool:
        folders = [
            str(folder.resolve())
            for folder in (self._git_dir, self._top, self._git_dir.parent, *self._worktree_folders())
        ]
        return any(_may_hold_lock(command, folder, folders) for command, folder in _git_processes())

    def _worktree_folders(self) -> Iterator[Path]:
        for pointer in (self._git_dir / "worktrees").glob("*/gitdir"):
            with suppress(OSError, UnicodeDecodeError):
                yield Path(pointer.read_text(encoding="utf-8").strip()).parent


class Note:
    """The note of one command."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_killed = False

    def write(self, pid: int) -> None:
        """Write down the process that the command belongs to; 0 is none."""
        self.path.write_text(json.dumps(owner(pid)), encoding="utf-8")

    def killed(self) -> None:
        """Keep the note: git was killed, although this process lives."""
        self.is_killed = True
        with suppress(OSError):
            self.write(0)


def owner(pid: int) -> dict[str, object]:
    """Return the facts by which others can tell whether the process `pid` is alive."""
    return {"pid": pid, "host": socket.gethostname()}


def is_alive(note: Mapping[str, object], written: float) -> bool:
    """Whether the process of a note is alive, or this machine cannot know; a note without a process is dead.

    A process that began after the note was `written` has been given the id of another.
    """
    pid = note.get("pid")
    if not isinstance(pid, int) or pid <= 0:
        return False
    if note.get("host") != socket.gethostname():
        return True
    import psutil

    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and float(process.create_time()) <= written + TOLERANCE
    except psutil.Error:
        return False


def _git_processes() -> Iterator[tuple[list[str], str | None]]:
    """Yield command line and working folder of each git that runs on this machine; no folder where that is hidden."""
    import psutil

    for process in psutil.process_iter():
        try:
            name = process.name()
            if name != "git" and not name.startswith("git-"):
                continue
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            command = process.cmdline()
        except psutil.NoSuchProcess:
            continue
        except psutil.Error:
            yield [], None
            continue
        try:
            folder = process.cwd()
        except psutil.NoSuchProcess:
            continue
        except psutil.Error:
            folder = None
        yield command, folder


def _may_hold_lock(command: Sequence[str], folder: str | None, places: Sequence[str]) -> bool:
    """Whether a git that runs in `folder` may hold a lock of the repository in these `places`."""
    if _command_name(command) in READING_COMMANDS:
        return False
    if folder is None:
        return True  # somebody else's, which may be anywhere
    here = os.path.realpath(folder)
    return any(
        here == place or here.startswith(f"{place}/") or any(place in word for word in command) for place in places
    )


def _command_name(command: Sequence[str]) -> str:
    """Return which command of git a process runs."""
    words = iter(command[1:])
    for word in words:
        if word in _WITH_VALUE:
            next(words, None)
        elif not word.startswith("-"):
            return word
    return ""


PATIENCE = 10.0
"""Seconds to wait for the other writers before going on without the lock."""


@contextmanager
def writer_lock(git_dir: Path, *, patience: float = PATIENCE) -> Iterator[bool]:
    """Hold the lock for which writers of a repository queue, and yield whether it is held.

    It only spares retries: the compare-and-swap keeps commits apart. So a writer that does not get it within `patience`
    seconds goes on without it.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(git_dir / "workbench" / "writers.lock", timeout=patience)
    try:
        (git_dir / "workbench").mkdir(exist_ok=True)
        lock.acquire()
    except (Timeout, OSError):
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
