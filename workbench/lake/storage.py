"""Where the lake's files are: a folder on this machine or a prefix in an object store, behind the same few verbs.

What Delta's protocol needs beyond these (a commit that only one writer wins, where `create` cannot make it) is done by
deltalake; here are the data files: to place, list and delete them, and to read small ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

LOG = "_delta_log"
WORK = ".work"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in a storage: its name there, its size in bytes, and when it was written."""

    name: str
    size: int
    modified: datetime


class Storage(Protocol):
    """A folder of files, local or in an object store."""

    @property
    def uri(self) -> str:
        """The folder as deltalake takes it."""

    @property
    def options(self) -> dict[str, str]:
        """What deltalake and Polars need to know to reach it."""

    def at(self, *parts: str) -> Storage:
        """Return the folder below this one."""

    def location(self, name: str) -> str:
        """Return a file's place as Polars and DuckDB take it."""

    def read(self, name: str) -> bytes | None:
        """Return a small file's content, or None."""

    def folders(self) -> list[str]:
        """Return the names of the folders in this one."""

    def files(self) -> list[StoredFile]:
        """Return the files that are directly in this folder."""

    def work(self) -> AbstractContextManager[Path]:
        """Give a folder of this machine to write a file in that is to be placed; what is in it goes at the end."""

    def place(self, source: Path, name: str) -> int:
        """Store a local file durably under a new name, and return its size in bytes."""

    def create(self, name: str, content: bytes) -> bool:
        """Store a small file at once under a name that nothing has; False where that was not possible."""

    def settle(self, *names: str) -> None:
        """Make files written here durable, and read-only where that can be said."""

    def renew(self, names: Sequence[str]) -> None:
        """Let files count as new again where that can be said, since somebody is about to need them."""

    def delete(self, name: str) -> None:
        """Delete a file; nothing happens where there is none."""

    def drop(self) -> None:
        """Delete the folder and all in it."""
