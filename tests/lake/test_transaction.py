"""Commits that race, and writers that are killed: every success has a version of its own, all else leaves none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.lake.conftest import Publish
from tests.lake.published import SPEND, contract, read, rows, saved
from workbench.errors import LakeError
from workbench.lake import Lake, LakeWriter, TableAt
from workbench.lake.local import LocalFolder
from workbench.lake.transaction import Lost, NewFile, add_files, create, replace_all
from workbench.lake.writer import _commit

ROOT = Path(__file__).parents[2]


def test_writers_at_the_same_time_each_get_a_version_with_their_rows(tmp_path: Path) -> None:
    def act(number: int) -> int:
        writer = LakeWriter(Lake("lake", root=tmp_path))
        frame = rows(range(number + 1)).lazy()
        return writer.publish(frame, view="spend", major=1, contract=SPEND, view_id=f"a{number}", metadata={})

    with ThreadPoolExecutor(6) as pool:
        versions = list(pool.map(act, range(12)))
    assert sorted(versions) == list(range(12))
    lake = Lake("lake", root=tmp_path)
    for number, version in enumerate(versions):
        assert_frame_equal(read(lake, version), rows(range(number + 1)))
        assert lake.info("spend", 1, version).view_id == f"a{number}"


def test_writers_of_the_same_data_at_the_same_time_share_a_version(tmp_path: Path) -> None:
    def act(_: int) -> int:
        writer = LakeWriter(Lake("lake", root=tmp_path))
        return writer.publish(rows().lazy(), view="spend", major=1, contract=SPEND, view_id="a1", metadata={})

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(act, range(8))) == {0}
    lake = Lake("lake", root=tmp_path)
    assert len(lake.storage.at("spend", "v1").files()) == 1


def test_rows_that_are_added_at_the_same_time_are_all_there_in_the_end(tmp_path: Path) -> None:
    def act(number: int) -> int:
        return LakeWriter(Lake("lake", root=tmp_path)).publish(
            rows(range(number, number + 1)).lazy(),
            view="spend", major=1, contract=SPEND, view_id=f"b{number}", metadata={}, replace=False,
        )  # fmt: skip

    with ThreadPoolExecutor(6) as pool:
        versions = list(pool.map(act, range(6)))
    assert sorted(versions) == list(range(6))
    found = read(Lake("lake", root=tmp_path), max(versions))
    assert_frame_equal(found.sort("user", "at"), rows(range(6)))


def test_a_commit_goes_on_top_of_its_base_or_not_at_all(lake: Lake, publish: Publish) -> None:
    publish("a1")
    table = lake.table("spend", 1)
    base = table.newest()
    publish("a2", rows(range(2)))
    files = [NewFile("part-00000-none.parquet", 0, "{}")]
    with pytest.raises(Lost):
        replace_all(table, base, SPEND, files, _commit(SPEND, "a3", {}))
    with pytest.raises(Lost):  # it conflicts with nothing: Delta would let it through on top of the other
        add_files(table, base, SPEND, files, _commit(SPEND, "a3", {}))
    with pytest.raises(Lost):
        create(table, SPEND, files, _commit(SPEND, "a3", {}))
    with pytest.raises(Lost):  # the announcement that datetimes without a zone come loses, too
        replace_all(table, base, contract(seen=pl.Datetime("us")), files, _commit(SPEND, "a3", {}))
    assert lake.latest("spend", 1) == 1


@pytest.mark.parametrize(
    "features",
    [
        {},
        {"seen": pl.Datetime("us")},
        {"seen": pl.List(pl.Struct({"at": pl.Datetime("us")}))},
        {"paid": pl.Decimal(10, 2), "days": pl.List(pl.Date()), "place": pl.Struct({"ß": pl.Float32()})},
    ],
)
def test_the_first_commit_says_what_deltalake_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, features: dict[str, pl.DataType]
) -> None:
    under = contract(**features)
    said = []
    for name in ("ours", "deltalakes"):
        table = Lake(name, root=tmp_path).table("spend", 1)
        files = [NewFile(f"part-0000{number}-none.parquet", 7, '{"numRecords": 1}') for number in range(2)]
        assert create(table, under, files, _commit(under, "a1", {"who": "José"})) == 0
        said.append(_said(table))
        monkeypatch.setattr(LocalFolder, "create", lambda *_: False)
    assert said[0] == said[1]


def _said(table: TableAt) -> object:
    """Return what the log and the commit of a table's first version say but for when, in which order and by whom."""
    log = table.storage.read(f"_delta_log/{0:020d}.json")
    assert log is not None
    actions = [next(iter(json.loads(line).items())) for line in log.splitlines()]
    passing = {"id", "createdTime", "modificationTime"}
    told = [
        (kind, {key: value for key, value in facts.items() if value is not None and key not in passing})
        for kind, facts in actions
        if kind != "commitInfo"
    ]
    info, history = table.commit(0), table.at(0).history()
    assert info is not None
    return told, dict(info.metadata), [commit["operation"] for commit in history], table.at(0).schema().to_json()


