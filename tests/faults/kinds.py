"""The kinds of faults: what dies, or is refused something, and where in a verb that can be."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.faults import doomed
from tests.faults.doomed import Ended
from tests.forks import fork

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from multiprocessing.process import BaseProcess

PYTHON_KILLED = "Python is killed at a step"
PYTHON_FAILS = "a call of Python fails"
GROUP_KILLED = "the process group is killed"
ALL_KILLED = "all processes are killed"
GIT_KILLED = "git is killed at a system call"
GIT_FAILS = "a system call of git fails"
CALL_KILLED = "a process is killed at a system call"
CALL_FAILS = "a system call fails in all processes"
DISK_FULL = "the disk fills up"
KINDS = (
    PYTHON_KILLED, GROUP_KILLED, ALL_KILLED, GIT_KILLED, CALL_KILLED,
    PYTHON_FAILS, GIT_FAILS, CALL_FAILS, DISK_FULL,
)  # fmt: skip
TIMED = {GROUP_KILLED, ALL_KILLED}
TRACED = {GIT_KILLED, GIT_FAILS, CALL_KILLED, CALL_FAILS}

ENDLESS = 240.0
"""Seconds after which a verb hangs."""
_CALLS = ("rename", "renameat2", "link", "linkat", "unlink", "unlinkat", "mkdir", "rmdir", "fsync", "fdatasync")
_GIT_CALLS = (*_CALLS, "openat", "write", "pwrite64", "ftruncate", "chmod")
_ON_DATA = (errno.ENOSPC, errno.EIO)
_ON_NAMES = (errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EIO)
_LINE = re.compile(r"(\d+) +(\w+)\((.*)")
_PARTS = 97
"""How far apart, among those that there are, the errors of neighbouring cases are."""


@dataclass(frozen=True, slots=True)
class Call:
    """The `when`-th system call of its name: of the `turn`-th git that runs `command`, of any process where empty."""

    name: str
    when: int
    command: str = ""
    turn: int = 0

    def errors(self) -> tuple[int, ...]:
        """Return the numbers of the errors that it may end with."""
        return _ON_DATA if self.name in {"write", "pwrite64", "fsync", "fdatasync", "ftruncate"} else _ON_NAMES


@dataclass(frozen=True, slots=True)
class Place:
    """Where a verb runs: the project, and what else it writes to, all below one folder."""

    folder: Path

    @property
    def root(self) -> Path:
        """The project's folder."""
        return self.folder / "trial"

    @property
    def variables(self) -> dict[str, str]:
        """The environment: temporary files and the user's cache are here."""
        here = {"TMPDIR": str(self.folder / "tmp"), "XDG_CACHE_HOME": str(self.folder / "cache")}
        tools = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, **here, "PATH": tools}


