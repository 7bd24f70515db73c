"""A run's datasets read back through MLflow's own registry, in a process as a user has it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import polars as pl
import pytest

from tests.tracking.stores import PATIENCE, make_record
from workbench.errors import TrackingError
from workbench.tracking import DatasetRecord
from workbench.tracking.mlflow_plugin import WorkbenchDatasetSource

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.tracking import Tracker

READ_BACK = """
import json, sys, warnings
warnings.simplefilter("error", UserWarning)
from workbench.tracking.mlflow_plugin import scan_dataset
import mlflow.data
from mlflow.tracking import MlflowClient
run = MlflowClient(tracking_uri=sys.argv[1]).get_run(sys.argv[2])
found = {}
for dataset in run.inputs.dataset_inputs:
    source = mlflow.data.get_source(dataset)
    found[dataset.dataset.name] = {
        "path": source.load(), "sum": scan_dataset(dataset).collect()["x"].sum(),
        "context": dataset.tags[0].value, "schema": dataset.dataset.schema, "profile": dataset.dataset.profile,
    }
print(json.dumps(found))
"""


@pytest.mark.journey
def test_a_logged_view_and_its_source_load_back(warm: Tracker) -> None:
    root = warm.places.root
    (root / "data").mkdir()
    pl.DataFrame({"x": [1, 2, 3]}).write_parquet(root / "data" / "view.parquet")
    (root / "data" / "source.csv").write_text("x\n10\n20\n")
    view = DatasetRecord(
        name="carrier_delay",
        digest="1e" * 32,  # MLflow keeps the first source of a name and digest, whoever logged it
        kind="view",
        context="view",
        source={"path": "data/view.parquet"},
        schema={"x": "Int64", "t": "Datetime(time_unit='us', time_zone='UTC')"},
        profile={"num_rows": 3},
    )
    source = DatasetRecord(
        name="flights", digest="1f" * 32, kind="files", context="source", source={"paths": ["data/source.csv"]}
    )
    run_id = warm.submit(make_record(datasets=(source, view))).run_id(PATIENCE)
    command = [sys.executable, "-c", READ_BACK, warm.target.uri, str(run_id)]
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=PATIENCE).stdout
    found = json.loads(out)
    assert found["carrier_delay"]["path"] == str(root / "data" / "view.parquet")
    assert (found["carrier_delay"]["sum"], found["carrier_delay"]["context"]) == (6, "view")
    assert found["flights"]["path"] == [str(root / "data" / "source.csv")]
    assert (found["flights"]["sum"], found["flights"]["context"]) == (30, "source")
    columns = json.loads(found["carrier_delay"]["schema"])["mlflow_colspec"]
    assert [(column["name"], column["type"]) for column in columns] == [("x", "long"), ("t", "datetime")]
    assert json.loads(found["carrier_delay"]["profile"]) == {"num_rows": 3}


def source(**facts: object) -> WorkbenchDatasetSource:
    return WorkbenchDatasetSource({"name": "flights", "kind": "files", **facts})


def test_a_project_that_moved_is_found_around_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "workbench.toml").touch()
    (tmp_path / "notebooks").mkdir()
    pl.DataFrame({"x": [1]}).write_parquet(tmp_path / "view.parquet")
    monkeypatch.chdir(tmp_path / "notebooks")
    assert source(root="/gone", path="view.parquet").load() == str(tmp_path / "view.parquet")


def test_data_that_is_gone_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="is no longer at view") as caught:
        source(kind="view", root=str(tmp_path), path="view.parquet").load()
    assert "Compute the view again" in caught.value.remedy


def test_a_querys_result_was_not_kept() -> None:
    with pytest.raises(TrackingError, match="came from a query"):
        source(kind="query", sql="select 1").load()
    with pytest.raises(TrackingError, match="too long"):
        source(cut_sha256="ab").load()


def test_a_delta_table_is_read_at_the_version_that_was_read(tmp_path: Path) -> None:
    pl.DataFrame({"x": [1]}).write_delta(str(tmp_path / "table"))
    pl.DataFrame({"x": [2]}).write_delta(str(tmp_path / "table"), mode="append")
    old = source(kind="delta", root=str(tmp_path), uri="table", version=0)
    assert old.scan().collect()["x"].to_list() == [1]


def test_a_source_survives_json_and_resolves_itself() -> None:
    one = source(path="a.csv")
    again = WorkbenchDatasetSource.from_json(one.to_json())
    assert again.to_dict() == one.to_dict()
    assert WorkbenchDatasetSource._can_resolve(one)
    assert not WorkbenchDatasetSource._can_resolve("s3://bucket/x")
    assert WorkbenchDatasetSource._resolve(one).facts == one.facts


def test_files_of_another_kind_are_not_guessed_at(tmp_path: Path) -> None:
    (tmp_path / "x.xml").touch()
    with pytest.raises(TrackingError, match="cannot be scanned"):
        source(root=str(tmp_path), path="x.xml").scan()
