"""What a definition reads beside its inputs: files, folders, network, other programs, environment variables.

An audit hook sees what Python opens, on any thread. Variables and `os.stat` have no audit event, so these functions are
replaced, in this process, which is the definition's alone.
"""

from __future__ import annotations

import os
import site
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from types import FrameType
from typing import Any, Literal

Kind = Literal["file", "folder", "network", "program", "variable", "clock"]
_SYSTEM = ("/dev/", "/etc/", "/proc/", "/sys/")
_ZONES = ("/usr/share/zoneinfo", "/etc/localtime", "/etc/timezone", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo")
_NETWORK = frozenset(
    {
        *("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo"),
        *("socket.gethostbyname", "socket.gethostbyaddr", "socket.gethostname", "socket.getnameinfo"),
    }
)
_PROGRAM = frozenset(
    {
        *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty"),
        *("os.startfile", "pty.spawn"),
    }
)
_STATS = ("stat", "lstat", "access", "readlink", "statvfs")
_OF_LIBRARIES = ("POLARS_", "PYTHON")
_HARMLESS = frozenset({"TMPDIR", "TEMP", "TMP", "COLUMNS", "LINES"})
_IMPORTING = ("<frozen importlib", "<frozen zipimport")


@dataclass(frozen=True, slots=True)
class Touch:
    """Something undeclared that a definition reads.

    Attributes
    ----------
    kind
        What sort of thing it is.
    name
        A path, an address, a program, a variable's name.
    file, line
        Where in the definition; empty and 0 where the definition handed the work to a library on another thread.
    """

    kind: Kind
    name: str
    file: str = ""
    line: int = 0


class Undeclared(Exception):
    """Raised where a definition reads something undeclared, so that it does not get it."""


@dataclass(slots=True)
class Observer:
    """Notes what is read while it looks.

    Attributes
    ----------
    own
        Folders and files that hold the definition's code, as its frames name them.
    readable
        Folders and files that it may read, without links.
    here
        The process's working folder, from which nothing but `readable` may be read.
    touches
        What it read beside these.
    """

    own: tuple[str, ...]
    readable: tuple[str, ...]
    here: str
    touches: list[Touch] = field(default_factory=list)
    _looking: bool = False
    _made: set[str] = field(default_factory=set)
    _busy: threading.local = field(default_factory=threading.local)

    def install(self) -> None:
        """Look at this process from now on, whenever `looking` says so; for good."""
        sys.addaudithook(self._audit)
        _replace_variables(partial(self._undisturbed, self._variable))
        for name in _STATS:
            setattr(os, name, self._observed(getattr(os, name)))
        os.getcwd = self._observed_folder(os.getcwd)

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Note what is read inside."""
        self._looking = True
        try:
            yield
        finally:
            self._looking = False

    def _undisturbed(self, look: Callable[..., None], *arguments: Any) -> None:
        """Call `look`, unless nobody looks, or this very thread is looking already."""
        if not self._looking or getattr(self._busy, "now", False):
            return
        self._busy.now = True
        try:
            look(*arguments)
        finally:
            self._busy.now = False

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        look = _EVENTS.get(event)
        if look is not None:
            self._undisturbed(look, self, event, arguments)

    def _observed(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def looked_at(path: Any, *arguments: Any, **options: Any) -> Any:
            self._undisturbed(self._stat, path)
            return original(path, *arguments, **options)

        return looked_at

    def _observed_folder(self, original: Callable[[], str]) -> Callable[[], str]:
        def looked_at() -> str:
            self._undisturbed(self._folder)
            return original()

        return looked_at

    def _stat(self, path: Any) -> None:
        above = None if isinstance(path, int) else f"{_absolute(path).rstrip('/')}/"
        if above and any(place.startswith(above) for place in (*self.readable, *library_folders(), self.here)):
            return  # a library makes a path absolute: each folder above it is looked at
        self._path(path)

    def _opened(self, _: str, arguments: tuple[Any, ...]) -> None:
        path, mode, flags = arguments
        if isinstance(path, int):
            return
        emptied = flags & (os.O_TRUNC | os.O_EXCL) if mode is None else set(mode) & set("wx")
        if emptied:
            self._made.add(_absolute(path))
        else:
            self._path(path)

    def _listed(self, _: str, arguments: tuple[Any, ...]) -> None:
        self._path(os.curdir if arguments[0] is None else arguments[0])

    def _database(self, _: str, arguments: tuple[Any, ...]) -> None:
        if arguments[0] not in (":memory:", b":memory:", ""):
            self._path(arguments[0])

    def _network(self, event: str, arguments: tuple[Any, ...]) -> None:
        self._note("network", _address(event, arguments))

    def _program(self, event: str, arguments: tuple[Any, ...]) -> None:
        self._note("program", _command(event, arguments))

    def _path(self, path: Any) -> None:
        if isinstance(path, int):
            return
        name = _absolute(path)
        if name in self._made or _inside(name, self.readable) or _inside(name, library_folders()):
            return
        reader = self._reader()
        if reader is None or _inside(name, _ZONES) or (reader.by_library and name.startswith(_SYSTEM)):
            return
        shown = os.path.relpath(name, self.here) if _inside(name, (self.here,)) else name
        self._refuse("file", shown, reader)

    def _note(self, kind: Kind, name: str) -> None:
        reader = self._reader()
        if reader is not None:
            self._refuse(kind, name, reader)

    def _variable(self, name: str) -> None:
        if not name.startswith(_OF_LIBRARIES) and name not in _HARMLESS:
            self._surroundings("variable", name)

    def _folder(self) -> None:
        self._surroundings("folder", "the working folder")

    def _surroundings(self, kind: Kind, name: str) -> None:
        """Note what a definition asks of its process; what libraries, Polars included, ask for themselves is theirs."""
        reader = self._reader(for_callers=_is_standard)
        if reader is not None and reader.file and not reader.by_library:
            self.touches.append(Touch(kind, name, reader.file, reader.line))

    def _refuse(self, kind: Kind, name: str, reader: _Caller) -> None:
        self.touches.append(Touch(kind, name, reader.file, reader.line))
        raise Undeclared(f"{kind} {name}")

    def _reader(self, for_callers: Callable[[str], bool] | None = None) -> _Caller | None:
        """Return the current caller; None while Python imports a module.

        The standard library and Polars, which calls back, read for whoever calls them; or what `for_callers` says.
        """
        transparent = for_callers or _is_transparent
        by_library = False
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            name = frame.f_code.co_filename
            if _inside(name, self.own):
                return _Caller(name, frame.f_lineno, by_library=by_library)
            if name.startswith(_IMPORTING):
                return None
            by_library = by_library or not (name == __file__ or transparent(name))
            frame = frame.f_back
        return _Caller("", 0, by_library=by_library)


@dataclass(frozen=True, slots=True)
class _Caller:
    """Where the definition asks for what is read, and whether a library does the reading for it."""

    file: str
    line: int
    by_library: bool


_EVENTS: dict[str, Callable[[Observer, str, tuple[Any, ...]], None]] = {
    "open": Observer._opened,
    "os.listdir": Observer._listed,
    "os.scandir": Observer._listed,
    "sqlite3.connect": Observer._database,
    **dict.fromkeys(_NETWORK, Observer._network),
    **dict.fromkeys(_PROGRAM, Observer._program),
}


def _replace_variables(look: Callable[[str], None]) -> None:
    kind: Any = type(os.environ)
    original, keys = kind.__getitem__, kind.__iter__

    def getitem(self: Any, key: Any) -> Any:
        look(os.fsdecode(key) if isinstance(key, (str, bytes)) else str(key))
        return original(self, key)

    def iterate(self: Any) -> Any:
        look("all of them")
        return keys(self)

    kind.__getitem__, kind.__iter__ = getitem, iterate


def _address(event: str, arguments: tuple[Any, ...]) -> str:
    found = [item for item in arguments if isinstance(item, (str, bytes, tuple))]
    if not found:
        return event
    return ":".join(map(str, found[0])) if isinstance(found[0], tuple) else os.fsdecode(found[0])


def _command(event: str, arguments: tuple[Any, ...]) -> str:
    first = arguments[0] if arguments else None
    if event == "subprocess.Popen" and len(arguments) > 1 and arguments[1]:
        words = arguments[1] if isinstance(arguments[1], (list, tuple)) else [arguments[1]]
        return " ".join(os.fsdecode(word) for word in words)[:200]
    return os.fsdecode(first) if isinstance(first, (str, bytes, os.PathLike)) else event


def _absolute(path: Any) -> str:
    return os.path.realpath(os.fsdecode(path))


def _inside(name: str, places: Iterable[str]) -> bool:
    return any(name == place or name.startswith(f"{place}/") for place in places)


@cache
def _is_transparent(file: str) -> bool:
    """Return whether code in `file` reads for whoever calls it: the standard library, and Polars."""
    return _is_standard(file) or "/polars/" in file


@cache
def _is_standard(file: str) -> bool:
    """Return whether `file` is of the standard library, or made up by it."""
    installed = "site-packages" in file or "dist-packages" in file
    return file.startswith("<") or (not installed and _inside(file, _standard_library()))


@cache
def _standard_library() -> tuple[str, ...]:
    return tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), str(Path(os.__file__).parent)})


@cache
def library_folders() -> tuple[str, ...]:
    """Return the folders of installed libraries: what they read of their own is not the definition's reading."""
    paths = sysconfig.get_paths()
    named = [paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")]
    ours = str(Path(__file__).parent.parent.absolute())
    folders = [*named, *site.getsitepackages(), site.getusersitepackages(), ours]
    return tuple({*folders, *(os.path.realpath(folder) for folder in folders)})
