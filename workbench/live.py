"""What a cell shows while it works and after: one output, updated by pushing."""

from __future__ import annotations

import html
import threading
from typing import TYPE_CHECKING, Any

from IPython.display import display

if TYPE_CHECKING:
    from workbench.compute import Progress
    from workbench.loop import ViewResult

DELIVERY_SECONDS = 90.0
"""How long the card waits, in the background, to learn its MLflow run's id."""


class _Line:
    """One line of progress."""

    def __init__(self, text: str) -> None:
        self._text = text

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        line = html.escape(self._text)
        return {"text/html": f"<div style='opacity:.7'>{line}</div>" if line else "", "text/plain": self._text}


class LiveOutput:
    """One output of the running cell. Widget callbacks would wait for the whole queue of cells; pushing does not."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._card: Any = None

    def tick(self, now: Progress) -> None:
        """Show how far the computation is."""
        self._push(_Line(f"{now.view}: {now.phase} {now.seconds:.1f} s"))

    def clear(self) -> None:
        """Take the line of progress away."""
        if self._handle is not None:
            self._push(_Line(""))

    def show(self, result: ViewResult) -> None:
        """Show the card, and once more when MLflow has its run."""
        self._push(result)
        if result.ticket is not None and result.card.run == "queued":
            threading.Thread(target=self._delivered, args=(result,), name="workbench-delivery", daemon=True).start()

    def _delivered(self, result: ViewResult) -> None:
        assert result.ticket is not None  # noqa: S101 - `show` looked
        self._push(result.with_run(result.ticket.run_id(timeout=DELIVERY_SECONDS)))

    def _push(self, shown: object) -> None:
        if self._handle is None:
            self._handle = display(shown, display_id=True)
        else:
            self._handle.update(shown)
