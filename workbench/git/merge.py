"""Three-way merges of single files: what git's own ``merge-file`` makes of their contents, out of any repository."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from workbench.git.command import Git, GitFailed


@dataclass(frozen=True, slots=True)
class Conflict:
    """A file that both sides changed in the same place, with its text in the base and on the two sides, if any."""

    path: str
    base: str | None
    ours: str | None
    theirs: str | None


@dataclass(frozen=True, slots=True)
class MergeResult:
    """The outcome of a merge.

    Attributes
    ----------
    tree
        The root tree's id. Files in conflict are in it as *ours*, without markers.
    conflicts
        What has to be settled by hand.
    """

    tree: str
    conflicts: tuple[Conflict, ...]


def merge_text(base: bytes | None, ours: bytes | None, theirs: bytes | None) -> bytes | None:
    """Return the merge of two contents that both differ from `base` and from each other; `None` where they conflict.

    A file that only one side has, or that both added, is in conflict; so is one that is not text.
    """
    if base is None or ours is None or theirs is None:
        return None
    with tempfile.TemporaryDirectory(prefix="workbench-merge-") as name:
        folder = Path(name)
        for side, content in (("base", base), ("ours", ours), ("theirs", theirs)):
            (folder / side).write_bytes(content)
        nowhere = {"GIT_CEILING_DIRECTORIES": str(folder.parent)}  # out of a repository it reads no configuration
        try:
            merged = Git(folder).run("merge-file", "--stdout", "--quiet", "ours", "base", "theirs", variables=nowhere)
        except GitFailed:  # it ends with the number of conflicts, or 255 for what is not text
            return None
    return merged.encode("utf-8", "surrogateescape")
