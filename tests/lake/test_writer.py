"""Publishing: whole or not at all, once for the same data, without writing it again where it can be linked."""

from __future__ import annotations

import os
import resource
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable
from polars.testing import assert_frame_equal

from tests.lake.conftest import Publish
from tests.lake.published import SPEND, contract, read, rows, saved
from workbench.compute import write_parquet
from workbench.errors import LakeError
from workbench.lake import Lake, LakeWriter


def files(lake: Lake) -> list[str]:
    """Return the names of the data files in the tests' table."""
    return sorted(file.name for file in lake.storage.at("spend", "v1").files())


@contextmanager
def full_disk(limit: int) -> Iterator[None]:
    """Let no file grow past `limit` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_is_linked_and_not_written_again(lake: Lake, writer: LakeWriter, tmp_path: Path) -> None:
    path = saved(rows(), tmp_path / "data.parquet")
    version = writer.publish(path, view="spend", major=1, contract=SPEND, view_id="a1", metadata={})
    (published,) = lake.files("spend", 1, version)
    assert Path(published).samefile(path)


def test_published_files_are_read_only(lake: Lake, writer: LakeWriter, publish: Publish) -> None:
    publish("a1")
    version = writer.publish(rows().lazy(), view="spend", major=1, contract=SPEND, view_id="a2", metadata={})
    for number in (0, version):
        paths = [
            *lake.files("spend", 1, number),
            lake.table("spend", 1).storage.location(f"_delta_log/{number:020d}.json"),
        ]
        assert [stat.S_IMODE(Path(path).stat().st_mode) & 0o222 for path in paths] == [0, 0]


def test_what_cannot_be_linked_is_copied(
    lake: Lake, writer: LakeWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    path = saved(rows(), tmp_path / "data.parquet")
    version = writer.publish(path, view="spend", major=1, contract=SPEND, view_id="a1", metadata={})
    (published,) = lake.files("spend", 1, version)
    assert not Path(published).samefile(path)
    assert_frame_equal(read(lake, version), rows())


def test_the_lake_outlives_the_cache(lake: Lake, publish: Publish, tmp_path: Path) -> None:
    version = publish("a1")
    shutil.rmtree(tmp_path / "cache")
    assert_frame_equal(read(lake, version), rows())


def test_a_query_is_computed_into_the_lake(lake: Lake, writer: LakeWriter) -> None:
    query = rows(range(5)).lazy().filter(pl.col("user") == "ann")
    version = writer.publish(query, view="spend", major=1, contract=SPEND, view_id="a1", metadata={})
    assert_frame_equal(read(lake, version), query.collect())


def test_a_query_that_fails_leaves_nothing(lake: Lake, writer: LakeWriter) -> None:
    broken = rows().lazy().with_columns(total=pl.col("user").cast(pl.Float64))
    with pytest.raises(Exception, match="conversion"):
        writer.publish(broken, view="spend", major=1, contract=SPEND, view_id="a1", metadata={})
    assert lake.latest("spend", 1) is None
    assert list(Path(lake.uri).rglob("*.parquet")) == []


def test_the_same_data_is_published_once(lake: Lake, publish: Publish) -> None:
    first = publish("a1", metadata={"by": "first"})
    assert publish("a1", metadata={"by": "second"}) == first
    second = publish("a2", rows(range(4)))
    assert publish("a1") == first
    assert lake.latest("spend", 1) == second
    assert len(files(lake)) == 2
    assert lake.info("spend", 1, first).metadata == {"by": "first"}


def test_rows_are_added_to_the_newest_version_alone(
    lake: Lake, writer: LakeWriter, publish: Publish, tmp_path: Path
) -> None:
    first, more = publish("a1"), rows(range(100, 104))
    both = pl.concat([rows(), more])
    path = saved(more, tmp_path / "more.parquet")

    def add(view_id: str, onto: int) -> int:
        return writer.publish(
            both.lazy(), added=(path, onto), view="spend", major=1, contract=SPEND, view_id=view_id, metadata={}
        )

    second = add("a2", first)
    assert set(lake.files("spend", 1, first)) < set(lake.files("spend", 1, second))
    third = add("a3", first)  # others were published since
    assert len(lake.files("spend", 1, third)) == 1
    Path(lake.files("spend", 1, third)[0]).unlink()
    fourth = add("a4", third)
    for version in (second, fourth):
        assert_frame_equal(read(lake, version), both, check_row_order=False)
    assert_frame_equal(read(lake, first), rows())


def test_data_that_is_published_again_counts_as_new(lake: Lake, publish: Publish) -> None:
    (path,) = lake.files("spend", 1, publish("a1"))
    os.utime(path, (0, 0))
    publish("a1")
    assert Path(path).stat().st_mtime > 0


def test_the_same_data_under_other_dtypes_is_another_version(lake: Lake, publish: Publish) -> None:
    first = publish("a1", rows().with_columns(n=pl.lit(1, pl.Int64)), under=contract(n=pl.Int64()))
    later = rows().with_columns(n=pl.lit(1, pl.Int64).cast(pl.Duration("us")))
    assert publish("a1", later, under=contract(n=pl.Duration("us"))) != first


def test_the_same_data_is_published_again_where_its_files_are_gone(lake: Lake, publish: Publish) -> None:
    first = publish("a1")
    publish("a2", rows(range(4)))
    lake.storage.at("spend", "v1").delete(files(lake)[0])
    lake.storage.at("spend", "v1").delete(files(lake)[0])
    again = publish("a1")
    assert again > first
    assert_frame_equal(read(lake, again), rows())


def test_rows_can_be_added_to_the_newest_version(lake: Lake, writer: LakeWriter, publish: Publish) -> None:
    first = publish("a1")
    more = rows(range(3, 5))
    second = writer.publish(
        more.lazy(), view="spend", major=1, contract=SPEND, view_id="a2", metadata={}, replace=False
    )
    assert_frame_equal(read(lake, second), pl.concat([rows(), more]))
    assert_frame_equal(read(lake, first), rows())
    assert [file.number for file in lake.statistics("spend", 1, second)] == [0, 1]
    wide = contract(n=pl.Int8())
    with pytest.raises(LakeError, match="other columns"):
        writer.publish(
            more.with_columns(n=pl.lit(1, pl.Int8)).lazy(),
            view="spend", major=1, contract=wide, view_id="a3", metadata={}, replace=False,
        )  # fmt: skip
    assert len(files(lake)) == 2


@pytest.mark.parametrize("kind", [pl.String(), pl.Enum(["a", "b"])], ids=["linked", "written anew"])
def test_several_files_are_published_at_once(lake: Lake, writer: LakeWriter, tmp_path: Path, kind: pl.DataType) -> None:
    odd = contract(kind=kind)
    parts = [rows(range(first, first + 2)).with_columns(kind=pl.lit("b", kind)) for first in (2, 0, 4)]
    paths = [saved(part, tmp_path / f"{place}.parquet") for place, part in enumerate(parts)]
    for view_id in ("a1", "a2"):
        version = writer.publish(paths, view="spend", major=1, contract=odd, view_id=view_id, metadata={})
        found = lake.scan("spend", 1, version, odd).collect()
        assert_frame_equal(found.sort("user", "at"), pl.concat(parts).sort("user", "at"))
        assert [file.rows for file in lake.statistics("spend", 1, version)] == [part.height for part in parts]
        linked = {Path(file).stat().st_ino for file in lake.files("spend", 1, version)} == {
            path.stat().st_ino for path in paths
        }
        assert linked == (kind == pl.String())
    before = len(list((tmp_path / "lake").rglob("*.parquet")))
    paths[1].write_bytes(b"spoiled")
    with pytest.raises(LakeError):
        writer.publish(paths, view="spend", major=1, contract=odd, view_id="a3", metadata={})
    assert len(list((tmp_path / "lake").rglob("*.parquet"))) == before


def test_rows_that_must_be_written_anew_are_added_in_their_dtypes(
    lake: Lake, writer: LakeWriter, publish: Publish, tmp_path: Path
) -> None:
    odd = contract(kind=pl.Enum(["a", "b"]))
    first, more = (rows(days).with_columns(kind=pl.lit("b", pl.Enum(["a", "b"]))) for days in (range(3), range(3, 6)))
    publish("a1", first, under=odd)
    path = saved(more, tmp_path / "more.parquet")
    version = writer.publish(path, view="spend", major=1, contract=odd, view_id="a2", metadata={}, replace=False)
    assert_frame_equal(read(lake, version, under=odd), pl.concat([first, more]))


def test_no_rows_are_added_to_a_version_whose_files_are_gone(lake: Lake, writer: LakeWriter, publish: Publish) -> None:
    publish("a1")
    lake.storage.at("spend", "v1").delete(files(lake)[0])
    with pytest.raises(LakeError, match="lacks 1 of its data files"):
        writer.publish(
            rows(range(3, 5)).lazy(),
            view="spend", major=1, contract=SPEND, view_id="a2", metadata={}, replace=False,
        )  # fmt: skip
    assert (lake.latest("spend", 1), files(lake)) == (0, [])


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (rows().drop("total"), "total: absent, not Float64"),
        (rows().with_columns(total=pl.lit(1, pl.Int64)), "total: Int64, not Float64"),
        (rows().with_columns(extra=pl.lit(1)), "extra: not in the contract"),
    ],
)
def test_data_without_the_contracts_columns_is_refused(
    lake: Lake, publish: Publish, frame: pl.DataFrame, said: str
) -> None:
    with pytest.raises(LakeError, match=said):
        publish("a1", frame)
    assert not lake.storage.folders()


@pytest.mark.parametrize("content", [None, b"", b"PAR1 is not all it takes"])
def test_a_file_that_cannot_be_read_is_named(
    lake: Lake, writer: LakeWriter, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "odd.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LakeError, match=r"cannot be read at .*odd\.parquet"):
        writer.publish(path, view="spend", major=1, contract=SPEND, view_id="a1", metadata={})
    assert not lake.storage.folders()


def test_a_disk_that_is_full_for_the_data_leaves_what_was(lake: Lake, writer: LakeWriter, publish: Publish) -> None:
    first = publish("a1")
    big = pl.LazyFrame({"n": range(20_000)}).select(
        user=pl.col("n").cast(pl.String),
        at=pl.col("n").cast(pl.Datetime("us", "UTC")),
        total=pl.col("n").cast(pl.Float64),
    )
    with full_disk(30_000), pytest.raises(LakeError, match="no space left") as caught:
        writer.publish(big, view="spend", major=1, contract=SPEND, view_id="a2", metadata={})
    assert "Free some space" in caught.value.remedy
    assert (lake.latest("spend", 1), len(files(lake))) == (first, 1)


@pytest.mark.parametrize("present", [False, True])
def test_a_disk_that_is_full_for_the_commit_leaves_what_was(lake: Lake, publish: Publish, present: bool) -> None:  # noqa: FBT001
    before = publish("a0", rows(range(1))) if present else None
    with full_disk(1_500), pytest.raises(LakeError, match="cannot be written"):
        publish("a1", metadata={"long": "x" * 2_000})
    assert (lake.latest("spend", 1), len(files(lake))) == (before, int(present))
    assert_frame_equal(read(lake, publish("a1")), rows())


@contextmanager
def somebody_else(*closed: Path, opened: Path) -> Iterator[None]:
    """Be a user who may not write the folders `closed`, and may write the folder `opened`."""
    modes = {path: path.stat().st_mode for path in (*closed, opened)}
    for path in closed:
        path.chmod(0o555 if path.is_dir() else 0o444)
    opened.chmod(0o777)
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(mine)
        for path, mode in modes.items():
            path.chmod(mode)


@pytest.mark.parametrize("place", ["lake", "lake/spend/v1/_delta_log"])
def test_without_permission_to_write_it_says_so_and_what_is_published_still_reads(place: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        lake = Lake("lake", root=root)
        writer = LakeWriter(lake)
        writer.publish(rows().lazy(), view="spend", major=1, contract=SPEND, view_id="a1", metadata={})
        closed = [root / place, *(root / place).rglob("*")]
        opened = root if place == "lake" else root / "lake/spend/v1"
        with somebody_else(*closed, opened=opened):
            with pytest.raises(LakeError, match=r"(?i)cannot be written.*permission denied"):
                writer.publish(rows(range(2)).lazy(), view="spend", major=1, contract=SPEND, view_id="a2", metadata={})
            assert_frame_equal(read(lake, 0), rows())
        assert (lake.latest("spend", 1), len(files(lake))) == (0, 1)


def test_the_log_is_kept_for_good(lake: Lake, publish: Publish) -> None:
    publish("a1")
    configuration = DeltaTable(lake.table("spend", 1).uri).metadata().configuration
    assert configuration["delta.enableExpiredLogCleanup"] == "false"
    assert "36500 days" in configuration["delta.deletedFileRetentionDuration"]


def test_versions_before_a_checkpoint_still_read(lake: Lake, publish: Publish) -> None:
    first = publish("a1")
    DeltaTable(lake.table("spend", 1).uri).create_checkpoint()
    second = publish("a2", rows(range(7)))
    DeltaTable(lake.table("spend", 1).uri).create_checkpoint()
    assert [lake.info("spend", 1, version).rows for version in (first, second)] == [6, 14]
    assert publish("a1") == first


def test_all_that_leads_to_a_new_version_is_flushed(
    lake: Lake, writer: LakeWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed = _flushed(monkeypatch)
    path = saved(rows(), tmp_path / "data.parquet")
    writer.publish(path, view="spend", major=1, contract=SPEND, view_id="a1", metadata={})
    root = Path(lake.uri)
    (name,) = files(lake)
    log = Path("spend/v1/_delta_log")
    wanted = [Path(), Path("spend"), Path("spend/v1"), Path("spend/v1") / name, log, log / f"{0:020d}.json"]
    assert {root / path for path in wanted} <= {*flushed}
    assert flushed.index(root / "spend/v1" / name) < flushed.index(root / log / f"{0:020d}.json")
    assert flushed.count(root) == 1


def _flushed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Note what is flushed to disk."""
    found: list[Path] = []
    flush = os.fsync

    def noted(descriptor: int) -> None:
        flush(descriptor)
        found.append(Path(f"/proc/self/fd/{descriptor}").readlink())

    monkeypatch.setattr(os, "fsync", noted)
    return found


def test_rows_that_are_stored_otherwise_are_written_by_one_thread_at_a_time(
    writer: LakeWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow, alone = contract(level=pl.UInt8()), []

    def noted(*given: Any, **named: Any) -> Any:
        alone.append(writer._encoding.locked())
        return write_parquet(*given, **named)

    monkeypatch.setattr("workbench.lake.placement.write_parquet", noted)
    frame = rows().with_columns(level=pl.lit(7, pl.UInt8)).lazy()
    writer.publish(frame, view="spend", major=1, contract=narrow, view_id="a1", metadata={})
    assert alone == [True]
