"""A worker process from the inside: the interpreter that is forked, and the fork that does what it is sent."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import os
import select
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from types import SimpleNamespace
from typing import Any

from workbench.worker import worlds
from workbench.worker.shared import ProcessState

PRELOADED = (
    "pandera.polars",
    "polars",
    "time_machine",
    "workbench.checks",
    "workbench.checks.probes",
    "workbench.compute.execute",
    "workbench.compute.partition_digests",
    "workbench.compute.trial",
    "workbench.fingerprint.identity",
    "workbench.define.loader",
    "workbench.define.observation",
    "workbench.define.model",
    "workbench.define.windows",
)
"""What definitions use, and what runs them. A fork has it without loading anything."""
_DIE_WITH_PARENT = 1
_LEAVING = 5.0
"""Seconds that a fork may take to leave by itself."""


def main(descriptor: int, folder: str) -> None:
    """Load libraries once, then fork for each request until the kernel at the other end of `descriptor` is gone.

    Parameters
    ----------
    descriptor
        A socket.
    folder
        Where the forks' working folders are; removed at the end.
    """
    control = Connection(descriptor)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the kernel's own handler decides what a Ctrl-C ends
    for name in PRELOADED:
        importlib.import_module(name)
    importlib.import_module("workbench.define.units").parse_unit("count")  # reads pint's definitions: once, not a fork
    shared = ProcessState().now()
    gc.collect()
    gc.freeze()  # else the first collection in each fork would copy all pages
    control.send("ready")
    forks = _Forks(control, shared)
    with contextlib.suppress(EOFError, OSError):
        while True:
            forks.answer()
    forks.end_all()
    shutil.rmtree(folder, ignore_errors=True)


class _Forks:
    """The forks of this interpreter, as far as the kernel has not asked for their end."""

    def __init__(self, control: Connection, shared: ProcessState) -> None:
        self._control = control
        self._shared = shared
        self._codes: dict[int, int | None] = {}
        """How each fork ended: its exit code, less than 0 for a signal; None while it lives."""

    def answer(self) -> None:
        """Do what the kernel asks for next."""
        request, process = self._control.recv()
        self._reap()
        if request == "fork":
            self._control.send(self._fork(recv_handle(self._control)))
        elif request == "code":
            self._control.send(self._end(process))
        else:
            self._kill(process)

    def end_all(self) -> None:
        """End the forks that live."""
        for process in list(self._codes):
            self._kill(process)

    def _fork(self, descriptor: int) -> int:
        parent = os.getpid()
        process = os.fork()
        if process == 0:
            self._control.close()
            _Fork(Connection(descriptor), self._shared, parent).run()
        _lead_group(process)
        os.close(descriptor)
        self._codes[process] = None
        return process

    def _kill(self, process: int) -> None:
        if process in self._codes and self._codes[process] is None:
            _kill_group(process)

    def _end(self, process: int) -> int:
        """Return how a fork ended that has closed its connection, or end it where it does not leave."""
        leaving = time.monotonic() + _LEAVING
        while self._codes.get(process, 0) is None:
            if time.monotonic() > leaving:
                self._kill(process)
            time.sleep(0.001)
            self._reap()
        return self._codes.pop(process, None) or 0

    def _reap(self) -> None:
        """Note which forks ended by themselves."""
        with contextlib.suppress(ChildProcessError):
            while True:
                process, status = os.waitpid(-1, os.WNOHANG)
                if not process:
                    break
                self._codes[process] = os.waitstatus_to_exitcode(status)
                _kill_group(process)  # what it started ends with it


class _Fork:
    """Calls the functions that it is sent, and sends back what they return or raise, and what they print."""

    def __init__(self, connection: Connection, shared: ProcessState, parent: int) -> None:
        self._connection = connection
        self._shared = shared
        self._sending = threading.Lock()
        self._folder = ""
        self._parent = parent

    def run(self) -> None:
        try:
            _die_with_parent(self._parent)
            _lead_group(0)
            world, variables, path, self._folder = self._connection.recv()
            threading.Thread(target=self._leave_with_kernel, daemon=True).start()
            sys.path[:] = path
            sys.stdout = _Printed(self.send, "stdout")
            sys.stderr = _Printed(self.send, "stderr")
            worlds.enter(world, variables, self._folder)
            state = SimpleNamespace(folder=self._folder, shared=self._shared, tell=partial(self.send, "told"))
            while True:
                function, arguments = self._connection.recv()
                self._call(function, state, arguments)
        except (EOFError, OSError):
            os._exit(0)
        finally:
            os._exit(1)

    def send(self, kind: str, value: object) -> None:
        """Send one message, from whichever thread."""
        with self._sending:
            self._connection.send((kind, value))

    def _call(self, function: Callable[..., Any], state: SimpleNamespace, arguments: tuple[Any, ...]) -> None:
        try:
            self.send("returned", function(state, *arguments))
        except OSError as error:
            if error.filename is None and isinstance(error, BrokenPipeError):
                raise
            self.send("raised", error)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the kernel raises it
            self.send("raised", error)

    def _leave_with_kernel(self) -> None:
        """Wait, also while the engine works, until the kernel's end is closed; then nobody needs this process."""
        waiting = select.poll()
        waiting.register(self._connection.fileno(), 0)  # hanging up is told in any case
        waiting.poll()
        shutil.rmtree(self._folder, ignore_errors=True)
        os._exit(0)


class _Printed:
    """Standard output or error of a fork: what is printed there comes out in the kernel."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, send: Callable[[str, object], None], name: str) -> None:
        self._send = send
        self._name = name

    def write(self, text: str) -> int:
        self._send("printed", (self._name, text))
        return len(text)

    def flush(self) -> None:
        """Do nothing: nothing waits."""

    def isatty(self) -> bool:
        return False


def _lead_group(process: int) -> None:
    """Make a fork the leader of a process group; both sides do, since neither knows who is first."""
    with contextlib.suppress(OSError):  # it has ended
        os.setpgid(process, process)


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody is left; on macOS, only zombies are
        os.killpg(leader, signal.SIGKILL)


def _die_with_parent(parent: int) -> None:
    """Have the system end this process with the interpreter that it was forked from, where it can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it was gone before it could be followed
            os._exit(1)
