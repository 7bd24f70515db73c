"""Counts of all workers are summed, outlive a worker, and are shown as Prometheus reads them."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.server.stage import Asked, ask, fill, options
from workbench.server import FeatureService
from workbench.server.logs import JsonLines
from workbench.server.metrics import CAPACITY, Counters
from workbench.skew import log

if TYPE_CHECKING:
    from tests.online.stage import Shelf

HOLD = """
import sys
from pathlib import Path
from workbench.server.metrics import Counters
counters = Counters(Path(sys.argv[1]))
counters.add(("requests", "a"), 3)
print("counted", flush=True)
sys.stdin.read()
"""


def test_counts_of_workers_are_summed_and_a_killed_one_s_place_is_taken(tmp_path: Path) -> None:
    mine = Counters(tmp_path)
    mine.add(("requests", "a"))
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "counted\n"
        assert mine.totals() == {("requests", "a"): 4.0}
        os.kill(other.pid, signal.SIGKILL)
        other.wait(timeout=60)
    assert mine.totals() == {("requests", "a"): 4.0}
    heir = Counters(tmp_path)
    heir.add(("requests", "a"))
    heir.add(("requests", "b"), 0.5)
    assert mine.totals() == heir.totals() == {("requests", "a"): 5.0, ("requests", "b"): 0.5}
    assert len(list(tmp_path.iterdir())) == 2
    heir.close()
    mine.close()


def test_series_beyond_the_capacity_or_too_long_are_left_out() -> None:
    counters = Counters(None)
    for number in range(CAPACITY + 5):
        counters.add((str(number),))
    counters.add(("x" * 1_000,))
    assert len(counters.totals()) == CAPACITY
    counters.add(("3",))
    assert counters.totals()["3",] == 2.0
    counters.close()


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    asked = ask(fill(tmp_path_factory.mktemp("counted")))
    users = [{"user": user} for user in ("a", "b", "c", "nobody")]
    for _ in range(2):
        asked.features(["recent", "kinds:small"], users)
    asked.features("recnt", users)
    asked("GET", "/nowhere/at/all")
    asked("GET", "/nowhere/else")
    text = asked("GET", "/metrics").text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("workbench_requests_total", {"route": "/v1/features", "status": "200"}, 2),
        ("workbench_requests_total", {"route": "/v1/features", "status": "422"}, 1),
        ("workbench_requests_total", {"route": "other", "status": "404"}, 2),
        ("workbench_request_seconds_count", {"route": "/v1/features", "status": "200"}, 2),
        ("workbench_request_seconds_bucket", {"route": "/v1/features", "status": "200", "le": "+Inf"}, 2),
        ("workbench_entities_total", {}, 8),
        ("workbench_rows_total", {"view": "recent", "outcome": "online"}, 4),
        ("workbench_rows_total", {"view": "recent", "outcome": "expired"}, 2),
        ("workbench_rows_total", {"view": "recent", "outcome": "missing"}, 2),
        ("workbench_rows_total", {"view": "kinds", "outcome": "online"}, 6),
        ("workbench_rows_total", {"view": "kinds", "outcome": "missing"}, 2),
        ("workbench_row_age_seconds_count", {"view": "recent"}, 2),
        ("workbench_generation", {"view": "recent@1"}, 3),
        ("workbench_catalog_version", {}, 1),
    ],
)
def test_what_was_asked_is_counted(
    samples: dict[tuple[str, tuple[tuple[str, str], ...]], float], name: str, labels: dict[str, str], value: float
) -> None:
    assert samples[name, tuple(sorted(labels.items()))] == value


def test_kept_and_dropped_answers_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = fill(tmp_path)
    service = FeatureService(options(shelf, log_reads=1))
    asked = Asked(service)
    for _ in range(2):
        assert asked.features("recent", [{"user": "a"}]).status_code == 200
    monkeypatch.setattr(log, "QUEUE_BYTES", 10)
    for _ in range(3):
        assert asked.features("recent", [{"user": "a"}]).status_code == 200
    service._log.close(60)
    text = asked("GET", "/metrics").text
    assert "workbench_reads_logged_total 2.0" in text
    assert 'workbench_reads_dropped_total{reason="queue"} 3.0' in text


def test_a_log_that_fails_fails_no_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> bytes:
        raise RuntimeError("out of order")

    monkeypatch.setattr("workbench.server.features.logged_line", fail)
    answer = ask(fill(tmp_path), log_reads=1).features("recent", [{"user": "a"}])
    assert answer.status_code == 200
    assert "out of order" in caplog.text


def test_times_are_cumulative_and_ages_are_those_of_the_rows(
    samples: dict[tuple[str, tuple[tuple[str, str], ...]], float],
) -> None:
    buckets = [
        value
        for (name, labels), value in samples.items()
        if name == "workbench_request_seconds_bucket"
        and ("status", "200") in labels
        and ("route", "/v1/features") in labels
    ]
    assert buckets == sorted(buckets)
    ages = {
        dict(labels)["view"]: value
        for (name, labels), value in samples.items()
        if name == "workbench_row_age_seconds_sum"
    }
    assert ages["recent"] < 2 * 3_600
    assert ages["kinds"] > 2 * 365 * 86_400


@pytest.mark.parametrize(("log", "statuses"), [("all", [200, 422]), ("errors", [422]), ("none", [])])
def test_requests_are_logged_with_their_ids_and_without_what_they_hold(
    shelf: Shelf, caplog: pytest.LogCaptureFixture, log: str, statuses: list[int]
) -> None:
    import json

    asked = Asked(FeatureService(options(shelf, log=log)), authorization="Bearer wb_0_hidden")
    with caplog.at_level(logging.INFO, logger="workbench.server"):
        ids = [asked.features(ref, [{"user": "hidden"}]).headers["x-request-id"] for ref in ("recent", "recnt")]
    lines = [json.loads(JsonLines().format(record)) for record in caplog.records]
    assert [line["status"] for line in lines] == statuses
    assert [line["request_id"] for line in lines] == ids[2 - len(statuses) :]
    assert "hidden" not in json.dumps(lines)


def test_what_nobody_foresaw_is_logged_whole_and_answered_in_few_words(
    shelf: Shelf, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench.server.features import FeatureAnswers

    def fail(*_: object) -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr(FeatureAnswers, "answer", fail)
    answer = ask(shelf).features("recent", [{"user": "a"}])
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.json()["request_id"] in JsonLines().format(caplog.records[0])
    assert "secret inside" in JsonLines().format(caplog.records[0])


def test_a_fault_in_any_route_is_answered_as_a_problem_and_logged(
    shelf: Shelf, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr("workbench.server.app.list_features", fail)
    asked = ask(shelf)
    answer = asked("GET", "/v1/catalog")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "secret" not in answer.text
    lines = [JsonLines().format(record) for record in caplog.records]
    assert any("secret inside" in line and answer.json()["request_id"] in line for line in lines)
    assert 'workbench_requests_total{route="/v1/catalog",status="500"} 1.0' in asked("GET", "/metrics").text
