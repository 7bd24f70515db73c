"""Working trees that a killed command left behind their branch."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from tests.branches.plain_git import VIEW, git
from workbench.branches import Repository

if TYPE_CHECKING:
    from pathlib import Path


def test_an_edit_that_was_taken_back_is_none_when_a_killed_command_is_finished(
    repository: Repository, root: Path
) -> None:
    repository.create("exp/a")
    old, new = repository.resolve("main"), repository.commit("exp/a", {VIEW: "VALUE = 2\n"}, message="Write")
    git(root, "update-ref", "refs/heads/main", new)  # as a process leaves it that is killed right after its swap
    notes = root / ".git" / "workbench"
    notes.mkdir(exist_ok=True)
    (notes / "following-1-1.json").write_text(f'{{"folder": "{root}", "branch": "main", "old": "{old}"}}')
    later = time.time() + 5  # git compares whole seconds
    os.utime(root / VIEW, (later, later))
    Repository.open(root).close()
    assert (root / VIEW).read_text() == "VALUE = 2\n"
    assert git(root, "status", "--porcelain") == ""
    assert not list(notes.glob("following-*"))
