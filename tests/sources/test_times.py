from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import SourceError
from workbench.sources.dialect import Dialect
from workbench.sources.faults import Origin
from workbench.sources.times import clock_changes, in_zone, normalise_times, parse_times

NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)


def utc(values: list[Any], dtype: Any) -> list[Any]:
    frame = pl.LazyFrame({"at": pl.Series(values, dtype=dtype)})
    result = normalise_times("events", frame, {"event_time": "at"}).collect()
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
    result = normalise_times("events", naive, {"event_time": "at"}).collect_schema()
    assert result["other"] == pl.Datetime("us")


def read(values: Sequence[str | None]) -> pl.Series:
    return told(values)[0]


def told(values: Sequence[str | None], **declared: Any) -> tuple[pl.Series, list[str]]:
    frame = pl.LazyFrame({"at": pl.Series(values, dtype=pl.String)})
    found, notes = parse_times(Origin.of("events"), frame, Dialect(**declared), {"event_time": "at"})
    return found.collect().get_column("at"), [note.message for note in notes]


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


@pytest.mark.parametrize("text", ["03/04/2024", "1709294400", "2024-3-1", "yesterday", "2024-03-01T12:00:00 UTC+1"])
def test_texts_that_need_guessing_are_refused(text: str) -> None:
    with pytest.raises(SourceError, match=r"1 value of its event_time 'at' is not ISO 8601") as caught:
        read(["2024-03-01", text])
    assert repr(text) in caught.value.message
    assert "`time_format" in caught.value.remedy


@pytest.mark.parametrize("text", ["2024-13-01", "2024-02-30", "0000-00-00", "2024-01-01T24:00", "2024-01-01T10:61Z"])
def test_days_and_hours_that_are_not_are_refused(text: str) -> None:
    with pytest.raises(SourceError, match=r"1 value of its event_time 'at' is not a valid date or time") as caught:
        read(["2024-03-01", text])
    assert repr(text) in caught.value.message


def test_what_says_nothing_is_null() -> None:
    assert read(["", None]).null_count() == 2
    assert read(["2024-03-01T12:00Z", ""]).to_list() == [NOON, None]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("06/01/2024", "%d/%m/%Y"),
        ("06/01/2024 10:00", "%d/%m/%Y %H:%M"),
        ("06-01-2024 10:00:30", "%d-%m-%Y %H:%M:%S"),
        ("6.1.2024", "%d.%m.%Y"),
        ("2012/01/31", "%Y/%m/%d"),
        ("Jan 1 2000", "%b %d %Y"),
        ("20240131", "%Y%m%d"),
        ("1709294400", "%s"),
        ("2024-1-2", "%Y-%m-%d"),
        ("2024-1-2 9:30", "%Y-%m-%d %H:%M"),
        ("06/30/2024", "%m/%d/%Y"),
        ("06/01/2024 3:05 PM", "%d/%m/%Y %I:%M %p"),
        ("06/01/2024 10:00:00.5", "%d/%m/%Y %H:%M:%S%.f"),
        ("06.01.2024 10:00 +0200", "%d.%m.%Y %H:%M %z"),
    ],
)
def test_the_format_that_is_hinted_at_reads_the_text(text: str, hint: str) -> None:
    with pytest.raises(SourceError) as caught:
        read([text])
    assert f'`time_format = "{hint}"`' in caught.value.remedy
    assert told([text], time_format=hint)[0].null_count() == 0


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("1709294400000", 'sql = \'\'\'select * replace (epoch_ms("at"::bigint) as "at")'),
        ("1709294400000000", "make_timestamp("),
        ("2024-01-01 10:00 CET", "Set `time_format` in [sources.events] to how they are written"),
        ("1/1/2024 noon", "Set `time_format` in [sources.events] to how they are written"),
        ("12345678901", "Set `time_format` in [sources.events] to how they are written"),
    ],
)
def test_no_format_is_hinted_at_that_would_read_something_else(text: str, cure: str) -> None:
    with pytest.raises(SourceError) as caught:
        read([text])
    assert cure in caught.value.remedy
    assert "`time_format =" not in caught.value.remedy


