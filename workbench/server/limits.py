"""What keeps the service answering when more is asked of it than it can do."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar

from workbench.server.problem import Problem, busy

if TYPE_CHECKING:
    from workbench.config import ServeSettings

Found = TypeVar("Found")

CALLERS = 10_000
"""How many tokens or addresses are remembered for the rate."""
WAITING = 8
"""Requests a thread that run or wait for one; others are told to come back."""
TICK = 0.05
"""Seconds between two looks at how late the event loop runs."""


class RateLimit:
    """How often each caller may ask: as many times as in one second at once, and `rate` times a second on.

    Parameters
    ----------
    rate
        Requests a second; None for any number.
    """

    def __init__(self, rate: float | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    def spend(self, caller: str) -> None:
        """Take one request of a caller's."""
        if self._rate is None:
            return
        now, most = self._clock(), max(self._rate, 1.0)
        left, then = self._left.get(caller, (most, now))
        left = min(most, left + (now - then) * self._rate)
        if left < 1.0:
            wait = max(1, round((1.0 - left) / self._rate + 0.5))
            raise busy(f"More than {self._rate:g} requests a second.", status=429, seconds=wait)
        if len(self._left) >= CALLERS:
            self._left.clear()
        self._left[caller] = left - 1.0, now


class Lateness:
    """How late the event loop runs: the time for which a request waits for its turn."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._late = 0
        self._expected = 0.0
        self._handle: asyncio.TimerHandle | None = None

    @property
    def is_high(self) -> bool:
        """Whether requests waited longer than the limit at the last two looks."""
        return self._late >= 2

    def start(self) -> None:
        """Begin to look."""
        loop = asyncio.get_running_loop()
        self._expected = loop.time() + TICK
        self._handle = loop.call_later(TICK, self._look)

    def stop(self) -> None:
        """Look no more."""
        if self._handle is not None:
            self._handle.cancel()

    def _look(self) -> None:
        late = asyncio.get_running_loop().time() - self._expected
        self._late = self._late + 1 if late > self._limit else 0
        self.start()


class Deadline:
    """What a task does within it ends with `TimeoutError` after some seconds; a third of `asyncio.timeout`'s cost.

    Parameters
    ----------
    seconds
        After which it ends.
    """

    __slots__ = ("_is_over", "_task", "_timer")

    def __init__(self, seconds: float) -> None:
        self._task: Any = asyncio.current_task()
        self._is_over = False
        self._timer = asyncio.get_running_loop().call_later(seconds, self._end)

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        self._timer.cancel()
        # cancelled by somebody else as well, it stays cancelled: as `asyncio.timeout` does it
        if self._is_over and self._task.uncancel() == 0 and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _end(self) -> None:
        self._is_over = True
        self._task.cancel()


class WorkPool:
    """Threads for what would hold up the event loop; each waits no longer than the deadline.

    Parameters
    ----------
    settings
        The number of threads and the deadline.
    """

    def __init__(self, settings: ServeSettings) -> None:
        self._threads = settings.threads
        self._deadline = settings.deadline_ms / 1_000
        self._pool = ThreadPoolExecutor(settings.threads, thread_name_prefix="features")
        self._pending = 0
        self._lock = threading.Lock()

    async def run(self, work: Callable[..., Found], *args: Any) -> Found:
        """Return what `work` returns."""
        with self._lock:
            if self._pending >= self._threads * WAITING:
                raise busy("The service has more large requests than it can answer.")
            self._pending += 1
        future: Future[Found] = self._pool.submit(copy_context().run, work, *args)
        future.add_done_callback(self._done)  # also where the deadline took it out of the queue
        try:
            async with asyncio.timeout(self._deadline):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise late(self._deadline) from None

    def close(self) -> None:
        """End the threads; what they have begun they finish."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _done(self, _: object) -> None:
        with self._lock:
            self._pending -= 1


def late(deadline: float) -> Problem:
    """Return the problem of a request that was not answered in time."""
    return Problem(
        503,
        f"The request was not answered within {deadline:g} seconds.",
        remedy="Ask for fewer entities or features at once, or send it again.",
        error="OnlineError",
        headers=[(b"retry-after", b"1")],
    )
