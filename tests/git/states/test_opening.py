from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.git.plain import Plain
from workbench.errors import BranchError, BranchNotFound
from workbench.git import Repository

if TYPE_CHECKING:
    from pathlib import Path


def test_a_folder_without_a_repository_gets_one_on_main(tmp_path: Path, identity: None) -> None:
    with pytest.raises(BranchError, match="not in a git repository"):
        Repository.open(tmp_path)
    with Repository.init(tmp_path) as repository:
        assert (repository.head(), repository.names(), repository.root) == ("main", [], tmp_path)
        assert repository.git_dir == tmp_path / ".git"


def test_init_never_nests_a_repository_in_another(plain: Plain) -> None:
    below = plain.root / "team" / "project"
    below.mkdir(parents=True)
    with Repository.init(below) as repository:
        assert repository.git_dir == plain.root / ".git"
    assert not (below / ".git").exists()


def test_a_project_in_a_subfolder_sees_paths_from_there(plain: Plain) -> None:
    plain.save("team/features/x.py", "X = 1\n")
    with Repository.open(plain.root / "team") as repository:
        assert list(repository.files("main")) == ["features/x.py"]
        repository.create("exp/a")
        repository.commit("exp/a", {"features/y.py": "Y = 1\n"}, message="y")
        assert repository.read("exp/a", "features/y.py") == "Y = 1\n"
        assert [commit.subject for commit in repository.history("exp/a", path="features/y.py")] == ["y"]
        assert repository.changed("main", "exp/a") == {"features/y.py": "added"}
        plain.write("team/features/x.py", "X = 2\n")
        plain.write("workbench.toml", "outside\n")
        assert repository.dirty() == ["features/x.py"]
    assert plain("ls-tree", "-r", "--name-only", "exp/a", "team/").splitlines() == [
        "team/features/x.py",
        "team/features/y.py",
    ]


def test_a_bare_repository_is_refused(tmp_path: Path, plain: Plain) -> None:
    plain("clone", "--quiet", "--bare", ".", str(tmp_path / "bare.git"))
    with pytest.raises(BranchError, match="work tree"):
        Repository.open(tmp_path / "bare.git")


def test_head_is_a_branch_also_before_its_first_commit_and_none_when_detached(plain: Plain, fresh: Plain) -> None:
    with Repository.open(fresh.root) as repository:
        assert repository.head() == "main"
        with pytest.raises(BranchNotFound):
            repository.resolve("HEAD")
    with Repository.open(plain.root) as repository:
        plain("switch", "--quiet", "--create", "exp/deep/er")
        assert repository.head() == "exp/deep/er"
        plain("switch", "--quiet", "--detach")
        assert repository.head() is None


def test_the_identity_is_gits(plain: Plain, monkeypatch: pytest.MonkeyPatch) -> None:
    with Repository.open(plain.root) as repository:
        assert repository.identity() == "Test Researcher <test@example.org>"
        monkeypatch.setenv("GIT_AUTHOR_NAME", "Ægir > <of the sea>")
        assert repository.identity() == "Ægir  of the sea <test@example.org>"


def test_sha256_repositories_work(tmp_path: Path, fresh: Plain) -> None:
    fresh("init", "--quiet", "--initial-branch=main", "--object-format=sha256", "modern")
    with Repository.open(fresh.root / "modern") as repository:
        repository.create("exp/a", objective="Longer ids")
        commit = repository.commit("exp/a", {"features/x.py": "1\n", "features/y/z.py": "2\n"}, message="x")
        assert len(commit) == 64
        assert sorted(repository.files(commit)) == ["features/x.py", "features/y/z.py"]
        assert repository.branch("exp/a").objective == "Longer ids"


def test_a_working_tree_whose_repository_was_moved_says_how_to_find_it_again(plain: Plain, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    plain("worktree", "add", "--quiet", str(linked), "-b", "exp/linked")
    moved = plain.root.rename(tmp_path / "moved")
    for opening in (Repository.open, Repository.init):
        with pytest.raises(BranchError, match=f"its repository is no longer at {tmp_path}/project/.git") as caught:
            opening(linked)
        assert f"git worktree repair {linked}" in caught.value.remedy
    Plain(moved)("worktree", "repair", str(linked))
    with Repository.open(linked) as opened:
        assert opened.head() == "exp/linked"
