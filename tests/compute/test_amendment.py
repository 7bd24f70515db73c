"""Amended data: which files stay and which are written anew, and that damage is seen before rows are stored again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.compute import amendment
from workbench.compute.amendment import AmendedFile, Amendment, checksums, damage, note_checksums
from workbench.compute.digest import digest_frame
from workbench.compute.metadata import StoredView, ViewRecord


def stored(folder: Path, parts: Sequence[pl.DataFrame]) -> StoredView:
    """Return a view whose rows are in so many files."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [*(f"kept-{place}.parquet" for place in range(len(parts) - 1)), "data.parquet"]
    for name, rows in zip(names, parts, strict=True):
        rows.write_parquet(folder / name)
    whole = pl.concat(parts)
    record = ViewRecord(
        view="numbers", view_id="a" * 64, plan_hash=None, code_hash="", parameters={}, inputs={},
        rows=whole.height, size=0, seconds=0.0, digest=digest_frame(whole.lazy(), keys=["n"]), schema={},
        order=("n", "x"), keys=("n",), period=None, created_at=datetime.now(UTC), versions={}, files=tuple(names),
    )  # fmt: skip
    return StoredView(record.view_id, folder, record)


def numbers(*counts: int) -> list[pl.DataFrame]:
    """Return rows that are numbered through, so many in each part."""
    rows = pl.DataFrame({"n": range(sum(counts))}, schema={"n": pl.Int64}).with_columns(x=pl.col("n") * 0.5)
    return [rows.slice(sum(counts[:place]), count) for place, count in enumerate(counts)]


def held(file: AmendedFile) -> pl.DataFrame:
    """Return the rows of a file."""
    if file.rows is not None:
        return file.rows.collect()
    assert file.source is not None
    return pl.read_parquet(file.source)


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(0, 30), min_size=1, max_size=4).filter(any),
    gone=st.sets(st.integers(0, 119)),
    added=st.integers(0, 5),
    least=st.sampled_from([1, 7, 1_000]),
)
def test_all_rows_that_stay_are_there_once_in_their_order_and_so_are_those_that_came(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], gone: set[int], added: int, least: int
) -> None:
    parts = numbers(*counts)
    whole = pl.concat(parts)
    went = pl.Series(sorted(number for number in gone if number < whole.height), dtype=pl.UInt32)
    come = whole.head(1).select(n=pl.int_range(1_000, 1_000 + added), x=pl.lit(0.0))
    base = stored(tmp_path_factory.mktemp("view"), parts)
    amended = Amendment(base, went, whole[went], come)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(amendment, "LEAST_CUT", least)
        patch.setattr(amendment, "ROW_GROUP", 1)
        files = amended.files()
    found = [held(file) for file in files]
    left = whole.filter(~pl.col("n").is_in(went.implode()))
    both = pl.concat(found)
    assert both.filter(pl.col("n") < 1_000).equals(left)
    assert both.filter(pl.col("n") >= 1_000).equals(come)
    assert amended.rows().collect().equals(pl.concat([left, come]))
    ends = [sum(counts[: place + 1]) for place in range(len(counts))]
    touched = [any(end - count <= number < end for number in went) for end, count in zip(ends, counts, strict=True)]
    kept = [file.source for file in files if file.rows is None]
    assert kept == [path for path, is_touched in zip(base.paths, touched, strict=True) if not is_touched]
    cut = [rows.height for file, rows in zip(files, found, strict=True) if file.rows is not None]
    assert max(cut) <= max(least, -(-whole.height // 8)) + added


def test_rows_that_came_are_where_the_last_one_went(tmp_path: Path) -> None:
    parts = numbers(10, 10, 10)
    base, whole = stored(tmp_path, parts), pl.concat(parts)
    went = pl.Series([3, 12], dtype=pl.UInt32)
    first, second, third = Amendment(base, went, whole[went], whole[went]).files()
    assert first.rows is not None
    assert second.rows is not None
    assert first.rows.collect().height == 9
    assert second.rows.collect()["n"].to_list() == [10, 11, *range(13, 20), 3, 12]
    assert third.source == base.path


def test_a_file_that_is_not_as_it_was_written_is_named(tmp_path: Path) -> None:
    for noted in (True, False):
        view = stored(tmp_path / str(noted), numbers(10, 10))
        if noted:
            note_checksums(view)
            assert sorted(checksums(view.folder)) == ["data.parquet", "kept-0.parquet"]
        assert damage(view) == ""
        numbers(10)[0].with_columns(x=pl.lit(-1.0)).write_parquet(view.paths[0])
        assert damage(view) == ("kept-0.parquet" if noted else "its files")
        note_checksums(view)
        assert (damage(view) != "") == noted


@pytest.mark.parametrize("text", ["", "[]", "no JSON", '{"data.parquet": '])
def test_checksums_that_cannot_be_read_are_not_known(tmp_path: Path, text: str) -> None:
    (tmp_path / "checksums.json").write_text(text)
    assert checksums(tmp_path) == {}
