"""Worlds: the surroundings that a worker process runs in, and how to enter one.

What a definition computes must be the same in every world: whatever the clock, time zone, locale, environment, machine
and random state are there.
"""

from __future__ import annotations

import locale
import os
import platform
import random
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Interpreter = Literal["here", "elsewhere"]
_CREDENTIALS = ("AWS_", "AZURE_", "GOOGLE_", "GCS_")
_LOADER = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR")
_OURS = ("TZ", "LANG", "LANGUAGE")
_POLARS_KEPT = ("POLARS_MAX_THREADS",)


@dataclass(frozen=True, slots=True)
class World:
    """Surroundings of a worker process.

    Attributes
    ----------
    interpreter
        Which of the two interpreters it is a fork of; they differ in their hash seed.
    clock
        By how many seconds all clocks are moved; what they show where they do not go on.
    time_zone
        The local time zone.
    environment
        Whether environment variables, locale, and what is known of the machine and its user are others.
    seed
        What the random generators start from; what the interpreter happened to start from where None.
    ticks
        Whether clocks that were moved go on.
    """

    interpreter: Interpreter = "here"
    clock: float = 0.0
    time_zone: str = "UTC"
    environment: bool = False
    seed: int | None = None
    ticks: bool = True


HERE = World()
"""Where stored values are computed."""

ELSEWHERE = World("elsewhere", clock=41_844_191.25, time_zone="Pacific/Chatham", environment=True, seed=20_130_101)
"""Another year, month, day of the week and hour, on a machine at the other end of the world."""


def environment_of(world: World, variables: Mapping[str, str], folder: str) -> dict[str, str]:
    """Return the environment of a process in `world`, made from that of the kernel.

    What would change values is left out: the kernel's own time zone, locale, and options of Polars.
    """
    kept = {
        name: value
        for name, value in variables.items()
        if name not in _OURS
        and not name.startswith(("LC_", "PYTHON"))
        and (not name.startswith("POLARS_") or name in _POLARS_KEPT)
        and (not world.environment or name in _LOADER or name.startswith(_CREDENTIALS))
    }
    if world.environment:
        kept |= {"HOME": f"{folder}/home", "USER": "elsewhere", "LOGNAME": "elsewhere", "HOSTNAME": "elsewhere"}
    return kept | {
        "TZ": world.time_zone,
        "LC_ALL": "C" if world.environment else "C.UTF-8",
        "PYTHONHASHSEED": "1" if world.interpreter == "elsewhere" else "0",
        "PYTHONUTF8": "1",
        "TMPDIR": folder,
    }


def enter(world: World, variables: Mapping[str, str], folder: str) -> None:
    """Make this process one in `world`: for good, so only a fork that ends afterwards does it."""
    import tempfile

    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment_of(world, variables, folder))
    time.tzset()
    tempfile.tempdir = None
    if world.seed is not None:
        _seed(world.seed)
    if world.environment:
        _become_another_machine()
    if world.clock:
        _move_clocks(world.clock, ticks=world.ticks)


def _seed(seed: int) -> None:
    random.seed(seed)
    if "numpy" in sys.modules:
        import numpy as np

        np.random.seed(seed)


def _move_clocks(seconds: float, *, ticks: bool) -> None:
    import time_machine

    time_machine.travel(time.time() + seconds if ticks else seconds, tick=ticks).start()
    for name in ("perf_counter", "monotonic", "process_time", "thread_time"):
        _move(name, seconds, ticks=ticks)
        _move(f"{name}_ns", int(seconds * 1e9), ticks=ticks)


def _move(name: str, by: float, *, ticks: bool) -> None:
    """Move a clock that time-machine leaves alone."""
    clock = getattr(time, name)
    setattr(time, name, lambda: clock() + by if ticks else by)


def _become_another_machine() -> None:
    """Have what Python says of the machine and its user be something else."""
    locale.setlocale(locale.LC_ALL, "C")
    name = os.uname()
    other = os.uname_result((name.sysname, "elsewhere", "0", "0", name.machine))
    processors = (os.cpu_count() or 1) + 2
    answers: dict[Any, dict[str, object]] = {
        os: {
            "cpu_count": processors,
            "uname": other,
            "getlogin": "elsewhere",
            "getuid": 61_001,
            "geteuid": 61_001,
            "getgid": 61_001,
            "getegid": 61_001,
            "getloadavg": (61.0, 61.0, 61.0),
            "sched_getaffinity": set(range(processors)),
        },
        socket: {"gethostname": "elsewhere", "getfqdn": "elsewhere.invalid"},
        platform: {"node": "elsewhere"},
    }
    for module, found in answers.items():
        for function, answer in found.items():
            if hasattr(module, function):
                setattr(module, function, lambda *_args, answer=answer: answer)
    sys.argv = ["elsewhere"]
