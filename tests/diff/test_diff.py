from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from polars.io.plugins import register_io_source

from workbench import memory
from workbench.compute import OutputDigest
from workbench.define import ColumnContract, Contract
from workbench.diff import RowBlock, Side, ViewDiff, align, compare, diff_views, matching, order, pairs_of
from workbench.drift import PairCounter, contract_of_frame
from workbench.errors import ComputeError, FeatureNotFound, UsageError

INF, NAN = math.inf, math.nan


def side(
    columns: dict[str, Any],
    *,
    keys: tuple[str, ...] = ("k",),
    dtypes: dict[str, Any] | None = None,
    label: str = "main",
    tolerance: float | None = None,
    digest: OutputDigest | None = None,
) -> Side:
    types = {"k": pl.Int64, "x": pl.Float64, **(dtypes or {})}
    frame = pl.DataFrame({name: pl.Series(values, dtype=types.get(name)) for name, values in columns.items()})
    contract = Contract(
        tuple(
            ColumnContract(
                name,
                dtype,
                "entity" if name in keys else "feature",
                nullable=True,
                tolerance=None if name in keys else tolerance,
            )
            for name, dtype in frame.schema.items()
        )
    )
    return Side(label, frame.lazy(), contract, digest=digest)


def pair(left: list[Any], right: list[Any], **options: Any) -> ViewDiff:
    before = side({"k": list(range(len(left))), "x": left}, dtypes=options.get("before"))
    after = side(
        {"k": list(range(len(right))), "x": right}, dtypes=options.get("after"), tolerance=options.get("tolerance")
    )
    return diff_views(before, Side("new", after.frame, after.contract))


def counted(diff: ViewDiff) -> tuple[int, int, int, int]:
    rows = diff.rows
    return rows.same, rows.changed, rows.added, rows.removed


def test_rows_are_matched_by_key_and_not_by_place() -> None:
    diff = diff_views(side({"k": [1, 2, 3], "x": [1, 2, 3]}), side({"k": [4, 3, 2], "x": [4, 9, 2]}))
    assert counted(diff) == (1, 1, 1, 1)
    assert (diff.rows.left, diff.rows.right, diff.rows.common) == (3, 3, 2)
    column = diff.column("x")
    assert (column.status, column.changed, column.share, column.mean, column.largest) == ("changed", 1, 0.5, 6.0, 6.0)


def test_null_keys_match_null_keys() -> None:
    diff = diff_views(side({"k": [None, 1], "x": [1, 2]}), side({"k": [1, None], "x": [2, 5]}))
    assert counted(diff) == (1, 1, 0, 0)


@pytest.mark.parametrize("value", [None, NAN, INF, -INF, 0.0, 1.5])
@pytest.mark.parametrize("other", [None, NAN, INF, -INF, 0.0, 1.5])
def test_null_nan_and_infinities_are_values_of_their_own(value: float | None, other: float | None) -> None:
    column = pair([value], [other], tolerance=0.1).column("x")
    assert column.changed == (repr(value) != repr(other))
    if None in (value, other) or not math.isfinite(value or 0) or not math.isfinite(other or 0):
        assert column.largest is None


@pytest.mark.parametrize(
    ("left", "right", "tolerance", "differs"),
    [
        (1.0, 1.25, 0.25, False),
        (1.0, 1.2501, 0.25, True),
        (1e12, 1e12 + 0.5, None, False),
        (1e12, 1e12 + 2.0, None, True),
        (0.1 + 0.2, 0.3, None, False),
        (0.0, 1e-300, None, True),
        (0.0, -0.0, None, False),
        (1e308, -1e308, None, True),
    ],
)
def test_floats_are_equal_within_the_right_sides_tolerance_and_noise(
    left: float, right: float, tolerance: float | None, *, differs: bool
) -> None:
    assert pair([left], [right], tolerance=tolerance).column("x").changed == differs


def test_the_left_sides_tolerance_does_not_count() -> None:
    left, right = side({"k": [1], "x": [1.0]}, tolerance=1.0), side({"k": [1], "x": [1.5]})
    assert diff_views(left, right).rows.changed == 1


