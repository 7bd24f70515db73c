"""`Kept`: what was found out about content that never changes, in one file of a cache folder that may be lost."""

from __future__ import annotations

import hashlib
import os
import sys
from contextlib import suppress
from functools import cache, cached_property
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from workbench.files import replacing, stamp

T = TypeVar("T")


@cache
def made_by(*rooms: str) -> str:
    """Return a scheme for values that code of some of our rooms makes: another one after a file of them changed.

    What a process has loaded stays, whatever becomes of the files.
    """
    package = Path(__file__).parent
    files = (path for room in rooms for path in sorted((package / room).glob("*.py")))
    made = repr((sys.version, [(str(path), stamp(path)) for path in files]))
    return hashlib.sha256(made.encode()).hexdigest()


def installed() -> str:
    """Return a mark of what is installed beside us: another one after any library came, went or moved."""
    found = []
    for folder in sys.path:
        with suppress(OSError), os.scandir(folder or ".") as entries:
            found += [
                (entry.path, entry.stat().st_mtime_ns)
                for entry in entries
                if entry.name.endswith((".dist-info", ".egg-info", ".pth"))
            ]
    return hashlib.sha256(repr(sorted(found)).encode()).hexdigest()


class Kept(Generic[T]):
    """Values by key. A key names all that its value depends on; a damaged file, or one of another scheme, is empty.

    Many processes may use the file at once: it is replaced as a whole, and what another one put there meanwhile stays.

    Parameters
    ----------
    path
        The file; None to keep nothing beyond this object.
    kind
        The type of the values, as msgspec reads it.
    scheme
        Which code made the values: those of another scheme are not read.
    most
        How many values stay; those go first that nobody asked for in this process.
    """

    def __init__(self, path: Path | None, kind: type[T], *, scheme: str, most: int) -> None:
        self._path = path
        self._scheme = scheme
        self._most = most
        self._decoder = msgspec.msgpack.Decoder(dict[str, kind])  # type: ignore[valid-type]  # known when it is made
        self._new: dict[str, msgspec.Raw] = {}
        self._used: set[str] = set()

    @cached_property
    def _values(self) -> dict[str, T]:
        with suppress(msgspec.MsgspecError):
            return self._decoder.decode(self._body())
        return {}

    def get(self, key: str) -> T | None:
        """Return the value of `key`, if it is known."""
        self._used.add(key)
        return self._values.get(key)

    def put(self, key: str, value: T) -> None:
        """Remember a value; `save` writes it, unless it holds a text that is not Unicode."""
        self._values[key] = value
        with suppress(UnicodeError):
            self._new[key] = msgspec.Raw(msgspec.msgpack.encode(value))

    def save(self) -> None:
        """Write what is new; where the disk refuses, it is found out again next time."""
        if not self._new or self._path is None:
            return
        before = msgspec.msgpack.decode(self._body(), type=dict[str, msgspec.Raw])
        stay = sorted((key for key in before if key not in self._new), key=self._used.__contains__)
        values = {**{key: before[key] for key in stay}, **self._new}
        body = msgspec.msgpack.encode(dict(list(values.items())[-self._most :]))
        with suppress(OSError), replacing(self._path) as unfinished:
            unfinished.write_bytes(self._head(body) + body)
        self._new = {}

    def _body(self) -> bytes:
        """Return what the file holds; nothing known where it is not there, damaged, or of another scheme."""
        size = hashlib.sha256().digest_size
        content = b""
        if self._path is not None:
            with suppress(OSError):
                content = self._path.read_bytes()
        return content[size:] if content[:size] == self._head(content[size:]) else msgspec.msgpack.encode({})

    def _head(self, body: bytes) -> bytes:
        """Return what a file with this body begins with."""
        return hashlib.sha256(self._scheme.encode() + b"\0" + body).digest()
