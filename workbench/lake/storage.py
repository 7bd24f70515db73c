"""Where the lake's files are: a folder on this machine or a prefix in an object store, behind the same few verbs.

What Delta's protocol needs beyond these (a commit that only one writer wins) is done by deltalake; here are the data
files: to place, list and delete them, and to read small ones.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.parse import unquote, urlsplit

from workbench.errors import LakeError

_BLOCK = 8 * 1024 * 1024
LOG = "_delta_log"
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}|[?\n\r\t]")
_SETTINGS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ALLOW_HTTP",
)
_WRITERS = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


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

    def open(self, name: str) -> Any:
        """Open a file to read from anywhere in it."""

    def folders(self) -> list[str]:
        """Return the names of the folders in this one."""

    def files(self) -> list[StoredFile]:
        """Return the files that are directly in this folder."""

    def place(self, source: Path, name: str) -> int:
        """Put a local file here under a name that nobody has, durably, and return its size in bytes."""

    def settle(self, *names: str) -> None:
        """Make files written here durable, and read-only where that can be said."""

    def delete(self, name: str) -> None:
        """Delete a file; nothing happens where there is none."""

    def drop(self) -> None:
        """Delete the folder and all in it."""


def storage_at(uri: str, *, root: Path, options: Mapping[str, str] | None = None) -> Storage:
    """Return the folder that `uri` of ``workbench.toml`` means.

    Parameters
    ----------
    uri
        A path (a relative one from `root`), ``file://`` or ``s3://bucket/prefix``.
    root
        The project's root.
    options
        Settings of the object store by their ``AWS_*`` names; they come before those of the environment.

    Raises
    ------
    LakeError
        For another kind of place, or a URI that holds credentials.
    """
    parts = urlsplit(uri)
    if "://" not in uri:
        if not uri.strip():
            raise LakeError.bad_uri(uri, "it is empty")
        return _local(uri, Path(os.path.abspath(root / Path(uri).expanduser())))  # noqa: PTH100  symlinks stay
    if parts.username or parts.password:
        raise LakeError.bad_uri("s3://...", "credentials do not belong in it")
    if parts.query or parts.fragment:
        raise LakeError.bad_uri(uri, "it has a part after ? or #")
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path.startswith("/"):
        return _local(uri, Path(unquote(parts.path)))
    if parts.scheme in ("s3", "s3a") and parts.netloc:
        return Bucket(parts.netloc, parts.path.strip("/"), tuple(sorted((options or {}).items())))
    raise LakeError.bad_uri(uri, "it is neither a path nor file:// nor s3://bucket/prefix")


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
            raise LakeError.unreadable(self.location(name), error) from error

    def open(self, name: str) -> IO[bytes]:
        """Open a file to read from anywhere in it."""
        return (self.path / name).open("rb")

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

    def prepared(self, name: str) -> Path:
        """Return where to write a new file, in a folder that is there."""
        with self._writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        return self.path / name

    def place(self, source: Path, name: str) -> int:
        """Link the file here, or copy it where the file system cannot link; durably and read-only."""
        target = self.prepared(name)
        with self._writing(target):
            try:
                os.link(source, target)
            except FileNotFoundError:
                raise
            except OSError:
                shutil.copyfile(source, target)
            self.settle(name)
            return target.stat().st_size

    def settle(self, *names: str) -> None:
        """Make the files, and that they are here, durable; then nobody may write them."""
        folders = set()
        with self._writing(self.path):
            for name in names:
                path = self.path / name
                path.chmod(stat.S_IMODE(path.stat().st_mode) & ~_WRITERS)
                _sync(path)
                folders.add(path.parent)
            for folder in {*folders, self.path, self.path.parent, self.path.parent.parent}:
                _sync(folder)

    def delete(self, name: str) -> None:
        """Delete a file; nothing happens where there is none."""
        with self._writing(self.path / name):
            (self.path / name).unlink(missing_ok=True)

    def drop(self) -> None:
        """Delete the folder and all in it."""
        with self._writing(self.path), suppress(FileNotFoundError):
            shutil.rmtree(self.path)

    def _entries(self) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.path) as entries:
                return list(entries)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise LakeError.unreadable(str(self.path), error) from error

    @contextmanager
    def _writing(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise LakeError.not_written(str(path), error.strerror or str(error)) from error


@dataclass(frozen=True)
class Bucket:
    """A prefix in an S3 bucket, or in a store that speaks S3."""

    bucket: str
    prefix: str
    given: tuple[tuple[str, str], ...] = ()

    @property
    def uri(self) -> str:
        """``s3://bucket/prefix``."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    @property
    def options(self) -> dict[str, str]:
        """The ``AWS_*`` settings: those given, then those of the environment."""
        return {name: os.environ[name] for name in _SETTINGS if os.environ.get(name)} | dict(self.given)

    def at(self, *parts: str) -> Bucket:
        """Return the folder below this one."""
        return Bucket(self.bucket, "/".join([self.prefix, *parts]).strip("/"), self.given)

    def location(self, name: str) -> str:
        """Return the object's URI."""
        return f"{self.uri}/{name}"

    def read(self, name: str) -> bytes | None:
        """Return a small object's content, or None."""
        try:
            with self._store.open_input_stream(self._key(name)) as stream:
                return bytes(stream.read())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LakeError.unreadable(self.location(name), error) from error

    def open(self, name: str) -> Any:
        """Open an object to read from anywhere in it."""
        return self._store.open_input_file(self._key(name))

    def folders(self) -> list[str]:
        """Return the names of the prefixes below this one."""
        from pyarrow.fs import FileType

        return sorted(found.base_name for found in self._listing() if found.type == FileType.Directory)

    def files(self) -> list[StoredFile]:
        """Return the objects that are directly below this prefix."""
        from pyarrow.fs import FileType

        found = [facts for facts in self._listing() if facts.type == FileType.File]
        return [StoredFile(facts.base_name, facts.size, facts.mtime) for facts in found]

    def place(self, source: Path, name: str) -> int:
        """Upload the file, part by part."""
        size = 0
        try:
            with source.open("rb") as file, self._store.open_output_stream(self._key(name)) as stream:
                while block := file.read(_BLOCK):
                    stream.write(block)
                    size += len(block)
        except OSError as error:
            raise LakeError.not_written(self.location(name), _first_line(error)) from error
        return size

    def settle(self, *names: str) -> None:
        """Do nothing: an object is durable once it is there."""

    def delete(self, name: str) -> None:
        """Delete an object; nothing happens where there is none."""
        try:
            self._store.delete_file(self._key(name))
        except FileNotFoundError:
            return
        except OSError as error:
            raise LakeError.not_written(self.location(name), _first_line(error)) from error

    def drop(self) -> None:
        """Delete all objects below this prefix."""
        try:
            self._store.delete_dir_contents(self._key(), missing_dir_ok=True)
            with suppress(OSError):  # the marker of an empty folder, where the store keeps such
                self._store.delete_dir(self._key())
        except OSError as error:
            raise LakeError.not_written(self.uri, _first_line(error)) from error

    def _listing(self) -> list[Any]:
        from pyarrow.fs import FileSelector

        try:
            return list(self._store.get_file_info(FileSelector(self._key(), allow_not_found=True)))
        except OSError as error:
            raise LakeError.unreadable(self.uri, error) from error

    def _key(self, name: str = "") -> str:
        return "/".join(part for part in (self.bucket, self.prefix, name) if part)

    @cached_property
    def _store(self) -> Any:
        """The store as pyarrow reaches it: its uploads let other threads go on, those of deltalake do not."""
        from pyarrow.fs import S3FileSystem

        options = self.options
        endpoint = urlsplit(options.get("AWS_ENDPOINT_URL_S3") or options.get("AWS_ENDPOINT_URL") or "")
        settings = {
            "access_key": options.get("AWS_ACCESS_KEY_ID"),
            "secret_key": options.get("AWS_SECRET_ACCESS_KEY"),
            "session_token": options.get("AWS_SESSION_TOKEN"),
            "region": options.get("AWS_REGION") or options.get("AWS_DEFAULT_REGION"),
            "endpoint_override": endpoint.netloc or None,
            "scheme": endpoint.scheme or None,
        }
        return S3FileSystem(**{name: value for name, value in settings.items() if value})


def _local(uri: str, path: Path) -> LocalFolder:
    escape = _ESCAPE.search(str(path))
    if escape:  # deltalake writes such a folder and then looks for it under another name
        raise LakeError.bad_uri(uri, f"no Delta table can be in a folder with {escape[0]!r} in its path, {path}")
    return LocalFolder(path)


def _sync(path: Path) -> None:
    """Have the system write `path`, a file or a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _first_line(error: OSError) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
