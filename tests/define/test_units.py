from __future__ import annotations

import pytest

from workbench.define.units import parse_unit
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
    ],
)
def test_a_unit_has_one_spelling(written: str, expected: str) -> None:
    assert parse_unit(written) == expected


@pytest.mark.parametrize(("wrong", "meant"), [("minutez", "minute"), ("cuont", "count"), ("percnt", "percent")])
def test_an_unknown_unit_names_the_closest_first(wrong: str, meant: str) -> None:
    with pytest.raises(DefinitionError, match="not a known unit") as caught:
        parse_unit(wrong)
    assert caught.value.remedy.startswith(f"did you mean '{meant}'")


@pytest.mark.parametrize("wrong", ["", "  ", "2 minute", "zzzzqqq", "(((", "minute; import os"])
def test_what_is_no_unit_is_refused_with_a_remedy(wrong: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        parse_unit(wrong)
    assert caught.value.remedy
