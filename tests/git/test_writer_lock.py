"""Writers that lost a race stand in line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.git.plain import Plain
from workbench.errors import BranchMoved
from workbench.git import Repository
from workbench.git.locks import writer_lock

if TYPE_CHECKING:
    from collections.abc import Mapping


class Overtaken(Repository):
    """Somebody else commits between reading the tip and moving it, as often as `others` says."""

    others: int = 0
    in_line: list[bool]

    def tree_with(self, commit: str, changes: Mapping[str, str | bytes | None]) -> str:
        tree = super().tree_with(commit, changes)
        if self.others:
            self.others -= 1
            with writer_lock(self.git_dir, patience=0) as is_first:
                self.in_line.append(not is_first)
            theirs = Plain(self.root)("commit-tree", f"{commit}^{{tree}}", "-p", commit, "-m", f"{self.others}")
            Plain(self.root)("update-ref", "refs/heads/exp/a", theirs)
        return tree


@pytest.fixture
def overtaken(plain: Plain) -> Overtaken:
    plain("branch", "exp/a")
    with Overtaken.open(plain.root) as opened:
        opened.in_line = []
        return opened


def test_one_writer_at_a_time_is_at_the_head_of_the_line(plain: Plain) -> None:
    git_dir = plain.root / ".git"
    with writer_lock(git_dir) as first, writer_lock(git_dir, patience=0) as second:
        assert (first, second) == (True, False)
    with writer_lock(git_dir, patience=0) as after:
        assert after


def test_where_there_can_be_no_line_everybody_goes_on(plain: Plain) -> None:
    (plain.root / ".git" / "workbench").write_text("a file in the folder's place\n")
    with writer_lock(plain.root / ".git") as is_first:
        assert not is_first


def test_who_is_overtaken_stands_in_line_and_leaves_it_in_the_end(overtaken: Overtaken) -> None:
    overtaken.others = 4
    commit = overtaken.commit("exp/a", {"features/delay.py": "DELAY = 2\n"}, message="Write")
    assert overtaken.in_line == [False, True, True, True]
    assert Plain(overtaken.root)("rev-parse", "exp/a") == commit
    assert Plain(overtaken.root)("rev-list", "--count", "exp/a") == "6"
    with writer_lock(overtaken.git_dir, patience=0) as is_free:
        assert is_free


def test_attempts_are_counted_and_the_line_is_left_on_giving_up(overtaken: Overtaken) -> None:
    overtaken.others = 99
    with pytest.raises(BranchMoved):
        overtaken.commit("exp/a", {"features/delay.py": "DELAY = 2\n"}, message="Write", attempts=3)
    assert len(overtaken.in_line) == 3
    with writer_lock(overtaken.git_dir, patience=0) as is_free:
        assert is_free
