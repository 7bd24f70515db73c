"""MLflow's UI for a store without a server: one background process a project, reused as long as it lives."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from zlib import crc32

from workbench.errors import TrackingError
from workbench.files import replace_atomically
from workbench.tracking.paths import Places, Target, read_json
from workbench.tracking.process import is_held, reap, spawn, try_lock
from workbench.tracking.server import STORE

TRAINING_MODE = "workflowType=machine_learning"
"""What MLflow 3's UI takes from an address; without it the browser's last choice holds, and GenAI at first."""
_FIRST_PORT, _PORTS = 5000, 200
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # nothing of ours runs jobs; saves two processes
}


@dataclass(frozen=True, slots=True)
class Ui:
    """Where MLflow's UI is.

    Parameters
    ----------
    url
        Its address, without a slash at the end.
    state
        ``live`` if it answers, ``starting`` if it does not yet (it takes up to 15 seconds).
    log
        Its log file; None for a tracking server of others.
    """

    url: str
    state: Literal["starting", "live"]
    log: Path | None

    def run(self, experiment_id: str, run_id: str) -> str:
        """Return the address of one run's page."""
        return f"{self.url}/#/experiments/{experiment_id}/runs/{run_id}?{TRAINING_MODE}"

    def experiment(self, experiment_id: str | None) -> str:
        """Return the address of an experiment's runs; of all experiments where it is None."""
        place = "experiments" if experiment_id is None else f"experiments/{experiment_id}/runs"
        return f"{self.url}/#/{place}?{TRAINING_MODE}"


def current(places: Places, target: Target, *, probe: bool = True) -> Ui | None:
    """Return the UI if there is one, without starting any."""
    if target.served:
        return Ui(target.shown, "live" if not probe or _answers(target.uri) else "starting", None)
    state = read_json(places.ui_state)
    if state.get("store") != target.key or not _alive(places):
        return None
    url = f"http://127.0.0.1:{state['port']}"
    return Ui(url, "live" if probe and _answers(url) else "starting", places.log("mlflow-ui"))


def start(places: Places, target: Target) -> Ui:
    """Return the UI, started if there is none; does not wait until it answers."""
    if not target.served and target.artifacts is None:
        raise TrackingError(
            f"There is no local UI for {target.shown}.", remedy="Open the workspace of that service in a browser."
        )
    with _alone(places):
        found = current(places, target)
        if found is not None:
            return found
        _stop(places)  # one that shows another store
        try:
            return _spawn(places, target)
        except OSError as error:
            raise TrackingError(
                f"MLflow's UI cannot be started: {error}.", remedy="Free some memory or disk space, then try again."
            ) from None


def stop(places: Places) -> bool:
    """End the UI's process; return whether there was one."""
    with _alone(places):
        return _stop(places)


def _spawn(places: Places, target: Target) -> Ui:
    assert target.artifacts is not None  # noqa: S101  # `start` made sure
    port = _free_port(places)
    log = places.log("mlflow-ui")
    arguments = ["-m", "workbench.tracking.server", target.artifacts, str(port)]
    with try_lock(places.ui_lock) as handle:
        pid = spawn(arguments, log=log, extra={**_ENVIRONMENT, STORE: target.uri}, keep=handle)
    replace_atomically(places.ui_state, json.dumps({"pid": pid, "port": port, "store": target.key}))
    return Ui(f"http://127.0.0.1:{port}", "starting", log)


def _stop(places: Places) -> bool:
    if not _alive(places):
        places.ui_state.unlink(missing_ok=True)
        return False
    pid = int(read_json(places.ui_state).get("pid", 0))
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if pid and _alive(places):  # the lock proves that the id is still our process's
            os.killpg(pid, sign)
        for _ in range(100):
            if not _alive(places):
                places.ui_state.unlink(missing_ok=True)
                return True
            time.sleep(0.05)
    return False


def _alive(places: Places) -> bool:
    """Return whether our UI's process lives: it holds its lock as long, so a reused process id deceives nobody."""
    pid = read_json(places.ui_state).get("pid")
    if pid:
        reap(int(pid))
    return is_held(places.ui_lock)


@contextmanager
def _alone(places: Places) -> Iterator[None]:
    """Keep two notebooks from starting two servers."""
    from filelock import FileLock

    lock = places.ui_lock.with_suffix(".start.lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):
        yield


def _free_port(places: Places) -> int:
    """Return the project's own port, so that bookmarks last and projects do not run for one; the next that is free."""
    own = crc32(os.fsencode(places.home)) % _PORTS
    for place in range(own, own + _PORTS):
        port = _FIRST_PORT + place % _PORTS
        with closing(socket.socket()) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise TrackingError(
        f"No port from {_FIRST_PORT} to {_FIRST_PORT + _PORTS - 1} is free.",
        remedy="Stop a server that you do not need.",
    )


def _answers(url: str) -> bool:
    """Return whether a server at `url` says that it is healthy, within 0.3 s."""
    from http.client import HTTPConnection, HTTPException
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname is None:
        return parts.scheme == "https"  # others' server behind TLS: no handshake for a hint
    connection = HTTPConnection(parts.hostname, parts.port or 80, timeout=0.3)
    try:
        connection.request("GET", f"{parts.path}/health")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
