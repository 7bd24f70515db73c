"""A digest knows every value and which row it belongs to, and does not know the order of the rows."""

from __future__ import annotations

import math
import os
import struct
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.compute import OutputDigest, digest_frame
from workbench.compute.digest import sum_frame
from workbench.records import from_json, to_json

KEYS = ("key",)
FLOATS = st.floats(allow_nan=True, allow_infinity=True) | st.none()
VALUES: dict[str, tuple[pl.DataType, st.SearchStrategy[object]]] = {
    "float": (pl.Float64(), FLOATS),
    "float32": (pl.Float32(), st.floats(width=32) | st.none()),
    "int": (pl.Int64(), st.integers(-(2**63), 2**63 - 1) | st.none()),
    "small": (pl.UInt8(), st.integers(0, 255) | st.none()),
    "unsigned": (pl.UInt64(), st.integers(0, 2**64 - 1) | st.none()),
    "wide": (pl.Int128(), st.integers(-(2**100), 2**100) | st.none()),
    "bool": (pl.Boolean(), st.booleans() | st.none()),
    "text": (pl.String(), st.text(max_size=40) | st.none()),
    "bytes": (pl.Binary(), st.binary(max_size=40) | st.none()),
    "decimal": (pl.Decimal(20, 2), st.integers(-(10**9), 10**9).map(lambda n: Decimal(n) / 100) | st.none()),
    "date": (pl.Date(), st.dates() | st.none()),
    "time": (pl.Time(), st.times() | st.none()),
    "moment": (pl.Datetime("us"), st.datetimes(datetime(1, 1, 2), datetime(9000, 1, 1)) | st.none()),  # noqa: DTZ001
    "span": (pl.Duration("us"), st.timedeltas(timedelta(-9999), timedelta(9999)) | st.none()),
    "enum": (pl.Enum(["a", "b", "c"]), st.sampled_from(["a", "b", "c", None])),
    "list": (pl.List(pl.Int64()), st.lists(st.integers(0, 9) | st.none(), max_size=4) | st.none()),
    "lists": (pl.List(pl.List(pl.String())), st.lists(st.lists(st.text(max_size=20), max_size=3), max_size=3)),
    "struct": (
        pl.Struct({"x": pl.Float64(), "y": pl.String()}),
        st.fixed_dictionaries({"x": FLOATS, "y": st.text(max_size=20)}),
    ),
}


def frame(
    values: Sequence[object], dtype: pl.DataType | None = None, keys: Sequence[object] | None = None
) -> pl.DataFrame:
    given_keys = list(range(len(values))) if keys is None else keys
    return pl.DataFrame({"key": given_keys, "value": pl.Series(values, dtype=dtype, strict=False)})


def digest(data: pl.DataFrame, keys: tuple[str, ...] = KEYS) -> OutputDigest:
    return digest_frame(data.lazy(), keys=keys)


def same(one: object, other: object) -> bool:
    """Equal to the last bit: minus zero is not zero, and a NaN is another one with another payload."""
    return written(one) == written(other)


def written(value: object) -> str:
    if isinstance(value, float):
        return struct.pack("<d", value).hex()
    if isinstance(value, list):
        return str([written(item) for item in value])
    return str({name: written(item) for name, item in value.items()}) if isinstance(value, dict) else repr(value)


@pytest.mark.parametrize("kind", VALUES)
@given(data=st.data())
def test_a_changed_value_moves_the_exact_digest_and_a_permutation_none(kind: str, data: st.DataObject) -> None:
    dtype, strategy = VALUES[kind]
    values = data.draw(st.lists(strategy, min_size=1, max_size=12))
    before = frame(values, dtype)
    order = data.draw(st.permutations(range(len(values))))
    shuffled = before[order].cast(before.schema)  # Polars forgets the inner dtype of lists that are all null
    assert digest(shuffled) == digest(before)
    place, new = data.draw(st.integers(0, len(values) - 1)), data.draw(strategy)
    after = frame([*values[:place], new, *values[place + 1 :]], dtype)
    stored = (before["value"].to_list()[place], after["value"].to_list()[place])
    assert (digest(after).exact == digest(before).exact) == same(*stored)
    assert (digest(after).columns["value"] == digest(before).columns["value"]) == same(*stored)


