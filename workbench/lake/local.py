"""The lake in a folder: files are linked from the view cache where the file system can, and are read-only."""

from __future__ import annotations

import os
import shutil
import stat
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from workbench.drivers import reason
from workbench.errors import LakeError
from workbench.files import link_or_copy, sync
from workbench.lake.storage import WORK, StoredFile

_WRITERS = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True)
class LocalFolder:
    """A folder on this machine, or on a file system that it mounts."""

    path: Path

    @property
    def uri(self) -> str:
        """The folder's absolute path."""
        return str(self.path)

    @property
    def options(self) -> dict[str, str]:
        """Nothing."""
        return {}

    def at(self, *parts: str) -> LocalFolder:
        """Return the folder below this one."""
        return LocalFolder(self.path.joinpath(*parts))

    def location(self, name: str) -> str:
        """Return the file's absolute path."""
        return str(self.path / name)

    def read(self, name: str) -> bytes | None:
        """Return a small file's content, or None."""
        try:
            return (self.path / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise LakeError.not_read(self.location(name), reason(error)) from error

    def folders(self) -> list[str]:
        """Return the names of the folders in this one."""
        return sorted(entry.name for entry in self._entries() if entry.is_dir(follow_symlinks=False))

    def files(self) -> list[StoredFile]:
        """Return the files that are directly in this folder."""
        found = []
        for entry in self._entries():
            with suppress(FileNotFoundError):  # deleted by another process since it was listed
                if entry.is_file(follow_symlinks=False):
                    facts = entry.stat(follow_symlinks=False)
                    # a linked file keeps the time of its writing; ctime says since when it may be here
                    since = max(facts.st_mtime, facts.st_ctime)
                    found.append(StoredFile(entry.name, facts.st_size, datetime.fromtimestamp(since, UTC)))
        return found

    @contextmanager
    def work(self) -> Iterator[Path]:
        """Give a new folder beside the files: not among them, since a query that fails may still be writing."""
        folder = self.path / WORK / uuid.uuid4().hex
        with self._writing(folder):
            folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):  # others are at work
                folder.parent.rmdir()

    def place(self, source: Path, name: str) -> int:
        """Link the file here, or copy it where the file system cannot link; durably and read-only."""
        target = self.path / name
        with self._writing(target):
            self.path.mkdir(parents=True, exist_ok=True)
            link_or_copy(source, target)
            self.settle(name)
            for folder in (self.path.parent, self.path.parent.parent):  # which may have been made above
                sync(folder)
            return target.stat().st_size

    def create(self, name: str, content: bytes) -> bool:
        """Link a file under its name when it is whole and flushed: one that is never seen in part, nor left by a kill.

        Not every system and file system has files without a name.
        """
        target = self.path / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            unnamed = os.open(target.parent, os.O_TMPFILE | os.O_WRONLY, 0o444)
            with os.fdopen(unnamed, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(unnamed)
                _link_open_file(unnamed, target)
        except (AttributeError, OSError):
            return False
        return True

    def settle(self, *names: str) -> None:
        """Make the files read-only, and flush them, their folders and this one to disk."""
        folders = {self.path}
        with self._writing(self.path):
            for name in names:
                path = self.path / name
                with suppress(PermissionError):  # linked from a colleague's cache
                    path.chmod(stat.S_IMODE(path.stat().st_mode) & ~_WRITERS)
                sync(path)
                folders.add(path.parent)
            for folder in folders:
                sync(folder)

    def renew(self, names: Sequence[str]) -> None:
        """Let the files count as new again."""
        with self._writing(self.path):
            for name in names:
                with suppress(PermissionError):  # a colleague's
                    os.utime(self.path / name)

    def delete(self, name: str) -> None:
        """Delete a file; nothing happens where there is none."""
        with self._writing(self.path / name):
            (self.path / name).unlink(missing_ok=True)

    def drop(self) -> None:
        """Delete the folder and all in it: gone at once, by another name, and then for good."""
        with self._writing(self.path), suppress(FileNotFoundError):
            self.path.rename(self.path.parent / f".dropped-{uuid.uuid4().hex}")
        with self._writing(self.path):
            for left in self.path.parent.glob(".dropped-*"):  # by a drop that was killed, too
                shutil.rmtree(left)
            with suppress(OSError):  # not empty
                self.path.parent.rmdir()

    def _entries(self) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.path) as entries:
                return list(entries)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise LakeError.not_read(str(self.path), reason(error)) from error

    @contextmanager
    def _writing(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise LakeError.not_written(str(path), reason(error)) from error


def _link_open_file(descriptor: int, target: Path) -> None:
    """Give an open file a name that nothing has."""
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.link(f"/proc/self/fd/{descriptor}", target.name, dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)
