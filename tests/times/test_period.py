from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import FeatureNotFound, UsageError
from workbench.times import Period


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]  # parts are year, month, day, ...


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2013", at(2013, 1, 1), at(2014, 1, 1)),
        ("2013-03", at(2013, 3, 1), at(2013, 4, 1)),
        ("2013-12", at(2013, 12, 1), at(2014, 1, 1)),
        ("2013-03-05", at(2013, 3, 5), at(2013, 3, 6)),
        ("2024-02-29", at(2024, 2, 29), at(2024, 3, 1)),
        ("2013-12-31", at(2013, 12, 31), at(2014, 1, 1)),
        ("2013-01..2013-03", at(2013, 1, 1), at(2013, 4, 1)),
        (" 2013-01 .. 2013-03 ", at(2013, 1, 1), at(2013, 4, 1)),
        ("2012..2013-06-15", at(2012, 1, 1), at(2013, 6, 16)),
        ("..2013-03", None, at(2013, 4, 1)),
        ("2013-04..", at(2013, 4, 1), None),
        ("9999", at(9999, 1, 1), None),
        ("9999-12-31..", at(9999, 12, 31), None),
        ("2013-03-05T12:00..2013-03-05T13:30:15.5", at(2013, 3, 5, 12), at(2013, 3, 5, 13, 30, 15, 500_000)),
        ("2013-03-05T12:00+02:00..2013-03-05", at(2013, 3, 5, 10), at(2013, 3, 6)),
        ("2013-03-05 12:00Z..", at(2013, 3, 5, 12), None),
    ],
)
def test_a_period_holds_all_of_the_units_it_names(text: str, start: datetime | None, end: datetime | None) -> None:
    assert Period.parse(text) == Period(start, end)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "does not name a time"),
        ("..", "does not name a time"),
        ("2013-13", "there is no 2013-13"),
        ("2013-02-29", "there is no 2013-02-29"),
        ("0000", "there is no 0000"),
        ("2013-3", "'2013-3' is not a time"),
        ("march", "'march' is not a time"),
        ("20130305", "'20130305' is not a time"),
        ("2013...2014", "'.2014' is not a time"),
        ("2013-01..2013-02..2013-03", "is not a time"),
        ("2013-03-05T25:00..", "is not a time"),
        ("0001-01-01T00:00+14:00..", "is not a time"),
        ("2013-03-05T12:00", "start and end are the same instant"),
        ("2013-03..2013-01", "ends before it starts"),
        ("2013-03-05T12:00..2013-03-05T12:00", "ends before it starts"),
    ],
)
def test_what_is_no_period_is_refused_with_an_example(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        Period.parse(text)
    assert caught.value.remedy


@pytest.mark.parametrize(
    "text",
    ["2013", "2013..2014", "2013-01..2013-03", "2013-03-05", "..2013-03", "2013-04..", "2013-03-05T12:00:00Z.."],
)
def test_a_period_shows_itself_as_it_is_written(text: str) -> None:
    assert str(Period.parse(text)) == text


def test_a_period_without_ends_shows_two_dots() -> None:
    assert str(Period()) == ".."


@given(st.lists(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)), min_size=2, max_size=2, unique=True))  # noqa: DTZ001  # hypothesis wants naive bounds
def test_what_a_period_shows_reads_back_as_itself(moments: list[datetime]) -> None:
    first, last = sorted(moment.replace(tzinfo=UTC) for moment in moments)
    for period in (Period(first, last), Period(None, last), Period(first, None)):
        assert Period.parse(str(period)) == period


FRAME = pl.DataFrame(
    {
        "moment": pl.Series(
            [at(2013, 3, 31, 23, 59), at(2013, 4, 1), at(2013, 4, 30, 23, 59, 59, 999_999), at(2013, 5, 1), None],
            dtype=pl.Datetime("us", "UTC"),
        ),
        "row": range(5),
    }
)


def test_the_start_is_in_a_period_and_the_end_is_not() -> None:
    period = Period.parse("2013-04")
    assert period.filter(FRAME.lazy(), "moment").collect()["row"].to_list() == [1, 2]
    assert [moment in period for moment in FRAME["moment"].drop_nulls()] == [False, True, True, False]


def test_an_open_period_has_all_rows_but_those_without_a_time() -> None:
    assert Period.parse("..2013-04").filter(FRAME.lazy(), "moment").collect()["row"].to_list() == [0, 1, 2]
    assert Period.parse("2013-04..").filter(FRAME.lazy(), "moment").collect()["row"].to_list() == [1, 2, 3]
    assert Period().filter(FRAME.lazy(), "moment").collect()["row"].to_list() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "times",
    [
        pl.col("moment").dt.replace_time_zone(None),
        pl.col("moment").dt.convert_time_zone("America/New_York"),
        pl.col("moment").dt.cast_time_unit("ns"),
        pl.col("moment").dt.date(),
    ],
    ids=["naive", "zoned", "nanoseconds", "date"],
)
def test_other_times_are_read_as_utc(times: pl.Expr) -> None:
    frame = FRAME.lazy().with_columns(times)
    assert Period.parse("2013-04").filter(frame, "moment").collect()["row"].to_list() == [1, 2]


def test_a_period_without_rows_says_from_when_until_when_there_are_some() -> None:
    with pytest.raises(UsageError, match="no rows in 2014") as caught:
        Period.parse("2014").rows(FRAME.lazy(), "moment")
    assert "they run from 2013-03-31 23:59 to 2013-05-01 00:00 UTC" in caught.value.remedy
    with pytest.raises(UsageError, match="no rows") as caught:
        Period.parse("2014").rows(FRAME.lazy().limit(0), "moment")
    assert "there are none" in caught.value.remedy


def test_the_rows_of_a_period_are_the_filtered_ones() -> None:
    assert Period.parse("2013-04").rows(FRAME.lazy(), "moment").collect()["row"].to_list() == [1, 2]


def test_a_column_that_is_missing_or_no_time_is_named() -> None:
    with pytest.raises(FeatureNotFound, match="'momen'") as caught:
        Period.parse("2013").filter(FRAME.lazy(), "momen")
    assert caught.value.remedy == "did you mean 'moment'?"
    with pytest.raises(UsageError, match="'row' is Int64, not a time"):
        Period.parse("2013").filter(FRAME.lazy(), "row")


def test_a_zone_east_of_utc_begins_before_utc_does() -> None:
    east = timezone(timedelta(hours=9))
    assert datetime(2013, 4, 1, 8, tzinfo=east) not in Period.parse("2013-04")
