from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path

import polars as pl
import pytest

from workbench.errors import SourceError, SourceNotFound

from .conftest import Declare


def test_a_snapshot_pins_the_version(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    table = str(root / "data" / "table")
    rows.write_delta(table)
    source = declare(delta="data/table")
    first = source.snapshot()
    rows.head(5).write_delta(table, mode="append")
    second = source.snapshot()
    assert first != second
    assert (first.detail["version"], second.detail["version"]) == (0, 1)
    assert source.frame(first).collect().equals(rows)
    assert source.frame(second).collect().height == source.frame().collect().height == rows.height + 5
    assert first == source.snapshot() or source.snapshot() == second


def test_a_table_made_anew_is_not_the_snapshots(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    table = root / "data" / "table"
    rows.write_delta(str(table))
    source = declare(delta="data/table")
    first = source.snapshot()
    shutil.rmtree(table)
    rows.head(3).write_delta(str(table))
    assert source.snapshot() != first
    with pytest.raises(SourceError, match="created again"):
        source.frame(first)


def test_a_copy_that_goes_its_own_way_is_other_data(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    rows.write_delta(str(root / "data" / "left"))
    shutil.copytree(root / "data" / "left", root / "data" / "right")
    assert declare(delta="data/left").snapshot() == declare(delta="data/right").snapshot()
    rows.head(1).write_delta(str(root / "data" / "left"), mode="append")
    rows.head(2).write_delta(str(root / "data" / "right"), mode="append")
    assert declare(delta="data/left").snapshot() != declare(delta="data/right").snapshot()


def test_a_vacuumed_version_says_so(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    from deltalake import DeltaTable

    table = str(root / "data" / "table")
    rows.write_delta(table)
    source = declare(delta="data/table")
    first = source.snapshot()
    rows.head(3).write_delta(table, mode="overwrite")
    DeltaTable(table).vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    for read in (source.frame, source.verify):
        with pytest.raises(SourceError, match=r"version 0 .* files are gone"):
            read(first)


def test_a_version_from_another_history_says_so(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    table = root / "data" / "table"
    rows.write_delta(str(table))
    rows.write_delta(str(table), mode="append")
    source = declare(delta="data/table")
    second = source.snapshot()
    shutil.rmtree(table)
    rows.write_delta(str(table))
    with pytest.raises(SourceError, match="version 1 of the Delta table"):
        source.frame(second)


@pytest.mark.parametrize("make", [False, True])
def test_no_table_is_not_found(declare: Declare, root: Path, make: bool) -> None:  # noqa: FBT001
    if make:
        (root / "data" / "table").mkdir()
    with pytest.raises(SourceNotFound, match="no Delta table at"):
        declare(delta="data/table").snapshot()


def test_a_damaged_log_is_explained(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    rows.write_delta(str(root / "data" / "table"))
    (root / "data" / "table" / "_delta_log" / "00000000000000000000.json").write_text("{nonsense")
    with pytest.raises(SourceError, match="cannot be parsed"):
        declare(delta="data/table").snapshot()


def test_column_mapping_is_refused_by_name(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    table = root / "data" / "table"
    rows.write_delta(str(table))
    log = table / "_delta_log" / "00000000000000000000.json"
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    for action in actions:
        if "protocol" in action:
            action["protocol"] = {"minReaderVersion": 2, "minWriterVersion": 5}
        if "metaData" in action:
            action["metaData"]["configuration"]["delta.columnMapping.mode"] = "name"
            schema = json.loads(action["metaData"]["schemaString"])
            for number, field in enumerate(schema["fields"], start=1):
                physical = f"col-{number}"
                field["metadata"] = {"delta.columnMapping.id": number, "delta.columnMapping.physicalName": physical}
            action["metaData"]["schemaString"] = json.dumps(schema)
    log.write_text("\n".join(map(json.dumps, actions)))
    source = declare(delta="data/table")
    with pytest.raises(SourceError, match=r"uses a feature of Delta that cannot be read: .*column mapping"):
        source.frame(source.snapshot()).collect()


@pytest.mark.parametrize("uri", ["s3://bucket/table", "az://bucket/table"])
def test_missing_credentials_are_told_at_once(declare: Declare, monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "AZURE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", "/nowhere")
    with pytest.raises(SourceError, match=f"there are no credentials for {uri}") as caught:
        declare(delta=uri).snapshot()
    assert ("AWS_ACCESS_KEY_ID" if uri.startswith("s3") else "AZURE_STORAGE_ACCOUNT_KEY") in caught.value.remedy


def test_a_store_that_does_not_answer_is_not_damaged(declare: Declare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        with pytest.raises(SourceError, match="s3://bucket/table cannot be read") as caught:
            declare(delta="s3://bucket/table").snapshot()
    said = "\n".join([str(caught.value), *caught.value.lines])
    assert "damaged" not in said
    assert "\x1b" not in said
