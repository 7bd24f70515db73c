"""An experiment with a model: what it logs is safe, says what it was trained on, and reads well in MLflow."""

from __future__ import annotations

import gc
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import weakref
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

import workbench as wb
from tests.conftest import EVENT_VIEW
from workbench import errors
from workbench.experiments import ModelRun
from workbench.tracking.queue import Outbox

if TYPE_CHECKING:
    from workbench.project import Project
    from workbench.tracking import RunRecord

START = datetime(2024, 1, 1, tzinfo=UTC)


def spine(rows: int = 5) -> pl.DataFrame:
    times = [START + timedelta(minutes=30 + row) for row in range(rows)]
    columns = {"user": [f"u{row % 7}" for row in range(rows)], "event_timestamp": times, "label": [0.5] * rows}
    return pl.DataFrame(columns, schema_overrides={"event_timestamp": pl.Datetime("us", "UTC")})


@pytest.fixture
def quiet(project: Project) -> Project:
    """A project with one view whose runs stay in the outbox."""
    assert project.define(EVENT_VIEW, log=False).passed
    return project


def records(project: Project) -> list[RunRecord]:
    outbox = Outbox(project._workspace.tracker.places)
    return [outbox.read(queued.path) for queued in outbox]


def test_what_is_trained_on_is_attached_by_itself(quiet: Project) -> None:
    with quiet.experiment("late") as run:
        train = quiet.store.training_set(spine(), "spend", label="label")
        run.log_params({"depth": 3, "loss": "l2"})
        run.log_metrics({"rmse": 2.5})
    (record,) = records(quiet)
    view_id = quiet.view("spend").view_id
    assert record.status == "FINISHED"
    assert record.params["features"] == "spend:total"
    assert record.params["view.spend"] == view_id[:12]
    assert record.params["depth"] == "3"
    assert record.params["rows"] == str(len(train))
    assert record.tags["workbench.view_id.spend"] == view_id
    assert record.tags["workbench.features.spend"] == "total"
    assert record.tags["workbench.objective"] == "See it work"
    assert record.tags["mlflow.source.git.commit"] == quiet.repository.resolve("exp/first")
    assert record.metrics["rmse"] == 2.5
    assert [(each.name, each.context) for each in record.datasets[:1]] == [("spend", "view")]
    assert record.datasets[1].digest == record.tags["workbench.data_digest"]
    (facts,) = run.training_sets
    assert (facts.label, facts.rows, facts.references) == ("label", 5, ("spend:total",))


def test_the_same_training_set_twice_is_attached_once_and_two_twice(quiet: Project) -> None:
    with quiet.experiment("late") as run:
        quiet.store.training_set(spine(), "spend")
        quiet.store.training_set(spine(), "spend")
        quiet.store.training_set(spine(9), "spend")
    assert [facts.rows for facts in run.training_sets] == [5, 9]
    assert records(quiet)[0].params["rows"] == "5, 9"


def test_what_was_built_before_is_named_by_itself_its_name_or_a_reference(quiet: Project) -> None:
    train = quiet.store.training_set(spine(), "spend", save="first")
    with quiet.experiment("late") as run:
        run.use(train)
    with quiet.experiment("late") as saved:
        saved.use(quiet.store.saved("first"))
    assert saved.training_sets == run.training_sets
    with quiet.experiment("late") as named:
        named.use("first")
    with quiet.experiment("late") as by_reference:
        by_reference.use("spend:total", "spend")
    assert run.training_sets == named.training_sets
    assert run.training_sets[0].name == "first"
    assert by_reference.training_sets[0].views == run.training_sets[0].views
    assert by_reference.training_sets[0].rows is None


def test_what_is_saved_in_the_block_has_its_name_from_then_on(quiet: Project) -> None:
    with quiet.experiment("late") as run:
        train = quiet.store.training_set(spine(), "spend")
        assert [facts.name for facts in run.training_sets] == [None]
        train.save("first")
    assert [(facts.name, facts.rows) for facts in run.training_sets] == [("first", 5)]
    before = quiet.store.training_set(spine(9), "spend")
    before.save("second")
    with quiet.experiment("late") as named:
        named.use(before)
    assert [facts.name for facts in named.training_sets] == ["second"]


def test_a_run_does_not_keep_the_rows_alive(quiet: Project) -> None:
    with quiet.experiment("late") as run:
        train = quiet.store.training_set(spine(), "spend")
        gone = weakref.ref(train), weakref.ref(train.frame)
        del train
        gc.collect()
        assert [each() for each in gone] == [None, None]
        assert len(run.training_sets) == 1


def test_a_training_set_of_another_project_is_refused(quiet: Project, tmp_path: Path) -> None:
    train = quiet.store.training_set(spine(), "spend")
    shutil.copytree(quiet.root, tmp_path / "other")
    with (
        closing(wb.open(tmp_path / "other", branch="exp/first")) as other,
        other.experiment("late") as run,
        pytest.raises(errors.UsageError, match="to another project"),
    ):
        run.use(train)
    with closing(wb.open(quiet.root, branch="exp/first")) as again, again.experiment("late") as run:
        run.use(train)
    assert len(run.training_sets) == 1, "another handle on the same project is the same project"


def test_another_frame_or_name_is_refused(quiet: Project) -> None:
    train = quiet.store.training_set(spine(), "spend")
    with quiet.experiment("late") as run:
        for table in (train.frame, train.frame.lazy(), train.to_arrow(), train.to_pandas()):
            with pytest.raises(errors.UsageError, match="does not record its features"):
                run.use(table)
        with pytest.raises(errors.FeatureNotFound, match="did you mean 'spend'"):
            run.use("spned")


