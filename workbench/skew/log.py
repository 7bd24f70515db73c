"""`ReadLog`: a share of the service's answers, kept in files by day without holding up any request.

A request only puts a line into a queue of bounded size; a thread writes. Where the queue is full, or the disk refuses
or never returns, lines are dropped and counted. A file has its name from the moment that it is complete, so that a
reader sees no part of one, and what a killed process had begun is never read.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO
from uuid import uuid4

from workbench.files import UNFINISHED, replacing

QUEUE_BYTES = 16 * 2**20
"""Bytes of lines that wait to be written, at most."""
FILE_BYTES = 64 * 2**20
"""Size from which on a file is complete."""
FILE_SECONDS = 60.0
"""Age from which on a file is complete."""
GATHER_SECONDS = 0.25
"""For how long lines are gathered before they are written, which takes the interpreter from requests for a moment."""
PAUSE_SECONDS = 5.0
"""For how long lines are dropped once the disk has refused some."""
ABANDONED = timedelta(hours=1)
"""Age from which on an unfinished file is a killed process's."""
SUFFIX = ".jsonl"


class ReadLog:
    """Keeps a share of the answers.

    Parameters
    ----------
    folder
        Where the files are, in a folder a day.
    share
        The share of answers that are kept, from 0 to 1.
    days, most_bytes
        For how many days files are kept, and how large they may be together.
    count
        Told how many lines were ``logged``, or dropped for the ``queue`` or the ``disk``.
    warn
        Told why the disk refuses lines, once until it takes some again.
    chance
        Returns a number from 0 to 1, for each answer.
    """

    def __init__(
        self,
        folder: Path,
        *,
        share: float,
        days: int,
        most_bytes: int,
        count: Callable[[str, int], None],
        warn: Callable[[str], None],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._folder = folder
        self._share = share
        self._days = days
        self._most_bytes = most_bytes
        self._count = count
        self._warn = warn
        self._chance = chance
        self._lock = threading.Lock()
        self._lines: list[bytes] = []
        self._size = 0
        self._wake, self._closing = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def is_sampled(self) -> bool:
        """Return whether this answer is one of the share."""
        return self._share > 0 and self._chance() < self._share

    def put(self, line: bytes) -> None:
        """Have a line written, or drop it where too much is waiting already. It neither waits nor fails."""
        with self._lock:
            if self._closing.is_set():
                return
            if self._size + len(line) > QUEUE_BYTES or not self._has_thread():
                self._count("queue", 1)
                return
            was_empty = not self._lines
            self._lines.append(line)
            self._size += len(line)
        if was_empty:
            self._wake.set()

    def close(self, seconds: float = 5.0) -> None:
        """Write what is waiting, as long as that takes no more than some seconds."""
        with self._lock:
            self._closing.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(seconds)
        self._is_closed = True

    def _has_thread(self) -> bool:
        """Return whether a thread writes; it is started with the first line."""
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="read-log", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the system has no thread to give
                return False
            self._thread = thread
        return True

    def _run(self) -> None:
        file = _LogFile(self._folder)
        resumes = 0.0
        while True:
            self._wake.wait(file.seconds_left)
            self._closing.wait(GATHER_SECONDS)
            is_last = self._closing.is_set()
            self._wake.clear()
            with self._lock:
                lines, self._lines = self._lines, []
                self._size = 0
            if time.monotonic() < resumes and not is_last:
                self._tell("disk", len(lines))
                continue
            resumes = self._write(file, lines, is_last=is_last, failed=resumes > 0)
            if is_last:
                return

    def _write(self, file: _LogFile, lines: list[bytes], *, is_last: bool, failed: bool) -> float:
        """Write lines, and return until when nothing more is to be written; 0 where the disk takes them."""
        try:
            if lines:
                file.write(lines)
            if is_last or file.is_full or file.seconds_left == 0:
                self._tell("logged", file.finish())
                sweep(self._folder, days=self._days, most_bytes=self._most_bytes)
        except Exception as error:  # noqa: BLE001 - whatever it is, no request may notice
            self._tell("disk", file.abandon())
            if not failed:
                self._warn(str(error))
            return time.monotonic() + PAUSE_SECONDS
        return 0.0

    def _tell(self, outcome: str, lines: int) -> None:
        if lines and not self._is_closed:  # nobody counts any more
            self._count(outcome, lines)


class _LogFile:
    """The file that a process is writing, if it has begun one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self._file: IO[bytes] | None = None
        self._ends = 0.0
        self._size = 0
        self._count = 0

    @property
    def seconds_left(self) -> float | None:
        """How long it may still be written to; None where there is none."""
        return None if self._file is None else max(0.0, self._ends - time.monotonic())

    @property
    def is_full(self) -> bool:
        return self._size >= FILE_BYTES

    def write(self, lines: list[bytes]) -> None:
        self._count += len(lines)  # if it fails, these are lost too
        if self._file is None:
            now = datetime.now(UTC)
            path = self._folder / f"{now:%Y-%m-%d}" / f"{now:%H%M%S%f}-{uuid4().hex[:8]}{SUFFIX}"
            unfinished = self._stack.enter_context(replacing(path, durable=True))
            self._file = self._stack.enter_context(unfinished.open("wb"))
            self._ends, self._size = time.monotonic() + FILE_SECONDS, 0
        data = b"".join(lines)
        self._file.write(data)
        self._file.flush()
        self._size += len(data)

    def finish(self) -> int:
        """Give the file its name, and return how many lines it has."""
        self._stack.close()
        count, self._count, self._file = self._count, 0, None
        return count

    def abandon(self) -> int:
        """Remove what was written, and return how many lines are lost."""
        error = OSError("given up")
        with suppress(Exception):
            self._stack.__exit__(type(error), error, None)
        self._stack, self._file = ExitStack(), None
        count, self._count = self._count, 0
        return count


def log_files(folder: Path) -> list[Path]:
    """Return the complete files, newest first."""
    return sorted((path for day in _days(folder) for path in day.glob(f"[!.]*{SUFFIX}")), reverse=True)


def sweep(folder: Path, *, days: int, most_bytes: int) -> None:
    """Remove files that are too old, the oldest ones of those that are too large together, and unfinished ones."""
    first = datetime.now(UTC).date() - timedelta(days=days)
    size = 0
    for path in log_files(folder):
        with suppress(OSError):  # another process has removed it
            size += path.stat().st_size
            if size > most_bytes or date.fromisoformat(path.parent.name) < first:
                path.unlink(missing_ok=True)
    oldest = time.time() - ABANDONED.total_seconds()
    for day in _days(folder):
        for path in day.glob(f"{UNFINISHED}*"):
            with suppress(OSError):
                if path.stat().st_mtime < oldest:
                    path.unlink(missing_ok=True)
        if date.fromisoformat(day.name) < first:
            with suppress(OSError):  # not empty
                day.rmdir()


def _days(folder: Path) -> Iterator[Path]:
    """Yield the folders of days; what else is there is somebody else's."""
    try:
        found = [Path(entry.path) for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return
    for path in found:
        with suppress(ValueError):
            date.fromisoformat(path.name)
            yield path
