"""The lake in an object store that speaks S3."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from workbench.drivers import reason
from workbench.errors import LakeError
from workbench.lake.storage import StoredFile

_BLOCK = 8 * 1024 * 1024
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
            raise LakeError.not_read(self.location(name), reason(error)) from error

    def folders(self) -> list[str]:
        """Return the names of the prefixes below this one."""
        from pyarrow.fs import FileType

        return sorted(found.base_name for found in self._listing() if found.type == FileType.Directory)

    def files(self) -> list[StoredFile]:
        """Return the objects that are directly below this prefix."""
        from pyarrow.fs import FileType

        found = [facts for facts in self._listing() if facts.type == FileType.File]
        return [StoredFile(facts.base_name, facts.size, facts.mtime) for facts in found]

    def work(self) -> AbstractContextManager[Path]:
        """Give a temporary folder of this machine."""
        return _temporary()

    def place(self, source: Path, name: str) -> int:
        """Upload the file, part by part."""
        size = 0
        try:
            with source.open("rb") as file, self._store.open_output_stream(self._key(name)) as stream:
                while block := file.read(_BLOCK):
                    stream.write(block)
                    size += len(block)
        except OSError as error:
            raise LakeError.not_written(self.location(name), reason(error)) from error
        return size

    def create(self, name: str, content: bytes) -> bool:  # noqa: ARG002
        """Return False: pyarrow cannot ask a store to refuse what is there already."""
        return False

    def settle(self, *names: str) -> None:
        """Do nothing: an object is durable once it is there."""

    def renew(self, names: Sequence[str]) -> None:
        """Do nothing: an object's time is that of its writing."""

    def delete(self, name: str) -> None:
        """Delete an object; nothing happens where there is none."""
        try:
            self._store.delete_file(self._key(name))
        except FileNotFoundError:
            return
        except OSError as error:
            raise LakeError.not_written(self.location(name), reason(error)) from error

    def drop(self) -> None:
        """Delete all objects below this prefix: data, then the log from its end, so that what is left makes sense."""
        from pyarrow.fs import FileSelector, FileType

        selector = FileSelector(self._key(), allow_not_found=True, recursive=True)
        try:
            found = [facts.path for facts in self._store.get_file_info(selector) if facts.type == FileType.File]
            for path in sorted(found, reverse=True):
                with suppress(FileNotFoundError):
                    self._store.delete_file(path)
            with suppress(FileNotFoundError):
                self._store.delete_dir(self._key())  # pyarrow leaves marks where folders were
        except OSError as error:
            raise LakeError.not_written(self.uri, reason(error)) from error

    def _listing(self) -> list[Any]:
        from pyarrow.fs import FileSelector

        try:
            return list(self._store.get_file_info(FileSelector(self._key(), allow_not_found=True)))
        except OSError as error:
            raise LakeError.not_read(self.uri, reason(error)) from error

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


@contextmanager
def _temporary() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="workbench-s3-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
