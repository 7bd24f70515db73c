"""What a cell shows while it works and after: one output, updated by pushing."""

from __future__ import annotations

import contextvars
import html
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from IPython.display import display

from workbench.errors import WorkbenchError
from workbench.pipeline import HelperModule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from workbench.client import ServiceMonitor
    from workbench.compute import Progress
    from workbench.pipeline import UiLink, ViewResult

STARTING_SECONDS = 60.0
"""How long the link to MLflow's UI waits, in the background, until it answers; 15 s are usual."""

DELIVERY_SECONDS = 90.0
"""How long the card waits, in the background, to learn its MLflow run's id."""


SILENT_SECONDS = 0.5
"""How long a cell that works may show nothing new."""

LOOK_SECONDS = 3.0
"""Seconds between two looks at a service that is watched."""

AWAY_SECONDS = 300.0
"""Seconds after which a service that does not answer is watched no more."""


_AT_WORK: contextvars.ContextVar[bool] = contextvars.ContextVar("at work", default=False)
"""Whether a line is shown already: of a verb that calls others, the outer one is what somebody waits for."""


class _Line:
    """One line of progress."""

    def __init__(self, text: str) -> None:
        self._text = text

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        line = html.escape(self._text)
        return {"text/html": f"<div style='opacity:.7'>{line}</div>" if line else "", "text/plain": self._text}


class LiveOutput:
    """One output of the running cell. Widget callbacks would wait for the whole queue of cells; pushing does not.

    Parameters
    ----------
    pushes
        Whether the front end can replace what was shown; in a terminal only the last word is said.
    """

    _watched: ClassVar[LiveOutput | None] = None

    def __init__(self, *, pushes: bool = True) -> None:
        self._pushes = pushes
        self._handle: Any = None
        self._pushing = threading.Lock()
        self._ticked = 0.0

    def tick(self, now: Progress) -> None:
        """Show how far the computation is."""
        if self._pushes:
            self._ticked = time.monotonic()
            self._push(_Line(f"{now.view}: {now.phase} {now.seconds:.1f} s"))

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """Show that `what` goes on, and for how long, before the first computation, after the last and in between."""
        if not self._pushes or _AT_WORK.get():
            yield
            return
        before = _AT_WORK.set(True)
        ended = threading.Event()
        context = contextvars.copy_context()  # by which the kernel knows whose output it is
        beat = threading.Thread(target=context.run, args=(self._beat, what, ended), name="workbench-beat", daemon=True)
        beat.start()
        try:
            yield
        finally:
            _AT_WORK.reset(before)
            ended.set()
            beat.join()

    def _beat(self, what: str, ended: threading.Event) -> None:
        began = time.monotonic()
        while not ended.wait(SILENT_SECONDS):
            now = time.monotonic()
            if now - self._ticked >= SILENT_SECONDS:
                self._push(_Line(f"{what}: working {now - began:.1f} s"))

    def clear(self) -> None:
        """Take the line of progress away."""
        if self._handle is not None:
            self._push(_Line(""))

    def show(self, result: ViewResult | HelperModule) -> None:
        """Show the card, and once more when MLflow has its run."""
        self._push(result)
        if isinstance(result, HelperModule):
            return
        if self._pushes and result.ticket is not None and result.card.run == "queued":
            threading.Thread(target=self._delivered, args=(result,), name="workbench-delivery", daemon=True).start()

    def _delivered(self, result: ViewResult) -> None:
        assert result.ticket is not None  # noqa: S101 - `show` looked
        self._push(result.with_run(result.ticket.run_id(timeout=DELIVERY_SECONDS)))

    def follow(self, link: UiLink, again: Callable[[], UiLink]) -> None:
        """Show the link to a server that is starting, and once more when it answers."""
        self._push(link)
        if self._pushes and link.state == "starting":
            threading.Thread(target=self._answered, args=(again,), name="workbench-ui", daemon=True).start()

    def _answered(self, again: Callable[[], UiLink]) -> None:
        until = time.monotonic() + STARTING_SECONDS
        while (link := again()).state == "starting" and time.monotonic() < until:
            time.sleep(0.5)
        self._push(link)

    def watch(self, monitor: ServiceMonitor) -> None:
        """Show a service's figures, and again every few seconds until another one is watched or it stays away."""
        LiveOutput._watched = self
        self._push(monitor)
        if self._pushes:
            threading.Thread(target=self._watch, args=(monitor,), name="workbench-monitor", daemon=True).start()

    def _watch(self, monitor: ServiceMonitor) -> None:
        answered = time.monotonic()
        while LiveOutput._watched is self and time.monotonic() - answered < AWAY_SECONDS:
            time.sleep(LOOK_SECONDS)
            try:
                self._push(monitor.refresh())
                answered = time.monotonic()
            except WorkbenchError as error:
                self._push(replace(monitor.figures, fault=str(error)))

    def _push(self, shown: object) -> None:
        with self._pushing:
            if self._handle is None:
                self._handle = display(shown, display_id=True)
            else:
                self._handle.update(shown)
