"""Main's ``[policy]`` over a promotion: gathers who promotes, wrote, approved and signed, and asks the rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.errors import BranchError
from workbench.promote.gates.checked import not_run
from workbench.promote.gates.result import GateResult
from workbench.promote.rules import policy_results
from workbench.promote.voices import Voices

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from workbench.branches import Approval, Repository, Signature
    from workbench.config import PolicySettings
    from workbench.loop.rooms import Rooms

MOST_COMMITS = 10_000


def policy_gates(
    rooms: Rooms,
    policy: PolicySettings,
    *,
    views: Sequence[str],
    main: str,
    commit: str | None,
    now: datetime,
    rollback: bool = False,
) -> list[GateResult]:
    """Return what the policy says of publishing `views` now, by the person whom git knows here.

    Parameters
    ----------
    rooms
        The project's rooms.
    policy
        As it stands on main; never the branch's.
    views
        What is published.
    main
        The commit of main whose list of signing keys counts.
    commit
        The branch's commit that is promoted; None for a rollback and the like.
    now
        The moment of the promotion.
    rollback
        Whether a version that was published before is to serve again.
    """
    repository = rooms.repository
    promoter = repository.identity()
    if commit is None or rollback:
        return policy_results(policy, views=views, promoter=promoter, author=promoter, now=now, rollback=True)
    try:
        said = evidence(repository, policy, main=main, commit=commit, now=now)
    except BranchError as error:
        return [not_run("signatures" if policy.require_signed else "approvals", None, error)]
    return policy_results(
        policy,
        views=views,
        promoter=promoter,
        author=said.author,
        authors=said.authors,
        approvals=said.approvals,
        commit=commit,
        signatures=said.signatures,
        now=now,
    )


def approvers(
    rooms: Rooms, policy: PolicySettings, *, main: str, commit: str, now: datetime | None = None
) -> tuple[str, ...]:
    """Return who approved `commit` so that it counts, as ``Name <email>``, in the order in which they did."""
    repository = rooms.repository
    said = evidence(repository, policy, main=main, commit=commit, now=now)
    voices = said.voices(policy, commit=commit, promoter=repository.identity())
    return tuple(dict.fromkeys(one.identity for one in said.approvals if one.object_id in voices.counting))


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the repository says about a commit.

    Attributes
    ----------
    author
        Who wrote the commit.
    authors
        Who wrote commits that lead to it and that main does not have.
    approvals
        What was said about it.
    signatures
        The signatures of the commit and the approvals, by object id.
    """

    author: str
    authors: tuple[str, ...]
    approvals: tuple[Approval, ...]
    signatures: Mapping[str, Signature]

    def voices(self, policy: PolicySettings, *, commit: str, promoter: str) -> Voices:
        """Return the approvals that count where `promoter` promotes."""
        return Voices.heard(
            self.approvals,
            commit=commit,
            promoter=promoter,
            authors=[self.author, *self.authors],
            signatures=self.signatures,
            require_signed=policy.require_signed,
        )


def evidence(
    repository: Repository, policy: PolicySettings, *, main: str, commit: str, now: datetime | None = None
) -> Evidence:
    """Return who wrote, approved and signed `commit`; keys count as main lists them, and as they are valid `now`.

    Parameters
    ----------
    repository
        Where it is.
    policy
        Says which file lists the keys, and whether they are needed.
    main
        The commit of main that the list is read from.
    commit
        What is promoted.
    now
        When keys must be valid; a commit's own time can be anything that its writer likes.

    Raises
    ------
    BranchError
        Where signatures are demanded and main has no list of keys.
    """
    approvals = tuple(repository.approvals(commit))
    signers = _signers(repository, policy, main)
    signatures = {
        each: repository.signature_of(each, allowed_signers=signers, at=now)
        for each in (commit, *(approval.object_id for approval in approvals))
    }
    return Evidence(repository.show(commit).author, _authors(repository, main, commit), approvals, signatures)


def _signers(repository: Repository, policy: PolicySettings, main: str) -> str:
    """Return main's list of signing keys; empty where there is none and none is needed."""
    try:
        return repository.read(main, policy.allowed_signers)
    except BranchError:
        if not policy.require_signed:
            return ""
        raise BranchError(
            f"[policy] demands signatures, and main has no {policy.allowed_signers} that lists the keys.",
            remedy=f"Commit {policy.allowed_signers} to main: a line a person, `email ssh-ed25519 AAAA...`.",
        ) from None


def _authors(repository: Repository, main: str, commit: str) -> tuple[str, ...]:
    """Return who wrote the commits that `commit` has and main has not."""
    known = {each.id for each in repository.history(main, limit=MOST_COMMITS)}
    own = [each.author for each in repository.history(commit, limit=MOST_COMMITS) if each.id not in known]
    return tuple(dict.fromkeys(own))