@given(st.lists(st.integers(0, 5) | st.none(), min_size=2, max_size=12), st.data())
def test_values_swapped_between_rows_move_it(values: list[int | None], data: st.DataObject) -> None:
    one = data.draw(st.integers(0, len(values) - 1))
    other = data.draw(st.integers(0, len(values) - 1))
    swapped = list(values)
    swapped[one], swapped[other] = values[other], values[one]
    left, right = digest(frame(values, pl.Int64())), digest(frame(swapped, pl.Int64()))
    assert (left.rounded == right.rounded) == (values == swapped)
    assert (left.columns["value"]["rounded"] == right.columns["value"]["rounded"]) == (values == swapped)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)), max_size=10), st.data())
def test_it_is_that_of_a_multiset_of_rows(rows: list[tuple[int, int, int]], data: st.DataObject) -> None:
    other = data.draw(st.permutations(rows) | st.lists(st.sampled_from(rows or [(0, 0, 0)]), max_size=10))
    schema = {"key": pl.Int64, "a": pl.Int64, "b": pl.Int64}
    left, right = (digest(pl.DataFrame(some, schema=schema, orient="row")) for some in (rows, other))
    assert (left == right) == (sorted(rows) == sorted(other))
    assert (left.rounded == right.rounded) == (sorted(rows) == sorted(other))


@pytest.mark.parametrize("kind", VALUES)
@given(data=st.data())
def test_it_is_known_of_rows_that_are_left_and_added_without_the_others(kind: str, data: st.DataObject) -> None:
    dtype, values = VALUES[kind]
    rows = st.lists(st.tuples(st.sampled_from([0.0, -0.0, 1.5, None]), values), max_size=8)
    left, removed, added = (
        pl.DataFrame(data.draw(rows), {"key": pl.Float64, "value": dtype}, orient="row") for _ in range(3)
    )
    sums = sum_frame(pl.concat([left, removed]).lazy(), keys=KEYS)
    sums.remove(sum_frame(removed.lazy(), keys=KEYS))
    sums.add(added)
    right = sum_frame(pl.concat([added, left]).lazy(), keys=KEYS)
    assert (sums.digest(), sums.to_plain()) == (right.digest(), right.to_plain())


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ([1, 4], [2, 3]),
        ([0, 0], [1, -1]),
        ([5, 5, 5], [5, 5]),
        ([1, 1], [1]),
        ([None, 1], [1, 1]),
        ([2**62] * 4, [0] * 4),
    ],
)
def test_values_that_cancel_within_one_key_do_not_cancel_in_the_digest(left: list[int], right: list[int]) -> None:
    one, other = (digest(frame(some, pl.Int64(), ["k"] * len(some))) for some in (left, right))
    assert one.columns["value"]["rounded"] != other.columns["value"]["rounded"]


def test_columns_belong_together_even_among_rows_of_one_key() -> None:
    one = pl.DataFrame({"key": [1, 1], "a": [1, 2], "b": [1, 2]})
    other = pl.DataFrame({"key": [1, 1], "a": [1, 2], "b": [2, 1]})
    assert digest(one).columns == digest(other).columns
    assert digest(one).rounded != digest(other).rounded


def test_names_dtypes_and_keys_move_it_and_the_order_of_columns_does_not() -> None:
    data = frame([1, 2, 3])
    known = digest(data)
    assert digest(data.rename({"value": "worth"})).rounded != known.rounded
    for dtype in (pl.Int32, pl.UInt64, pl.Float64, pl.String, pl.Duration("us"), pl.Datetime("us", "UTC")):
        assert digest(data.with_columns(pl.col("value").cast(dtype))).rounded != known.rounded
    assert digest(data, ("key", "value")).rounded != known.rounded
    assert digest(data.select("value", "key")).rounded == known.rounded


