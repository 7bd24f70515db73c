"""`approve`: agree to a commit's views before somebody else promotes them; `approvals_of`: who did, and what counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from workbench.define import load_tree
from workbench.errors import FeatureNotFound, PromotionError
from workbench.git import address, approval_ref
from workbench.promote.approvals import COMMIT, NOTE, VIEW, ApprovalCount
from workbench.promote.identities import evidence
from workbench.promote.trunk import TrunkWriter
from workbench.records import to_plain
from workbench.render import Report, Reported, Table
from workbench.store import main_config

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.git import Approval
    from workbench.workspace import Workspace


@dataclass(frozen=True, slots=True)
class ApprovalEntry:
    """One approval of a commit.

    Attributes
    ----------
    identity, time
        Who (``Name <email>``) and when, as it says.
    views
        What was approved; empty for all that the commit holds.
    note
        What they said.
    signature
        ``good``, ``none``, ``bad``, ``stranger`` or ``expired``, by the keys that main lists.
    counts
        Whether it counts where somebody else than its author promotes.
    why_not
        Why it does not; empty where it does.
    """

    identity: str
    time: datetime
    views: tuple[str, ...]
    note: str
    signature: str
    counts: bool
    why_not: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class ApprovalReport(Reported):
    """Who approved a branch's commit.

    Attributes
    ----------
    branch, commit
        What was approved. A commit that is added to the branch later is not.
    views
        The views that were approved just now; empty where the report only lists.
    object_id
        The approval that was just given; None where the report only lists.
    entries
        All approvals of the commit, oldest first.
    require_signed
        Whether main demands signatures.
    """

    branch: str
    commit: str
    views: tuple[str, ...]
    object_id: str | None
    entries: tuple[ApprovalEntry, ...]
    require_signed: bool

    @property
    def counting(self) -> tuple[ApprovalEntry, ...]:
        """The approvals that count."""
        return tuple(entry for entry in self.entries if entry.counts)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        return {
            "branch": self.branch,
            "commit": self.commit,
            "views": list(self.views),
            "object_id": self.object_id,
            "require_signed": self.require_signed,
            "approvals": to_plain(self.entries),
        }

    def report(self) -> Report:
        """Return the approvals as a table."""
        rows = tuple(
            (
                entry.identity,
                f"{entry.time:%Y-%m-%d %H:%M}",
                ", ".join(entry.views) or "all",
                entry.signature,
                "counts" if entry.counts else entry.why_not,
                entry.note,
            )
            for entry in self.entries
        )
        said = f"Approved {', '.join(self.views)}" if self.object_id else "Approvals"
        return Report(
            f"{said} of {self.branch} at {self.commit[:10]}",
            facts=(("signatures", "required by [policy] on main" if self.require_signed else "not demanded"),),
            tables=(Table("", ("who", "when (UTC)", "views", "signature", "", "note"), rows),) if rows else (),
            notes=(
                "An approval holds for this commit only: a new commit on the branch needs a new approval."
                if rows
                else f"There are no approvals yet: approve --branch {self.branch}.",
            ),
        )

    def __repr__(self) -> str:
        return f"<ApprovalReport {self.branch} at {self.commit[:10]}: {len(self.counting)} count>"


def approve(
    workspace: Workspace, branch: str, views: Sequence[str] = (), *, note: str = "", sign: bool | None = None
) -> ApprovalReport:
    """Agree that views of a branch, as they are at its newest commit, are published. With a remote, it is told."""
    with TrunkWriter.open(workspace) as line:  # main's newest rules, and what others approved
        return _approve(line, branch, views, note=note, sign=sign)


def _approve(line: TrunkWriter, branch: str, views: Sequence[str], *, note: str, sign: bool | None) -> ApprovalReport:
    workspace = line.workspace
    repository = workspace.repository
    who = repository.identity()
    commit, main = repository.resolve(branch), repository.resolve(workspace.trunk)
    repository.refuse_cut(commit, base=main)
    outline = load_tree(repository, commit, cache=workspace.hidden).outline
    known = (*outline.views, *outline.on_demand)
    for view in views:
        if view not in known:
            raise FeatureNotFound.named(view, known)
    if not known:
        raise PromotionError(f"{branch} has no views to approve.", remedy="Define one in a %%feature cell first.")
    policy = main_config(workspace, main).policy
    said = evidence(repository, policy, main=main, commit=commit)
    if address(who) in ApprovalCount.count(said, None, demanded=policy.require_signed).involved:
        raise PromotionError(
            f"{who} wrote commits of {branch}, and authors cannot approve their own work.",
            remedy="Ask another person to approve.",
        )
    own = next((each for each in said.approvals if address(each.identity) == address(who)), None)
    approved = _together(views or known, own, known)
    object_id = repository.approve(
        commit,
        message=f"Approve {', '.join(approved)} of {branch}",
        trailers=[
            *((VIEW, view) for view in approved),
            (COMMIT, commit),
            *([(NOTE, " ".join(note.split()))] if note.strip() else []),
        ],
        sign=policy.require_signed or repository.wants_signature() if sign is None else sign,
        demanded=policy.require_signed if sign is None else sign,
    )
    if line.remote is not None:
        line.remote.push_refs([approval_ref(commit, who)])
    listed = approvals_of(workspace, branch)
    return ApprovalReport(branch, commit, approved, object_id, listed.entries, policy.require_signed)


def approvals_of(workspace: Workspace, branch: str) -> ApprovalReport:
    """Return who approved the newest commit of `branch`, and which approvals count."""
    repository = workspace.repository
    commit, main = repository.resolve(branch), repository.resolve(workspace.trunk)
    policy = main_config(workspace, main).policy
    said = evidence(repository, policy, main=main, commit=commit, now=datetime.now(UTC))
    voices = ApprovalCount.count(said, None, demanded=policy.require_signed)
    entries = tuple(
        ApprovalEntry(
            identity=approval.identity,
            time=approval.time,
            views=_values(approval, VIEW),
            note=" ".join(_values(approval, NOTE)),
            signature=said.signatures[approval.object_id].status,
            counts=approval.object_id in voices.counting,
            why_not=voices.not_counted.get(approval.object_id, ""),
        )
        for approval in said.approvals
    )
    return ApprovalReport(branch, commit, (), None, entries, policy.require_signed)


def _together(views: Sequence[str], before: Approval | None, known: Sequence[str]) -> tuple[str, ...]:
    """Return `views` and what the same person approved of the same commit: a new approval takes the old one's place."""
    earlier = () if before is None else _values(before, VIEW) or tuple(known)
    return tuple(dict.fromkeys([*earlier, *views]))


def _values(approval: Approval, key: str) -> tuple[str, ...]:
    return tuple(value for name, value in approval.trailers if name == key)
