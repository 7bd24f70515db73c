"""The kernel's side of worker processes: start the two interpreters, fork them, call functions in a fork."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.reduction import send_handle
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Concatenate, Literal, ParamSpec, Self, TypeVar

from workbench.errors import WorkerEnded
from workbench.worker.worlds import HERE, Interpreter, World, environment_of

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")
_PATIENCE = 0.2
"""Seconds between checks for an interrupt."""
_START = """
import json, sys
sys.path[:] = json.loads(sys.argv[2])
from workbench.worker.zygote import main
main(int(sys.argv[3]), sys.argv[4])
"""


class WorkerPool:
    """The two interpreters of this process, each started when it is first needed, or by `warm`.

    Not multiprocessing's fork server: that runs the kernel's main module again in every process, and there is one of it
    with one environment, where the two worlds need interpreters with hash seeds of their own.
    """

    def __init__(self) -> None:
        self._zygotes: dict[Interpreter, _Zygote] = {}
        self._starting = threading.Lock()
        self._folder = tempfile.mkdtemp(prefix=f"workbench-worker-{os.getpid()}-")

    def warm(self) -> None:
        """Start the interpreters, which load their libraries while something else goes on."""
        self._zygote("here")
        self._zygote("elsewhere")

    def worker(self, world: World = HERE) -> Worker:
        """Return a new process in `world`; the caller closes it."""
        said = ""
        for _ in range(2):
            zygote = self._zygote(world.interpreter)
            try:
                return zygote.fork(world)
            except (EOFError, OSError):  # somebody ended it: another one is started
                said = zygote.last_output()
                self._drop(zygote)
        raise WorkerEnded(
            f"No process could be started to run the definition: {said}.",
            remedy="Check that this Python environment is complete: `python -c 'import workbench.checks'` "
            "shows the error.",
        )

    def close(self) -> None:
        """End the interpreters and all their forks."""
        for zygote in list(self._zygotes.values()):
            self._drop(zygote)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _zygote(self, interpreter: Interpreter) -> _Zygote:
        with self._starting:
            if interpreter not in self._zygotes:
                self._zygotes[interpreter] = _Zygote(interpreter, self._folder)
            return self._zygotes[interpreter]

    def _drop(self, zygote: _Zygote) -> None:
        with self._starting:
            self._zygotes = {name: other for name, other in self._zygotes.items() if other is not zygote}
        zygote.close()


class _Zygote:
    """An interpreter that is forked: its process, and the socket that forks are asked for on."""

    def __init__(self, interpreter: Interpreter, folder: str) -> None:
        self._folder = folder
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        ours, theirs = socket.socketpair()
        path = json.dumps([str(Path(entry).absolute()) for entry in sys.path])
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START, "worker", path, str(theirs.fileno()), folder],
            pass_fds=[theirs.fileno()],
            env=environment_of(World(interpreter), os.environ, folder),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
            start_new_session=True,  # a Ctrl-C in the terminal is for the kernel alone
        )
        theirs.close()
        self._control = Connection(ours.detach())
        self._talking = threading.Lock()
        self._ready = False

    def fork(self, world: World) -> Worker:
        """Return a fork of the interpreter, in `world`."""
        ours, theirs = socket.socketpair()
        with ours, theirs, self._talking:
            if not self._ready:
                self._control.recv()
                self._ready = True
            self._control.send(("fork", 0))
            send_handle(self._control, theirs.fileno(), self._process.pid)
            process = self._control.recv()
            connection = Connection(ours.detach())
        folder = Path(tempfile.mkdtemp(prefix=f"{world.interpreter}-", dir=self._folder))
        return Worker(connection, process, self, world, folder)

    def end(self, process: int) -> None:
        """End a fork."""
        with contextlib.suppress(OSError), self._talking:  # an interpreter that is gone took its forks with it
            self._control.send(("end", process))

    def code(self, process: int) -> int:
        """Return how a fork ended that is no more: its exit code, less than 0 for a signal."""
        try:
            with self._talking:
                self._control.send(("code", process))
                return int(self._control.recv())
        except (EOFError, OSError):
            return -int(signal.SIGKILL)

    def last_output(self) -> str:
        """Return the last line that the interpreter wrote as it failed to start."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit code {self._process.returncode}"

    def close(self) -> None:
        """End the interpreter; its forks see their connections close."""
        self._control.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=0.2)
        self._process.kill()
        self._process.wait()
        self._log.close()


