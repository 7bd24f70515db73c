"""Against a real tracking server over HTTP: down, up, down again, and up again."""

from __future__ import annotations

import json
import os
import signal
import socket
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import pytest

from tests.tracking.stores import PATIENCE, end_sender, make_record, make_tracker, until
from workbench.tracking.process import reap, spawn
from workbench.tracking.ui import _answers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.journey


class Server:
    """An MLflow tracking server that can be killed and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.pid: int | None = None

    def start(self) -> None:
        command = ["-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        command += ["--backend-store-uri", f"sqlite:///{self.folder}/server.db"]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        extra = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        self.pid = spawn(command, log=self.folder / "server.log", extra=extra)

    def kill(self) -> None:
        if self.pid is not None:
            pid, self.pid = self.pid, None
            os.killpg(pid, signal.SIGKILL)
            until(lambda: reap(pid), "the server's end")
            until(lambda: not _answers(self.url), "the port")

    def runs(self) -> list[dict[str, str]]:
        """Return the tags of every run."""
        body = json.dumps({"experiment_ids": ["0", "1"], "max_results": 1000}).encode()
        call = Request(f"{self.url}/api/2.0/mlflow/runs/search", body, {"Content-Type": "application/json"})
        with urlopen(call, timeout=20) as answer:
            found = json.load(answer).get("runs", [])
        return [{tag["key"]: tag["value"] for tag in run["data"]["tags"]} for run in found]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    found = Server(tmp_path)
    yield found
    found.kill()


def test_runs_wait_on_disk_while_the_server_is_down(server: Server, tmp_path: Path) -> None:
    tracker = make_tracker(tmp_path / "project", uri=server.url)
    tracker.places.root.mkdir()
    first = tracker.submit(make_record("first", params={f"p{number}": "ü" * 5000 for number in range(120)}))
    until(lambda: first.poll().state == "failing", "the failure")
    status = tracker.status()
    assert (status.reachable, status.queued) == (False, 1)
    (warning,) = status.warnings
    assert warning.startswith("MLflow does not have 1 run(s) yet; they are kept and sent later: ")
    assert warning.endswith(f"no answer from {server.url.removeprefix('http://')}: [Errno 111] Connection refused")
    assert status.ui == server.url

    server.start()
    run_id = first.run_id(PATIENCE)
    assert run_id is not None
    assert tracker.status().warnings == ()
    assert tracker.ui().url == server.url
    artifact = f"{server.url}/get-artifact?path=definition.py&run_uuid={run_id}"
    with urlopen(artifact, timeout=20) as answer:
        assert answer.read() == b"x = 1\n"

    server.kill()
    second, third = tracker.submit(make_record("second")), tracker.submit(make_record("third"))
    until(lambda: second.poll().state == "failing", "the second failure")
    server.start()
    assert third.run_id(PATIENCE) is not None
    keys = [tags["workbench.key"] for tags in server.runs()]
    assert sorted(keys) == sorted([first.key, second.key, third.key])
    assert tracker.compare().url is not None
    end_sender(tracker)
