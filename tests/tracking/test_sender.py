"""What survives: kernels and senders killed at any moment, broken files, deleted experiments."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.tracking.stores import (
    PATIENCE,
    change,
    end_sender,
    keys_in_mlflow,
    make_record,
    make_tracker,
    rows,
    sender_pid,
    until,
)
from workbench.tracking.process import is_held, reap

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.tracking import Tracker

pytestmark = pytest.mark.journey

KERNEL = """
import signal, sys
from pathlib import Path
from tests.tracking.stores import make_record, make_tracker
tracker = make_tracker(Path(sys.argv[1]))
print(tracker.submit(make_record("from the kernel")).key, flush=True)
try:
    signal.pause()
except KeyboardInterrupt:
    print("interrupted", flush=True)
    signal.pause()
"""


def kernel(root: Path) -> subprocess.Popen[str]:
    """Start a process that submits a run, prints its key and waits, as the leader of its own process group."""
    command = [sys.executable, "-c", KERNEL, str(root)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, process_group=0)


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    if process.stdout:
        process.stdout.close()


def test_a_kernel_interrupted_and_killed_loses_nothing(copied: Tracker) -> None:
    process = kernel(copied.places.root)
    key = first_line(process)
    until(lambda: sender_pid(copied), "the sender")
    pid = sender_pid(copied)
    assert pid is not None
    os.killpg(process.pid, signal.SIGINT)
    assert first_line(process) == "interrupted"
    assert os.getsid(pid) != os.getsid(process.pid)
    assert os.getpriority(os.PRIO_PROCESS, pid) > os.getpriority(os.PRIO_PROCESS, 0)
    os.killpg(process.pid, signal.SIGKILL)
    end(process)
    until(lambda: copied.delivery(key).state == "sent", "the killed kernel's run")
    assert sender_pid(copied) == pid
    assert keys_in_mlflow(copied.places.root).count(key) == 1


def test_a_sender_killed_again_and_again_sends_each_run_once(copied: Tracker) -> None:
    tickets = [copied.submit(make_record(f"view_{number}")) for number in range(40)]
    for wanted in (1, 20):
        until(lambda wanted=wanted: len(copied._journal.runs()) >= wanted, "some runs")  # type: ignore[misc]  # lambda default
        end_sender(copied)
        copied.warm()
    assert tickets[-1].run_id(PATIENCE) is not None
    keys = keys_in_mlflow(copied.places.root)
    ours = [ticket.key for ticket in tickets]
    assert sorted(key for key in keys if key in ours) == sorted(ours)
    assert rows(copied.places.root, "select count(*) from runs where status = 'RUNNING'") == [(0,)]


def test_a_crash_between_two_steps_makes_no_second_run(copied: Tracker) -> None:
    """Rebuild by hand what a kill leaves before the removal, before the journal, and while the run is filled."""
    root, records = copied.places.root, [make_record(f"view_{number}") for number in range(3)]
    tickets = [copied.submit(record) for record in records]
    runs = [ticket.run_id(PATIENCE) for ticket in tickets]
    end_sender(copied)
    for record in records:
        copied._outbox.attempt_mark(copied._outbox.put(record)).touch()
    lines = copied.places.journal.read_text().splitlines(keepends=True)
    copied.places.journal.unlink()
    copied.places.journal.write_text("".join(line for line in lines if records[0].key in line))
    for table in ("metrics", "latest_metrics", "params", "inputs"):
        column = "destination_id" if table == "inputs" else "run_uuid"
        change(root, f"delete from {table} where {column} = ?", runs[2])
    change(root, "update runs set status = 'RUNNING' where run_uuid = ?", runs[2])
    copied.warm()
    until(lambda: copied.pending() == 0, "the outbox")
    assert [ticket.run_id(10) for ticket in tickets] == runs
    assert len(copied.places.journal.read_text().splitlines()) == 3
    assert sorted(keys_in_mlflow(root)[-3:]) == sorted(record.key for record in records)
    for run in runs:
        assert rows(root, "select key, value from metrics where run_uuid = ?", run) == [("run/rows", 10.0)]
        assert rows(root, "select key, value from params where run_uuid = ?", run) == [("code", "abc")]
        assert rows(root, "select count(*) from inputs where destination_id = ?", run) == [(1,)]


def test_broken_files_are_set_aside_and_named_and_the_others_pass(warm: Tracker) -> None:
    try:
        (warm.places.outbox / "00000000000000000001-abc.json").write_text('{"version": 1, "na')
        (warm.places.outbox / "00000000000000000002-def.json").write_bytes(b"\xff\xfe")
        assert warm.submit(make_record()).run_id(PATIENCE) is not None
        status = warm.status()
        assert status.set_aside == ("00000000000000000001-abc.json", "00000000000000000002-def.json")
        assert "00000000000000000001-abc.json" in status.warnings[0]
        delivery = warm.delivery("abc")
        assert delivery.state == "failing"
        assert "not a run record" in (delivery.error or "")
    finally:
        shutil.rmtree(warm.places.rejected)


def test_a_deleted_experiment_is_restored(warm: Tracker) -> None:
    assert warm.submit(make_record(experiment="deleted")).run_id(PATIENCE) is not None
    change(warm.places.root, "update experiments set lifecycle_stage = 'deleted' where name = 'deleted'")
    assert warm.submit(make_record(experiment="deleted")).run_id(PATIENCE) is not None
    assert rows(warm.places.root, "select lifecycle_stage from experiments where name = 'deleted'") == [("active",)]
    assert "'deleted' had been deleted in MLflow and is restored" in warm.places.log("sender").read_text()


def test_a_sender_without_work_ends_and_the_next_run_starts_another(copied: Tracker) -> None:
    brief = make_tracker(copied.places.root, linger=0.2)
    assert brief.submit(make_record()).run_id(PATIENCE) is not None
    until(lambda: not is_held(brief.places.sender_lock), "the idle sender's end")
    assert brief.status().sending is False
    brief.submit(make_record())
    until(lambda: is_held(brief.places.sender_lock), "the next sender")


def test_a_second_sender_ends_at_once(warm: Tracker) -> None:
    assert warm.submit(make_record()).run_id(PATIENCE) is not None
    pid = sender_pid(warm)
    command = [sys.executable, "-m", "workbench.tracking.sender", str(warm.places.home), str(warm.places.root)]
    subprocess.run(command, check=True, timeout=PATIENCE)
    assert sender_pid(warm) == pid


def test_a_store_that_is_no_database_is_an_error_in_words(tmp_path: Path) -> None:
    tracker = make_tracker(tmp_path)
    tracker.places.home.mkdir()
    (tracker.places.home / "mlflow.db").write_text("not a database, and long enough to be noticed as none\n" * 100)
    ticket = tracker.submit(make_record())
    until(lambda: ticket.poll().state == "failing", "the failure")
    assert "not a database" in (ticket.poll().error or "")
    assert "are kept and sent later" in tracker.status().warnings[0]
    assert tracker.pending() == 1
    end_sender(tracker)


def test_a_project_that_was_removed_does_not_come_back(copied: Tracker) -> None:
    copied.warm()
    until(lambda: copied.status().reachable, "the sender")
    pid = sender_pid(copied)
    assert pid is not None
    shutil.rmtree(copied.places.root)
    until(lambda: reap(pid), "the sender's end")
    assert not copied.places.root.exists()
