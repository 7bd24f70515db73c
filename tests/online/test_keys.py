"""Keys sort as entities do and never run together; a value of another kind is refused, not missed."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import JoinError, UsageError
from workbench.online.keys import LONGEST, NO_ROW, EntityKeys, descending, instant_of

VALUES: dict[str, tuple[pl.DataType, st.SearchStrategy[Any]]] = {
    "text": (pl.String(), st.text(max_size=6) | st.sampled_from(["\x00", "\x00\x01", "a\x00b", "a"])),
    "int": (pl.Int64(), st.integers(-(2**63), 2**63 - 1)),
    "small int": (pl.Int16(), st.integers(-(2**15), 2**15 - 1)),
    "unsigned": (pl.UInt64(), st.integers(0, 2**64 - 1)),
    "bool": (pl.Boolean(), st.booleans()),
    "bytes": (pl.Binary(), st.binary(max_size=6)),
    "date": (pl.Date(), st.dates()),
    "time": (pl.Time(), st.times()),
    "moment": (pl.Datetime("us", "UTC"), st.datetimes(timezones=st.just(UTC))),
    "duration": (pl.Duration("us"), st.timedeltas(timedelta(-(10**5)), timedelta(10**5))),
    "decimal": (pl.Decimal(38, 3), st.decimals(-(10**12), 10**12, places=3)),
    "float": (pl.Float64(), st.floats(allow_nan=False)),
}


@pytest.mark.parametrize("kind", VALUES)
@given(data=st.data())
def test_keys_sort_as_their_entities_do(kind: str, data: st.DataObject) -> None:
    dtype, values = VALUES[kind]
    keys = EntityKeys("v", (("a", dtype), ("b", dtype)))
    one, other = data.draw(st.tuples(values, values)), data.draw(st.tuples(values, values))
    left, right = (keys.encode({"a": pair[0], "b": pair[1]}) for pair in (one, other))
    assert left is not None
    assert right is not None
    assert (left < right, left == right) == (one < other, one == other)
    # a row's key is its entity's and an instant: a reader knows it by how it begins
    assert left == right or not (left + descending(0)).startswith(right)
    assert not left.startswith(NO_ROW)


def test_parts_of_a_key_do_not_run_together() -> None:
    keys = EntityKeys("v", (("a", pl.String()), ("b", pl.String())))
    pairs = [("a", "bc"), ("ab", "c"), ("", "abc"), ("abc", ""), ("a\x00", "bc"), ("a", "\x00bc"), ("a\x00\x01", "bc")]
    assert len({keys.encode({"a": a, "b": b}) for a, b in pairs}) == len(pairs)


def test_long_keys_are_told_apart() -> None:
    keys = EntityKeys("v", (("a", pl.String()),))
    found = [keys.encode({"a": "x" * (LONGEST + 100) + end}) for end in ("", "a", "b")]
    assert len(set(found)) == 3
    assert all(key is not None and len(key) < 64 for key in found)


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        (pl.Int64(), "1"), (pl.Int64(), 1.0), (pl.Int64(), True), (pl.Int32(), Decimal(1)), (pl.String(), 1),
        (pl.String(), b"a"), (pl.Boolean(), 1), (pl.Date(), datetime(2024, 1, 1, tzinfo=UTC)),
        (pl.Datetime("us", "UTC"), date(2024, 1, 1)), (pl.Float64(), "1"), (pl.Float64(), True), (pl.Time(), "12:00"),
        (pl.Decimal(10, 2), 1.5), (pl.Duration("us"), 1), (pl.Binary(), "a"),
    ],
)  # fmt: skip
def test_a_value_of_another_kind_is_refused_by_name(dtype: pl.DataType, value: object) -> None:
    with pytest.raises(JoinError, match=r"(?s)The key 'a' of view 'v' is .*Pass a value of type"):
        EntityKeys("v", (("a", dtype),)).encode({"a": value})


def test_integers_of_any_width_are_one_key() -> None:
    for dtype in (pl.Int8(), pl.Int64(), pl.UInt32(), pl.UInt64()):
        encode = EntityKeys("v", (("a", dtype),)).encode
        assert len({encode({"a": value}) for value in (0, np.int32(0), np.uint8(0))}) == 1


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        (pl.Int64(), 2**63), (pl.UInt64(), -1), (pl.Int64(), None), (pl.Decimal(10, 2), Decimal("1.234")),
        (pl.Decimal(10, 2), Decimal("NaN")),
        (pl.Datetime("ms", "UTC"), datetime(2024, 1, 1, microsecond=1, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_what_no_row_can_have_has_no_key(dtype: pl.DataType, value: object) -> None:
    assert EntityKeys("v", (("a", dtype),)).encode({"a": value}) is None


def test_zeros_are_one_key_and_so_are_nans() -> None:
    encode = EntityKeys("v", (("a", pl.Float64()),)).encode
    assert encode({"a": 0.0}) == encode({"a": -0.0}) == encode({"a": 0})
    assert encode({"a": float("nan")}) == encode({"a": -float("nan")})


def test_a_moment_without_a_zone_is_utc() -> None:
    encode = EntityKeys("v", (("a", pl.Datetime("us", "UTC")),)).encode
    assert encode({"a": datetime(2024, 1, 1)}) == encode({"a": datetime(2024, 1, 1, tzinfo=UTC)})  # noqa: DTZ001
    assert EntityKeys("v", (("a", pl.Time()),)).encode({"a": time(1)}) is not None


def test_a_missing_key_is_named() -> None:
    with pytest.raises(JoinError, match=r"(?s)has no 'user', which is a key of view 'v'.*did you mean 'usr'"):
        EntityKeys("v", (("user", pl.String()),)).encode({"usr": "a"})


def test_a_dtype_without_an_order_of_bytes_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be looked up online"):
        EntityKeys("v", (("a", pl.List(pl.Int64)),)).encode({"a": [1]})


@given(st.integers(-(2**63) + 1, 2**63 - 1), st.integers(-(2**63) + 1, 2**63 - 1))
def test_instants_sort_the_latest_first(one: int, other: int) -> None:
    assert (descending(one) < descending(other)) == (one > other)
    assert instant_of(descending(one)) == one
