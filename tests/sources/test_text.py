from __future__ import annotations

import csv
import gzip
import io
import json
import math
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from workbench.config import SourceSettings
from workbench.errors import SourceError
from workbench.sources.dialect import Dialect

from .conftest import Declare
from .reading import read

GERMAN: dict[str, Any] = {"separator": ";", "decimal": ",", "thousands": "."}


def write(root: Path, **files: str) -> None:
    for name, content in files.items():
        (root / "data" / name.replace("_", ".")).write_text(content)


def test_csv_and_json_give_the_same_rows(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    texts = rows.with_columns(pl.col("at").dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
    texts.write_csv(root / "data" / "a.csv")
    texts.write_ndjson(root / "data" / "a.ndjson")
    texts.write_json(root / "data" / "a.json")
    (root / "data" / "bom.ndjson").write_bytes(b"\xef\xbb\xbf" + (root / "data" / "a.ndjson").read_bytes())
    texts.write_ndjson(root / "data" / "lines.json")
    (root / "data" / "z.csv.gz").write_bytes(gzip.compress((root / "data" / "a.csv").read_bytes()))
    (root / "data" / "z.jsonl.gz").write_bytes(gzip.compress((root / "data" / "a.ndjson").read_bytes()))
    texts.write_csv(root / "data" / "z.csv.zst", compression="zstd")
    for name in ("a.csv", "a.ndjson", "a.json", "bom.ndjson", "lines.json", "z.csv.gz", "z.csv.zst", "z.jsonl.gz"):
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
    assert "v is text in b.ndjson" in "\n".join(caught.value.lines)


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
        ("a.csv.gz", gzip.compress(b"at,v\n2024-01-01,1\n" * 500, mtime=0)[:-12]),
        ("a.csv.gz", b"\x1f\x8bnot gzip"),
        ("a.ndjson.gz", b"not gzip"),
    ],
)
def test_damaged_text_is_explained(declare: Declare, root: Path, name: str, content: bytes) -> None:
    (root / "data" / name).write_bytes(content)
    with pytest.raises(SourceError) as caught:
        declare(path=f"data/{name}").frame().collect()
    assert name in str(caught.value) or "2024-13-45" in caught.value.message
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


def test_what_was_decided_is_told_by_check_and_kept_with_the_copy(declare: Declare, root: Path) -> None:
    write(root, a_csv="at,zip\n2024-01-01,02134\n2024-01-01,2134\n")
    for _ in range(2):
        assert "'zip' is read as text: 1 value with leading zeros" in declare(path="data/a.csv").check()[0].message
    checks = root / ".workbench" / "sources" / "events" / "checks"
    for memo in checks.iterdir():
        memo.unlink()
    assert [warning.count for warning in declare(path="data/a.csv").check()] == [1]
    assert declare(path="data/a.csv", dtypes={"zip": "String"}).check() == ()
    assert declare(path="data/a.csv", dtypes={"zip": "Int64"}).frame().collect()["zip"].to_list() == [2134, 2134]


