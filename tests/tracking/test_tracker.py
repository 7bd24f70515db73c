"""Submitting, with the real sender and a real MLflow store on SQLite."""

from __future__ import annotations

import resource
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.tracking.stores import PATIENCE, keys_in_mlflow, make_record, make_tracker, rows, until
from workbench.config import TrackingSettings
from workbench.tracking import DatasetRecord, Tracker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def no_space() -> Iterator[None]:
    """The system refuses every write beyond 100 bytes, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_run_arrives_whole(warm: Tracker) -> None:
    view = DatasetRecord(
        name="carrier_delay",
        digest="e" * 64,
        kind="view",
        context="view",
        source={"path": "x.parquet"},
        schema={"carrier": "String", "mean": "Float64"},
        profile={"num_rows": 3},
    )
    record = make_record(
        metrics={f"f{number}/mean": float(number) for number in range(1700)},
        params={f"p{number:03}": "v" * 5000 for number in range(250)},
        tags={f"t{number:03}": "v" * 5000 for number in range(150)}
        | {"workbench.view": "carrier_delay", "workbench.branch": "exp/a"},
        datasets=(make_record().datasets[0], view),
        artifacts={"definition.py": "x = 1\n", "nested/a b.json": '{"ü": 1}'},
    )
    run_id = warm.submit(record).run_id(PATIENCE)
    root = warm.places.root
    ((status, name, start, end, artifacts),) = rows(
        root, "select status, name, start_time, end_time, artifact_uri from runs where run_uuid = ?", run_id
    )
    assert (status, name, start, end) == ("FINISHED", "carrier_delay", record.start, record.end)
    metrics = dict(rows(root, "select key, value from latest_metrics where run_uuid = ?", run_id))
    assert metrics == record.metrics
    assert dict(rows(root, "select key, value from params where run_uuid = ?", run_id)) == record.params
    tags = dict(rows(root, "select key, value from tags where run_uuid = ?", run_id))
    assert {name: tags[name] for name in ("view", "branch", "t149")} == {
        "view": "carrier_delay",
        "branch": "exp/a",
        "t149": "v" * 5000,
    }
    assert tags["workbench.key"] == record.key
    assert tags["mlflow.user"] == "A Researcher <a@example.org>"
    assert tags["mlflow.note.content"] == "A note."
    inputs = rows(
        root,
        "select d.name, d.digest, t.value, d.dataset_source_type from inputs i join datasets d "
        "on d.dataset_uuid = i.source_id join input_tags t on t.input_uuid = i.input_uuid "
        "where i.destination_id = ? order by d.name",
        run_id,
    )
    assert inputs == [
        ("carrier_delay", "e" * 36, "view", "workbench"),
        ("flights", "d" * 36, "source", "workbench"),
    ]
    folder = warm.places.artifacts / "delays" / str(run_id) / "artifacts"
    assert artifacts == folder.as_uri()
    assert (folder / "nested" / "a b.json").read_text(encoding="utf-8") == '{"ü": 1}'


def test_a_failed_run_is_marked_failed(warm: Tracker) -> None:
    run_id = warm.submit(make_record(status="FAILED")).run_id(PATIENCE)
    assert rows(warm.places.root, "select status from runs where run_uuid = ?", run_id) == [("FAILED",)]


def test_runs_arrive_in_order_and_once(warm: Tracker) -> None:
    tickets = [warm.submit(make_record(f"view_{number}")) for number in range(20)]
    assert tickets[-1].run_id(PATIENCE) is not None
    keys = [ticket.key for ticket in tickets]
    assert [key for key in keys_in_mlflow(warm.places.root) if key in keys] == keys
    assert warm.pending() == 0
    assert [run.name for run in warm.runs(limit=20)].count("view_7") == 1


def test_what_mlflow_refuses_or_cuts_was_put_right(warm: Tracker) -> None:
    record = make_record(
        metrics={"a@2:b [min]/mean": 1.0, "nan": float("nan")}, tags={"long": "x" * 9000}, params={"p=": "y" * 7000}
    )
    run_id = warm.submit(record).run_id(PATIENCE)
    root = warm.places.root
    assert rows(root, "select key from metrics where run_uuid = ?", run_id) == [("a_2_b _min_/mean",)]
    ((param,),) = rows(root, "select value from params where run_uuid = ? and key = 'p_'", run_id)
    ((tag,),) = rows(root, "select value from tags where run_uuid = ? and key = 'long'", run_id)
    assert "... (cut, sha256 " in param
    assert "... (cut, sha256 " in tag
    assert (len(param), len(tag)) == (6000, 8000)


def test_a_run_without_an_experiment_goes_to_the_projects(warm: Tracker) -> None:
    ticket = warm.submit(make_record(experiment=""))
    assert ticket.run_id(PATIENCE) is not None
    assert warm.runs()[0].experiment == "delays"


def test_another_experiment_is_made(warm: Tracker) -> None:
    run_id = warm.submit(make_record(experiment="später/ mehr?")).run_id(PATIENCE)
    query = "select e.name from experiments e join runs r on r.experiment_id = e.experiment_id where r.run_uuid = ?"
    assert rows(warm.places.root, query, run_id) == [("später/ mehr?",)]
    folders = list(warm.places.artifacts.glob(f"*/{run_id}/artifacts/definition.py"))
    assert len(folders) == 1


def test_a_second_kernel_sees_the_same_runs(warm: Tracker) -> None:
    ticket = warm.submit(make_record())
    run_id = ticket.run_id(PATIENCE)
    other = make_tracker(warm.places.root)
    assert run_id in {run.run_id for run in other.runs()}
    assert other.delivery(ticket.key).state == "sent"


def test_all_is_well(warm: Tracker) -> None:
    assert warm.submit(make_record()).run_id(PATIENCE) is not None
    until(lambda: warm.pending() == 0, "the record leaves the queue, after the journal names its run")
    status = warm.status()
    assert (status.reachable, status.queued, status.last_error, status.sending) == (True, 0, None, True)
    assert status.warnings == ()


def test_a_queued_run_is_seen_before_it_is_sent(idle: Tracker) -> None:
    ticket = idle.submit(make_record())
    assert ticket.poll().state == "queued"
    assert ticket.run_id(timeout=0) is None
    assert (idle.pending(), idle.status().queued, idle.status().reachable) == (1, 1, None)
    (run,) = idle.runs(branch="exp/a")
    assert (run.state, run.run_id, run.key) == ("queued", None, ticket.key)


def test_a_full_disk_is_told_and_the_run_is_kept_for_the_next_time(idle: Tracker) -> None:
    with no_space():
        ticket = idle.submit(make_record("lost?"))
    delivery = ticket.poll()
    assert delivery.state == "failing"
    assert "cannot be written" in (delivery.error or "")
    assert "cannot be written" in idle.status().warnings[0]
    assert idle.pending() == 1
    idle.submit(make_record("later"))
    assert ticket.poll().state == "queued"
    assert sorted(run.name for run in idle.runs()) == ["later", "lost?"]
    assert idle.status().warnings == ()


def test_a_folder_that_cannot_be_made_is_told_too(tmp_path: Path) -> None:
    (tmp_path / ".workbench").write_text("a file where the folder should be")
    delivery = make_tracker(tmp_path).submit(make_record()).poll()
    assert delivery.state == "failing"
    assert delivery.error is not None


def test_a_record_whose_file_somebody_removed_is_not_said_to_be_queued(idle: Tracker) -> None:
    ticket = idle.submit(make_record())
    for queued in idle._outbox:
        queued.path.unlink()
    delivery = ticket.poll()
    assert (delivery.state, delivery.run_id) == ("failing", None)
    assert "missing" in (delivery.error or "")


def test_the_kernel_never_imports_mlflow(warm: Tracker) -> None:
    code = f"""
import sys
from pathlib import Path
from tests.tracking.stores import make_record, make_tracker
tracker = make_tracker(Path({str(warm.places.root)!r}))
tracker.warm()
assert tracker.submit(make_record()).run_id({PATIENCE})
tracker.runs(), tracker.status(), tracker.compare(branch="exp/a").frame
heavy = {{"mlflow", "pandas", "pyarrow", "sqlalchemy"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=".", timeout=PATIENCE)


def test_asking_often_costs_little(warm: Tracker) -> None:
    ticket = warm.submit(make_record())
    until(lambda: ticket.poll().state == "sent", "delivery")
    assert repr(ticket).endswith("sent>")


def test_with_send_off_runs_wait_on_disk_and_no_process_is_started(tmp_path: Path) -> None:
    tracker = Tracker(TrackingSettings(send=False), home=tmp_path / ".workbench", root=tmp_path, project="trial")
    tracker.submit(make_record())
    assert tracker.pending() == 1
    assert not tracker.places.sender_lock.exists()
    assert tracker.status().queued == 1
