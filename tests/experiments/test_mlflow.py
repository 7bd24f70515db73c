"""A model's run in MLflow: what it holds, and what MLflow's own functions do inside the block."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

import workbench as wb
from tests.conftest import EVENT_VIEW, identify, let_send, make_trial
from tests.experiments.test_model_run import spine
from workbench import errors
from workbench.tracking import TrackingWarning
from workbench.tracking.fluent import _flavor
from workbench.tracking.paths import Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.experiments import ModelRun
    from workbench.project import Project

pytestmark = [
    pytest.mark.timeout(150),
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning"),  # by mlflow.pyfunc's own import
]


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Any]]:
    """A project whose model was trained, and the run as MLflow has it."""
    folder = tmp_path_factory.mktemp("model")
    with pytest.MonkeyPatch.context() as patch:
        identify(folder, patch)
        root = make_trial(folder)
        let_send(root)
        project = wb.open(root)
        project.branch("exp/first", objective="See it work", metrics=["rmse"])
        project.define(EVENT_VIEW, log=False)
        (folder / "model.txt").write_text("weights")
        with project.experiment("late") as run:
            project.store.training_set(spine(), "spend", label="label", save="first")
            for step in range(3):
                run.log_metric("loss", 1.0 / (step + 1), step=step)
            run.log_metric("odd", math.inf)
            run.log_metric("rmse", 2.0)
            run.log_model_file(folder / "model.txt")
        run_id = run.run_id
        import mlflow

        yield project, mlflow.MlflowClient(project._workspace.tracker.target.uri).get_run(run_id)
        project.close()


@pytest.mark.journey
def test_mlflow_has_the_curve_the_model_and_the_datasets(sent: tuple[Project, Any]) -> None:
    _, run = sent
    assert run.info.run_name == "late"
    assert (next(iter(run.data.metrics)), list(run.data.metrics)[-1]) == ("rmse", "run/seconds")
    assert run.data.metrics["loss"] == pytest.approx(1 / 3)
    assert "odd" not in run.data.metrics
    assert run.data.tags["metrics_left_out"] == "odd"
    assert {each.dataset.name for each in run.inputs.dataset_inputs} == {"first", "spend"}
    place = Path(unquote(run.info.artifact_uri.removeprefix("file://")))
    assert (place / "model" / "model.txt").read_text() == "weights"
    identity = json.loads((place / "identity.json").read_text())
    assert len(identity["model.model.txt"]) == 64
    assert {"data_digest", "features.spend"} <= set(identity)
    assert [name for name in run.data.tags if name.startswith("workbench.")] == ["workbench.key"]


def test_the_model_leads_to_its_features_and_back(sent: tuple[Project, Any]) -> None:
    project, run = sent
    lineage = project.lineage("late")
    assert "spend" in {node.name for node in lineage.upstream("late")}
    assert [node.name for node in project.lineage("spend").downstream("spend:total")] == [
        "first",
        f"late {run.info.run_id[:8]}",
    ]
    by_id = project.lineage(run.info.run_id[:10]).to_dict()
    assert {"events", "spend", "first"} <= {node["name"] for node in by_id["nodes"]}


@contextmanager
def as_before() -> Iterator[None]:
    """Fail unless MLflow's state and variables are afterwards what they were."""
    import mlflow
    from mlflow.tracking import fluent
    from mlflow.tracking._tracking_service import utils

    def state() -> tuple[Any, ...]:
        run = mlflow.active_run()
        variables = {name: value for name, value in os.environ.items() if name.startswith("MLFLOW_")}
        return (utils._tracking_uri, fluent._active_experiment_id, run and run.info.run_id, variables)

    before = state()
    yield
    assert state() == before


def in_mlflow(project: Project, run_id: str | None) -> Any:
    import mlflow

    return mlflow.MlflowClient(project._workspace.tracker.target.uri).get_run(run_id)


