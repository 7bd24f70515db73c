"""Whose approvals count: of this very commit, by somebody else than those involved, signed where that is demanded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.promote.people import address, addresses

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from workbench.branches import Approval, Signature

COMMIT = "Approved-Commit"
VIEW = "Approved-View"
NOTE = "Approval-Note"


@dataclass(frozen=True, slots=True)
class Voice:
    """An approval that counts.

    Attributes
    ----------
    object_id
        The approval's.
    email
        Who approved.
    views
        What was approved; None for all that the commit holds.
    key
        The key that signed it; None where it is not signed.
    """

    object_id: str
    email: str
    views: frozenset[str] | None
    key: str | None


@dataclass(frozen=True, slots=True)
class Voices:
    """The approvals of one commit.

    Attributes
    ----------
    heard_of
        Those that count.
    not_counted
        Why each of the others does not, by its object id.
    involved
        The e-mail addresses of those who promote or wrote it.
    """

    heard_of: tuple[Voice, ...]
    not_counted: Mapping[str, str]
    involved: frozenset[str]

    @classmethod
    def heard(
        cls,
        approvals: Sequence[Approval],
        *,
        commit: str,
        promoter: str,
        authors: Iterable[str],
        signatures: Mapping[str, Signature],
        require_signed: bool,
    ) -> Voices:
        """Return the voices in `approvals` of `commit`."""
        involved = addresses([promoter, *authors])
        own = signatures.get(commit)
        own_key = own.key if own is not None and own.status == "good" else None
        voices: list[Voice] = []
        refused: dict[str, str] = {}
        for approval in approvals:
            signature = signatures.get(approval.object_id)
            key = signature.key if signature is not None and signature.status == "good" else None
            email = address(approval.identity)
            why = (
                _of_another(approval, commit)
                or ("is nobody's name and e-mail address" if email is None else "")
                or ("is by somebody who promotes or wrote it" if email in involved else "")
                or cls.unsigned(signature, approval.identity, demanded=require_signed)
                or ("is signed with the key of the promoted commit" if key is not None and key == own_key else "")
            )
            if key is not None and any(key == voice.key and email != voice.email for voice in voices):
                why = why or "is signed with a key that somebody else approved with"
            if why or email is None:
                refused[approval.object_id] = f"the approval of {approval.identity} {why}"
            else:
                voices.append(Voice(approval.object_id, email, _views(approval), key))
        return cls(tuple(voices), refused, involved)

    @property
    def counting(self) -> frozenset[str]:
        """The object ids of the approvals that count."""
        return frozenset(voice.object_id for voice in self.heard_of)

    def of(self, views: Sequence[str], *, among: Sequence[str]) -> list[Voice]:
        """Return one voice a person that approves all of `views`; of those listed, where any are."""
        able = addresses(among)
        found = {
            voice.email: voice
            for voice in self.heard_of
            if (not among or voice.email in able) and (voice.views is None or voice.views >= set(views))
        }
        return list(found.values())

    @staticmethod
    def unsigned(signature: Signature | None, identity: str, *, demanded: bool = True) -> str:
        """Return why `signature` does not stand for `identity`; empty where it does, or where none is needed.

        A signature that is wrong never counts. One by a key that nobody knows, or that has expired, counts as none.
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
            return "has a signature that is not of what it says"
        who = address(signature.principal or "")
        if who is None or who != address(identity):
            return f"is signed by {signature.principal or 'nobody known'}, not by {identity}"
        return ""


def _of_another(approval: Approval, commit: str) -> str:
    said = [approval.commit, *(value for key, value in approval.trailers if key == COMMIT)]
    other = next((each for each in said if each != commit), None)
    return "" if other is None else f"is of another commit, {other[:10]}"


def _views(approval: Approval) -> frozenset[str] | None:
    said = frozenset(value for key, value in approval.trailers if key == VIEW)
    return said or None
