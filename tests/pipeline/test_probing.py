"""Probes in the loop: run with every definition, remembered where they pass, and told where they do not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import workbench as wb
from tests.conftest import EVENT_VIEW
from workbench.checks import probe_view
from workbench.errors import ContractViolation

if TYPE_CHECKING:
    from workbench.checks import Check
    from workbench.define import FeatureView
    from workbench.project import Project

LEAK = EVENT_VIEW.replace(".cum_sum()", ".sum()")

TWICE = '''\
class Twice(FeatureModel):
    user: str
    at: UTC
    twice: float = Feature(unit="count", ge=0)


@feature_view(entities="user", event_time="at")
def twice(spend: pl.LazyFrame) -> LazyFrame[Twice]:
    """Twice what a user has spent."""
    return spend.select("user", "at", twice=pl.col("total") * 2)
'''


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The views that were probed, in order."""
    views: list[str] = []

    def counted(view: FeatureView, *arguments: Any, **options: Any) -> tuple[Check, ...]:
        views.append(view.name)
        return probe_view(view, *arguments, **options)

    monkeypatch.setattr("workbench.pipeline.probing.probe_view", counted)
    return views


def test_a_leak_is_committed_and_fails_with_its_cause(project: Project) -> None:
    result = project.define(LEAK, log=False)
    assert not result.passed
    assert [check.name for check in result.checks if not check.passed] == ["leakage"]
    (said,) = result.failed
    assert said.startswith("leakage: ")
    assert "statistic of all rows" in said
    assert "statistic of all rows" in result._repr_mimebundle_()["text/html"]
    assert "as known then" in result._repr_mimebundle_()["text/plain"]
    assert json.loads(json.dumps(result.to_dict()))["checks"][1]["failures"]["columns"][3][0] == "as known then"
    assert project.repository.resolve("exp/first") == result.commit
    assert not project.view("spend").history()[-1].passed
    assert "statistic of all rows" in str(ContractViolation.of("spend", result.failed))


def test_what_could_not_be_checked_is_told_everywhere_and_is_no_failure(project: Project) -> None:
    by_hour = EVENT_VIEW.replace("events.sort", "events.with_columns(user=pl.col('at').dt.hour().cast(pl.String)).sort")
    result = project.define(by_hour, log=False)
    assert result.passed
    assert result.failed == ()
    (said,) = result.not_checked
    assert said.startswith("entity-locality: ")
    assert "3 checks passed, 1 not checked" in result._repr_mimebundle_()["text/html"]
    assert "? not checked" in result._repr_mimebundle_()["text/plain"]
    assert "3 checks passed, 1 not checked" in repr(result)
    listed = {check["name"]: check["checked"] for check in result.to_dict()["checks"]}
    assert listed == {"contract": True, "leakage": True, "determinism": True, "entity-locality": False}
    assert project.define(by_hour, log=False).checks == result.checks
    (view,) = project.status().views
    assert view.checks["entity-locality"] == "not checked"
    assert "not checked: entity-locality" in project.status().report().text()
    project.define(LEAK, log=False)
    assert "fail: leakage" in project.status().report().text()


def test_where_the_policy_asks_for_tests_having_none_is_not_checked(project: Project) -> None:
    assert project.define(EVENT_VIEW, log=False).not_checked == ()
    toml = project.root / "workbench.toml"
    toml.write_text(toml.read_text() + "\n[policy]\nrequire_tests = true\n")
    strict = wb.open(project.root)
    (said,) = strict.define(EVENT_VIEW, branch="exp/first", log=False).not_checked
    strict.close()
    assert said.startswith("tests: no tests and no examples")


def test_what_passed_is_remembered_and_what_failed_is_asked_again(project: Project, asked: list[str]) -> None:
    first = project.define(EVENT_VIEW, log=False)
    assert project.define(EVENT_VIEW, log=False).checks == first.checks
    assert asked == ["spend"]
    for _ in range(2):
        assert not project.define(LEAK, log=False).passed
    assert asked == ["spend"] * 3


def test_another_lookback_or_scope_is_probed_though_the_data_is_the_same(project: Project, asked: list[str]) -> None:
    project.define(EVENT_VIEW, log=False)
    short = project.define(EVENT_VIEW.replace('event_time="at"', 'event_time="at", lookback="10m"'), log=False)
    assert short.reused
    assert [check.name for check in short.checks if not check.passed] == ["lookback"]
    wide = project.define(EVENT_VIEW.replace('event_time="at"', 'event_time="at", scope="global"'), log=False)
    assert [check.name for check in wide.checks] == ["contract", "leakage", "determinism"]
    assert asked == ["spend"] * 3


@pytest.mark.journey
def test_a_view_of_a_leaking_view_leaks(project: Project) -> None:
    project.define(EVENT_VIEW, log=False)
    assert project.define(TWICE, log=False).passed
    project.define(LEAK, log=False)
    (said,) = project.define(TWICE, log=False).failed
    assert "the upstream view spend leaks" in said


def test_a_view_that_takes_nothing_of_the_leak_passes(project: Project) -> None:
    project.define(LEAK, log=False)
    counted = TWICE.replace('pl.col("total") * 2', 'pl.int_range(1.0, pl.len() + 1.0).over("user")')
    counted = counted.replace("return spend", 'return spend.sort("user", "at")').replace(
        "1.0, pl.len() + 1.0", "pl.len()"
    )
    counted = counted.replace('.over("user"))', '.over("user").cast(pl.Float64))')
    assert project.define(counted, log=False).passed


def test_check_probes_in_full_where_asked(project: Project, asked: list[str]) -> None:
    project.define(EVENT_VIEW, log=False)
    (full,) = project.check("spend", full=True)
    assert full.passed
    details = {check.name: check.detail for check in full.checks}
    assert "all entities" in details["leakage"]
    assert project.check("spend", full=True)[0].checks == full.checks
    assert asked == ["spend"] * 2