def test_mlflows_functions_go_to_the_run_and_nowhere_else(
    sent: tuple[Project, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    project, _ = sent
    monkeypatch.chdir(tmp_path)
    with as_before(), project.experiment("mixed") as run:
        inside = run.run_id
        mlflow.log_metric("mae", 3.0)
        mlflow.log_params({"depth": 3, "rate": 0.1})
        mlflow.log_text("hello", "notes.txt")
        mlflow.log_table({"a": [1]}, "table.json")
        mlflow.set_tag("mlflow.note.content", "mine")
        run.log_params({"depth": 4, "rate": 0.1})
        run.log_metric("rmse", 2.0)
        project.store.training_set(spine(), "spend")
        with mlflow.start_run(nested=True, run_name="fold") as fold:
            mlflow.log_metric("mae", 4.0)
        mlflow.start_run(nested=True, run_name="left open")
    assert not list(tmp_path.iterdir())
    assert run.run_id == inside
    found = in_mlflow(project, inside)
    assert found.info.status == "FINISHED"
    assert {name: found.data.metrics[name] for name in ("mae", "rmse")} == {"mae": 3.0, "rmse": 2.0}
    assert (found.data.params["depth"], found.data.params["workbench.depth"]) == ("3", "4")
    assert found.data.params["features"] == "spend:total"
    assert found.data.tags["mlflow.note.content"] == "mine"
    assert {"table.json", "features.json"} <= set(found.data.tags["mlflow.loggedArtifacts"].split('"'))
    assert [each.dataset.name for each in found.inputs.dataset_inputs if each.dataset.name == "spend"] == ["spend"]
    place = Path(unquote(found.info.artifact_uri.removeprefix("file://")))
    assert (place / "notes.txt").read_text() == "hello"
    child = in_mlflow(project, fold.info.run_id)
    assert (child.info.experiment_id, child.data.tags["mlflow.parentRunId"]) == (found.info.experiment_id, inside)
    (summary,) = (each for each in project._workspace.tracker.runs() if each.run_id == inside)
    facts = project._workspace.tracker.facts(summary)
    assert (facts.metrics["mae"], facts.params["depth"]) == (3.0, "3"), "compare knows what MLflow was told"
    client = mlflow.MlflowClient(project._workspace.tracker.target.uri)
    open_runs = client.search_runs([found.info.experiment_id], "attributes.status = 'RUNNING'")
    assert [each.info.run_name for each in open_runs] == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_was_set_is_put_back_after_an_exception(sent: tuple[Project, Any], error: type[BaseException]) -> None:
    import mlflow

    project, _ = sent

    def fail() -> None:
        with project.experiment("broken"):
            mlflow.start_run(nested=True)
            raise error

    with as_before(), pytest.raises(error):
        fail()
    with as_before(), project.experiment("ended early") as run:
        mlflow.end_run("FAILED")
    assert in_mlflow(project, run.run_id).info.status == "FINISHED"


def test_an_active_run_in_the_same_store_becomes_the_parent(
    sent: tuple[Project, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    project, _ = sent
    mlflow.set_tracking_uri(project._workspace.tracker.target.uri)
    try:
        with mlflow.start_run(run_name="sweep") as outer:
            with as_before(), pytest.warns(TrackingWarning, match="becomes its child"), project.experiment("in") as run:
                mlflow.log_metric("mae", 1.0)
            mlflow.log_metric("best", 1.0)
    finally:
        mlflow.set_tracking_uri(None)
    assert in_mlflow(project, run.run_id).data.tags["mlflow.parentRunId"] == outer.info.run_id
    assert in_mlflow(project, outer.info.run_id).data.metrics == {"best": 1.0}
    monkeypatch.setenv("MLFLOW_RUN_ID", outer.info.run_id)  # as `mlflow run` starts a program
    with as_before(), pytest.warns(TrackingWarning, match="becomes its child"), project.experiment("in") as run:
        fold = mlflow.start_run(nested=True)
    assert in_mlflow(project, run.run_id).data.tags["mlflow.parentRunId"] == outer.info.run_id
    assert in_mlflow(project, fold.info.run_id).data.tags["mlflow.parentRunId"] == run.run_id


def test_a_store_that_contradicts_the_projects_is_told_and_put_back(
    sent: tuple[Project, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    project, _ = sent
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/other.db")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "other")
    with as_before(), pytest.warns(TrackingWarning, match=r"other\.db"), project.experiment("here") as run:
        mlflow.log_metric("mae", 1.0)
    assert in_mlflow(project, run.run_id).data.metrics["mae"] == 1.0
    assert not (tmp_path / "other.db").exists()


def test_without_an_answer_the_block_goes_on_and_the_run_is_sent_later(sent: tuple[Project, Any]) -> None:
    from sklearn.linear_model import LinearRegression

    project, _ = sent
    tracker = project._workspace.tracker
    real, tracker.target = tracker.target, Target("http://127.0.0.1:9", None)

    def train() -> ModelRun:
        with project.experiment("alone") as run:
            run.log_metric("rmse", 2.0)
            with pytest.raises(errors.TrackingError, match="does not have this run"):
                run.log_model(LinearRegression())
        return run

    try:
        with as_before(), pytest.warns(TrackingWarning, match="will fail"):
            run = train()
    finally:
        tracker.target = real
        tracker.warm()
    assert in_mlflow(project, run.run_id).data.metrics["rmse"] == 2.0


@pytest.mark.journey
def test_a_model_is_logged_by_its_flavor_and_registered(sent: tuple[Project, Any]) -> None:
    import mlflow
    from sklearn.linear_model import LinearRegression

    class Own(LinearRegression):  # type: ignore[misc]  # scikit-learn has no types
        """A class of the user's own is known by what it is derived from."""

    project, _ = sent
    with as_before(), project.experiment("registered") as run:
        mlflow.sklearn.autolog(log_models=False, silent=True)
        try:
            model = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
        finally:
            mlflow.sklearn.autolog(disable=True)
        project.store.training_set(spine(), "spend")
        logged = run.log_model(model, registered_model_name="late", pip_requirements=["scikit-learn"])
        with pytest.raises(errors.UsageError, match=r"no flavor for a builtins\.dict"):
            run.log_model({})
        assert _flavor(Own())[0] is mlflow.sklearn
    with pytest.raises(errors.UsageError, match="No run"):
        run.log_model(model)
    client = mlflow.MlflowClient(project._workspace.tracker.target.uri)
    assert logged.run_id == run.run_id
    assert [version.run_id for version in client.search_model_versions("name = 'late'")] == [run.run_id]
    assert "late/1" in {node.name for node in project.lineage("spend").downstream("spend:total")}
    assert {"events", "spend"} <= {node.name for node in project.lineage("late/1").upstream("late/1")}
    found = in_mlflow(project, run.run_id)
    assert found.data.params["fit_intercept"] == "True", "autologging goes to the run"
    assert "training_r2_score" in found.data.metrics


IMPORTED = """
import os, sys
import workbench as wb
project = wb.open(sys.argv[1], branch="exp/first")
with project.experiment("none") as run:
    assert os.environ["MLFLOW_EXPERIMENT_NAME"] == "trial", "for the processes that it starts"
    run.log_metric("rmse", 2.0)
assert "mlflow" not in sys.modules
assert not any(name.startswith("MLFLOW_") for name in os.environ)
with project.experiment("late import") as run:
    import mlflow
    mlflow.log_metric("mae", 3.0)
assert mlflow.active_run() is None
assert not any(name.startswith("MLFLOW_") for name in os.environ), os.environ
print(run.run_id)
"""


@pytest.mark.journey
def test_mlflow_is_met_where_it_is_imported_in_the_block(sent: tuple[Project, Any], tmp_path: Path) -> None:
    project, _ = sent
    home = Path(__file__).parents[2]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, str(project.root)],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=140,
    )
    assert done.returncode == 0, done.stderr
    assert in_mlflow(project, done.stdout.strip()).data.metrics["mae"] == 3.0
