from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import polars as pl
import pytest

from workbench.errors import ProjectError
from workbench.sources.query import land


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    path = land(pl.DataFrame({"a": [1]}), tmp_path / "deep" / "x.parquet")
    land(pl.DataFrame({"a": [2]}), path)
    assert pl.read_parquet(path).rows() == [(1,)]
    assert [left.name for left in path.parent.iterdir()] == ["x.parquet"]


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    frame = pl.LazyFrame({"a": ["x"]}).select(pl.col("a").str.to_integer())
    with pytest.raises(pl.exceptions.PolarsError):
        land(frame, tmp_path / "x.parquet")
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ProjectError, match="Cannot write"):
        land(pl.DataFrame({"a": [1]}), tmp_path / "file" / "x.parquet")


def test_what_killed_processes_left_is_swept_when_old(tmp_path: Path) -> None:
    old, new = tmp_path / ".new-1", tmp_path / ".new-2"
    old.write_text("")
    new.write_text("")
    os.utime(old, (1, 1))
    land(pl.DataFrame({"a": [1]}), tmp_path / "x.parquet")
    assert not old.exists()
    assert new.exists()


def _land(path: Path) -> None:
    land(pl.DataFrame({"a": range(50_000)}), path)


@pytest.mark.journey
def test_several_processes_land_one_file(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_land, args=(tmp_path / "x.parquet",)) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert [left.name for left in tmp_path.iterdir()] == ["x.parquet"]
    assert pl.read_parquet(tmp_path / "x.parquet").height == 50_000
