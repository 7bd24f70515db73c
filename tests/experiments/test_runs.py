"""Comparing: branches, experiments and runs side by side, what differs first, with how far and how sure."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import polars as pl
import pytest

from tests.conftest import EVENT_VIEW
from tests.store.stage import declare, publish
from workbench import errors
from workbench.experiments.run_comparison import _identity
from workbench.render import Table

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.experiments import RunComparison
    from workbench.project import Project

OTHER = EVENT_VIEW.replace("cum_sum()", "cum_max()")


def spine() -> pl.DataFrame:
    times = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=30 + row) for row in range(4)]
    columns = {"user": ["u1"] * 4, "event_timestamp": times, "label": [0.5] * 4}
    return pl.DataFrame(columns, schema_overrides={"event_timestamp": pl.Datetime("us", "UTC")})


def train(project: Project, name: str, values: list[float], *, depth: int = 3) -> None:
    with project.experiment(name) as run:
        project.store.training_set(spine(), "spend", label="label")
        run.log_params({"depth": depth})
        for seed, value in enumerate(values):
            run.log_metric("rmse", value, seed=seed)


@pytest.fixture
def shop(project: Project) -> Project:
    """Two experiments' branches with a model each, trained on other features; the runs stay in the outbox."""
    assert project.define(EVENT_VIEW).passed
    train(project, "late", [4.0, 5.0, 6.0])
    project.branch("exp/second", objective="See it work", hypothesis="The largest matters", metrics=["rmse"])
    assert project.define(OTHER).passed
    train(project, "late", [3.0, 4.0, 5.0], depth=6)
    return project


def table(comparison: RunComparison, title: str) -> dict[object, tuple[object, ...]]:
    """Return the rows below the heading `title`, those of folded tables too."""
    report, found, heading = comparison.report(), {}, None
    for shown in (*report.tables, *(figure for fold in report.folded for figure in fold.figures)):
        assert isinstance(shown, Table)
        for row in shown.rows:
            if len(row) == 1:
                heading = row[0]
            elif heading == title:
                found[row[0]] = row[1:]
    return found


def test_branches_differ_in_hypothesis_features_metrics_and_parameters(shop: Project) -> None:
    comparison = shop.compare("exp/first", "exp/second")
    assert table(comparison, "About")["hypothesis"] == (None, "The largest matters")
    assert "objective" not in table(comparison, "About"), "both have the same"
    first, second = table(comparison, "Features")["spend:total"]
    assert first == shop.view("spend", branch="exp/first").view_id[:10]
    assert second == shop.view("spend", branch="exp/second").view_id[:10]
    assert table(comparison, "Metrics")["rmse"] == ("5 ± 1 (n=3)", "4 ± 1 (n=3) (-1, -20%)")
    assert next(iter(table(comparison, "Metrics"))) == "rmse", "what the experiment is judged by comes first"
    assert table(comparison, "Parameters")["depth"] == ("3", "6")
    assert {"data", "spend.code", "view.spend"} <= set(table(comparison, "Data and code"))
    assert "spine" not in table(comparison, "Data and code"), "both have the same"
    assert "rmse_by_seed/1" not in table(comparison, "Metrics")


def test_all_rows_have_what_is_the_same_and_every_seed(shop: Project) -> None:
    comparison = shop.compare("exp/first", "exp/second", all_rows=True)
    assert {"objective", "hypothesis", "commit"} <= set(table(comparison, "About"))
    assert {"rmse", "rmse_std", "rmse_by_seed/2"} <= set(table(comparison, "Metrics"))
    assert "spine" in table(comparison, "Data and code")


def test_metrics_are_a_frame_with_mean_deviation_and_difference(shop: Project) -> None:
    frame = shop.compare("exp/first", "exp/second").to_frame().filter(metric="rmse")
    assert frame.to_dicts() == [
        {
            "metric": "rmse",
            "side": "exp/first",
            "mean": 5.0,
            "std": 1.0,
            "count": 3,
            "difference": 0.0,
            "relative": 0.0,
        },
        {
            "metric": "rmse",
            "side": "exp/second",
            "mean": 4.0,
            "std": 1.0,
            "count": 3,
            "difference": -1.0,
            "relative": -0.2,
        },
    ]


def test_one_branch_is_compared_with_main_and_what_is_published_there(shop: Project) -> None:
    declare(shop.root)
    publish(shop, "spend")
    comparison = shop.compare("exp/second")
    assert [each.branch for each in comparison.described] == ["main", "exp/second"]
    assert table(comparison, "Features")["spend:total"][0] == "@1.0"
    assert table(comparison, "Features")["spend:total"][1] == shop.view("spend").view_id[:10]


def test_without_a_name_the_branchs_models_are_compared_the_oldest_is_the_base(shop: Project) -> None:
    train(shop, "late", [1.0, 2.0, 3.0], depth=9)
    comparison = shop.compare()
    assert len(comparison.described) == 2
    assert table(comparison, "Parameters")["depth"] == ("9", "6")
    assert table(comparison, "Metrics")["rmse"] == ("2 ± 1 (n=3) (-2, -50%)", "4 ± 1 (n=3)")
    assert comparison.report().facts == (("runs", 2), ("differences from", comparison._titles()[1]))
    assert comparison.report().title.startswith("rmse: ")


