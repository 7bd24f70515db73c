"""Main's ``[policy]`` over what changes main: gathers who is at work, wrote, approved and signed; asks the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import BranchError, PromotionRefused
from workbench.promote.approvals import ApprovalCount
from workbench.promote.identities import Person, at_work, evidence
from workbench.promote.rules import permission, policy_results
from workbench.store import main_config

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from workbench.config import PolicySettings
    from workbench.promote.gates.result import GateResult
    from workbench.workspace import Workspace


def policy_gates(
    workspace: Workspace, policy: PolicySettings, *, views: Sequence[str], main: str, commit: str, now: datetime
) -> list[GateResult]:
    """Return what the policy says of publishing `views` now, by the person whom git knows here."""
    repository = workspace.repository
    try:
        promoter = at_work(repository, policy, main=main)
        said = evidence(repository, policy, main=main, commit=commit, now=now)
    except BranchError as error:
        from workbench.promote.gates.data import not_run

        return [not_run("signatures" if policy.require_signed else "approvals", None, error)]
    return policy_results(policy, views=views, promoter=promoter, said=said, now=now)


def approvers(
    workspace: Workspace, policy: PolicySettings, *, main: str, commit: str, now: datetime | None = None
) -> tuple[str, ...]:
    """Return who approved `commit` so that it counts, as ``Name <email>``, in the order in which they did."""
    repository = workspace.repository
    said = evidence(repository, policy, main=main, commit=commit, now=now)
    voices = ApprovalCount.count(said, Person(repository.identity()), demanded=policy.require_signed)
    return tuple(dict.fromkeys(one.identity for one in said.approvals if one.object_id in voices.counting))


def require_permission(workspace: Workspace, main: str, views: Sequence[str]) -> None:
    """Refuse where main's policy does not let this person change what is published of `views`."""
    policy = main_config(workspace, main).policy
    result = permission(policy, views=views, person=at_work(workspace.repository, policy, main=main))
    if not result.passed:
        raise PromotionRefused(
            f"Refused: {result.detail}.",
            lines=[f"  {failure}" for failure in result.failures],
            remedy=f"{result.remedy} Nothing was changed.",
        )
