from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.git.plain import Plain
from workbench.errors import BranchError, BranchMoved, BranchNotFound, ProtectedBranch
from workbench.git import Repository
from workbench.git.command import Git

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def theirs(repository: Repository, shared: Plain) -> Plain:
    """A colleague's clone of what the team shares, who pushed the experiment ``exp/b``."""
    other = Plain(shared.root.parent / "colleague")
    shared("clone", "--quiet", ".", str(other.root))
    other("switch", "--quiet", "-c", "exp/b")
    other.save("features/theirs.py", "1\n")
    other("push", "--quiet", "origin", "exp/b")
    return other


@pytest.fixture
def fetched(repository: Repository, theirs: Plain) -> Iterator[Repository]:
    """Our repository after a fetch, with main protected."""
    with Repository.open(repository.root, protected=["main"]) as opened:
        remote = opened.remote()
        assert remote is not None
        remote.fetch()
        yield opened


def test_a_branch_without_a_remote_stands_beside_nothing(repository: Repository) -> None:
    assert repository.upstream("exp/a") is None
    assert repository.remote_branches() == []
    with pytest.raises(BranchError, match="no remote") as caught:
        repository.push("exp/a")
    assert "git remote add origin" in caught.value.remedy


def test_within_a_call_git_is_asked_once_whether_there_are_remotes(
    repository: Repository, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []
    run = Git.run

    def counted(git: Git, *words: str, **options: Any) -> str:
        asked.append(words)
        return run(git, *words, **options)

    monkeypatch.setattr(Git, "run", counted)
    with repository.at_one_moment():
        assert not repository.has_remote
        plain("remote", "add", "origin", "elsewhere")
        assert not repository.has_remote
    assert asked == [("remote",)]
    assert repository.has_remote


def test_what_only_the_remote_has_is_listed_and_continued(fetched: Repository, plain: Plain, theirs: Plain) -> None:
    assert [branch.name for branch in fetched.remote_branches()] == ["exp/b"]
    assert not fetched.exists("exp/b")
    with pytest.raises(BranchNotFound, match="origin has one") as caught:
        fetched.commit("exp/b", {"features/ours.py": "1\n"}, message="Ours")
    assert "`branch exp/b` continues it" in caught.value.remedy
    assert fetched.track("exp/b").tip == theirs("rev-parse", "exp/b")
    assert plain("rev-parse", "--abbrev-ref", "exp/b@{upstream}") == "origin/exp/b"
    assert fetched.remote_branches() == []
    with pytest.raises(BranchNotFound):
        fetched.track("exp/nowhere")
    with pytest.raises(ProtectedBranch):
        fetched.track("main")


def test_ahead_and_behind_are_counted(fetched: Repository, plain: Plain, theirs: Plain) -> None:
    fetched.track("exp/b")
    upstream = fetched.upstream("exp/b")
    assert upstream is not None
    assert (upstream.ahead, upstream.behind, upstream.standing) == (0, 0, "the same")
    for number in range(2):
        fetched.commit("exp/b", {"features/ours.py": f"{number}\n"}, message="Ours")
    upstream = fetched.upstream("exp/b")
    assert upstream is not None
    assert upstream.standing == "2 ahead"
    theirs.save("features/theirs.py", "2\n")
    theirs("push", "--quiet", "origin", "exp/b")
    with pytest.raises(BranchMoved, match="origin/exp/b has 1 commit that 'exp/b' here has not") as caught:
        fetched.push("exp/b")
    assert "git merge origin/exp/b" in caught.value.remedy
    upstream = fetched.upstream("exp/b")
    assert upstream is not None
    assert upstream.has_diverged
    assert upstream.standing == "2 ahead and 1 behind"
    plain("switch", "--quiet", "exp/b")
    plain("merge", "--quiet", "--no-edit", "origin/exp/b")
    assert fetched.push("exp/b").standing == "the same"
    assert theirs("ls-remote", "origin", "exp/b").split()[0] == plain("rev-parse", "exp/b")


def test_a_push_lets_the_branch_track_the_remotes(fetched: Repository, plain: Plain, shared: Plain) -> None:
    pushed = fetched.push("exp/a")
    assert pushed.tip == plain("rev-parse", "exp/a") == shared("rev-parse", "exp/a")
    assert plain("config", "branch.exp/a.merge") == "refs/heads/exp/a"
    with pytest.raises(ProtectedBranch):
        fetched.push("main")
