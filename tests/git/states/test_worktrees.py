from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.git.plain import Plain, at_once
from workbench.errors import BranchError, BranchMoved
from workbench.git import Repository

if TYPE_CHECKING:
    from pathlib import Path

CHANGES = {"features/delay.py": "DELAY = 2\n", "features/new.py": "NEW = 1\n", "features/sub/deep.py": None}


def is_followed(tree: Plain) -> bool:
    """Whether the working tree and its index are what its branch says."""
    return tree("status", "--porcelain") == "" and (tree.root / "features/new.py").read_text() == "NEW = 1\n"


def linked(plain: Plain, branch: str) -> Plain:
    plain("worktree", "add", "--quiet", "../linked", branch)
    return Plain(plain.root.parent / "linked")


def test_the_files_of_a_checked_out_branch_follow(repository: Repository, plain: Plain) -> None:
    repository.commit("main", CHANGES, message="m")
    assert is_followed(plain)
    assert not (plain.root / "features/sub").exists()
    assert not list((plain.root / ".git" / "workbench").glob("following-*"))


def test_edits_elsewhere_stay(repository: Repository, plain: Plain) -> None:
    plain.write("workbench.toml", "local\n")
    plain.write("staged.py", "staged\n")
    plain("add", "staged.py")
    plain.write("untracked.py", "1\n")
    repository.commit("main", CHANGES, message="m")
    assert plain("status", "--porcelain").splitlines() == ["A  staged.py", " M workbench.toml", "?? untracked.py"]
    assert (plain.root / "features/delay.py").read_text() == "DELAY = 2\n"


@pytest.mark.parametrize(
    ("path", "staged"),
    [
        ("features/delay.py", False),
        ("features/delay.py", True),
        ("features/new.py", False),
        ("features/new.py", True),
        ("features/sub/deep.py", False),
    ],
)
def test_edits_that_would_be_lost_are_named_and_nothing_happens(
    repository: Repository, plain: Plain, path: str, *, staged: bool
) -> None:
    plain.write(path, "the user's own work\n")
    if staged:
        plain("add", path)
    before, tip = plain.local(), repository.resolve("main")
    with pytest.raises(BranchError, match="edits there would be lost") as caught:
        repository.commit("main", CHANGES, message="m")
    assert path in "\n".join(caught.value.lines)
    assert str(plain.root) in caught.value.message
    assert repository.resolve("main") == tip
    assert {name: plain.local()[name] for name in before if name != "index"} == {
        name: text for name, text in before.items() if name != "index"
    }
    assert not list((plain.root / ".git" / "workbench").glob("following-*"))


def test_a_conflict_that_the_user_is_solving_stays(repository: Repository, plain: Plain) -> None:
    repository.commit("exp/a", {"features/delay.py": "theirs\n"}, message="m")
    plain.save("features/delay.py", "ours\n")
    with pytest.raises(AssertionError):
        plain("merge", "--quiet", "exp/a")
    with pytest.raises(BranchError):
        repository.commit("main", CHANGES, message="m")
    assert plain("status", "--porcelain").splitlines() == ["UU features/delay.py"]


def test_a_touched_file_is_not_an_edit(repository: Repository, plain: Plain) -> None:
    (plain.root / "features/delay.py").touch()
    repository.commit("main", CHANGES, message="m")
    assert is_followed(plain)


def test_a_linked_working_tree_follows_and_the_main_one_stays(repository: Repository, plain: Plain) -> None:
    side, before = linked(plain, "exp/a"), plain.local()
    repository.commit("exp/a", CHANGES, message="m")
    assert is_followed(side)
    assert plain.local() == before


def test_from_a_linked_working_tree_both_ways(repository: Repository, plain: Plain) -> None:
    side = linked(plain, "exp/a")
    before = plain.local()
    with Repository.open(side.root) as here:
        assert here.git_dir == repository.git_dir
        here.commit("exp/a", CHANGES, message="m")
        assert plain.local() == before
        here.commit("main", CHANGES, message="m")
        here.create("exp/b")
    assert is_followed(side)
    assert is_followed(plain)
    side.write("features/delay.py", "edit\n")
    with pytest.raises(BranchError, match="linked"):
        repository.commit("exp/a", {"features/delay.py": "3\n"}, message="m")


def test_a_working_tree_whose_folder_is_gone_is_not_waited_for(repository: Repository, plain: Plain) -> None:
    side = linked(plain, "exp/a")
    side.root.rename(side.root.with_name("moved"))
    assert repository.commit("exp/a", CHANGES, message="m") == repository.resolve("exp/a")


