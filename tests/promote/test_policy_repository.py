"""The policy over a real repository: approvals, signatures and rules that nobody on a branch can bend."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

import workbench as wb
from tests.promote.conftest import SPEND, VALUED, git
from workbench.errors import FeatureNotFound, PromotionError
from workbench.promote.approve import approvals_of, approve
from workbench.promote.policy import approvers, policy_gates
from workbench.store import main_config

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.promote.team import Team
    from workbench.project import Project
    from workbench.promote import GateResult

BRANCH = "exp/first"


@pytest.fixture
def ann(root: Path, team: Team) -> Iterator[Project]:
    """Ann's handle on a project whose main demands Bo's or Cy's approval of what Ann wrote on ``exp/first``."""
    team.sit_down("ann", key="ann")
    rule(root, 'approvals = 1\napprovers = ["bo@example.org", "cy@example.org"]\npromoters = ["ann@example.org"]')
    project = wb.open(root)
    project.branch(BRANCH, objective="Sell more")
    project.define(SPEND, log=False)
    yield project
    project.close()


def rule(root: Path, text: str, *, policy: str = "") -> None:
    """Write a rule to the policy on main, as those who may push there do."""
    path = root / "workbench.toml"
    before = path.read_text().partition("[policy]")[0]
    path.write_text(f"{before}[policy]\n{policy}\n[[policy.rules]]\n{text}\n")
    git(root, "add", "-A", ".")
    git(root, "commit", "-qm", "Set the policy", "--no-gpg-sign")


def asked(project: Project) -> dict[str, GateResult]:
    workspace = project._workspace
    main, commit = workspace.repository.resolve("main"), workspace.repository.resolve(BRANCH)
    policy = main_config(workspace, main).policy
    found = policy_gates(workspace, policy, views=["spend"], main=main, commit=commit, now=datetime.now(UTC))
    return {result.name: result for result in found}


def test_an_approval_opens_the_gate_and_is_listed(ann: Project, team: Team) -> None:
    assert not asked(ann)["approvals"].passed
    team.sit_down("bo")
    report = approve(ann._workspace, BRANCH, ["spend"], note="Looks\nright")
    (entry,) = report.entries
    assert (entry.identity, entry.views, entry.note, entry.counts) == (
        "Bo <bo@example.org>",
        ("spend",),
        "Looks right",
        True,
    )
    assert report.to_dict()["approvals"][0]["signature"] == "none"
    assert "Bo <bo@example.org>" in report._repr_mimebundle_()["text/plain"]
    team.sit_down("ann")
    assert asked(ann)["approvals"].detail == "approved by bo@example.org"
    main, commit = (ann.repository.resolve(name) for name in ("main", BRANCH))
    policy = main_config(ann._workspace, main).policy
    assert approvers(ann._workspace, policy, main=main, commit=commit) == ("Bo <bo@example.org>",)


def test_an_approval_is_of_its_commit_alone(ann: Project, team: Team) -> None:
    team.sit_down("bo")
    approve(ann._workspace, BRANCH)
    team.sit_down("ann")
    ann.define(VALUED, log=False)
    assert not asked(ann)["approvals"].passed
    assert approvals_of(ann._workspace, BRANCH).entries == ()


def test_what_one_approves_step_by_step_counts_together(ann: Project, team: Team) -> None:
    ann.define(SPEND.replace("spend", "spent").replace("Spend", "Spent"), log=False)
    team.sit_down("bo")
    approve(ann._workspace, BRANCH, ["spent"])
    team.sit_down("ann")
    assert not asked(ann)["approvals"].passed
    team.sit_down("bo")
    assert approve(ann._workspace, BRANCH, ["spend"]).views == ("spent", "spend")
    team.sit_down("ann")
    assert asked(ann)["approvals"].passed


def test_nobody_approves_their_own_or_what_is_not_there(ann: Project, team: Team) -> None:
    with pytest.raises(PromotionError, match="authors cannot approve their own"):
        approve(ann._workspace, BRANCH)
    team.sit_down("bo")
    with pytest.raises(FeatureNotFound, match="did you mean 'spend'"):
        approve(ann._workspace, BRANCH, ["spnd"])


def test_an_author_of_an_earlier_commit_approves_nothing_of_the_branch(ann: Project, team: Team) -> None:
    team.sit_down("bo")
    ann.define(VALUED, log=False)
    team.sit_down("ann")
    assert [commit.author for commit in ann.trust(BRANCH).commits] == ["Bo <bo@example.org>"]
    ann.define(SPEND, log=False)
    team.sit_down("bo")
    with pytest.raises(PromotionError, match="authors cannot approve their own"):
        approve(ann._workspace, BRANCH)
    ann.repository.approve(ann.repository.resolve(BRANCH), message="Approve anyway")
    team.sit_down("ann")
    assert "an author of the branch or the promoter" in asked(ann)["approvals"].failures[-1]


def test_a_branch_cannot_change_the_rules_that_bind_it(ann: Project) -> None:
    text = (ann.root / "workbench.toml").read_text()
    bent = text.replace("approvals = 1", "approvals = 0").replace('promoters = ["ann', 'promoters = ["mallory')
    assert bent != text
    tip = ann.repository.resolve(BRANCH)
    tree = ann.repository.tree_with(tip, {"workbench.toml": bent})
    ann.repository.commit_tree(BRANCH, tree, expected=tip, message="Nothing to see here")
    (ann.root / "workbench.toml").write_text(bent)
    with closing(wb.open(ann.root, branch=BRANCH)) as project:
        results = asked(project)
    assert not results["approvals"].passed
    assert results["promoters"].passed


