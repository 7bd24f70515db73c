"""New rows of a large view are compared with a sample of what is published, made without reading that again."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import polars as pl
import pytest

from tests.promote.conftest import record_of
from tests.promote.stage import PLAIN, Table, begin, write
from workbench.compute import Amendment
from workbench.define import ColumnContract, Contract
from workbench.promote.samples import Published, Samples, collect_sample, finer, sampled

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.compute import StoredView

START = datetime(2024, 1, 1, tzinfo=UTC)
TIME = pl.Datetime("us", "UTC")
CONTRACT = Contract(
    (
        ColumnContract("k", pl.String(), "entity", nullable=False),
        ColumnContract("t", TIME, "event_time", nullable=False),
        ColumnContract("v", pl.Float64(), "feature", nullable=True),
    )
)


def rows(count: int, first: int = 0, *, name: str = "v", add: float = 0.0) -> pl.DataFrame:
    """Return a row a minute, of seven keys in turn, whose values say little."""
    number = pl.int_range(first, first + count)
    return pl.select(
        pl.format("k{}", number % 7).alias("k"),
        (pl.lit(START) + pl.duration(minutes=number)).cast(TIME).alias("t"),
        ((number * 7919 % 1000) / 10 + add).alias(name),
    )


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let samples be as small as tests' views are."""
    monkeypatch.setattr("workbench.promote.samples.LEAST", 500)
    monkeypatch.setattr("workbench.promote.samples.LEAST_NEW", 20)


def amendment(removed: pl.DataFrame, added: pl.DataFrame) -> Amendment:
    """Return how rows change, whatever they are in."""
    return Amendment(cast("StoredView", None), pl.Series([], dtype=pl.UInt32), removed, added)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("removed", [0, 300], ids=["all stay", "some change"])
@pytest.mark.parametrize("added", [10, 500, 4_000], ids=["few", "more", "so many that the sample gets sparser"])
def test_a_sample_of_amended_rows_is_that_of_all_rows(tmp_path: Path, added: int, removed: int) -> None:
    samples, old, new = Samples(tmp_path), rows(2_000), rows(added, 2_000)
    changed = rows(removed, 700, add=1.0)
    before = Published("a" * 64, "old", old.height, CONTRACT)
    after = Published("b" * 64, "new", old.height + added, CONTRACT)
    samples.keep(before, old.lazy())
    samples.amend(before, amendment(rows(removed, 700), pl.concat([changed, new])), after)
    unread = pl.LazyFrame({"k": ["read"]})  # lacks what it would be sampled by
    found = samples.of(after, unread, share=after.share).collect()
    right = pl.concat([old[:700], changed, old[700 + removed :], new])
    assert found.sort("t").equals(sampled(right.lazy(), CONTRACT, after.share).collect())
    assert 400 < found.height < 1_200


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("damage", [b"", b"PAR1 and no more"])
def test_a_sample_that_cannot_be_read_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    samples, old = Samples(tmp_path), rows(2_000)
    before = Published("a" * 64, "old", old.height, CONTRACT)
    samples.keep(before, old.lazy())
    (kept,) = tmp_path.rglob("sample-*")
    kept.write_bytes(damage)
    samples.amend(before, amendment(rows(0), rows(9, 2_000)), Published("b" * 64, "new", 2_009, CONTRACT))
    right = sampled(old.lazy(), CONTRACT, before.share).collect()
    assert samples.of(before, old.lazy(), share=before.share).collect().equals(right)
    assert pl.read_ipc(kept).equals(right)
    assert [*tmp_path.rglob("*.arrow")] == [kept]


@pytest.mark.usefixtures("small")
def test_few_new_rows_are_compared_with_more_of_those_that_are_published() -> None:
    assert [finer(16, count) for count in (1_000, 320, 319, 20, 0)] == [16, 16, 8, 1, 1]


@pytest.mark.journey
@pytest.mark.usefixtures("small")
def test_values_that_move_are_found_in_a_sample(tmp_path: Path, identity: None) -> None:
    source = rows(3_000, name="x")
    with closing(begin(tmp_path / "p", {"ev": Table(source, "t", "t")})) as project:
        project.define(PLAIN, log=False)
        project.promote("plain")
        for add in (0.0, 0.0, 1_000.0):
            source = pl.concat([source, rows(300, source.height, name="x", add=add)])
            write(project.root, "ev", source)
            (done,) = project.materialize().views
            assert (done.state, bool(done.warnings)) == ("updated", add > 0), done.warnings
            version = record_of(project, "plain").version()
            (kept,) = (project._workspace.facts / version.view_id).glob("sample-*")
            assert 400 < pl.read_ipc(kept).height < 1_200


def test_rows_that_fit_are_chosen_once_and_others_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    read = 0

    def count(frame: pl.DataFrame) -> pl.DataFrame:
        nonlocal read
        read += 1
        return frame

    monkeypatch.setattr("workbench.promote.samples.memory_share", lambda _: 100_000)
    for claimed, times in ((100, 1), (1_000_000, 3)):
        read = 0
        frame = collect_sample(rows(100).lazy().map_batches(count), claimed)
        assert [frame.select(pl.col("v").sum()).collect().item() for _ in range(3)] == [rows(100)["v"].sum()] * 3
        assert read == times
