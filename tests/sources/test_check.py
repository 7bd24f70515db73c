from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from workbench.errors import SourceError

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


def test_a_damaged_memory_is_checked_again(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    pl.concat([rows, rows]).write_parquet(root / "data" / "a.parquet")
    source = declare(path="data/a.parquet", key=["id"])
    first = source.check()
    for memo in (root / ".workbench" / "sources" / "events" / "checks").iterdir():
        memo.write_text('{"scheme":1,"values":{"warnings":[["x"]]}}')
    assert source.check() == first
