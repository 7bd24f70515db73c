"""Where tracking keeps its files, and which MLflow store it speaks to."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from workbench.config import TrackingSettings
from workbench.errors import TrackingError

_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_SERVERS = ("http", "https", "databricks", "databricks-uc")


@dataclass(frozen=True, slots=True)
class Places:
    """The files of tracking under a project's ``.workbench``.

    Parameters
    ----------
    root
        The project's root.
    """

    root: Path

    @property
    def home(self) -> Path:
        """``.workbench``."""
        return self.root / ".workbench"

    @property
    def outbox(self) -> Path:
        """Records that MLflow does not have yet, one file each."""
        return self.home / "outbox"

    @property
    def rejected(self) -> Path:
        """Files of the outbox that cannot be delivered, set aside."""
        return self.outbox / "rejected"

    def files(self, key: str) -> Path:
        """Return the folder of the files that record `key` takes with it, as they will lie among its artifacts."""
        return self.outbox / "files" / key

    @property
    def open(self) -> Path:
        """Runs that are being written: events and a lock each."""
        return self.outbox / "open"

    @property
    def sent(self) -> Path:
        """Tags, parameters and metrics of delivered runs, one file each."""
        return self.home / "track" / "sent"

    @property
    def journal(self) -> Path:
        """One line a delivered run, in order of delivery."""
        return self.home / "track" / "journal.jsonl"

    @property
    def target(self) -> Path:
        """The store that the sender is to use now."""
        return self.home / "track" / "target.json"

    @property
    def sender_lock(self) -> Path:
        """Held by the one sender."""
        return self.home / "track" / "sender.lock"

    @property
    def sender_state(self) -> Path:
        """What the sender last reported."""
        return self.home / "track" / "sender.json"

    @property
    def ui_lock(self) -> Path:
        """Held by the UI's process as long as it lives."""
        return self.home / "track" / "ui.lock"

    @property
    def ui_state(self) -> Path:
        """The UI's process id and port."""
        return self.home / "track" / "ui.json"

    @property
    def artifacts(self) -> Path:
        """Artifacts of runs, for stores without a server."""
        return self.home / "mlartifacts"

    def log(self, name: str) -> Path:
        """Return the log file of the background process `name`."""
        return self.home / "logs" / f"{name}.log"


@dataclass(frozen=True, slots=True)
class Target:
    """The MLflow store: its resolved URI, and where artifacts go if we decide.

    Parameters
    ----------
    uri
        As MLflow takes it; may hold a password, so show `shown` instead.
    artifacts
        Folder URI for artifacts; None where a server decides.
    """

    uri: str
    artifacts: str | None

    @property
    def shown(self) -> str:
        """The URI without a password."""
        parts = urlsplit(self.uri)
        if not parts.password:
            return self.uri
        user = f"{parts.username}:***@" if parts.username else "***@"
        return urlunsplit(parts._replace(netloc=user + parts.netloc.rpartition("@")[2]))

    @property
    def served(self) -> bool:
        """Whether the URI is a server with its own UI."""
        return self.uri.startswith(("http://", "https://"))

    @classmethod
    def of(cls, settings: TrackingSettings, places: Places) -> Target:
        """Return the store that `settings` names.

        A relative SQLite path is read from the project's root, whatever the working directory is.

        Raises
        ------
        TrackingError
            A store that MLflow or we do not support: the file store, SQLite in memory, an unknown scheme.
        """
        scheme, _, rest = settings.uri.partition(":")
        if scheme.partition("+")[0] in _DATABASES:
            uri = _sqlite(rest, places) if scheme.startswith("sqlite") else settings.uri
            return cls(uri, places.artifacts.absolute().as_uri())
        if scheme in _SERVERS:
            return cls(settings.uri.rstrip("/"), None)
        raise TrackingError(
            f"[tracking] uri {settings.uri!r} is not an MLflow store that can be used.",
            remedy='Use "sqlite:///.workbench/mlflow.db" (the default), a database URL, or the http(s) URL of a '
            "tracking server.",
        )


def _sqlite(rest: str, places: Places) -> str:
    path, _, options = rest.removeprefix("///").partition("?")
    if not rest.startswith("///") or path in {"", ":memory:"}:
        raise TrackingError(
            f"[tracking] uri 'sqlite:{rest}' names no file, so every process would see another store.",
            remedy='Name one, e.g. "sqlite:///.workbench/mlflow.db".',
        )
    return f"sqlite:///{(places.root / path).absolute()}" + (f"?{options}" if options else "")


def write_atomically(path: Path, text: str, *, durable: bool = False) -> None:
    """Write `text` to `path` so that a reader, or a crash, sees the old file or the new one.

    Parameters
    ----------
    path
        The file; its folder is made if absent.
    text
        Its new content.
    durable
        Flush to the disk before the file gets its name, so that a power cut cannot leave it empty.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")  # readable by its owner alone
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            if durable:
                stream.flush()
                os.fsync(handle)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_json(path: Path) -> Mapping[str, Any]:
    """Return the JSON object in `path`; an empty one where there is none or it is not JSON."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}
