"""What a branch and a commit are to us."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit: full object ids, the author as ``Name <email>``, its time (UTC), subject line and trailers."""

    id: str
    parents: tuple[str, ...]
    tree: str
    author: str
    time: datetime
    subject: str
    trailers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch, and the experiment it is where its first commit describes one.

    Attributes
    ----------
    name, tip
        Its short name and the full id of its newest commit.
    base
        Where it left main; `None` where it shares nothing with it.
    objective, hypothesis, metrics, tags
        The experiment's description.
    ahead
        Commits that main does not have.
    """

    name: str
    tip: str
    base: str | None = None
    objective: str | None = None
    hypothesis: str | None = None
    metrics: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    ahead: int = 0
