"""The service's objective: which share of requests is to be answered well, and how fast what is left is used up."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping

WINDOWS: Mapping[str, float] = {"5m": 300.0, "1h": 3_600.0, "6h": 21_600.0}
"""The spans of time that the burn of the error budget is shown for, in seconds."""
STEP = 15.0
"""Seconds between two looks at the counts."""

Counts = tuple[float, float]
"""Requests that were answered well, and those that were not, since the service began."""


class ErrorBudget:
    """How fast the share of requests that may fail is used up; 1 uses it up exactly, 10 ten times as fast.

    Parameters
    ----------
    objective
        The share of requests that is to be answered well.
    counts
        Returns the counts of all workers.
    """

    def __init__(self, objective: float, counts: Callable[[], Counts]) -> None:
        self._allowed = 1 - objective
        self._counts = counts
        self._seen: deque[tuple[float, Counts]] = deque(maxlen=int(max(WINDOWS.values()) / STEP) + 2)
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
        """Remember the counts as they are at a time of the monotonic clock."""
        self._seen.append((time.monotonic() if now is None else now, self._counts()))

    def burn(self, now: float | None = None) -> dict[str, float]:
        """Return the burn in each window, or since this worker began; 0 where nothing was asked."""
        at = time.monotonic() if now is None else now
        good, bad = self._counts()
        found = {}
        for name, span in WINDOWS.items():
            before = next((counts for seen, counts in self._seen if seen >= at - span), (good, bad))
            asked = good + bad - sum(before)
            found[name] = (bad - before[1]) / asked / self._allowed if asked else 0.0
        return found

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(STEP)
            self.note()