@pytest.mark.parametrize(
    ("before", "after", "left", "right", "changed"),
    [
        (pl.Int32, pl.Int64, [1, 2], [1, 3], 1),
        (pl.UInt64, pl.Int64, [2**63], [2**63 - 1], 1),
        (pl.UInt32, pl.Int64, [2**31], [2**31], 0),
        (pl.Float32, pl.Float64, [0.5], [0.5], 0),
        (pl.Int32, pl.Float64, [7], [7.5], 1),
        (pl.Categorical, pl.String, ["a", "b"], ["a", "c"], 1),
        (pl.Enum(["a", "b"]), pl.Enum(["b", "a"]), ["a", "b"], ["a", "b"], 0),
        (pl.Datetime("ms"), pl.Datetime("us"), [datetime(2024, 1, 1)], [datetime(2024, 1, 1, 0, 0, 0, 1)], 1),  # noqa: DTZ001
        (pl.Int64, pl.String, [1], ["1"], 0),
    ],
)
def test_values_of_other_dtypes_are_compared_without_loss(
    before: Any, after: Any, left: list[Any], right: list[Any], changed: int
) -> None:
    diff = pair(left, right, before={"x": before}, after={"x": after})
    assert (diff.column("x").status, diff.column("x").changed, diff.category) == ("retyped", changed, "breaking")


def test_large_whole_numbers_differ_by_one() -> None:
    diff = pair([2**60], [2**60 + 1], before={"x": pl.Int64}, after={"x": pl.Int64})
    assert (diff.column("x").changed, diff.column("x").largest) == (1, 1.0)


def test_times_differ_by_seconds() -> None:
    at = {"x": pl.Datetime("us", "UTC")}
    diff = pair([datetime(2024, 1, 1, tzinfo=UTC)], [datetime(2024, 1, 1, 0, 1, tzinfo=UTC)], before=at, after=at)
    assert diff.column("x").largest == 60.0


@pytest.mark.parametrize(
    ("left", "right", "doubles", "rows"),
    [
        ([1, 1, 2], [1, 2], (2, 1), (1, 0, 0, 0)),
        ([1, 1, 2], [2], (2, 0), (1, 0, 0, 0)),
        ([2], [1, 1, 2], (0, 2), (1, 0, 0, 0)),
        ([1, 1, 2], [1, 1, 3], (2, 2), (0, 0, 1, 1)),
        ([None, None, 2], [2], (2, 0), (1, 0, 0, 0)),
    ],
)
def test_rows_of_a_key_that_is_there_twice_are_told_and_not_multiplied(
    left: list[int], right: list[int], doubles: tuple[int, int], rows: tuple[int, int, int, int]
) -> None:
    diff = diff_views(side({"k": left, "x": [0] * len(left)}), side({"k": right, "x": [0] * len(right)}))
    assert (diff.rows.duplicates_left, diff.rows.duplicates_right) == doubles
    assert counted(diff) == rows
    assert diff.category == "value"
    assert any("more than once" in why for why in diff.why)
    assert diff.changed_rows(kind="removed").height == rows[3]


def test_a_renamed_column_is_known_by_its_values() -> None:
    left = side({"k": [1, 2], "x": [1, 2], "same": [5.0, 6.0]})
    right = side({"k": [2, 1], "y": [2.0, 1.0], "z": [9.0, 9.0], "same": [6.0, 5.0]})
    diff = diff_views(left, right)
    assert (diff.column("y").status, diff.column("y").before, diff.column("z").status) == ("renamed", "x", "added")
    assert [column.name for column in diff.columns] == ["y", "z", "same"]
    assert "x is called y now" in diff.why


def test_the_closest_column_is_the_renamed_one() -> None:
    keys = list(range(2000))
    left = side({"k": keys, "a": [float(key) for key in keys]})
    near = [float(key) for key in keys[:-1]] + [0.0]
    right = side({"k": keys, "near": near, "exact": [float(key) for key in keys]})
    diff = diff_views(left, right)
    assert (diff.column("exact").status, diff.column("near").status) == ("renamed", "added")


def test_nothing_is_renamed_without_rows_in_common() -> None:
    diff = diff_views(side({"k": [1], "x": [1]}), side({"k": [2], "y": [1.0]}))
    assert {column.name: column.status for column in diff.columns} == {"y": "added", "x": "removed"}


