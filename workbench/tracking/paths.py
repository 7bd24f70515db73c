"""Where tracking keeps its files, and which MLflow store it speaks to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from workbench.config import TrackingSettings
from workbench.errors import TrackingError
from workbench.records import read_record
from workbench.redaction import redact

_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
VARIABLE = "WORKBENCH_TRACKING"
"""The variable by which the sender gets a store whose password no file may hold."""
_SERVERS = ("http", "https", "databricks", "databricks-uc")


@dataclass(frozen=True, slots=True)
class Places:
    """The files of tracking.

    Parameters
    ----------
    home
        The folder that they are in.
    root
        The project's folder, from which relative paths are read.
    """

    home: Path
    root: Path

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
        As MLflow takes it; a database's may hold a password, so show `shown` instead.
    artifacts
        Folder URI for artifacts; None where a server decides.
    user, password
        What a server asks for; they reach MLflow through its environment, never in its URI.
    """

    uri: str = field(repr=False)
    artifacts: str | None
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    @property
    def shown(self) -> str:
        """The URI without a password."""
        return redact(self.uri)

    @property
    def is_secret(self) -> bool:
        """Whether there is a password that no file may hold."""
        return self.user is not None or self.shown != self.uri

    @property
    def key(self) -> str:
        """A hash that identifies this store, password included, without revealing the password."""
        facts = (self.uri, self.artifacts, self.user, self.password)
        return hashlib.sha256("\n".join(map(str, facts)).encode()).hexdigest()

    @property
    def environment(self) -> dict[str, str]:
        """The variables through which MLflow gets user and password."""
        if self.user is None:
            return {}
        return {"MLFLOW_TRACKING_USERNAME": self.user, "MLFLOW_TRACKING_PASSWORD": self.password or ""}

    @property
    def served(self) -> bool:
        """Whether the URI is a server with its own UI."""
        return self.uri.startswith(("http://", "https://"))

    @classmethod
    def of(cls, settings: TrackingSettings, places: Places) -> Target:
        """Return the store that `settings` names.

        Without a URI it is a database in the home of `places`. A relative SQLite path is read from the project's
        folder, whatever the working directory is.
        """
        if settings.uri is None:
            return cls(f"sqlite:///{places.home / 'mlflow.db'}", places.artifacts.as_uri())
        scheme, _, rest = settings.uri.partition(":")
        if scheme.partition("+")[0] in _DATABASES:
            uri = _sqlite(rest, places) if scheme.startswith("sqlite") else settings.uri
            return cls(uri, places.artifacts.absolute().as_uri())
        if scheme in _SERVERS:
            parts = urlsplit(settings.uri.rstrip("/"))
            bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
            if parts.username is None:
                return cls(bare, None)
            return cls(bare, None, unquote(parts.username), unquote(parts.password or ""))
        raise TrackingError(
            f"[tracking] uri {redact(settings.uri)!r} is not an MLflow store that can be used.",
            remedy='Leave it out, or use "sqlite:///path/of/a.db", a database URL, or the http(s) URL of a tracking '
            "server.",
        )


def _sqlite(rest: str, places: Places) -> str:
    path, _, options = rest.removeprefix("///").partition("?")
    if not rest.startswith("///") or path in {"", ":memory:"}:
        raise TrackingError(
            f"[tracking] uri 'sqlite:{rest}' does not name a file, so each process would see its own store.",
            remedy='Name one, e.g. "sqlite:///../mlflow.db".',
        )
    return f"sqlite:///{(places.root / path).absolute()}" + (f"?{options}" if options else "")


def read_json(path: Path) -> Mapping[str, Any]:
    """Return the JSON object in `path`; an empty one where there is none or it is not JSON."""
    return read_record(path, dict[str, Any]) or {}
