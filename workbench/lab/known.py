"""`Known`: what was found out about a project and is still so, by what it was found out from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

T = TypeVar("T")
KEPT = 8
"""How many answers of a kind are kept, the newest."""


@dataclass(slots=True)
class Known:
    """Answers of one project. Two threads may find out the same at once; nothing else comes of it."""

    _kept: dict[str, dict[Hashable, Any]] = field(default_factory=dict)

    def once(self, kind: str, key: Hashable, find_out: Callable[[], T], *, most: int = KEPT) -> T:
        """Return the answer of a `kind` to `key`, found out where it is not known; the newest `most` are kept."""
        kept = self._kept.setdefault(kind, {})
        if key in kept:
            found: T = kept[key]
            return found
        found = kept[key] = find_out()
        for old in list(kept)[:-most]:
            kept.pop(old, None)
        return found
