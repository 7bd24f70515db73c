"""Several views checked: the verdict first, what failed in full, a line for each other view, and its card folded."""

from __future__ import annotations

from workbench.checks import Check
from workbench.pipeline import ResultList, ViewResult
from workbench.profile import Profile
from workbench.render import Card

PASS = Check("contract", passed=True, detail="4 rules hold in 10 rows")
FAIL = Check("leakage", passed=False, detail="3 values differ from what was known then")
UNSEEN = Check("entity-locality", passed=False, checked=False, detail="there is only one entity")


def result(view: str, *checks: Check) -> ViewResult:
    card = Card(view, "exp/a", "c" * 40, "v" * 64, status="reused", rows=10, checks=checks)
    return ViewResult(
        view=view,
        branch=card.branch,
        commit=card.commit,
        view_id=card.view_id,
        reused=True,
        rows=10,
        seconds=0.0,
        checks=checks,
        profile=Profile(10, None, None, ()),
        card=card,
    )


def test_failing_views_come_first_and_the_others_have_a_line_each() -> None:
    listed = ResultList((result("a", PASS), result("b", PASS, UNSEEN), result("c", PASS, FAIL), result("d", PASS)))
    assert not listed.passed
    said = listed._repr_mimebundle_()["text/plain"]
    assert said.startswith("1 of 4 views fails: c. 1 of 4 views could not be checked in full.")
    assert said.index("✗ FAIL leakage") < said.index("? not checked  b") < said.index("✓ pass         a")
    assert said.count("rules hold") == 1, "what passed is told of the view that fails alone"
    whole = listed.unfolded()._repr_mimebundle_()
    assert whole["text/plain"].count("rules hold") == 4
    page = listed._repr_mimebundle_()["text/html"]
    folded = page[page.index("<details><summary>Their cards</summary>") :]
    assert folded.count("rules hold") == 3
    assert "<details open><summary>Their cards" in whole["text/html"]


def test_one_view_is_its_card_and_all_that_pass_are_said_to() -> None:
    alone = ResultList((result("a", PASS),))._repr_mimebundle_()["text/plain"]
    assert "views" not in alone.splitlines()[0]
    both = ResultList((result("a", PASS), result("b", PASS)))
    assert both._repr_mimebundle_()["text/plain"].startswith("All 2 views pass.")
    assert both.to_dict()["passed"]
