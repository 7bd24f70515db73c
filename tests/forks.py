"""Processes for tests: forks of an interpreter that has loaded everything, and runs no thread."""

from __future__ import annotations

import multiprocessing
import os
from functools import cache
from typing import TYPE_CHECKING

from workbench.worker.zygote import PRELOADED

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerContext, ForkServerProcess
    from typing import Any


@cache
def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.doomed", *PRELOADED])
    return context


def fork(target: Callable[..., None], *arguments: Any) -> tuple[ForkServerProcess, Connection]:
    """Run ``target(connection, *arguments)`` in a process of its own; return it, and our end of the connection."""
    ours, theirs = multiprocessing.Pipe()
    process = _context().Process(target=target, args=(theirs, *arguments))
    process.start()
    theirs.close()
    return process, ours


def take_environment(variables: dict[str, str]) -> None:
    """Let this process have the environment of the test, which began later than the interpreter that is forked."""
    os.environ.clear()
    os.environ.update(variables)
