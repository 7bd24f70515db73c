"""The objective: what counts as answered badly, and how fast the error budget is used up."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.server.stage import ask, fill
from workbench.online import OnlineReader
from workbench.server.objective import ErrorBudget


def test_burn_is_the_share_of_bad_answers_in_a_window_beside_the_share_that_may_be_bad() -> None:
    counts = [0.0, 0.0]
    budget = ErrorBudget(0.99, lambda: (counts[0], counts[1]))
    budget.note(now=1.0)
    assert budget.burn((0.0, 0.0), now=2.0) == {"5m": 0.0, "1h": 0.0, "6h": 0.0}, "nothing was asked"
    counts[:] = [900.0, 100.0]
    budget.note(now=3_000.0)
    assert budget.burn((900.0, 100.0), now=3_000.0) == pytest.approx({"5m": 0.0, "1h": 10.0, "6h": 10.0})
    later = (1_899.0, 101.0)
    assert budget.burn(later, now=3_200.0) == pytest.approx({"5m": 0.1, "1h": 5.05, "6h": 5.05})
    assert budget.burn(later, now=100_000.0)["6h"] == 0.0, "what is known is older than the window"


def test_a_worker_that_takes_anothers_place_knows_what_was_counted_before(tmp_path: Path) -> None:
    counts = [0.0, 0.0]
    first = ErrorBudget(0.9, lambda: (counts[0], counts[1]), tmp_path)
    first.note(now=1_000.0)
    counts[:] = [1.0, 1.0]
    heir = ErrorBudget(0.9, lambda: (counts[0], counts[1]), tmp_path)
    heir.note(now=1_001.0)
    assert (
        heir.burn((1.0, 1.0), now=1_002.0)
        == first.burn((1.0, 1.0), now=1_002.0)
        == pytest.approx({"5m": 5.0, "1h": 5.0, "6h": 5.0})
    )


def metrics(asked: object) -> dict[tuple[str, ...], float]:
    text = asked("GET", "/metrics").text  # type: ignore[operator]
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_failures_count_against_the_objective_and_mistakes_of_clients_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ask(fill(tmp_path), objective=0.9, objective_ms=60_000)
    assert asked.features(["recent:value"], [{"user": "a"}]).status_code == 200
    assert asked.features(["recent:valu"], [{"user": "a"}]).status_code == 422
    assert asked("GET", "/no/such/path").status_code == 404

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    with monkeypatch.context() as patched:
        patched.setattr(OnlineReader, "look", fail)
        assert asked.features(["recent:value"], [{"user": "a"}]).status_code == 500
    found = metrics(asked)
    assert found["workbench_answered_total", "well"] == found["workbench_answered_total", "badly"] == 1.0
    assert found[("workbench_objective",)] == 0.9
    assert ("workbench_error_budget_burn", "5m") in found


def test_a_late_answer_counts_against_the_objective(tmp_path: Path) -> None:
    asked = ask(fill(tmp_path), objective_ms=1e-6)
    assert asked.features(["recent:value"], [{"user": "a"}]).status_code == 200
    assert ("workbench_answered_total", "well") not in metrics(asked)
    assert metrics(asked)["workbench_answered_total", "badly"] == 1.0