def test_a_git_directory_elsewhere(tmp_path: Path, plain: Plain) -> None:
    plain("init", "--quiet", f"--separate-git-dir={tmp_path / 'elsewhere.git'}")
    with Repository.open(plain.root) as repository:
        repository.commit("main", CHANGES, message="m")
    assert is_followed(plain)


def test_a_submodule(tmp_path: Path, plain: Plain) -> None:
    plain("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(plain.root), "nested")
    nested = Plain(plain.root / "nested")
    with Repository.open(nested.root) as repository:
        repository.commit("main", CHANGES, message="m")
        assert is_followed(nested)
        nested.write("features/delay.py", "edit\n")
        with pytest.raises(BranchError, match="would be lost"):
            repository.commit("main", {"features/delay.py": "3\n"}, message="m")


@pytest.mark.parametrize("command", [("rebase", "main"), ("bisect", "start", "exp/a", "main")])
def test_a_branch_that_git_is_about_to_move_itself_is_left_alone(
    repository: Repository, plain: Plain, command: tuple[str, ...]
) -> None:
    repository.commit("exp/a", {"features/delay.py": "theirs\n"}, message="m")
    repository.commit("exp/a", {"features/delay.py": "theirs 2\n"}, message="m")
    plain.save("features/delay.py", "ours\n")
    plain("switch", "--quiet", "exp/a")
    if command[0] == "rebase":
        with pytest.raises(AssertionError):
            plain(*command)
    else:
        plain(*command)
    tip = repository.resolve("exp/a")
    with pytest.raises(BranchError, match="rebased or bisected"):
        repository.commit("exp/a", CHANGES, message="m")
    with pytest.raises(BranchError, match="rebased or bisected"):
        repository.delete("exp/a", force=True)
    assert repository.resolve("exp/a") == tip


def test_a_lock_on_the_index_is_named_before_the_branch_moves(repository: Repository, plain: Plain) -> None:
    lock, tip = plain.root / ".git" / "index.lock", repository.resolve("main")
    lock.touch()
    with pytest.raises(BranchError, match=r"index\.lock") as caught:
        repository.commit("main", CHANGES, message="m")
    assert "delete that file" in caught.value.remedy
    assert repository.resolve("main") == tip
    lock.unlink()
    repository.commit("main", CHANGES, message="m")
    assert is_followed(plain)


def test_a_late_writer_to_a_checked_out_branch_is_told_that_it_moved(repository: Repository, plain: Plain) -> None:
    old = repository.resolve("main")
    tree = repository.tree_with(old, CHANGES)
    repository.commit("main", {"features/delay.py": "first\n"}, message="m")
    with pytest.raises(BranchMoved):
        repository.commit_tree("main", tree, expected=old, message="m")
    assert plain("status", "--porcelain") == ""


@pytest.mark.journey
def test_many_processes_on_a_checked_out_branch_leave_its_files_as_the_branch_says(plain: Plain) -> None:
    script = """
with Repository.open(root) as repository:
    for file in range(4):
        changes = {f"features/p{number}_{file}.py": "1\\n", "features/delay.py": f"{number} {file}\\n"}
        repository.commit("main", changes, message="m")
"""
    ended = at_once(plain.root, script, 4)
    assert [process.returncode for process in ended] == [0] * 4, [process.stderr for process in ended]
    assert plain("status", "--porcelain") == ""
    assert len(list((plain.root / "features").glob("p*.py"))) == 16
    assert plain("rev-list", "--count", "main") == "17"


KILLED = """
import os, signal
from workbench.git.worktrees import Follower
whole = Follower.move
def move(self, places, old, new, swap):
    def killed():
        if {after}: swap()
        os.kill(os.getpid(), signal.SIGKILL)
    whole(self, places, old, new, killed)
Follower.move = move
Repository.open(root).commit("main", {changes!r}, message="m")
"""


@pytest.mark.parametrize("next_command", ["open", "commit"])
@pytest.mark.parametrize("after", [True, False])
def test_what_a_killed_process_left_is_finished_by_the_next(
    repository: Repository, plain: Plain, next_command: str, *, after: bool
) -> None:
    before = plain.local()
    (ended,) = at_once(plain.root, KILLED.format(after=after, changes=CHANGES), 1)
    assert ended.returncode == -9, ended.stderr
    assert plain.local() == before
    assert bool(plain("status", "--porcelain")) is after  # the reverse of the change seems to be staged
    if next_command == "commit":
        repository.commit("main", CHANGES | {"features/more.py": "1\n"}, message="m")
        assert is_followed(plain)
    else:
        Repository.open(plain.root).close()
        assert is_followed(plain) if after else plain.local() == before
    assert not list((plain.root / ".git" / "workbench").glob("following-*"))
