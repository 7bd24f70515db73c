"""What MLflow knows of a definition: one run a computation, with everything that a comparison needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

import workbench as wb
from tests.conftest import EVENT_VIEW, identify, let_send, make_trial

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.pipeline import ViewResult
    from workbench.project import Project

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore"),  # MLflow's own imports warn
]


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, list[ViewResult]]]:
    """A project whose view was defined, changed, repeated, and broken; MLflow has the runs."""
    folder = tmp_path_factory.mktemp("tracked")
    with pytest.MonkeyPatch.context() as patch:
        identify(folder, patch)
        root = make_trial(folder)
        let_send(root)
        project = wb.open(root)
        project.branch("exp/a", objective="Spend", hypothesis="It adds up", metrics=["rmse"], tags={"team": "shop"})
        texts = [EVENT_VIEW, EVENT_VIEW.replace("cum_sum()", "cum_max()"), EVENT_VIEW.replace("ge=0)", "ge=5)")]
        results = [project.define(text) for text in [texts[0], texts[1], texts[1], texts[2]]]
        assert all(result.run_id for result in results)
        yield project, results
        project.close()


@pytest.fixture(scope="module")
def runs(tracked: tuple[Project, list[ViewResult]]) -> list[Any]:
    from mlflow import MlflowClient

    project, results = tracked
    client = MlflowClient(project._workspace.tracker.target.uri)
    return [client.get_run(str(result.run_id)) for result in results]


def test_the_same_computation_twice_is_one_run(tracked: tuple[Project, list[ViewResult]]) -> None:
    ids = [result.run_id for result in tracked[1]]
    assert ids[1] == ids[2]
    assert len(set(ids)) == 3


def test_tags_say_what_it_was_for_and_from_which_commit(
    runs: list[Any], tracked: tuple[Project, list[ViewResult]]
) -> None:
    tags, result = runs[0].data.tags, tracked[1][0]
    assert tags["mlflow.source.git.commit"] == result.commit
    assert tags["mlflow.source.git.branch"] == "exp/a"
    assert tags["view_id"] == result.view_id
    assert tags["objective"] == "Spend"
    assert tags["hypothesis"] == "It adds up"
    assert tags["team"] == "shop"
    assert tags["status"] == "passed"
    assert "mlflow.note.content" in tags
    assert [name for name in tags if name.startswith("workbench.")] == ["workbench.key"]
    place = Path(unquote(runs[0].info.artifact_uri.removeprefix("file://")))
    identity = json.loads((place / "identity.json").read_text())
    assert {"code_hash", "contract_hash", "data_digest", "source.events"} <= set(identity)


def test_metrics_describe_every_feature(runs: list[Any]) -> None:
    metrics = runs[0].data.metrics
    assert metrics["run/rows"] == 200
    assert metrics["run/reused"] == 0
    assert {f"spend.total/{name}" for name in ("mean", "std", "null_share", "p50")} <= set(metrics)


def test_a_broken_contract_is_a_failed_run(runs: list[Any]) -> None:
    assert [run.info.status for run in runs] == ["FINISHED", "FINISHED", "FINISHED", "FAILED"]
    assert runs[3].data.tags["checks"].startswith("contract failed; ")


def test_sources_and_the_view_are_datasets_and_the_view_loads_back(
    runs: list[Any], tracked: tuple[Project, list[ViewResult]]
) -> None:
    import mlflow.data
    import polars as pl

    inputs = {item.dataset.name: item for item in runs[0].inputs.dataset_inputs}
    assert set(inputs) == {"events", "spend"}
    loaded = mlflow.data.get_source(inputs["spend"].dataset).load()
    assert pl.read_parquet(loaded).height == 200


def test_artifacts_have_fixed_names(runs: list[Any], tracked: tuple[Project, list[ViewResult]]) -> None:
    project = tracked[0]
    place = Path(runs[0].info.artifact_uri.removeprefix("file://"))
    assert place.is_relative_to(project.root)
    texts = {"definition.py", "contract.json", "lineage.json", "profile.json"}
    assert {path.name for path in place.iterdir()} == {*texts, "feature_statistics.json", "identity.json"}
    assert EVENT_VIEW in (place / "definition.py").read_text()
    lineage = json.loads((place / "lineage.json").read_text())
    assert lineage["inputs"][0]["snapshot"]["kind"] == "files"


def test_features_statistics_are_a_table_that_mlflow_compares(runs: list[Any]) -> None:
    assert json.loads(runs[0].data.tags["mlflow.loggedArtifacts"])[0]["path"] == "feature_statistics.json"
    place = Path(runs[0].info.artifact_uri.removeprefix("file://"))
    table = json.loads((place / "feature_statistics.json").read_text())
    assert table["columns"][:2] == ["feature", "null_share"]
    assert [row[0] for row in table["data"]] == ["total"]


def test_compare_shows_what_differs(tracked: tuple[Project, list[ViewResult]]) -> None:
    comparison = tracked[0].compare(view="spend")
    rows = {row["key"] for row in comparison.to_dict()["rows"]}
    assert "code" in rows
    assert "view" not in rows, "the same in every run"
    assert "view" in {row["key"] for row in tracked[0].compare(view="spend", all_rows=True).to_dict()["rows"]}
    assert "3 runs" in comparison.report().title
