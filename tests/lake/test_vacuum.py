"""Cleaning: what a kept version needs stays and reads; nothing young, and nothing by mistake, goes."""

from __future__ import annotations

import os
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from tests.lake.conftest import Publish
from tests.lake.published import SPEND, read, rows, saved
from workbench.errors import LakeError
from workbench.lake import Lake, LakeWriter

NOW = timedelta(0)


def stray(lake: Lake, view: str = "spend", name: str | None = None) -> Path:
    """Leave what somebody left who was killed before the commit."""
    folder = Path(lake.storage.at(view, "v1").location(""))
    return saved(rows(), folder / (name or f"part-00000-{uuid.uuid4().hex}.parquet"))


def test_files_that_no_version_names_are_found(lake: Lake, writer: LakeWriter, publish: Publish) -> None:
    publish("a1")
    publish("a2", rows(range(2)))
    left = {str(stray(lake)), str(stray(lake, "never"))}
    assert set(writer.orphans(older_than=NOW)) == left
    assert writer.orphans(older_than=timedelta(hours=1)) == writer.orphans() == []


def test_what_was_being_written_is_found_too(lake: Lake, writer: LakeWriter, publish: Publish) -> None:
    version = publish("a1")
    left = stray(lake, name=f".work/{uuid.uuid4().hex}/part-00000-{'0' * 32}.parquet")
    assert writer.orphans(older_than=NOW) == [str(left)]
    assert writer.vacuum({("spend", 1): {version}}, dry_run=False, older_than=NOW).files == (str(left),)
    assert not left.exists()
    assert_frame_equal(read(lake, version), rows())


def test_an_old_file_that_was_just_linked_is_young(
    lake: Lake, writer: LakeWriter, publish: Publish, tmp_path: Path
) -> None:
    publish("a1")
    old = saved(rows(), tmp_path / "old.parquet")
    os.utime(old, (0, 0))
    lake.storage.at("spend", "v1").place(old, f"part-00000-{'0' * 32}.parquet")
    assert writer.orphans(older_than=timedelta(hours=1)) == []


def test_a_dry_run_says_what_would_go_and_leaves_it(lake: Lake, writer: LakeWriter, publish: Publish) -> None:
    first, second = publish("a1"), publish("a2", rows(range(2)))
    swept = writer.vacuum({("spend", 1): {second}}, older_than=NOW)
    assert (list(swept.files), swept.dry_run) == (lake.files("spend", 1, first), True)
    assert swept.bytes == sum(Path(path).stat().st_size for path in swept.files)
    assert_frame_equal(read(lake, first), rows())


def test_only_kept_versions_stay_and_read(lake: Lake, writer: LakeWriter, publish: Publish) -> None:
    frames = [rows(range(days)) for days in range(1, 5)]
    versions = [publish(f"a{number}", frame) for number, frame in enumerate(frames)]
    left = stray(lake)
    swept = writer.vacuum({("spend", 1): {versions[0], versions[2]}}, dry_run=False, older_than=NOW)
    assert len(swept.files) == 3
    assert not left.exists()
    for number in (0, 2):
        assert_frame_equal(read(lake, versions[number]), frames[number])
    for number in (1, 3):
        with pytest.raises(LakeError, match="lacks 1 of its data files"):
            read(lake, versions[number])
    again = publish("a3", frames[3])
    assert again > versions[3]
    assert_frame_equal(read(lake, again), frames[3])


def test_files_that_versions_share_stay_while_one_needs_them(lake: Lake, writer: LakeWriter, publish: Publish) -> None:
    base = publish("a1")
    more = rows(range(3, 5)).lazy()
    version = writer.publish(more, view="spend", major=1, contract=SPEND, view_id="a2", metadata={}, replace=False)
    writer.vacuum({("spend", 1): {version}}, dry_run=False, older_than=NOW)
    assert read(lake, version).height == 10
    swept = writer.vacuum({("spend", 1): {base}}, dry_run=False, older_than=NOW)
    assert len(swept.files) == 1
    assert_frame_equal(read(lake, base), rows())


def test_young_files_stay(lake: Lake, writer: LakeWriter, publish: Publish) -> None:
    first, second = publish("a1"), publish("a2", rows(range(2)))
    stray(lake)
    assert writer.vacuum({("spend", 1): {second}}, dry_run=False).files == ()
    assert_frame_equal(read(lake, first), rows())


def test_a_version_to_keep_that_is_not_there_stops_it_all(lake: Lake, writer: LakeWriter, publish: Publish) -> None:
    first, _ = publish("a1"), publish("a2", rows(range(2)))
    writer.publish(rows().lazy(), view="carry", major=1, contract=SPEND, view_id="b1", metadata={})
    with pytest.raises(LakeError, match="no Delta version 9"):
        writer.vacuum({("carry", 1): {0}, ("spend", 1): {9}}, dry_run=False, older_than=NOW, drop_tables=[("spend", 1)])
    assert_frame_equal(read(lake, first), rows())


def test_a_table_that_is_not_mentioned_is_left_but_for_orphans(
    lake: Lake, writer: LakeWriter, publish: Publish
) -> None:
    version = publish("a1")
    left = [stray(lake), stray(lake, "never")]
    swept = writer.vacuum({}, dry_run=False, older_than=NOW)
    assert sorted(swept.files) == sorted(map(str, left))
    assert swept.tables == ()
    assert_frame_equal(read(lake, version), rows())


def test_a_table_that_nobody_keeps_is_dropped_when_that_is_asked_for(
    lake: Lake, writer: LakeWriter, publish: Publish
) -> None:
    publish("a1")
    publish("a1", major=2)
    asked = {("spend", 2): {0}}
    assert writer.vacuum(asked, dry_run=False, drop_tables=[("spend", 1)]).tables == ()
    assert writer.vacuum(asked, older_than=NOW, drop_tables=[("spend", 1)]).tables == ("spend@1",)
    assert [table.label for table in lake.tables()] == ["spend@1", "spend@2"]
    assert writer.vacuum(asked, dry_run=False, older_than=NOW, drop_tables=[("spend", 1)]).tables == ("spend@1",)
    assert [table.label for table in lake.tables()] == ["spend@2"]
    assert publish("a1") == 0
    writer.vacuum({}, dry_run=False, older_than=NOW, drop_tables=[("spend", 1), ("spend", 2)])
    assert lake.storage.folders() == []


def test_a_table_that_was_written_lately_is_not_dropped_even_if_it_has_no_files(
    lake: Lake, writer: LakeWriter, publish: Publish
) -> None:
    Path(lake.files("spend", 1, publish("a1"))[0]).unlink()
    assert writer.vacuum({}, drop_tables=[("spend", 1)]).tables == ()
    assert writer.vacuum({}, older_than=NOW, drop_tables=[("spend", 1)]).tables == ("spend@1",)


def test_a_file_of_somebody_elses_is_left(lake: Lake, writer: LakeWriter, publish: Publish) -> None:
    publish("a1")
    foreign = stray(lake, name="notes.parquet")
    swept = writer.vacuum({}, dry_run=False, older_than=NOW, drop_tables=[("spend", 1), ("spend", 2)])
    assert foreign.exists()
    assert len(swept.files) == 1
    assert swept.tables == ()