def test_other_settings_are_other_rows_of_the_same_data(declare: Declare, root: Path) -> None:
    write(root, a_csv="at,v\n2024-01-01T00:00,1\n")
    plain = declare(path="data/a.csv")
    others: list[dict[str, Any]] = [
        {"dtypes": {"v": "String"}},
        {"time_zone": "America/New_York"},
        {"null_values": ["1"]},
        {"encoding": "cp1252"},
    ]
    for changed in others:
        other = declare(path="data/a.csv", **changed)
        assert other.snapshot() == plain.snapshot()
        assert other.reading != plain.reading
    assert declare(path="data/a.csv", time_zone="America/New_York").frame().collect()["at"].to_list() == [
        datetime(2024, 1, 1, 5, tzinfo=UTC)
    ]


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        ("a,b\n1,x\n2\n", 3, "has 1 field, its header 2: '2'"),
        ('a,b\n1,x\n"2"\n', 3, "has 1 field"),
        ("a,b\n1,x\n2,y,z\n", 3, "has 3 fields"),
        ('a,b\n"1\n1",x\n2\n', 4, "has 1 field"),
        ('a,b\n1,"x\n2,y\n', 3, "unexpected end of data"),
        ('a,b\n1,"x"y\n2,y\n', 2, "expected after"),
        ("a,a\n1,2\n", 1, "twice: 'a'"),
        ("a,b,\n1,2\n", 2, "has 2 fields"),
    ],
)
def test_rows_that_are_not_as_long_as_the_header_are_refused_by_line(content: str, line: int, says: str) -> None:
    with pytest.raises(SourceError, match=f"line {line} of .*{says}"):
        read(content)
    assert read(content.replace("a,b", "a,b").splitlines()[0].replace("a,a", "a,b") + "\n")[0].height == 0


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("a,b\r\n1,x\r\n2,y\r\n", [(1, "x"), (2, "y")]),
        ("a,b\r1,x\r2,y\r", [(1, "x"), (2, "y")]),
        ("a,b\n1,x\r\n2,y\n", [(1, "x"), (2, "y")]),
        ("a,b\n1,x\n\n2,y", [(1, "x"), (2, "y")]),
        ('\ufeff"a",b\n1,x\n', [(1, "x")]),
        ('a,b\n1,"x\ny"\n2,"say ""hi"""\n', [(1, "x\ny"), (2, 'say "hi"')]),
        ('a,b\n1,5" pipe\n2,6" pipe\n', [(1, '5" pipe'), (2, '6" pipe')]),
        ('a,b\n1,\n2,""\n', [(1, None), (2, "")]),
        (",b\n1,x\n", [(1, "x")]),
    ],
)
def test_csv_as_programs_write_it(content: str, rows: list[Any]) -> None:
    assert read(content)[0].rows() == rows


@pytest.mark.parametrize(
    ("content", "settings", "setting"),
    [
        ("a;b\n1;2\n", {"separator": ";"}, 'separator = ";"'),
        ("a\tb\n1\t2\n", {"separator": "\t"}, 'separator = "\\t"'),
        ("a|b\n1|2\n", {"separator": "|"}, 'separator = "|"'),
        ("a,b\nM\u00fcller,2\n".encode("latin-1"), {"encoding": "cp1252"}, 'encoding = "cp1252"'),
        ("a,b\n1,2\n".encode("utf-16"), {"encoding": "utf-16"}, 'encoding = "utf-16"'),
    ],
)
def test_the_error_shows_the_setting_that_cures_it(content: str | bytes, settings: Any, setting: str) -> None:
    with pytest.raises(SourceError) as caught:
        read(content)
    assert f"`{setting}` in [sources.events]" in caught.value.remedy
    assert read(content, **settings)[0].columns == ["a", "b"]


def test_decimal_commas_are_read_where_they_are_declared() -> None:
    found, notes = read("a;b;c\n1,5;1.000,5;7\n-,25;2,5;8\n", separator=";", decimal=",")
    assert found.rows() == [(1.5, "1.000,5", 7), (-0.25, "2,5", 8)]
    assert "thousands" in notes[0]


