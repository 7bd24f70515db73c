from __future__ import annotations

import pytest

from workbench.define.units import parse_unit, same_unit
from workbench.errors import DefinitionError


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("min", "minute"),
        ("minutes", "minute"),
        ("count", "count"),
        ("%", "percent"),
        ("percent", "percent"),
        ("km/hour", "kilometer / hour"),
        ("knot", "knot"),
        ("degC", "degree_Celsius"),
        ("EUR", "EUR"),
        ("probability", "probability"),
        ("basis_point", "basis_point"),
        ("kph", "kilometer / hour"),
        ("KPH", "kilometer / hour"),
        ("km/h", "kilometer / hour"),
        ("mph", "mile / hour"),
        ("mile/hour", "mile / hour"),
        ("rpm", "revolutions_per_minute"),
        ("1/second", "1 / second"),
        ("m/s**2", "meter / second ** 2"),
        ("m²", "meter ** 2"),
        ("USD/EUR", "USD / EUR"),
        ("MB", "megabyte"),
        ("millibarn", "millibarn"),
    ],
)
def test_a_unit_has_one_spelling(written: str, expected: str) -> None:
    assert parse_unit(written) == expected


@pytest.mark.parametrize(("wrong", "meant"), [("minutez", "minute"), ("cuont", "count"), ("percnt", "percent")])
def test_an_unknown_unit_names_the_closest_first(wrong: str, meant: str) -> None:
    with pytest.raises(DefinitionError, match="not a known unit") as caught:
        parse_unit(wrong)
    assert caught.value.remedy.startswith(f"did you mean '{meant}'")


@pytest.mark.parametrize(
    ("short", "likely"),
    [
        ("bps", "'basis_point' or 'bit/second'"),
        ("mb", "'megabyte'"),
        ("M", "'count'"),
        ("Mbps", "'megabit/second'"),
        ("kb", "'kilobit' or 'kilobyte'"),
        ("C/day", "'degC'"),
        ("pts", "'point'"),
        ("k", "'count'"),
        ("G", "'gauss' if you mean that"),
    ],
)
def test_a_symbol_that_people_seldom_mean_is_to_be_written_out(short: str, likely: str) -> None:
    with pytest.raises(DefinitionError, match="is short for") as caught:
        parse_unit(short)
    assert likely in caught.value.remedy


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("kilometer / hour", "kilometer_per_hour", True),
        ("kilowatt_hour", "hour * kilowatt", True),
        ("hertz", "1 / second", True),
        ("meter", None, False),
        (None, None, True),
        ("minute", "second", False),
        ("degree_Celsius", "kelvin", False),
        ("count", "probability", False),
        ("count / day", "probability / day", False),
        ("EUR", "USD", False),
        ("minute", "of a later version", False),
    ],
)
def test_two_names_of_one_unit_are_the_same_unit(one: str | None, other: str | None, *, same: bool) -> None:
    assert same_unit(one, other) is same_unit(other, one) is same


@pytest.mark.parametrize(
    "wrong",
    [
        *(
            "",
            "  ",
            "2 minute",
            "zzzzqqq",
            "(((",
            "minute; import os",
            "9**9**9**9",
            "m**9**9**9",
            "m^9^9^9",
            "1e999*m",
        ),
        *("meter**99999999", "(9**9)**9**9", "m" * 1000, "1/9**9**9"),
    ],
)
def test_what_is_no_unit_is_refused_with_a_remedy(wrong: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        parse_unit(wrong)
    assert caught.value.remedy
