"""The drift gate: values that the promotion moves too far stop it, unless somebody accepts them by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.promote.conftest import ADDED, REFACTORED, SPEND, VALUED, record_of
from tests.promote.gates.conftest import gate, subject_of
from workbench.comparison import side_of
from workbench.config import PolicySettings
from workbench.define import load_tree
from workbench.diff import diff_views
from workbench.pipeline.evaluate import Evaluation
from workbench.promote import GateResult

if TYPE_CHECKING:
    from workbench.project import Project

NEARLY = SPEND.replace('pl.col("amount").cum_sum()', '(pl.col("amount") * 1.0001).cum_sum()')
FEWER = SPEND.replace("events.sort", 'events.filter(pl.col("amount") > 8).sort')
NONE = SPEND.replace("events.sort", "events.clear().sort")
WHOLE = SPEND.replace("total: float", "total: int").replace('.over("user"))', '.over("user").cast(pl.Int64))')
WORDS = SPEND.replace("total: float", "total: str").replace('unit="count", ge=0, ', "")
WORDS = WORDS.replace('.over("user"))', '.over("user").cast(pl.String))')
GLOBAL = (
    SPEND.replace('entities="user", ', 'scope="global", ')
    .replace("    user: str\n", "")
    .replace('"user", "at", total', '"at", total')
)


def drift(project: Project, text: str, *, accept: dict[str, str] | None = None, **policy: Any) -> GateResult:
    """Return the gate's result for promoting `text` over what is published."""
    project.define(text, log=False)
    subject = subject_of(project)
    workspace = subject.workspace
    main = load_tree(workspace.repository, workspace.repository.resolve("main"), cache=workspace.hidden)
    before = Evaluation(main, workspace.sources, workspace.cache).evaluate("spend")
    left = side_of(before, main, label="main 1.0")
    right = side_of(subject.evaluated, subject.definitions, label="exp/first")
    facts: dict[str, Any] = {
        "diff": diff_views(left, right),
        "serving": record_of(project).serving,
        "accept": accept or {},
        "policy": PolicySettings.read({"drift": policy}),
    }
    return gate(subject_of(project, **facts), "drift")


def test_values_that_move_too_far_stop_it_with_by_how_much(published: Project) -> None:
    result = drift(published, VALUED)
    assert not result.passed
    assert result.detail == "total drifted beyond the limit since version 1.0"
    assert result.failures[0].startswith("total moved: 99.5% of the same rows changed, by 2 times its spread")
    assert 'accept={"spend:total": "..."}' in result.remedy
    assert result.acceptable == ("spend:total",)
    for name in ("spend:total", "spend"):
        accepted = drift(published, VALUED, accept={name: "double points"})
        assert accepted.passed
        assert accepted.accepted == "total: double points"
        assert accepted.failures == result.failures


def test_values_that_differ_within_the_noise_pass_and_equal_ones_are_not_judged(published: Project) -> None:
    assert drift(published, NEARLY).detail == "1 feature with other values, within budget: total"
    for text in (REFACTORED, ADDED):
        assert drift(published, text, budget=0.0).detail == "no value of a published feature differs"


def test_what_was_measured_is_asked_once(published: Project) -> None:
    facts = published.root / ".workbench" / "facts"
    text = NEARLY.replace("1.0001", "1.0002")
    before = {*facts.rglob("drift-*.json")}
    first = drift(published, text)
    (kept,) = {*facts.rglob("drift-*.json")} - before
    said = kept.read_text()
    kept.write_text(said.replace('"drifted": false', '"drifted": true'))
    assert "drifted beyond the limit" in drift(published, text).detail
    kept.write_text(said)
    assert drift(published, text) == first
    assert len({*facts.rglob("drift-*.json")} - before) == 1


def test_the_projects_budget_decides_and_a_features_own_before_it(published: Project) -> None:
    assert not drift(published, NEARLY, measure="ks", budget=0.0).passed
    assert drift(published, VALUED, measure="ks", budget=0.0, budgets={"spend:total": 0.9}).passed
    assert drift(published, VALUED, measure="ks", budget=0.0, budgets={"spend": 0.9}).passed
    assert not drift(published, VALUED, measure="ks", budget=0.9).passed  # the same rows say otherwise
    assert not drift(
        published, VALUED, measure="ks", budget=0.9, budgets={"spend:total": 0.0, "rate:total": 0.9}
    ).passed


NULLABLE = SPEND.replace("ge=0, desc", "nullable=True, desc")


@pytest.mark.parametrize(
    "values",
    [
        '.cum_sum().over("user") * 2',
        '.cum_sum().over("user") * 3',
        '.cum_sum().over("user") * -1',
        '.cum_sum().over("user") * 0',
        '.cum_sum().over("user") + 1e9',
        '.cum_sum().over("user").filter(pl.col("amount") > 1e9).first()',
        '.cum_sum().over("user").shift(-1)',
    ],
)
def test_a_feature_with_a_trend_cannot_change_in_the_same_rows_unseen(published: Project, values: str) -> None:
    text = NULLABLE.replace('.cum_sum().over("user")', values)
    assert not drift(published, text).passed
    assert not drift(published, text, measure="wasserstein", budget=1e12).passed
    assert drift(published, text, accept={"spend:total": "meant"}).passed


def test_values_without_a_size_are_not_checked_unless_they_are_accepted(published: Project) -> None:
    nested = SPEND.replace("total: float", "total: list[float]").replace('unit="count", ge=0, ', "")
    nested = nested.replace('.over("user"))', '.over("user").reshape((-1, 1)).arr.to_list())')
    result = drift(published, nested)
    assert not result.passed
    assert drift(published, nested, accept={"spend:total": "meant"}).passed


def test_rows_that_are_left_out_move_values_too(published: Project) -> None:
    assert not drift(published, FEWER).passed


@pytest.mark.parametrize("text", [WHOLE, GLOBAL])
def test_another_dtype_or_grain_is_judged_by_its_values(published: Project, text: str) -> None:
    assert drift(published, text, budget=99.0).detail == "1 feature with other values, within budget: total"


@pytest.mark.parametrize(("text", "why"), [(WORDS, "total was not compared"), (NONE, "not comparable")])
def test_what_cannot_be_compared_must_be_accepted(published: Project, text: str, why: str) -> None:
    result = drift(published, text, budget=99.0)
    assert not result.passed
    assert why in " ".join([result.detail, *result.failures])
    assert drift(published, text, budget=99.0, accept={"spend:total": "new"}).accepted == "total: new"
    if result.checked:
        assert drift(published, text, budget=99.0, accept=dict.fromkeys(result.acceptable, "new")).passed


def test_what_memory_does_not_hold_is_not_checked_and_may_be_waived(
    published: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = SPEND.replace('pl.col("amount").cum_sum()', '(pl.col("amount") * 2.5).cum_sum()')
    monkeypatch.setattr("workbench.memory.free_memory", lambda: 1_000)
    result = drift(published, text)
    assert not result.passed
    assert not result.checked
    assert result.detail.startswith("Comparing the distributions of 200 and 200 rows takes about")
    assert "raise [compute] memory" in result.remedy
