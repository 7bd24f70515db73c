"""What is known of a file without reading it is true, or absent; never nearly true."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lake.conftest import Publish
from tests.lake.published import MOMENT, START, contract, rows, saved
from workbench.define import ColumnContract, Contract
from workbench.lake import FileStatistics, Lake, LakeWriter
from workbench.lake.statistics import footer_statistics, in_time_order


def keyed(dtype: pl.DataType) -> Contract:
    return Contract((ColumnContract("key", dtype, "entity"), ColumnContract("at", MOMENT, "event_time")))


def known(values: list[Any], dtype: pl.DataType, path: Path, *, stored_as: pl.DataType | None = None) -> dict[str, Any]:
    """Return the statistics of a file whose key column has the values."""
    column = pl.Series("key", values, dtype=stored_as or dtype)
    frame = pl.DataFrame([column, pl.Series("at", [START] * len(values), dtype=MOMENT)])
    return json.loads(footer_statistics(saved(frame, path), keyed(dtype)))  # type: ignore[no-any-return]


def test_a_files_rows_periods_and_keys_are_known(lake: Lake, publish: Publish) -> None:
    (file,) = lake.statistics("spend", 1, publish("a1"))
    assert (file.rows, file.size) == (6, Path(file.path).stat().st_size)
    assert file.event_time == (START, START + timedelta(days=2))
    assert file.bounds == {"user": ("ann", "bob")}


def test_times_are_known_to_the_microsecond(lake: Lake, publish: Publish) -> None:
    at = datetime(2024, 1, 1, 0, 0, 0, 123457, tzinfo=UTC)
    frame = rows(range(1)).with_columns(at=pl.lit(at, MOMENT))
    (file,) = lake.statistics("spend", 1, publish("a1", frame))
    assert file.event_time == (at, at)


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's clock is nine hours ahead of UTC."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_times_without_a_zone_are_utc(lake: Lake, writer: LakeWriter, tokyo: None) -> None:
    plain = pl.Datetime("us")
    columns = Contract((ColumnContract("at", plain, "event_time"),))
    frame = pl.DataFrame({"at": [datetime(1969, 7, 20)]}, schema={"at": plain})  # noqa: DTZ001
    version = writer.publish(frame.lazy(), view="spend", major=1, contract=columns, view_id="a1", metadata={})
    (file,) = lake.statistics("spend", 1, version)
    assert file.event_time == (datetime(1969, 7, 20, tzinfo=UTC),) * 2


@pytest.mark.parametrize(
    ("dtype", "values", "bounds"),
    [
        (pl.Int8(), [3, None, -5], (-5, 3)),
        (pl.Int64(), [2**63 - 1, -(2**63)], (-(2**63), 2**63 - 1)),
        (pl.String(), ["b", "ä", "", None], ("", "ä")),
        (pl.Date(), [date(2024, 2, 29), date(1, 1, 1)], ("0001-01-01", "2024-02-29")),
        (pl.String(), [None, None], None),
        (pl.String(), [], None),
        (pl.Float64(), [1.0, float("nan")], None),
        (pl.Boolean(), [True], None),
        (pl.Binary(), [b"x"], None),
    ],
)
def test_bounds_are_exact_or_absent(
    dtype: pl.DataType, values: list[Any], bounds: tuple[Any, Any] | None, tmp_path: Path
) -> None:
    facts = known(values, dtype, tmp_path / "f.parquet")
    assert facts["numRecords"] == len(values)
    assert facts["nullCount"]["key"] == values.count(None)
    assert (facts["minValues"].get("key"), facts["maxValues"].get("key")) == (bounds or (None, None))


def test_a_bound_too_long_or_too_far_is_left_out_alone(tmp_path: Path) -> None:
    facts = known(["a", "b" * 300], pl.String(), tmp_path / "f.parquet")
    assert (facts["minValues"]["key"], "key" in facts["maxValues"]) == ("a", False)
    plain = pl.Datetime("us")
    far = pl.DataFrame({"key": pl.Series([0, 2**62]).cast(plain), "at": pl.Series([0, 0]).cast(MOMENT)})
    facts = json.loads(footer_statistics(saved(far, tmp_path / "g.parquet"), keyed(plain)))
    assert (facts["minValues"]["key"], "key" in facts["maxValues"]) == ("1970-01-01T00:00:00.000000", False)


def test_the_first_and_the_last_moment_of_the_calendar_are_known(lake: Lake, publish: Publish) -> None:
    ends = [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]
    frame = rows(range(1)).with_columns(at=pl.Series(ends, dtype=MOMENT))
    (file,) = lake.statistics("spend", 1, publish("a1", frame))
    assert file.event_time == tuple(ends)


def test_bounds_are_over_all_row_groups(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"key": [None, None, 5, 1, 9, None], "at": [START] * 6}, schema={"key": pl.Int32, "at": MOMENT}
    )
    path = tmp_path / "f.parquet"
    frame.write_parquet(path, row_group_size=2)
    facts = json.loads(footer_statistics(path, keyed(pl.Int32())))
    assert (facts["minValues"]["key"], facts["maxValues"]["key"], facts["nullCount"]["key"]) == (1, 9, 3)


def test_nothing_is_said_of_a_file_without_statistics(tmp_path: Path) -> None:
    path = tmp_path / "f.parquet"
    pl.DataFrame({"key": [1], "at": [START]}, schema={"key": pl.Int32, "at": MOMENT}).write_parquet(
        path, statistics=False
    )
    facts = json.loads(footer_statistics(path, keyed(pl.Int32())))
    assert (facts["numRecords"], facts["minValues"], facts["nullCount"]) == (1, {}, {})


@given(texts=st.lists(st.none() | st.text(max_size=4), max_size=5))
def test_every_text_is_within_its_files_bounds(
    texts: list[str | None], tmp_path_factory: pytest.TempPathFactory
) -> None:
    facts = known(texts, pl.String(), tmp_path_factory.mktemp("f") / "f.parquet")
    given_ = [text.encode() for text in texts if text is not None]
    if given_:
        low, high = facts["minValues"]["key"].encode(), facts["maxValues"]["key"].encode()
        assert (low, high) == (min(given_), max(given_))


def a_file(name: str, number: int, period: tuple[int, int] | None, rows_: int = 1) -> FileStatistics:
    times = None if period is None else (START + timedelta(days=period[0]), START + timedelta(days=period[1]))
    return FileStatistics(name, rows_, 1, number, times)


def test_files_are_read_in_the_order_of_their_times() -> None:
    early, late, empty = a_file("e", 2, (0, 3)), a_file("l", 1, (3, 5)), a_file("n", 0, None, 0)
    assert in_time_order([empty, late, early]) == ([early, late, empty], True)


def test_files_whose_periods_overlap_are_said_to() -> None:
    early, late = a_file("e", 2, (0, 4)), a_file("l", 1, (3, 5))
    assert in_time_order([late, early]) == ([early, late], False)


def test_files_of_the_same_moment_are_read_as_they_were_added() -> None:
    first, second = a_file("z", 1, (1, 1)), a_file("a", 2, (1, 1))
    assert in_time_order([second, first]) == ([first, second], True)


def test_where_a_period_is_not_known_files_are_read_as_they_were_added() -> None:
    first, second = a_file("z", 1, (7, 7)), a_file("a", 2, None)
    assert in_time_order([second, first]) == ([first, second], False)
    assert in_time_order([second]) == ([second], True)


def test_overlap_shows_in_the_info(lake: Lake, writer: LakeWriter, publish: Publish) -> None:
    base = publish("a1", rows(range(5)))
    version = writer.publish(
        rows(range(2, 9)).lazy(),
        view="spend", major=1, contract=contract(), view_id="a2", metadata={}, replace=False,
    )  # fmt: skip
    assert lake.info("spend", 1, base).in_time_order
    assert not lake.info("spend", 1, version).in_time_order
