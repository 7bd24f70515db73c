"""Worker processes: where definitions run, away from the kernel and from each other.

Two interpreters are started once a process, with an environment of their own and all libraries loaded. Each piece of
work is a fork of one of them: clean, quick to start, and gone afterwards.
"""

from __future__ import annotations

from workbench.worker.observer import Touch
from workbench.worker.pool import Worker, WorkerPool, pool
from workbench.worker.shared import RANDOM, StateChange
from workbench.worker.watch import Seen, Watch
from workbench.worker.worlds import ELSEWHERE, HERE, World

__all__ = [
    "ELSEWHERE",
    "HERE",
    "RANDOM",
    "Seen",
    "StateChange",
    "Touch",
    "Watch",
    "Worker",
    "WorkerPool",
    "World",
    "pool",
]
