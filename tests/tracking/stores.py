"""Reading an MLflow database with SQL alone, and running senders: tests need no MLflow of their own."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from workbench.config import TrackingSettings
from workbench.tracking import DatasetRecord, RunRecord, Tracker
from workbench.tracking.paths import read_json
from workbench.tracking.process import is_held, reap

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PATIENCE = 300.0


def make_tracker(root: Path, *, uri: str = "sqlite:///.workbench/mlflow.db", linger: float = 30.0) -> Tracker:
    return Tracker(TrackingSettings(uri=uri), home=root / ".workbench", root=root, project="delays", linger=linger)


def make_record(name: str = "carrier_delay", **changes: Any) -> RunRecord:
    facts: dict[str, Any] = {
        "project": "delays",
        "experiment": "delays",
        "name": name,
        "start": 1_700_000_000_000,
        "end": 1_700_000_002_000,
        "user": "A Researcher <a@example.org>",
        "tags": {"workbench.view": name, "workbench.branch": "exp/a"},
        "params": {"code": "abc"},
        "metrics": {"run/rows": 10.0},
        "datasets": (DatasetRecord(name="flights", digest="d" * 64, kind="files", context="source"),),
        "artifacts": {"definition.py": "x = 1\n"},
        "note": "A note.",
    }
    return RunRecord(**(facts | changes))


def rows(root: Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(root / ".workbench" / "mlflow.db")) as connection:
        return connection.execute(query, values).fetchall()


def change(root: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(root / ".workbench" / "mlflow.db")) as connection, connection:
        connection.execute(statement, values)


def keys_in_mlflow(root: Path) -> list[str]:
    """Return the record key of every finished run, doubles included."""
    query = (
        "select t.value from tags t join runs r on r.run_uuid = t.run_uuid "
        "where t.key = 'workbench.key' and r.status <> 'RUNNING' order by r.rowid"
    )
    return [key for (key,) in rows(root, query)]


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for another process, at most `PATIENCE` seconds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)


def sender_pid(tracker: Tracker) -> int | None:
    return read_json(tracker.places.sender_state).get("pid") if is_held(tracker.places.sender_lock) else None


def end_sender(tracker: Tracker, sign: signal.Signals = signal.SIGKILL) -> None:
    """End the sender of `tracker`, if there is one, and wait until its lock is free."""
    pid = sender_pid(tracker)
    if pid is None:
        return
    os.kill(pid, sign)
    until(lambda: reap(pid) and not is_held(tracker.places.sender_lock), "the sender's end")
