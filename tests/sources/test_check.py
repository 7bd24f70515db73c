from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from workbench.errors import SourceError
from workbench.sources import check
from workbench.sources.reader import Declared

from .conftest import Declare


def warnings(declare: Declare, root: Path, frame: pl.DataFrame, **settings: object) -> dict[str, int]:
    frame.write_parquet(root / "data" / "a.parquet")
    return {warning.message: warning.count for warning in declare(path="data/a.parquet", **settings).check()}


def test_good_rows_give_no_warning(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    assert warnings(declare, root, rows, key=["id"]) == {}


@pytest.mark.parametrize("settings", [{"event_time": "att"}, {"available_at": "att"}, {"key": ["idd"]}])
def test_a_missing_column_says_which_was_meant(
    declare: Declare, root: Path, rows: pl.DataFrame, settings: dict[str, object]
) -> None:
    with pytest.raises(SourceError, match=r"has no column '(att|idd)'.*\n.*did you mean '(at|id)'"):
        warnings(declare, root, rows, **settings)


def test_the_frame_finds_a_missing_time_too(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    rows.write_parquet(root / "data" / "a.parquet")
    with pytest.raises(SourceError, match="did you mean 'at'"):
        declare(path="data/a.parquet", event_time="att").frame()


def test_a_wrong_dtype_is_an_error(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    with pytest.raises(SourceError, match="available_at 'amount' is Float64, not a time"):
        warnings(declare, root, rows, available_at="amount")


def test_naive_times_are_warned_of_once(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    naive = rows.with_columns(pl.col("at").dt.replace_time_zone(None)).with_columns(known=pl.col("at"))
    found = warnings(declare, root, naive, available_at="known")
    assert found == {"at, known does not state a time zone: read as UTC": 20}


def test_nulls_are_counted(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    holed = rows.with_columns(
        pl.when(pl.col("id") > 2).then("at"),
        known=pl.when(pl.col("id") > 4).then("at"),
        id=pl.when(pl.col("id") > 0).then("id"),
    )
    assert warnings(declare, root, holed, available_at="known", key=["id"]) == {
        "event_time 'at' is null in 3 of 20 rows": 3,
        "available_at 'known' is null in 5 of 20 rows": 5,
        "key 'id' is null in 1 of 20 rows": 1,
    }


def test_repeated_keys_are_counted(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    doubled = pl.concat([rows, rows.head(3), rows.head(1)])
    assert warnings(declare, root, doubled, key=["id"]) == {"4 of 24 rows repeat a key (id) that another row has": 4}
    assert warnings(declare, root, doubled, key=["id", "amount"]) == {
        "4 of 24 rows repeat a key (id, amount) that another row has": 4
    }
    assert warnings(declare, root, doubled) == {}


def test_no_rows_are_warned_of(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    assert warnings(declare, root, rows.clear(), key=["id"]) == {"has no rows": 0}


def test_a_header_without_rows_is_an_empty_source(declare: Declare, root: Path) -> None:
    (root / "data" / "a.csv").write_text("at,v\n")
    source = declare(path="data/a.csv")
    assert [warning.message for warning in source.check()] == ["has no rows"]
    assert source.frame().collect().shape == (0, 2)


def test_the_answer_is_remembered_for_the_data_and_the_declaration(
    declare: Declare, root: Path, rows: pl.DataFrame
) -> None:
    path = root / "data" / "a.parquet"
    doubled = pl.concat([rows, rows])
    doubled.write_parquet(path)
    source = declare(path="data/a.parquet", key=["id"])
    taken = source.snapshot()
    first = source.check(taken)
    path.unlink()
    assert declare(path="data/a.parquet", key=["id"]).check(taken) == first
    with pytest.raises(SourceError):
        declare(path="data/a.parquet", key=["amount"]).check(taken)


@pytest.mark.parametrize("key", [["id"], []])
def test_a_damaged_memory_is_checked_again(declare: Declare, root: Path, rows: pl.DataFrame, key: list[str]) -> None:
    pl.concat([rows, rows]).with_columns(pl.col("at").dt.replace_time_zone(None)).write_parquet(root / "data/a.parquet")
    source = declare(path="data/a.parquet", key=key)
    first = source.check()
    assert len(first) == 1 + len(key)
    for memo in (root / ".workbench" / "sources" / "events" / "checks").iterdir():
        memo.write_text('{"scheme":1,"values":{"warnings":[["x"]]}}')
    assert source.check() == first


def test_files_that_are_added_are_counted_with_those_that_were_counted_before(
    declare: Declare, root: Path, rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    counted = check._counted

    def count(declared: Declared, schema: Mapping[str, pl.DataType], frame: pl.LazyFrame) -> dict[str, Any]:
        read.append(frame.select(pl.len()).collect().item())
        return counted(declared, schema, frame)

    monkeypatch.setattr(check, "_counted", count)
    folder = root / "data" / "many"
    folder.mkdir()
    holed = rows.with_columns(pl.when(pl.col("id") > 2).then("at"))

    def nulls(name: str, frame: pl.DataFrame | None) -> dict[str, int]:
        (folder / name).unlink(missing_ok=True) if frame is None else frame.write_parquet(folder / name)
        return {warning.message: warning.count for warning in declare(path="data/many/*.parquet").check()}

    assert nulls("a.parquet", holed) == {"event_time 'at' is null in 3 of 20 rows": 3}
    assert nulls("b.parquet", holed.head(5)) == {"event_time 'at' is null in 6 of 25 rows": 6}
    assert nulls("c.parquet", holed.clear()) == {"event_time 'at' is null in 6 of 25 rows": 6}
    assert nulls("a.parquet", rows.head(10)) == {"event_time 'at' is null in 3 of 15 rows": 3}  # another content
    assert nulls("b.parquet", None) == {}
    assert read == [20, 5, 0, 15, 10]
    far = rows.head(1).with_columns(pl.lit(2**62).cast(pl.Datetime("us", "UTC")).alias("at"))
    with pytest.raises(SourceError, match="'at'"):
        nulls("d.parquet", far)
    assert read[-1] == 1


def test_what_was_counted_is_not_kept_of_data_that_moved(
    declare: Declare, root: Path, rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, counted = root / "data" / "many" / "a.parquet", check._counted
    path.parent.mkdir()
    holed = rows.with_columns(pl.when(pl.col("id") > 2).then("at"))

    def count(declared: Declared, schema: Mapping[str, pl.DataType], frame: pl.LazyFrame) -> dict[str, Any]:
        holed.write_parquet(path)
        return counted(declared, schema, frame)

    rows.write_parquet(path)
    source = declare(path="data/many/*.parquet")
    taken = source.snapshot()
    monkeypatch.setattr(check, "_counted", count)
    with pytest.raises(SourceError):
        source.check(taken)
    monkeypatch.setattr(check, "_counted", counted)
    rows.write_parquet(path)
    assert source.check() == ()
