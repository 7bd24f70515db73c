"""Functions that the tests have workers call."""

from __future__ import annotations

import os
import random
import socket
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from workbench.errors import UsageError


def surroundings(_: SimpleNamespace) -> dict[str, Any]:
    """Return what a definition could see of the world."""
    return {
        "clock": time.time(),
        "now": datetime.now(UTC).timestamp(),
        "perf_counter": time.perf_counter(),
        "monotonic_ns": time.monotonic_ns(),
        "zone": datetime.fromtimestamp(0).isoformat(),  # noqa: DTZ006 - the local time is what is looked at
        "hash": hash("a"),
        "random": random.random(),
        "numpy": float(np.random.rand()),
        "host": socket.gethostname(),
        "processors": os.cpu_count(),
        "folder": str(Path.cwd()),
        "variables": dict(os.environ),
    }


def keep(state: SimpleNamespace, value: object) -> None:
    state.value = value


def kept(state: SimpleNamespace) -> object:
    return state.value


def process(_: SimpleNamespace) -> int:
    return os.getpid()


def say(_: SimpleNamespace, text: str) -> None:
    print(text)
    print(f"{text}!", file=sys.stderr)


def raise_error(_: SimpleNamespace) -> None:
    raise UsageError("It is wrong.", remedy="Put it right.", lines=["  1 | x"])


def raise_io_error(_: SimpleNamespace) -> None:
    raise BrokenPipeError(32, "Broken pipe", "somewhere")


def wait(_: SimpleNamespace) -> None:
    threading.Event().wait()


def end(_: SimpleNamespace) -> None:
    os._exit(3)


def threads(_: SimpleNamespace) -> int:
    """Return how many threads the process has, native ones included."""
    return len(list(Path("/proc/self/task").iterdir()))
