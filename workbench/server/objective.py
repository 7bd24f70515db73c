"""The service's objective: which share of requests is to be answered well, and how fast what is left is used up."""

from __future__ import annotations

import asyncio
import mmap
import os
import struct
import time
from collections.abc import Callable, Mapping
from pathlib import Path

WINDOWS: Mapping[str, float] = {"5m": 300.0, "1h": 3_600.0, "6h": 21_600.0}
"""The spans of time that the burn of the error budget is shown for, in seconds."""
STEP = 15.0
"""Seconds between two looks at the counts."""

SLOTS = int(max(WINDOWS.values()) / STEP) + 2
_SEEN = struct.Struct("<ddd")

Counts = tuple[float, float]
"""Requests that were answered well, and those that were not, since the service began."""


class ErrorBudget:
    """How fast the share of requests that may fail is used up; 1 uses it up exactly, 10 ten times as fast.

    What was counted when is in a ring that all workers write and read, so that each says the same, also one that took
    another's place.

    Parameters
    ----------
    objective
        The share of requests that is to be answered well.
    counts
        Returns the counts of all workers.
    folder
        Where the ring is; None where one process counts alone.
    """

    def __init__(self, objective: float, counts: Callable[[], Counts], folder: Path | None = None) -> None:
        self._allowed = 1 - objective
        self._counts = counts
        self._ring = _ring(folder)
        self._following: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look at the counts from now on."""
        self.note()
        self._following = asyncio.get_running_loop().create_task(self._follow())

    def stop(self) -> None:
        """Look at them no more."""
        if self._following is not None:
            self._following.cancel()

    def note(self, now: float | None = None) -> None:
        """Remember the counts as they are at a time of the monotonic clock, unless another worker just has."""
        at = time.monotonic() if now is None else now
        place = int(at // STEP) % SLOTS * _SEEN.size
        seen, *_ = _SEEN.unpack_from(self._ring, place)
        if not seen or at - seen > STEP:
            _SEEN.pack_into(self._ring, place, at, *self._counts())

    def burn(self, counts: Counts, now: float | None = None) -> dict[str, float]:
        """Return the burn until `counts` in each window, or since the service began; 0 where nothing was asked."""
        at = time.monotonic() if now is None else now
        good, bad = counts
        seen = sorted(each for each in _SEEN.iter_unpack(self._ring[:]) if each[0])
        found = {}
        for name, span in WINDOWS.items():
            good_before, bad_before = next(((g, b) for when, g, b in seen if when >= at - span), (good, bad))
            asked = good + bad - good_before - bad_before
            found[name] = (bad - bad_before) / asked / self._allowed if asked else 0.0
        return found

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(STEP)
            await asyncio.to_thread(self.note)  # it reads the counts of all workers


def _ring(folder: Path | None) -> mmap.mmap:
    size = SLOTS * _SEEN.size
    if folder is None:
        return mmap.mmap(-1, size)
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / "budget", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.ftruncate(descriptor, size)
        return mmap.mmap(descriptor, size)
    finally:
        os.close(descriptor)
