"""The log keeps a share of the reads, whole or not at all, and no request waits for it or fails by it."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from workbench.files import UNFINISHED
from workbench.skew import ReadLog, log

LINE = b'{"a": 1}\n'


class Kept:
    """A log that says what became of its lines."""

    def __init__(self, folder: Path, *, share: float = 1.0, chance: Callable[[], float] = random.random) -> None:
        self.folder = folder
        self.counts: Counter[str] = Counter()
        self.warnings: list[str] = []
        self._told = threading.Condition()
        self.log = ReadLog(
            folder,
            share=share,
            days=14,
            most_bytes=2**30,
            count=self._count,
            warn=self.warnings.append,
            chance=chance,
        )

    def _count(self, outcome: str, lines: int) -> None:
        with self._told:
            self.counts[outcome] += lines
            self._told.notify_all()

    def wait_for(self, outcome: str, lines: int) -> None:
        with self._told:
            assert self._told.wait_for(lambda: self.counts[outcome] >= lines, timeout=60), self.counts

    @property
    def lines(self) -> list[bytes]:
        return [line for path in log.log_files(self.folder) for line in path.read_bytes().splitlines(keepends=True)]

    @property
    def unfinished(self) -> list[Path]:
        return list(self.folder.rglob(f"{UNFINISHED}*"))


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0, 0), (0.25, 200, 300), (1.0, 1_000, 1_000)])
def test_the_share_of_answers_is_that_of_the_settings(tmp_path: Path, share: float, least: int, most: int) -> None:
    kept = Kept(tmp_path, share=share, chance=random.Random(7).random)
    assert least <= sum(kept.log.is_sampled() for _ in range(1_000)) <= most


def test_what_was_put_is_there_once_the_log_is_closed(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "reads")
    assert not kept.folder.exists()
    for number in range(100):
        kept.log.put(b"%d\n" % number)
    kept.log.close(60)
    assert kept.lines == [b"%d\n" % number for number in range(100)]
    assert kept.counts == {"logged": 100}
    (path,) = log.log_files(kept.folder)
    assert abs(datetime.now(UTC).date() - date.fromisoformat(path.parent.name)) <= timedelta(days=1)  # at midnight
    assert path.stat().st_mode & 0o077 == 0
    assert not kept.unfinished


def test_a_file_that_is_large_or_old_enough_is_shown_while_the_log_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "GATHER_SECONDS", 0.0)
    large, old = Kept(tmp_path / "large"), Kept(tmp_path / "old")
    monkeypatch.setattr(log, "FILE_BYTES", 1)
    large.log.put(LINE)
    large.wait_for("logged", 1)
    monkeypatch.setattr(log, "FILE_BYTES", 2**30)
    monkeypatch.setattr(log, "FILE_SECONDS", 0.001)
    old.log.put(LINE)
    old.wait_for("logged", 1)
    for kept in (large, old):
        assert kept.lines == [LINE]
        kept.log.put(LINE)
        kept.log.close(60)
        assert kept.lines == [LINE, LINE]
        assert len(log.log_files(kept.folder)) == 2


def test_what_the_queue_has_no_room_for_is_dropped_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    busy, go_on = threading.Event(), threading.Event()
    write = log._LogFile.write

    def slow(self: Any, lines: list[bytes]) -> None:
        busy.set()
        assert go_on.wait(60)
        write(self, lines)

    monkeypatch.setattr(log._LogFile, "write", slow)
    monkeypatch.setattr(log, "QUEUE_BYTES", 10 * len(LINE))
    kept = Kept(tmp_path)
    kept.log.put(b"first" * 1_000)
    assert kept.counts == {"queue": 1}  # no queue has room for it
    kept.log.put(LINE)
    assert busy.wait(60)
    for _ in range(15):
        kept.log.put(LINE)
    assert kept.counts == {"queue": 6}
    go_on.set()
    kept.log.close(60)
    assert kept.counts == {"queue": 6, "logged": 11}
    assert len(kept.lines) == 11


def test_a_disk_that_never_returns_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, done = threading.Event(), threading.Event()

    def hang(*_: object) -> None:
        go_on.wait(60)
        done.set()

    monkeypatch.setattr(log._LogFile, "write", hang)
    kept = Kept(tmp_path)
    kept.log.put(LINE)
    kept.log.close(0.01)
    kept.log.put(LINE)  # too late, and no error
    go_on.set()
    assert done.wait(60)
    assert not kept.lines


def test_a_full_disk_loses_lines_counts_them_and_is_used_again_when_it_has_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "GATHER_SECONDS", 0.0)
    monkeypatch.setattr(log, "PAUSE_SECONDS", 0.0)
    write, is_full = log._LogFile.write, threading.Event()
    is_full.set()

    def half(self: Any, lines: list[bytes]) -> None:
        write(self, lines)
        if is_full.is_set():
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(log._LogFile, "write", half)
    kept = Kept(tmp_path)
    for number in (1, 2):
        kept.log.put(LINE)
        kept.wait_for("disk", number)
    assert not kept.unfinished
    is_full.clear()
    kept.log.put(LINE)
    kept.log.close(60)
    assert kept.lines == [LINE]
    assert kept.counts == {"disk": 2, "logged": 1}
    assert kept.warnings == ["[Errno 28] No space left on device"]


def test_while_the_disk_refuses_lines_it_is_not_asked_again_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "GATHER_SECONDS", 0.0)
    monkeypatch.setattr(log, "PAUSE_SECONDS", 3_600.0)
    (tmp_path / "reads").write_text("in the way")
    kept = Kept(tmp_path / "reads")
    kept.log.put(LINE)
    kept.wait_for("disk", 1)
    (tmp_path / "reads").unlink()
    kept.log.put(LINE)
    kept.wait_for("disk", 2)
    assert not kept.folder.exists()
    kept.log.close(60)


KILLED = """
import sys, time
from pathlib import Path
from workbench.skew import ReadLog
folder = Path(sys.argv[1])
log = ReadLog(folder, share=1, days=1, most_bytes=2**30, count=print, warn=print)
log.put(b'{"a": 1}\\n{"half":')
while not any(path.stat().st_size for path in folder.rglob(".new-*")):
    time.sleep(0.01)
print("begun", flush=True)
sys.stdin.read()
"""


def test_a_killed_process_leaves_no_file_that_is_read(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=60)
    kept = Kept(tmp_path)
    assert kept.lines == []
    (left,) = kept.unfinished
    log.sweep(tmp_path, days=1, most_bytes=2**30)
    assert kept.unfinished == [left]  # it could be another process's
    old = datetime.now(UTC).timestamp() - 2 * 3_600
    os.utime(left, (old, old))
    log.sweep(tmp_path, days=1, most_bytes=2**30)
    assert kept.unfinished == []


def test_old_files_and_the_oldest_of_too_many_are_removed(tmp_path: Path) -> None:
    today = datetime.now(UTC)
    for age in range(5):
        day = tmp_path / f"{today - timedelta(days=age):%Y-%m-%d}"
        day.mkdir()
        (day / "000000000000-a.jsonl").write_bytes(b"x" * 100)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.jsonl").write_text("mine")
    log.sweep(tmp_path, days=3, most_bytes=10_000)
    assert len(log.log_files(tmp_path)) == 4
    log.sweep(tmp_path, days=3, most_bytes=250)
    assert [path.parent.name for path in log.log_files(tmp_path)] == [
        f"{today - timedelta(days=age):%Y-%m-%d}" for age in range(2)
    ]
    assert (tmp_path / "notes" / "mine.jsonl").exists()
