"""Working trees that have a branch checked out: they follow its definition files, or the write is refused.

Moving a checked-out branch alone would stage the reverse of the change, and the user's next commit would undo it.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.branches.git import Git, GitFailed
from workbench.errors import BranchError

if TYPE_CHECKING:
    from collections.abc import Iterator


def checked_out(common: Path, top: Path | None) -> Iterator[tuple[Path, str]]:
    """Yield every working tree of the repository with the branch it has checked out; detached ones are left out.

    Parameters
    ----------
    common
        The repository's shared git directory.
    top
        The main working tree; `None` where the repository is bare.
    """
    heads = [(top, common / "HEAD")] if top else []
    for linked in sorted((common / "worktrees").glob("*")):
        try:
            place = Path((linked / "gitdir").read_text(encoding="utf-8").strip()).parent
        except OSError:
            continue
        heads.append((place, linked / "HEAD"))
    for place, head in heads:
        try:
            text = head.read_text(encoding="utf-8").strip()
        except OSError:
            continue
        if text.startswith("ref: refs/heads/") and place.is_dir():
            yield place, text.removeprefix("ref: refs/heads/")


class Follower:
    """Brings the working trees on one branch from one commit to the next."""

    def __init__(self, places: list[Path], old: str, new: str) -> None:
        self._places = [Git(place) for place in places]
        self._old, self._new = old, new

    def rehearse(self) -> None:
        """Find out whether every working tree can follow without losing anything local.

        Raises
        ------
        BranchError
            Where one cannot; nothing was changed.
        """
        for tree in self._places:
            with suppress(GitFailed):  # it names files with edits; the dry run below decides whether they matter
                tree.run("update-index", "-q", "--refresh")
            try:
                tree.run("read-tree", "-n", "-m", "-u", self._old, self._new)
            except GitFailed as failure:
                raise BranchError(
                    f"The branch is checked out in {tree.folder}, and edits there would be lost.",
                    lines=[f"  {line.strip()}" for line in str(failure).splitlines()[:5]],
                    remedy="Commit, stash or remove those edits, or write to another branch. Nothing was changed.",
                ) from None

    def follow(self) -> None:
        """Bring the working trees to the new commit."""
        for tree in self._places:
            try:
                tree.run("read-tree", "-m", "-u", self._old, self._new)
            except GitFailed as failure:
                raise BranchError(
                    f"The branch moved, but {tree.folder} could not follow: {failure}",
                    remedy=f"The commit is safe. Bring the files up with `git -C {tree.folder} checkout -- features`.",
                ) from None
