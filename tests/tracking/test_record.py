from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from workbench.tracking import RunRecord, SourceFacts, ViewFacts, record_of
from workbench.tracking.limits import fit


def record(**changes: Any) -> RunRecord:
    facts: dict[str, Any] = {
        "project": "delays",
        "view": "carrier_delay",
        "branch": "exp/carry-over",
        "commit": "c" * 40,
        "view_id": "1" * 64,
        "code_hash": "2" * 64,
        "contract_hash": "3" * 64,
        "started": datetime(2024, 1, 1, tzinfo=UTC),
        "seconds": 1.5,
        "rows": 1000,
        "objective": "Predict arrival delay",
        "hypothesis": "Last week's delay carries over",
        "declared_metrics": ("rmse", "mae"),
        "tags": {"domain": "delay"},
        "features": {"delay_mean_7d": {"mean": 6.9, "std": None}},
        "results": {"rmse": 12.5},
        "checks": {"contract": "pass", "leakage": "fail", "lookback": "not checked"},
        "sources": (SourceFacts(name="flights", digest="f" * 64, place={"path": "data/flights.parquet"}),),
        "upstream": {"origin_weather": "w" * 64},
        "parameters": {"days": 7},
        "settings": {"lookback": timedelta(days=7), "ttl": None, "entities": ("carrier",)},
        "versions": {"polars": "2.1.0"},
        "columns": {"delay_mean_7d": "Float64"},
        "data": ".workbench/views/1/data.parquet",
        "data_digest": "d" * 64,
    }
    return record_of(ViewFacts(**(facts | changes)))


def test_what_was_chosen_are_parameters() -> None:
    assert record().params == {
        "view": "carrier_delay",
        "branch": "exp/carry-over",
        "code": "2" * 12,
        "contract": "3" * 12,
        "setting.lookback": "7 days, 0:00:00",
        "setting.entities": '["carrier"]',
        "parameter.days": "7",
        "source.flights": "f" * 12,
        "upstream.origin_weather": "w" * 12,
    }


def test_what_came_out_are_metrics_grouped_by_feature() -> None:
    assert record().metrics == {
        "run/seconds": 1.5,
        "run/reused": 0.0,
        "run/rows": 1000.0,
        "checks/failed": 1.0,
        "checks/not_checked": 1.0,
        "carrier_delay.delay_mean_7d/mean": 6.9,
        "rmse": 12.5,
    }


def test_git_and_the_experiment_are_tags() -> None:
    tags = record().tags
    assert tags["mlflow.source.git.commit"] == "c" * 40
    assert tags["mlflow.source.git.branch"] == "exp/carry-over"
    assert tags["workbench.objective"] == "Predict arrival delay"
    assert tags["workbench.metrics"] == "rmse, mae"
    assert tags["workbench.source.flights"] == "f" * 64
    assert (tags["workbench.checks.contract"], tags["workbench.checks.leakage"]) == ("passed", "failed")
    assert tags["workbench.checks.lookback"] == "not checked"
    assert tags["domain"] == "delay"
    assert "mlflow.source.git.repoURL" not in tags


def test_a_users_tag_does_not_replace_an_identity() -> None:
    assert record(tags={"workbench.view_id": "forged"}).tags["workbench.view_id"] == "1" * 64


def test_a_failed_check_fails_the_run_and_is_in_its_description() -> None:
    failed = record(status="failed")
    assert failed.status == "FAILED"
    assert "Failed checks: leakage\n\nNot checked: lookback" in failed.note
    assert "Hypothesis: Last week's delay carries over" in failed.note


def test_sources_and_the_view_are_datasets_with_their_context() -> None:
    source, view = record().datasets
    assert (source.name, source.context, source.kind) == ("flights", "source", "files")
    assert (view.name, view.context, view.kind) == ("carrier_delay", "view", "view")
    assert view.source["path"] == ".workbench/views/1/data.parquet"
    assert view.profile == {"num_rows": 1000}


def test_a_reused_view_says_so() -> None:
    reused = record(reused="plan")
    assert reused.tags["workbench.reused"] == "plan"
    assert reused.metrics["run/reused"] == 1.0
    assert "reused by plan" in reused.note


def test_few_facts_are_enough() -> None:
    plain = record_of(ViewFacts(project="p", view="v", branch="b", started=datetime(2024, 1, 1, tzinfo=UTC)))
    assert plain.status == "FINISHED"
    assert plain.datasets == ()
    assert "None" not in f"{plain.tags}{plain.params}{plain.note}"


def test_nothing_of_ours_needs_cleaning() -> None:
    ours = record()
    assert fit(ours) == ours


def test_equal_settings_compare_equal_whatever_their_order() -> None:
    left = record(settings={"tags": {"a": 1, "b": 2}, "columns": {"x", "y", "z"}})
    right = record(settings={"tags": {"b": 2, "a": 1}, "columns": {"z", "x", "y"}})
    assert left.params == right.params
