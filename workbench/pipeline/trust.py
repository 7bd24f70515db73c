"""`trust`: let the definitions of a branch's authors run here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError
from workbench.render import Report, Reported, Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.git import Commit
    from workbench.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Trust(Reported):
    """Whose definitions may run here beside the user's own and those of main's authors.

    Attributes
    ----------
    branch
        The branch whose authors were trusted just now; None where nothing was asked but the list.
    commits
        Their commits that were not trusted before, newest first.
    authors
        All trusted authors: ``author``, ``branch``, ``commit`` and ``since`` by address.
    revoked
        Who was trusted by name until now; None where nobody's trust was taken back.
    """

    branch: str | None
    commits: tuple[Commit, ...]
    authors: Mapping[str, Mapping[str, Any]]
    revoked: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "branch": self.branch,
            "revoked": self.revoked,
            "commits": [{"commit": c.id, "author": c.author, "subject": c.subject} for c in self.commits],
            "authors": {address: dict(facts) for address, facts in self.authors.items()},
        }

    def report(self) -> Report:
        """Return what was trusted, and everybody who is."""
        news = tuple((c.id[:10], c.author, f"{c.time:%Y-%m-%d %H:%M}", c.subject) for c in self.commits)
        known = tuple(
            tuple(str(facts.get(key, "")) for key in ("author", "branch", "since")) for facts in self.authors.values()
        )
        if self.revoked is not None:
            title = f"{self.revoked} is no longer trusted"
        elif self.branch is None:
            title = "Trusted authors" if known else "No author is listed as trusted"
        elif news:
            title = f"The definitions of {self.branch} may run"
        else:
            title = f"{self.branch} does not have definitions by new authors"
        return Report(
            title,
            tables=tuple(
                table
                for table in (
                    Table("Trusted now", ("commit", "author", "UTC", "subject"), news),
                    Table("Listed as trusted", ("author", "since branch", "since (UTC)"), known),
                )
                if table.rows
            ),
            notes=("Your own definitions, and those of authors with a commit on main, always run.",),
        )


def trust(workspace: Workspace, branch: str | None, *, revoke: str | None = None) -> Trust:
    """Trust the authors of definitions on `branch`, or revoke the trust in `revoke`; else only list trusted authors."""
    if revoke is not None:
        if branch is not None:
            raise UsageError("One call gives trust or revokes it, not both.", remedy="Call `trust` once for each.")
        revoked = workspace.repository.revoke_trust(revoke)
        return Trust(None, (), workspace.repository.trusted(), revoked)
    commits = workspace.repository.trust(branch) if branch is not None else []
    return Trust(branch, tuple(commits), workspace.repository.trusted())
