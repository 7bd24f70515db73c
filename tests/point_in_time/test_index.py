"""The join index: what it finds is what the join without it finds, and it is used only while it is sound."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest

from tests.point_in_time.worlds import NOON, make_world
from workbench.point_in_time import ViewRows, index, index_folder, join_views
from workbench.point_in_time.index import ENTITIES, EVENTS, MANIFEST, ROWS
from workbench.point_in_time.join import _check_keys

DAY = timedelta(days=1)
ENUM = pl.Enum(["b", "a", "c", "d"])
KEYS: dict[str, tuple[pl.DataType, pl.DataType, list[Any]]] = {
    "texts": (pl.String(), pl.String(), ["a", "b", "", "ä", None]),
    "categories": (pl.Categorical(), pl.Categorical(), ["a", "b", "c", None]),
    "categories and texts": (pl.Categorical(), pl.String(), ["a", "b", "c", None]),
    "an enum": (ENUM, ENUM, ["a", "b", "c", None]),
    "another enum": (ENUM, pl.Enum(["c", "b", "a"]), ["a", "b", "c", None]),
    "numbers": (pl.Int64(), pl.Int64(), [-1, 0, 2**62, None]),
    "narrow numbers": (pl.UInt8(), pl.Int32(), [0, 1, 200, None]),
    "large numbers": (pl.UInt64(), pl.UInt64(), [0, 2**64 - 1, 2**63, None]),
    "truth": (pl.Boolean(), pl.Boolean(), [True, False, None]),
    "days": (pl.Date(), pl.Date(), [date(2013, 1, 1), date(1960, 1, 1), None]),
    "times": (
        pl.Datetime("ns"),
        pl.Datetime("ns"),
        [NOON.replace(tzinfo=None), NOON.replace(tzinfo=None, year=1960), None],
    ),
    "fractions": (pl.Float64(), pl.Float64(), [0.5, -0.0, 0.0, float("nan"), None]),
}
TIMES = [pl.Date(), pl.Datetime("ms"), pl.Datetime("us", "UTC"), pl.Datetime("ns", "Europe/Paris")]


def rows_of(chance: Random, size: int, kind: str, time: pl.DataType) -> pl.DataFrame:
    """Return rows of a few keys, some without a key or a time, many at the same time."""
    dtype, _, values = KEYS[kind]
    events = [None if chance.random() < 0.1 else NOON + chance.randrange(6) * DAY for _ in range(size)]
    rows = pl.DataFrame({"event": events, "x": range(size)}, schema={"event": pl.Datetime("us", "UTC"), "x": pl.Int64})
    keys = pl.Series([chance.choice(values) for _ in range(size)], dtype=dtype, strict=False)
    event = pl.col("event").dt.date() if time == pl.Date() else pl.col("event")
    if isinstance(time, pl.Datetime):
        event = event.dt.cast_time_unit(time.time_unit)
        event = (
            event.dt.replace_time_zone(None) if time.time_zone is None else event.dt.convert_time_zone(time.time_zone)
        )
    return rows.with_columns(event, key=keys)


def spine_of(chance: Random, size: int, kind: str) -> pl.DataFrame:
    _, dtype, values = KEYS[kind]
    at = [None if chance.random() < 0.1 else NOON + (chance.randrange(14) - 2) * DAY / 2 for _ in range(size)]
    return pl.DataFrame({"at": at}, schema={"at": pl.Datetime("us", "UTC")}).with_columns(
        key=pl.Series([chance.choice(values) for _ in range(size)], dtype=dtype, strict=False)
    )


def asked(folder: Path) -> Callable[[], Path]:
    """Return the folder of an index that was needed before."""
    folder.mkdir(parents=True)
    return lambda: folder


@pytest.fixture
def view(tmp_path: Path) -> ViewRows:
    rows = rows_of(Random("rows"), 500, "texts", pl.Datetime("us", "UTC"))
    rows.write_parquet(tmp_path / "v.parquet")
    scan = pl.scan_parquet(tmp_path / "v.parquet")
    return ViewRows(
        "v", scan, {"key": "key"}, {"x": "x"}, "event", outcome="o", stored=True, index=lambda: tmp_path / "facts" / "i"
    )


SPINE = spine_of(Random("spine"), 300, "texts")


def joined(view: ViewRows) -> pl.DataFrame:
    return join_views(SPINE, [view], time="at")


def used(view: ViewRows) -> bool:
    """Whether an index is kept, and is read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "_make", lambda *_: None)
        return index.join_index(view, _check_keys(view, SPINE.schema)) is not None