def test_a_setting_of_another_format_is_refused(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    rows.write_parquet(root / "data" / "a.parquet")
    for setting in ({"separator": ";"}, {"dtypes": {"id": "String"}}, {"time_format": "%Y"}):
        with pytest.raises(SourceError, match=f"`{next(iter(setting))}` says nothing about parquet files"):
            declare(path="data/a.parquet", **setting).frame()
    write(root, a_ndjson='{"at":"2024-01-01"}\n')
    with pytest.raises(SourceError, match="`encoding` says nothing about ndjson"):
        declare(path="data/a.ndjson", encoding="cp1252").frame()
    declare(path="data/a.ndjson", encoding="utf-8").frame()  # what holds anyway


NESTED = '{"a":{"x":1}}\n{"a":{"y":[2.5]}}\n'


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ('{"a":1}\n\n{"a":2}', [(1,), (2,)]),
        ('{\n "a": 1\n}\n', [(1,)]),
        ('{\n "a": 1\n}\n{\n "a": 2\n}\n', [(1,), (2,)]),
        ('[\n{"a":1},\n{"a":2}]', [(1,), (2,)]),
        ('\ufeff[{"a":"x\\ny"}]', [("x\ny",)]),
        ('{"a":1,"b":null}\n{"b":null}\n', [(1, None), (None, None)]),
        (NESTED, [({"x": 1, "y": None},), ({"x": None, "y": [2.5]},)]),
        ('{"a":["2024-01-01"]}', [(["2024-01-01"],)]),
        ('{"a":"2024-01-01T00:00"}\n{"a":"2024-01-01 00:00:00"}', [("2024-01-01T00:00",), ("2024-01-01 00:00:00",)]),
        ('{"a":9007199254740993}\n{"a":-9223372036854775808}', [(9007199254740993,), (-(2**63),)]),
        ('{"a":9007199254740992}\n{"a":0.12345678901234567}', [(2.0**53,), (0.12345678901234567,)]),
        ('{"id":9007199254740993,"a":0.5}', [(9007199254740993, 0.5)]),
        ('{"a":"\\ud83d\\ude00"}', [("\U0001f600",)]),
        ('[{"a":NaN},{"a":1}]', [(math.inf,), (1.0,)]),
    ],
)
def test_json_as_programs_write_it(content: str, rows: list[Any]) -> None:
    found, notes = read(content, "ndjson")
    assert [tuple(math.inf if value != value else value for value in row) for row in found.rows()] == rows
    assert notes == []


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"a":1}\n{"a":1,"a":2}\n', "line 2: an object has the key 'a' twice"),
        ('{"a":{"b":1,"b":2}}\n', "key 'b' twice"),
        ('{"a":"\\ud800"}\n', "line 1: .*surrogate"),
        ('{"a":1}\n{"a":\n', "line 2"),
        ('{"a":1}\n[1]\n', "line 2: it is not an object"),
        ('[{"a":1} {"a":2}]', "comma"),
        ('[{"a":1}] x', "after its end"),
        ('{"a":01}', "line 1"),
        ('{"a":true}\n{"a":1}\n', "'a' is true or false and a number"),
        ('{"a":1}\n{"a":"1"}\n', "'a' is a number and text"),
        ('{"a":[1,"x"]}\n', "is a number and text"),
        ('{"a":[]}\n{"a":{}}\n', "'a' is a list and an object"),
        ('{"a":{}}\n', "nothing but objects without a key"),
        ('{"a":9007199254740993}\n{"a":1.5}\n', "'a' holds 9007199254740993"),
        ('{"a":[9007199254740993, 0.5]}\n', "'a' holds 9007199254740993"),
        ('{"a":{"x":9007199254740993}}\n{"a":{"x":0.5}}\n', "'a' holds 9007199254740993"),
        ('{"a":9223372036854775808}\n', "'a' holds 9223372036854775808"),
        ('{"a":12345678901234567.89}\n', "'a' holds 12345678901234567.89"),
        ('{"a":0.1234567890123456789}\n', "'a' holds 0.1234567890123456789"),
        ('[{"a":NaN},{"a":12345678901234567}]', "'a' holds 12345678901234567"),
    ],
)
def test_json_that_cannot_be_carried_is_refused_by_name(content: str, says: str) -> None:
    with pytest.raises(SourceError) as caught:
        read(content, "json" if content[0] == "[" else "ndjson")
    assert re.search(says, str(caught.value)), str(caught.value)


def test_whole_numbers_beside_floats_of_another_file_are_not_rounded(declare: Declare, root: Path) -> None:
    write(root, a_ndjson='{"at":"2024-01-01","v":9007199254740993}\n', b_ndjson='{"at":"2024-01-01","v":1.0}\n')
    with pytest.raises(SourceError, match="'v' holds 9007199254740993"):
        declare(path="data").frame()
    found = declare(path="data", dtypes={"v": "Decimal(38, 1)"}).frame().collect()
    assert found["v"].to_list() == [Decimal(9007199254740993), Decimal(1)]


