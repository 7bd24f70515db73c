"""What calls take, each in a process of its own: seconds, processor time and memory."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

Result = TypeVar("Result")


def measured(act: Callable[[], Result], *, repeat: int) -> tuple[Result, dict[str, float]]:
    """Return what `act` returns, the least that `repeat` calls after a first one take, and the MiB that this one takes.

    Import what it needs before.
    """
    base = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # Linux alone forgets the peak there was
    result = act()
    peak = max(0, _status("VmHWM") - base)
    runs = [timed(act) for _ in range(repeat)]
    return result, {"seconds": min(run[0] for run in runs), "cpu": min(run[1] for run in runs), "peak_mb": peak}


def timed(act: Callable[[], Any]) -> tuple[float, float]:
    """Return the seconds and the seconds of processor time of one call."""
    begin, used = time.perf_counter(), time.process_time()
    act()
    return time.perf_counter() - begin, time.process_time() - used


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) // 1024


def taken(command: Sequence[str]) -> dict[str, Any]:
    """Return what a process says, in its last line, that it measured."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def least(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the least of each figure of several processes that did the same."""
    return {name: min(run[name] for run in runs) for name in runs[0]}
