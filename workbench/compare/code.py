"""The difference of two definitions' texts, file by file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any


@dataclass(frozen=True, slots=True)
class FileDiff:
    """One file: `status` is ``added``, ``removed`` or ``changed``; `lines` are a unified diff's, without its head."""

    path: str
    status: str
    lines: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the file's difference as JSON-ready values."""
        return {"path": self.path, "status": self.status, "lines": list(self.lines)}


def code_diff(left: Mapping[str, str], right: Mapping[str, str], *, context: int = 3) -> tuple[FileDiff, ...]:
    """Return the files that differ, the definition's own first as the mappings have it."""
    found = []
    for path in dict.fromkeys([*right, *left]):
        old, new = left.get(path), right.get(path)
        if old == new:
            continue
        status = "added" if old is None else "removed" if new is None else "changed"
        lines = unified_diff((old or "").splitlines(), (new or "").splitlines(), lineterm="", n=context)
        found.append(FileDiff(path, status, tuple(lines)[2:]))
    return tuple(found)