def test_time_zones_and_units_are_part_of_the_dtype() -> None:
    moments = pl.Series([datetime(2013, 1, 1, tzinfo=UTC)])
    kinds = [moments.cast(pl.Datetime(unit, zone)) for unit in ("us", "ms") for zone in ("UTC", "Europe/Berlin")]
    assert len({digest(pl.DataFrame({"key": [1], "value": kind})).rounded for kind in kinds}) == 4


def test_nan_null_and_zero_differ_and_zeros_and_nans_do_to_the_bit_alone() -> None:
    nan, null, zero, minus = (digest(frame([value], pl.Float64())) for value in (math.nan, None, 0.0, -0.0))
    assert len({nan.rounded, null.rounded, zero.rounded}) == 3
    assert (zero.rounded, zero.exact == minus.exact) == (minus.rounded, False)
    other = pl.Series([0x7FF8000000000001], dtype=pl.UInt64).reinterpret(dtype=pl.Float64)
    quiet = digest(pl.DataFrame({"key": [0], "value": other}))
    assert (quiet.rounded, quiet.exact == nan.exact) == (nan.rounded, False)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ([2.0**53], [2.0**53 + 2]),
        ([1e15 + 1], [1e15 + 101]),
        ([[1e15 + 1, 0.0]], [[1e15 + 2, 0.0]]),
        ([[0.0]], [[-0.0]]),
        ([{"a": 0.0}], [{"a": -0.0}]),
    ],
)
def test_what_lies_beyond_the_twelfth_digit_moves_the_exact_digest(left: list[object], right: list[object]) -> None:
    one, other = digest(frame(left)), digest(frame(right))
    assert one.exact != other.exact
    assert one.columns["value"]["exact"] != other.columns["value"]["exact"]


@pytest.mark.parametrize("kind", [pl.Float32(), pl.Float64()])
def test_bits_belong_to_their_rows_even_among_rows_of_one_key(kind: pl.DataType) -> None:
    one = pl.DataFrame({"key": [1, 1], "a": [0.0, -0.0], "b": ["x", "y"]}, schema_overrides={"a": kind})
    other = one.with_columns(pl.col("a").reverse())
    assert digest(one).columns == digest(other).columns
    assert digest(one).exact != digest(other).exact


def test_categories_count_as_their_strings() -> None:
    kinds = [pl.Enum(["a", "b", "c"]), pl.Enum(["c", "b", "a", "z"])]
    columns = [digest(frame(["a", "b", None], kind)) for kind in kinds]
    assert columns[0].rounded != columns[1].rounded  # another dtype
    first = frame(["x", "a", "b"], pl.Categorical()).slice(1)
    other = frame(["b", "a"], pl.Categorical()).reverse().with_columns(key=pl.Series([1, 2]))
    assert digest(first) == digest(other)


@given(st.lists(st.decimals(-(10**6), 10**6, places=3).map(float), min_size=1, max_size=20), st.data())
def test_noise_moves_the_exact_digest_and_not_the_rounded_one(values: list[float], data: st.DataObject) -> None:
    """Measured decimals lie in the middle of a decimal cell, so that noise cannot reach its edge."""
    noisy = [value * (1 + data.draw(st.floats(-1e-15, 1e-15))) for value in values]
    before, after = digest(frame(values, pl.Float64())), digest(frame(noisy, pl.Float64()))
    assert before.rounded == after.rounded
    assert (before.exact == after.exact) == (values == noisy)


@given(st.floats(1e-270, 1e300), st.sampled_from([1e-10, -1e-10, 1e-6, 0.5]))
def test_a_change_in_the_eleventh_digit_moves_the_rounded_digest(value: float, change: float) -> None:
    assert digest(frame([value])).rounded != digest(frame([value * (1 + change)])).rounded


