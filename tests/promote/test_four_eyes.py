"""Attacks on four eyes, each on a branch of its own: plain git and SSH keys against a policy that wants signatures."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

import workbench as wb
from tests.conftest import identify, make_trial
from tests.promote.conftest import SPEND, VALUED, declared, git
from tests.promote.team import Team
from workbench.promote.policy import policy_gates
from workbench.store import main_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from workbench.project import Project
    from workbench.promote import GateResult

POLICY = """
[policy]
require_signed = true
[[policy.rules]]
promoters = ["pia@example.org"]
approvers = ["ann@example.org", "ann@home.net", "bo@example.org", "cy@example.org", "cy@home.net", "ed@example.org",
  "pia@home.net"]
approvals = 1
[[policy.rules]]
views = ["pair"]
approvals = 2
"""
FEATURE = "features/spend.py"


class Stage:
    """A project under `POLICY`, its people, and what the policy says of a branch."""

    def __init__(self, project: Project, team: Team) -> None:
        self.project = project
        self.team = team
        self.root = project.root
        self.repository = project.repository

    def commit(self, branch: str, author: str, text: str | None = SPEND, **how: object) -> str:
        """Commit `text` as the view's file, signed with the author's key if `how` names no other."""
        how = {"key": author, **how}
        return self.team.commit(self.root, branch, author, {FEATURE: text} if text else {}, **how)  # type: ignore[arg-type]  # passed on

    def approve(self, branch: str, person: str, *, key: str | None) -> str:
        """Approve as an attacker does who does not ask the verb."""
        self.team.sit_down(person, key=key)
        return self.repository.approve(self.repository.resolve(branch), message="Fine", sign=key is not None)

    def asked(
        self, branch: str, *, promoter: str = "pia", key: str | None = "pia", view: str = "spend"
    ) -> list[GateResult]:
        self.team.sit_down(promoter, key=key)
        workspace, main, tip = (
            self.project._workspace,
            git(self.root, "rev-parse", "main"),
            self.repository.resolve(branch),
        )
        policy = main_config(workspace, main).policy
        return policy_gates(workspace, policy, views=[view], main=main, commit=tip, now=datetime.now(UTC))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("four-eyes")
    with pytest.MonkeyPatch.context() as patch:
        identify(folder, patch)
        root = make_trial(folder)
        declared(root)
        team = Team(folder)
        with (root / "workbench.toml").open("a") as file:
            file.write(POLICY)
        people = [team.signer("ann", "ann@home.net"), team.signer("bo"), team.signer("pia", "pia@home.net")]
        people += [team.signer("cy"), team.signer("cy@home.net", "cy", key="cy's other")]
        people += [team.signer("ed", options='valid-before="20200101"'), team.signer("di")]
        (root / "allowed_signers").write_text("".join(people))
        git(root, "add", "-A", ".")
        git(root, "commit", "-qm", "Set the policy")
        with closing(wb.open(root)) as project:
            yield Stage(project, team)


def test_signed_work_of_one_and_a_signed_approval_of_another_pass(stage: Stage) -> None:
    stage.commit("exp/honest", "di")
    stage.commit("exp/honest", "ann", VALUED)
    stage.approve("exp/honest", "bo", key="bo")
    assert all(gate.passed for gate in stage.asked("exp/honest"))
    stage.approve("exp/honest", "cy@home.net", key="cy's other")
    assert all(gate.passed for gate in stage.asked("exp/honest", view="pair"))


def under_another_name_with_the_same_key(stage: Stage, branch: str) -> None:
    stage.commit(branch, "ann")
    stage.approve(branch, "bo", key="ann")


def under_the_same_name_with_another_key(stage: Stage, branch: str) -> None:
    stage.commit(branch, "ann")
    stage.approve(branch, "bo", key="mallory")


def without_a_signature(stage: Stage, branch: str) -> None:
    stage.commit(branch, "ann")
    stage.approve(branch, "bo", key=None)


def own_work_through_an_alias(stage: Stage, branch: str) -> None:
    stage.commit(branch, "ann")
    stage.approve(branch, "ann@home.net", key="ann")


def own_work_in_capitals(stage: Stage, branch: str) -> None:
    stage.commit(branch, "ann")
    stage.approve(branch, "ANN@Example.org", key="ann")


def own_work_through_another_key_and_address(stage: Stage, branch: str) -> None:
    stage.commit(branch, "cy")
    stage.approve(branch, "cy@home.net", key="cy's other")


def by_the_committer_of_anothers_work(stage: Stage, branch: str) -> None:
    stage.commit(branch, "ann", committer="bo")
    stage.approve(branch, "bo", key="bo")


def by_a_co_author(stage: Stage, branch: str) -> None:
    stage.commit(branch, "ann", message="Change it\n\nCo-Authored-By: Bo <BO@example.org>")
    stage.approve(branch, "bo", key="bo")


def by_the_author_of_an_earlier_commit(stage: Stage, branch: str) -> None:
    stage.commit(branch, "bo")
    stage.commit(branch, "ann", VALUED)
    stage.approve(branch, "bo", key="bo")


def before_it_was_amended(stage: Stage, branch: str) -> None:
    stage.commit(branch, "ann")
    stage.approve(branch, "bo", key="bo")
    stage.commit(branch, "ann", VALUED, parents=["main"])


def moved_to_another_commit(stage: Stage, branch: str) -> None:
    old = stage.commit(branch, "ann")
    given = stage.approve(branch, "bo", key="bo")
    new = stage.commit(branch, "ann", VALUED)
    ref = git(stage.root, "for-each-ref", "--format=%(refname)", f"refs/workbench/approvals/{old}")
    git(stage.root, "update-ref", ref.replace(old, new), given)


def by_two_addresses_of_one_person(stage: Stage, branch: str) -> None:
    stage.commit(branch, "ann")
    stage.approve(branch, "cy", key="cy")
    stage.approve(branch, "cy@home.net", key="cy's other")


def by_the_promoter_through_an_alias(stage: Stage, branch: str) -> None:
    stage.commit(branch, "ann")
    stage.approve(branch, "pia@home.net", key="pia")


def with_a_key_that_is_over(stage: Stage, branch: str) -> None:
    stage.commit(branch, "ann")
    stage.approve(branch, "ed", key="ed")


def with_a_key_that_the_branch_lists(stage: Stage, branch: str) -> None:
    listed = (stage.root / "allowed_signers").read_text() + stage.team.signer("bo", key="mallory")
    stage.team.commit(stage.root, branch, "ann", {FEATURE: SPEND, "allowed_signers": listed}, key="ann")
    stage.approve(branch, "bo", key="mallory")


def with_the_policy_lifted_on_the_branch(stage: Stage, branch: str) -> None:
    lifted = (stage.root / "workbench.toml").read_text().replace("approvals = 1", "approvals = 0")
    stage.team.commit(stage.root, branch, "ann", {FEATURE: SPEND, "workbench.toml": lifted}, key="ann")


@pytest.mark.parametrize(
    ("attack", "why"),
    [
        (under_another_name_with_the_same_key, "signed by ann@example.org, not by Bo"),
        (under_the_same_name_with_another_key, "a key that main does not list"),
        (without_a_signature, "is not signed"),
        (own_work_through_an_alias, "an author of the branch or the promoter"),
        (own_work_in_capitals, "an author of the branch or the promoter"),
        (own_work_through_another_key_and_address, "an author of the branch or the promoter"),
        (by_the_committer_of_anothers_work, "an author of the branch or the promoter"),
        (by_a_co_author, "an author of the branch or the promoter"),
        (by_the_author_of_an_earlier_commit, "an author of the branch or the promoter"),
        (before_it_was_amended, "0 of 1 approvals"),
        (moved_to_another_commit, "0 of 1 approvals"),
        (by_two_addresses_of_one_person, "approved it as cy@example.org"),
        (by_the_promoter_through_an_alias, "an author of the branch or the promoter"),
        (with_a_key_that_is_over, "no longer valid"),
        (with_a_key_that_the_branch_lists, "a key that main does not list"),
        (with_the_policy_lifted_on_the_branch, "0 of 1 approvals"),
    ],
)
def test_no_approval_counts(stage: Stage, attack: Callable[[Stage, str], None], why: str) -> None:
    branch = f"exp/{attack.__name__}"
    attack(stage, branch)
    gates = {gate.name: gate for gate in stage.asked(branch, view="pair" if "two_addresses" in branch else "spend")}
    assert not gates["approvals"].passed
    assert why in gates["approvals"].failures[-1]
    assert gates["promoters"].passed
    assert gates["signatures"].passed


def unsigned_below_a_signed_tip(stage: Stage, branch: str) -> str:
    hidden = stage.commit(branch, "mallory", key=None)
    stage.commit(branch, "ann", None)
    return f"{hidden[:10]} (Change it) by Mallory <mallory@example.org> is not signed"


def unsigned_and_taken_back_below_a_signed_tip(stage: Stage, branch: str) -> str:
    hidden = stage.commit(branch, "mallory", key=None)
    stage.commit(branch, "ann", VALUED)
    return f"{hidden[:10]} (Change it) by Mallory"


def in_anothers_name_below_a_signed_tip(stage: Stage, branch: str) -> str:
    hidden = stage.commit(branch, "ann", key="mallory")
    stage.commit(branch, "ann", None)
    return f"{hidden[:10]} (Change it) by Ann <ann@example.org> is signed with a key that main does not list"


def another_persons_work_squashed_into_one_commit(stage: Stage, branch: str) -> str:
    squashed = stage.commit(branch, "ann", committer="bo", key="bo")
    stage.commit(branch, "bo", None)
    return f"{squashed[:10]} (Change it) by Ann <ann@example.org> is signed by bo@example.org, not by Ann"


def hidden_in_a_merge_commit(stage: Stage, branch: str) -> str:
    mine = stage.commit(branch, "ann")
    other = stage.commit(f"{branch}-side", "di", None)
    merge = stage.commit(branch, "ann", VALUED, key=None, parents=[mine, other], message="Merge")
    stage.commit(branch, "ann", None)
    return f"{merge[:10]} (Merge) by Ann <ann@example.org> is not signed"


def brought_in_by_a_merge(stage: Stage, branch: str) -> str:
    hidden = stage.commit(f"{branch}-side", "mallory", key=None)
    mine = stage.commit(branch, "ann", None)
    stage.commit(branch, "ann", parents=[mine, hidden], message="Merge")
    return f"{hidden[:10]} (Change it) by Mallory"


def settings_changed_below_a_signed_tip(stage: Stage, branch: str) -> str:
    text = (stage.root / "workbench.toml").read_text() + "\n# nothing to see here\n"
    hidden = stage.team.commit(stage.root, branch, "mallory", {"workbench.toml": text})
    stage.commit(branch, "ann")
    return f"{hidden[:10]} (Change it) by Mallory"


def records_changed_below_a_signed_tip(stage: Stage, branch: str) -> str:
    hidden = stage.team.commit(stage.root, branch, "mallory", {"registry/spend.toml": "x = 1\n"})
    stage.commit(branch, "ann")
    return f"{hidden[:10]} (Change it) by Mallory"


def with_an_old_key(stage: Stage, branch: str) -> str:
    hidden = stage.commit(branch, "ed")
    stage.commit(branch, "ann", VALUED)
    return f"{hidden[:10]} (Change it) by Ed <ed@example.org> is signed with a key that is no longer valid"


def not_signed_at_the_tip(stage: Stage, branch: str) -> str:
    stage.commit(branch, "ann")
    tip = stage.commit(branch, "ann", None, key=None)
    return f"{tip[:10]} (Change it) by Ann <ann@example.org> is not signed"


@pytest.mark.parametrize(
    "attack",
    [
        unsigned_below_a_signed_tip,
        unsigned_and_taken_back_below_a_signed_tip,
        in_anothers_name_below_a_signed_tip,
        another_persons_work_squashed_into_one_commit,
        hidden_in_a_merge_commit,
        brought_in_by_a_merge,
        settings_changed_below_a_signed_tip,
        records_changed_below_a_signed_tip,
        with_an_old_key,
        not_signed_at_the_tip,
    ],
)
def test_work_that_its_author_did_not_sign_is_refused_by_the_name_of_its_commit(
    stage: Stage, attack: Callable[[Stage, str], str]
) -> None:
    branch = f"exp/{attack.__name__}"
    why = attack(stage, branch)
    stage.approve(branch, "cy", key="cy")
    gates = {gate.name: gate for gate in stage.asked(branch)}
    assert gates["approvals"].passed
    assert not gates["signatures"].passed
    (failure,) = gates["signatures"].failures
    assert failure.startswith(why)


def test_the_author_signs_it_afterwards_as_the_remedy_says(stage: Stage) -> None:
    stage.commit("exp/late", "ann", None, key=None)
    stage.commit("exp/late", "ann", key=None)
    stage.commit("exp/late", "ann", VALUED, key=None)
    (refused,) = (gate for gate in stage.asked("exp/late") if gate.name == "signatures")
    assert len(refused.failures) == 2
    command = refused.remedy.partition("then git ")[2].partition(",")[0]
    stage.team.sit_down("ann", key="ann")
    git(stage.root, "checkout", "-q", "exp/late")
    git(stage.root, *command.split())
    git(stage.root, "checkout", "-q", "main")
    stage.approve("exp/late", "bo", key="bo")
    assert all(gate.passed for gate in stage.asked("exp/late"))


def test_work_under_any_address_that_the_authors_key_is_listed_for_is_signed(stage: Stage) -> None:
    stage.commit("exp/home", "ann@home.net", key="ann")
    stage.approve("exp/home", "bo", key="bo")
    assert all(gate.passed for gate in stage.asked("exp/home"))


def test_work_that_main_has_already_is_judged_by_its_tip(stage: Stage) -> None:
    git(stage.root, "branch", "exp/old", "main")
    (refused,) = (gate for gate in stage.asked("exp/old") if gate.name == "signatures")
    assert not refused.passed


def test_what_touches_no_definition_needs_no_signature_below_the_tip(stage: Stage) -> None:
    stage.team.commit(stage.root, "exp/notes", "mallory", {"notebooks/a.ipynb": "{}"})
    stage.commit("exp/notes", "ann")
    stage.approve("exp/notes", "bo", key="bo")
    assert all(gate.passed for gate in stage.asked("exp/notes"))


@pytest.mark.parametrize(
    ("promoter", "key", "why"),
    [
        ("pia", "mallory", "a key that main does not list"),
        ("pia", "bo", "signed by bo@example.org, not by Pia"),
        ("pia", None, "nothing was signed"),
        ("ed", "ed", "no longer valid"),
        ("mallory", "mallory", "a key that main does not list"),
        ("bo", "bo", "may not change the published versions of spend"),
        ("pia@home.net", "pia", "may not change the published versions of spend"),
    ],
)
def test_nobody_promotes_whom_no_key_proves_to_be_a_promoter(
    stage: Stage, promoter: str, key: str | None, why: str
) -> None:
    if not stage.repository.exists("exp/ready"):
        stage.commit("exp/ready", "ann")
        stage.approve("exp/ready", "cy", key="cy")
    gates = {gate.name: gate for gate in stage.asked("exp/ready", promoter=promoter, key=key)}
    assert not gates["promoters"].passed
    assert why in gates["promoters"].detail
    assert "main" in gates["promoters"].remedy
    assert gates["approvals"].passed
