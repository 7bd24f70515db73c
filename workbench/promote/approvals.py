"""Whose approvals count: of this very commit, by somebody else than those involved, signed where that is demanded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.git import address, addresses
from workbench.promote.identities import unproven

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workbench.git import Approval
    from workbench.promote.identities import CommitEvidence, Person

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
        The fingerprint of the key that signed it; None where it is not signed.
    """

    object_id: str
    email: str
    views: frozenset[str] | None
    key: str | None


@dataclass(frozen=True, slots=True)
class ApprovalCount:
    """The approvals of one commit.

    Attributes
    ----------
    heard_of
        Those that count.
    not_counted
        Why each of the others does not, by its object id.
    involved
        The e-mail addresses, and keys, of those who promote or wrote it: all that main's list of keys connects.
    """

    heard_of: tuple[Voice, ...]
    not_counted: Mapping[str, str]
    involved: frozenset[str]

    @classmethod
    def count(cls, said: CommitEvidence, promoter: Person | None, *, demanded: bool) -> ApprovalCount:
        """Return the voices of those who approved what `said` is about; signed ones where that is `demanded`."""
        of_signers = {one.key for change in said.changes if (one := said.signatures.get(change.id)) and one.key}
        named = [*said.authors, *([promoter.identity] if promoter else [])]
        keys = of_signers | ({promoter.key} if promoter and promoter.key else set())
        involved = said.signers.everything_of(addresses(named) | keys)
        voices: list[Voice] = []
        refused: dict[str, str] = {}
        for approval in said.approvals:
            signature = said.signatures.get(approval.object_id)
            key = signature.key if signature is not None else None
            email = address(approval.identity)
            own = said.signers.everything_of(filter(None, (email, key)))
            earlier = next((voice for voice in voices if {voice.email, voice.key} & own), None)
            why = (
                _of_another(approval, said.commit)
                or ("does not have a name and an e-mail address" if email is None else "")
                or ("is by an author of the branch or the promoter" if email in involved else "")
                or unproven(signature, approval.identity, demanded=demanded)
                or ("is signed with a key of an author of the branch or the promoter" if key in involved else "")
                or (f"is by the person who approved it as {earlier.email}" if earlier else "")
            )
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


def _of_another(approval: Approval, commit: str) -> str:
    said = [approval.commit, *(value for key, value in approval.trailers if key == COMMIT)]
    other = next((each for each in said if each != commit), None)
    return "" if other is None else f"is of another commit, {other[:10]}"


def _views(approval: Approval) -> frozenset[str] | None:
    said = frozenset(value for key, value in approval.trailers if key == VIEW)
    return said or None
