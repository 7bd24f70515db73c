"""Gates on one view: all are asked, in order; what cannot be asked fails and says what it needs."""

from __future__ import annotations

import sysconfig
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.promote.conftest import LEAKING, RATE, SPEND
from tests.promote.gates.conftest import gate, subject_of
from workbench.config import PolicySettings
from workbench.errors import FeatureNotFound, UsageError
from workbench.promote import GateResult, GateSubject, run_gates
from workbench.promote.view_change import Impact

if TYPE_CHECKING:
    from workbench.project import Project

ORDER = [
    *("contract", "probes", "tests", "lint", "types", "upstream", "drift", "new data", "metadata", "merge"),
    "downstream",
]
TESTED = SPEND + '\n\ndef test_total(view, events):\n    assert view(events).collect()["total"].sum() {} 0\n'

BY_HOUR = SPEND.replace("return events", 'return events.with_columns(user=pl.col("at").dt.hour().cast(pl.String))')


def result_of(subject: GateSubject, name: str) -> GateResult:
    return next(result for result in run_gates(subject) if result.name == name)


def test_a_sound_view_passes_every_gate_in_order(shop: Project) -> None:
    results = run_gates(subject_of(shop))
    assert [result.name for result in results] == ORDER
    assert all(result.passed and result.view == "spend" for result in results)
    said = {result.name: result.detail for result in results}
    assert "rules hold" in said["contract"] or "hold" in said["contract"]
    assert said["probes"] == "leakage, determinism, entity-locality hold"
    assert said["tests"] == "no tests and no examples"
    states = {result.name: result.state for result in results}
    assert [name for name, state in states.items() if state != "pass"] == ["tests", "drift", "new data"]
    assert states["tests"] == states["drift"] == "not applicable"
    assert said["upstream"] == "reads only sources"
    assert said["drift"] == "the view is new; there is nothing to compare"


def test_a_broken_contract_stops_it_with_its_rows(shop: Project) -> None:
    shop.define(SPEND.replace("ge=0", "ge=0, le=100"), log=False)
    result = gate(subject_of(shop), "contract")
    assert not result.passed
    assert "total <= 100" in result.detail
    assert result.failures[0].startswith("user=")
    assert "is above 100" in result.failures[0]


def test_a_pass_is_for_its_contract_and_its_data_alone(shop: Project) -> None:
    before = subject_of(shop)
    assert gate(before, "contract").passed
    shop.define(SPEND.replace("ge=0", "ge=0, le=100"), log=False)
    after = subject_of(shop)
    assert after.evaluated.prepared.view_id == before.evaluated.prepared.view_id
    assert not gate(after, "contract").passed
    mixed = replace(after, evaluated=before.evaluated)
    for name in ("contract", "probes", "tests"):
        assert not gate(mixed, name).passed
        assert "a different definition" in gate(mixed, name).detail


def test_what_is_remembered_of_another_view_id_is_not_asked(shop: Project) -> None:
    sound = subject_of(shop)
    assert gate(sound, "probes").passed
    shop.define(LEAKING, log=False)
    leaking = subject_of(shop)
    facts = shop.root / ".workbench" / "facts"
    remembered = [*(facts / sound.evaluated.prepared.view_id).glob("probes-*.json")]
    assert remembered
    for path in remembered:
        (facts / leaking.evaluated.prepared.view_id / "probes-of-another.json").write_bytes(path.read_bytes())
    result = gate(leaking, "probes")
    assert not result.passed
    assert result.detail.startswith("leakage: ")


def test_tests_of_the_definition_stop_it_with_what_they_say(shop: Project) -> None:
    shop.define(TESTED.format(">"), log=False)
    assert gate(subject_of(shop), "tests").detail == "1 test holds; 100% of the definition's lines ran"
    shop.define(TESTED.format("<"), log=False)
    result = gate(subject_of(shop), "tests")
    assert not result.passed
    assert "1 of 1 failed; test_total (features/spend.py, line " in result.detail
    assert result.failures[1].endswith("assert 14501.0 < 0")


def test_mistakes_in_the_file_and_its_helpers_stop_it_with_their_lines(shop: Project) -> None:
    tip = shop.repository.resolve("exp/first")
    helper = "import datetime\n\n\ndef now():\n    return datetime.datetime.now().yeer\n"
    tree = shop.repository.tree_with(tip, {"features/clock.py": helper})
    shop.repository.commit_tree("exp/first", tree, expected=tip, message="Add a clock")
    shop.define("from .clock import now\n\n" + SPEND + "\n\ndef later():\n    return now() + undefined\n", log=False)
    results = {result.name: result for result in run_gates(subject_of(shop))}
    assert [name for name in ORDER if not results[name].passed] == ["lint", "types"]
    assert any("features/clock.py, line 5" in line and "DTZ005" in line for line in results["lint"].failures)
    assert any("features/spend.py" in line and "F821" in line for line in results["lint"].failures)
    assert any("features/clock.py, line 5" in line and "yeer" in line for line in results["types"].failures)
    assert results["lint"].sentence.startswith("lint of spend: 2 mistakes: features/spend.py, line")


