"""Aggregations of `windowed` beside Python's integers, fractions and decimals: exact, or refused if they do not fit."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.compute.plan import engine_error
from workbench.define.windows import windowed
from workbench.errors import WindowError

START = datetime(2020, 3, 1, tzinfo=UTC)
HELD = 3
"""Events that a window holds."""
BITS: dict[pl.DataType, tuple[int, int]] = {
    pl.Int8(): (-(2**7), 2**7 - 1),
    pl.Int16(): (-(2**15), 2**15 - 1),
    pl.Int32(): (-(2**31), 2**31 - 1),
    pl.Int64(): (-(2**63), 2**63 - 1),
    pl.UInt8(): (0, 2**8 - 1),
    pl.UInt16(): (0, 2**16 - 1),
    pl.UInt32(): (0, 2**32 - 1),
    pl.UInt64(): (0, 2**64 - 1),
    pl.Int128(): (-(2**127), 2**127 - 1),
}
CERTAIN = 2**125
"""What is smaller must not be refused."""


def held(values: Sequence[Any], dtype: pl.DataType, value: pl.Expr, *, by: tuple[str, ...] = ()) -> pl.Series:
    """Return `value` over the last three of `values` at each of them, which are a microsecond apart."""
    times = [START + timedelta(microseconds=number) for number in range(len(values))]
    frame = pl.LazyFrame({"k": ["a"] * len(values), "at": times, "x": pl.Series(values, dtype=dtype)})
    out = windowed(frame, by=by, time="at", windows=timedelta(microseconds=HELD), closed="right", v=value).collect()
    return out.head(len(values)).to_series(-1)


def windows(values: Sequence[Any], *, after: int = 0) -> list[list[Any]]:
    """Return what the window holds at each event, and `after` the last one, as events leave it."""
    ends = range(1, len(values) + 1 + after)
    return [[value for value in values[max(0, end - HELD) : end] if value is not None] for end in ends]


def fits(value: int, dtype: pl.DataType) -> bool:
    low, high = BITS[dtype]
    return low <= value <= high


def promised(dtype: pl.DataType) -> pl.DataType:
    return dtype if dtype in (pl.UInt64(), pl.Int128()) else pl.Int64()


@st.composite
def integers(draw: st.DrawFn) -> tuple[pl.DataType, list[int | None]]:
    dtype = draw(st.sampled_from(list(BITS)))
    low, high = BITS[dtype]
    edge = st.sampled_from([low, low + 1, high - 1, high, high // 2, 0, 1])
    return dtype, draw(st.lists(st.integers(low, high) | edge | st.none(), min_size=1, max_size=7))


AGGREGATED: dict[str, tuple[pl.Expr, Callable[[list[int]], int]]] = {
    "sum": (pl.col("x").sum(), sum),
    "product": (pl.col("x").product(), math.prod),
    "filtered": (pl.col("x").filter(pl.col("x") != 1).sum(), lambda some: sum(one for one in some if one != 1)),
    "in an expression": (pl.col("x").sum() // 2, lambda some: sum(some) // 2),
}


@given(integers(), st.sampled_from(list(AGGREGATED)), st.sampled_from([(), ("k",)]))
def test_sums_and_products_of_integers_are_exact_or_refused(
    given: tuple[pl.DataType, list[int | None]], kind: str, by: tuple[str, ...]
) -> None:
    dtype, values = given
    value, oracle = AGGREGATED[kind]
    right = [oracle(some) for some in windows(values)]
    inner = sum if kind == "in an expression" else oracle
    sums = [inner(some) for some in windows(values, after=HELD)]
    wide = promised(dtype)
    try:
        found = held(values, dtype, value, by=by)
    except pl.exceptions.InvalidOperationError as error:
        assert any(not fits(one, wide) or abs(one) >= CERTAIN for one in sums)
        said = engine_error("trial", error)
        assert "does not fit" in said.message
        assert "Float64" in said.remedy
        return
    assert found.dtype == wide
    assert found.to_list() == right
    assert all(fits(one, wide) for one in sums)


@given(integers())
def test_means_of_integers_are_those_of_fractions(given: tuple[pl.DataType, list[int | None]]) -> None:
    dtype, values = given
    if dtype == pl.Int128():
        return  # means of these are taken of floats
    found = held(values, dtype, pl.col("x").mean())
    for mean, some in zip(found, windows(values), strict=True):
        assert (mean is None) == (not some)
        if some:
            assert math.isclose(mean, Fraction(sum(some), len(some)), rel_tol=2**-51)


@given(
    st.sampled_from([pl.Int64(), pl.UInt64()]),
    st.integers(0, 2**62),
    st.lists(st.integers(0, 1000), min_size=1, max_size=8),
)
def test_spreads_of_integers_do_not_depend_on_how_large_they_are(
    dtype: pl.DataType, base: int, steps: list[int]
) -> None:
    values = [base + step for step in steps]
    for value, oracle in ((pl.col("x").std(), statistics.stdev), (pl.col("x").var(0), statistics.pvariance)):
        found = held(values, dtype, value)
        for one, some in zip(found, windows(steps), strict=True):
            assert (one is None) == (len(some) < 2 and oracle is statistics.stdev)
            if one is not None:
                assert math.isclose(one, oracle(some), rel_tol=1e-9, abs_tol=1e-6)


FLOATS: list[tuple[str, pl.Expr, Callable[[list[float]], float]]] = [
    ("sum", pl.col("x").sum(), sum),
    ("mean", pl.col("x").mean(), statistics.fmean),
    ("product", pl.col("x").product(), math.prod),
    ("std", pl.col("x").std(ddof=0), statistics.pstdev),
    ("quantile", pl.col("x").quantile(0.5, "linear"), statistics.median),
    ("cast down", pl.col("x").cast(pl.Float32).sum(), sum),
]


@pytest.mark.parametrize(("kind", "value", "oracle"), FLOATS, ids=[kind for kind, _, _ in FLOATS])
@pytest.mark.parametrize("dtype", [pl.Float32(), pl.Float64()])
def test_single_floats_are_aggregated_as_doubles(
    kind: str, value: pl.Expr, oracle: Callable[[list[float]], float], dtype: pl.DataType
) -> None:
    values = [16777216.0, 1.0, 1.0, 3.0, 16777214.0]
    found = held(values, dtype, value)
    assert found.dtype == pl.Float64()
    assert found.to_list() == pytest.approx([oracle(some) for some in windows(values)], rel=1e-15, abs=1e-9)


@pytest.mark.parametrize("unit", ["ns", "us", "ms"])
def test_sums_of_durations_are_exact_or_refused(unit: Any) -> None:
    fitting = [2**61, 2**61 + 1, 2**61, 5]
    dtype = pl.Duration(unit)
    found = held(fitting, dtype, pl.col("x").sum())
    assert found.to_physical().to_list() == [sum(some) for some in windows(fitting)]
    assert found.dtype == dtype
    with pytest.raises(pl.exceptions.InvalidOperationError, match="i128"):
        held([2**62, 2**62], dtype, pl.col("x").sum())


def test_decimals_are_exact_or_refused() -> None:
    dtype = pl.Decimal(38, 2)
    values = [Decimal("123456789012345678901234567890.12"), Decimal("0.01"), Decimal("-0.03"), Decimal("99.99")]
    with localcontext(Context(prec=60)):
        sums = [sum(some) for some in windows(values)]
    assert held(values, dtype, pl.col("x").sum()).to_list() == sums
    assert held(values[1:], dtype, pl.col("x").mean()).to_list() == pytest.approx([0.01, -0.01, 33.3233333333333])
    with pytest.raises(pl.exceptions.InvalidOperationError, match="i128"):
        held([Decimal("9" * 36)] * 2, dtype, pl.col("x").sum())
    with pytest.raises(WindowError, match="product of decimals"):
        held(values, dtype, pl.col("x").product())


@pytest.mark.parametrize(
    ("value", "right"),
    [
        (pl.col("x").cast(pl.Int32).sum(), [2**31 - 1, 2**32 - 2, 3 * (2**31 - 1)]),
        ((pl.col("x") * pl.col("x")).sum(), [(2**31 - 1) ** 2, 2 * (2**31 - 1) ** 2, None]),
        (pl.col("x").max() + 1, [2**31] * 3),
        (pl.struct(y="x").struct.field("y").sum(), [2**31 - 1, 2**32 - 2, 3 * (2**31 - 1)]),
        (
            pl.col("x").map_elements(lambda one: one, return_dtype=pl.Int64).sum(),
            [2**31 - 1, 2**32 - 2, 3 * (2**31 - 1)],
        ),
    ],
    ids=["cast down", "of products", "beyond the largest", "of a struct", "by a Python function"],
)
def test_expressions_around_and_within_do_not_wrap_either(value: pl.Expr, right: list[int | None]) -> None:
    values = [2**31 - 1] * (2 if right[-1] is None else 3)
    assert held(values, pl.Int32(), value).to_list() == [one for one in right if one is not None]


def test_what_lists_hold_is_widened_too() -> None:
    values = [[2**31 - 1, 2**31 - 1], [1]]
    assert held(values, pl.List(pl.Int32()), pl.col("x").list.sum().sum()).to_list() == [2**32 - 2, 2**32 - 1]
