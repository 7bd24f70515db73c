"""Running a user's code for a limited time: what it prints is kept, and nothing that it raises gets out."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Tracer = Callable[[FrameType, str, Any], Any]
_GRACE = 2.0


class TimeUp(BaseException):
    """Raised inside code that ran too long; no `except Exception` catches it."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a call went.

    Attributes
    ----------
    value
        What it returned.
    error
        What it raised; `TimeUp` where it ran too long.
    printed
        What it wrote to standard output and error.
    """

    value: Any
    error: BaseException | None
    printed: str


def run_limited(function: Callable[[], Any], *, seconds: float, tracer: Tracer | None = None) -> Ran:
    """Call `function` in a thread of its own, for at most `seconds`.

    A call that waits for something outside of Python (a lock, a socket, ``time.sleep``) cannot be broken off; it is
    left behind in a thread that does not keep the process alive, and counts as having run too long.

    Parameters
    ----------
    function
        What to call.
    seconds
        For how long.
    tracer
        Set as the thread's trace function, e.g. to see which lines run.
    """
    outcome: list[Ran] = []
    with _captured() as printed:

        def call() -> None:
            printed.mine()
            sys.settrace(tracer)
            try:
                outcome.append(Ran(function(), None, ""))
            except BaseException as error:  # noqa: BLE001  # sys.exit() in a test ends the test, not the process
                outcome.append(Ran(None, error, ""))
            finally:
                sys.settrace(None)

        thread = threading.Thread(target=call, name="workbench-test", daemon=True)
        thread.start()
        try:
            thread.join(seconds)
            if thread.is_alive():
                _stop(thread)
        except BaseException:
            _stop(thread)
            raise
        text = printed.text()
    found = outcome[0] if outcome else Ran(None, TimeUp(), "")
    return Ran(found.value, found.error, text)


def _stop(thread: threading.Thread) -> None:
    """Raise `TimeUp` in `thread` at its next step in Python, and wait a moment for it to end."""
    if thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(TimeUp))
    thread.join(_GRACE)


class _Printed:
    """Stands for a stream: keeps what one thread writes, and hands on what all others do."""

    def __init__(self, stream: Any, kept: StringIO) -> None:
        self._stream = stream
        self._kept = kept
        self._thread: int | None = None

    def mine(self) -> None:
        """Keep what this thread writes from now on."""
        self._thread = threading.get_ident()

    def write(self, text: str, /) -> int:
        """Write `text` to where this thread's output goes."""
        if threading.get_ident() == self._thread:
            return self._kept.write(text)
        return int(self._stream.write(text) or 0)

    def flush(self) -> None:
        """Pass on what is buffered."""
        if threading.get_ident() != self._thread:
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@dataclass(frozen=True, slots=True)
class _Captured:
    streams: tuple[_Printed, _Printed]
    kept: StringIO

    def mine(self) -> None:
        for stream in self.streams:
            stream.mine()

    def text(self) -> str:
        return self.kept.getvalue()


@contextmanager
def _captured() -> Iterator[_Captured]:
    kept = StringIO()
    out, err = _Printed(sys.stdout, kept), _Printed(sys.stderr, kept)
    before = (sys.stdout, sys.stderr)
    sys.stdout, sys.stderr = out, err
    try:
        yield _Captured((out, err), kept)
    finally:
        if sys.stdout is out:
            sys.stdout = before[0]
        if sys.stderr is err:
            sys.stderr = before[1]
