"""Naming the rows that one side of a drift is about."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import pytest

from tests.store.conftest import spine_of
from workbench.comparison.drift_rows import RowSelection, stretch
from workbench.errors import FeatureNotFound, UsageError
from workbench.sources import FileReadWarning
from workbench.times import Period

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.diff import Side
    from workbench.project import Project


def rows(project: Project, wanted: object, view: str = "spend") -> pl.DataFrame:
    return side(project, wanted, view).frame.collect()


def side(project: Project, wanted: object, view: str = "spend") -> Side:
    return stretch(project._workspace, view, wanted, otherwise="main")


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("exp/first", RowSelection("exp/first")),
        ("2024", RowSelection(period=Period.parse("2024"))),
        ("2024-01..", RowSelection(period=Period.parse("2024-01.."))),
        ("@1.0, user=u1", RowSelection("@1.0", None, (("user", "u1"),))),
        ("user=a=b", RowSelection(segment=(("user", "a=b"),))),
        ("user=, 2024-01-01", RowSelection(None, Period.parse("2024-01-01"), (("user", ""),))),
        ("2024-01-01T00:00..2024-01-01T01:00", RowSelection(period=Period.parse("2024-01-01T00:00..2024-01-01T01:00"))),
    ],
)
def test_a_text_is_read_as_place_period_and_segment(text: str, asked: RowSelection) -> None:
    assert RowSelection.parse(text) == asked


@pytest.mark.parametrize("text", ["", " , ", "main, exp/first", "2024, 2023", "2024-13", "2024-02..2024-01"])
def test_a_text_that_names_no_set_of_rows_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        RowSelection.parse(text)


def test_a_period_and_a_segment_narrow_the_rows_of_a_place(mart_to_read: Project) -> None:
    hour = "2024-01-01T00:00..2024-01-01T01:00"
    assert rows(mart_to_read, hour).height == 60
    assert rows(mart_to_read, Period.parse(hour)).height == 60
    assert rows(mart_to_read, "user=u1")["user"].unique().to_list() == ["u1"]
    both = side(mart_to_read, f"@1.0, {hour}, user=u1")
    assert both.frame.collect().height == 9
    assert both.label == f"@1.0, {hour}, user=u1"
    assert both.digest is None
    assert side(mart_to_read, "user=u1").label == "user=u1"


def test_chosen_rows_are_found_in_each_stretch_of_those_that_are_stored(mart_to_read: Project) -> None:
    chosen = side(mart_to_read, "@1.0, 2024-01-01T00:00..2024-01-01T01:00, user=u1")
    stored, choose = chosen.stored()
    assert stored.select(pl.len()).collect().item() > 9
    parts = [choose(stored.slice(start, 40)).collect() for start in range(0, 10_000, 40)]
    assert pl.concat(parts).equals(chosen.frame.collect())
    whole = side(mart_to_read, "@1.0")
    assert whole.stored()[0] is whole.frame
    narrowed = replace(chosen, frame=chosen.frame.head(3))
    assert narrowed.stored()[0] is narrowed.frame, "the choice belongs to the rows that it gave"


def test_numbers_and_flags_are_read_by_their_columns_dtype(mart_to_read: Project) -> None:
    assert rows(mart_to_read, "number=7", "clock").height == 1
    with pytest.raises(UsageError, match="seven"):
        rows(mart_to_read, "number=seven", "clock")
    with pytest.raises(FeatureNotFound, match="user"):
        rows(mart_to_read, "usr=u1")


def test_a_period_without_rows_says_which_there_are(mart_to_read: Project) -> None:
    with pytest.raises(UsageError, match="2024-01-01"):
        rows(mart_to_read, "1999")


def test_a_saved_training_set_is_compared_by_the_names_of_its_features(shop: Project) -> None:
    spine = spine_of(("u1", 5), ("u2", 50))
    shop.store.training_set(spine, "spend", save="plain")
    shop.store.training_set(spine, "spend", save="full", full_names=True)
    for name in ("plain", "full"):
        found = stretch(shop._workspace, "spend", name, otherwise="exp/first")
        assert found.label == name
        assert [column.name for column in found.contract.features] == ["total"]
        assert found.frame.collect().columns == ["user", "total", "at"]
        hour = stretch(shop._workspace, "spend", f"{name}, ..2024-01-01T00:30", otherwise="exp/first")
        assert hour.frame.collect().height == 1


def test_what_serving_returned_is_compared_as_a_frame_or_a_file(mart_to_read: Project, tmp_path: Path) -> None:
    served = pl.DataFrame({"request": [1, 2], "spend__total": [3.0, None]})
    given = side(mart_to_read, served)
    assert given.label == "2 rows"
    assert given.contract["total"].unit == "count"
    for name, write in (
        ("a.parquet", served.write_parquet),
        ("a.csv", served.write_csv),
        ("a.ndjson", served.write_ndjson),
    ):
        write(tmp_path / name)
        assert rows(mart_to_read, tmp_path / name)["total"].to_list() == [3.0, None]
    (tmp_path / "late.csv").write_text("request,spend__total\n" + "1,1\n" * 200 + "2,0.5\n")
    assert rows(mart_to_read, tmp_path / "late.csv")["total"].to_list()[-2:] == [1.0, 0.5]
    (tmp_path / "late.jsonl").write_text('{"request":1}\n' * 200 + '{"request":2,"spend__total":0.5}\n')
    assert rows(mart_to_read, tmp_path / "late.jsonl")["total"].to_list()[-2:] == [None, 0.5]
    (tmp_path / "odd.csv").write_text("spend__total,user\n1,007\n007,7\n")
    with pytest.warns(FileReadWarning, match="spend__total.*leading zeros"):
        assert rows(mart_to_read, tmp_path / "odd.csv")["user"].to_list() == ["007", "7"]
    (tmp_path / "short.csv").write_text("request,spend__total\n1\n")
    with pytest.raises(UsageError, match=r"line 2 of .* has 1 field"):
        rows(mart_to_read, tmp_path / "short.csv")
    with pytest.raises(FeatureNotFound, match="total"):
        side(mart_to_read, served.drop("spend__total"))
    with pytest.raises(UsageError, match="no event time"):
        side(mart_to_read, f"{tmp_path / 'a.csv'}, 2024")
    with pytest.raises(UsageError, match="does not exist: nowhere"):
        side(mart_to_read, "nowhere.parquet")
    with pytest.raises(UsageError, match="does not select any rows"):
        side(mart_to_read, 3)
