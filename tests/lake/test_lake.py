"""Reading the lake: exactly the version asked for, in the contract's columns and dtypes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest
from deltalake import DeltaTable
from polars.testing import assert_frame_equal

from tests.lake.conftest import Publish
from tests.lake.published import SPEND, contract, read, rows, saved
from workbench.errors import InvalidName, LakeError
from workbench.lake import Lake, LakeWriter


def test_what_is_published_is_read(lake: Lake, publish: Publish) -> None:
    version = publish("a1")
    assert_frame_equal(read(lake, version), rows())


def test_a_version_stays_as_it_is_whatever_is_published_meanwhile(lake: Lake, publish: Publish) -> None:
    first = publish("a1")
    begun = lake.scan("spend", 1, first, SPEND)
    second = publish("a2", rows(range(9)))
    assert second != first
    assert_frame_equal(begun.collect(), rows())
    assert_frame_equal(read(lake, first), rows())
    assert_frame_equal(read(lake, second), rows(range(9)))
    assert lake.latest("spend", 1) == second


def test_columns_come_in_the_contracts_order(lake: Lake, publish: Publish) -> None:
    version = publish("a1", rows().select("total", "at", "user"))
    assert read(lake, version).columns == ["user", "at", "total"]
    assert lake.scan("spend", 1, version, SPEND).collect_schema() == SPEND.schema


def test_columns_may_be_added_and_old_versions_still_read(lake: Lake, publish: Publish) -> None:
    wide = contract(flights=pl.Int32(), seen=pl.Datetime("us"), kind=pl.Enum(["a", "b"]))
    more = rows().with_columns(
        flights=pl.lit(4, pl.Int32),
        seen=pl.col("at").dt.replace_time_zone(None),
        kind=pl.lit("b", pl.Enum(["a", "b"])),
    )
    first, second = publish("a1"), publish("a2", more, under=wide)
    third = publish("a3", rows(range(2)))
    assert_frame_equal(read(lake, first), rows())
    assert_frame_equal(read(lake, second, under=wide), more)
    assert_frame_equal(read(lake, third), rows(range(2)))


def test_only_the_wanted_columns_and_rows_are_read_from_the_files(lake: Lake, publish: Publish) -> None:
    scan = lake.scan("spend", 1, publish("a1"), SPEND)
    plan = scan.filter(pl.col("user") == "ann").select("total").explain()
    assert "PROJECT" in plan
    assert "SELECTION" in plan


def test_conditions_reach_the_files_beside_the_numbers_of_rows(lake: Lake, publish: Publish) -> None:
    scan = lake.scan("spend", 1, publish("a1"), SPEND, row="n")
    found = scan.filter(pl.col("user") == "bob").select("n", "total")
    files = found.explain().partition("Parquet SCAN")[2]
    assert "SELECTION" in files
    assert "ROW_INDEX" in files
    assert found.collect()["n"].to_list() == rows().with_row_index("n").filter(pl.col("user") == "bob")["n"].to_list()


def test_info_says_what_a_version_is(lake: Lake, publish: Publish) -> None:
    first = publish("a1", metadata={"commit": "c0ffee", "note": 'ä "quoted"'})
    publish("a2", rows(range(5)))
    info = lake.info("spend", 1, first)
    assert (info.view_id, info.delta_version, info.rows, info.files, info.in_time_order) == ("a1", first, 6, 1, True)
    assert info.metadata == {"commit": "c0ffee", "note": 'ä "quoted"'}
    assert info.bytes == sum(Path(path).stat().st_size for path in lake.files("spend", 1, first))
    assert info.published_at.tzinfo is not None


def test_tables_are_listed_by_view_and_major(lake: Lake, publish: Publish, writer: LakeWriter) -> None:
    assert lake.tables() == []
    assert lake.latest("spend", 1) is None
    publish("a1", major=10)
    publish("a1", major=2)
    writer.publish(rows().lazy(), view="carry", major=1, contract=SPEND, view_id="b1", metadata={})
    assert [table.label for table in lake.tables()] == ["carry@1", "spend@2", "spend@10"]
    assert lake.table("spend", 2).latest() == 0


def test_an_unknown_table_is_named_with_what_was_meant(lake: Lake, publish: Publish) -> None:
    publish("a1")
    with pytest.raises(LakeError, match=r"no data of spent@1.*\n.*did you mean 'spend@1'"):
        lake.scan("spent", 1, 0, SPEND)
    with pytest.raises(LakeError, match="no data of spend@2"):
        lake.files("spend", 2, 0)


@pytest.mark.parametrize("version", [1, 99, -1])
def test_an_unknown_version_says_which_is_the_newest(lake: Lake, publish: Publish, version: int) -> None:
    publish("a1")
    for ask in (lake.files, lake.info):
        with pytest.raises(LakeError, match=f"has no Delta version {version}; its newest is 0"):
            ask("spend", 1, version)


@pytest.mark.parametrize("view", ["../spend", "spend/../..", "Spend", "", "a" * 64, "s;drop", "spend\n", ".hidden"])
def test_a_name_that_must_not_reach_a_path_is_refused(lake: Lake, writer: LakeWriter, view: str) -> None:
    with pytest.raises(InvalidName):
        lake.scan(view, 1, 0, SPEND)
    with pytest.raises(InvalidName):
        writer.publish(rows().lazy(), view=view, major=1, contract=SPEND, view_id="a1", metadata={})
    assert not lake.storage.folders()


@pytest.mark.parametrize("major", [0, -1, 10**10])
def test_a_major_version_is_a_counting_number(lake: Lake, major: int) -> None:
    with pytest.raises(InvalidName, match="major version"):
        lake.latest("spend", major)


def test_files_that_are_gone_are_missed_before_anything_is_read(lake: Lake, publish: Publish) -> None:
    version = publish("a1")
    lake.storage.at("spend", "v1").delete(lake.files("spend", 1, version)[0].rpartition("/")[2])
    with pytest.raises(LakeError, match=r"lacks 1 of its data files") as caught:
        lake.scan("spend", 1, version, SPEND)
    assert "materialize spend" in caught.value.remedy


def test_a_damaged_log_is_explained(lake: Lake, publish: Publish) -> None:
    publish("a1")
    log = lake.storage.at("spend", "v1", "_delta_log")
    log.delete("00000000000000000000.json")
    Path(log.location("00000000000000000000.json")).write_text("{nonsense")
    with pytest.raises(LakeError, match="cannot be read at"):
        lake.scan("spend", 1, 0, SPEND)


def test_a_commit_of_somebody_elses_is_no_published_version(lake: Lake, publish: Publish) -> None:
    publish("a1")
    rows().write_delta(lake.table("spend", 1).uri, mode="append")
    with pytest.raises(LakeError, match="version 1 of spend@1 was not published"):
        lake.info("spend", 1, 1)


def test_a_table_that_was_made_anew_is_not_taken_for_the_old_one(
    lake: Lake, writer: LakeWriter, publish: Publish
) -> None:
    first = publish("a1")
    assert_frame_equal(read(lake, first), rows())
    writer.vacuum({}, dry_run=False, older_than=timedelta(0), drop_tables=[("spend", 1)])
    with pytest.raises(LakeError, match="no data of spend@1"):
        read(lake, first)
    assert publish("a2", rows(range(9))) == first
    assert_frame_equal(read(lake, first), rows(range(9)))


def test_other_tools_read_the_same_rows(lake: Lake, writer: LakeWriter, publish: Publish) -> None:
    odd = contract(
        kind=pl.Enum(["a", "b"]), count=pl.UInt64(), took=pl.Duration("ms"), history=pl.List(pl.Categorical())
    )
    frame = rows().with_columns(
        kind=pl.lit("b", pl.Enum(["a", "b"])),
        count=pl.lit(2**64 - 1, pl.UInt64),
        took=pl.lit(5, pl.Int64).cast(pl.Duration("ms")),
        history=pl.lit(["x", "y"], pl.List(pl.Categorical())),
    )
    version = publish("a1", frame, under=odd)
    uri = lake.table("spend", 1).uri
    expected = [2**64 - 1] * 6
    arrow = DeltaTable(uri).to_pyarrow_table()
    assert [int(value) for value in arrow["count"].to_pylist()] == expected
    assert arrow["history"].to_pylist() == [["x", "y"]] * 6
    assert [int(value) for value in pl.scan_delta(uri).collect()["count"]] == expected
    query = "select cast(count as varchar) c, kind, took from read_parquet(?)"
    assert duckdb.execute(query, [lake.files("spend", 1, version)]).fetchall() == [(str(2**64 - 1), "b", 5)] * 6


def test_other_delta_tools_skip_by_the_statistics(lake: Lake, publish: Publish) -> None:
    publish("a1")
    dataset = DeltaTable(lake.table("spend", 1).uri).to_pyarrow_dataset()
    (fragment,) = dataset.get_fragments()
    assert "user" in str(fragment.partition_expression)


def test_a_folder_of_any_name_can_hold_the_lake(tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in ("a b", "ü#%", "q'u\"o*[x]", "a;b,c{}=&"):
        root = tmp_path_factory.mktemp("root") / name
        lake = Lake("lake", root=root)
        path = saved(rows(), root / "data.parquet")
        options = {"view": "spend", "major": 1, "contract": SPEND, "metadata": {}}
        first = LakeWriter(lake).publish(path, view_id="a1", **options)  # type: ignore[arg-type]  # one dict for two calls
        second = LakeWriter(lake).publish(rows().lazy(), view_id="a2", **options)  # type: ignore[arg-type]
        assert read(lake, first).equals(read(lake, second))
