from __future__ import annotations

import fcntl
import os
import signal
from typing import TYPE_CHECKING

from tests.tracking.stores import until
from workbench.tracking.process import is_held, reap, spawn, try_lock

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

WAIT = "import signal; print('here', flush=True); signal.pause()"


def test_a_lock_is_held_by_one_and_free_again(tmp_path: Path) -> None:
    lock = tmp_path / "deep" / "x.lock"
    with try_lock(lock) as first, try_lock(lock) as second:
        assert first is not None
        assert second is None
        assert is_held(lock)
    assert not is_held(lock)


def test_lookers_do_not_see_each_other(tmp_path: Path) -> None:
    lock = tmp_path / "x.lock"
    lock.touch()
    with lock.open() as looker:
        fcntl.flock(looker, fcntl.LOCK_SH)
        assert not is_held(lock)


def test_a_spawned_process_keeps_the_lock_until_it_is_killed(tmp_path: Path) -> None:
    lock, log = tmp_path / "x.lock", tmp_path / "logs" / "x.log"
    with try_lock(lock) as handle:
        pid = spawn(["-c", WAIT], log=log, extra={}, keep=handle)
    assert is_held(lock)
    os.kill(pid, signal.SIGKILL)
    until(lambda: reap(pid), "the killed process")
    assert not is_held(lock)


def test_a_spawned_process_has_its_own_session_and_log(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    pid = spawn(["-c", WAIT], log=log, extra={})
    until(lambda: log.exists() and log.read_text() == "here\n", "its first line")
    assert os.getsid(pid) == pid != os.getsid(0)
    assert not reap(pid)
    os.kill(pid, signal.SIGTERM)
    until(lambda: reap(pid), "its end")


def test_files_beside_the_notebook_do_not_shadow_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('shadowed')")
    monkeypatch.chdir(tmp_path)
    pid = spawn(["-m", "json.tool", "--help"], log=tmp_path / "x.log", extra={})
    until(lambda: reap(pid), "its end")
    assert "shadowed" not in (tmp_path / "x.log").read_text()


def test_a_large_log_is_kept_as_the_older_one(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_bytes(b"x" * 1_100_000)
    pid = spawn(["-c", "print('new')"], log=log, extra={})
    until(lambda: reap(pid), "its end")
    assert log.read_text() == "new\n"
    assert log.with_suffix(".log.1").stat().st_size == 1_100_000