def test_an_index_is_kept_in_a_folder_of_any_name(view: ViewRows, tmp_path: Path) -> None:
    view = replace(view, index=asked(tmp_path / "a[b]*" / "i"))
    joined(view)
    assert used(view)


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("time", TIMES, ids=str)
@pytest.mark.parametrize("order", [None, ["event"], ["key", "event"]], ids=["in no order", "by time", "by entity"])
def test_an_index_changes_no_value(kind: str, time: pl.DataType, order: list[str] | None, tmp_path: Path) -> None:
    chance = Random(f"{kind} {time} {order}")
    rows, spine = rows_of(chance, 80, kind, time), spine_of(chance, 60, kind)
    rows = rows.sort(order, maintain_order=True) if order else rows
    ttl = chance.choice([None, DAY, 2 * DAY])
    plain = ViewRows("v", rows.lazy(), {"key": "key"}, {"x": "x"}, "event", ttl, outcome="o", stored=True)
    indexed = replace(plain, index=asked(tmp_path / "i"))
    wanted = join_views(spine, [plain], time="at")
    for _ in ("made", "read"):
        assert join_views(spine, [indexed], time="at").equals(wanted)
    assert any((tmp_path / "i").iterdir()) == (kind != "fractions")


@pytest.mark.parametrize("seed", range(40))
def test_views_with_an_index_are_joined_as_the_reference_joins_them(seed: int, tmp_path: Path) -> None:
    chance = Random(f"index {seed}")
    world, as_known = make_world(chance, cases=50 if seed % 4 else 1, views=3), chance.random() < 0.7
    views = [replace(view, index=asked(tmp_path / view.name)) for view in world.views]
    wanted = world.wanted(as_known=as_known)
    for _ in ("made", "read"):
        assert join_views(world.spine, views, time="at", as_known=as_known).to_dicts() == wanted, world.settings
    for view in views:
        assert any((tmp_path / view.name).iterdir()) == (view.stored and view.created is None)


def test_the_second_training_set_makes_the_index_and_the_third_reads_it(view: ViewRows, tmp_path: Path) -> None:
    wanted = joined(replace(view, index=None))
    folder = tmp_path / "facts" / "i"
    assert joined(view).equals(wanted)
    assert list(folder.iterdir()) == []
    assert joined(view).equals(wanted)
    assert {path.name for path in folder.iterdir()} == {ENTITIES, EVENTS, ROWS, MANIFEST}
    assert [path.name for path in folder.parent.iterdir()] == ["i"]
    assert used(view)
    assert joined(view).equals(wanted)


@pytest.mark.parametrize("name", [ENTITIES, EVENTS, ROWS, MANIFEST])
@pytest.mark.parametrize("damage", ["a bit", "the end", "all of it"])
def test_a_damaged_index_is_made_again(name: str, damage: str, view: ViewRows, tmp_path: Path) -> None:
    wanted = [joined(view), joined(view)][1]
    path = tmp_path / "facts" / "i" / name
    content = path.read_bytes()
    if damage == "a bit":
        path.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    elif damage == "the end":
        path.write_bytes(content[:-9])
    else:
        path.unlink()
    assert joined(view).equals(wanted)
    assert path.read_bytes() != content[:-9]
    assert used(view)


def test_an_index_of_other_columns_is_made_again(view: ViewRows) -> None:
    wanted = [joined(view), joined(view)][1]
    other = replace(view, rows=view.rows.lazy().with_columns(pl.col("event") - DAY, late=pl.col("event")))
    later = replace(other, event_time="late")
    assert joined(later).equals(wanted)
    assert used(later)
    assert not used(other)


