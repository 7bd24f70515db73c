from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from workbench.define import ColumnContract, Contract
from workbench.diff import contract_changes
from workbench.diff.contract_diff import ContractChange
from workbench.records import from_json, to_json


def length(least: int | None, most: int | None) -> str:
    return f"str_length(exact_value=None, max_value={most}, min_value={least})"


def contract(**options: Any) -> Contract:
    dtype, role = options.pop("dtype", pl.Float64()), options.pop("role", "feature")
    return Contract((ColumnContract("x", dtype, role, **options),))


@pytest.mark.parametrize(
    ("before", "after", "what", "breaking"),
    [
        ({}, {"nullable": True}, "nullable", True),
        ({"nullable": True}, {}, "nullable", False),
        ({"unit": "min"}, {"unit": "s"}, "unit", True),
        ({"unit": "kilometer_per_hour"}, {"unit": "kilometer / hour"}, "unit", False),
        ({"unit": "count"}, {"unit": "probability"}, "unit", True),
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
        ({"rules": ("a rule",)}, {}, "rules", True),
        ({"rules": ("small [1f]\n< 10",)}, {"rules": ("small [2e]\n< 10",)}, "rules", True),
        ({"rules": ("str_matches(pattern='^a')",)}, {"rules": ("str_matches(pattern='^b')",)}, "rules", True),
        ({"rules": (length(1, 5),)}, {"rules": (length(2, 5),)}, "rules", False),
        ({"rules": (length(1, 5),)}, {"rules": (length(1, 6),)}, "rules", True),
        ({"rules": (length(1, 5),)}, {"rules": (length(1, None),)}, "rules", True),
        ({"rules": (length(None, 5),)}, {"rules": (length(1, 5),)}, "rules", False),
        ({"rules": ("notin(forbidden_values=[1])",)}, {"rules": ("notin(forbidden_values=[1, 2])",)}, "rules", False),
        ({"rules": ("notin(forbidden_values=[1, 2])",)}, {"rules": ("notin(forbidden_values=[1])",)}, "rules", True),
        ({"rules": ("mine(v=3) [1f]\n",)}, {"rules": ("mine(v=4) [1f]\n",)}, "rules", True),
        ({"tolerance": 0.1}, {}, "tolerance", False),
        ({}, {"tolerance": 0.1}, "tolerance", True),
        ({}, {"tolerance": 0.0}, "tolerance", False),
        ({"tolerance": 0.0}, {}, "tolerance", True),
        ({"default": 1}, {"default": 2}, "default", True),
        ({}, {"default": 2}, "default", True),
        ({}, {"deprecated": "Read y."}, "deprecated", False),
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


@pytest.mark.parametrize(
    ("before", "after", "said", "breaking"),
    [
        ({"rules": ("unique(at, key)",)}, {}, "rule unique(at, key) is gone", True),
        ({"rules": ("unique(at, key)",)}, {"rules": ("unique(key)",)}, "rule unique(at, key) -> unique(key)", False),
        ({"rules": ("unique(key)",)}, {"rules": ("unique(at, key)",)}, "rule unique(key) -> unique(at, key)", True),
        ({"rules": ("both [1f]\n",)}, {"rules": ("both [2e]\n",)}, "rule both -> both with other code", True),
        ({}, {"rules": ("both [2e]\n",)}, "rule both is new", False),
        ({"ttl": timedelta(days=2)}, {"ttl": timedelta(days=1)}, "ttl 2d -> 1d", True),
        ({"ttl": timedelta(days=1)}, {"ttl": timedelta(days=2)}, "ttl 1d -> 2d", True),
        ({"ttl": timedelta(hours=1)}, {}, "ttl 1h is gone", True),
        ({}, {"ttl": timedelta(hours=1)}, "ttl 1h is new", True),
    ],
)
def test_promises_about_whole_rows_break_too(
    before: dict[str, Any], after: dict[str, Any], said: str, *, breaking: bool
) -> None:
    (change,) = contract_changes(Contract((), **before), Contract((), **after))
    assert (change.column, change.sentence, change.breaking) == (None, said, breaking)
    assert Contract((), **before).hash != Contract((), **after).hash


def test_of_several_rules_those_that_changed_are_told() -> None:
    before, after = contract(rules=("a(v=1)", "b [1f]\n", "c")), contract(rules=("a(v=1)", "b [2e]\n", "d"))
    assert [(change.sentence, change.breaking) for change in contract_changes(before, after)] == [
        ("x: rule b -> b with other code", True),
        ("x: rule c is gone", True),
        ("x: rule d is new", False),
    ]
    assert contract_changes(contract(rules=("b [1f]\none",)), contract(rules=("b [1f]\nother",))) == ()


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
    assert from_json(to_json(change), ContractChange) == change
