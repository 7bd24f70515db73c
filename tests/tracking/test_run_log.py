"""A run that is being written survives its process: what was logged until then is sent, as killed."""

from __future__ import annotations

import hashlib
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from tests.tracking.stores import PATIENCE, change, make_record, rows, until
from workbench.errors import UsageError
from workbench.records import from_json, to_json
from workbench.tracking import Event, Measured, UnsavedRunWarning
from workbench.tracking.queue import Outbox
from workbench.tracking.run_log import OpenRun, adopt
from workbench.tracking.runs import RunRecord

if TYPE_CHECKING:
    from workbench.tracking import Tracker

KILLED = """
import os, signal, sys
from pathlib import Path
from tests.tracking.stores import make_record
from workbench.tracking import Event, Measured
from workbench.tracking.run_log import OpenRun
from workbench.tracking.paths import Places
root = Path(sys.argv[1])
run = OpenRun(Places(root / ".workbench", root), make_record("model", metrics={}, key="f" * 32))
run.log(Event(params={"depth": "3"}, measured=(Measured("rmse", 2.5),)))
Path(sys.argv[1], "model.bin").write_bytes(b"weights")
run.keep(Path(sys.argv[1], "model.bin"), to="model/model.bin")
print("ready", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def queued(tracker: Tracker) -> list[RunRecord]:
    outbox = Outbox(tracker.places)
    return [outbox.read(each.path) for each in outbox]


def test_what_was_logged_is_one_record_when_the_run_is_closed(idle: Tracker) -> None:
    run = idle.open(make_record("model", metrics={}))
    run.log(Event(params={"depth": "3"}, measured=(Measured("rmse", 2.5, seed=1),)))
    run.log(Event(tags={"team": "shop"}, measured=(Measured("rmse", 3.5, seed=2), Measured("loss", 1.0, step=4))))
    idle.close(run, "FINISHED")
    (record,) = queued(idle)
    assert record.status == "FINISHED"
    assert record.params == {"code": "abc", "depth": "3"}
    assert record.tags["team"] == "shop"
    assert record.metrics["rmse"] == 3.0
    assert [point[:2] for point in record.history["loss"]] == [(4, 1.0)]
    assert not list(idle.places.open.iterdir())


def test_a_run_of_a_living_process_is_left_alone(idle: Tracker) -> None:
    run = idle.open(make_record("model"))
    assert adopt(idle.places) == 1
    assert queued(idle) == []
    idle.close(run, "FINISHED")
    assert adopt(idle.places) == 0


def test_the_run_of_a_killed_process_is_queued_as_killed(idle: Tracker) -> None:
    root = idle.places.root
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(root)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert adopt(idle.places) == 0
    (record,) = queued(idle)
    assert (record.key, record.status) == ("f" * 32, "KILLED")
    assert record.params["depth"] == "3"
    assert record.metrics["rmse"] == 2.5
    assert record.files == {"model/model.bin": hashlib.sha256(b"weights").hexdigest()}
    assert (idle.places.files("f" * 32) / "model" / "model.bin").read_bytes() == b"weights"
    assert "ended" in record.tags["workbench.error"]
    assert adopt(idle.places) == 0
    assert len(queued(idle)) == 1


def test_a_torn_last_line_costs_only_itself(idle: Tracker) -> None:
    run = OpenRun(idle.places, make_record("model", metrics={}))
    run.log(Event(params={"depth": "3"}))
    with run._path.open("a") as stream:
        stream.write('{"params": {"rate"')
    run._let_go()
    adopt(idle.places)
    assert queued(idle)[0].params == {"code": "abc", "depth": "3"}


def test_what_is_no_number_comes_back_from_disk(idle: Tracker) -> None:
    event = Event(measured=(Measured("rmse", math.nan), Measured("mae", math.inf)))
    again = from_json(to_json(event), Event)
    assert math.isnan(again.measured[0].value)
    assert again.measured[1].value == math.inf


def test_a_disk_that_cannot_be_written_warns_once_and_loses_nothing_that_lives(idle: Tracker) -> None:
    run = idle.open(make_record("model", metrics={}))
    idle.places.open.rename(idle.places.open.with_name("away"))
    idle.places.open.write_text("in the way")
    with pytest.warns(UnsavedRunWarning, match="only in memory"):
        run.log(Event(params={"depth 1": "3"}))
    run.log(Event(params={"depth 2": "3"}))
    idle.close(run, "FINISHED")
    assert {"depth 1", "depth 2"} <= set(queued(idle)[0].params)


def test_a_run_that_cannot_be_asked_for_is_said_at_once(idle: Tracker) -> None:
    run = idle.open(make_record("model", metrics={}))
    idle.places.open.rename(idle.places.open.with_name("away"))
    idle.places.open.write_text("in the way")
    begun = idle.begin(run)
    assert (begun.run_id, "cannot be written" in (begun.error or "")) == ("", True)


@pytest.mark.journey
def test_the_run_that_mlflow_was_asked_for_is_found_again_after_a_kill(copied: Tracker) -> None:
    run = copied.open(make_record("model", metrics={}))
    run_id = copied.begin(run).run_id
    run.log(Event(measured=(Measured("rmse", 2.5),)))
    run._let_go()  # as a killed process does
    root = copied.places.root
    until(lambda: rows(root, "select 1 from runs where run_uuid = ? and status = 'KILLED'", run_id), "the killed run")
    assert len(rows(root, "select 1 from tags where key = 'workbench.key' and value = ?", run.record.key)) == 1
    until(lambda: copied.pending() == 0, "the journal")
    assert not list(copied.places.open.iterdir())


def test_a_folder_is_kept_as_a_folder_and_nothing_is_an_error(idle: Tracker, tmp_path: Path) -> None:
    (tmp_path / "model" / "deep").mkdir(parents=True)
    (tmp_path / "model" / "deep" / "w.txt").write_text("w")
    (tmp_path / "model" / "m.txt").write_text("m")
    run = idle.open(make_record("model"))
    event = run.keep(tmp_path / "model", to="model")
    assert set(event.files) == {"model/deep/w.txt", "model/m.txt"}
    with pytest.raises(UsageError, match="no file"):
        run.keep(tmp_path / "absent", to="x")
    idle.close(run, "FAILED")


@pytest.mark.journey
def test_mlflow_gets_curves_and_files_and_the_outbox_is_empty(copied: Tracker, tmp_path: Path) -> None:
    change(copied.places.root, "delete from experiment_tags")  # as an experiment that others made
    (tmp_path / "model.bin").write_bytes(b"weights")
    run = copied.open(make_record("model", metrics={}))
    run.log(Event(measured=tuple(Measured("loss", 1.0 / step, step=step, at=step) for step in (1, 2, 4))))
    run.log(Event(measured=(Measured("rmse", math.nan),)))
    run.keep(tmp_path / "model.bin", to="model.bin")
    run_id = copied.close(run, "FINISHED").run_id(PATIENCE)
    root = copied.places.root
    query = "select step, value from metrics where run_uuid = ? and key = 'loss' order by step"
    assert rows(root, query, run_id) == [(1, 1.0), (2, 0.5), (4, 0.25)]
    assert rows(root, "select value from latest_metrics where run_uuid = ? and key = 'loss'", run_id) == [(0.25,)]
    left_out = "select value from tags where run_uuid = ? and key = 'metrics_left_out'"
    assert rows(root, left_out, run_id) == [("rmse",)]
    (place,) = rows(root, "select artifact_uri from runs where run_uuid = ?", run_id)[0]
    assert (Path(unquote(place.removeprefix("file://"))) / "model.bin").read_bytes() == b"weights"
    until(lambda: not copied.places.files(run.record.key).exists(), "the copies to go")
    assert rows(root, "select value from experiment_tags") == [("custom_model_development",)]


@pytest.mark.journey
def test_the_sender_sends_what_a_dead_process_left_open(copied: Tracker) -> None:
    run = OpenRun(copied.places, make_record("model", metrics={}))
    run.log(Event(measured=(Measured("rmse", 2.5),)))
    run._let_go()
    copied.warm()
    root = copied.places.root
    until(lambda: rows(root, "select 1 from runs where status = 'KILLED'"), "the killed run")


def test_a_record_with_history_and_files_comes_back_from_json() -> None:
    record = make_record(history={"loss": ((1, 0.5, 7),)}, files={"m.bin": "ab"}, status="KILLED")
    assert RunRecord.from_dict(json.loads(json.dumps(record.to_dict()))) == record
