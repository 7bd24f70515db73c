from __future__ import annotations

import shutil
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
    with pytest.raises(SourceError, match="made anew"):
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
    with pytest.raises(SourceError, match="cannot be understood"):
        declare(delta="data/table").snapshot()