def test_declared_json_columns_are_the_texts_that_stand_there() -> None:
    content = '{"a":true,"b":"2024-01-01"}\n{"a":1.50}\n{"a":"x\\"","c":[1]}\n{"a":null}\n'
    found, _ = read(content, "ndjson", dtypes={"a": pl.String(), "b": pl.Date()})
    assert found["a"].to_list() == ["true", "1.50", 'x"', None]
    assert found.schema["b"] == pl.Date
    with pytest.raises(SourceError, match="key 'a' twice"):
        read('{"a":1,"a":2}', "ndjson", dtypes={"a": pl.Int64()})
    with pytest.raises(SourceError, match="stands for a single value"):
        read('{"a":[1]}', "ndjson", dtypes={"a": pl.Int64()})


def test_pieces_of_a_large_file_are_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("workbench.sources.json_reader._PIECE", 64)
    monkeypatch.setattr("workbench.sources.csv_reader._BLOCK", 64)
    monkeypatch.setattr("workbench.sources.spool._IN_MEMORY", 64)
    wide = [{"a": place, "b": f"x{place}", "c": None if place < 50 else {"d": [place]}} for place in range(60)]
    found, _ = read("\n".join(map(json.dumps, wide)), "ndjson")
    assert found["a"].to_list() == list(range(60))
    assert found["c"].to_list()[49:51] == [None, {"d": [50]}]
    found, _ = read("a,b\n" + "".join(f'{row["a"]},"x\r\n{row["a"]}"\n' for row in wide))
    assert found.rows() == [(place, f"x\r\n{place}") for place in range(60)]


VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**66), 2**66) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=2),
    max_leaves=4,
)
RECORDS = st.one_of(
    st.lists(st.dictionaries(st.sampled_from("abc"), VALUE, min_size=1), min_size=1, max_size=4),
    *(
        st.lists(st.fixed_dictionaries({"a": values}), min_size=1, max_size=5)
        for values in (
            st.integers(-(2**63), 2**63 - 1),
            st.floats(allow_nan=False) | st.integers(-9, 9),
            st.text(max_size=3) | st.none(),
        )
    ),
)


def like(written: Any, value: Any) -> bool:
    """Say whether `value` is what was written, where a key that is absent is null."""
    if isinstance(written, dict):
        return (isinstance(value, dict) and all(like(written.get(key), inner) for key, inner in value.items())) or (
            not written and value is None
        )
    if isinstance(written, list):
        return isinstance(value, list) and len(value) == len(written) and all(map(like, written, value))
    if isinstance(written, bool) or written is None or isinstance(written, str):
        return type(value) is type(written) and value == written
    return not isinstance(value, bool) and value == written


@given(records=RECORDS, form=st.sampled_from(["lines", "list", "pretty"]), ascii_=st.booleans())
def test_what_pythons_json_wrote_is_read_as_it_is_or_refused(
    *, records: list[dict[str, Any]], form: str, ascii_: bool
) -> None:
    written = [json.dumps(record, ensure_ascii=ascii_, indent=2 if form == "pretty" else None) for record in records]
    content = f"[{','.join(written)}]" if form == "list" else "\n".join(written)
    try:
        content.encode()
        found, _ = read(content, "json" if form == "list" else "ndjson")
    except (SourceError, UnicodeEncodeError):
        return
    assert found.height == len(records)
    for record, row in zip(records, found.rows(named=True), strict=True):
        assert set(record) <= set(row)
        assert all(like(record.get(name), value) for name, value in row.items()), (record, row)


def test_marks_of_thousands_are_read_where_they_are_declared() -> None:
    found, notes = read("a;b;c;d\n1,5;1.000,5;7;00.100\n-,25;2,5;1.234.567;1.000\n", **GERMAN)
    assert found.select("a", "b", "c").rows() == [(1.5, 1000.5, 7), (-0.25, 2.5, 1234567)]
    assert found["d"].to_list() == ["00.100", "1.000"], "an id, and no number"
    assert read("a\n1.00,5\n2\n", **GERMAN)[0]["a"].to_list() == ["1.00,5", "2"]
    assert read("a\n1'000\n2\n", thousands="'")[0]["a"].to_list() == [1000, 2]
    assert not [note for note in notes if "'c'" in note]


