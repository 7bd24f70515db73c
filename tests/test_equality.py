from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.checks.definition.examples import Comparison
from workbench.checks.probes.differences import Grain, compare, with_time
from workbench.define import ColumnContract, Contract
from workbench.diff import Side, diff_views
from workbench.equality import differ, differs, equal, has_floats, has_numbers
from workbench.notebook.explorer.rows import RowPage
from workbench.notebook.explorer.table import table
from workbench.reproduce.differences import differences

NAN, INF = math.nan, math.inf
F32, F64, I64, U64 = pl.Float32(), pl.Float64(), pl.Int64(), pl.UInt64()
MOMENT = pl.Datetime("us", "UTC")
START = datetime(2024, 1, 1, tzinfo=UTC)
STRUCT = pl.Struct({"a": pl.Float64(), "b": pl.String()})

PAIRS: list[tuple[Any, Any, pl.DataType, float | None, bool]] = [
    # without a tolerance
    (None, None, F64, None, True),
    (None, NAN, F64, None, False),
    (None, 0.0, F64, None, False),
    (NAN, NAN, F64, None, True),
    (NAN, 1.0, F64, None, False),
    (INF, INF, F64, None, True),
    (INF, -INF, F64, None, False),
    (INF, 1e308, F64, None, False),
    (1e308, -1e308, F64, None, False),
    (0.0, -0.0, F64, None, True),
    (0.1 + 0.2, 0.3, F64, None, True),
    (1e15 + 0.125, 1e15, F64, None, True),
    (0.3, 0.3 * (1 + 2e-12), F64, None, False),
    (0.0, 1e-300, F64, None, False),
    (1e-300, 1e-300 * (1 + 2e-16), F64, None, True),
    # whole numbers that a float holds exactly are not noisy
    (1e15 + 1, 1e15 + 101, F64, None, False),
    (1_700_000_000_000.0, 1_700_000_000_001.0, F64, None, False),
    (2.0**53 - 1, 2.0**53, F64, None, False),
    (2.0**60, 2.0**60 + 256, F64, None, True),
    (16_777_215.0, 16_777_216.0, F32, None, False),
    (0.1, 0.1 + 1e-8, F32, None, True),
    (0.1, 0.1001, F32, None, False),
    # within a tolerance, both ends included
    (1.00, 1.01, F64, 0.01, True),
    (1.01, 1.00, F64, 0.01, True),
    (1.00, 1.0101, F64, 0.01, False),
    (0.0, 0.01, F64, 0.01, True),
    (8.13, 8.14, F64, 0.01, True),
    (1e9 + 0.29, 1e9 + 0.30, F64, 0.01, True),
    (1e9 + 0.28, 1e9 + 0.30, F64, 0.01, False),
    (1e15, 1e15 + 100, F64, 0.5, False),
    (1.02, 1.03, F32, 0.01, True),
    (1.02, 1.04, F32, 0.01, False),
    (NAN, NAN, F64, 0.5, True),
    (None, NAN, F64, 0.5, False),
    (INF, INF, F64, 0.5, True),
    (INF, -INF, F64, 1e308, False),
    (INF, 1e308, F64, 1e308, False),
    (0.1 + 0.2, 0.3, F64, 0.0, False),
    (0.3, 0.3, F64, 0.0, True),
    # integers and decimals are exact, of any size
    (2**53, 2**53 + 1, I64, None, False),
    (2**53, 2**53 + 1, I64, 1.0, True),
    (2**53, 2**53 + 2, I64, 1.0, False),
    (-(2**63), 2**63 - 1, I64, 1e18, False),
    (-(2**63), 2**63 - 1, I64, 1e20, True),
    (5, 6, I64, 0.5, False),
    (5, None, I64, 9.0, False),
    (None, None, I64, 9.0, True),
    (2**64 - 1, 2**64 - 2, U64, None, False),
    (2**64 - 1, 2**64 - 2, U64, 1.0, True),
    (0, 2**64 - 1, U64, 1.0, False),
    (3, 200, pl.UInt8(), 197.0, True),
    (-128, 127, pl.Int8(), 254.0, False),
    (-128, 127, pl.Int8(), 255.0, True),
    (-(2**127), 2**127 - 1, pl.Int128(), 1.0, False),
    (Decimal("1.00"), Decimal("1.01"), pl.Decimal(38, 2), 0.01, True),
    (Decimal("1.00"), Decimal("1.02"), pl.Decimal(38, 2), 0.01, False),
    (Decimal("0.98"), Decimal("0.99"), pl.Decimal(10, 2), None, False),
    (Decimal(10**38 - 1), Decimal(1 - 10**38), pl.Decimal(38, 0), 1.0, False),
    (Decimal(10**38 - 1), Decimal(10**38 - 2), pl.Decimal(38, 0), 1.0, True),
    # what has no size
    (True, False, pl.Boolean(), None, False),
    ("a", "a", pl.String(), None, True),
    ("a", None, pl.String(), None, False),
    ("a", "b", pl.Enum(["a", "b"]), None, False),
    ("a", "a", pl.Categorical(), None, True),
    (b"a", b"b", pl.Binary(), None, False),
    (datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, 0, 0, 0, 1, UTC), pl.Datetime("us", "UTC"), None, False),
    (timedelta(seconds=1), timedelta(seconds=1), pl.Duration("ms"), None, True),
    # lists, arrays, structs
    ([0.1 + 0.2], [0.3], pl.List(F64), None, True),
    ([0.3, 1.0], [0.3, 1.1], pl.List(F64), None, False),
    ([1.0], [1.0, 1.0], pl.List(F64), 5.0, False),
    ([], [], pl.List(F64), None, True),
    ([], None, pl.List(F64), None, False),
    ([], [None], pl.List(F64), None, False),
    (None, None, pl.List(F64), None, True),
    ([None], [NAN], pl.List(F64), 1.0, False),
    ([NAN, None], [NAN, None], pl.List(F64), 1.0, True),
    ([1.00, 2.00], [1.01, 1.99], pl.List(F64), 0.01, True),
    ([1, 2], [2, 3], pl.List(I64), 1.0, True),
    ([1, 2], [2, 4], pl.List(I64), 1.0, False),
    ([1, 2], [1, 2], pl.List(I64), None, True),
    ([2**53, 0], [2**53 + 1, 0], pl.List(I64), None, False),
    ([2**53, 0], [2**53 + 1, 0], pl.List(I64), 1.0, True),
    ([0.0, NAN], [-0.0, NAN], pl.List(F64), None, True),
    ({"a": -0.0, "b": None}, {"a": 0.0, "b": None}, STRUCT, None, True),
    ([Decimal("1.0")], [Decimal("1.5")], pl.List(pl.Decimal(10, 1)), 0.5, True),
    (["a"], ["b"], pl.List(pl.String()), None, False),
    ([0.1 + 0.2, 1.0], [0.3, 1.0], pl.Array(F64, 2), None, True),
    ([0.1, 1.0], [0.3, 1.0], pl.Array(F64, 2), 0.1, False),
    (None, [0.3, 1.0], pl.Array(F64, 2), 9.0, False),
    ([[1.0], None], [[1.005], None], pl.List(pl.List(F64)), 0.01, True),
    ([[1.0], None], [[1.005], []], pl.List(pl.List(F64)), 0.01, False),
    ([[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [3.0, 4.1]], pl.Array(F64, (2, 2)), 0.01, False),
    ([[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [3.0, 4.1]], pl.Array(F64, (2, 2)), 0.2, True),
    ({"a": 0.1 + 0.2, "b": "x"}, {"a": 0.3, "b": "x"}, STRUCT, None, True),
    ({"a": 0.3, "b": "x"}, {"a": 0.3, "b": "y"}, STRUCT, 9.0, False),
    ({"a": None, "b": None}, None, STRUCT, None, False),
    ({"a": NAN, "b": None}, {"a": None, "b": None}, STRUCT, None, False),
    ([{"a": 1.0, "b": "x"}], [{"a": 1.01, "b": "x"}], pl.List(STRUCT), 0.01, True),
    ([{"a": 1.0, "b": "x"}], [{"a": 1.02, "b": "x"}], pl.List(STRUCT), 0.01, False),
]


def names(pair: tuple[Any, ...]) -> str:
    left, right, dtype, tolerance, same = pair
    return f"{left} {'==' if same else '!='} {right} as {dtype} within {tolerance}"


@pytest.mark.parametrize("pair", PAIRS, ids=names)
def test_columns_and_single_values_agree_on_every_pair(pair: tuple[Any, Any, pl.DataType, float | None, bool]) -> None:
    left, right, dtype, tolerance, same = pair
    for one, other in ((left, right), (right, left)):
        assert equal(one, other, dtype, tolerance=tolerance) is same
        columns = pl.Series("a", [one], dtype), pl.Series("b", [other], dtype)
        assert differ(*columns, tolerance=tolerance).to_list() == [not same]
        rule = differs(pl.col("a"), pl.col("b"), dtype, tolerance=tolerance).alias("differs")
        for engine in ("in-memory", "streaming"):
            found = pl.LazyFrame(columns).select(rule).collect(engine=engine)
            assert found["differs"].to_list() == [not same]


class Places:
    """Every place that says whether two values are equal, asked about one row with the feature ``x``."""

    def __init__(self, dtype: pl.DataType, tolerance: float | None) -> None:
        entity = ColumnContract("k", pl.Int64(), "entity")
        feature = ColumnContract("x", dtype, "feature", tolerance=tolerance, nullable=True)
        self.contract = Contract((entity, ColumnContract("at", MOMENT, "event_time"), feature))

    def frame(self, value: Any) -> pl.DataFrame:
        return pl.DataFrame([(1, START, value)], schema=self.contract.schema, orient="row")

    def diff(self, left: Any, right: Any) -> bool:
        sides = [Side(label, self.frame(value).lazy(), self.contract) for label, value in (("a", left), ("b", right))]
        found = diff_views(*sides)
        assert (found.category == "none") is (found.column("x").status == "same") is (found.changed_rows().height == 0)
        return found.column("x").status == "same"

    def reproduce(self, left: Any, right: Any) -> bool:
        tolerances = {"x": self.contract["x"].tolerance}
        return differences(self.frame(left), self.frame(right), keys=["k", "at"], tolerances=tolerances).none

    def example(self, left: Any, right: Any) -> bool:
        comparison = Comparison(("k", "at", "x"), ("k", "at"), whole=True, contract=self.contract)
        return not comparison.differences(self.frame(left), self.frame(right))

    def probe(self, left: Any, right: Any) -> bool:
        grain = Grain(("k",), "at", None, {"x": self.contract["x"].dtype}, {"x": self.contract["x"].tolerance})
        sides = [with_time(self.frame(value), grain) for value in (left, right)]
        return not compare(grain, *sides, noise={"x": 0.0})

    def page(self, left: Any, right: Any) -> bool:
        rows = self.frame(left).select("k", pl.col("x").alias("x (a)"))
        rows = rows.hstack([self.frame(right)["x"].alias("x (b)")])
        tolerances = {"x": self.contract["x"].tolerance}
        return "wb-same" in table(RowPage(rows, ("x",), 1, beside=True), ("a", "b"), order=["x"], tolerances=tolerances)


@pytest.mark.parametrize("pair", PAIRS, ids=names)
def test_every_place_agrees_on_every_pair(pair: tuple[Any, Any, pl.DataType, float | None, bool]) -> None:
    left, right, dtype, tolerance, same = pair
    places = Places(dtype, tolerance)
    for place in (places.diff, places.reproduce, places.example, places.probe, places.page):
        assert place(left, right) is same, place.__name__
        assert place(right, left) is same, place.__name__


@given(st.integers(-(10**9), 10**9), st.integers(-(10**6), 10**6), st.integers(1, 10**5), st.sampled_from([F64, F32]))
def test_a_tolerance_counts_in_the_decimals_that_people_read(
    cents: int, apart: int, allowed: int, dtype: pl.DataType
) -> None:
    scale = 100
    if dtype == F32:  # seven digits
        cents, apart, allowed = cents % 10_000, apart % 1000, allowed % 1000 + 1
    left, right = cents / scale, (cents + apart) / scale
    assert equal(left, right, dtype, tolerance=allowed / scale) is (abs(apart) <= allowed)


@given(st.data(), st.sampled_from([I64, U64, pl.Int8(), pl.Int128(), pl.Decimal(38, 3)]))
def test_exact_numbers_are_within_a_tolerance_as_fractions_are(data: st.DataObject, dtype: pl.DataType) -> None:
    if isinstance(dtype, pl.Decimal):
        number: Any = st.decimals(-(10**34), 10**34, places=3, allow_nan=False)
    else:
        least, most = (pl.Series([0], dtype=dtype).cast(dtype).to_frame().select(end).item() for end in _ends(dtype))
        number = st.integers(least, most)
    left = data.draw(number)
    right = data.draw(number | st.just(left))
    tolerance = data.draw(st.floats(0, 1e39, allow_subnormal=False) | st.sampled_from([0.001, 0.5, 1.0, 2.5]))
    same = abs(Fraction(left) - Fraction(right)) <= Fraction(repr(tolerance))
    assert differ(pl.Series([left], dtype=dtype), pl.Series([right], dtype=dtype), tolerance=tolerance)[0] is not same
    assert equal(left, right, dtype, tolerance=tolerance) is same


def _ends(dtype: pl.DataType) -> list[pl.Expr]:
    return [dtype.min(), dtype.max()]  # type: ignore[attr-defined]  # integers have both


FLOATS = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([0.3, 0.1 + 0.2, 1e15, 1e15 + 1, 1.0, 1.01])
LEAVES: list[tuple[pl.DataType, st.SearchStrategy[Any]]] = [
    (F64, FLOATS),
    (F32, st.floats(width=32)),
    (I64, st.integers(-5, 5) | st.integers(-(2**63), 2**63 - 1)),
    (pl.Decimal(20, 2), st.decimals(-5, 5, places=2, allow_nan=False)),
    (pl.String(), st.sampled_from(["", "a", "b"])),
    (pl.Boolean(), st.booleans()),
]


@st.composite
def columns(draw: st.DrawFn) -> tuple[pl.DataType, list[Any], list[Any]]:
    """Return a dtype, nested or not, and two columns of it; often their values are near each other."""
    dtype, values = draw(st.sampled_from(LEAVES))
    for _ in range(draw(st.integers(0, 2))):
        values = st.none() | values
        match draw(st.sampled_from(["list", "array", "struct"])):
            case "list":
                dtype, values = pl.List(dtype), st.lists(values, max_size=3)
            case "array":
                dtype, values = pl.Array(dtype, 2), st.lists(values, min_size=2, max_size=2)
            case "struct":
                dtype = pl.Struct({"a": dtype, "b": pl.Int8()})
                values = st.fixed_dictionaries({"a": values, "b": st.integers(0, 1)})
    left = draw(st.lists(st.none() | values, max_size=6))
    right = [draw(st.just(value) | st.none() | values) for value in left]
    return dtype, left, right


@given(columns(), st.sampled_from([None, 0.0, 0.01, 1.0, 1e300]), st.sampled_from([0.0, 0.0, 1e-6]))
def test_columns_of_any_dtype_agree_with_single_values(
    found: tuple[pl.DataType, list[Any], list[Any]], tolerance: float | None, slack: float
) -> None:
    dtype, left, right = found
    one, other = pl.Series("a", left, dtype), pl.Series("b", right, dtype)
    expected = [
        not equal(a, b, dtype, tolerance=tolerance, slack=slack)
        for a, b in zip(one.to_list(), other.to_list(), strict=True)
    ]
    assert differ(one, other, tolerance=tolerance, slack=slack).to_list() == expected


@given(FLOATS, FLOATS, st.floats(1e-9, 1e9))
def test_a_wider_tolerance_never_makes_equal_values_differ(left: float, right: float, tolerance: float) -> None:
    if equal(left, right, F64, tolerance=tolerance):
        assert equal(left, right, F64, tolerance=tolerance * 2)
        assert equal(right, left, F64, tolerance=tolerance)


def test_slack_is_for_floats_alone() -> None:
    assert equal(1.0, 1.5, F64, slack=0.5)
    assert equal(1.0, 1.5, F64, tolerance=0.0, slack=0.5)
    assert not equal(1.0, 2.0, F64, slack=5.0)
    assert equal(1.0, 2.0, F64, slack=5.0, tolerance=1.0)
    assert not equal(1, 2, I64, slack=5.0)
    assert differ(pl.Series([[1.0, 9.0]]), pl.Series([[1.4, 9.0]]), slack=0.5).to_list() == [False]


def test_a_dtype_says_whether_it_holds_numbers() -> None:
    assert has_numbers(pl.List(STRUCT))
    assert has_floats(pl.Array(F32, 3))
    assert not has_floats(pl.List(I64))
    assert not has_numbers(pl.Struct({"at": pl.Date, "ok": pl.Boolean}))
