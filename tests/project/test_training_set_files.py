"""The verb ``training-set``: a spine from a file, the ledger on the terminal."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from tests.store.conftest import spine_of
from workbench.cli import main
from workbench.sources import SUFFIXES, Origin, format_of, read_file

if TYPE_CHECKING:
    from workbench.project import Project

WRITTEN = [suffix for suffix in SUFFIXES if format_of(Path(f"a{suffix}")) != "excel"]
SPINE = spine_of(("u0", 7.0), ("u3", 100.5), ("nobody", 9.0))


CUT_OFF = gzip.compress(b"user,event_timestamp\nu0,2024-01-01\n" * 99, mtime=0)[:-9]


@pytest.fixture
def inside(shop: Project, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(shop.root)
    shop.use_branch_in_shell()
    return shop.root


def said(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main.main([*words, "--json"]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def write(frame: pl.DataFrame, file: Path) -> None:
    texts = frame.with_columns(pl.col(pl.Datetime).dt.to_string("iso:strict"))
    packed: dict[str, Any] = {".gz": {"compression": "gzip"}, ".zst": {"compression": "zstd"}}.get(file.suffix, {})
    match file.name.removeprefix("s.").partition(".")[0]:
        case "parquet" | "pq":
            frame.write_parquet(file)
        case "csv":
            frame.write_csv(file, **packed)
        case "json":
            texts.write_json(file)
        case _:
            texts.write_ndjson(file, check_extension=False, **packed)


@pytest.mark.journey
def test_every_format_that_a_source_can_have(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spine = SPINE.rename({"event_timestamp": "when"})
    read = None
    for suffix in WRITTEN:
        if suffix not in {".json.gz", ".json.zst"}:
            write(spine, inside / f"s{suffix}")
            read = f"s{suffix}"
        words = ("training-set", str(read), "spend:total", "clock", "--time", "when", "--label", "label")
        answer = said(capsys, *words, "--out", f"out{suffix}", "--full-names")
        assert (answer["rows_in"], answer["rows_out"], answer["out"]) == (3, 3, f"out{suffix}")
        assert [view["matched"] for view in answer["views"]] == [2, 3]
        out, _ = read_file(Origin("out", "The file"), inside / f"out{suffix}", times={"time": "when"})
        assert out.columns == ["user", "when", "label", "spend__total", "clock__number"]
        assert out["clock__number"].to_list() == [7, 100, 9]
        assert out["when"].to_list() == spine["when"].to_list()
    assert not list(inside.glob(".out*"))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("us.csv", "user,event_timestamp\nu0,06/01/2024\n", "not ISO 8601, e.g. '06/01/2024'"),
        ("us.csv", "user,event_timestamp\nu0,06-01-2024 10:00\n", "not ISO 8601"),
        ("us.ndjson", '{"user":"u0","event_timestamp":"06/01/2024"}\n', "not ISO 8601"),
        ("a.csv", "user;event_timestamp\nu0;2024-01-01\n", "another character"),
        ("a.csv", "user,event_timestamp\nu0\n", "line 2 of a.csv has 1 field"),
        ("a.csv", "user,event_timestamp,user\nu0,2024-01-01,u1\n", "twice: 'user'"),
        (
            "a.csv.gz",
            gzip.compress(b"user,event_timestamp\nu0,2024-01-01\n" * 99, mtime=0)[:-9],
            "a.csv.gz cannot be parsed",
        ),
        ("a.ndjson", '{"user":"u0","event_timestamp":"2024-01-01"}\n{"user":1}\n', "'user' is text and a number"),
        ("a.parquet", "PAR1", "a.parquet cannot be"),
        ("a.sav", "x", "format of a.sav is not known"),
        ("a.xlsx", "x", "a.xlsx cannot be parsed"),
    ],
)
def test_a_spine_is_read_as_strictly_as_a_source(
    inside: Path, capsys: pytest.CaptureFixture[str], name: str, content: str | bytes, says: str
) -> None:
    (inside / name).write_bytes(content.encode() if isinstance(content, str) else content)
    assert main.main(["training-set", name, "spend"]) == 2
    shown = capsys.readouterr().err
    assert says in shown
    assert "The spine" in shown
    assert "Traceback" not in shown
    assert "sources.spine" not in shown


def test_what_comes_late_in_a_spine_is_there(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [{"user": "u0", "event_timestamp": "2024-01-01T00:07:00Z"} for _ in range(150)]
    late = [{**line, "label": 1} if place >= 120 else line for place, line in enumerate(lines)]
    (inside / "s.ndjson").write_text("\n".join(map(json.dumps, late)))
    rows = [f"u0,2024-01-01{'' if place < 120 else 'T00:07:00'},{1 if place < 120 else 0.5}" for place in range(150)]
    (inside / "s.csv").write_text("\n".join(["user,event_timestamp,label", *rows]))
    for name in ("s.ndjson", "s.csv"):
        said(capsys, "training-set", name, "spend", "--label", "label", "--out", "out.parquet")
        assert (
            pl.read_parquet(inside / "out.parquet")["label"].drop_nulls().to_list()[-30:]
            == [1 if name == "s.ndjson" else 0.5] * 30
        )


def test_what_was_decided_about_a_spine_is_in_the_report(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (inside / "s.csv").write_text("user,event_timestamp,zip\nu0,2024-01-01T00:07:00Z,02134\nu0,2024-01-01T00:07,2134\n")
    answer = said(capsys, "training-set", "s.csv", "spend")
    assert answer["remarks"] == [
        "1 of 2 times of 'event_timestamp' state no zone: read as UTC.",
        "'zip' is read as text: 1 value with leading zeros, e.g. '02134'.",
    ]
    assert main.main(["training-set", "s.csv", "spend"]) == 0
    assert "leading zeros" in " ".join(capsys.readouterr().out.split())


def test_times_without_a_zone_are_named_in_the_ledger(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (inside / "s.csv").write_text("user,event_timestamp\nu0,2024-01-01T00:07:00\n")
    assert said(capsys, "training-set", "s.csv", "spend")["assumed"] == [
        "'event_timestamp' does not state a time zone: read as UTC; pass time_zone to change this."
    ]
    words = ("training-set", "s.csv", "spend", "--time-zone", "Asia/Kolkata", "--out", "out.csv")
    assert said(capsys, *words)["assumed"] == ["'event_timestamp' does not state a time zone: read as Asia/Kolkata."]
    assert "2023-12-31T18:37:00.000000+0000" in (inside / "out.csv").read_text()
    (inside / "s.csv").write_text("user,event_timestamp\nu0,2024-01-01T00:07:00\nu0,2024-01-01T00:07:00Z\n")
    assert said(capsys, *words)["remarks"] == ["1 of 2 times of 'event_timestamp' state no zone: read as Asia/Kolkata."]
    assert main.main([*words[:4], "Asia/Kolkatta"]) == 2
    assert "did you mean 'Asia/Kolkata'" in capsys.readouterr().err


@pytest.mark.parametrize("there", [True, False])
def test_out_writes_through_a_link(inside: Path, capsys: pytest.CaptureFixture[str], *, there: bool) -> None:
    SPINE.write_parquet(inside / "s.parquet")
    (inside / "shared").mkdir()
    target = inside / "shared" / "target.parquet"
    if there:
        target.write_bytes(b"old")
    (inside / "out.parquet").symlink_to(target)
    said(capsys, "training-set", "s.parquet", "spend", "--out", "out.parquet")
    assert (inside / "out.parquet").is_symlink()
    assert pl.read_parquet(target).height == 3
    assert [path.name for path in target.parent.iterdir()] == ["target.parquet"]
    answer = said(capsys, "sql", "select 1 as a", "--out", "out.parquet")
    assert answer["out"] == "out.parquet"
    assert pl.read_parquet(target).rows() == [(1,)]


def test_a_person_reads_the_ledger_and_what_is_low(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spine_of(("u0", 7.0), ("x", 1.0), ("y", 1.0)).write_parquet(inside / "s.parquet")
    assert main.main(["training-set", "s.parquet", "spend"]) == 0
    shown = capsys.readouterr()
    assert "3 rows in, 3 rows out" in shown.out
    assert "minimum_match" in shown.out
    assert "Nothing was written" in shown.out
    assert "Warning" not in shown.err


def test_keys_in_a_csv_are_what_the_view_says_they_are(inside: Path, shop: Project) -> None:
    (inside / "s.csv").write_text("user,event_timestamp\n007,2024-01-01T00:07:00\n")
    assert shop.store.key_dtypes(["spend", "clock"]) == {"user": pl.String()}
    assert main.main(["training-set", "s.csv", "spend", "--out", "out.parquet"]) == 0
    assert pl.read_parquet(inside / "out.parquet")["user"].to_list() == ["007"]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["training-set"], 2, "--help"),
        (["training-set", "s.parquet"], 2, "No features"),
        (["training-set", "nothing.parquet", "spend"], 2, "nothing.parquet"),
        (["training-set", "workbench.toml", "spend"], 2, ".ndjson"),
        (["training-set", "s.parquet", "spned"], 1, "did you mean 'spend'"),
        (["training-set", "s.parquet", "spend", "--label", "lable"], 1, "did you mean 'label'"),
        (["training-set", "s.parquet", "spend", "--out", "s.parquet"], 2, "is the spine itself"),
        (["training-set", "s.parquet", "spend", "--out", "s.xlsx"], 2, "a suffix that is not written"),
        (["training-set", "s.parquet", "spend", "--out", "no/such/folder.csv"], 1, "Cannot write"),
        (["training-set", "s.parquet", "spend", "--save", "../x"], 1, "not a valid training set name"),
    ],
)
def test_bad_words_say_what_is_wrong(
    inside: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, says: str
) -> None:
    SPINE.write_parquet(inside / "s.parquet")
    before = (inside / "s.parquet").read_bytes()
    assert main.main(words) == code
    assert says in capsys.readouterr().err
    assert (inside / "s.parquet").read_bytes() == before