@pytest.mark.parametrize(("mark", "text"), [(" ", "1 234"), ("'", "1'234"), ("\u00a0", "1\u00a0234"), (".", "1.234,5")])
def test_the_note_of_marks_of_thousands_names_the_setting(mark: str, text: str) -> None:
    content = f"a;b\n{text};2\n12;1\n"
    settings: Any = {"separator": ";", "decimal": ","}
    assert f'thousands = "{mark}"' in read(content, **settings)[1][0]
    assert read(content, thousands=mark, **settings)[0]["a"].dtype.is_numeric()


def test_quotes_are_what_is_declared() -> None:
    assert read("a,b\n'x,\"y',1\n", quote="'")[0].rows() == [('x,"y', 1)]
    assert read('a,b\n5" pipe,1\n', quote="")[0].rows() == [('5" pipe', 1)]
    with pytest.raises(SourceError) as caught:
        read('a,b\n"5" pipe,1\n')
    assert "`quote`" in caught.value.remedy
    assert "read_csv" in caught.value.remedy


CELLS = st.text(st.characters(codec="cp1252", exclude_characters="\r\n\0"), max_size=6)


@given(
    rows=st.lists(st.tuples(CELLS, st.integers(-(10**9), 10**9), st.floats(-1e9, 1e9)), min_size=1, max_size=8),
    separator=st.sampled_from(";\t|,"),
    decimal=st.sampled_from(".,"),
    grouped=st.sampled_from(["grouped", ""]),
    quote=st.sampled_from("\"'"),
    encoding=st.sampled_from(["utf-8", "cp1252", "utf-16"]),
)
def test_a_file_reads_back_as_it_was_written(
    rows: list[tuple[str, int, float]], separator: str, decimal: str, grouped: str, quote: str, encoding: str
) -> None:
    assume(separator != decimal)
    mark = {".": ",", ",": "."}[decimal] if grouped else None
    swapped = str.maketrans({".": decimal, ",": mark or ""})
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, quotechar=quote, quoting=csv.QUOTE_ALL)
    writer.writerow(["text", "whole", "real"])
    for text, whole, real in rows:
        writer.writerow([text, f"{whole:,}".translate(swapped), f"{real:,.3f}".translate(swapped)])
    dtypes: Any = {"text": pl.String(), "whole": pl.Int64(), "real": pl.Float64()}
    settings: Any = {
        "separator": separator,
        "decimal": decimal,
        "thousands": mark,
        "quote": quote,
        "encoding": encoding,
    }
    found, _ = read(out.getvalue().encode(encoding), dtypes=dtypes, **settings)
    assert found["text"].to_list() == [text for text, _, _ in rows]
    assert found["whole"].to_list() == [whole for _, whole, _ in rows]
    assert found["real"].to_list() == [float(f"{real:.3f}") for _, _, real in rows]
    inferred, _ = read(out.getvalue().encode(encoding), dtypes={"text": pl.String()}, **settings)
    assert inferred["whole"].to_list() == found["whole"].to_list()


def test_other_settings_are_another_source(declare: Declare, root: Path) -> None:
    write(root, a_csv="at;v\n2024-01-01;1.234\n")
    digests = {
        declare(path="data/a.csv", separator=";", **settings).reading
        for settings in ({}, {"thousands": ","}, {"quote": "'"}, {"decimal": ","}, {"dtypes": {"v": "str"}})
    }
    assert len(digests) == 5


def test_dtypes_go_by_the_names_of_python_too() -> None:
    settings = SourceSettings(path="a.csv", event_time="at", dtypes={"a": "str", "b": "int", "c": "float", "d": "date"})
    assert list(Dialect.of(settings).dtypes.values()) == [pl.String(), pl.Int64(), pl.Float64(), pl.Date()]
    with pytest.raises(ValueError, match="did you mean 'float'"):
        SourceSettings.read({"path": "a.csv", "event_time": "at", "dtypes": {"a": "flaot"}})
