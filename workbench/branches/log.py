"""Reading ``git log``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from workbench.branches.model import Commit
from workbench.branches.trailers import trailers_of

if TYPE_CHECKING:
    from collections.abc import Iterator

FIELDS = ("%m", "%H", "%P", "%T", "%an <%ae>", "%ct", "%B")
LOG = ("log", "-z", "--no-show-signature", "--no-color", "--encoding=UTF-8", f"--format={'%x00'.join(FIELDS)}")
"""Prints commits as NUL-ended fields, which no name or message can hold, whatever the user has configured."""


def parse_log(out: str) -> list[Commit]:
    """Return the commits in what `LOG` printed."""
    return [commit for mark, commit in parse_marked(out) if mark != "-"]


def parse_marked(out: str) -> Iterator[tuple[str, Commit]]:
    """Yield each commit that `LOG` printed with its mark: ``-`` is one on the boundary of the range."""
    fields = out.encode("utf-8", "surrogateescape").decode("utf-8", "replace").split("\0")
    for at in range(0, len(fields) - 1, len(FIELDS)):
        mark, commit_id, parents, tree, author, seconds, message = fields[at : at + len(FIELDS)]
        yield (
            mark,
            Commit(
                id=commit_id,
                parents=tuple(parents.split()),
                tree=tree,
                author=author,
                time=_time(seconds),
                subject=message.partition("\n")[0],
                trailers=trailers_of(message),
            ),
        )


def _time(seconds: str) -> datetime:
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):  # a commit can claim any time
        return datetime.fromtimestamp(0, UTC)


def as_utc(time: datetime) -> datetime:
    """Return a time in UTC; without a zone it is one already."""
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
