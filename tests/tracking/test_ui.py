"""MLflow's UI as a background process: quick to give, reused, found dead, ended."""

from __future__ import annotations

import json
import os
import signal
import socket
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from tests.tracking.stores import PATIENCE, make_record, make_tracker, until
from workbench.errors import TrackingError
from workbench.tracking.paths import Places, Target, read_json
from workbench.tracking.process import is_held, reap
from workbench.tracking.ui import TRAINING_MODE, start

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.tracking import Tracker

pytestmark = pytest.mark.journey


def test_the_ui_starts_once_and_shows_the_runs(warm: Tracker) -> None:
    run_id = warm.submit(make_record()).run_id(PATIENCE)
    warm.submit(make_record("other")).run_id(PATIENCE)
    try:
        first = warm.ui()
        assert first.state == "starting"
        assert warm.status().ui == first.url
        again = make_tracker(warm.places.root).ui()  # another notebook
        assert again.url == first.url
        until(lambda: warm.ui().state == "live", "the UI")
        artifact = f"{first.url}/get-artifact?path=definition.py&run_uuid={run_id}"
        with urlopen(artifact, timeout=20) as answer:
            assert answer.read() == b"x = 1\n"
        url = warm.compare().url
        assert url is not None
        assert url.startswith(f"{first.url}/#/compare-runs?runs=")
        assert warm.ui().run("1", str(run_id)) == f"{first.url}/#/experiments/1/runs/{run_id}?{TRAINING_MODE}"
        assert warm.ui().experiment(warm.experiment_id()) == f"{first.url}/#/experiments/1/runs?{TRAINING_MODE}"
    finally:
        assert warm.stop_ui()
    assert not warm.stop_ui()
    assert warm.status().ui is None


def test_a_ui_that_died_is_noticed_and_started_again_beside_a_taken_port(idle: Tracker) -> None:
    try:
        first = idle.ui()
        pid = read_json(idle.places.ui_state)["pid"]
        os.killpg(pid, signal.SIGKILL)
        until(lambda: not is_held(idle.places.ui_lock), "its end")
        assert idle.status().ui is None
        port = int(first.url.rpartition(":")[2])
        with closing(socket.socket()) as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", port))
            taken.listen()
            second = idle.ui()
        assert second.url != first.url
        assert read_json(idle.places.ui_state)["pid"] != pid
    finally:
        idle.stop_ui()


def test_a_process_id_that_now_belongs_to_another_process_is_not_touched(idle: Tracker) -> None:
    idle.places.ui_state.parent.mkdir(parents=True)
    stale = {"pid": os.getpid(), "port": 5000, "store": idle.target.key}
    idle.places.ui_state.write_text(json.dumps(stale))
    assert idle.status().ui is None
    assert idle.stop_ui() is False


def test_another_store_gets_another_ui(tmp_path: Path) -> None:
    one = make_tracker(tmp_path, uri="sqlite:///.workbench/one.db")
    two = make_tracker(tmp_path, uri="sqlite:///.workbench/two.db")
    try:
        one.ui()
        pid = read_json(one.places.ui_state)["pid"]
        two.ui()
        until(lambda: reap(pid) or read_json(two.places.ui_state)["pid"] != pid, "the other UI")
        assert read_json(two.places.ui_state)["store"] == two.target.key
        assert one.status().ui is None
    finally:
        two.stop_ui()


def test_a_hosted_service_has_no_ui_of_ours(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="no local UI"):
        start(Places(tmp_path / ".workbench", tmp_path), Target("databricks", None))