def test_a_declared_format_decides_between_day_and_month() -> None:
    assert told(["06/01/2024", ""], time_format="%m/%d/%Y")[0].to_list() == [date(2024, 6, 1), None]
    assert told(["06/01/2024"], time_format="%d/%m/%Y")[0].to_list() == [date(2024, 1, 6)]
    zoned, _ = told(["01.06.2024 10:00 +0200"], time_format="%d.%m.%Y %H:%M %z")
    assert zoned.to_list() == [datetime(2024, 6, 1, 8, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("text", "time_format"), [("06/31/2024", "%m/%d/%Y"), ("06/01/24", "%m/%d/%Y"), ("2024-06-01", "%m/%d/%Y")]
)
def test_texts_that_are_not_of_the_declared_format_are_refused(text: str, time_format: str) -> None:
    with pytest.raises(SourceError, match=r"not of the time_format '%m/%d/%Y'") as caught:
        told(["06/01/2024", text], time_format=time_format)
    assert repr(text) in caught.value.message


def test_a_format_that_says_nothing_is_explained() -> None:
    with pytest.raises(SourceError, match="cannot be read by the time_format"):
        told(["06/01/2024 10"], time_format="%m/%d/%Y %H")


def test_times_without_a_zone_among_others_are_told() -> None:
    found, notes = told(["2024-03-01T12:00:00Z", "2024-03-01T12:00", None])
    assert found.to_list() == [NOON, NOON, None]
    assert notes == ["1 of 2 times of 'at' state no zone: read as UTC"]
    found, notes = told(["2024-03-01T12:00:00Z", "2024-03-01 07:00", "2024-03-01"], time_zone="America/New_York")
    assert found.to_list() == [NOON, NOON, datetime(2024, 3, 1, 5, tzinfo=UTC)]
    assert notes == ["2 of 3 times of 'at' state no zone: read as America/New_York"]


def test_what_microseconds_do_not_hold_is_told() -> None:
    found, notes = told(["2024-03-01T12:00:00.000000999Z", "2024-03-01T12:00:00.1234560Z"])
    assert found[0] == NOON
    assert notes == ["1 time of 'at' says more than microseconds: the rest is cut"]


NEW_YORK = "America/New_York"


def in_new_york(values: list[Any], dtype: Any, **side: Any) -> list[Any]:
    frame = pl.DataFrame({"at": pl.Series(values, dtype=dtype)})
    return frame.select(in_zone(pl.col("at"), frame.schema["at"], NEW_YORK, **side)).to_series().to_list()


def test_an_hour_that_comes_twice_is_late_for_data_and_early_for_a_question() -> None:
    twice = datetime(2024, 11, 3, 1, 30)  # noqa: DTZ001  a local time
    assert in_new_york([twice], pl.Datetime("us")) == [datetime(2024, 11, 3, 6, 30, tzinfo=UTC)]
    assert in_new_york([twice], pl.Datetime("ns"), side="question") == [datetime(2024, 11, 3, 5, 30, tzinfo=UTC)]
    with pytest.raises(SourceError, match="1 time of its event_time 'at' never was"):
        told(["2024-01-01T00:00Z", "2024-03-10T02:30"], time_zone=NEW_YORK)


def test_a_day_is_its_first_instant_where_midnight_is_skipped() -> None:
    frame = pl.DataFrame({"at": [date(2018, 11, 4), date(2018, 11, 5)]})
    found = frame.select(in_zone(pl.col("at"), pl.Date(), "America/Sao_Paulo")).to_series()
    assert found.to_list() == [datetime(2018, 11, 4, 3, tzinfo=UTC), datetime(2018, 11, 5, 2, tzinfo=UTC)]


LOCAL = st.datetimes(datetime(1990, 1, 1), datetime(2035, 1, 1))  # noqa: DTZ001  local times


@given(
    moments=st.lists(LOCAL, min_size=1, max_size=20),
    side=st.sampled_from(["data", "question"]),
)
def test_local_times_are_what_pythons_zones_make_of_them(moments: list[datetime], side: Any) -> None:
    zone = ZoneInfo(NEW_YORK)
    fold = 1 if side == "data" else 0
    there = [m for m in moments if m.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == m]
    expected = [moment.replace(tzinfo=zone, fold=fold).astimezone(UTC) for moment in there]
    assert in_new_york(there, pl.Datetime("us"), side=side) == expected
    changes = (
        pl.DataFrame({"at": pl.Series(moments, dtype=pl.Datetime("us"))})
        .select(clock_changes(pl.col("at"), NEW_YORK))
        .item()
    )
    assert changes["skipped"] == len(moments) - len(there)
