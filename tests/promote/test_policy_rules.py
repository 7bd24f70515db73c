"""Who may promote, who must agree, and when: each refusal says which rule, and who could."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from workbench.config import PolicySettings
from workbench.git import Approval, Commit, Signature
from workbench.git.identities import Signers
from workbench.promote import GateResult
from workbench.promote.identities import CommitEvidence, Person
from workbench.promote.rules import permission, policy_results

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
    """Ask the policy about a promotion by Ann of one commit of hers, or of what `facts` say."""
    views, promoter, now = facts.pop("views", ["spend"]), facts.pop("promoter", ANN), facts.pop("now", NOW)
    author = facts.pop("author", ANN)
    given: dict[str, Any] = {"changes": (change(author),), **facts, "authors": (author, *facts.get("authors", ()))}
    found = policy_results(
        PolicySettings.read(policy),
        views=views,
        promoter=promoter if isinstance(promoter, Person) else Person(promoter),
        said=CommitEvidence(COMMIT, **given),
        now=now,
    )
    return {result.name: result for result in found}


def change(author: str, name: str = COMMIT) -> Commit:
    return Commit(name, (), "t" * 40, author, author, NOW, "Define spend")


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
    assert "could approve: no listed approver" in refused.failures[0]
    assert "an author of the branch or the promoter" in refused.failures[1]


def test_without_approvers_anybody_else_may_approve() -> None:
    refused = ask(rule(approvals=1))["approvals"]
    assert refused.failures == (
        "rule 1 (*): 0 of 1 approvals; could approve: anyone except the promoter and the authors",
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
        (Signature("bad", None, None, ""), "does not match its content"),
        (good(DI), "signed by di@example.org, not by Bo"),
        (Signature("good", None, "SHA256:x", ""), "nobody known"),
        (good(BO, "SHA256:ann@example.org"), "a key of an author of the branch or the promoter"),
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
    assert "who approved it as bo@example.org" in refused.failures[-1]
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


def test_each_commit_that_changes_definitions_must_be_signed_by_its_author() -> None:
    earlier = change(BO, "e" * 40)
    signatures = {COMMIT: good(ANN), earlier.id: good(BO)}
    both = (change(ANN), earlier)
    assert ask({"require_signed": True}, changes=both, signatures=signatures)["signatures"].passed
    for wrong in (Signature("none", None, None, ""), good(ANN)):
        found = ask({"require_signed": True}, changes=both, signatures={**signatures, earlier.id: wrong})["signatures"]
        assert not found.passed
        assert found.failures[0].startswith("eeeeeeeeee (Define spend) by Bo <bo@example.org> is ")


def test_whoever_is_not_proven_to_be_the_promoter_is_refused() -> None:
    doubtful = Person(ANN, doubt="is signed with a key that main does not list")
    found = ask({"require_signed": True, **rule(promoters=["ann@example.org"])}, promoter=doubtful)["promoters"]
    assert not found.passed
    assert "this is not proven" in found.detail
    assert "allowed_signers on main lists for ann@example.org" in found.remedy


KEYS = """\
# people
ann@example.org,ann@home.net ssh-ed25519 QU5O
Ann@Old.org valid-before="20200101" ssh-ed25519 QU5O some comment
ann@old.org ssh-rsa T0xE
"bo@example.org,Bo.B@example.org" namespaces="git,file" sk-ssh-ed25519@openssh.com Qk8=
*@example.org cert-authority ssh-ed25519 Q0E=
cy@example.org,di@example.org cert-authority ssh-ed25519 Q0E=
*@example.org ssh-ed25519 QUxM
nonsense
"""


def test_addresses_and_keys_that_lines_of_mains_list_connect_are_one_persons() -> None:
    signers = Signers.parse(KEYS)
    ann = {"ann@example.org", "ann@home.net", "ann@old.org"}
    assert ann < signers.everything_of(["ann@home.net"])
    assert len(signers.everything_of(["ann@old.org"]) - ann) == 2
    assert signers.everything_of(["bo.b@example.org"]) > {"bo@example.org"}
    assert signers.everything_of(["cy@example.org"]) == {"cy@example.org"}
    assert not any("*" in name for person in signers.people for name in person)
    assert len(signers.people) == 3


@pytest.mark.parametrize("own", ["promoter", "authors"])
def test_nobody_approves_their_own_under_another_address_or_with_another_key(own: str) -> None:
    signers = Signers.parse(KEYS)
    facts: dict[str, Any] = {"promoter": CY, "author": DI, "signers": signers}
    facts[own] = ["A <ANN@Example.org>"] if own == "authors" else ANN
    for who in ("Ann <ann@home.net>", "Anna <ANN@old.org>"):
        assert not ask(rule(approvals=1), approvals=[approval(who)], **facts)["approvals"].passed
    said, key = approval(BO), next(name for name in signers.everything_of(["ann@old.org"]) if name[:3] == "SHA")
    assert ask(rule(approvals=1), approvals=[said], **facts)["approvals"].passed
    signed = {said.object_id: good(BO, key)}
    assert not ask(rule(approvals=1), approvals=[said], signatures=signed, **facts)["approvals"].passed


def test_two_addresses_of_one_person_are_one_approval() -> None:
    said = [approval("Ann <ann@home.net>"), approval("Ann <ann@old.org>")]
    facts: dict[str, Any] = {"promoter": CY, "author": DI, "approvals": said, "signers": Signers.parse(KEYS)}
    assert ask(rule(approvals=1), **facts)["approvals"].passed
    refused = ask(rule(approvals=2), **facts)["approvals"]
    assert not refused.passed
    assert "approved it as ann@home.net" in refused.failures[-1]


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
    assert refused.detail == "spend waits for the train 'monday' or 'noon'; the next opens Tue 2026-11-24 12:00 UTC"
    assert ask({"trains": trains}, now=NOW.replace(hour=12))["train"].detail == "on the train noon"
    assert ask({"trains": trains}, now=NOW.replace(day=23))["train"].passed
    assert ask({"trains": trains}, views=["rate"])["train"].passed


def test_what_is_published_is_changed_by_promoters_of_every_rule_and_by_maintainers_alone() -> None:
    policy = {
        "rules": [{"promoters": ["ann@example.org"], "approvals": 2}, {"views": ["pay_*"], "promoters": ["cy@x.org"]}],
        "freezes": [{"name": "f", "start": "2026-11-20", "end": "2026-11-30"}],
        "maintainers": ["DI@example.org"],
    }

    def may(who: str, *views: str, doubt: str = "") -> bool:
        return permission(PolicySettings.read(policy), views=views, person=Person(who, doubt=doubt)).passed

    assert may(ANN, "spend")
    assert not may(ANN, "spend", "pay_day")
    assert not may(BO, "spend")
    assert may(DI, "spend", "pay_day")
    assert not may(DI, "spend", doubt="is signed with a key that main does not list")
    assert not may("Di <x> <di@example.org>", "spend")


def test_a_result_says_itself_in_a_sentence_and_as_json() -> None:
    result = GateResult(
        "drift", passed=False, view="spend", detail="total moved.", remedy="Look at it.", failures=("x",)
    )
    assert result.sentence == "drift of spend: total moved. Look at it."
    assert replace(result, passed=True).sentence == "drift of spend: total moved."
    assert result.to_dict()["failures"] == ("x",)
