"""Several workers log, one is killed, and what is there is whole."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import httpx
import pytest

import workbench as wb
from tests.server.stage import Running, fill
from workbench.skew.log import log_files

pytestmark = pytest.mark.journey


@pytest.mark.service
def test_a_killed_worker_leaves_whole_files_and_the_others_go_on(tmp_path: Path) -> None:
    shelf = fill(tmp_path)
    asked = 20
    with Running(shelf.folder / "online", "--log-reads", "1", workers=2) as service:
        with wb.connect(service.url, timeout=60) as store:
            for _ in range(asked):
                store.get_feature("recent:value", {"user": "a"})
            os.kill(service.workers[-1], signal.SIGKILL)
            service.wait_for("Application startup complete.")
            for _ in range(asked):
                store.get_feature("recent:value", {"user": "b"})
        text = httpx.get(f"{service.url}/metrics", timeout=60).text
        assert "workbench_reads_logged_total" in text
        assert service.stop() == 0
    reads = [json.loads(line) for path in log_files(tmp_path / "reads") for line in path.read_bytes().splitlines()]
    users = [read["entities"][0]["user"] for read in reads]
    assert users.count("b") == asked
    assert users.count("a") <= asked