def test_pages_hold_a_hundred_rows_sorted_by_key() -> None:
    rows = list(range(250))
    left, right = side({"k": rows, "x": rows}), side({"k": rows[::-1], "x": [row + 1 for row in rows[::-1]]}, label="b")
    diff = diff_views(left, right)
    assert diff.changed_rows(limit=1000)["k"].to_list() == rows[:100]
    last = diff.changed_rows(offset=200)
    assert (last["k"].to_list(), last.columns) == (rows[200:], ["k", "x (main)", "x (b)"])
    assert diff.changed_rows(entity={"k": 7}).rows() == [(7, 7.0, 8.0)]
    with pytest.raises(FeatureNotFound, match="k"):
        diff.changed_rows(entity={"kk": 7})
    with pytest.raises(FeatureNotFound):
        diff.changed_rows(column="xx")
    with pytest.raises(UsageError):
        diff.changed_rows(offset=-1)


def test_a_page_may_show_rows_that_are_the_same_among_those_that_differ() -> None:
    rows = list(range(250))
    right = [row for row in rows if row != 5]
    diff = diff_views(side({"k": rows, "x": rows}), side({"k": right, "x": [max(row, 3) for row in right]}, label="b"))
    assert diff.changed_rows()["k"].to_list() == [0, 1, 2]
    pages = [diff.changed_rows(offset, kind="any")["k"].to_list() for offset in (0, 100, 200, 300)]
    assert [key for page in pages for key in page] == right
    assert [len(page) for page in pages] == [100, 100, 49, 0]


def test_an_entity_may_be_null_and_both_sides_may_have_one_name() -> None:
    diff = diff_views(side({"k": [None, 1], "x": [1, 1]}), side({"k": [None, 1], "x": [2, 2]}))
    assert diff.changed_rows(entity={"k": None}).to_dicts() == [{"k": None, "x (left, main)": 1, "x (right, main)": 2}]


def test_the_worst_rows_differ_most() -> None:
    diff = pair([0, 0, 0, None, 0], [1, 3, 2, 9, INF])
    assert diff.worst("x", limit=4)["k"].to_list() == [4, 1, 2, 0]


def test_rows_of_one_side_have_pages_too() -> None:
    diff = diff_views(side({"k": [1, 2], "x": [1, 2]}), side({"k": [2, 3], "x": [2, 3]}, label="b"))
    assert diff.changed_rows(kind="added").rows() == [(3, None, 3.0)]
    assert diff.changed_rows(kind="removed").rows() == [(1, 1.0, None)]


@pytest.mark.parametrize(("left", "right", "rows"), [([], [], (0, 0, 0, 0)), ([], [1], (0, 0, 1, 0))])
def test_empty_sides_compare(left: list[int], right: list[int], rows: tuple[int, int, int, int]) -> None:
    diff = diff_views(side({"k": left, "x": left}), side({"k": right, "x": right}))
    assert counted(diff) == rows
    assert diff.changed_rows().is_empty()


def test_a_view_without_keys_is_compared_row_by_row() -> None:
    diff = diff_views(side({"x": [1, 2]}, keys=()), side({"x": [1, 3, 4]}, keys=()))
    assert counted(diff) == (1, 1, 1, 0)
    assert diff.changed_rows(limit=1).rows() == [(2.0, 3.0)]


def test_a_view_of_keys_alone_has_rows_that_come_and_go() -> None:
    diff = diff_views(side({"k": [1, 2]}), side({"k": [2, 3]}))
    assert (counted(diff), diff.changed_rows().height) == ((1, 0, 1, 1), 0)


def test_rows_of_another_grain_are_not_matched() -> None:
    diff = diff_views(side({"k": [1], "x": [1]}), side({"k": [1], "x": [1.0], "j": [1]}, keys=("k", "j")))
    assert (diff.grain, diff.category, diff.rows.common) == (False, "breaking", 0)
    assert diff.why[0] == "its rows are keyed by k, j instead of k"
    assert diff.changed_rows().is_empty()


def test_the_order_of_keys_is_no_grain() -> None:
    left = side({"k": [1], "j": [2], "x": [1]}, keys=("k", "j"))
    right = side({"j": [2], "k": [1], "x": [1]}, keys=("k", "j"))
    assert (diff_views(left, right).grain, counted(diff_views(left, right))) == (True, (1, 0, 0, 0))


