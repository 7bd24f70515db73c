from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from workbench.errors import SourceError

from .conftest import Declare


def write(root: Path, **files: str) -> None:
    for name, content in files.items():
        (root / "data" / name.replace("_", ".")).write_text(content)


def test_csv_and_json_give_the_same_rows(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    texts = rows.with_columns(pl.col("at").dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
    texts.write_csv(root / "data" / "a.csv")
    texts.write_ndjson(root / "data" / "a.ndjson")
    texts.write_json(root / "data" / "a.json")
    texts.write_ndjson(root / "data" / "lines.json")
    (root / "data" / "z.csv.gz").write_bytes(gzip.compress((root / "data" / "a.csv").read_bytes()))
    (root / "data" / "z.jsonl.gz").write_bytes(gzip.compress((root / "data" / "a.ndjson").read_bytes()))
    for name in ("a.csv", "a.ndjson", "a.json", "lines.json", "z.csv.gz", "z.jsonl.gz"):
        source = declare(path=f"data/{name}")
        assert source.frame(source.snapshot()).collect().equals(rows), name


def test_types_are_read_from_all_rows(declare: Declare, root: Path) -> None:
    lines = "".join("2024-01-01,1\n" for _ in range(20_000))
    write(root, a_csv=f"at,v\n{lines}2024-01-01,1.5\n")
    assert declare(path="data/a.csv").frame().collect_schema()["v"] == pl.Float64
    lines = "".join('{"at":"2024-01-01","v":1}\n' for _ in range(2_000))
    write(root, b_ndjson=lines + '{"at":"2024-01-01","v":1.5,"late":"x"}\n')
    frame = declare(path="data/b.ndjson").frame().collect()
    assert frame.schema["v"] == pl.Float64
    assert frame.get_column("late").drop_nulls().to_list() == ["x"]


def test_the_text_is_parsed_once(declare: Declare, root: Path) -> None:
    write(root, a_csv="at,v\n2024-01-01,1\n")
    source = declare(path="data/a.csv")
    taken = source.snapshot()
    source.frame(taken).collect()
    (root / "data" / "a.csv").unlink()
    assert source.frame(taken).collect().height == 1


def test_a_file_changed_before_it_was_parsed_is_not_mistaken(declare: Declare, root: Path) -> None:
    write(root, a_csv="at,v\n2024-01-01,1\n")
    source = declare(path="data/a.csv")
    taken = source.snapshot()
    write(root, a_csv="at,v\n2024-01-01,22\n")
    with pytest.raises(SourceError, match="changed after its snapshot"):
        source.frame(taken)


def test_another_time_column_is_parsed_anew(declare: Declare, root: Path) -> None:
    write(root, a_csv="at,known\n2024-01-01,2024-01-02T00:00:00+01:00\n")
    assert declare(path="data/a.csv").frame().collect_schema()["at"] == pl.Datetime("us", "UTC")
    frame = declare(path="data/a.csv", available_at="known").frame().collect()
    assert frame.get_column("known").to_list() == [datetime(2024, 1, 1, 23, tzinfo=UTC)]


def test_files_of_whole_numbers_and_floats_go_together(declare: Declare, root: Path) -> None:
    write(root, a_csv="at,v,w\n2024-01-01,1,\n", b_csv="w,v,at\n3,1.5,2024-01-02\n", c_csv="at,v,w\n")
    frame = declare(path="data").frame().collect()
    assert frame.select("v", "w").rows() == [(1.0, None), (1.5, 3)]


def test_csv_files_that_differ_are_named(declare: Declare, root: Path) -> None:
    write(root, a_csv="at,v\n2024-01-01,1\n", b_csv="at,w\n2024-01-01,1\n")
    with pytest.raises(SourceError, match="not have the same columns") as caught:
        declare(path="data").frame()
    assert "b.csv has at, w; a.csv has at, v" in "\n".join(caught.value.lines)


def test_json_files_that_differ_are_named(declare: Declare, root: Path) -> None:
    write(root, a_ndjson='{"at":"2024-01-01","v":1}\n', b_ndjson='{"at":"2024-01-01","v":"x"}\n')
    with pytest.raises(SourceError, match="not have the same columns") as caught:
        declare(path="data").frame()
    assert "v is String in b.ndjson" in "\n".join(caught.value.lines)


def test_json_files_may_lack_columns(declare: Declare, root: Path) -> None:
    write(root, a_ndjson='{"at":"2024-01-01","v":1}\n', b_ndjson='{"at":"2024-01-02","w":"x","v":1.5}\n')
    frame = declare(path="data").frame().collect()
    assert frame.select("v", "w").rows() == [(1.0, None), (1.5, "x")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"at,v\n2024-01-01,1\n2024-01-01,1,2,3\n"),
        ("a.csv", b"at,v\n\xff\xfe,1\n"),
        ("a.csv", b"at,v\n2024-13-45,1\n"),
        ("a.ndjson", b'{"at":"2024-01-01"}\n{"at":\n'),
        ("a.json", b'[{"at":"2024-01-01"}'),
        ("a.csv.gz", b"\x1f\x8bnot gzip"),
        ("a.ndjson.gz", b"not gzip"),
    ],
)
def test_damaged_text_is_explained(declare: Declare, root: Path, name: str, content: bytes) -> None:
    (root / "data" / name).write_bytes(content)
    with pytest.raises(SourceError, match="cannot be"):
        declare(path=f"data/{name}").frame().collect()
    landed = root / ".workbench" / "sources" / "events" / "landed"
    assert not landed.exists() or not list(landed.iterdir())


@pytest.mark.parametrize("name", ["a.csv", "a.ndjson", "a.json"])
def test_a_file_without_a_byte_is_explained(declare: Declare, root: Path, name: str) -> None:
    (root / "data" / name).write_bytes(b"")
    with pytest.raises(SourceError, match="are empty"):
        declare(path=f"data/{name}").check()


def test_hive_folders_of_text_are_refused(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    (root / "data" / "day=1").mkdir()
    rows.write_csv(root / "data" / "day=1" / "a.csv")
    with pytest.raises(SourceError, match="for Parquet only"):
        declare(path="data").frame()
