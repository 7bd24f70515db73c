"""Joins with views in Parquet files: whatever order they are stored in, and however few of their rows are wanted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from random import Random

import polars as pl
import pytest

from tests.point_in_time.worlds import MICRO, NOON, TIME
from workbench.point_in_time import ViewRows, join_views, latest_rows
from workbench.point_in_time.candidates import AT, EVENT, ROW, KeyPair
from workbench.point_in_time.join import FEW_READ
from workbench.point_in_time.pruning import Reach, hash_texts
from workbench.point_in_time.row_lookup import GAP, fetch, find_runs, search_runs

SIZE = 60_000
STORED = ["by entity", "by time", "by period and entity", "by entity, one late row", "in no order"]


@cache
def view_rows() -> pl.DataFrame:
    return pl.select(
        user="u" + (pl.int_range(SIZE).hash(1) % 700).cast(pl.String),
        kind=(pl.int_range(SIZE).hash(2) % 3).cast(pl.Int64),
        event=pl.lit(NOON) + pl.duration(seconds=pl.int_range(SIZE).hash(3) % 100_000),
        x=pl.int_range(SIZE),
        y=pl.int_range(SIZE).cast(pl.String),
    )


def written(rows: pl.DataFrame, how: str, folder: Path) -> tuple[pl.DataFrame, pl.LazyFrame]:
    """Return the rows in the order in which they are stored in `folder`, and a scan of it."""
    keys = ["user", "kind", "event"]
    if how == "by period and entity":
        parts = [part.sort(keys, maintain_order=True) for part in rows.sort("event").iter_slices(SIZE // 3)]
    elif how == "in no order":
        parts = [rows]
    else:
        parts = [rows.sort("event" if how == "by time" else keys, maintain_order=True)]
    if how == "by entity, one late row":
        place = parts[0].with_row_index().filter(pl.len().over("user", "kind") > 1)["index"][-2]
        early = parts[0][place].with_columns(pl.col("event") + timedelta(days=9))
        parts = [pl.concat([parts[0][:place], early, parts[0][place + 1 :]])]
    for number, part in enumerate(parts):
        part.write_parquet(folder / f"{number}.parquet", row_group_size=5_000)
    return pl.concat(parts), pl.scan_parquet(sorted(folder.glob("*.parquet")))


def asked(rows: pl.DataFrame, size: int) -> pl.DataFrame:
    """Return a spine: the entities and about the times of some rows, and some that there are not."""
    some = rows.sample(size, seed=4, shuffle=True)
    at = pl.col("event") + pl.duration(seconds=(pl.int_range(pl.len()).hash(5) % 3_000).cast(pl.Int64) - 500)
    user = pl.when(pl.int_range(pl.len()) % 50 > 0).then("user").otherwise(pl.lit("nobody"))
    return some.select(user, "kind", at=at).with_columns(pl.int_range(pl.len()).alias("label"))


@pytest.mark.parametrize("how", STORED)
@pytest.mark.parametrize("keys", [["user", "kind"], ["user"], []], ids=["two keys", "one key", "by time alone"])
@pytest.mark.parametrize("size", [30, 5_000])
def test_the_order_of_the_files_changes_no_value(how: str, keys: list[str], size: int, tmp_path: Path) -> None:
    rows, scan = written(view_rows(), how, tmp_path)
    spine = asked(rows, size)
    options = {"keys": {key: key for key in keys}, "features": {"x": "x", "text": "y"}, "ttl": timedelta(seconds=900)}
    stored = ViewRows("v", scan, **options, event_time="event", outcome="found", stored=True)  # type: ignore[arg-type]
    memory = ViewRows("v", rows, **options, event_time="event", outcome="found")  # type: ignore[arg-type]
    found = join_views(spine, [stored], time="at")
    assert found.equals(join_views(spine, [memory], time="at"))
    assert found.height == size
    if keys:
        assert set(found["found"].unique()) == {"matched", "expired", "missing"}


@pytest.mark.parametrize("how", ["by entity", "by period and entity"])
def test_runs_of_rows_give_the_same_searched_or_joined(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    coarse = view_rows().with_columns(pl.col("event").dt.truncate("1h"))  # some rows of an entity have the same time
    rows, scan = written(coarse, how, tmp_path)
    spine = asked(rows, 3_000)
    keys = {"user": "user", "kind": "kind"}
    view = ViewRows("v", scan, keys, {"x": "x"}, event_time="event", outcome="found", stored=True)
    found = []
    for least in (0, SIZE):
        monkeypatch.setattr("workbench.point_in_time.join.SEARCHED", least)
        found.append(join_views(spine, [view], time="at"))
    assert found[0].equals(found[1])
    shuffled = replace(view, rows=rows.sample(fraction=1, shuffle=True, seed=2).sort("x"), stored=False)
    assert found[0]["found"].equals(join_views(spine, [shuffled], time="at")["found"])


def test_rows_that_were_known_late_are_told_from_files_too(tmp_path: Path) -> None:
    made = view_rows().with_columns(made=pl.col("event") + pl.duration(seconds=pl.int_range(SIZE).hash(6) % 9_000))
    rows, scan = written(made, "by entity", tmp_path)
    spine = asked(rows, 2_000)
    memory = ViewRows("v", rows, {"user": "user"}, {"x": "x"}, event_time="event", created="made", outcome="o")
    views = [replace(memory, rows=scan, stored=True), memory]
    for as_known in (True, False):
        found, wanted = (join_views(spine, [view], time="at", as_known=as_known) for view in views)
        assert found.equals(wanted)


@pytest.mark.parametrize("created", [None, "made"])
@pytest.mark.parametrize("keys", [["user", "kind"], ["user"], []], ids=["two keys", "one key", "by time alone"])
@pytest.mark.parametrize("few", [0, FEW_READ])
def test_files_that_number_their_rows_give_the_same(
    keys: list[str], created: str | None, few: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.point_in_time.join.FEW_READ", few)
    late = pl.duration(seconds=pl.int_range(SIZE).hash(6) % 9_000)
    made = view_rows().with_columns(
        pl.when(pl.col("x") % 7 > 0).then("user").alias("user"), made=pl.col("event") + late, __row=pl.lit("taken")
    )
    rows, scan = written(made, "in no order", tmp_path)
    features = {"x": "x", "other": "__row"}
    memory = ViewRows("v", rows, {key: key for key in keys}, features, event_time="event", created=created, outcome="o")
    stored = replace(memory, rows=scan, stored=True, numbered=scan.with_row_index)
    spine = asked(rows, 500)
    assert spine["user"].null_count() > 0
    assert join_views(spine, [stored], time="at").equals(join_views(spine, [memory], time="at"))
    for at in (None, NOON + timedelta(seconds=40_000)):
        last = [latest_rows(view, at=at).collect() for view in (memory, stored)]
        assert last[0].equals(last[1])
        assert last[0].height == len(last[0].unique(keys) if keys else [1])


def test_rows_in_place_of_the_stored_ones_have_numbers_of_their_own(tmp_path: Path) -> None:
    _, scan = written(view_rows(), "by time", tmp_path)
    view = ViewRows(
        "v", scan, {"user": "user"}, {"x": "x"}, event_time="event", stored=True, numbered=scan.with_row_index
    )
    some = view_rows().tail(50)
    own = replace(view, rows=some, stored=False)
    spine = asked(some, 20)
    assert join_views(spine, [own], time="at").equals(join_views(spine, [replace(own, numbered=None)], time="at"))


def test_only_texts_of_a_known_few_are_compared_by_their_hashes() -> None:
    keys = pl.Series(["a", "b"]), pl.Series([1, 2])
    pairs = [KeyPair("text", "text", pl.String()), KeyPair("number", "number", pl.Int64())]
    view = ViewRows("v", pl.LazyFrame({"text": keys[0], "number": keys[1]}), {}, {}, stored=True)
    few = Reach(2, None, None, dict(zip(("text", "number"), keys, strict=True)))
    assert [pair.hashed for pair in hash_texts(view, pairs, few)] == [True, False]
    assert [pair.hashed for pair in hash_texts(view, pairs, replace(few, keys={}))] == [False, False]


def test_stored_views_and_others_keep_their_places(tmp_path: Path) -> None:
    rows, scan = written(view_rows(), "by entity", tmp_path)
    spine, keys = asked(rows, 500), {"user": "user"}
    names = ["a", "b", "c"]
    frames: list[pl.LazyFrame | pl.DataFrame] = [scan, rows, scan.with_columns(pl.col("x") * 2)]
    views = [
        ViewRows(name, frame, keys, {name: "x"}, event_time="event", outcome=f"{name}?", stored=name != "b")
        for name, frame in zip(names, frames, strict=True)
    ]
    out = join_views(spine, views, time="at")
    assert out.columns == [*spine.columns, "a", "a?", "b", "b?", "c", "c?"]
    assert (out["c"] == out["a"] * 2).all()
    assert out["a"].equals(out["b"], check_names=False)


@pytest.mark.parametrize("spine", [0, 3])
@pytest.mark.parametrize("rows", [0, 1])
def test_no_rows_on_either_side(spine: int, rows: int, tmp_path: Path) -> None:
    _, scan = written(view_rows().head(rows), "in no order", tmp_path)
    left = asked(view_rows(), 3).head(spine)
    view = ViewRows("v", scan, {"user": "user"}, {"y": "y"}, event_time="event", outcome="o", stored=True)
    out = join_views(left, [view], time="at")
    assert out.height == spine
    assert out["y"].dtype == pl.String
    assert out["o"].to_list() == ["missing"] * spine


def test_rows_are_fetched_by_number_wherever_they_lie(tmp_path: Path) -> None:
    path = tmp_path / "long.parquet"
    size = 3 * GAP
    pl.select(n=pl.int_range(size), text=pl.int_range(size).cast(pl.String)).write_parquet(path, row_group_size=GAP)
    scan = pl.scan_parquet(path)
    for numbers in ([0], [size - 1, None, 5, 5, 0], [GAP + 1, size - 1, 7], [None, None], [], list(range(40, 60))):
        wanted = pl.Series(numbers, dtype=pl.UInt32)
        found = fetch(scan, {"n": "n", "as text": "text"}, wanted)
        assert found["n"].to_list() == numbers
        assert found["as text"].to_list() == [None if number is None else str(number) for number in numbers]


@pytest.mark.parametrize("seed", range(30))
def test_a_search_in_runs_finds_the_last_row_that_is_not_later(seed: int) -> None:
    chance = Random(seed)
    rows = [
        (key, chance.randrange(12)) for key in range(chance.randrange(1, 4)) for _ in range(chance.randrange(1, 30))
    ]
    rows.sort(key=lambda row: (row[1] >= 6, *row) if seed % 2 else row)
    frame = pl.DataFrame(rows, schema={"k": pl.Int64, EVENT: pl.Int64}, orient="row").with_row_index(ROW)
    spine = [(chance.randrange(4), chance.randrange(-1, 13)) for _ in range(50)]
    runs = find_runs(frame, ["k"])
    if runs is None:
        assert frame.height < 2 * frame["k"].rle().len()
        return
    found = search_runs(pl.DataFrame(spine, schema={"k": pl.Int64, AT: pl.Int64}, orient="row"), frame, runs, ["k"])
    for (key, at), winner in zip(spine, found[ROW], strict=True):
        held = [place for place, (other, event) in enumerate(rows) if other == key and event <= at]
        assert winner == (max(held, key=lambda place: (rows[place][1], place)) if held else None)


@pytest.mark.parametrize(
    "rows",
    [
        [("a", 1), ("a", 3), ("a", 2), ("a", 4)],
        [("a", 1), ("a", 5), ("b", 1), ("b", 2), ("a", 4), ("a", 6)],
    ],
    ids=["within a run", "between runs of one entity"],
)
def test_rows_out_of_order_are_no_runs(rows: list[tuple[str, int]]) -> None:
    frame = pl.DataFrame(rows, schema={"k": pl.String, EVENT: pl.Int64}, orient="row").with_row_index(ROW)
    assert find_runs(frame, ["k"]) is None
    assert find_runs(frame.sort("k", EVENT), ["k"]) is not None


def test_a_row_a_microsecond_beyond_the_ttl_has_expired_in_files_too(tmp_path: Path) -> None:
    rows = pl.DataFrame(
        {"k": ["a"] * 2, "event": [NOON, NOON + 9 * MICRO], "x": [1, 2]}, schema_overrides={"event": TIME}
    )
    rows.write_parquet(tmp_path / "v.parquet")
    spine = pl.DataFrame({"k": ["a"] * 3, "at": [NOON + 2 * MICRO, NOON + 3 * MICRO, NOON - MICRO]})
    view = ViewRows(
        "v", pl.scan_parquet(tmp_path / "v.parquet"), {"k": "k"}, {"x": "x"}, event_time="event", ttl=2 * MICRO,
        outcome="o", stored=True,
    )  # fmt: skip
    out = join_views(spine, [view], time="at")
    assert out["x"].to_list() == [1, None, None]
    assert out["o"].to_list() == ["matched", "expired", "missing"]


@pytest.mark.parametrize("stored", [False, True])
def test_what_expired_long_before_the_spine_begins_is_told_from_what_never_was(tmp_path: Path, *, stored: bool) -> None:
    rows = pl.DataFrame({"k": ["a"], "event": [NOON - timedelta(days=90)], "x": [1]}).cast({"event": TIME})
    rows.write_parquet(tmp_path / "v.parquet")
    spine = pl.DataFrame({"k": ["a", "b"], "at": [NOON, NOON]})
    frame = pl.scan_parquet(tmp_path / "v.parquet") if stored else rows
    ttl = timedelta(days=2)
    view = ViewRows("v", frame, {"k": "k"}, {"x": "x"}, event_time="event", ttl=ttl, outcome="o", stored=stored)
    assert join_views(spine, [view], time="at")["o"].to_list() == ["expired", "missing"]


def test_rows_without_a_time_do_not_mislead_a_search(tmp_path: Path) -> None:
    events = [NOON, None, None, None, None, NOON + 5 * MICRO, NOON + 6 * MICRO, None]
    rows = pl.DataFrame({"k": ["a"] * 8, "event": events, "x": range(8)}).cast({"event": TIME})
    rows.write_parquet(tmp_path / "v.parquet")
    asked = [NOON - MICRO, NOON + 4 * MICRO, NOON + 5 * MICRO, NOON.replace(year=9999)]
    spine = pl.DataFrame({"k": ["a"] * 4, "at": asked})
    view = ViewRows(
        "v", pl.scan_parquet(tmp_path / "v.parquet"), {"k": "k"}, {"x": "x"}, event_time="event", stored=True
    )
    assert join_views(spine, [view], time="at")["x"].to_list() == [None, 0, 5, 6]


@pytest.mark.parametrize("how", ["by entity", "by time", "in no order"])
def test_rows_that_memory_does_not_hold_are_joined_by_classes_of_keys(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, scan = written(view_rows(), how, tmp_path)
    number = pl.int_range(30_000)
    user = pl.when(number % 50 > 0).then("u" + (number.hash(4) % 900).cast(pl.String))
    spine = pl.select(
        user=user,
        kind=(number.hash(5) % 4).cast(pl.Int64),
        event_timestamp=pl.lit(NOON) + pl.duration(seconds=number.hash(6) % 120_000),
    )
    for keys in ({"user": "user", "kind": "kind"}, {"kind": "kind"}, {}):
        view = ViewRows("v", scan, keys, {"x": "x"}, "event", timedelta(hours=2), outcome="how", stored=True)
        whole = join_views(spine, [view])
        with monkeypatch.context() as patch:
            patch.setattr("workbench.point_in_time.join.memory_share", lambda _: 1_500_000)
            assert join_views(spine, [view]).equals(whole)
            patch.setattr("workbench.point_in_time.join._NARROW", 1e-9)
            assert join_views(spine, [view]).equals(whole)
