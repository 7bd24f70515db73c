"""What a policy judges by: who is at work here, who wrote, approved and signed what is promoted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workbench.config import CONFIG_FILE
from workbench.errors import BranchError, SigningFailed
from workbench.git import Signers, address
from workbench.promote.merge import FOLDER
from workbench.registry import FOLDER as RECORDS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from workbench.config import PolicySettings
    from workbench.git import Approval, Commit, Repository, Signature

SIGNED = (FOLDER, RECORDS, CONFIG_FILE)
"""Whoever changes these on a branch signs the commit, where signatures are demanded."""

CO_AUTHOR = "co-authored-by"


@dataclass(frozen=True, slots=True)
class Person:
    """Who is at work here.

    Attributes
    ----------
    identity
        As git says: ``Name <email>``.
    key
        The fingerprint of the key that proves it; None where no proof is demanded.
    doubt
        Why it is not proven although it has to be; empty else.
    """

    identity: str
    key: str | None = None
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class CommitEvidence:
    """What the repository says about a commit that is to be promoted.

    Attributes
    ----------
    commit
        Its full id.
    authors
        Who wrote it, or commits that lead to it and that main does not have: authors, committers, co-authors.
    approvals
        What was said about it.
    changes
        The commits that have to be signed where policy demands it: itself, and those of the branch that change
        definitions, settings or records.
    signatures
        The signatures of these and of the approvals, by object id; of the commit alone where none are demanded.
    signers
        Whose the keys are that main lists.
    """

    commit: str
    authors: tuple[str, ...]
    approvals: tuple[Approval, ...] = ()
    changes: tuple[Commit, ...] = ()
    signatures: Mapping[str, Signature] = field(default_factory=dict)
    signers: Signers = field(default_factory=Signers)


def at_work(repository: Repository, policy: PolicySettings, *, main: str) -> Person:
    """Return who is at work here. Where `policy` demands signatures one is made, and judged by the keys of `main`."""
    who = repository.identity()
    if not policy.require_signed:
        return Person(who)
    listed = allowed_signers(repository, policy, main)
    try:
        signature = repository.prove(listed)
    except SigningFailed as error:
        return Person(who, doubt=f"nothing was signed: {error.message}")
    return Person(who, signature.key, unproven(signature, who))


def evidence(
    repository: Repository, policy: PolicySettings, *, main: str, commit: str, now: datetime | None = None
) -> CommitEvidence:
    """Return who wrote, approved and signed `commit`; keys count as main lists them, and as they are valid `now`."""
    listed = allowed_signers(repository, policy, main)
    own = repository.ahead(commit, main) or [repository.show(commit)]
    wrote = [who for each in own for who in _writers(each)]
    changes = [each for each in own if each.id == commit or repository.touches(each, SIGNED)]
    approvals = tuple(repository.approvals(commit))
    signed = [each.id for each in changes] if policy.require_signed else [commit]
    return CommitEvidence(
        commit,
        tuple(dict.fromkeys(wrote)),
        approvals,
        tuple(changes),
        {
            each: repository.signature_of(each, allowed_signers=listed, at=now)
            for each in (*signed, *(approval.object_id for approval in approvals))
        },
        Signers.parse(listed),
    )


def unproven(signature: Signature | None, identity: str, *, demanded: bool = True) -> str:
    """Return why `signature` does not stand for `identity`; empty where it does, or where none is needed.

    A signature that is wrong never counts. One by an unknown or expired key counts as none.
    """
    if signature is None or signature.status in {"none", "stranger", "expired"}:
        if not demanded:
            return ""
        status = "none" if signature is None else signature.status
        return {
            "none": "is not signed",
            "stranger": "is signed with a key that main does not list",
            "expired": "is signed with a key that is no longer valid",
        }[status]
    if signature.status != "good":
        return "has a signature that does not match its content"
    who = address(signature.principal or "")
    if who is None or who != address(identity):
        return f"is signed by {signature.principal or 'nobody known'}, not by {identity}"
    return ""


def allowed_signers(repository: Repository, policy: PolicySettings, main: str) -> str:
    """Return main's list of signing keys; empty where there is none and none is needed."""
    try:
        return repository.read(main, policy.allowed_signers)
    except BranchError:
        if not policy.require_signed:
            return ""
        raise BranchError(
            f"[policy] requires signatures, but main does not have {policy.allowed_signers} with the keys.",
            remedy=f"Commit {policy.allowed_signers} to main: one line for each person, `email ssh-ed25519 AAAA...`.",
        ) from None


def _writers(commit: Commit) -> list[str]:
    together = [value for key, value in commit.trailers if key.lower() == CO_AUTHOR]
    return [commit.author, commit.committer, *together]
