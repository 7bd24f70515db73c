from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workbench.errors import BranchNotFound
from workbench.git import Repository

if TYPE_CHECKING:
    from tests.git.plain import Plain


def test_a_branch_knows_where_it_left_main_and_how_far_it_is(repository: Repository, plain: Plain) -> None:
    left = plain("rev-parse", "main")
    tip = repository.commit("exp/a", {"features/x.py": "1\n"}, message="x")
    plain.save("README", "meanwhile\n")
    branch = repository.branch("exp/a")
    assert (branch.tip, branch.base, branch.ahead) == (tip, left, 2)
    assert repository.merge_base("main", "exp/a") == left


def test_main_is_itself(repository: Repository) -> None:
    main = repository.branch("main")
    assert (main.base, main.ahead, main.objective) == (None, 0, None)


def test_the_list_says_of_each_branch_what_the_branch_says(repository: Repository, plain: Plain) -> None:
    repository.create("exp/b", start="exp/a", objective="b's", metrics=["rmse", "mae"], tags={"team": "eu"})
    repository.commit("exp/b", {"features/b.py": "1\n"}, message="b")
    plain("branch", "fix#12", "main")
    plain("branch", "größe", "exp/b")
    plain.save("README", "meanwhile\n")
    branches = repository.branches()
    assert [branch.name for branch in branches] == ["exp/a", "exp/b", "fix#12", "größe", "main"] == repository.names()
    assert branches == [repository.branch(branch.name) for branch in branches]
    assert [branch.ahead for branch in branches] == [1, 3, 0, 3, 0]
    assert [branch.objective for branch in branches] == [None, "b's", None, None, None]


def test_a_branch_that_merged_main_left_it_at_the_merge(repository: Repository, plain: Plain) -> None:
    repository.commit("exp/a", {"features/x.py": "1\n"}, message="x")
    merged = plain.save("README", "meanwhile\n")
    plain("switch", "--quiet", "exp/a")
    plain("merge", "--quiet", "-m", "Merge main", "main")
    plain("switch", "--quiet", "main")
    assert repository.branch("exp/a").base == merged == plain("merge-base", "main", "exp/a")


@pytest.mark.parametrize("how", ["--ff-only", "--no-ff"])
def test_an_experiment_keeps_its_description_when_main_has_it(repository: Repository, plain: Plain, how: str) -> None:
    repository.create("exp/b", objective="Kept", tags={"k": "v"})
    plain("merge", "--quiet", how, "exp/b")
    for branch in (repository.branch("exp/b"), repository.branches()[1]):
        assert (branch.objective, branch.tags, branch.ahead) == ("Kept", {"k": "v"}, 0)


def test_an_experiment_on_an_experiment_has_its_own_description(repository: Repository) -> None:
    repository.create("exp/b", objective="First")
    repository.create("exp/c", start="exp/b", hypothesis="Second")
    assert (repository.branch("exp/c").objective, repository.branch("exp/c").hypothesis) == (None, "Second")


def test_a_branch_without_main_has_no_base(plain: Plain) -> None:
    plain("branch", "--move", "main", "trunk")
    with Repository.open(plain.root) as repository:
        assert repository.create("exp/a", start="trunk", objective="Works").base is None
        assert [branch.objective for branch in repository.branches()] == ["Works", None]
        with pytest.raises(BranchNotFound, match="trunk"):
            repository.create("exp/b")


def test_unrelated_histories_share_nothing(repository: Repository, plain: Plain) -> None:
    other = plain("commit-tree", plain("mktree", given=""), "-m", "Other")
    plain("branch", "other", other)
    assert (repository.branch("other").base, repository.branch("other").ahead) == (None, 1)
    assert repository.merge_base("main", "other") is None
    assert repository.merge_base(other, other) == other
