from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import DefinitionError
from workbench.times import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2d", timedelta(days=2)),
        ("7d12h", timedelta(days=7, hours=12)),
        ("30m", timedelta(minutes=30)),
        ("1w", timedelta(weeks=1)),
        ("90s", timedelta(seconds=90)),
        ("5ms", timedelta(milliseconds=5)),
        ("1us", timedelta(microseconds=1)),
        ("0d", timedelta(0)),
        (timedelta(hours=3), timedelta(hours=3)),
    ],
)
def test_reads_what_polars_reads(text: str | timedelta, expected: timedelta) -> None:
    assert parse_duration(text, what="ttl") == expected


@pytest.mark.parametrize("text", ["-2d", timedelta(days=-1)])
def test_a_negative_duration_is_refused(text: str | timedelta) -> None:
    with pytest.raises(DefinitionError, match="negative"):
        parse_duration(text, what="ttl")


@pytest.mark.parametrize("text", ["1mo", "1y", "2q", "1d1mo"])
def test_calendar_units_are_explained(text: str) -> None:
    with pytest.raises(DefinitionError, match="length depends on the date"):
        parse_duration(text, what="ttl")


@pytest.mark.parametrize("text", ["", "2", "d", "two days", "2 d", "2d;", "1.5d", 7, None, "999999999999w"])
def test_anything_else_names_the_option_and_an_example(text: Any) -> None:
    with pytest.raises(DefinitionError, match=r"(?s)lookback=.*not a duration.*7d12h"):
        parse_duration(text, what="lookback")


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=100_000)))
def test_what_is_written_reads_back(value: timedelta) -> None:
    assert parse_duration(format_duration(value), what="ttl") == value
