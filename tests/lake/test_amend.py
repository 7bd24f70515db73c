"""Amending: a version made out of exactly the one it starts from, and only the files that changed."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.lake.conftest import Publish
from tests.lake.published import SPEND, contract, read, rows, saved
from workbench.define import Contract
from workbench.errors import LakeError
from workbench.lake import Lake, LakeWriter

EARLY, LATE, LATER = rows(range(3)), rows(range(3, 6)), rows(range(3, 9), total=2.0)


def amend(
    writer: LakeWriter, base: int, view_id: str, *, remove: list[str], add: list[Path], under: Contract = SPEND
) -> int:
    return writer.amend(
        "spend", 1, base=base, contract=under, view_id=view_id, metadata={"from": str(base)}, remove=remove, add=add
    )


@pytest.fixture
def late(tmp_path: Path) -> Path:
    return saved(LATE, tmp_path / "late.parquet")


@pytest.fixture
def later(tmp_path: Path) -> Path:
    return saved(LATER, tmp_path / "later.parquet")


def test_files_are_added_and_the_others_stay_as_they_are(
    lake: Lake, writer: LakeWriter, publish: Publish, late: Path
) -> None:
    base = publish("a1", EARLY)
    version = amend(writer, base, "a2", remove=[], add=[late])
    assert_frame_equal(read(lake, version), pl.concat([EARLY, LATE]))
    assert_frame_equal(read(lake, base), EARLY)
    assert lake.files("spend", 1, version)[0] == lake.files("spend", 1, base)[0]
    assert lake.info("spend", 1, version).metadata == {"from": "0"}


def test_touched_files_are_replaced(lake: Lake, writer: LakeWriter, publish: Publish, late: Path, later: Path) -> None:
    base = amend(writer, publish("a1", EARLY), "a2", remove=[], add=[late])
    touched = [file.path for file in lake.statistics("spend", 1, base) if file.event_time[0] == LATE["at"].min()]  # type: ignore[index]
    version = amend(writer, base, "a3", remove=touched, add=[later])
    assert_frame_equal(read(lake, version), pl.concat([EARLY, LATER]))
    assert_frame_equal(read(lake, base), pl.concat([EARLY, LATE]))


def test_what_nobody_published_on_top_is_left_out(lake: Lake, writer: LakeWriter, publish: Publish, late: Path) -> None:
    base = publish("a1", EARLY)
    stray = publish("a2", rows(range(50)))
    version = amend(writer, base, "a3", remove=[], add=[late])
    assert version > stray
    assert_frame_equal(read(lake, version), pl.concat([EARLY, LATE]))
    assert_frame_equal(read(lake, stray), rows(range(50)))


def test_a_stray_version_with_other_columns_is_left_out_too(
    lake: Lake, writer: LakeWriter, publish: Publish, late: Path
) -> None:
    base = publish("a1", EARLY)
    publish("a2", EARLY.with_columns(n=pl.lit(1, pl.Int64)), under=contract(n=pl.Int64()))
    version = amend(writer, base, "a3", remove=[], add=[late])
    assert_frame_equal(read(lake, version), pl.concat([EARLY, LATE]))
    assert pl.scan_delta(lake.table("spend", 1).uri).collect_schema().names() == SPEND.schema.names()


def test_a_stray_amendment_is_taken_back(
    lake: Lake, writer: LakeWriter, publish: Publish, late: Path, later: Path
) -> None:
    base = amend(writer, publish("a1", EARLY), "a2", remove=[], add=[late])
    everything = lake.files("spend", 1, base)
    amend(writer, base, "a3", remove=everything, add=[later])
    version = amend(writer, base, "a4", remove=[], add=[])
    assert_frame_equal(read(lake, version), pl.concat([EARLY, LATE]))
    files = lake.statistics("spend", 1, version)
    assert [(file.rows, file.event_time) for file in files] == [
        (file.rows, file.event_time) for file in lake.statistics("spend", 1, base)
    ]


def test_all_rows_can_go(lake: Lake, writer: LakeWriter, publish: Publish) -> None:
    base = publish("a1", EARLY)
    version = amend(writer, base, "a2", remove=lake.files("spend", 1, base), add=[])
    assert_frame_equal(read(lake, version), EARLY.clear())
    assert lake.info("spend", 1, version).rows == 0


def test_the_same_amendment_is_made_once(lake: Lake, writer: LakeWriter, publish: Publish, late: Path) -> None:
    base = publish("a1", EARLY)
    version = amend(writer, base, "a2", remove=[], add=[late])
    publish("a9", rows(range(1)))
    assert amend(writer, base, "a2", remove=[], add=[late]) == version
    assert publish("a2", pl.concat([EARLY, LATE])) == version


def test_files_that_must_be_written_anew_are_read_back_in_their_dtypes(
    lake: Lake, writer: LakeWriter, publish: Publish, tmp_path: Path
) -> None:
    odd = contract(kind=pl.Enum(["a", "b"]))
    kinds = [frame.with_columns(kind=pl.lit("b", pl.Enum(["a", "b"]))) for frame in (EARLY, LATE)]
    base = publish("a1", kinds[0], under=odd)
    version = amend(writer, base, "a2", remove=[], add=[saved(kinds[1], tmp_path / "k.parquet")], under=odd)
    assert_frame_equal(read(lake, version, under=odd), pl.concat(kinds))


def test_a_file_that_the_base_does_not_have_cannot_go(
    lake: Lake, writer: LakeWriter, publish: Publish, late: Path
) -> None:
    base = publish("a1", EARLY)
    other = amend(writer, base, "a2", remove=[], add=[late])
    foreign = lake.files("spend", 1, other)[1]
    elsewhere = f"/elsewhere/{Path(lake.files('spend', 1, base)[0]).name}"
    for path in (foreign, elsewhere, "/etc/passwd", "../../x.parquet"):
        with pytest.raises(LakeError, match="has no file"):
            amend(writer, base, "a3", remove=[path], add=[])
    assert lake.latest("spend", 1) == other


def test_other_columns_than_the_bases_are_refused(writer: LakeWriter, publish: Publish, late: Path) -> None:
    base = publish("a1", EARLY)
    with pytest.raises(LakeError, match="publish it as a whole"):
        amend(writer, base, "a2", remove=[], add=[late], under=contract(n=pl.Int64()))


def test_a_base_that_is_not_there_is_named(writer: LakeWriter, publish: Publish) -> None:
    with pytest.raises(LakeError, match="no data of spend@1"):
        amend(writer, 0, "a2", remove=[], add=[])
    publish("a1")
    with pytest.raises(LakeError, match="no Delta version 7"):
        amend(writer, 7, "a2", remove=[], add=[])


def test_a_base_whose_files_are_gone_cannot_be_amended(
    lake: Lake, writer: LakeWriter, publish: Publish, late: Path
) -> None:
    base = publish("a1", EARLY)
    lake.storage.at("spend", "v1").delete(lake.files("spend", 1, base)[0].rpartition("/")[2])
    with pytest.raises(LakeError, match="lacks 1 of its data files"):
        amend(writer, base, "a2", remove=[], add=[late])
