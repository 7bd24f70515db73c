from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.render.samples import number
from workbench.render.format import amount, dtype, escape_html, figure, format_elapsed, plain, span


@given(st.text(max_size=400))
def test_plain_text_is_one_printable_line(text: str) -> None:
    shown = plain(text, limit=100)
    assert len(shown) <= 100
    assert shown.isprintable()


@given(st.text(max_size=200))
def test_escaped_text_holds_nothing_that_html_reads(text: str) -> None:
    assert not set(escape_html(text)) & set("<>\"'\n")


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300))
def test_a_figure_is_short_and_near_the_number(value: float) -> None:
    shown = figure(value)
    assert len(shown) <= 11
    assert math.isclose(float(shown.replace(",", "")), value, rel_tol=0.006)


def test_what_is_no_number_is_a_dash() -> None:
    assert {figure(None), figure(math.nan), figure(math.inf)} == {"–"}  # noqa: RUF001


@pytest.mark.parametrize(
    ("kind", "value", "near", "shown"),
    [
        ("time", 1704067200.0, None, "2024-01-01"),
        ("time", 1704067200.0, 3600.0, "01-01 00:00"),
        ("time", 1704067200.0, 86400.0 * 30, "2024-01-01"),
        ("time", 1704067200.0, 86400.0 * 300, "2024-01"),
        ("time", -1e12, None, "-1e12"),
        ("duration", 5400.0, None, "90 min"),
        ("number", 12.345, None, "12.3"),
    ],
)
def test_amounts_are_written_by_kind(kind: str, value: float, near: float | None, shown: str) -> None:
    assert amount(value, replace(number(), kind=kind), near=near) == shown  # type: ignore[arg-type]  # kinds above


def test_whole_numbers_are_written_in_full() -> None:
    assert amount(12345.0, replace(number(), dtype="Int64")) == "12,345"


def test_short_periods_show_the_time_of_day() -> None:
    start = datetime(2024, 1, 1, 12, tzinfo=UTC)
    assert span((start, start + timedelta(hours=2))) == "2024-01-01 12:00 → 14:00"
    assert span((start, start + timedelta(hours=20))) == "2024-01-01 12:00 → 01-02 08:00"
    assert span((start, start + timedelta(days=3))) == "2024-01-01 → 2024-01-04"
    assert span(None) == "–"  # noqa: RUF001


@pytest.mark.parametrize("seconds", [0.0, 0.0999, 0.1, 9.99, 10, 119.9, 120, 1e6])
def test_every_time_taken_has_a_unit(seconds: float) -> None:
    assert format_elapsed(seconds).split()[1] in {"ms", "s", "min"}


def test_dtypes_are_said_without_their_settings() -> None:
    enum = replace(number(), dtype="Enum(categories=['" + "x" * 500 + "'])")
    assert dtype(enum) == "Enum"
