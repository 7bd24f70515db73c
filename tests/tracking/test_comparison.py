from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote

import polars as pl
import pytest

from tests.tracking.stores import make_record
from workbench.errors import TrackingError

if TYPE_CHECKING:
    from workbench.tracking import RunRecord, Tracker


def sent(tracker: Tracker, name: str, run_id: str, *, start: int, code: str, rows: float, tag: str = "t") -> RunRecord:
    record = make_record(
        name,
        start=start,
        end=start + 1000,
        params={"code": code, "source": "same"},
        metrics={"run/rows": rows, "run/seconds": 1.0},
        tags={"workbench.view": name, "workbench.branch": "exp/a", "kind": tag},
    )
    tracker._journal.append(record, run_id=run_id, experiment_id="7")
    return record


@pytest.fixture
def tracker(idle: Tracker) -> Tracker:
    sent(idle, "carrier_delay", "a" * 32, start=1000, code="one", rows=10.0)
    sent(idle, "carrier_delay", "b" * 32, start=2000, code="two", rows=12.5)
    return idle


def test_the_table_shows_what_differs(tracker: Tracker) -> None:
    found = tracker.compare(branch="exp/a")
    new, old = found.labels()
    assert found.frame.to_dicts() == [
        {"kind": "param", "key": "code", new: "two", old: "one"},
        {"kind": "metric", "key": "run/rows", new: "12.5", old: "10"},
    ]


def test_the_whole_table_shows_what_is_the_same_too(tracker: Tracker) -> None:
    keys = tracker.compare(branch="exp/a").table(only_differing=False)["key"].to_list()
    assert {"code", "source", "run/rows", "run/seconds", "kind"} <= set(keys)


def test_a_key_that_only_one_run_has_differs(tracker: Tracker) -> None:
    tracker._journal.append(make_record(metrics={"rmse": 1.0}, start=9000), run_id="c" * 32, experiment_id="7")
    row = tracker.compare().frame.filter(key="rmse").drop("kind", "key").row(0)
    assert row == ("1", None, None)


def test_metrics_are_numbers(tracker: Tracker) -> None:
    frame = tracker.compare(branch="exp/a").metrics()
    assert frame["run/rows"].to_list() == [12.5, 10.0]
    assert frame.schema["run/rows"] == pl.Float64


def test_the_page_names_exactly_these_runs(tracker: Tracker) -> None:
    (page,) = tracker.compare(run_ids=["aaaa", "bbbb"]).pages
    route, _, query = page.fragment.partition("?")
    assert route == "#/compare-runs"
    assert parse_qs(query)["workflowType"] == ["machine_learning"], "else MLflow's UI may open for chat traces"
    assert not set('[]",') & set(query)
    assert json.loads(parse_qs(query)["runs"][0]) == ["a" * 32, "b" * 32]
    assert json.loads(unquote(parse_qs(query)["experiments"][0])) == ["7"]


def test_there_is_no_page_for_one_run_and_no_address_without_a_ui(tracker: Tracker) -> None:
    assert tracker.compare(run_ids=["aaaa"]).pages == ()
    assert tracker.compare(branch="exp/a").url is None


def test_an_id_that_names_no_run_or_two_is_an_error(tracker: Tracker) -> None:
    sent(tracker, "other", "ab" * 16, start=3000, code="x", rows=1.0)
    with pytest.raises(TrackingError, match="'zzz' is not a run"):
        tracker.compare(run_ids=["zzz"])
    with pytest.raises(TrackingError, match="'a' matches several runs") as caught:
        tracker.compare(run_ids=["a"])
    assert "a" * 32 in caught.value.remedy


def test_nothing_to_compare_is_an_empty_table(idle: Tracker) -> None:
    found = idle.compare(branch="exp/none")
    assert found.runs == ()
    assert found.frame.is_empty()


def test_a_queued_run_is_compared_too_but_not_on_the_page(tracker: Tracker) -> None:
    tracker.submit(make_record(params={"code": "three"}, start=10_000))
    found = tracker.compare()
    assert [run.state for run in found.runs] == ["queued", "sent", "sent"]
    assert (found.on_their_way, tracker.compare(run_ids=["aaaa"]).on_their_way) == (1, 0)
    assert found.frame.filter(key="code").drop("kind", "key").row(0) == ("three", "two", "one")
    assert found.pages == tracker.compare(run_ids=["bbbb", "aaaa"]).pages


def test_the_comparison_is_json_ready(tracker: Tracker) -> None:
    values = json.loads(json.dumps(tracker.compare(branch="exp/a").to_dict()))
    assert {"kind": "metric", "key": "run/rows", "values": [12.5, 10.0]} in values["rows"]


def test_runs_are_listed_newest_first_and_by_view_and_branch(tracker: Tracker) -> None:
    sent(tracker, "weather", "c" * 32, start=1500, code="x", rows=1.0)
    assert [run.run_id for run in tracker.runs()] == ["b" * 32, "c" * 32, "a" * 32]
    assert [run.run_id for run in tracker.runs(view="weather")] == ["c" * 32]
    assert tracker.runs(branch="exp/other") == []
    assert len(tracker.runs(limit=1)) == 1
