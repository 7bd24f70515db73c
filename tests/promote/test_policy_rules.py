"""Who may promote, who must agree, and when: each refusal says which rule, and who could."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from workbench.branches import Approval, Signature
from workbench.config import PolicySettings
from workbench.promote.gates import GateResult
from workbench.promote.rules import policy_results

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)  # a Tuesday
COMMIT = "c" * 40
ANN, BO, CY, DI = (f"{name} <{name.lower()}@example.org>" for name in ("Ann", "Bo", "Cy", "Di"))


def approval(who: str, *views: str, commit: str = COMMIT, about: str = COMMIT, name: str = "") -> Approval:
    trailers = [*(("Approved-View", view) for view in views), ("Approved-Commit", about)]
    return Approval(name or f"object of {who}", commit, who, NOW, "Approve", tuple(trailers))


def good(who: str, key: str | None = None) -> Signature:
    email = who.rpartition("<")[2].rstrip(">")
    return Signature("good", email, key or f"SHA256:{email}", "")


def ask(policy: dict[str, Any], **facts: Any) -> dict[str, GateResult]:
    given: dict[str, Any] = {"views": ["spend"], "promoter": ANN, "author": ANN, "now": NOW, "commit": COMMIT, **facts}
    return {result.name: result for result in policy_results(PolicySettings.model_validate(policy), **given)}


def rule(**facts: Any) -> dict[str, Any]:
    return {"rules": [facts]}


def test_without_a_policy_everybody_may_promote_at_any_time() -> None:
    results = ask({})
    assert list(results) == ["promoters", "approvals", "freeze", "train", "signatures"]
    assert all(result.passed and not result.failures for result in results.values())


def test_only_those_listed_may_promote_by_their_address_in_any_case() -> None:
    policy = rule(views=["sp*"], promoters=["BO@example.org"])
    refused = ask(policy)["promoters"]
    assert not refused.passed
    assert refused.failures == ("rule 1 (sp*): spend may be promoted by BO@example.org",)
    assert "workbench.toml on main" in refused.remedy
    assert ask(policy, promoter="bo <Bo@Example.org>")["promoters"].passed
    assert not ask(policy, promoter="bo@example.org <ann@example.org>")["promoters"].passed


def test_somebody_without_an_address_may_promote_nothing() -> None:
    assert not ask({}, promoter="Ann <x> <y>")["promoters"].passed


def test_every_rule_that_fits_binds_and_others_do_not() -> None:
    policy = {"rules": [{"views": ["*"]}, {"views": ["pay_*"], "promoters": ["bo@example.org"]}]}
    assert ask(policy, views=["spend"])["promoters"].passed
    refused = ask(policy, views=["spend", "pay_day"])["promoters"]
    assert refused.failures == ("rule 2 (pay_*): pay_day may be promoted by bo@example.org",)


def test_one_of_several_rules_is_not_enough() -> None:
    policy = {"rules": [{"promoters": ["ann@example.org"]}, {"views": ["sp*"], "promoters": ["bo@example.org"]}]}
    assert not ask(policy)["promoters"].passed


def test_approvals_are_counted_by_person_and_of_those_listed_alone() -> None:
    policy = rule(approvals=2, approvers=["bo@example.org", "cy@example.org"])
    refused = ask(policy, approvals=[approval(BO), approval(DI), approval("B <BO@example.org>", name="again")])
    assert not refused["approvals"].passed
    assert refused["approvals"].failures[0] == "rule 1 (*): 1 of 2 approvals; could approve: cy@example.org"
    passed = ask(policy, approvals=[approval(BO), approval(CY)])["approvals"]
    assert passed.passed
    assert passed.detail == "approved by bo@example.org, cy@example.org"


@pytest.mark.parametrize("own", ["promoter", "author", "authors"])
def test_nobody_approves_what_they_promote_or_wrote(own: str) -> None:
    facts: dict[str, Any] = {"promoter": DI, "author": DI, own: [BO] if own == "authors" else BO}
    refused = ask(rule(approvals=1, approvers=["bo@example.org"]), approvals=[approval(BO)], **facts)["approvals"]
    assert not refused.passed
    assert "could approve: nobody" in refused.failures[0]
    assert "somebody who promotes or wrote it" in refused.failures[1]


def test_without_approvers_anybody_else_may_approve() -> None:
    refused = ask(rule(approvals=1))["approvals"]
    assert refused.failures == (
        "rule 1 (*): 0 of 1 approvals; could approve: anybody who neither promotes nor wrote it",
    )
    assert not ask(rule(approvals=1), approvals=[approval(ANN)])["approvals"].passed
    assert ask(rule(approvals=1), approvals=[approval(DI)])["approvals"].passed


def test_owners_may_approve_and_one_of_them_must_promote_or_approve() -> None:
    policy = rule(approvals=1, approvers=["cy@example.org"], owners=["bo@example.org"])
    assert ask(policy, approvals=[approval(BO)])["approvals"].passed
    refused = ask(policy, approvals=[approval(CY)])["approvals"]
    assert refused.failures == ("rule 1 (*): one of its owners must promote or approve: bo@example.org",)
    assert ask(policy, approvals=[approval(CY)], promoter=BO)["approvals"].passed
    assert not ask(rule(owners=["bo@example.org"]))["approvals"].passed


def test_an_approval_counts_for_its_commit_and_its_views_alone() -> None:
    policy = rule(approvals=1)
    other = "d" * 40
    assert not ask(policy, approvals=[approval(BO, about=other)])["approvals"].passed
    assert not ask(policy, approvals=[approval(BO, commit=other)])["approvals"].passed
    assert ask(policy, approvals=[approval(BO, "spend", "rate")])["approvals"].passed
    refused = ask(policy, approvals=[approval(BO, "spend")], views=["spend", "rate"])["approvals"]
    assert not refused.passed


def test_signed_approvals_count_where_the_signature_is_the_persons() -> None:
    policy = {**rule(approvals=1), "require_signed": True}
    said = approval(BO)

    def of(signature: Signature | None) -> GateResult:
        signatures = {COMMIT: good(ANN), **({said.object_id: signature} if signature else {})}
        return ask(policy, approvals=[said], signatures=signatures)["approvals"]

    assert of(good(BO)).passed
    assert of(Signature("good", "BO@example.org", "SHA256:x", "")).passed
    for signature, why in [
        (None, "is not signed"),
        (Signature("none", None, None, ""), "is not signed"),
        (Signature("stranger", None, "SHA256:x", ""), "a key that main does not list"),
        (Signature("expired", None, "SHA256:x", ""), "no longer valid"),
        (Signature("bad", None, None, ""), "not of what it says"),
        (good(DI), "signed by di@example.org, not by Bo"),
        (Signature("good", None, "SHA256:x", ""), "nobody known"),
        (good(BO, "SHA256:ann@example.org"), "the key of the promoted commit"),
    ]:
        refused = of(signature)
        assert not refused.passed
        assert why in refused.failures[1]
        assert "signed with a key that main lists" in refused.remedy


def test_a_wrong_signature_never_counts_even_where_none_is_needed() -> None:
    said = approval(BO)
    for signature, counts in [
        (Signature("bad", None, None, ""), False),
        (good(DI), False),
        (Signature("stranger", None, "SHA256:x", ""), True),
        (Signature("none", None, None, ""), True),
    ]:
        result = ask(rule(approvals=1), approvals=[said], signatures={said.object_id: signature})["approvals"]
        assert result.passed is counts


def test_one_key_is_one_person() -> None:
    policy = {**rule(approvals=2), "require_signed": True}
    said = [approval(BO), approval(CY)]
    signatures = {COMMIT: good(ANN), said[0].object_id: good(BO, "SHA256:k"), said[1].object_id: good(CY, "SHA256:k")}
    refused = ask(policy, approvals=said, signatures=signatures)["approvals"]
    assert not refused.passed
    assert "somebody else approved with" in refused.failures[-1]
    signatures[said[1].object_id] = good(CY)
    assert ask(policy, approvals=said, signatures=signatures)["approvals"].passed


def test_the_promoted_commit_must_be_signed_by_its_author_where_main_demands_it() -> None:
    policy = {"require_signed": True}
    assert ask(policy, signatures={COMMIT: good(ANN)})["signatures"].passed
    for signature in (None, good(BO), Signature("stranger", None, "SHA256:x", "")):
        refused = ask(policy, signatures={COMMIT: signature} if signature else {})["signatures"]
        assert not refused.passed
        assert "allowed_signers on main" in refused.remedy
    assert not ask(policy, signatures={"d" * 40: good(ANN)})["signatures"].passed


def test_nothing_is_promoted_in_a_freeze_that_names_it() -> None:
    policy = {"freezes": [{"name": "year end", "start": "2026-11-20", "end": "2026-11-24", "views": ["sp*"]}]}
    refused = ask(policy)["freeze"]
    assert not refused.passed
    assert refused.detail == "the freeze 'year end' holds spend to the end of 2026-11-24 (UTC)"
    assert ask(policy, views=["rate"])["freeze"].passed
    assert ask(policy, now=NOW.replace(day=25))["freeze"].passed


def test_views_go_by_any_of_their_trains_and_others_at_any_time() -> None:
    trains = [
        {"name": "monday", "days": ["mon"], "views": ["sp*"]},
        {"name": "noon", "days": ["tue"], "opens": "12:00", "closes": "13:00", "views": ["spend"]},
    ]
    refused = ask({"trains": trains})["train"]
    assert refused.detail == "spend goes by the train 'monday' or 'noon'; the next opens Tue 2026-11-24 12:00 UTC"
    assert ask({"trains": trains}, now=NOW.replace(hour=12))["train"].detail == "on the train noon"
    assert ask({"trains": trains}, now=NOW.replace(day=23))["train"].passed
    assert ask({"trains": trains}, views=["rate"])["train"].passed


def test_a_rollback_is_possible_in_a_freeze_off_the_train_and_without_approvals_but_not_for_everybody() -> None:
    policy = {
        "rules": [{"promoters": ["ann@example.org"], "approvals": 2}],
        "freezes": [{"name": "f", "start": "2026-11-20", "end": "2026-11-30"}],
        "trains": [{"name": "t", "days": ["sun"]}],
        "require_signed": True,
    }
    assert all(result.passed for result in ask(policy, rollback=True).values())
    refused = ask(policy, rollback=True, promoter=BO)
    assert [name for name, result in refused.items() if not result.passed] == ["promoters"]


def test_a_result_says_itself_in_a_sentence_and_as_json() -> None:
    result = GateResult(
        "drift", passed=False, view="spend", detail="total moved.", remedy="Look at it.", failures=("x",)
    )
    assert result.sentence == "drift of spend: total moved. Look at it."
    assert replace(result, passed=True).sentence == "drift of spend: total moved."
    assert result.to_dict()["failures"] == ["x"]
