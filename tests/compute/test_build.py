"""What a view returns is looked at before anything is computed, and what is wrong with it is said with a remedy."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Any

import polars as pl
import pytest

from workbench.compute import InputData, build
from workbench.errors import ComputeError, UnknownInput, WrongReturn

COLUMNS = ["carrier", "landed_at", "delay"]


@pytest.mark.parametrize(
    ("returned", "says", "remedy"),
    [
        (lambda f: f.collect(), "DataFrame", ".collect()"),
        (lambda _: None, "returned nothing", "`return`"),
        (lambda _: pl.col("delay"), "bare Expr", "select"),
        (lambda f: f.collect()["delay"], "bare Series", "select"),
        (lambda _: 7, "a int", "LazyFrame"),
        (lambda f: f.drop("delay"), "no column 'delay'", "model"),
        (lambda f: f.rename({"delay": "delays"}), "no column 'delay'", "did you mean 'delays'?"),
        (lambda f: f.with_columns(a=1, b=2), "'a', 'b'", 'select("carrier", "landed_at", "delay")'),
    ],
)
def test_a_wrong_return_is_explained(returned: Callable[..., Any], says: str, remedy: str, stage: ModuleType) -> None:
    def trial(flights: pl.LazyFrame) -> Any:
        return returned(flights)

    with pytest.raises(WrongReturn) as caught:
        build(stage.make_view(trial, COLUMNS), stage.inputs())
    assert says in caught.value.message
    assert "'trial'" in caught.value.message
    assert remedy in caught.value.remedy


def test_a_missing_column_is_answered_with_the_closest(stage: ModuleType) -> None:
    def trial(flights: pl.LazyFrame) -> pl.LazyFrame:
        return flights.select("carrier", "landed_at", delay=pl.col("dela") * 2)

    with pytest.raises(ComputeError, match="no column 'dela'") as caught:
        build(stage.make_view(trial, COLUMNS), stage.inputs())
    assert "id you mean 'delay'?" in caught.value.remedy


def test_a_plan_that_polars_refuses_is_explained_in_a_line(stage: ModuleType) -> None:
    def trial(flights: pl.LazyFrame) -> pl.LazyFrame:
        return flights.select("carrier", "landed_at", delay=pl.col("delay").list.len())

    with pytest.raises(ComputeError) as caught:
        build(stage.make_view(trial, COLUMNS), stage.inputs())
    assert "\n" not in caught.value.message
    assert "dtypes" in caught.value.remedy


def test_columns_come_in_the_contracts_order_and_inputs_in_any(stage: ModuleType) -> None:
    def trial(flights: pl.LazyFrame, other: pl.LazyFrame) -> pl.LazyFrame:
        return flights.select("delay", "landed_at", "carrier").join(other, on="carrier", how="semi")

    other = InputData("other", pl.LazyFrame({"carrier": ["UA"]}), "o", "view")
    frame = build(stage.make_view(trial, COLUMNS), [other, *stage.inputs()])
    assert frame.collect_schema().names() == COLUMNS
    assert frame.collect()["carrier"].unique().to_list() == ["UA"]


def test_an_input_that_is_not_given_is_named(stage: ModuleType) -> None:
    with pytest.raises(UnknownInput, match="'flights'"):
        build(stage.DELAYS, [])


def test_the_users_own_exception_keeps_its_traceback(stage: ModuleType) -> None:
    def trial(flights: pl.LazyFrame) -> pl.LazyFrame:
        return flights.select({"a": "b"}["nothing"])

    with pytest.raises(KeyError, match="nothing") as caught:
        build(stage.make_view(trial, COLUMNS), stage.inputs())
    assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "trial"
