from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.errors import SourceError, SourceNotFound

from .conftest import Declare


def test_one_file_is_known_by_its_bytes_alone(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    rows.write_parquet(root / "data" / "a.parquet")
    before = declare(path="data/a.parquet").snapshot()
    (root / "data" / "a.parquet").rename(root / "data" / "b.parquet")
    after = declare(path="data/b.parquet").snapshot()
    assert before == after
    assert len(before.digest) == 64


def test_other_bytes_are_other_data(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    path = root / "data" / "a.parquet"
    rows.write_parquet(path)
    source = declare(path="data/a.parquet")
    before = source.snapshot()
    rows.with_columns(pl.col("amount") + 1).write_parquet(path)
    assert source.snapshot() != before


def test_one_more_file_is_other_data(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    rows.write_parquet(root / "data" / "a.parquet")
    before = declare(path="data").snapshot()
    rows.write_parquet(root / "data" / "b.parquet")
    assert declare(path="data").snapshot() != before


def test_files_that_stay_are_the_same_parts_of_other_data(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    source, naive = declare(path="data"), rows.with_columns(pl.col("at").dt.replace_time_zone(None))
    for name in ("a", "b", "c"):
        naive.write_parquet(root / "data" / f"{name}.parquet")
    before = source.parts(source.snapshot())
    assert pl.concat([scan() for scan in before.values()]).collect().equals(source.frame().collect())
    (root / "data" / "a.parquet").rename(root / "data" / "d.parquet")
    naive.with_columns(pl.col("amount") + 1).write_parquet(root / "data" / "b.parquet")
    after = source.parts(source.snapshot())
    assert len(before) == len(after) == 3
    assert [name for name in after if name in before] == [[*before][2]], "c alone is as it was"
    assert declare(path="data", available_at="id").parts(source.snapshot()).keys().isdisjoint(after)
    assert source.parts(declare(path="data/c.parquet").snapshot()) == {}, "of other data than is there"


def test_rows_that_are_landed_have_no_parts(declare: Declare, root: Path) -> None:
    (root / "data" / "a.csv").write_text("at,v\n2024-01-01,1\n")
    source = declare(path="data")
    source.frame(source.snapshot())
    assert source.parts(source.snapshot()) == {}


def test_an_edit_that_keeps_size_and_mtime_is_seen(
    declare: Declare, root: Path, settle: Callable[[Path], None]
) -> None:
    path = root / "data" / "a.csv"
    path.write_text("at,v\n2024-01-01,1\n")
    settle(path)
    source = declare(path="data/a.csv")
    before, times = source.snapshot(), path.stat()
    path.write_text("at,v\n2024-01-01,2\n")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert path.stat().st_mtime_ns == times.st_mtime_ns
    assert source.snapshot() != before


def test_edits_within_a_tick_of_the_clock_are_all_seen(declare: Declare, root: Path) -> None:
    path, source = root / "data" / "a.csv", declare(path="data/a.csv")
    seen = set()
    for value in range(9):
        path.write_text(f"at,v\n2024-01-01,{value}\n")
        seen.add(source.snapshot().digest)
    assert len(seen) == 9


def test_recheck_trusts_nothing_remembered(declare: Declare, root: Path, settle: Callable[[Path], None]) -> None:
    path = root / "data" / "a.csv"
    path.write_text("at,v\n2024-01-01,1\n")
    settle(path)
    source = declare(path="data/a.csv")
    true = source.snapshot()
    memo = root / ".workbench" / "sources" / "events" / "digests.json"
    sha256 = str(true.detail["files"][0]["sha256"])
    memo.write_text(memo.read_text().replace(sha256, "0" * 64))
    assert source.snapshot() != true
    assert source.snapshot(recheck=True) == true
    assert source.snapshot() == true


def test_a_second_snapshot_reads_no_data(declare: Declare, root: Path, settle: Callable[[Path], None]) -> None:
    path = root / "data" / "big.parquet"
    path.write_bytes(bytes(16 * 1024 * 1024))
    settle(path)
    source = declare(path="data/big.parquet")

    def read_by_snapshot() -> int:
        before = bytes_read()
        source.snapshot()
        return bytes_read() - before

    assert read_by_snapshot() > 16 * 1024 * 1024
    assert read_by_snapshot() < 1024 * 1024


def bytes_read() -> int:
    """Return how many bytes this process has read, from caches too."""
    facts = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(facts["rchar"])


def test_files_that_changed_after_the_snapshot_are_not_read(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    path = root / "data" / "a.parquet"
    rows.write_parquet(path)
    source = declare(path="data/a.parquet")
    taken = source.snapshot()
    source.verify(taken)
    rows.head(3).write_parquet(path)
    for read in (source.frame, source.check, source.verify):
        with pytest.raises(SourceError, match="changed after its snapshot") as caught:
            read(taken)
        assert "new snapshot" in caught.value.remedy


def test_a_touched_file_is_still_the_snapshots(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    path = root / "data" / "a.parquet"
    rows.write_parquet(path)
    source = declare(path="data/a.parquet")
    taken = source.snapshot()
    os.utime(path, (1, 1))
    assert source.frame(taken).collect().equals(rows)


def test_a_vanished_file_names_its_path(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    path = root / "data" / "a.parquet"
    rows.write_parquet(path)
    source = declare(path="data/a.parquet")
    taken = source.snapshot()
    path.unlink()
    with pytest.raises(SourceNotFound, match=r"a\.parquet"):
        source.frame(taken)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1", b"not parquet at all, by far"])
def test_a_damaged_file_says_which_and_what_to_do(declare: Declare, root: Path, content: bytes) -> None:
    (root / "data" / "a.parquet").write_bytes(content)
    source = declare(path="data/a.parquet")
    with pytest.raises(SourceError, match=r"a\.parquet cannot be parsed") as caught:
        source.frame(source.snapshot())
    assert "half written" in caught.value.remedy


def test_damage_behind_a_good_footer_is_found_by_check(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    path = root / "data" / "a.parquet"
    rows.write_parquet(path, compression="zstd")
    content = bytearray(path.read_bytes())
    content[4:400] = bytes(396)
    path.write_bytes(content)
    with pytest.raises(SourceError, match="cannot be parsed"):
        declare(path="data/a.parquet", key=["id"]).check()


def test_parquet_files_that_differ_are_named_with_their_columns(
    declare: Declare, root: Path, rows: pl.DataFrame
) -> None:
    rows.write_parquet(root / "data" / "a.parquet")
    rows.with_columns(pl.col("amount").cast(pl.Int32)).write_parquet(root / "data" / "b.parquet")
    rows.drop("amount").with_columns(extra=1).write_parquet(root / "data" / "c.parquet")
    source = declare(path="data")
    for snapshot in (None, source.snapshot()):
        with pytest.raises(SourceError) as caught:
            source.frame(snapshot)
        lines = "\n".join(caught.value.lines)
        assert "b.parquet: amount is Int32 instead of Float64" in lines
        assert "c.parquet: lacks amount; has extra besides" in lines


def test_columns_in_another_order_are_the_same_columns(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    rows.write_parquet(root / "data" / "a.parquet")
    rows.select("amount", "at", "id").write_parquet(root / "data" / "b.parquet")
    read = declare(path="data").frame().collect()
    assert read.equals(pl.concat([rows, rows]))


@pytest.mark.parametrize("zone", ["+05:30", "-03:30", "Mars/Olympus"])
def test_zones_that_polars_does_not_know_are_the_same_instants(
    declare: Declare, root: Path, rows: pl.DataFrame, zone: str
) -> None:
    moments = rows["at"].to_physical().to_list()
    deep = pa.list_(pa.struct([("at", pa.timestamp("ns", zone))]))
    table = pa.table(
        {
            "at": pa.array(moments, pa.timestamp("us", zone)),
            "deep": pa.array([[{"at": moment}] for moment in moments], deep),
        }
    )
    for key in ("k=01", "k=2"):
        (root / "data" / key).mkdir()
        pq.write_table(table, root / "data" / key / "a.parquet")
    source = declare(path="data")
    taken = source.snapshot()
    found = source.frame(taken).collect()
    assert found.schema["at"] == pl.Datetime("us", "UTC")
    assert found["at"].to_list() == rows["at"].to_list() * 2
    assert found.schema["deep"] == pl.List(pl.Struct({"at": pl.Datetime("ns", "UTC")}))
    assert set(found["k"]) == {"01", "2"}
    assert "leading zeros" in source.check(taken)[0].message


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("big", pa.decimal256(60, 2), Decimal("1.5")),
        ("deep", pa.list_(pa.decimal256(60, 2)), [Decimal("1.5")]),
    ],
)
def test_types_that_no_column_carries_are_refused_by_name(
    declare: Declare, root: Path, name: str, kind: Any, value: Any
) -> None:
    pq.write_table(
        pa.table({"at": pa.array([0], pa.timestamp("us")), name: pa.array([value], kind)}), root / "data" / "a.parquet"
    )
    with pytest.raises(SourceError, match=f"'{name}' is .*decimal256\\(60, 2\\)") as caught:
        declare(path="data/a.parquet").frame()
    assert f"replace ({name}::double as {name})" in caught.value.remedy


def test_two_columns_of_one_name_are_refused(declare: Declare, root: Path) -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["at", "at"])
    pq.write_table(table, root / "data" / "a.parquet")
    with pytest.raises(SourceError, match="columns twice: 'at'"):
        declare(path="data/a.parquet").frame()


@contextmanager
def somebody_else() -> Iterator[Path]:
    """Yield a folder of the administrator's; as the administrator, act as nobody, who must not read all."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        if os.geteuid() != 0 and os.getuid() == 0:
            os.seteuid(0)


def test_permission_denied_is_explained(rows: pl.DataFrame) -> None:
    from workbench.config import SourceSettings
    from workbench.sources import Sources

    with somebody_else() as folder:
        path = folder / "a.parquet"
        rows.write_parquet(path)
        path.chmod(0)
        (folder / "closed").mkdir(mode=0o000)
        settings = {
            "file": SourceSettings(path=str(path), event_time="at"),
            "folder": SourceSettings(path=str(folder / "closed"), event_time="at"),
            "inside": SourceSettings(path=str(folder / "closed" / "a.csv"), event_time="at"),
        }
        sources = Sources(settings, root=folder, cache=folder / "cache")
        if os.getuid() == 0:
            os.seteuid(65534)
        try:
            for name in sources:
                with pytest.raises(SourceError, match=r"cannot be read: Permission denied") as caught:
                    sources[name].snapshot()
                assert "permission" in caught.value.remedy
        finally:
            os.seteuid(os.getuid())
