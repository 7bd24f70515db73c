"""Working trees that a killed command left behind their branch."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from workbench.branches import Repository

if TYPE_CHECKING:
    from tests.branches.plain import Plain


def test_an_edit_that_was_taken_back_is_none_when_a_killed_command_is_finished(
    repository: Repository, plain: Plain
) -> None:
    old, new = (
        repository.resolve("main"),
        repository.commit("exp/a", {"features/delay.py": "DELAY = 2\n"}, message="Write"),
    )
    plain("update-ref", "refs/heads/main", new)  # as a process leaves it that is killed right after its swap
    notes = plain.root / ".git" / "workbench"
    notes.mkdir(exist_ok=True)
    (notes / "following-1-1.json").write_text(f'{{"folder": "{plain.root}", "branch": "main", "old": "{old}"}}')
    later = time.time() + 5  # git compares whole seconds
    os.utime(plain.root / "features/delay.py", (later, later))
    Repository.open(plain.root).close()
    assert (plain.root / "features/delay.py").read_text() == "DELAY = 2\n"
    assert plain("status", "--porcelain") == ""
    assert not list(notes.glob("following-*"))
