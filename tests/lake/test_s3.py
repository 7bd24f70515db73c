"""The lake in an object store: the same promises, over a server that speaks S3 on this machine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.lake.published import SPEND, contract, read, rows, saved
from workbench.errors import LakeError
from workbench.lake import Lake, LakeWriter

NOW = timedelta(0)


@pytest.fixture
def lake(store: dict[str, str], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Lake:
    for name, value in store.items():
        monkeypatch.setenv(name, value)
    return Lake(f"s3://shelf/{request.node.name}", root=Path("/"))


def test_files_and_queries_are_published_and_read(lake: Lake, tmp_path: Path) -> None:
    writer = LakeWriter(lake)
    path = saved(rows(), tmp_path / "data.parquet")
    assert lake.latest("spend", 1) is None
    assert lake.tables() == []
    first = writer.publish(path, view="spend", major=1, contract=SPEND, view_id="a1", metadata={"x": "y"})
    more = rows(range(9))
    second = writer.publish(more.lazy(), view="spend", major=1, contract=SPEND, view_id="a2", metadata={})
    assert writer.publish(path, view="spend", major=1, contract=SPEND, view_id="a1", metadata={}) == first
    assert_frame_equal(read(lake, first), rows())
    assert_frame_equal(read(lake, second), more)
    assert [table.label for table in lake.tables()] == ["spend@1"]
    assert (lake.info("spend", 1, first).metadata, lake.info("spend", 1, first).bytes) == (
        {"x": "y"},
        path.stat().st_size,
    )
    assert lake.files("spend", 1, first)[0].startswith("s3://shelf/")
    with pytest.raises(LakeError, match="no Delta version 7"):
        lake.scan("spend", 1, 7, SPEND)


def test_dtypes_that_are_stored_otherwise_are_restored(lake: Lake) -> None:
    odd = contract(kind=pl.Enum(["a"]), count=pl.UInt64(), seen=pl.Datetime("us"))
    frame = rows().with_columns(
        kind=pl.lit("a", pl.Enum(["a"])),
        count=pl.lit(2**64 - 1, pl.UInt64),
        seen=pl.lit(0, pl.Int64).cast(pl.Datetime("us")),
    )
    version = LakeWriter(lake).publish(frame.lazy(), view="spend", major=1, contract=odd, view_id="a1", metadata={})
    assert_frame_equal(read(lake, version, under=odd), frame)


def test_settings_may_be_given_instead_of_the_environment(
    lake: Lake, store: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in store:
        monkeypatch.delenv(name)
    told = Lake(lake.uri, root=Path("/"), storage=store)
    version = LakeWriter(told).publish(rows().lazy(), view="spend", major=1, contract=SPEND, view_id="a1", metadata={})
    assert_frame_equal(read(told, version), rows())


def test_rows_are_added_to_what_is_there(lake: Lake, tmp_path: Path) -> None:
    writer = LakeWriter(lake)
    base = writer.publish(rows().lazy(), view="spend", major=1, contract=SPEND, view_id="a1", metadata={})
    late = saved(rows(range(3, 5)), tmp_path / "late.parquet")
    version = writer.publish(late, view="spend", major=1, contract=SPEND, view_id="a2", metadata={}, replace=False)
    assert_frame_equal(read(lake, version), pl.concat([rows(), rows(range(3, 5))]))
    assert_frame_equal(read(lake, base), rows())
    assert [file.rows for file in lake.statistics("spend", 1, version)] == [6, 4]


@pytest.mark.journey
def test_writers_at_the_same_time_each_get_a_version(lake: Lake) -> None:
    def act(number: int) -> int:
        frame = rows(range(number + 1)).lazy()
        options = {"view": "spend", "major": 1, "contract": SPEND, "metadata": {}}
        return LakeWriter(lake).publish(frame, view_id=f"a{number}", **options)  # type: ignore[arg-type]  # one dict

    with ThreadPoolExecutor(4) as pool:
        versions = list(pool.map(act, range(4)))
    assert sorted(versions) == [0, 1, 2, 3]
    assert [read(lake, version).height for version in versions] == [2, 4, 6, 8]


def test_what_no_kept_version_needs_is_cleaned_away(lake: Lake, tmp_path: Path) -> None:
    writer = LakeWriter(lake)
    first = writer.publish(rows().lazy(), view="spend", major=1, contract=SPEND, view_id="a1", metadata={})
    second = writer.publish(rows(range(2)).lazy(), view="spend", major=1, contract=SPEND, view_id="a2", metadata={})
    name = f"part-00000-{'0' * 32}.parquet"
    lake.storage.at("spend", "v1").place(saved(rows(), tmp_path / "x.parquet"), name)
    assert writer.orphans() == []
    assert writer.orphans(older_than=NOW) == [f"{lake.uri}/spend/v1/{name}"]
    assert len(writer.vacuum({("spend", 1): {second}}, dry_run=False, older_than=NOW).files) == 2
    assert read(lake, second).height == 4
    with pytest.raises(LakeError, match="lacks 1 of its data files"):
        read(lake, first)
    assert writer.vacuum({}, dry_run=False, older_than=NOW, drop_tables=[("spend", 1)]).tables == ("spend@1",)
    assert lake.tables() == lake.places() == []


def test_a_large_file_is_uploaded_in_parts(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(20_000_001))
    table = lake.storage.at("spend", "v1")
    assert table.place(path, "large.bin") == 20_000_001
    assert [(file.name, file.size) for file in table.files()] == [("large.bin", 20_000_001)]


def test_a_bucket_that_is_not_there_is_said_so(lake: Lake) -> None:
    nowhere = Lake("s3://nowhere/lake", root=Path("/"))
    with pytest.raises(LakeError, match="cannot be read at s3://nowhere/lake"):
        nowhere.latest("spend", 1)
    with pytest.raises(LakeError, match="s3://nowhere/lake"):
        LakeWriter(nowhere).publish(rows().lazy(), view="spend", major=1, contract=SPEND, view_id="a1", metadata={})
