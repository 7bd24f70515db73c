from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from workbench.compare import contract_changes
from workbench.define import ColumnContract, Contract


def contract(**options: Any) -> Contract:
    dtype, role = options.pop("dtype", pl.Float64()), options.pop("role", "feature")
    return Contract((ColumnContract("x", dtype, role, **options),))


@pytest.mark.parametrize(
    ("before", "after", "what", "breaking"),
    [
        ({}, {"nullable": True}, "nullable", True),
        ({"nullable": True}, {}, "nullable", False),
        ({"unit": "min"}, {"unit": "s"}, "unit", True),
        ({}, {"dtype": pl.Int64()}, "dtype", True),
        ({}, {"role": "entity"}, "role", True),
        ({"ge": 0}, {"ge": 1}, "ge", False),
        ({"ge": 0}, {"ge": -1}, "ge", True),
        ({"ge": 0}, {}, "ge", True),
        ({}, {"ge": 0}, "ge", False),
        ({"le": 9}, {"le": 10}, "le", True),
        ({"lt": 9}, {"lt": 8}, "lt", False),
        ({"isin": (1, 2)}, {"isin": (1,)}, "isin", False),
        ({"isin": (1, 2)}, {"isin": (1, 3)}, "isin", True),
        ({"isin": (1, 2)}, {}, "isin", True),
        ({"unique": True}, {}, "unique", True),
        ({}, {"unique": True}, "unique", False),
        ({"tolerance": 0.1}, {"tolerance": 0.2}, "tolerance", True),
        ({"tolerance": 0.2}, {"tolerance": 0.1}, "tolerance", False),
        ({}, {"description": "Minutes late."}, "description", False),
        ({}, {"rules": ("a rule",)}, "rules", False),
    ],
)
def test_what_a_reader_relied_on_breaks_and_what_is_stricter_does_not(
    before: dict[str, Any], after: dict[str, Any], what: str, *, breaking: bool
) -> None:
    (change,) = contract_changes(contract(**before), contract(**after))
    assert (change.column, change.what, change.breaking) == ("x", what, breaking)


@pytest.mark.parametrize(
    ("before", "after", "breaking"),
    [
        ({"ge": 0}, {"gt": 0}, False),
        ({"gt": 0}, {"ge": 0}, True),
        ({"ge": 0}, {"gt": 3}, False),
        ({"le": 5}, {"lt": 6}, True),
        ({"le": 5, "lt": 9}, {"le": 5}, False),
        ({"ge": "a"}, {"ge": 1}, True),
    ],
)
def test_limits_break_by_what_they_allow_and_not_by_their_name(
    before: dict[str, Any], after: dict[str, Any], *, breaking: bool
) -> None:
    changes = contract_changes(contract(**before), contract(**after))
    assert changes
    assert {change.breaking for change in changes} == {breaking}


def test_columns_come_and_go() -> None:
    empty = Contract(())
    (gone,), (new,) = contract_changes(contract(), empty), contract_changes(empty, contract())
    (key,) = contract_changes(empty, contract(role="entity"))
    assert (gone.breaking, new.breaking, key.breaking) == (True, False, True)
    assert (gone.sentence, new.sentence) == ("x: column Float64 is gone", "x: column Float64 is new")


def test_equal_contracts_have_no_changes_and_changes_can_be_written_down() -> None:
    assert contract_changes(contract(ge=0), contract(ge=0)) == ()
    (change,) = contract_changes(contract(), contract(nullable=True))
    assert change.sentence == "x: nullable no -> yes"
    assert change.to_dict()["breaking"] is True