@pytest.fixture
def signed(ann: Project, team: Team) -> Project:
    """The same with signatures demanded of Ann, Bo and Cy, whose keys main lists; Ann has signed."""
    git(ann.root, "checkout", "-q", "main")
    (ann.root / "allowed_signers").write_text("".join(map(team.signer, ("ann", "bo", "cy"))))
    text = 'approvals = 1\napprovers = ["bo@example.org", "cy@example.org"]'
    rule(ann.root, text, policy="require_signed = true")
    team.sit_down("ann", key="ann")
    tip_signed(ann)
    return ann


def tip_signed(project: Project) -> None:
    """Add a commit to the branch as git makes it, signed where git is told to."""
    git(project.root, "checkout", "-q", BRANCH)
    git(project.root, "commit", "-q", "--allow-empty", "-m", "Ready")
    git(project.root, "checkout", "-q", "main")


def test_signed_work_and_a_signed_approval_pass(signed: Project, team: Team) -> None:
    assert asked(signed)["signatures"].passed
    team.sit_down("bo", key="bo")
    assert approve(signed._workspace, BRANCH).entries[0].signature == "good"
    team.sit_down("ann", key="ann")
    assert asked(signed)["approvals"].passed


def test_whoever_calls_themselves_somebody_else_in_git_is_not_believed(signed: Project, team: Team) -> None:
    team.sit_down("bo")  # it is Mallory who sits here, without Bo's key
    approve(signed._workspace, BRANCH, sign=False)
    team.sit_down("ann", key="ann")
    assert "is not signed" in asked(signed)["approvals"].failures[-1]
    team.sit_down("bo", key="mallory")
    approve(signed._workspace, BRANCH, sign=True)
    team.sit_down("ann", key="ann")
    assert "a key that main does not list" in asked(signed)["approvals"].failures[-1]
    team.sit_down("bo", key="cy")
    approve(signed._workspace, BRANCH, sign=True)
    team.sit_down("ann", key="ann")
    assert "signed by cy@example.org, not by Bo" in asked(signed)["approvals"].failures[-1]
    team.sit_down("bo", key="ann")
    approve(signed._workspace, BRANCH, sign=True)
    team.sit_down("ann", key="ann")
    assert "signed by ann@example.org, not by Bo" in asked(signed)["approvals"].failures[-1]


def test_the_promoted_commit_must_be_its_authors(signed: Project, team: Team) -> None:
    team.sit_down("ann", key="mallory")
    tip_signed(signed)
    assert "a key that main does not list" in asked(signed)["signatures"].failures[0]
    team.sit_down("ann", key="bo")
    tip_signed(signed)
    assert "signed by bo@example.org, not by Ann" in asked(signed)["signatures"].failures[0]
    team.sit_down("ann")
    tip_signed(signed)
    assert "is not signed" in asked(signed)["signatures"].failures[0]


def test_keys_are_those_that_main_lists_not_the_branch_or_the_working_tree(signed: Project, team: Team) -> None:
    team.sit_down("bo", key="mallory")
    listed = team.signer("bo", key="mallory")
    git(signed.root, "checkout", "-q", BRANCH)
    (signed.root / "allowed_signers").write_text(listed)
    git(signed.root, "add", "allowed_signers")
    git(signed.root, "commit", "-qm", "Add my new key", "--author", "Ann <ann@example.org>", "--no-gpg-sign")
    git(signed.root, "checkout", "-q", "main")
    team.sit_down("ann", key="ann")
    tip_signed(signed)
    team.sit_down("cy", key="mallory")
    (signed.root / "allowed_signers").write_text(team.signer("cy", key="mallory"))
    approve(signed._workspace, BRANCH, sign=True)
    team.sit_down("ann", key="ann")
    assert "a key that main does not list" in asked(signed)["approvals"].failures[-1]


def test_a_key_that_is_over_signs_nothing_whatever_date_its_owner_writes(
    signed: Project, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = team.signer("bo", options='valid-before="20200101"')
    (signed.root / "allowed_signers").write_text(team.signer("ann") + old)
    git(signed.root, "commit", "-qam", "Bo has left", "--no-gpg-sign")
    team.sit_down("bo", key="bo")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2019-06-01T00:00:00Z")
    approve(signed._workspace, BRANCH, sign=True)
    team.sit_down("ann", key="ann")
    assert "no longer valid" in asked(signed)["approvals"].failures[-1]
    team.sit_down("bo", key="bo")
    tip_signed(signed)
    monkeypatch.delenv("GIT_COMMITTER_DATE")
    assert "no longer valid" in asked(signed)["signatures"].failures[0]


def test_signatures_that_cannot_be_judged_are_refused_with_what_is_needed(signed: Project) -> None:
    git(signed.root, "rm", "-q", "allowed_signers")
    git(signed.root, "commit", "-qm", "Forget the keys", "--no-gpg-sign")
    results = asked(signed)
    assert not results["signatures"].passed
    assert "main does not have allowed_signers" in results["signatures"].detail
    assert "ssh-ed25519" in results["signatures"].remedy