class Worker:
    """A process that calls functions: a fork that lives until it is closed.

    What is printed in it is printed here. A Ctrl-C during a call ends it.

    Attributes
    ----------
    process
        Its id.
    world
        Its surroundings.
    folder
        Its working folder.
    """

    def __init__(self, connection: Connection, process: int, zygote: _Zygote, world: World, folder: Path) -> None:
        self._connection = connection
        self._zygote = zygote
        self._closed = False
        self.process = process
        self.world = world
        self.folder = folder
        path = [str(Path(entry).absolute()) for entry in sys.path]
        self._connection.send((world, dict(os.environ), path, str(self.folder)))

    def call(
        self,
        function: Callable[Concatenate[Any, _Arguments], _Result],
        *arguments: _Arguments.args,
        **_nothing: _Arguments.kwargs,
    ) -> _Result:
        """Return what ``function(state, *arguments)`` returns in the process; `state` holds what calls keep there."""
        self.start(function, *arguments, **_nothing)
        result: _Result = self.result()
        return result

    def start(
        self,
        function: Callable[Concatenate[Any, _Arguments], object],
        *arguments: _Arguments.args,
        **_nothing: _Arguments.kwargs,
    ) -> None:
        """Begin a call whose `result` is asked for later; one at a time."""
        try:
            self._connection.send((function, arguments))
        except OSError:
            raise self._ended() from None

    def result(self) -> Any:
        """Wait for the call that was started, and return or raise what it did."""
        kind, value = self.receive()
        while kind == "told":
            kind, value = self.receive()
        return value

    def receive(self, seconds: float | None = None) -> tuple[Literal["told", "returned"], Any]:
        """Return the next value that the call tells, by ``state.tell(value)``, or what it returns in the end."""
        end = None if seconds is None else time.monotonic() + seconds
        try:
            kind, value = self._message(end)
            while kind == "printed":
                name, text = value
                getattr(sys, name).write(text)
                kind, value = self._message(end)
        except (EOFError, ConnectionError):
            raise self._ended() from None
        except KeyboardInterrupt:
            self.close()
            raise
        if kind == "raised":
            raise value
        return kind, value

    def _message(self, end: float | None) -> tuple[Any, Any]:
        patience = _PATIENCE
        while not self._connection.poll(patience):  # a Ctrl-C that the system hands to another thread is seen here
            patience = _PATIENCE if end is None else min(_PATIENCE, end - time.monotonic())
            if patience <= 0:
                raise TimeoutError
        kind, value = self._connection.recv()
        return kind, value

    def close(self) -> None:
        """End the process, whatever it is doing, and those that it started; remove its working folder."""
        if not self._closed:
            self._closed = True
            self._zygote.end(self.process)
            self._connection.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _ended(self) -> WorkerEnded:
        code = 0 if self._closed else self._zygote.code(self.process)
        self.close()
        return _ended(signal.Signals(-code).name if code < 0 else f"exit code {code}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            self._connection.close()  # the process leaves by itself; the interpreter may be talked to in this moment


_pools: dict[int, WorkerPool] = {}


def pool() -> WorkerPool:
    """Return this process's workers. One for all projects: they hold nothing of any, and take long to start."""
    process = os.getpid()
    if process not in _pools:
        _pools.clear()  # a fork of the kernel must not talk to the workers of another process
        _pools[process] = WorkerPool()
        atexit.register(_pools[process].close)
    return _pools[process]


def _ended(how: str) -> WorkerEnded:
    """Return the error for a process that ended, saying `how`."""
    remedy = "Run it again. "
    if how == "SIGKILL":
        remedy += "The system may have killed it for lack of memory: compute less at once, or add memory."
    else:
        remedy += "If it ends again, a library crashes in the definition: remove its steps one by one to find it."
    error = WorkerEnded(f"The process that runs the definition ended ({how}).", remedy=remedy.strip())
    error.how = how
    return error
