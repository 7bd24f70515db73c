"""Sources that are Delta tables: a snapshot pins the version, and reading it travels back to it."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from workbench.drivers import reason, translate_errors
from workbench.errors import SourceError
from workbench.lazy import deferred
from workbench.redaction import redact
from workbench.sources import faults
from workbench.sources.glob import resolve
from workbench.sources.reader import Declared, Parts, digest_of
from workbench.sources.snapshot import Snapshot, SourceWarning

if TYPE_CHECKING:
    import polars as pl
else:
    pl = deferred("polars")

_S3 = ("s3://", "s3a://")
_AWS_SETTINGS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_SKIP_SIGNATURE",
)
_AWS_FILES = {"AWS_SHARED_CREDENTIALS_FILE": "credentials", "AWS_CONFIG_FILE": "config"}
_METADATA = ("169.254.169.254", 80)
_LOCKED_OUT = re.compile(r"credential|token request|IMDS|must be specified", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DeltaReader:
    """Reads a Delta table on disk or in an object store.

    Parameters
    ----------
    declared
        The source. Credentials of an object store come from the environment.
    """

    declared: Declared

    @property
    def place(self) -> str:
        """Where the data is, for people."""
        return self._shown()

    def snapshot(self, *, recheck: bool) -> Snapshot:  # noqa: ARG002  nothing is remembered, so nothing is rechecked
        """Return the identity of the table's newest version.

        It is over the table's id, the version and the files in it, so that neither a table created again nor a copy
        that went its own way passes for the same.
        """
        return self._take(self._open(None))

    def scan(self, snapshot: Snapshot | None) -> pl.LazyFrame:
        """Return the rows of the snapshot's version, or of the newest."""
        table = self._open(None if snapshot is None else _version(snapshot))
        if snapshot is not None:
            self._same(table, snapshot)
        frame = pl.scan_delta(table)
        with translate_errors(self._unsupported):
            frame.collect_schema()
        return frame

    def parts(self, snapshot: Snapshot) -> Parts:  # noqa: ARG002  its log may hide rows of a file
        """Return nothing."""
        return {}

    def mark(self) -> None:
        """Return None: the files of a version never change."""

    def notes(self, snapshot: Snapshot) -> tuple[SourceWarning, ...]:  # noqa: ARG002  its types are stated
        """Return nothing: there is nothing to decide."""
        return ()

    def forget(self, snapshot: Snapshot) -> bool:  # noqa: ARG002  no copy is kept
        """Return False: a table is read where it lies."""
        return False

    def verify(self, snapshot: Snapshot) -> None:
        """Raise SourceError where the snapshot's version cannot be read any more."""
        self._same(self._open(_version(snapshot)), snapshot)

    @property
    def _uri(self) -> str:
        uri = self.declared.settings.delta or ""
        return uri if "://" in uri else str(resolve(self.declared.root, uri))

    def _shown(self) -> str:
        return redact(self._uri)

    def _open(self, version: int | None) -> Any:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError, TableNotFoundError

        if self._uri.startswith(_S3) and not may_have_credentials():
            raise faults.no_credentials(self.declared.name, self._shown())
        failure = ""
        try:
            return DeltaTable(self._uri, version=version)
        except TableNotFoundError:
            missing = True
        except (DeltaError, OSError, ValueError) as error:
            missing, failure = False, redact(reason(error), url=self._uri)
            unsupported = self._unsupported(error)
        if "://" in self._uri and failure:
            if _LOCKED_OUT.search(failure):
                raise faults.no_credentials(self.declared.name, self._shown())
            raise faults.not_reached(self.declared.name, self._shown(), failure)
        if missing or ("://" not in self._uri and not Path(self._uri, "_delta_log").is_dir()):
            raise faults.vanished(self.declared.name, f"no Delta table at {self._shown()}")
        if version is not None:
            raise faults.no_version(self.declared.name, self._shown(), version, failure)
        if unsupported is not None:
            raise unsupported
        raise faults.corrupt(self.declared.name, self._shown(), failure)

    def _unsupported(self, error: BaseException) -> SourceError | None:
        """Return the error for a table that uses what our reader does not know; None where `error` is another."""
        if "support" not in str(error).lower():
            return None
        return faults.unsupported_table(self.declared.name, self._shown(), redact(reason(error), url=self._uri))

    def _take(self, table: Any) -> Snapshot:
        with translate_errors(self._unsupported):
            actions = pl.DataFrame(table.get_add_actions(flatten=True))
        files = sorted(actions.select("path", "size_bytes").rows())
        identity = [table.metadata().id, table.version(), digest_of(files)]
        detail = {
            "uri": self._shown(),
            "version": table.version(),
            "table_id": table.metadata().id,
            "files": actions.height,
            "bytes": int(actions.get_column("size_bytes").sum() or 0),
        }
        return self.declared.take_snapshot("delta", identity, detail)

    def _same(self, table: Any, snapshot: Snapshot) -> None:
        if self._take(table).digest != snapshot.digest:
            raise faults.moved_on(self.declared.name, f"{self._shown()} was created again")
        gone = [uri for uri in table.file_uris() if "://" not in uri or uri.startswith("file://")]
        gone = [uri for uri in gone if not _local(uri).exists()]
        if gone:
            reason = f"{len(gone)} of its files are gone"
            raise faults.no_version(self.declared.name, self._shown(), table.version(), reason)


READER = DeltaReader


def may_have_credentials() -> bool:
    """Return whether AWS credentials may be found; the machine's metadata service is asked, and not waited for."""
    folder = Path.home() / ".aws"
    files = [os.environ.get(name) or folder / file for name, file in _AWS_FILES.items()]
    if any(os.environ.get(name) for name in _AWS_SETTINGS) or any(Path(file).is_file() for file in files):
        return True
    if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return False
    try:
        socket.create_connection(_METADATA, timeout=1).close()
    except OSError:
        return False
    return True


def _version(snapshot: Snapshot) -> int:
    version = snapshot.detail["version"]
    if not isinstance(version, int):
        raise TypeError(f"a Delta snapshot's version is a whole number, not {version!r}")
    return version


def _local(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path) if uri.startswith("file://") else uri)