def test_one_side_may_be_missing() -> None:
    there = side({"k": [1, 2], "x": [1, 2]})
    new, gone = diff_views(None, there), diff_views(there, None)
    assert (new.category, counted(new), new.column("x").status) == ("new", (0, 0, 2, 0), "added")
    assert (gone.category, counted(gone), gone.column("x").status) == ("removed", (0, 0, 0, 2), "removed")
    assert new.changed_rows().is_empty()
    with pytest.raises(UsageError):
        diff_views(None, None)


def digest(**columns: str) -> OutputDigest:
    whole = "".join(columns.values())
    return OutputDigest(whole, whole, {name: {"exact": text, "rounded": text} for name, text in columns.items()}, 2)


def unreadable(columns: tuple[str, ...], known: OutputDigest) -> Side:
    plain = side({name: [1, 2] for name in columns}, dtypes=dict.fromkeys(columns, pl.Int64))
    return Side("gone", pl.scan_parquet("/nowhere/at/all.parquet"), plain.contract, digest=known)


def test_what_is_equal_by_digest_is_not_read() -> None:
    one = unreadable(("k", "x"), digest(k="1", x="2"))
    assert counted(diff_views(one, one)) == (2, 0, 0, 0)
    more = unreadable(("k", "x", "y"), digest(k="1", x="2", y="3"))
    added = diff_views(one, more)
    assert (added.category, counted(added), added.column("y").status) == ("additive", (2, 0, 0, 0), "added")
    with pytest.raises(ComputeError, match="cannot be compared"):
        diff_views(one, unreadable(("k", "x"), digest(k="1", x="9")))


def test_the_difference_can_be_written_down() -> None:
    diff = pair([1, 2], [1, 3])
    assert diff.to_dict()["rows"]["changed"] == 1
    (row,) = diff.to_frame().rows(named=True)
    assert (row["name"], row["status"], row["changed"], row["share"], row["mean"]) == ("x", "changed", 1, 0.5, 1.0)
    with pytest.raises(FeatureNotFound, match="x"):
        diff.column("xx")


VALUES = st.sampled_from([None, NAN, INF, -INF, 0.0, 1.0, 1.05, 1.2, -3.0])
ROWS = st.lists(st.tuples(st.sampled_from([None, 1, 2, 3]), st.sampled_from(["a", "b"]), VALUES), max_size=7)


def same(left: float | None, right: float | None, tolerance: float) -> bool:
    if left is None or right is None:
        return left is right
    if math.isfinite(left) and math.isfinite(right):
        return abs(left - right) <= tolerance + 1e-12 * max(abs(left), abs(right))
    return repr(left) == repr(right)


@given(
    left=ROWS,
    right=ROWS,
    tolerance=st.sampled_from([0.0, 0.1]),
    at_once=st.sampled_from([1, 2, 100]),
    held=st.sampled_from([0, 10**6]),
    paired=st.sampled_from([0, 10**6]),
)
def test_any_two_frames_differ_as_plain_python_says(
    left: Any, right: Any, tolerance: float, at_once: int, held: int, paired: int
) -> None:
    sides = [
        side(
            {"k": [row[0] for row in rows], "j": [row[1] for row in rows], "x": [row[2] for row in rows]},
            keys=("k", "j"),
            dtypes={"j": pl.String},
            tolerance=tolerance,
        )
        for rows in (left, right)
    ]
    keys = [[row[:2] for row in rows] for rows in (left, right)]
    many = {key for each in keys for key in each if each.count(key) > 1}
    old, new = ({row[:2]: row[2] for row in rows if row[:2] not in many} for rows in (left, right))
    common = old.keys() & new.keys()
    moved = {key for key in common if not same(old[key], new[key], tolerance)}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(align, "_MOST_HELD", held)  # bytes, beyond which rows in no order are put into files
        patched.setattr(align, "_MOST_PAIRED", paired)  # and beyond which they are not compared column by column
        diff = diff_views(*sides, at_once=at_once)
    assert counted(diff) == (
        len(common - moved),
        len(moved),
        len(new.keys() - old.keys()),
        len(old.keys() - new.keys()),
    )
    assert (diff.rows.duplicates_left, diff.rows.duplicates_right) == tuple(
        sum(key in many for key in each) for each in keys
    )
    assert {row[:2] for row in diff.changed_rows().rows()} == moved


