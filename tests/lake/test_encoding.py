"""Every dtype a contract can have survives publishing and reading, to the bit."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.lake.published import MOMENT, contract, saved
from workbench.define import Contract
from workbench.errors import LakeError
from workbench.lake import Lake, LakeWriter
from workbench.lake.encoding import delta_schema, physical, schema_hash, stored_schema


def ends(bits: int, *, signed: bool = True) -> list[int]:
    return [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, 0] if signed else [0, 2**bits - 1]


LETTERS = ["", "a", "b\0c", "ü", "null"]
UNITS: tuple[Literal["ms", "us", "ns"], ...] = ("ms", "us", "ns")
ZONES = (None, "UTC", "Europe/Berlin", "America/St_Johns")
FLAT: list[tuple[pl.DataType, list[Any]]] = [
    *((kind(), ends(bits)) for kind, bits in ((pl.Int8, 8), (pl.Int16, 16), (pl.Int32, 32), (pl.Int64, 64))),
    *((kind(), ends(bits, signed=False)) for kind, bits in ((pl.UInt8, 8), (pl.UInt16, 16), (pl.UInt32, 32))),
    (pl.UInt64(), ends(64, signed=False)),
    (pl.Int128(), ends(128)),
    (pl.Float64(), [float("nan"), float("inf"), float("-inf"), -0.0, 5e-324, 1.7e308]),
    (pl.Float32(), [float("nan"), float("inf"), float("-inf"), -0.0, 1e-45]),
    (pl.Boolean(), [True, False]),
    (pl.String(), LETTERS),
    (pl.Binary(), [b"", b"\0\xff"]),
    (pl.Categorical(), LETTERS),
    (pl.Enum(LETTERS), LETTERS),
    (pl.Date(), ends(32)),
    (pl.Time(), [0, 86_399_999_999_999]),
    (pl.Decimal(38, 9), [Decimal("-12345678901234567890123456789.123456789"), Decimal("1E-9")]),
    (pl.Decimal(5, 2), [Decimal("999.99"), Decimal("-0.01")]),
    *((pl.Duration(unit), ends(64)) for unit in UNITS),
    *((pl.Datetime(unit, zone), [*ends(64), -62_000_000_000_000_001]) for unit in UNITS for zone in ZONES),
]
"""Dtypes with values at their edges; times as the numbers they are stored as, however far from us."""

Made = tuple[pl.DataType, st.SearchStrategy[Any]]


def nested(inner: st.SearchStrategy[Made]) -> st.SearchStrategy[Made]:
    def lists(made: Made) -> Made:
        return pl.List(made[0]), st.lists(st.none() | made[1], max_size=2)

    def arrays(made: Made) -> Made:
        return pl.Array(made[0], 2), st.lists(st.none() | made[1], min_size=2, max_size=2)

    def structs(made: Made) -> Made:
        fields = {"x": st.none() | made[1], "Y z": st.just(7)}
        return pl.Struct({"x": made[0], "Y z": pl.UInt8()}), st.fixed_dictionaries(fields)

    return st.one_of(inner.map(lists), inner.map(arrays), inner.map(structs))


def drawn_from(flat: tuple[pl.DataType, list[Any]]) -> Made:
    return flat[0], st.sampled_from(flat[1])


COLUMNS = st.recursive(st.sampled_from(FLAT).map(drawn_from), nested, max_leaves=3)


def raw(dtype: Any) -> pl.DataType:
    """Return the dtype that the values of `FLAT` are given in."""
    match dtype:
        case pl.Date():
            return pl.Int32()
        case pl.Datetime() | pl.Duration() | pl.Time():
            return pl.Int64()
        case pl.List():
            return pl.List(raw(dtype.inner))
        case pl.Array():
            return pl.Array(raw(dtype.inner), 2)
        case pl.Struct():
            return pl.Struct({field.name: raw(field.dtype) for field in dtype.fields})
        case _:
            return dtype  # type: ignore[no-any-return]  # an instance, as contracts have them


@st.composite
def frames(draw: st.DrawFn) -> pl.DataFrame:
    height = draw(st.integers(0, 4))
    columns = []
    for number in range(draw(st.integers(1, 4))):
        dtype, values = draw(COLUMNS)
        drawn = draw(st.lists(st.none() | values, min_size=height, max_size=height))
        columns.append(pl.Series(f"c{number}", drawn, dtype=raw(dtype)).cast(dtype))
    return keyed(columns, height)


def keyed(columns: list[pl.Series], height: int) -> pl.DataFrame:
    """Return the columns between keys and the ``total`` of every contract here."""
    users = pl.Series("user", ["u"] * height, dtype=pl.String)
    times = pl.Series("at", [0] * height, dtype=pl.Int64).cast(MOMENT)
    return pl.DataFrame([users, times, *columns, pl.Series("total", [1.0] * height, dtype=pl.Float64)])


def under(frame: pl.DataFrame) -> Contract:
    return contract(**{name: dtype for name, dtype in frame.schema.items() if name.startswith("c")})


def round_trip(frame: pl.DataFrame, *, file: bool) -> pl.DataFrame:
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake("lake", root=Path(folder))
        data = saved(frame, Path(folder, "data.parquet")) if file else frame.lazy()
        promise = under(frame)
        version = LakeWriter(lake).publish(data, view="spend", major=1, contract=promise, view_id="a1", metadata={})
        assert lake.info("spend", 1, version).rows == frame.height
        return lake.scan("spend", 1, version, promise).collect().select(frame.columns)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(frame=frames(), file=st.booleans())
def test_any_frame_that_a_contract_allows_is_read_as_it_was(frame: pl.DataFrame, file: bool) -> None:  # noqa: FBT001
    assert_frame_equal(round_trip(frame, file=file), frame, check_exact=True)


WRAPS: list[Callable[[pl.Expr], pl.Expr]] = [
    lambda column: column,
    lambda column: column.implode().over(pl.int_range(pl.len()), mapping_strategy="explode"),
    lambda column: column.reshape((-1, 1)),
    lambda column: pl.struct(x=column),
]


@pytest.mark.parametrize("height", [0, 1, 20])
def test_each_dtype_alone_and_nested_is_read_as_it_was(height: int) -> None:
    columns = []
    for number, (dtype, values) in enumerate(FLAT):
        base = pl.Series("c", ([None, *values] * height)[:height], dtype=raw(dtype)).cast(dtype).to_frame()
        columns += [
            base.select(wrap(pl.col("c")).alias(f"c{number}_{deep}")).to_series() for deep, wrap in enumerate(WRAPS)
        ]
    frame = keyed(columns, height)
    assert_frame_equal(round_trip(frame, file=True), frame, check_exact=True)


def test_null_rows_and_rows_of_nulls_stay_apart() -> None:
    dtype = pl.Struct({"x": pl.List(pl.Enum(["a"])), "y": pl.Array(pl.UInt8, 1)})
    values = [None, {"x": None, "y": None}, {"x": [None], "y": [None]}, {"x": [], "y": [1]}]
    frame = keyed([pl.Series("c", values, dtype=dtype)], 4)
    assert round_trip(frame, file=True)["c"].to_list() == values


PAIR = pl.Array(pl.Int8, 2)


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        (pl.Array(PAIR, 2), [None, None, None, [[1, 2], [3, None]]]),
        (pl.Array(pl.Array(pl.Array(pl.Int8, 1), 2), 2), [None, [[[1], [2]], None], [None, [None, None]]]),
        (pl.Array(pl.Struct({"q": PAIR}), 2), [None, [None, {"q": None}], [{"q": [1, 2]}, {"q": [None, None]}]]),
        (pl.Struct({"q": pl.Array(pl.Array(pl.UInt8, 1), 2)}), [None, {"q": None}, {"q": [[255], None]}]),
        (pl.List(pl.Array(PAIR, 1)), [None, [], [None], [[[1, 2]], [None]]]),
        (pl.Array(pl.Array(pl.Int8, 0), 2), [None, [[], []], [None, []]]),
    ],
)
def test_arrays_in_arrays_are_read_as_they_were(dtype: pl.DataType, values: list[Any]) -> None:
    for start in range(len(values)):
        turned = values[start:] + values[:start]
        frame = keyed([pl.Series("c", turned, dtype=dtype)], len(turned))
        assert round_trip(frame, file=False)["c"].to_list() == turned


def test_what_delta_holds_is_stored_as_it_is() -> None:
    same = [pl.Int8(), pl.Float32(), pl.String(), pl.Binary(), pl.Date(), MOMENT, pl.Datetime("us"), pl.Decimal(5, 2)]
    assert [physical(dtype) for dtype in same] == same
    assert [physical(pl.List(pl.Struct({"x": dtype}))) for dtype in same] == [
        pl.List(pl.Struct({"x": d})) for d in same
    ]


def test_a_column_without_a_dtype_is_read_as_one() -> None:
    frame = keyed([pl.Series("c", [None, None], dtype=pl.Null)], 2)
    assert_frame_equal(round_trip(frame, file=True), frame)


def test_columns_that_differ_in_case_alone_are_refused() -> None:
    with pytest.raises(LakeError, match="differ only in case"):
        delta_schema(contract(Total=pl.Int64()))


def test_a_dtype_that_nothing_holds_is_refused() -> None:
    with pytest.raises(LakeError, match="cannot hold"):
        delta_schema(contract(thing=pl.Object()))


def test_the_schema_hash_is_over_logical_names_and_dtypes_in_any_order() -> None:
    first, second = contract(a=pl.Int8(), b=pl.Duration("ms")), contract(b=pl.Duration("ms"), a=pl.Int8())
    assert schema_hash(first) == schema_hash(second)
    other = contract(a=pl.Int8(), b=pl.Duration("us"))
    assert stored_schema(other) == stored_schema(first)
    assert schema_hash(other) != schema_hash(first)


def test_the_delta_schema_names_deltas_types() -> None:
    columns = contract(a=pl.List(pl.Datetime("us")), b=pl.UInt64(), c=pl.Struct({"x": pl.Time()}))
    types = {field["name"]: field["type"] for field in json.loads(delta_schema(columns))["fields"]}
    assert types["a"] == {"type": "array", "elementType": "timestamp_ntz", "containsNull": True}
    assert (types["at"], types["b"], types["c"]["fields"][0]["type"]) == ("timestamp", "decimal(20,0)", "long")
