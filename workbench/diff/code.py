"""`CodeDiff`: how the texts of two definitions differ, file by file, with the definition separate from its helpers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

Role = Literal["definition", "helper"]


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines that differ, with some around them.

    Attributes
    ----------
    left, right
        The number of its first line in either text, from 1 on; of an empty stretch the line before it.
    lines
        Each after a sign: ``-`` left alone, ``+`` right alone, a space for both.
    """

    left: int
    right: int
    lines: tuple[str, ...]

    @property
    def head(self) -> str:
        """The hunk's first line as unified diffs have it."""
        old = sum(line[0] != "+" for line in self.lines)
        new = sum(line[0] != "-" for line in self.lines)
        return f"@@ -{_range(self.left, old)} +{_range(self.right, new)} @@"

    def to_dict(self) -> dict[str, Any]:
        """Return the hunk as JSON-ready values."""
        return {"left": self.left, "right": self.right, "head": self.head, "lines": list(self.lines)}


@dataclass(frozen=True, slots=True)
class FileDiff:
    """One file that differs.

    Attributes
    ----------
    path
        From the project's root.
    status
        What became of it.
    part
        Whether it is the view's definition or a module that it imports.
    hunks
        What differs.
    """

    path: str
    status: Literal["added", "removed", "changed"]
    part: Role
    hunks: tuple[Hunk, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines of a unified diff, without its head."""
        return tuple(line for hunk in self.hunks for line in (hunk.head, *hunk.lines))

    @property
    def added(self) -> int:
        """How many lines the right side alone has."""
        return sum(line[0] == "+" for hunk in self.hunks for line in hunk.lines)

    @property
    def removed(self) -> int:
        """How many lines the left side alone has."""
        return sum(line[0] == "-" for hunk in self.hunks for line in hunk.lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the file's difference as JSON-ready values."""
        return {
            "path": self.path,
            "status": self.status,
            "part": self.part,
            "added": self.added,
            "removed": self.removed,
            "hunks": [hunk.to_dict() for hunk in self.hunks],
        }


@dataclass(frozen=True, slots=True)
class CodeDiff:
    """The files that differ, the definition first."""

    files: tuple[FileDiff, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.files)

    @property
    def definition(self) -> FileDiff | None:
        """The definition's own file, where it differs."""
        return next((file for file in self.files if file.part == "definition"), None)

    @property
    def helpers(self) -> tuple[FileDiff, ...]:
        """The modules it imports that differ."""
        return tuple(file for file in self.files if file.part == "helper")

    def to_dict(self) -> dict[str, Any]:
        """Return the differences as JSON-ready values."""
        return {"files": [file.to_dict() for file in self.files]}


def code_diff(left: Mapping[str, str], right: Mapping[str, str], *, context: int = 3) -> CodeDiff:
    """Return the files that differ between two sides."""
    definitions = {path for side in (left, right) for path in list(side)[:1]}
    paths = sorted(dict.fromkeys([*right, *left]), key=lambda path: path not in definitions)
    found = []
    for path in paths:
        old, new = left.get(path), right.get(path)
        if old == new:
            continue
        status: Literal["added", "removed", "changed"] = (
            "added" if old is None else "removed" if new is None else "changed"
        )
        part: Role = "definition" if path in definitions else "helper"
        found.append(FileDiff(path, status, part, _hunks(old or "", new or "", context)))
    return CodeDiff(tuple(found))


def _hunks(old: str, new: str, context: int) -> tuple[Hunk, ...]:
    left, right = old.splitlines(), new.splitlines()
    found = []
    for group in SequenceMatcher(None, left, right, autojunk=False).get_grouped_opcodes(context):
        lines: list[str] = []
        for kind, start, stop, other_start, other_stop in group:
            if kind == "equal":
                lines += [f" {line}" for line in left[start:stop]]
            else:
                lines += [f"-{line}" for line in left[start:stop]]
                lines += [f"+{line}" for line in right[other_start:other_stop]]
        first, last = group[0], group[-1]
        found.append(Hunk(_first(first[1], last[2]), _first(first[3], last[4]), tuple(lines)))
    return tuple(found)


def _first(start: int, stop: int) -> int:
    return start + 1 if stop > start else start


def _range(first: int, count: int) -> str:
    return str(first) if count == 1 else f"{first},{count}"