def test_an_index_of_other_files_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "INDEXED", 2)
    files = [str(tmp_path / name) for name in ("a.parquet", "b.parquet")]
    for file in files:
        pl.DataFrame({"x": [1]}).write_parquet(file)
    assert index_folder(tmp_path, rows=1, files=lambda: files) is None
    place = index_folder(tmp_path, rows=2, files=lambda: files)
    assert place is not None
    before = place()
    assert place() == before
    assert before.name.startswith("join-")
    linked = tmp_path / "linked.parquet"
    linked.hardlink_to(files[0])
    same = index_folder(tmp_path, rows=2, files=lambda: [str(linked), files[1]])
    turned = index_folder(tmp_path, rows=2, files=lambda: files[::-1])
    far = [index_folder(tmp_path, rows=2, files=lambda name=name: [f"s3://lake/{name}"]) for name in "ab"]  # type: ignore[misc]
    assert same is not None
    assert turned is not None
    assert same() == before
    assert len({before, turned(), *(each() for each in far if each)}) == 4
    shutil.copyfile(files[0], tmp_path / "copy")
    (tmp_path / "copy").replace(files[0])
    assert place() != before


def test_files_that_are_replaced_while_an_index_is_made_leave_none(view: ViewRows, tmp_path: Path) -> None:
    places = iter([tmp_path / "one", tmp_path / "two"])
    (tmp_path / "one").mkdir()
    moving = replace(view, index=lambda: next(places))
    assert joined(moving).equals(joined(replace(view, index=None)))
    assert list((tmp_path / "one").iterdir()) == []
    assert not (tmp_path / "two").exists()


def no_memory(patch: pytest.MonkeyPatch, folder: Path) -> None:
    patch.setattr(index, "memory_share", lambda _: 500)


def no_disk(patch: pytest.MonkeyPatch, folder: Path) -> None:
    patch.setattr("shutil.disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 0))


def read_only(patch: pytest.MonkeyPatch, folder: Path) -> None:
    patch.setattr("os.access", lambda *_: False)


def not_made(patch: pytest.MonkeyPatch, folder: Path) -> None:
    folder.rmdir()
    folder.parent.rmdir()
    folder.parent.touch()


def full(patch: pytest.MonkeyPatch, folder: Path) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    patch.setattr("numpy.save", fail)


@pytest.mark.parametrize("without", [no_memory, no_disk, read_only, not_made, full])
def test_training_sets_do_without_an_index_that_has_no_room(
    without: Callable[[pytest.MonkeyPatch, Path], None], view: ViewRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, folder = joined(view), tmp_path / "facts" / "i"
    without(monkeypatch, folder)
    for _ in range(2):
        assert joined(view).equals(wanted)
    assert not folder.exists() or not list(folder.iterdir())
    assert not folder.parent.is_dir() or [path.name for path in folder.parent.iterdir()] == ["i"]


def test_two_processes_that_make_an_index_at_once_are_both_right(
    view: ViewRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, write = joined(view), index._write

    def write_second(*made: Any) -> None:
        monkeypatch.setattr(index, "_write", write)
        assert joined(view).equals(wanted)
        write(*made)

    monkeypatch.setattr(index, "_write", write_second)
    assert joined(view).equals(wanted)
    assert used(view)
    assert [path.name for path in (tmp_path / "facts").iterdir()] == ["i"]


def test_a_view_whose_rows_have_no_key_or_time_has_an_empty_index(tmp_path: Path) -> None:
    rows = pl.DataFrame({"key": ["a", None], "event": [None, NOON], "x": [1, 2]})
    rows = rows.with_columns(pl.col("event").cast(pl.Datetime("us", "UTC")))
    spine = pl.DataFrame({"key": ["a", None], "at": [datetime(2020, 1, 1, tzinfo=UTC)] * 2})
    for keys in ({"key": "key"}, {}):
        lazy = rows.lazy() if keys else rows.lazy().with_columns(event=pl.lit(None, pl.Datetime("us", "UTC")))
        view = ViewRows("v", lazy, keys, {"x": "x"}, "event", stored=True, index=asked(tmp_path / str(len(keys))))
        for _ in range(2):
            assert join_views(spine, [view], time="at")["x"].to_list() == [None, None]
