"""Progress of a computation: a few ticks a second from a thread of their own, while the engine has the others."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

Phase = Literal["planning", "computing", "digesting", "done"]
_EVERY = 0.2
_PATIENCE = 2.0  # for a callback that hangs: then the computation goes on without it


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the computation of a view is.

    Parameters
    ----------
    view
        The view's name.
    phase
        What is being done.
    seconds
        Since it began.
    rows
        Number of rows, once that is known.
    """

    view: str
    phase: Phase
    seconds: float
    rows: int | None = None


Report = Callable[[Progress], None]


class Ticker:
    """Calls back at every change of phase and five times a second in between; a context manager.

    The callback runs in a thread that inherits the caller's context variables (by which a notebook knows which cell
    an output belongs to). If it raises, it is not called again, and the computation does not notice.
    """

    def __init__(self, view: str, report: Report | None) -> None:
        self.view = view
        self.began = time.perf_counter()
        self._report = report
        self._now: tuple[Phase, int | None] = ("planning", None)
        self._changed = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def seconds(self) -> float:
        """Return the time since the computation began."""
        return time.perf_counter() - self.began

    def __enter__(self) -> Self:
        if self._report is not None:
            context = contextvars.copy_context()
            self._thread = threading.Thread(target=context.run, args=(self._run,), name="progress", daemon=True)
            self._changed.set()
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.phase("done", self._now[1])
        if self._thread is not None and kind is None:
            self._thread.join(_PATIENCE)

    def phase(self, phase: Phase, rows: int | None = None) -> None:
        """Say what is being done from now on."""
        self._now = (phase, rows)
        self._changed.set()

    def _run(self) -> None:
        phase: Phase = "planning"
        while phase != "done" and self._report is not None:
            self._changed.wait(_EVERY)
            self._changed.clear()
            phase, rows = self._now
            try:
                self._report(Progress(self.view, phase, self.seconds, rows))
            except Exception:  # noqa: BLE001 - the boundary to a caller's display, which must not cost a computation
                return
