"""Names of branches: what is accepted git accepts too, and nothing that looks like something else is."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import BranchError, InvalidName
from workbench.git import Repository, valid_branch
from workbench.git.names import ALLOWED, LONGEST

if TYPE_CHECKING:
    from tests.git.plain import Plain

HOSTILE = [
    "",
    "-",
    "-d",
    "--force",
    "exp/-d",
    "a..b",
    "a@{1}",
    "@",
    "@{-1}",
    "a\n",
    "a\x00b",
    "a\x1b[31m",
    "a\x7f",
    "a b",
    "a~1",
    "a^",
    "a:b",
    "a*",
    "a?",
    "a[b]",
    "a\\b",
    "a;rm",
    "$(id)",
    "/a",
    "a/",
    "a//b",
    ".a",
    "a/.b",
    "a.",
    "a./b",
    "x.lock",
    "x.LOCK",
    "x.lock/y",
    "HEAD",
    "head",
    "FETCH_HEAD",
    "MERGE_HEAD",
    "refs/heads/a",
    "REFS/a",
    "refs",
    "heads/main",
    "Heads/x",
    "tags/v1",
    "remotes/origin/main",
    "origin/main",
    "origin",
    "worktrees/x",
    "a" * 40,
    "0" * 64,
    "DEADBEEF" * 5,
    "é",
    "exp/\u202egnp",
    "a" * (LONGEST + 1),
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidName, match="not a valid branch name") as caught:
        valid_branch(name)
    assert caught.value.remedy
    assert len(caught.value.message) < 200


@pytest.mark.parametrize("name", ["a", "exp/carry-over", "exp/a_b+c.2", "fix/_x", "a" * 39, "a" * LONGEST])
def test_ordinary_names_are_accepted(name: str) -> None:
    assert valid_branch(name) == name


@given(st.one_of(st.from_regex(ALLOWED, fullmatch=True), st.text(alphabet="aH./-_@{~+lock", min_size=1, max_size=9)))
def test_what_we_accept_git_accepts(name: str) -> None:
    try:
        valid_branch(name)
    except InvalidName:
        return
    done = subprocess.run(["git", "check-ref-format", "--branch", name], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"{name}\n")


def test_hostile_names_do_not_reach_git_through_create(repository: Repository, plain: Plain) -> None:
    before = plain("for-each-ref")
    for name in HOSTILE:
        with pytest.raises(InvalidName):
            repository.create(name)
    assert plain("for-each-ref") == before


def test_hostile_names_name_no_branch_to_read_write_or_delete(repository: Repository, plain: Plain) -> None:
    before = plain("for-each-ref")
    for name in HOSTILE:
        assert not repository.exists(name)
        with pytest.raises(BranchError):
            repository.delete(name)
        with pytest.raises(BranchError):
            repository.commit(name, {"features/x.py": "X\n"}, message="Write")
    assert plain("for-each-ref") == before


@pytest.mark.parametrize(("there", "wanted"), [("a", "a/b"), ("a/b", "a"), ("a/b/c", "a/b"), ("a", "a/b/c")])
def test_a_branch_and_a_folder_of_branches_cannot_share_a_name(repository: Repository, there: str, wanted: str) -> None:
    repository.create(there)
    with pytest.raises(BranchError, match=f"'{there}' is in the way of '{wanted}'") as caught:
        repository.create(wanted)
    assert "another name" in caught.value.remedy
    assert repository.names() == sorted({there, "exp/a", "main"})


@pytest.mark.parametrize("wanted", ["Exp/mean", "exp/Mean", "EXP/other", "Main"])
def test_names_that_differ_by_case_only_are_refused(repository: Repository, wanted: str) -> None:
    repository.create("exp/mean")
    with pytest.raises(BranchError, match="upper and lower case"):
        repository.create(wanted)


def test_packed_branches_are_in_the_way_as_well(repository: Repository, plain: Plain) -> None:
    plain("pack-refs", "--all", "--prune")
    with pytest.raises(BranchError, match="is in the way"):
        repository.create("exp/a/b")
    with pytest.raises(BranchError, match="exists"):
        repository.create("exp/a")
