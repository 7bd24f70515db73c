from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workbench.errors import BranchError, BranchNotFound, ProtectedBranch
from workbench.git import Repository

if TYPE_CHECKING:
    from tests.git.plain import Plain


@pytest.mark.parametrize("packed", [False, True])
def test_an_experiment_without_changes_is_deleted(repository: Repository, plain: Plain, *, packed: bool) -> None:
    if packed:
        plain("pack-refs", "--all")
    repository.delete("exp/a")
    assert repository.names() == ["main"]
    with pytest.raises(BranchNotFound):
        repository.delete("exp/a")
    repository.create("exp", objective="the folder is free again")


def test_changes_that_are_nowhere_else_need_force(repository: Repository, plain: Plain) -> None:
    tip = repository.commit("exp/a", {"features/x.py": "1\n"}, message="x")
    with pytest.raises(BranchError, match="2 commits that are nowhere else") as caught:
        repository.delete("exp/a")
    assert f"git branch exp/a {tip[:10]}" in caught.value.remedy
    repository.delete("exp/a", force=True)
    assert not repository.exists("exp/a")
    plain("branch", "exp/a", tip[:10])


def test_what_another_branch_has_may_go(repository: Repository, plain: Plain) -> None:
    repository.commit("exp/a", {"features/x.py": "1\n"}, message="x")
    plain("branch", "keeper", "exp/a")
    repository.delete("exp/a")
    assert repository.names() == ["keeper", "main"]


def test_a_deletion_of_files_is_a_change(repository: Repository) -> None:
    repository.commit("exp/a", {"features/delay.py": None}, message="drop")
    with pytest.raises(BranchError, match="nowhere else"):
        repository.delete("exp/a")


def test_protected_branches_stay(repository: Repository, plain: Plain) -> None:
    with Repository.open(plain.root, protected=["exp/a"]) as careful, pytest.raises(ProtectedBranch):
        careful.delete("exp/a", force=True)
    assert repository.exists("exp/a")


@pytest.mark.parametrize("linked", [False, True])
def test_a_branch_that_is_checked_out_stays(repository: Repository, plain: Plain, *, linked: bool) -> None:
    plain(*(("worktree", "add", "--quiet", "../linked", "exp/a") if linked else ("switch", "--quiet", "exp/a")))
    with pytest.raises(BranchError, match="checked out in .*" + ("linked" if linked else "project")):
        repository.delete("exp/a", force=True)
    assert repository.exists("exp/a")


@pytest.mark.parametrize("name", ["--all", "-D", "main~0", "exp/*", ""])
def test_hostile_names_delete_nothing(repository: Repository, name: str) -> None:
    with pytest.raises(BranchNotFound):
        repository.delete(name, force=True)
    assert repository.names() == ["exp/a", "main"]


def test_a_branch_of_another_tool_can_be_deleted(repository: Repository, plain: Plain) -> None:
    plain("branch", "fix#12")
    repository.delete("fix#12")
    assert "fix#12" not in repository.names()