def test_the_first_commit_in_a_folder_needs_no_deltalake(
    lake: Lake, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("deltalake.transaction.create_table_with_add_actions", fail)
    assert_frame_equal(read(lake, publish("a1")), rows())


def test_without_files_that_have_no_name_deltalake_makes_the_first_commit(
    lake: Lake, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "O_TMPFILE")
    assert_frame_equal(read(lake, publish("a1")), rows())


def test_a_first_commit_has_a_name_only_when_it_is_whole(
    lake: Lake, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def interrupted(source: str, target: str, **how: Any) -> None:
        if str(target).endswith(".json"):
            raise KeyboardInterrupt
        link(source, target, **how)

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", interrupted)
        with pytest.raises(KeyboardInterrupt):
            publish("a1")
    assert lake.latest("spend", 1) is None
    assert lake.storage.at("spend", "v1", "_delta_log").files() == []
    assert publish("a1") == 0


@pytest.mark.journey
def test_a_writer_that_always_loses_gives_up_and_leaves_nothing(
    lake: Lake, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    import deltalake

    commit = deltalake.DeltaTable.create_write_transaction

    def come_second(
        self: deltalake.DeltaTable, actions: object, mode: object, schema: object, **options: object
    ) -> None:
        commit(deltalake.DeltaTable(self.table_uri), [], "append", schema)
        commit(self, actions, mode, schema, **options)

    publish("a1")
    monkeypatch.setattr(deltalake.DeltaTable, "create_write_transaction", come_second)
    with pytest.raises(LakeError, match="committed first"):
        publish("a2", rows(range(2)))
    assert len(lake.storage.at("spend", "v1").files()) == 1


def test_an_error_after_the_commit_does_not_undo_it(
    lake: Lake, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    import deltalake

    commit = deltalake.DeltaTable.create_write_transaction

    def fail_late(self: object, *args: object, **options: object) -> None:
        commit(self, *args, **options)
        raise OSError(28, "No space left for the checkpoint")

    publish("a1")
    monkeypatch.setattr(deltalake.DeltaTable, "create_write_transaction", fail_late)
    assert publish("a2", rows(range(2))) == 1
    assert_frame_equal(read(lake, 1), rows(range(2)))


KILLED = """
import os, sys
from pathlib import Path
import deltalake
from tests.lake.published import SPEND, rows, saved
from workbench.lake import Lake, LakeWriter, TableAt
from workbench.lake.local import LocalFolder

place, root = sys.argv[1], Path(sys.argv[2])
kill = lambda *_, **__: os._exit(9)
commit = deltalake.DeltaTable.create_write_transaction
if place == "link":
    link = os.link
    os.link = lambda *words: (link(*words), kill())
elif place == "before":
    deltalake.DeltaTable.create_write_transaction = kill
elif place == "after":
    deltalake.DeltaTable.create_write_transaction = lambda *args, **options: (commit(*args, **options), kill())
path = saved(rows(range(9)), root / "cache" / place / "data.parquet")
LakeWriter(Lake("lake", root=root)).publish(path, view="spend", major=1, contract=SPEND, view_id="a2", metadata={})
"""


@pytest.mark.journey
def test_a_killed_writer_leaves_all_or_nothing_and_the_next_one_finishes(tmp_path: Path) -> None:
    places = ["link", "before", "after"]
    for place in places:
        writer = LakeWriter(Lake("lake", root=tmp_path / place))
        writer.publish(rows().lazy(), view="spend", major=1, contract=SPEND, view_id="a1", metadata={})
    running = [
        subprocess.Popen([sys.executable, "-c", KILLED, place, str(tmp_path / place)], cwd=ROOT) for place in places
    ]
    assert [process.wait(timeout=120) for process in running] == [9, 9, 9]
    for place in places:
        lake = Lake("lake", root=tmp_path / place)
        assert lake.latest("spend", 1) == (1 if place == "after" else 0)
        assert_frame_equal(read(lake, 0), rows())
        writer = LakeWriter(lake)
        assert len(writer.orphans(older_than=timedelta(0))) == (0 if place == "after" else 1)
        data = saved(rows(range(9)), tmp_path / "again.parquet")
        assert writer.publish(data, view="spend", major=1, contract=SPEND, view_id="a2", metadata={}) == 1
        assert_frame_equal(read(lake, 1), rows(range(9)))
