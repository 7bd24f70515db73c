"""What a promotion says: its verdict, all that is in the way with its remedy, a line a view, and the rest folded."""

from __future__ import annotations

from dataclasses import replace

from workbench.promote import GateResult, Plan, PromotionReport
from workbench.promote.view_change import ViewChange

VIEWS = tuple(f"v{place}" for place in range(10))
PASSING = ("contract", "lint", "types", "upstream", "metadata", "merge", "downstream")
ROWS = tuple(f"user=u{place}: total = -{place}: is below 0" for place in range(12))
BROKEN = GateResult(
    "contract", passed=False, view="v9", detail="1 rule broken", remedy="Correct the view.", failures=ROWS
)
UNSEEN = GateResult("probes", passed=False, checked=False, view="v8", detail="no rows", remedy="Accept it by name.")
UNPUSHED = GateResult("main", passed=False, detail="main is ahead", remedy="git push origin main.")


def change(view: str) -> ViewChange:
    return ViewChange(
        view=view,
        category="new",
        number="1.0",
        previous=None,
        why=("a new view",),
        columns={},
        rows_added=1,
        rows_removed=0,
        rows_changed=0,
        indirect=False,
        view_id="",
        data_digest="",
        code_hash="",
        rows=1,
        work="reused",
        seconds=0.0,
    )


def plan(*gates: GateResult) -> Plan:
    passing = tuple(GateResult(name, passed=True, detail=f"{name} holds", view=v) for v in VIEWS for name in PASSING)
    return Plan(
        branch="exp/a",
        tip="a" * 40,
        main="b" * 40,
        tree="c" * 40,
        asked=VIEWS,
        accepted={},
        changes=tuple(map(change, VIEWS)),
        gates=(*passing, *gates),
    )


def test_what_is_in_the_way_comes_first_with_its_remedy_and_each_passing_view_has_one_line() -> None:
    report = PromotionReport(plan(BROKEN, UNSEEN, UNPUSHED), None, 1.0, dry_run=True).report()
    said = report.text(width=80)
    assert said.startswith("Refused: 2 of 73 gates failed, 1 could not be checked. Nothing was published.\n")
    assert max(map(len, said.splitlines())) <= 80
    places = [
        said.index(words) for words in ("✗ FAIL", "✗ FAIL         main", "? not checked  probes of v8", "Versions")
    ]
    assert places == sorted(places)
    for needed in ("user=u9: total = -9", "and 2 more", "→ Correct the view.", "→ git push origin main."):
        assert needed in said[: said.index("Versions")]
    versions = [line.split()[1] for line in said.splitlines() if line.startswith("+ v")]
    assert versions == ["v9", "v8", *VIEWS[:8]]
    assert [line.count("✓ 7 pass") for line in said.splitlines() if line.startswith("+ v")] == [0, 0, *[1] * 8]
    assert "contract holds" not in said
    assert said.endswith("▸ What all 73 gates said\n--all shows everything.")


def test_all_of_it_is_there_for_those_who_ask() -> None:
    report = PromotionReport(plan(BROKEN), None, 1.0)
    whole = report.report().text(width=80, everything=True)
    assert whole.count("contract holds") == 10
    assert "user=u11: total = -11" in whole
    assert "--all" not in whole
    page = report.report().html()
    assert page.count("<details>") == 2, "the rows after the tenth, and what every gate said"
    assert page.index("Refused") < page.index("user=u9") < page.index("Versions") < page.index("contract holds")
    assert page.count("contract holds") == 10
    assert report.unfolded()._repr_mimebundle_()["text/html"].count("<details open>") == 1
    assert report.to_markdown().count("contract holds") == 10


def test_what_is_the_same_for_several_views_is_told_once() -> None:
    owners = [GateResult("metadata", passed=False, view=view, detail="no owner", remedy="Name one.") for view in VIEWS]
    said = plan(*owners).report().text(width=200)
    assert said.count("no owner.") == 1
    assert "metadata of v0, v1, v2, v3, v4, v5, v6, v7, v8, v9: no owner." in said


def test_a_promotion_that_may_go_on_says_so_first_and_what_was_accepted() -> None:
    drift = GateResult("drift", passed=True, view="v3", detail="1 feature moved", accepted="new prices")
    ready = PromotionReport(plan(drift), None, 1.0, dry_run=True).report().text(width=80)
    assert ready.startswith("Ready: 70 gates pass, 1 accepted by name.")
    assert "! accepted  drift of v3: 1 feature moved (accepted: new prices)." in ready
    assert "→ Would publish 10 views: nothing has been published yet." in ready
    done = PromotionReport(plan(drift), "d" * 40, 1.0).report().text(width=80)
    assert done.startswith("Published 10 views: 70 gates pass, 1 accepted by name.")
    few = replace(plan(), changes=tuple(map(change, VIEWS[:2])))
    assert PromotionReport(few, "d" * 40, 1.0).report().title.startswith("Published v0 1.0, v1 1.0: ")


def test_of_one_view_the_gates_are_shown_where_all_pass() -> None:
    one = replace(plan(), changes=(change("v0"),))
    assert not one.report().folded
    assert "contract holds" in one.report().text()