def in_no_order() -> tuple[Side, Side]:
    """Return two sides of 101 rows, of which one differs."""
    rows = [(row * 37) % 101 for row in range(101)]
    named = {"k": rows, "j": [f"j{row % 3}" for row in rows], "x": [float(row) for row in rows]}
    left = side(named, keys=("k", "j"), dtypes={"j": pl.Enum(["j0", "j1", "j2"])})
    right = replace(left, frame=left.frame.reverse().with_columns(x=pl.when(pl.col("k") == 5).then(9).otherwise("x")))
    return left, right


def test_rows_in_no_order_are_matched_class_by_class_and_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder := tmp_path / "of any name [1]*").mkdir()
    monkeypatch.setattr(memory._process, "scratch", None)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(align, "_MOST_HELD", 0)
    monkeypatch.setattr(align, "_MOST_PAIRED", 0)
    left, right = in_no_order()
    diff = diff_views(left, right, at_once=5)
    assert counted(diff) == (100, 1, 0, 0)
    assert [*folder.iterdir()] == []
    monkeypatch.setattr(tempfile, "tempdir", "/dev/full/nowhere")
    with pytest.raises(ComputeError, match="cannot be compared"):
        diff_views(left, right, at_once=5)


def test_files_of_rows_in_no_order_are_few_and_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(align, "_MOST_HELD", 0)
    monkeypatch.setattr(align, "_MOST_PAIRED", 0)
    read: list[object] = []
    scan_ipc = pl.scan_ipc

    def counting(path: Path, *, glob: bool) -> pl.LazyFrame:
        read.append(path)
        return scan_ipc(path, glob=glob)

    monkeypatch.setattr(pl, "scan_ipc", counting)
    assert counted(diff_views(*in_no_order(), at_once=5)) == (100, 1, 0, 0)
    turns, classes = math.ceil(101 / 5 / align._SCATTERED), math.ceil(101 / 5)
    assert len(read) == len(set(read)) == 2 * turns * math.ceil(classes / align._TOGETHER)


def test_rows_in_no_order_that_fit_into_memory_are_compared_alike_without_any_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left, right = in_no_order()
    monkeypatch.setattr(align, "_MOST_PAIRED", 0)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(align, "_MOST_HELD", 0)
        kept = diff_views(left, right, at_once=5)
    monkeypatch.setattr(tempfile, "tempdir", "/dev/full/nowhere")
    held = diff_views(left, right, at_once=5)
    assert counted(held) == counted(kept) == (100, 1, 0, 0)
    assert held.to_dict() == kept.to_dict()


FEATURES: dict[str, tuple[Any, list[Any]]] = {
    "x": (pl.Float64, [None, NAN, INF, -0.0, 0.0, 1.0, 1.05, 3.0]),
    "y": (pl.Float64, [None, 1.0, 2.0]),
    "z": (pl.Float64, [None, 1.0, 2.0]),
    "n": (pl.Int32, [None, 0, 1, 2]),
    "at": (pl.Datetime("us", "UTC"), [datetime(2024, 1, day, tzinfo=UTC) for day in (1, 2)]),
    "text": (pl.String, [None, "", "a text that is longer than twelve bytes"]),
    "kind": (pl.Enum(["a", "b"]), ["a", "b", None]),
    "cents": (pl.Decimal(38, 2), [Decimal("1.25"), None]),
    "list": (pl.List(pl.Float64), [None, [], [1.0, None], [1.0, NAN]]),
    "pair": (pl.Struct({"a": pl.Int64, "b": pl.String}), [None, {"a": 1, "b": "b"}, {"a": None, "b": None}]),
}


