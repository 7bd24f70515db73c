from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.sources.infer import typed


def read(values: list[str | None]) -> pl.Series:
    return typed(pl.LazyFrame({"a": pl.Series(values, dtype=pl.String)})).collect().get_column("a")


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (["1", "-2", None], pl.Int64),
        (["1", "2.5", "1e3"], pl.Float64),
        (["true", "false", None], pl.Boolean),
        (["1", "x"], pl.String),
        (["1", "true"], pl.String),
        (["9223372036854775808"], pl.String),
        (["12345678901234567890", "1.5"], pl.String),
        ([None], pl.String),
        ([], pl.String),
    ],
)
def test_a_column_has_the_type_that_all_its_values_have(values: list[str | None], dtype: Any) -> None:
    assert read(values).dtype == dtype
    assert read(values).null_count() == values.count(None)


def test_one_odd_value_at_the_end_decides() -> None:
    assert read([*["1"] * 50_000, "x"]).dtype == pl.String


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_whole_numbers_keep_their_value(values: list[int]) -> None:
    assert read([str(value) for value in values]).to_list() == values


@given(st.lists(st.floats(allow_nan=False), min_size=1))
def test_floats_keep_their_value(values: list[float]) -> None:
    assert read([repr(value) for value in values]).cast(pl.Float64).to_list() == values
