"""Background processes that outlive the kernel and are not reached by its interrupt."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_LOG_BYTES = 1_000_000
_INHERITED = 9


def spawn(arguments: Sequence[str], *, log: Path, extra: Mapping[str, str], keep: int | None = None) -> int:
    """Start Python with `arguments` in its own session, and return its process id at once.

    ``posix_spawn`` and not ``subprocess``: a ``Popen`` that is dropped while its process lives warns, and the kernel
    is to forget it.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        if log.stat().st_size > _LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
    actions: list[tuple[int, int, str, int, int] | tuple[int, int, int]] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    if keep is not None:
        actions.append((os.POSIX_SPAWN_DUP2, keep, _INHERITED))
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", **extra}
    command = [sys.executable, "-P", *arguments]  # -P: files beside the notebook must not shadow modules
    return os.posix_spawn(sys.executable, command, environment, file_actions=actions, setsid=True)


def reap(pid: int) -> bool:
    """Return whether the child `pid` has ended; True too where it was never ours or somebody else waited for it."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def is_held(lock: Path) -> bool:
    """Return whether a living process holds `lock`, writing nothing. A killed holder's lock is free."""
    try:
        handle = os.open(lock, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


@contextmanager
def try_lock(lock: Path) -> Iterator[int | None]:
    """Give the descriptor through which `lock` is held, or None where another process holds it.

    The lock is ``flock``: it belongs to the open file, so a process that inherits the descriptor keeps the lock.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield handle
    finally:
        os.close(handle)