def test_nothing_is_attached_outside_the_block(quiet: Project) -> None:
    with quiet.experiment("late") as run:
        pass
    quiet.store.training_set(spine(), "spend")
    assert run.training_sets == ()
    assert any("training set is unknown" in note for note in run.report().notes)
    with pytest.raises(errors.UsageError, match="No run"):
        run.log_metric("rmse", 1.0)
    with pytest.raises(errors.UsageError, match="has ended"), run:
        pass


def test_an_exception_marks_the_run_failed_and_goes_on(quiet: Project) -> None:
    def train() -> None:
        with quiet.experiment("late") as run:
            run.log_params({"depth": 3})
            raise ZeroDivisionError("no luck\nat all")

    with pytest.raises(ZeroDivisionError):
        train()
    (record,) = records(quiet)
    assert record.status == "FAILED"
    assert record.tags["workbench.error"] == "ZeroDivisionError: no luck at all"
    assert "test_model_run.py" in record.artifacts["error.txt"]
    assert record.params["depth"] == "3"
    with quiet.experiment("late"):
        pass  # nothing of the failed one is in the way


def test_ctrl_c_is_an_interrupted_run(quiet: Project) -> None:
    with pytest.raises(KeyboardInterrupt), quiet.experiment("late"):
        raise KeyboardInterrupt
    assert records(quiet)[0].status == "KILLED"


def test_a_run_inside_a_run_is_refused_and_leaves_the_outer_one_open(quiet: Project) -> None:
    with quiet.experiment("outer") as outer:
        with pytest.raises(errors.UsageError, match="open already"), quiet.experiment("inner"):
            pass
        quiet.store.training_set(spine(), "spend")
    assert len(outer.training_sets) == 1
    assert [record.name for record in records(quiet)] == ["outer"]


def test_seeds_become_mean_and_spread_and_a_table(quiet: Project) -> None:
    with quiet.experiment("late") as run:
        for seed, value in enumerate([1.0, 2.0, math.nan]):
            run.log_metric("rmse", value, seed=seed)
        for fold in range(2):
            run.log_metric("mae", float(fold), fold=fold)
    (record,) = records(quiet)
    assert record.metrics["mae"] == 0.5
    assert record.metrics["rmse_by_seed/1"] == 2.0
    assert math.isnan(record.metrics["rmse"])
    table = json.loads(record.artifacts["metrics.json"])
    assert table["columns"] == ["metric", "seed", "fold", "step", "value"]
    assert ["rmse", 2, None, None, None] in table["data"]
    assert {"path": "metrics.json", "type": "table"} in json.loads(record.tags["mlflow.loggedArtifacts"])


@pytest.mark.parametrize(("name", "value"), [("features", "x"), ("view.spend", "x"), ("branch", "x")])
def test_a_parameter_of_ours_is_not_the_users(quiet: Project, name: str, value: str) -> None:
    with quiet.experiment("late") as run, pytest.raises(errors.UsageError, match="reserved"):
        run.log_params({name: value})


def test_a_parameter_has_one_value_and_a_metric_is_a_number(quiet: Project) -> None:
    with quiet.experiment("late") as run:
        run.log_param("depth", 3)
        run.log_param("depth", 3)
        with pytest.raises(errors.UsageError, match="was logged as 3"):
            run.log_param("depth", 4)
        with pytest.raises(errors.UsageError, match="not a number"):
            run.log_metric("rmse", "good")  # type: ignore[arg-type]  # that is the point
        with pytest.raises(errors.UsageError, match="is reserved"):
            run.set_tags({"workbench.view": "x"})
        run.set_tags({"team": "shop"})
    assert records(quiet)[0].params["depth"] == "3"
    assert records(quiet)[0].tags["team"] == "shop"


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", "x" * 200])
def test_a_name_that_is_none_is_refused(project: Project, name: str) -> None:
    with pytest.raises(errors.UsageError, match="is not a valid name for an experiment"):
        project.experiment(name)


def test_a_branch_that_is_not_there_is_said(project: Project) -> None:
    with pytest.raises(errors.BranchNotFound):
        project.experiment("late", branch="exp/none")


def test_the_run_shows_itself_at_every_stage(quiet: Project) -> None:
    run: ModelRun = quiet.experiment("late")
    assert "late" in run._repr_mimebundle_()["text/plain"]
    with run:
        run.log_metric("rmse", 2.0)
        assert "running" in run.report().title
        assert run.to_dict()["status"] == "RUNNING"
        assert run.run_id is None
    assert "finished" in run.report().title
    assert json.loads(json.dumps(run.to_dict()))["metrics"]["rmse"] == 2.0


KILLED = """
import os, signal, sys
import workbench as wb
from tests.experiments.test_model_run import spine
project = wb.open(sys.argv[1], branch="exp/first")
with project.experiment("late") as run:
    project.store.training_set(spine(), "spend")
    run.log_metric("rmse", 2.5, seed=1)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.journey
def test_a_killed_kernel_loses_nothing(quiet: Project) -> None:
    home = Path(__file__).parents[2]
    code = subprocess.run(
        [sys.executable, "-c", KILLED, str(quiet.root)],
        cwd=home,
        env={**os.environ, "PYTHONPATH": str(home)},
        check=False,
        timeout=300,
    ).returncode
    assert code == -signal.SIGKILL
    from workbench.tracking.run_log import adopt

    assert adopt(quiet._workspace.tracker.places) == 0
    (record,) = records(quiet)
    assert (record.status, record.metrics["rmse"], record.params["features"]) == ("KILLED", 2.5, "spend:total")
