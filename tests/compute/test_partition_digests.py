"""Sketches: two of them tell which entities and which periods a change touches."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.compute import partition_digests
from workbench.compute.partition_digests import GROUPS, Sketch, compare_sketches, group_of, sketch

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

START = datetime(2024, 1, 1, tzinfo=UTC)


def rows(count: int = 500) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "user": [f"u{row % 40}" for row in range(count)],
            "at": [START + timedelta(hours=row) for row in range(count)],
            "amount": [float(row) for row in range(count)],
        },
        schema={"user": pl.String, "at": pl.Datetime("us", "UTC"), "amount": pl.Float64},
    )


def made(frame: pl.DataFrame, like: Sketch | None = None) -> Sketch:
    found = sketch(frame.lazy(), uuid4().hex, keys=["user"], known_since=["at"], like=like)
    assert found is not None
    return found


def of_files(files: Mapping[str, pl.DataFrame], like: Sketch | None = None, *, unread: Collection[str] = ()) -> Sketch:
    """Return the sketch of an input in several files, of which some are not to be read."""

    def part(name: str) -> Callable[[], pl.LazyFrame]:
        assert name not in unread
        return files[name].lazy

    names = {name: (lambda name=name: part(name)()) for name in files}
    whole = pl.concat(files.values()).lazy()
    found = sketch(whole, "all", keys=["user"], known_since=["at"], parts=names, like=like)
    assert found is not None
    return found


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 90), st.integers(-9, 9)), max_size=6), st.data())
def test_files_that_were_sketched_before_are_not_read_again(
    changes: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    files = {f"file {number}": rows(100)[number * 20 : number * 20 + 20] for number in range(5)}
    old = of_files(files)
    now = dict(files)
    for number, at, amount in changes:
        name = f"file {number} {at} {amount}"
        if at > 60:  # a file comes, with late rows
            now[name] = rows(100)[at : at + 5].with_columns(amount=pl.lit(float(amount)))
        elif f"file {number}" in now:  # a file is written anew, or taken away
            changed = now.pop(f"file {number}")
            place = pl.int_range(pl.len()) == at % 20
            changed = changed.with_columns(amount=pl.when(place).then(float(amount)).otherwise("amount"))
            if amount % 3:
                now[name] = changed
    now = {name: now[name] for name in data.draw(st.permutations([*now]))} or dict(files)
    new = of_files(now, old, unread=set(files) & set(now))
    assert compare_sketches(old, new) == compare_sketches(
        made(pl.concat(files.values())), made(pl.concat(now.values()), made(pl.concat(files.values())))
    )


def group(user: str) -> int:
    return int(pl.DataFrame({"user": [user]}).select(group_of(["user"])).item())


def groups(user: str, *, of: int = 256) -> frozenset[int]:
    """Return the groups that are touched where `user` is, and so many are told apart."""
    return frozenset(range(group(user) % of, GROUPS, of))


def test_the_same_rows_in_another_order_change_nothing() -> None:
    old = made(rows())
    found = compare_sketches(old, made(rows().reverse(), old))
    assert found.groups == frozenset()
    assert found.rows == 0


def test_new_rows_touch_their_entities_from_their_time_on() -> None:
    old = made(rows())
    late = START + timedelta(hours=499, minutes=30)
    more = pl.concat([rows(), rows(1).with_columns(user=pl.lit("u3"), at=pl.lit(late))])
    found = compare_sketches(old, made(more, old))
    assert found.groups == groups("u3")
    assert found.since is not None
    assert late - timedelta(seconds=old.facts["width"]) < found.since <= late
    assert found.rows == 1


@pytest.mark.parametrize("column", ["amount", "at", "user"])
def test_an_amended_row_shows(column: str) -> None:
    old = made(rows())
    amended = {"amount": pl.lit(-1.0), "at": pl.col("at") + timedelta(minutes=1), "user": pl.lit("other")}[column]
    new = rows().with_columns(pl.when(pl.col("amount") == 100).then(amended).otherwise(pl.col(column)).alias(column))
    found = compare_sketches(old, made(new, old))
    assert group(f"u{100 % 40}") in (found.groups or ())
    assert found.since is not None
    assert found.since <= START + timedelta(hours=100)


def test_a_row_that_went_and_two_values_that_swapped_show() -> None:
    old = made(rows())
    gone = compare_sketches(old, made(rows().filter(pl.col("amount") != 100), old))
    assert gone.groups == groups(f"u{100 % 40}")
    assert gone.rows == -1
    value = pl.col("amount")
    swapped = rows().with_columns(amount=pl.when(value == 0).then(40.0).when(value == 40).then(0.0).otherwise(value))
    assert compare_sketches(old, made(swapped, old)).groups == groups("u0")


def test_of_many_rows_one_entity_is_told_from_many(monkeypatch: pytest.MonkeyPatch) -> None:
    for each, told in ((16, 256), (1, 512)):
        monkeypatch.setattr(partition_digests, "_ROWS", each)
        old, new = made(rows(1_000)), rows(1_000).with_columns(pl.col("amount").replace(100.0, -1.0))
        assert compare_sketches(old, made(new, old)).groups == groups(f"u{100 % 40}", of=told)


def test_a_file_of_few_rows_in_place_of_one_of_many_touches_what_both_tell_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(partition_digests, "_ROWS", 1)
    old = of_files({"one": rows(1_000), "other": rows(3_000)[1_000:]})
    monkeypatch.setattr(partition_digests, "_MOST", 0)
    merged = of_files({"one": rows(1_000), "other": rows(3_000)[1_000:]})
    assert compare_sketches(old, merged).groups == frozenset()
    monkeypatch.undo()
    monkeypatch.setattr(partition_digests, "_ROWS", 1)
    fewer = of_files({"first": rows(1_000)[:300], "rest": rows(1_000)[301:], "other": rows(3_000)[1_000:]}, old)
    assert compare_sketches(old, fewer).groups == groups(f"u{300 % 40}")
    assert compare_sketches(merged, fewer).groups == groups(f"u{300 % 40}")


def test_a_row_without_a_time_is_no_reason_to_trust_periods() -> None:
    old = made(rows())
    new = rows().with_columns(at=pl.when(pl.col("amount") == 3).then(None).otherwise(pl.col("at")))
    assert compare_sketches(old, made(new, old)).since is None


NAN, OTHER_NAN = (
    pl.Series([2047 << 52 | bits], dtype=pl.UInt64).reinterpret(dtype=pl.Float64) for bits in (1 << 51, 1 << 51 | 1)
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pl.Series([0.0]), pl.Series([-0.0])),
        (pl.Series([0.0], dtype=pl.Float32), pl.Series([-0.0], dtype=pl.Float32)),
        (pl.Series([0.0], dtype=pl.Float16), pl.Series([-0.0], dtype=pl.Float16)),
        (pl.Series([[{"a": 0.0}]]), pl.Series([[{"a": -0.0}]])),
        (NAN, OTHER_NAN),
        (pl.Series([2**53]), pl.Series([2**53 + 1])),
    ],
    ids=["zero", "zero of 32 bits", "zero of 16 bits", "nested zero", "payload", "beyond 2**53"],
)
def test_every_bit_of_a_value_counts(one: pl.Series, other: pl.Series) -> None:
    old, new = (made(rows(1).with_columns(amount=values)) for values in (one, other))
    assert compare_sketches(old, new).groups == groups("u0")


def test_another_shape_touches_everything() -> None:
    old = made(rows())
    assert compare_sketches(old, made(rows().with_columns(extra=1), old)).groups is None
    assert compare_sketches(old, made(rows().with_columns(pl.col("amount").cast(pl.Float32)), old)).since is None


def test_a_sketch_reads_back_and_a_spoiled_one_is_none(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "one.parquet"
    made(rows()).save(path)
    back = Sketch.load(path)
    assert back is not None
    assert back.facts == made(rows()).facts
    assert compare_sketches(back, made(rows())).groups == frozenset()
    replace(back, facts=back.facts | {"scheme": back.facts["scheme"] - 1}).save(path)
    assert Sketch.load(path) is None
    path.write_bytes(b"spoiled")
    assert Sketch.load(path) is None
    assert Sketch.load(tmp_path / "none.parquet") is None


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 200), st.integers(0, 3)), max_size=30),
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 200), st.integers(0, 3)), max_size=5),
    st.lists(st.integers(0, 29), max_size=3),
)
def test_whatever_changes_is_within_what_is_touched(
    before: list[tuple[int, int, int]], more: list[tuple[int, int, int]], less: list[int]
) -> None:
    def frame(found: list[tuple[int, int, int]]) -> pl.DataFrame:
        return pl.DataFrame(
            {
                "user": [f"u{user}" for user, _, _ in found],
                "at": [START + timedelta(minutes=at) for _, at, _ in found],
                "amount": [float(amount) for _, _, amount in found],
            },
            schema={"user": pl.String, "at": pl.Datetime("us", "UTC"), "amount": pl.Float64},
        )

    after = [row for place, row in enumerate(before) if place not in less] + more
    changed = [row for row in {*before, *after} if before.count(row) != after.count(row)]
    old = made(frame(before))
    found = compare_sketches(old, made(frame(after), old))
    for user, at, _ in changed:
        assert group(f"u{user}") in (found.groups or ())
        assert found.since is not None
        assert found.since <= START + timedelta(minutes=at)
    if not changed:
        assert found.groups == frozenset()
