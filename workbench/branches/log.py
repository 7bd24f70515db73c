"""Reading ``git log``."""

from __future__ import annotations

from datetime import UTC, datetime

from workbench.branches.model import Commit
from workbench.branches.trailers import trailers_of


def parse_log(out: str) -> list[Commit]:
    """Return the commits in what `git log` printed: fields end in NUL, commits in 0x01."""
    commits = []
    for entry in out.split("\x01"):
        fields = entry.lstrip("\n").split("\0")
        if len(fields) < 6:
            continue
        commit_id, parents, tree, author, seconds, message = fields
        commits.append(
            Commit(
                id=commit_id,
                parents=tuple(parents.split()),
                tree=tree,
                author=author,
                time=datetime.fromtimestamp(int(seconds), UTC),
                subject=message.partition("\n")[0],
                trailers=trailers_of(message),
            )
        )
    return commits
