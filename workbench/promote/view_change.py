"""What a promotion does to one view, and what it touches beyond: values for people and for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from workbench.records import to_plain
from workbench.render import format_elapsed

Work = Literal["reused", "computed"]
BREAKING = frozenset({"value", "breaking"})
"""Categories after which readers of the old version would be surprised: they make a new major version."""


@dataclass(frozen=True, slots=True)
class ViewChange:
    """One view that a promotion publishes a new version of.

    Attributes
    ----------
    view, category
        The view, and what kind of change it is: ``new``, ``metadata``, ``refactor``, ``additive``, ``value``,
        ``breaking``.
    number, previous
        The version that is made, and the one that serves now.
    why
        What makes it this category, a sentence each.
    columns
        Status of each column: ``same``, ``changed``, ``added``, ``removed``, ``renamed``, ``retyped``.
    rows_added, rows_removed, rows_changed
        Rows by key, against the version that serves now, computed on the same source data.
    indirect
        Whether it changes only because a view that it reads does.
    view_id, data_digest, code_hash, rows
        The identity and size of the data that is published.
    work, seconds
        Whether the data was there already, and how long computing it took.
    """

    view: str
    category: str
    number: str
    previous: str | None
    why: tuple[str, ...]
    columns: Mapping[str, str]
    rows_added: int
    rows_removed: int
    rows_changed: int
    indirect: bool
    view_id: str
    data_digest: str
    code_hash: str
    rows: int
    work: Work
    seconds: float

    @property
    def is_breaking(self) -> bool:
        """Whether it makes a new major version."""
        return self.category in BREAKING

    def identity(self) -> dict[str, Any]:
        """Return what the plan's digest covers: everything but how long it took."""
        return {key: value for key, value in to_plain(self).items() if key not in {"work", "seconds"}}


@dataclass(frozen=True, slots=True)
class Impact:
    """A published view or a feature set that reads what a promotion changes.

    Attributes
    ----------
    name, kind
        What reads it.
    reads
        The changed view.
    columns
        The changed columns that it uses; None where that cannot be told, and all must be assumed.
    affected
        Whether main's definition of it would give other values than it publishes.
    included
        Whether this promotion publishes a new version of it too.
    seconds
        How long its last computation took; None where that is not known.
    stays
        The version of `reads` that a published view goes on reading until it is published again.
    moves
        The published version whose own values would move.
    broken
        Whether a feature set names a feature that would not be there any more.
    """

    name: str
    kind: Literal["view", "feature set"]
    reads: str
    columns: tuple[str, ...] | None
    affected: bool
    included: bool
    seconds: float | None = None
    stays: str | None = None
    moves: str | None = None
    broken: bool = False

    @property
    def in_the_way(self) -> bool:
        """Whether the promotion must publish it too, or somebody accept by name that it does not."""
        return self.broken or (self.kind == "view" and self.affected and not self.included)

    @property
    def sentence(self) -> str:
        """Return what happens to it, for people."""
        if self.moves is not None:
            return (
                f"the values of its version {self.moves} would change, although it reads a minor version of "
                f"{self.reads}"
            )
        stays = f"stays on {self.reads} {self.stays} until it is published again" if self.stays else ""
        if not self.affected:
            return "; ".join(filter(None, ("not touched: it uses none of the changed columns", stays)))
        uses = (
            "the columns that it uses cannot be determined"
            if self.columns is None
            else f"uses {', '.join(self.columns)}"
        )
        if self.broken:
            return f"{uses}, which no longer exists"
        if self.kind == "feature set":
            return f"{uses}; it reads the new version from then on"
        takes = "" if self.seconds is None else f" (computing it took {format_elapsed(self.seconds)})"
        return f"{uses}; " + ("published with it" if self.included else f"{stays or 'unchanged'}{takes}")
