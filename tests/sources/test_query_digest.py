from __future__ import annotations

import struct
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.sources.query import land
from workbench.sources.query_digest import in_order, rows_digest

SCHEMA: dict[str, Any] = {
    "number": pl.Int64,
    "ratio": pl.Float64,
    "text": pl.String,
    "flag": pl.Boolean,
    "at": pl.Datetime("us"),
    "raw": pl.Binary,
    "items": pl.List(pl.Int32),
}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "number": st.integers(-3, 3) | st.integers(-(2**63), 2**63 - 1),
    "ratio": st.sampled_from([0.0, 1.5, float("nan"), float("inf")]) | st.floats(),
    "text": st.text(max_size=4),
    "flag": st.booleans(),
    "at": st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001  a naive column
    "raw": st.binary(max_size=3),
    "items": st.lists(st.integers(-2, 2), max_size=2),
}
ROWS = st.lists(st.fixed_dictionaries({name: st.none() | value for name, value in VALUES.items()}), max_size=8)


def digest(frame: pl.DataFrame) -> str:
    return rows_digest(in_order(frame, ["at"]))


@given(rows=ROWS, data=st.data())
def test_the_order_of_rows_and_of_columns_means_nothing(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    frame = pl.DataFrame(rows, schema=SCHEMA)
    shuffled = pl.DataFrame(data.draw(st.permutations(rows)), schema=SCHEMA)
    assert digest(shuffled.select(data.draw(st.permutations(list(SCHEMA))))) == digest(frame)


@given(rows=ROWS.filter(bool), data=st.data())
def test_any_other_value_is_other_data(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.sampled_from(sorted(SCHEMA)))
    value = data.draw(st.none() | VALUES[column])
    changed = [dict(row) for row in rows]
    changed[place][column] = value
    left, right = pl.DataFrame(rows, schema=SCHEMA), pl.DataFrame(changed, schema=SCHEMA)
    before, after = rows[place][column], value
    same = (
        struct.pack("d", before) == struct.pack("d", after)
        if {type(before), type(after)} == {float}
        else before == after
    )
    assert (digest(left) == digest(right)) is same


def test_how_often_a_row_stands_counts() -> None:
    once = pl.DataFrame({"a": [1, 2]})
    assert digest(once) != digest(pl.DataFrame({"a": [1, 2, 2]})) != digest(pl.DataFrame({"a": [1, 1, 2]}))


def test_values_belong_to_their_row() -> None:
    assert digest(pl.DataFrame({"a": [1, 2], "b": [1, 2]})) != digest(pl.DataFrame({"a": [1, 2], "b": [2, 1]}))


def test_texts_do_not_run_into_each_other() -> None:
    assert digest(pl.DataFrame({"a": ["x", "yz"]})) != digest(pl.DataFrame({"a": ["xy", "z"]}))
    assert digest(pl.DataFrame({"a": ["", None]})) != digest(pl.DataFrame({"a": [None, None]}, schema={"a": pl.String}))


def test_names_and_dtypes_count() -> None:
    frame = pl.DataFrame({"a": [1]})
    assert digest(frame) != digest(frame.rename({"a": "b"}))
    assert digest(frame) != digest(frame.cast(pl.Int32))
    assert digest(frame.clear()) != digest(frame.clear().cast(pl.Int32))


NANOSECOND = 1_704_067_200_000_000_001
MOST = 2**127 - 1
PAIRS: list[tuple[Any, Any, Any]] = [
    (pl.Boolean(), True, False),
    *((dtype(), 1, 2) for dtype in (pl.Int8, pl.Int16, pl.Int32, pl.UInt8, pl.UInt16, pl.UInt32)),
    (pl.Int64(), 2**53, 2**53 + 1),
    (pl.UInt64(), 2**64 - 1, 2**64 - 2),
    (pl.Int128(), MOST, MOST - 1),
    (pl.UInt128(), 2**128 - 1, 2**128 - 2),
    *((dtype(), 0.0, -0.0) for dtype in (pl.Float16, pl.Float32, pl.Float64)),
    (pl.Float64(), 0.1, 0.1 + 2**-56),
    (pl.Float64(), float("nan"), float("inf")),
    (
        pl.Float64(),
        *(struct.unpack("<d", bits.to_bytes(8, "little"))[0] for bits in (0x7FF8 << 48, (0x7FF8 << 48) + 1)),
    ),
    (pl.Decimal(38, 2), Decimal("1.10"), Decimal("1.11")),
    (pl.Decimal(38, 0), Decimal(10**37), Decimal(10**37 + 1)),
    (pl.String(), "", "\0"),
    (pl.String(), "ü", "u\u0308"),
    (pl.Binary(), b"", b"\0"),
    (pl.Categorical(), "x", "y"),
    (pl.Enum(["x", "y"]), "x", "y"),
    (pl.Date(), 0, 1),
    *((pl.Datetime("ns", zone), NANOSECOND, NANOSECOND + 1) for zone in (None, "UTC")),
    *((pl.Datetime(unit), 1, 2) for unit in ("ms", "us")),
    *((pl.Duration(unit), NANOSECOND, NANOSECOND + 1) for unit in ("ms", "us", "ns")),
    (pl.Time(), 36_000_000_000_001, 36_000_000_000_002),
]
DEEP: list[Any] = [
    pl.concat_list,
    lambda inner: pl.struct(x=inner),
    lambda inner: pl.concat_list(pl.struct(x=inner, y=pl.concat_list(inner))),
    lambda inner: pl.struct(x=pl.concat_list(pl.concat_list(inner))),
    lambda inner: pl.concat_list(inner).list.to_array(1),
]


def column(dtype: pl.DataType, values: list[Any]) -> pl.DataFrame:
    stored = pl.Int32() if dtype == pl.Date else pl.Int64() if dtype.is_temporal() else dtype
    return pl.DataFrame({"a": pl.Series(values, dtype=stored).cast(dtype)})


@pytest.mark.parametrize(("dtype", "one", "other"), PAIRS, ids=lambda value: str(value)[:40])
def test_every_value_counts_to_its_last_bit_however_deep(dtype: Any, one: Any, other: Any) -> None:
    wraps = [wrap(pl.col("a")).alias(str(place)) for place, wrap in enumerate(DEEP)]
    left, right = (column(dtype, [one, None, last]).select("a", *wraps) for last in (other, one))
    assert digest(left) == digest(left[[2, 1, 0]])
    for name in left.columns:
        assert digest(left.select(name)) != digest(right.select(name))


def test_nothing_is_not_a_list_of_nothing() -> None:
    values: list[Any] = [None, [], [None], [[]], [[None]]]
    frames = [pl.DataFrame({"a": pl.Series([value], dtype=pl.List(pl.List(pl.Time)))}) for value in values]
    structs = [
        pl.DataFrame({"a": pl.Series([value], dtype=pl.Struct({"x": pl.Int8}))}) for value in (None, {"x": None})
    ]
    assert len(set(map(digest, frames))) == len(frames)
    assert len(set(map(digest, structs))) == len(structs)


@pytest.mark.parametrize("dtype", [dtype for dtype, *_ in PAIRS], ids=str)
def test_landed_rows_are_the_rows(dtype: Any, tmp_path: Path) -> None:
    one, other = next((one, other) for known, one, other in PAIRS if known == dtype)
    left = column(dtype, [one, None, other])
    frame = left.select("a", *(wrap(pl.col("a")).alias(str(place)) for place, wrap in enumerate(DEEP)))
    landed = pl.read_parquet(land(frame, tmp_path / "a.parquet"))
    assert landed.schema == frame.schema
    assert digest(landed) == digest(frame)


def test_maps_count_with_every_pair() -> None:
    kind = pa.map_(pa.string(), pa.timestamp("ns"))
    values = [[("a", 1), ("a", 2)], [("a", 2)], [("a", 2), ("a", 1)], [], None, [("a", None)]]
    found = {rows_digest(pl.DataFrame(pa.table({"m": pa.array([value], kind)}))) for value in values}
    assert len(found) == len(values)


def test_the_digest_is_the_same_in_every_version_of_the_engine() -> None:
    frame = pl.DataFrame({"id": [2, 1, None], "name": ["b", "ä", None], "x": [0.5, -0.0, None]})
    assert digest(frame) == "94013c5c60e36346b8ff1168e8cef9d205e4627fc4ed3e2386cbd24fede53b30"


def test_rows_stand_by_the_first_columns() -> None:
    frame = pl.DataFrame({"z": [1, 2, 3], "at": [3, 1, 2]})
    assert in_order(frame, ["at", "absent"]).get_column("at").to_list() == [1, 2, 3]