def test_runs_that_differ_in_their_seed_alone_are_one(shop: Project) -> None:
    for seed, value in enumerate([1.0, 2.0, 3.0]):
        with shop.experiment("seeds") as run:
            run.log_params({"depth": 3, "seed": seed})
            run.log_metric("rmse", value)
    (side,) = shop.compare("seeds").comparison.sides
    assert side.facts.metrics["rmse"] == 2.0
    assert (side.spread["rmse"].std, side.spread["rmse"].count) == (1.0, 3)
    assert side.facts.params["seed"] == "0, 1, 2"


def test_runs_that_failed_or_differ_in_more_stay_apart(shop: Project) -> None:
    for seed, depth in [(0, 3), (1, 4)]:
        with shop.experiment("seeds") as run:
            run.log_params({"depth": depth, "seed": seed})
    with pytest.raises(ValueError, match="no"), shop.experiment("seeds") as run:  # noqa: PT012 - the block is the point
        run.log_params({"depth": 3, "seed": 2})
        raise ValueError("no")
    assert len(shop.compare("seeds").described) == 3


def test_what_differs_is_told_from_a_run_that_finished_and_profiles_of_views_are_folded(shop: Project) -> None:
    with pytest.raises(ValueError, match="no"), shop.experiment("late") as run:  # noqa: PT012 - the block is the point
        run.log_params({"depth": 9})
        raise ValueError("no")
    comparison = shop.compare("late")
    failed = [each.has_failed for each in comparison.described]
    assert failed == [True, False, False]
    assert comparison.comparison.baseline == 1
    assert comparison._titles()[0].endswith(" (failed)")
    assert "late" not in table(comparison, "Features"), "a run without features has no row of its own"
    branches = shop.compare("exp/first", "exp/second")
    assert branches.report().title == "rmse: exp/first 5 ± 1 (n=3); exp/second 4 ± 1 (n=3) (-1, -20%)"
    shown = [row[0] for drawn in branches.report().tables for row in drawn.rows if len(row) == 1]
    assert shown == ["Metrics", "About", "Features", "Parameters"]
    assert "spend.total/mean" in table(branches, "Profiles of views")
    assert _identity("819464000000") == "819464000000", "a digest of digits alone is no number"


def test_an_experiment_and_runs_are_found_by_name_and_id(shop: Project) -> None:
    assert len(shop.compare("late").described) == 2
    keys = [run.key for run in shop._workspace.tracker.runs() if run.kind == "model"]
    comparison = shop.compare(keys[1][:12], keys[0])
    assert [side.runs[0].key for side in comparison.comparison.sides] == [keys[1], keys[0]]
    with pytest.raises(errors.UsageError, match="not a branch, experiment or run") as caught:
        shop.compare("exp/frist")
    assert "exp/first" in caught.value.remedy


def test_the_pages_hold_exactly_the_runs_that_are_compared_models_apart_from_views(shop: Project) -> None:
    tracker = shop._workspace.tracker
    for place, run in enumerate(reversed(tracker.runs())):
        record = tracker._outbox.read(tracker._outbox.find(run.key))  # type: ignore[arg-type]  # it is queued
        tracker._journal.append(record, run_id=f"{place}" * 32, experiment_id="7")
    comparison = shop.compare("exp/first", "exp/second").comparison
    listed = {page.about: json.loads(parse_qs(page.fragment.partition("?")[2])["runs"][0]) for page in comparison.pages}
    assert list(listed) == ["models", "spend"]
    for about, kind in (("models", "model"), ("spend", "view")):
        assert sorted(listed[about]) == sorted(run.run_id for run in comparison.runs if run.run_id and run.kind == kind)
        assert len(listed[about]) == 2


def test_a_view_alone_is_compared_as_before(shop: Project) -> None:
    assert shop.define(EVENT_VIEW).passed
    comparison = shop.compare(view="spend")
    assert [run.kind for run in comparison.comparison.runs] == ["view", "view"]
    assert "code" in table(comparison, "Data and code")
    assert "total/mean" in table(comparison, "Metrics")


def test_everything_is_json_markdown_and_a_page(shop: Project, tmp_path: Path) -> None:
    comparison = shop.compare("exp/first", "exp/second")
    values = json.loads(json.dumps(comparison.to_dict()))
    assert values["baseline"] == "exp/first"
    assert [side["label"] for side in values["sides"]] == ["exp/first", "exp/second"]
    waiting = len(comparison.comparison.runs)
    assert values["on_their_way"] == waiting
    assert f"{waiting} runs are on the way to MLflow, and not on its pages yet." in comparison.report().notes
    assert "| rmse | 5 ± 1 \\(n=3\\) |" in comparison.to_markdown()
    assert "rmse" in comparison.save(tmp_path / "comparison.html").read_text()
    assert "rmse" in comparison._repr_mimebundle_()["text/plain"]


def test_nothing_to_compare_says_what_to_do(project: Project) -> None:
    comparison = project.compare()
    assert any("No runs yet" in step for step in comparison.report().steps)
    assert comparison.to_dict()["sides"] == []
    assert project.compare("exp/first").report().title.startswith("main and exp/first")