@contextmanager
def place(folder: Path, stage: Path, cache_folder: Path | None = None) -> Iterator[Place]:
    """Copy a project into `folder`, which is removed at the end."""
    for name in ("tmp", "bin"):
        (folder / name).mkdir(parents=True)
    if cache_folder is not None and cache_folder.exists():
        shutil.copytree(cache_folder, folder / "cache")
    shutil.copytree(stage, folder / "trial", symlinks=True)
    try:
        yield Place(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def begun(place: Place, verb: str, last: int = 0, number: int = 0) -> Iterator[tuple[BaseProcess, Any]]:
    """Start a verb; it waits for a word on the connection."""
    process, ours = fork(doomed.run, place.root, verb, place.variables, last, number)
    try:
        assert ours.poll(ENDLESS)
        assert ours.recv() == "ready"
        yield process, ours
    finally:
        process.kill()
        process.join()
        ours.close()


def ended(process: BaseProcess, connection: Any) -> Ended | None:
    """Return how a verb ended; None where it was killed."""
    found: Ended | None = None
    with suppress(EOFError, ConnectionResetError):
        if not connection.poll(ENDLESS):
            raise TimeoutError(f"no end after {ENDLESS:.0f} seconds")
        found = connection.recv()
    process.join(ENDLESS)
    return found


def finish(place: Place, verb: str, last: int = 0, number: int = 0) -> Ended | None:
    """Run a verb to its end, whichever that is."""
    with begun(place, verb, last, number) as (process, connection):
        connection.send("go")
        return ended(process, connection)


# --- where in a verb a fault can be -------------------------------------------------------------------------------


class Measured:
    """How a verb goes that nothing happens to: its steps, seconds, system calls and bytes, each looked at when asked.

    Parameters
    ----------
    verb, stage
        The verb, and the project before it.
    folder
        Where it may be tried.
    cache_folder
        What was noted of definitions before.
    """

    def __init__(self, verb: str, stage: Path, folder: Path, cache_folder: Path | None) -> None:
        self.verb = verb
        self._stage = stage
        self._folder = folder
        self._cache = cache_folder
        self._known: dict[Any, Any] = {}

    def before(self, look: Callable[[Place], Any]) -> Any:
        """Return what `look` finds before the verb."""
        return self._once(("before", look), look)

    def after(self, look: Callable[[Place], Any]) -> Any:
        """Return what `look` finds after the verb."""

        def looked(whole: Place) -> Any:
            self._whole(whole)
            return look(whole)

        return self._once(("after", look), looked)

    def _once(self, name: object, what: Callable[[Place], Any]) -> Any:
        if name not in self._known:
            with place(self._folder / f"whole-{len(self._known)}", self._stage, self._cache) as whole:
                self._known[name] = what(whole)
        return self._known[name]

    def _whole(self, whole: Place) -> Ended:
        found = finish(whole, self.verb)
        assert found is not None
        assert found.said == "", found.said
        return found

    @property
    def steps(self) -> int:
        """How many steps its Python takes."""
        return int(self._once("steps", self._steps))

    def _steps(self, whole: Place) -> int:
        return self._whole(whole).steps

    @property
    def seconds(self) -> float:
        """How long it takes."""
        return float(self._once("seconds", self._seconds))

    def _seconds(self, whole: Place) -> float:
        with begun(whole, self.verb) as (process, connection):
            began = time.monotonic()
            connection.send("go")
            ended(process, connection)
            return time.monotonic() - began

    @property
    def bytes(self) -> int:
        """By how much the project grows on disk."""
        return int(self._once("bytes", self._bytes))

    def _bytes(self, whole: Place) -> int:
        before = _blocks(whole.root)
        self._whole(whole)
        return max(_blocks(whole.root) - before, 1)

    @property
    def git_calls(self) -> list[Call]:
        """The system calls by which its gits write."""
        return list(self._once("git_calls", self._git_calls))

    def _git_calls(self, whole: Place) -> list[Call]:
        traces = whole.folder / "traces"
        traces.mkdir()
        what = ",".join(("execve", *_GIT_CALLS))
        options = f'-f -y -qq -o "{traces}/$(wc -l < {traces}/.turns)" -e trace={what}'
        _wrap(whole, f'echo >> {traces}/.turns\nexec strace {options} git "$@"')
        self._whole(whole)
        found: list[Call] = []
        turns: dict[str, int] = {}
        for trace in sorted(traces.glob("[0-9]*"), key=lambda path: int(path.name)):
            lines = trace.read_text(errors="replace").splitlines()
            command = _command(lines[0])
            turns[command] = turns.get(command, 0) + 1
            found += [Call(call.name, call.when, command, turns[command]) for call in _writing(lines)]
        return found

    @property
    def calls(self) -> list[Call]:
        """The system calls by which any of its processes writes; each process counts its own."""
        return list(self._once("calls", self._calls))

    def _calls(self, whole: Place) -> list[Call]:
        with begun(whole, self.verb) as (process, connection), _watched(whole, process, f"trace={','.join(_CALLS)}"):
            connection.send("go")
            ended(process, connection)
        most: dict[tuple[str, str], int] = {}
        for line in (whole.folder / "trace").read_text(errors="replace").splitlines():
            if (found := _LINE.match(line)) is not None and found[2] in _CALLS:
                most[found[1], found[2]] = most.get((found[1], found[2]), 0) + 1
        names = {name: max(count for (_, other), count in most.items() if other == name) for _, name in most}
        return [Call(name, when) for name in sorted(names) for when in range(1, names[name] + 1)]


def _blocks(root: Path) -> int:
    return sum(path.lstat().st_blocks * 512 for path in root.rglob("*"))


def _command(line: str) -> str:
    """Return which command of git an ``execve`` starts."""
    words: list[str] = re.findall(r'"((?:[^"\\]|\\.)*)"', line.partition("[")[2])
    rest = iter(words[1:])
    for word in rest:
        if word == "-c":
            next(rest)
        elif not word.startswith("-"):
            return word
    return "none"


def _writing(lines: Sequence[str]) -> Iterator[Call]:
    """Yield the calls of a trace's first process that write to files."""
    first = lines[0].split()[0]
    counts: dict[str, int] = {}
    for line in lines:
        found = _LINE.match(line)
        if found is None or found[1] != first or found[2] == "execve":
            continue
        name, rest = found[2], found[3]
        counts[name] = counts.get(name, 0) + 1
        if name == "openat" and ("/dev/null" in rest or not re.search(r"O_CREAT|O_WRONLY|O_RDWR", rest)):
            continue
        if name in {"write", "pwrite64"} and not re.match(r"\d+</(?!dev)", rest):
            continue
        yield Call(name, counts[name])


def _wrap(place: Place, body: str) -> None:
    """Put a git before all others that is a shell script."""
    path = place.folder / "bin" / "git"
    path.write_text(f"#!/bin/sh\nPATH='{os.environ['PATH']}'; export PATH\n{body}\n")
    path.chmod(0o755)


@contextmanager
def _watched(place: Place, process: BaseProcess, *expressions: str) -> Iterator[None]:
    """Let strace watch a process and those that it starts."""
    said = place.folder / "strace"
    options = [word for expression in expressions for word in ("-e", expression)]
    with said.open("w") as stream:
        strace = subprocess.Popen(
            ["strace", "-f", "-o", str(place.folder / "trace"), *options, "-p", str(process.pid)], stderr=stream
        )
        try:
            until = time.monotonic() + ENDLESS
            while "attached" not in said.read_text():
                assert strace.poll() is None, said.read_text()
                assert time.monotonic() < until
                time.sleep(0.005)
            yield
        finally:
            strace.terminate()
            strace.wait()


# --- faults -------------------------------------------------------------------------------------------------------


def strike(measured: Measured, kind: str, part: float, place: Place) -> tuple[Ended | None, str]:
    """Run a verb with a fault of a kind, which happens when `part` of what it does is done.

    Returns
    -------
    tuple[Ended | None, str]
        How the verb ended, `None` where it was killed; and what happened to it, empty where nothing did.
    """
    return _FAULTS[kind](measured, part, place)


def _at(part: float, many: int) -> int:
    return min(many - 1, int(part * many))


def _error(part: float, among: Sequence[int]) -> int:
    return among[int(part * _PARTS) % len(among)]


def _python_killed(measured: Measured, part: float, place: Place) -> tuple[Ended | None, str]:
    step = 1 + _at(part, measured.steps)
    found = finish(place, measured.verb, step)
    return found, f"step {step} of {measured.steps}" if found is None else ""


def _python_fails(measured: Measured, part: float, place: Place) -> tuple[Ended | None, str]:
    step, number = 1 + _at(part, measured.steps), _error(part, _ON_NAMES)
    found = finish(place, measured.verb, step, number)
    happened = found is None or found.steps >= step
    return found, f"{errno.errorcode[number]} at step {step} of {measured.steps}" if happened else ""


def _killed_in_time(measured: Measured, part: float, place: Place, *, everything: bool) -> tuple[Ended | None, str]:
    import psutil

    seconds = part * measured.seconds
    with begun(place, measured.verb) as (process, connection):
        connection.send("go")
        time.sleep(seconds)
        victims: list[psutil.Process] = []
        with suppress(psutil.NoSuchProcess):
            leader = psutil.Process(process.pid)
            if everything:
                leader.suspend()  # it starts no further ones
                victims = leader.children(recursive=True)
            with suppress(ProcessLookupError):
                os.killpg(leader.pid, signal.SIGKILL)
        for victim in victims:
            with suppress(psutil.NoSuchProcess):
                victim.kill()
        found = ended(process, connection)
    return found, f"after {seconds:.3f} of {measured.seconds:.3f} seconds" if found is None else ""


def _group_killed(measured: Measured, part: float, place: Place) -> tuple[Ended | None, str]:
    return _killed_in_time(measured, part, place, everything=False)


def _all_killed(measured: Measured, part: float, place: Place) -> tuple[Ended | None, str]:
    return _killed_in_time(measured, part, place, everything=True)


def _git_struck(measured: Measured, part: float, place: Place, *, fails: bool) -> tuple[Ended | None, str]:
    calls = measured.git_calls
    if not calls:
        return None, ""
    call = calls[_at(part, len(calls))]
    what = f"error={errno.errorcode[_error(part, call.errors())]}" if fails else "signal=KILL"
    turns = place.folder / "turns"
    _wrap(place, f'case " $* " in *" {call.command} "*) ;; *) exec git "$@";; esac\necho >> {turns}\n'
          f'test "$(wc -l < {turns})" = {call.turn} || exec git "$@"\n'
          f'exec strace -f -qq -o {place.folder}/trace -e trace={call.name} '
          f'-e inject={call.name}:{what}:when={call.when} git "$@"')  # fmt: skip
    found = finish(place, measured.verb)
    trace = place.folder / "trace"
    happened = trace.exists() and ("INJECTED" if fails else "killed by SIGKILL") in trace.read_text(errors="replace")
    return found, f"{what} at {call.name} {call.when} of git {call.command} {call.turn}" if happened else ""


def _git_killed(measured: Measured, part: float, place: Place) -> tuple[Ended | None, str]:
    return _git_struck(measured, part, place, fails=False)


def _git_fails(measured: Measured, part: float, place: Place) -> tuple[Ended | None, str]:
    return _git_struck(measured, part, place, fails=True)


def _call_struck(measured: Measured, part: float, place: Place, *, fails: bool) -> tuple[Ended | None, str]:
    calls = measured.calls
    call = calls[_at(part, len(calls))]
    what = f"error={errno.errorcode[_error(part, call.errors())]}" if fails else "signal=KILL"
    inject = f"inject={call.name}:{what}:when={call.when}"
    with (
        begun(place, measured.verb) as (process, connection),
        _watched(place, process, f"trace={call.name}", inject),
    ):
        connection.send("go")
        found = ended(process, connection)
    trace = (place.folder / "trace").read_text(errors="replace")
    happened = ("INJECTED" if fails else "killed by SIGKILL") in trace
    return found, f"{what} at {call.name} {call.when}" if happened else ""


def _call_killed(measured: Measured, part: float, place: Place) -> tuple[Ended | None, str]:
    return _call_struck(measured, part, place, fails=False)


def _call_fails(measured: Measured, part: float, place: Place) -> tuple[Ended | None, str]:
    return _call_struck(measured, part, place, fails=True)


def _disk_full(measured: Measured, part: float, place: Place) -> tuple[Ended | None, str]:
    """Run the verb on a file system that has room for a part of what it writes; there is room again afterwards."""
    aside = place.folder / "aside"
    place.root.rename(aside)
    place.root.mkdir()
    with mounted(place.root, "size=1g") as resize:
        shutil.copytree(aside, place.root, symlinks=True, dirs_exist_ok=True)
        shutil.rmtree(aside)
        room = int(part * measured.bytes)
        state = os.statvfs(place.root)
        resize((state.f_blocks - state.f_bfree) * state.f_frsize + room)
        found = finish(place, measured.verb)
        # what it left is copied back to where there is room
        shutil.copytree(place.root, aside, symlinks=True)
    place.root.rmdir()
    aside.rename(place.root)
    return found, f"room for {room // 1024} of {measured.bytes // 1024} KiB"


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Callable[[int], None]]:
    """Mount a file system in memory, and yield what gives it another size."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True, capture_output=True)

    def resize(size: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=True, capture_output=True)

    try:
        yield resize
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)


_FAULTS: Mapping[str, Callable[[Measured, float, Place], tuple[Ended | None, str]]] = {
    PYTHON_KILLED: _python_killed,
    PYTHON_FAILS: _python_fails,
    GROUP_KILLED: _group_killed,
    ALL_KILLED: _all_killed,
    GIT_KILLED: _git_killed,
    GIT_FAILS: _git_fails,
    CALL_KILLED: _call_killed,
    CALL_FAILS: _call_fails,
    DISK_FULL: _disk_full,
}


def lacking(kind: str, folder: Path) -> str:
    """Return why a kind of fault cannot be made on this machine; empty where it can."""
    if kind in TRACED:
        return _untraceable()
    if kind == DISK_FULL:
        return _unmountable(folder)
    return ""


@cache
def _untraceable() -> str:
    if shutil.which("strace") is None:
        return "there is no strace on PATH"
    inject = ["-e", "trace=getpid", "-e", "inject=getpid:error=EIO"]
    done = subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", *inject, "true"], check=False, capture_output=True)
    return "" if done.returncode == 0 else f"strace may not trace here: {done.stderr.decode(errors='replace').strip()}"


@cache
def _unmountable(folder: Path) -> str:
    trial = folder / "mount"
    trial.mkdir(exist_ok=True)
    try:
        with mounted(trial, "size=1m"):
            return ""
    except (OSError, subprocess.CalledProcessError):
        return "nothing may be mounted here"
