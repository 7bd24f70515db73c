from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import SourceError
from workbench.sources.times import normalised, parsed

NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)


def utc(values: list[Any], dtype: Any) -> list[Any]:
    frame = pl.LazyFrame({"at": pl.Series(values, dtype=dtype)})
    result = normalised("events", frame, {"event_time": "at"}).collect()
    assert result.schema["at"] == pl.Datetime("us", "UTC")
    return result.get_column("at").to_list()


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_every_datetime_comes_out_in_utc(unit: Any) -> None:
    assert utc([NOON.replace(tzinfo=None), None], pl.Datetime(unit)) == [NOON, None]
    assert utc([NOON], pl.Datetime(unit, "UTC")) == [NOON]
    assert utc([NOON], pl.Datetime(unit, "America/New_York")) == [NOON]


def test_a_date_is_its_midnight() -> None:
    assert utc([date(2024, 3, 1)], pl.Date) == [datetime(2024, 3, 1, tzinfo=UTC)]


@pytest.mark.parametrize("dtype", [pl.String, pl.Int64, pl.Float64, pl.Time, pl.Null])
def test_anything_else_is_no_time(dtype: Any) -> None:
    with pytest.raises(SourceError, match=r"its event_time 'at' is .*, not a time"):
        utc([None], dtype)


def test_other_columns_are_left_alone() -> None:
    naive = pl.LazyFrame({"at": [NOON], "other": [NOON.replace(tzinfo=None)]})
    result = normalised("events", naive, {"event_time": "at"}).collect_schema()
    assert result["other"] == pl.Datetime("us")


def read(values: Sequence[str | None]) -> pl.Series:
    frame = pl.LazyFrame({"at": pl.Series(values, dtype=pl.String)})
    return parsed("events", frame, {"event_time": "at"}).collect().get_column("at")


@settings(max_examples=100, deadline=None)
@given(
    moments=st.lists(
        st.tuples(
            st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1)),  # noqa: DTZ001  the zone is drawn beside
            st.integers(-14 * 60, 14 * 60),
            st.sampled_from(["auto", "seconds", "minutes"]),
            st.sampled_from("T "),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_texts_with_offsets_are_the_moments_they_state(moments: list[tuple[datetime, int, str, str]]) -> None:
    texts, expected = [], []
    for moment, offset, precision, separator in moments:
        text = moment.replace(tzinfo=timezone(timedelta(minutes=offset))).isoformat(separator, precision)
        texts.append(text)
        expected.append(datetime.fromisoformat(text).astimezone(UTC))
    assert read(texts).to_list() == expected


@pytest.mark.parametrize("zone", ["Z", "+00", "+0000", "+00:00", "-00:00", " Z"])
def test_spellings_of_utc(zone: str) -> None:
    assert read([f"2024-03-01T12:00:00{zone}", f"2024-03-01 12:00{zone}", None]).to_list() == [NOON, NOON, None]


def test_dates_and_naive_texts_stay_what_they_are() -> None:
    assert read(["2024-03-01", None]).dtype == pl.Date
    assert read(["2024-03-01 12:00:00", "2024-03-01"]).dtype == pl.Datetime("us")
    mixed = read(["2024-03-01", "2024-03-01T12:00", "2024-03-01T13:00:00+01:00"])
    assert mixed.to_list() == [datetime(2024, 3, 1, tzinfo=UTC), NOON, NOON]


@pytest.mark.parametrize("text", ["03/04/2024", "1709294400", "2024-3-1", "yesterday", "2024-03-01T12:00:00 UTC+1", ""])
def test_texts_that_need_guessing_are_refused(text: str) -> None:
    with pytest.raises(SourceError, match=r"1 values .* are not ISO 8601") as caught:
        read(["2024-03-01", text])
    assert repr(text) in caught.value.message
