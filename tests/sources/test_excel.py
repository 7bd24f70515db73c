from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from workbench.errors import SourceError

from .conftest import Declare

xlsxwriter = pytest.importorskip("xlsxwriter")
pytest.importorskip("fastexcel")

AT = [datetime(2024, 1, day, 10, 30) for day in (1, 2, 3)]  # noqa: DTZ001  cells of a sheet have no zone


def write(file: Path, sheets: dict[str, dict[str, list[Any]]]) -> None:
    with xlsxwriter.Workbook(file, {"default_date_format": "yyyy-mm-dd hh:mm"}) as book:
        for name, columns in sheets.items():
            sheet = book.add_worksheet(name)
            for place, (column, values) in enumerate(columns.items()):
                sheet.write(0, place, column)
                for row, value in enumerate(values):
                    put = sheet.write_string if isinstance(value, str) else sheet.write
                    put(row + 1, place, value)


def test_cells_have_the_types_that_they_have_there(declare: Declare, root: Path) -> None:
    columns: dict[str, list[Any]] = {
        "id": ["00001", "00002", "1"],
        "at": AT,
        "v": [1, 2.5, None],
        "n": [1, 2, 3],
        "no": [None] * 3,
    }
    write(root / "data" / "a.xlsx", {"first": {"x": [1]}, "rows": columns})
    source = declare(path="data/a.xlsx", sheet="rows", time_zone="Europe/Berlin")
    found = source.frame(source.snapshot()).collect()
    assert found["id"].to_list() == ["00001", "00002", "1"]
    assert found["at"].to_list() == [datetime(2024, 1, day, 9, 30, tzinfo=UTC) for day in (1, 2, 3)]
    assert (found["v"].to_list(), found["n"].to_list()) == ([1.0, 2.5, None], [1, 2, 3])


def test_cells_of_several_kinds_are_refused_with_the_setting(declare: Declare, root: Path) -> None:
    write(root / "data" / "a.xlsx", {"s": {"at": AT, "k": [1, 2, "00003"]}})
    with pytest.raises(SourceError) as caught:
        declare(path="data/a.xlsx").frame()
    assert '`dtypes = { k = "str" }` in [sources.events]' in caught.value.remedy
    found = declare(path="data/a.xlsx", dtypes={"k": "str"}).frame().collect()
    assert found["k"].to_list() == ["1", "2", "00003"]


def test_declared_days_and_times_are_read(declare: Declare, root: Path) -> None:
    days = [datetime(2024, 1, day) for day in (1, 2, 3)]  # noqa: DTZ001
    write(root / "data" / "a.xlsx", {"s": {"at": [f"{day}.01.2024" for day in (1, 2, 3)], "day": days, "when": AT}})
    settings = {"path": "data/a.xlsx", "time_format": "%d.%m.%Y"}
    found = declare(dtypes={"day": "date", "when": "datetime"}, **settings).frame().collect()
    assert found["at"].to_list()[0] == datetime(2024, 1, 1, tzinfo=UTC)
    assert (found["day"].to_list()[0], found["when"].to_list()) == (date(2024, 1, 1), AT)
    with pytest.raises(SourceError, match="3 values of 'when' cannot be Date"):
        declare(dtypes={"when": "date"}, **settings).frame()


@pytest.mark.parametrize(
    ("columns", "settings", "said"),
    [
        ({"at": AT}, {"sheet": "S"}, "did you mean 's'"),
        ({"at": AT}, {"separator": ";"}, "says nothing about excel files"),
        ({}, {}, "are empty"),
    ],
)
def test_what_a_sheet_cannot_give_is_named(
    declare: Declare, root: Path, columns: Any, settings: Any, said: str
) -> None:
    write(root / "data" / "a.xlsx", {"s": columns})
    with pytest.raises(SourceError) as caught:
        declare(path="data/a.xlsx", **settings).frame()
    assert said in str(caught.value)


def test_a_header_that_repeats_and_bytes_that_are_no_workbook_are_refused(declare: Declare, root: Path) -> None:
    with xlsxwriter.Workbook(root / "data" / "a.xlsx") as book:
        book.add_worksheet("s").write_row(0, 0, ["at", "v", "v"])
    (root / "data" / "b.xlsx").write_bytes(b"no workbook")
    with pytest.raises(SourceError, match="has these columns twice: 'v'"):
        declare(path="data/a.xlsx").frame()
    with pytest.raises(SourceError, match="cannot be parsed"):
        declare(path="data/b.xlsx").frame()


def test_sheets_of_several_files_are_one_source(declare: Declare, root: Path) -> None:
    write(root / "data" / "a.xlsx", {"s": {"at": AT, "v": [1, 2, 3]}})
    write(root / "data" / "b.xlsx", {"s": {"v": [4, 5, 6], "at": AT}})
    assert declare(path="data").frame().select(pl.col("v")).collect()["v"].to_list() == [1, 2, 3, 4, 5, 6]
    write(root / "data" / "c.xlsx", {"s": {"at": AT, "w": [1, 2, 3]}})
    with pytest.raises(SourceError, match="do not have the same columns"):
        declare(path="data").frame()
