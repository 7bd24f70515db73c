"""The demo: real flights, a project of its own, the loop, and again without computing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

import workbench as wb
from tests.conftest import identify
from workbench.demo import make_project, run_demo
from workbench.demo.cells import BRANCH, CELLS
from workbench.project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.demo import DemoResult

pytestmark = pytest.mark.timeout(180)
whole = pytest.mark.journey
"""The demo from its first step to its last, on all flights."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoResult]:
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        identify(folder, patch)
        yield run_demo(folder / "flights")


@whole
def test_all_flights_are_there_with_the_instant_they_were_known(demo: DemoResult) -> None:
    assert demo.rows == {"flights": 336_776, "weather": 26_115, "planes": 3_322}
    flights = pl.read_parquet(demo.root / "data" / "flights.parquet")
    late = flights.filter(pl.col("landed_at") - pl.col("departed_at") < pl.duration(minutes=1) * pl.col("air_time"))
    assert late.is_empty(), "a flight takes at least its time in the air"
    first = flights.row(0, named=True)
    assert first["scheduled_at"] == datetime(2013, 1, 1, 10, 15, tzinfo=UTC)
    assert first["landed_at"] == datetime(2013, 1, 1, 14, 30, tzinfo=UTC)
    assert flights["known_at"].null_count() == 0
    assert flights["landed_at"].null_count() == 9_430


@whole
def test_three_views_are_computed_and_hold_their_contracts(demo: DemoResult) -> None:
    assert [result.view for result in demo.results] == ["carrier_delay", "origin_weather", "carrier_trouble"]
    assert demo.passed
    assert all(result.branch == BRANCH for result in demo.results)


@whole
def test_a_model_reads_online_what_a_training_set_has(demo: DemoResult) -> None:
    assert demo.answer is not None
    assert {found.source for found in demo.answer.features.values()} == {"online"}
    assert {found.status for found in demo.answer.features.values()} == {"present"}
    spine = pl.DataFrame({"carrier": ["UA"], "event_timestamp": [demo.answer.at]})
    reader = Project(demo.root, branch="main")
    right = reader.store.training_set(spine, "carrier_delay").frame.row(0, named=True)
    reader.close()
    assert {name: found.value for name, found in demo.answer.features.items()}.items() <= right.items()


@whole
def test_they_are_published_and_a_training_set_keeps_every_flight(demo: DemoResult) -> None:
    assert demo.promotion is not None
    assert demo.promotion.versions == {"carrier_delay": "1.0", "carrier_trouble": "1.0", "origin_weather": "1.0"}
    assert demo.ledger is not None
    assert demo.ledger.rows_in == demo.ledger.rows_out == 336_776
    assert [view.share > 0.99 for view in demo.ledger.views] == [True, True, True]


@whole
def test_mlflow_has_comparable_runs(demo: DemoResult) -> None:
    assert all(result.run_id for result in demo.results)
    project = wb.open(demo.root)
    comparison = project.compare(branch=BRANCH, view="carrier_delay")
    assert len(comparison.comparison.runs) == 2
    assert "code" in set(comparison.frame["key"])
    project.close()


@whole
def test_a_second_run_computes_and_commits_nothing(demo: DemoResult) -> None:
    again = run_demo(demo.root)
    assert [result.reused for result in again.results] == [True] * len(CELLS)
    assert [result.commit for result in again.results][-1] == demo.results[-1].commit
    assert [result.run_id for result in again.results] == [result.run_id for result in demo.results]


@whole
def test_a_mean_of_the_last_week_is_what_a_hand_would_add_up(demo: DemoResult) -> None:
    flights = pl.read_parquet(demo.root / "data" / "flights.parquet")
    project = wb.open(demo.root)
    view = project.view("carrier_delay", branch=BRANCH).frame().filter(pl.col("carrier") == "HA").collect()
    project.close()
    at = datetime(2013, 6, 1, tzinfo=UTC)
    row = view.filter(pl.col("landed_at") <= at).sort("landed_at").row(-1, named=True)
    week = flights.filter(
        pl.col("carrier") == "HA",
        pl.col("landed_at").is_between(pl.lit(at) - pl.duration(days=7), pl.lit(at), closed="left"),
    )
    assert row["flights_7d"] == week.height
    assert row["delay_mean_7d"] == pytest.approx(week["arr_delay"].mean())


@pytest.mark.journey
def test_the_demo_never_writes_a_branch_into_a_repository_around_it(tmp_path: Path, identity: None) -> None:
    outer = wb.init(tmp_path)
    before = outer.repository.names()
    project = make_project(tmp_path / "inner")
    assert (tmp_path / "inner" / ".git").is_dir()
    project.branch("exp/inner")
    assert outer.repository.names() == before
    project.close()
    outer.close()


@pytest.mark.journey
def test_the_demo_runs_where_git_knows_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").write_text("")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "empty"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    project = make_project(tmp_path / "flights")
    project.branch("exp/anybody")
    assert project.repository.names() == ["exp/anybody", "main"]
    project.close()