def test_a_linter_that_is_not_installed_stops_it_and_says_what_to_install(
    shop: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    subject = subject_of(shop)
    monkeypatch.setattr(sysconfig, "get_path", lambda *_: str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    for name, tool in (("lint", "ruff"), ("types", "pyrefly")):
        result = gate(subject, name)
        assert not result.passed
        assert result.detail == f"could not be evaluated: {tool} is not installed in this environment."
        assert f"pip install {tool}" in result.remedy


def test_what_it_is_made_from_must_be_published_with_the_same_data(shop: Project) -> None:
    shop.define(RATE, log=False)
    refused = gate(subject_of(shop, "rate", upstream={"spend": None}), "upstream")
    assert not refused.passed
    assert refused.remedy == "Promote spend and rate together."
    passed = gate(subject_of(shop, "rate", upstream={"spend": "1.1"}), "upstream")
    assert passed.detail == "made from spend@1.1"


def test_objective_owner_and_description_are_needed_where_main_demands_them(shop: Project) -> None:
    shop.define(SPEND.replace(', owner="ann"', "").replace('    """What a user has spent so far."""\n', ""), log=False)
    subject = subject_of(shop)
    refused = gate(replace(subject, branch=replace(subject.branch, objective=" ")), "metadata")
    assert refused.failures == (
        "the experiment exp/first has no objective",
        "the view spend has no owner",
        "the view spend has no description",
    )
    assert "--objective" in refused.remedy
    assert gate(replace(subject, policy=PolicySettings(require_metadata=False)), "metadata").passed


def test_a_merge_that_changes_the_code_stops_it(shop: Project) -> None:
    assert gate(subject_of(shop), "merge").passed
    assert not gate(subject_of(shop, merge_changed=True), "merge").passed


def test_a_published_view_that_main_would_define_otherwise_stops_it_unless_accepted_by_name(shop: Project) -> None:
    shop.define(RATE, log=False)
    assert gate(subject_of(shop), "downstream").passed
    reader = Impact("rate", "view", "spend", ("total",), affected=True, included=False, stays="1.0")
    left = subject_of(shop, left_out=(reader,), category="value")
    refused = gate(left, "downstream")
    assert refused.detail == "rate reads it, and main's definition of it would differ from what is published"
    assert "--with-downstream" in refused.remedy
    assert refused.failures == ("rate: uses total; stays on spend 1.0 until it is published again",)
    assert refused.acceptable == ("rate",)
    accepted = gate(replace(left, accept={"rate": "retired next week"}), "downstream")
    assert accepted.passed
    assert accepted.accepted == "rate: retired next week"
    assert not gate(replace(left, accept={"spend": "not what is asked"}), "downstream").passed


def test_a_published_view_that_could_not_be_computed_any_more_is_told_why(shop: Project) -> None:
    shop.define(RATE, log=False)
    shop.define(SPEND.replace("total: float", "amount: float").replace("total=", "amount="), log=False)
    reader = Impact("rate", "view", "spend", ("total",), affected=True, included=False, stays="1.0")
    refused = gate(subject_of(shop, left_out=(reader,), category="breaking"), "downstream")
    assert not refused.passed
    assert refused.failures[0].startswith("rate: ")
    assert "total" in refused.failures[0]


@pytest.mark.parametrize(
    ("accept", "message"),
    [
        ({"spnd": "x"}, "did you mean 'spend'"),
        ({"spend:totl": "x"}, "did you mean 'spend:total'"),
        ({"spend:prbes": "x"}, "did you mean 'spend:probes'"),
        ({"spend:user": "x"}, "There is no view or feature 'spend:user'"),
    ],
)
def test_nothing_unknown_is_accepted(shop: Project, accept: dict[str, str], message: str) -> None:
    with pytest.raises(FeatureNotFound, match=message):
        run_gates(subject_of(shop, accept=accept))


def test_what_could_not_be_checked_stops_it_until_it_is_accepted_by_name(shop: Project) -> None:
    shop.define(BY_HOUR, log=False)
    subject = subject_of(shop)
    refused = result_of(subject, "probes")
    assert (refused.state, refused.passed) == ("not checked", False)
    assert "entity-locality: " in refused.detail
    assert 'accept={"spend:probes": "..."}' in refused.remedy
    assert refused.acceptable == ("spend:probes",)
    for name in ("spend", "spend:total", "spend:tests"):
        assert not result_of(replace(subject, accept={name: "new prices"}), "probes").passed
    accepted = result_of(replace(subject, accept={"spend:probes": "hours are no users"}), "probes")
    assert (accepted.state, accepted.passed, accepted.checked) == ("accepted", True, False)
    assert accepted.accepted == "hours are no users"


@pytest.mark.journey
def test_a_gate_that_failed_is_not_accepted_as_not_checked(shop: Project) -> None:
    shop.define(LEAKING, log=False)
    refused = result_of(subject_of(shop, accept={"spend:probes": "never mind"}), "probes")
    assert (refused.state, refused.accepted) == ("fail", None)


def test_where_the_policy_asks_for_tests_none_is_not_checked(shop: Project) -> None:
    asks = PolicySettings(require_tests=True)
    refused = result_of(subject_of(shop, policy=asks), "tests")
    assert (refused.state, refused.passed) == ("not checked", False)
    assert refused.detail == "no tests and no examples, but [policy] on main requires tests"
    assert "features/spend.py" in refused.remedy
    shop.define(TESTED.format(">"), log=False)
    assert result_of(subject_of(shop, policy=asks), "tests").state == "pass"


def test_nothing_is_accepted_without_a_reason(shop: Project) -> None:
    with pytest.raises(UsageError, match="without a reason"):
        run_gates(subject_of(shop, accept={"spend:total": " "}))


def test_a_gate_that_breaks_down_stops_it(shop: Project) -> None:
    subject = subject_of(shop)
    broken = replace(subject, upstream=None)  # type: ignore[arg-type]  # what must not happen
    result = next(result for result in run_gates(broken) if result.name == "upstream")
    assert not result.passed
    assert "could not be evaluated: AttributeError" in result.detail
