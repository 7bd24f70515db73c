"""Taking turns: a writer that lost a race stands in line, so that it does not lose for ever."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 10.0
"""Seconds to stand in line before trying one's luck again."""


@contextmanager
def in_turn(git_dir: Path, *, patience: float = PATIENCE) -> Iterator[bool]:
    """Hold the repository's place at the head of the line, and tell whether it is held.

    The line is a courtesy: what keeps commits apart is the compare-and-swap. So a line that cannot be joined is none.

    Parameters
    ----------
    git_dir
        The repository's shared git directory.
    patience
        Seconds to wait for the others.
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