@pytest.mark.parametrize("value", [0.0, 5e-324, 1e-300, 1e308, math.inf, -math.inf, 2.0**1000, 1e15 + 0.5])
def test_extreme_floats_have_digests_of_their_own(value: float) -> None:
    others = [0.0, 5e-324, 1e-300, 1e308, math.inf, -math.inf, 2.0**1000, 1e15 + 0.5]
    mine = digest(frame([value])).rounded
    assert [digest(frame([other])).rounded == mine for other in others] == [other == value for other in others]


@pytest.mark.parametrize("length", [0, 3, 4, 5, 11, 12, 13, 16, 19, 20, 21, 100, 5000])
def test_every_byte_of_a_string_counts(length: int) -> None:
    text = "".join(chr(97 + number % 26) for number in range(length))
    changed = [text[:place] + "#" + text[place + 1 :] for place in {0, length // 2, length - 1} if 0 <= place < length]
    seen = [digest(frame([value, "pad" * 20])).rounded for value in (text, text + "\0", *changed)]
    assert len(set(seen)) == 2 + len(changed)


def test_strings_are_the_same_wherever_they_lie_in_memory() -> None:
    texts = ["short", "a string that is longer than twelve", None, "another one, longer still than that", ""]
    data = frame(list(texts) * 3)
    parts = pl.concat([data.slice(start, 2) for start in range(0, 15, 2)], rechunk=False)
    assert digest(parts) == digest(data) == digest(data.reverse().reverse())


def test_row_groups_threads_and_processes_do_not_matter(tmp_path: Path) -> None:
    data = frame([float(number) / 7 if number % 5 else None for number in range(70_000)])
    data = data.with_columns(text=pl.col("key").cast(pl.String) + pl.lit(" and some more text"))
    seen = set()
    for size in (1_000, 33_333, None):
        path = tmp_path / f"{size}.parquet"
        data.sample(fraction=1, shuffle=True, seed=size or 1).write_parquet(path, row_group_size=size)
        seen.add(digest_frame(pl.scan_parquet(path), keys=KEYS).exact)
    program = "import sys; import polars as pl; from workbench.compute import digest_frame; "
    program += "print(digest_frame(pl.scan_parquet(sys.argv[1]), keys=['key']).exact)"
    for threads, seed in (("1", "1"), ("4", "2")):
        environment = {**os.environ, "POLARS_MAX_THREADS": threads, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", program, str(path)]
        seen.add(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip())
    assert len(seen) == 1


def test_the_scheme_has_not_changed_by_accident() -> None:
    """These digests stand in registries: where this fails, the scheme's version must change too."""
    data = pl.DataFrame(
        {
            "key": ["UA", "a carrier with a long name", None],
            "at": [datetime(2013, 1, 1, tzinfo=UTC), None, datetime(2013, 6, 1, tzinfo=UTC)],
            "x": [0.1 + 0.2, None, -1e9],
            "n": [1, -1, None],
            "day": [date(2013, 1, 1), None, None],
            "hour": [time(1), None, None],
            "tags": [["a", None], [], None],
            "pair": [{"a": 1, "b": 1.5}, {"a": None, "b": None}, None],
        }
    )
    known = digest(data, ("key", "at"))
    assert (known.scheme, known.rounded, known.exact) == (
        "wb2",
        "1d4986fb60b6e0d9c87d679ad47d0c25",
        "9ed6c42005dae90f56a7ea0f9a835c8f",
    )


def test_no_rows_have_a_digest_that_knows_the_schema() -> None:
    one, other = digest(frame([], pl.Int64())), digest(frame([], pl.Float64()))
    assert one.rows == 0
    assert one.rounded != other.rounded


def test_it_survives_being_written_down() -> None:
    known = digest(frame([1.5, None]))
    assert from_json(to_json(known), OutputDigest) == known
