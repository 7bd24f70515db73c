"""`Note`: the line of the interactive view that says what goes wrong; nothing else does, since there is no cell to."""

from __future__ import annotations

import html
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from workbench.errors import WorkbenchError

_LOG = logging.getLogger(__name__)


class Note:
    """A line of text, and what controls call through it.

    Parameters
    ----------
    shown
        The widget that shows it.
    """

    def __init__(self, shown: Any) -> None:
        self._shown = shown
        self._is_progress = False
        self._is_silent = False

    def say(self, text: str, *, progress: bool = False) -> None:
        """Show `text`, which goes again where it is about progress and what it is about went well."""
        self._shown.value = f"<p role='status'>{html.escape(text)}</p>" if text else ""
        self._is_progress = progress

    def calling(self, act: Callable[[], None]) -> Callable[[object], None]:
        """Return what a control calls to have `act` done, unless it was set from here."""

        def called(_: object) -> None:
            if not self._is_silent:
                with self.watching():
                    act()

        return called

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Let controls be set without answering to it."""
        before, self._is_silent = self._is_silent, True
        try:
            yield
        finally:
            self._is_silent = before

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Say what goes wrong within, instead of raising it."""
        self.say("")
        try:
            yield
        except WorkbenchError as error:
            self.say(f"{error.message} {error.remedy}")
        except Exception as error:  # noqa: BLE001 - a callback has no cell to fail in
            _LOG.debug("the interactive view failed", exc_info=error)
            self.say(f"The view could not be updated: {type(error).__name__}: {' '.join(str(error).split())[:200]}")
        else:
            if self._is_progress:
                self.say("")
