"""The verb ``training-set``: a spine from a file, the ledger on the terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from tests.serve.conftest import spine_of
from workbench import cli

if TYPE_CHECKING:
    from workbench.project import Project

SPINE = spine_of(("u0", 7.0), ("u3", 100.5), ("nobody", 9.0))


@pytest.fixture
def inside(shop: Project, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(shop.root)
    shop.use_branch_in_shell()
    return shop.root


def said(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert cli.main([*words, "--json"]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


@pytest.mark.parametrize("kind", ["parquet", "csv", "ndjson"])
def test_from_a_file_into_a_file(inside: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    spine = SPINE.rename({"event_timestamp": "when"})
    match kind:
        case "parquet":
            spine.write_parquet(inside / "s.parquet")
        case "csv":
            spine.write_csv(inside / "s.csv")
        case _:
            spine.with_columns(pl.col("when").dt.to_string("iso:strict")).write_ndjson(inside / "s.ndjson")
    words = ("training-set", f"s.{kind}", "spend:total", "clock", "--time", "when", "--label", "label")
    answer = said(capsys, *words, "--out", "out.parquet", "--full-names")
    assert (answer["rows_in"], answer["rows_out"], answer["out"]) == (3, 3, "out.parquet")
    assert [view["matched"] for view in answer["views"]] == [2, 3]
    out = pl.read_parquet(inside / "out.parquet")
    assert out.columns == ["user", "when", "label", "spend__total", "clock__number"]
    assert out["clock__number"].to_list() == [7, 100, 9]
    assert not list(inside.glob(".out*"))


def test_a_person_reads_the_ledger_and_what_is_low(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spine_of(("u0", 7.0), ("x", 1.0), ("y", 1.0)).write_parquet(inside / "s.parquet")
    assert cli.main(["training-set", "s.parquet", "spend"]) == 0
    shown = capsys.readouterr()
    assert "3 rows in, 3 rows out" in shown.out
    assert "minimum_match" in shown.out
    assert "Nothing was written" in shown.out
    assert "Warning" not in shown.err


def test_keys_in_a_csv_are_what_the_view_says_they_are(inside: Path, shop: Project) -> None:
    (inside / "s.csv").write_text("user,event_timestamp\n007,2024-01-01T00:07:00\n")
    assert shop.store.key_dtypes(["spend", "clock"]) == {"user": pl.String()}
    assert cli.main(["training-set", "s.csv", "spend", "--out", "out.parquet"]) == 0
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
        (["training-set", "s.parquet", "spend", "--out", "s.xlsx"], 2, "no known kind"),
        (["training-set", "s.parquet", "spend", "--out", "no/such/folder.csv"], 1, "Cannot write"),
        (["training-set", "s.parquet", "spend", "--save", "../x"], 1, "not a valid training set name"),
    ],
)
def test_bad_words_say_what_is_wrong(
    inside: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, says: str
) -> None:
    SPINE.write_parquet(inside / "s.parquet")
    before = (inside / "s.parquet").read_bytes()
    assert cli.main(words) == code
    assert says in capsys.readouterr().err
    assert (inside / "s.parquet").read_bytes() == before
