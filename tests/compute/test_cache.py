"""A view in the cache is whole or absent, and is never served damaged."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from workbench.compute import DamagedViewWarning, ViewCache, ViewRecord
from workbench.errors import InvalidName, ProjectError
from workbench.records import from_json, to_json


def cut(folder: Path) -> None:
    os.truncate(folder / "data.parquet", 200)


def lengthen(folder: Path) -> None:
    with (folder / "data.parquet").open("ab") as file:
        file.write(b"x")


def break_footer(folder: Path) -> None:
    path = folder / "data.parquet"
    raw = path.read_bytes()
    path.write_bytes(raw[:-60] + bytes(60))


def other_columns(folder: Path) -> None:
    record = json.loads((folder / "view.json").read_text())
    (folder / "view.json").write_text(json.dumps({**record, "order": ["a"]}))


def other_rows(folder: Path) -> None:
    path = folder / "data.parquet"
    pl.read_parquet(path).head(1).write_parquet(path)


def another_kind(folder: Path) -> None:
    (folder / "view.json").write_text("[]")


DAMAGE: dict[str, Callable[[Path], None]] = {
    "cut short": cut,
    "lengthened": lengthen,
    "zeros in the footer": break_footer,
    "other columns": other_columns,
    "other rows": other_rows,
    "no data": lambda folder: (folder / "data.parquet").unlink(),
    "empty data": lambda folder: os.truncate(folder / "data.parquet", 0),
    "no record": lambda folder: (folder / "view.json").unlink(),
    "half a record": lambda folder: os.truncate(folder / "view.json", 50),
    "a record of another kind": another_kind,
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_view_is_set_aside_with_a_warning_and_computed_again(
    kind: str, tmp_path: Path, stage: ModuleType
) -> None:
    first = stage.compute(tmp_path)
    DAMAGE[kind](tmp_path / stage.ID)
    with pytest.warns(DamagedViewWarning, match="damaged"):
        again = stage.compute(tmp_path)
    assert not again.reused
    assert again.stored.record.digest == first.stored.record.digest
    assert len(list((tmp_path / ".damaged").iterdir())) == 1
    assert stage.compute(tmp_path).reused == "view id"


def test_a_damaged_view_is_not_found_by_its_plan_either(tmp_path: Path, stage: ModuleType) -> None:
    stage.compute(tmp_path)
    cut(tmp_path / stage.ID)
    with pytest.warns(DamagedViewWarning):
        assert not stage.compute(tmp_path, view_id="ab" * 32).reused


def test_few_damaged_views_are_kept(tmp_path: Path, stage: ModuleType) -> None:
    for _ in range(5):
        stage.compute(tmp_path)
        cut(tmp_path / stage.ID)
        with pytest.warns(DamagedViewWarning):
            ViewCache(tmp_path).get(stage.ID)
    ViewCache(tmp_path).sweep()
    assert len(list((tmp_path / ".damaged").iterdir())) == 3


def test_an_adopted_view_shares_the_data_and_has_a_record_of_its_own(tmp_path: Path, stage: ModuleType) -> None:
    first = stage.compute(tmp_path)
    again = stage.compute(tmp_path, view_id="ab" * 32, code_hash="other")
    assert again.reused == "plan"
    assert again.stored.path.samefile(first.stored.path)
    assert (again.stored.record.view_id, again.stored.record.code_hash) == ("ab" * 32, "other")
    assert again.stored.record.digest == first.stored.record.digest
    assert stage.compute(tmp_path, view_id="ab" * 32).reused == "view id"


def test_an_adopted_view_is_copied_where_nothing_can_be_linked(
    tmp_path: Path, stage: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    first = stage.compute(tmp_path)
    monkeypatch.setattr(os, "link", refuse)
    again = stage.compute(tmp_path, view_id="ab" * 32)
    assert again.stored.path.read_bytes() == first.stored.path.read_bytes()
    assert not again.stored.path.samefile(first.stored.path)


@pytest.mark.parametrize("name", ["a[b]c", "what*"])
def test_a_view_is_stored_and_found_in_a_folder_of_any_name(name: str, tmp_path: Path, stage: ModuleType) -> None:
    (tmp_path / name).mkdir()
    first, again = (stage.compute(tmp_path / name) for _ in range(2))
    assert not first.reused
    assert again.reused
    assert again.stored.digest_of_sums() == first.stored.record.digest.exact


def test_a_stored_view_is_never_overwritten(tmp_path: Path, stage: ModuleType) -> None:
    first = stage.compute(tmp_path).stored
    cache = ViewCache(tmp_path)
    with cache.work_folder(stage.ID) as work:
        (work / "data.parquet").write_bytes(first.path.read_bytes() + b"late")
        kept = cache.commit(work, first.record)
    assert kept == first
    assert first.path.stat().st_size == first.record.size


def test_a_workspace_that_fails_leaves_nothing(tmp_path: Path, stage: ModuleType) -> None:
    cache = ViewCache(tmp_path)

    def fail() -> None:
        with cache.work_folder(stage.ID) as work:
            (work / "data.parquet").write_bytes(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list((tmp_path / ".work").iterdir()) == []


@pytest.mark.parametrize("name", ["", "..", "../../etc", "ABCDEF0123", "a" * 200, "a b", ".plans", "0123/4567"])
def test_only_a_hash_reaches_a_path(name: str, tmp_path: Path) -> None:
    cache = ViewCache(tmp_path)
    with pytest.raises(InvalidName):
        cache.get(name)
    assert cache.by_plan(name) is None
    with pytest.raises(InvalidName), cache.work_folder(name):
        pass


def test_a_root_that_is_no_folder_is_an_error_with_a_remedy(tmp_path: Path, stage: ModuleType) -> None:
    (tmp_path / "views").write_text("not a folder")
    with pytest.raises(ProjectError, match="Cannot write") as caught:
        stage.compute(tmp_path / "views")
    assert caught.value.remedy


def test_a_record_survives_being_written_down(tmp_path: Path, stage: ModuleType) -> None:
    record = stage.compute(tmp_path).stored.record
    assert from_json(to_json(record), ViewRecord) == record


def test_an_empty_cache_has_nothing_and_nothing_to_sweep(tmp_path: Path, stage: ModuleType) -> None:
    cache = ViewCache(tmp_path / "not" / "there")
    assert cache.get(stage.ID) is None
    assert cache.by_plan("ab" * 32) is None
    assert cache.sweep() == 0
    assert not (tmp_path / "not").exists()