@st.composite
def rows_in_no_order(draw: st.DrawFn) -> tuple[Side, Side]:
    """Return two sides with many rows in common, few or no keys twice, and a column that each lacks."""
    names = st.lists(st.integers(0, 30), min_size=3, max_size=25, unique=draw(st.integers(0, 9)) < 8)
    keys = [draw(names) for _ in range(2)]
    sides = []
    for label, own in zip(("main", "new"), keys, strict=True):
        columns: dict[str, Any] = {
            "k": [None if key == 30 else key for key in own],
            "j": [f"j{key % 3}" for key in own],
        }
        features = {name: each for name, each in FEATURES.items() if name != {"main": "y", "new": "z"}[label]}
        for name, (_, values) in features.items():
            seeds = draw(st.lists(st.integers(0, 7), min_size=len(own), max_size=len(own)))
            columns[name] = [
                values[(seed // 6 * seed + (key or 0)) % len(values)] for seed, key in zip(seeds, own, strict=True)
            ]
        dtypes = {name: dtype for name, (dtype, _) in features.items()} | {"j": pl.String}
        sides.append(side(columns, keys=("k", "j"), dtypes=dtypes, label=label, tolerance=0.1))
    return sides[0], sides[1]


@given(sides=rows_in_no_order(), at_once=st.sampled_from([2, 5, 9]), worst=st.sampled_from([0, 2, 20]))
def test_rows_in_no_order_differ_alike_whether_columns_are_read_one_by_one_or_all_at_a_time(
    sides: tuple[Side, Side], at_once: int, worst: int
) -> None:
    found = []
    for paired in (0, 10**6):
        counter = PairCounter.of(
            sides[0], pairs_of(*sides, [(name, name) for name in FEATURES if name not in ("y", "z")])
        )
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(align, "_MOST_PAIRED", paired)
            diff = diff_views(*sides, at_once=at_once, worst=worst, compared=partial(compared_by, counter))
        found.append((diff.to_dict(), [column.worst for column in diff.columns], counter.result((9, 9))))
    assert repr(found[0]) == repr(found[1])


def compared_by(counter: PairCounter, left: Side, right: Side, **options: Any) -> Any:
    """Compare as always, and have the counter look on."""
    return compare(left, right, observer=counter, **options)


def test_rows_in_no_order_are_compared_column_by_column(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(align.PairReader, "_by_hash")
    assert counted(diff_views(*in_no_order(), at_once=5)) == (100, 1, 0, 0)


def test_columns_that_do_not_fit_into_memory_are_read_all_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    by_hash = align.PairReader._by_hash

    def counting(both: align.PairReader) -> Iterator[RowBlock]:
        read.append(both)
        return by_hash(both)

    monkeypatch.setattr(align, "_DIVIDED", 0)
    monkeypatch.setattr(align, "_MOST_PAIRED", 101 * align._PAIR + 2 * 101 * 8 - 1)  # a byte less than two columns take
    monkeypatch.setattr(align.PairReader, "_by_hash", counting)
    assert counted(diff_views(*in_no_order(), at_once=5)) == (100, 1, 0, 0)
    assert len(read) == 1


def test_of_rows_that_differ_as_much_the_same_ones_are_kept_however_columns_are_read() -> None:
    left, right = in_no_order()
    left = side(left.frame.with_columns(y=pl.col("k") % 7).collect().to_dict(as_series=False), keys=("k", "j"))
    moved = left.frame.reverse().with_columns(x=pl.col("x") + 1).rename({"y": "z"}).collect()
    right = side(moved.to_dict(as_series=False), keys=("k", "j"), label="new")
    found = []
    for paired in (0, 10**6):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(align, "_MOST_PAIRED", paired)
            diff = diff_views(left, right, at_once=5)
        assert dict(diff.renamed) == {"z": "y"}
        found.append((diff.to_dict(), diff.worst("x").rows()))
    assert found[0] == found[1]


def test_rows_whose_keys_have_the_same_hash_by_chance_are_not_compared_column_by_column(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = [(row * 37) % 101 for row in range(101)]
    left = side({"k": keys, "x": [0.0] * 101})
    right = replace(left, frame=left.frame.with_columns(k=pl.when(pl.col("k") == 7).then(777).otherwise("k")))
    hashed = (pl.col("k") % 770).cast(pl.UInt64).alias(align._HASH)
    monkeypatch.setattr(align, "_hash_of", lambda keys: hashed)
    assert counted(diff_views(left, right, at_once=5)) == (100, 0, 1, 1)


def test_rows_that_come_in_another_order_each_time_are_compared_all_the_same() -> None:
    left, right = in_no_order()
    rows, reads = left.frame.collect(), count()

    def read(columns: list[str] | None, *_: object) -> Iterator[pl.DataFrame]:
        first = next(reads) % 101
        turned = pl.concat([rows.slice(first), rows.head(first)])
        yield turned if columns is None else turned.select(columns)

    turning = replace(left, frame=register_io_source(read, schema=rows.schema))
    assert counted(diff_views(turning, right, at_once=5)) == (100, 1, 0, 0)


def test_rows_that_turn_out_to_be_in_no_order_later_are_all_compared() -> None:
    rows = [*range(60), 5.5, 4.5]
    named = {"k": [float(row) for row in rows], "x": [float(row) for row in rows]}
    left = side(named, keys=("k",), dtypes={"k": pl.Float64})
    right = replace(left, frame=left.frame.with_columns(x=pl.when(pl.col("k").is_in([4.5, 7])).then(0).otherwise("x")))
    assert counted(diff_views(left, right, at_once=10)) == (60, 2, 0, 0)


def test_keys_whose_hashes_are_equal_by_chance_are_not_taken_for_each_other() -> None:
    left, right = pl.DataFrame({"k": [1, 2, 3], "x": [1, 2, 3]}), pl.DataFrame({"k": [3, 4, 1], "x": [30, 40, 10]})
    for hashes in ([[7, 8, 9], [9, 8, 7]], [[7, 8, 8], [8, 9, 7]]):
        codes = np.array(hashes[0]), np.array(hashes[1])
        found = matching.match(RowBlock(left, right, ordered=False, codes=codes), ["k"])
        assert (found.left["k"].sort().to_list(), found.right["k"].sort().to_list()) == ([1, 3], [1, 3])
        assert found.left["k"].to_list() == found.right["k"].to_list()
        assert (found.removed["k"].to_list(), found.added["k"].to_list()) == ([2], [4])


KEYS = st.lists(st.sampled_from([None, NAN, -0.0, 0.0, 1.0, 2.0, 3.0]), max_size=6)


@given(left=KEYS, right=KEYS, codes=st.lists(st.integers(0, 9), min_size=6, max_size=6))
@example([1.0, 1.0, 2.0], [1.0], [0, 1, 2, 3, 4, 5])
@example([1.0], [2.0, 1.0, 1.0], [0, 1, 2, 3, 4, 5])
@example([3.0, 3.0, 1.0], [1.0], [0, 1, 2, 3, 4, 5])
@example([1.0], [3.0, 3.0, 1.0], [0, 1, 2, 3, 4, 5])
@example([1.0, 2.0], [3.0, 1.0], [0, 1, 2, 3, 4, 4])
@example([NAN], [None, None, NAN], [0, 1, 2, 3, 4, 5])
def test_rows_in_no_order_are_matched_by_key_whatever_their_hashes(
    left: list[float | None], right: list[float | None], codes: list[int]
) -> None:
    sides = [[repr(0.0 if key == 0 else key) for key in keys] for keys in (left, right)]
    names = ["None", "nan", "0.0", "1.0", "2.0", "3.0"]
    many = {key for side in sides for key in side if side.count(key) > 1}
    single = [[key for key in side if key not in many] for side in sides]
    frames = [pl.DataFrame({"k": keys}, schema={"k": pl.Float64}) for keys in (left, right)]
    hashes = [np.array([codes[names.index(key)] for key in side], dtype=np.int64) for side in sides]
    found = matching.match(RowBlock(frames[0], frames[1], ordered=False, codes=(hashes[0], hashes[1])), ["k"])
    parts = found.left, found.right, found.removed, found.added
    both, same, gone, new = ([repr(0.0 if key == 0 else key) for key in part["k"]] for part in parts)
    assert both == same == [key for key in single[0] if key in single[1]]
    assert sorted(gone) == sorted(set(single[0]) - set(single[1]))
    assert sorted(new) == sorted(set(single[1]) - set(single[0]))
    assert found.duplicates == (sum(key in many for key in sides[0]), sum(key in many for key in sides[1]))


@pytest.mark.parametrize("lengths", [[1] * 30 + [40] * 5, [40] * 5 + [1] * 30, [1] * 90, [30] * 6])
def test_texts_in_runs_only_at_the_begin_or_the_end_are_matched_alike(
    lengths: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order, "LOOKED_AT", 20)
    named = [f"k{place:03}" for place, length in enumerate(lengths) for _ in range(length)]
    rows = {"k": named, "j": [*range(len(named))], "x": [float(row) for row in range(len(named))]}
    left = side(rows, keys=("k", "j"), dtypes={"k": pl.String})
    changed = pl.when(pl.col("j").is_in([3, 70])).then(-1.0).otherwise("x")
    right = replace(left, frame=left.frame.filter(pl.col("j") != 41).with_columns(x=changed))
    assert counted(diff_views(left, right, at_once=50)) == (len(named) - 3, 2, 0, 1)


def test_a_contract_of_a_frame_serves_as_well() -> None:
    frame = pl.DataFrame({"at": [datetime(2024, 1, 1, tzinfo=UTC)], "x": [1.0]})
    there = Side("a", frame.lazy(), contract_of_frame(frame, event_time="at"))
    assert counted(diff_views(there, there)) == (1, 0, 0, 0)


MOMENTS = [datetime(2024, 1, 1, tzinfo=UTC), None]
LATER = [datetime(2024, 1, 1, 0, 0, 0, 1000, UTC), None]
LENGTHS = [timedelta(days=1), None]
LONGER = [timedelta(days=1, milliseconds=1), None]


@pytest.mark.parametrize(
    ("before", "after", "left", "right", "largest", "told"),
    [
        (pl.Datetime("us", "UTC"), pl.Datetime("ms", "UTC"), MOMENTS, LATER, 0.001, "1 ms"),
        (pl.Datetime("ms", "UTC"), pl.Datetime("us", "UTC"), MOMENTS, LATER, 0.001, "1 ms"),
        (pl.Datetime("ns", "UTC"), pl.Datetime("us", "UTC"), MOMENTS, LATER, 0.001, "1 ms"),
        (pl.Datetime("ms", "UTC"), pl.Datetime("ms", "UTC"), MOMENTS, LATER, 0.001, "1 ms"),
        (pl.Datetime("ns", "UTC"), pl.Datetime("ns", "UTC"), MOMENTS, LATER, 0.001, "1 ms"),
        (pl.Datetime("us"), pl.Datetime("ms", "UTC"), [datetime(2024, 1, 1)], LATER[:1], 0.001, "1 ms"),  # noqa: DTZ001
        (pl.Duration("us"), pl.Duration("ms"), LENGTHS, LONGER, 0.001, "1 ms"),
        (pl.Duration("ns"), pl.Duration("ms"), LENGTHS, LONGER, 0.001, "1 ms"),
        (pl.Duration("ms"), pl.Duration("ms"), LENGTHS, LONGER, 0.001, "1 ms"),
        (pl.Date, pl.Date, [date(2024, 1, 1)], [date(2024, 1, 2)], 86_400.0, "24 h"),
        (pl.Date, pl.Datetime("ns"), [date(2024, 1, 1)], [datetime(2024, 1, 1, 1)], 3600.0, "60 min"),  # noqa: DTZ001
        (pl.Time, pl.Time, [time(12, 0)], [time(12, 0, 5)], 5.0, "5 s"),
    ],
)
def test_differences_of_times_are_told_as_lengths_of_time(
    before: Any, after: Any, left: list[Any], right: list[Any], largest: float, told: str
) -> None:
    diff = pair(left, right, before={"x": before}, after={"x": after})
    column = diff.column("x")
    assert (column.changed, column.mean, column.largest) == (1, largest, largest)
    assert f"by {told} on average and {told} at most" in column.why
    assert diff.worst("x")["right - left"].to_list() == [timedelta(seconds=largest)]


def test_times_beyond_the_reach_of_nanoseconds_are_compared() -> None:
    far = [datetime(9000, 1, 1, tzinfo=UTC)]
    ns, ms = pl.Datetime("ns", "UTC"), pl.Datetime("ms", "UTC")
    column = pair([datetime(2024, 1, 1, tzinfo=UTC)], far, before={"x": ns}, after={"x": ms}).column("x")
    assert column.largest == (far[0] - datetime(2024, 1, 1, tzinfo=UTC)).total_seconds()


def test_whole_numbers_and_decimals_of_any_size_have_a_difference() -> None:
    wide = pair([-(2**127)], [2**127 - 1], before={"x": pl.Int128}, after={"x": pl.Int128}).column("x")
    assert wide.largest == pytest.approx(2.0**128)
    cents = pl.Decimal(38, 2)
    column = pair([Decimal("1.25")], [Decimal("1.50")], before={"x": cents}, after={"x": cents}).column("x")
    assert column.largest == 0.25
