from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.git.plain import Plain, at_once
from workbench.errors import BranchError, BranchMoved, BranchNotFound, ProjectError
from workbench.git import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator

MANY = """
with Repository.open(root) as repository:
    for file in range(10):
        repository.commit("exp/a", {f"features/p{number}_{file}.py": f"{file}\\n"}, message=f"{number} {file}")
"""


def test_a_commit_moves_the_branch_and_nothing_else(repository: Repository, plain: Plain) -> None:
    plain.write("features/delay.py", "local edit\n")
    before, old = plain.local(), repository.resolve("exp/a")
    commit = repository.commit(
        "exp/a", {"features/delay.py": "DELAY = 2\n"}, message="m", trailers=[("Feature-View", "d")]
    )
    assert plain("rev-parse", "exp/a") == commit
    assert plain("rev-parse", "exp/a~1") == old
    assert plain("show", "exp/a:features/delay.py") == "DELAY = 2"
    assert plain("log", "-1", "--format=%(trailers:key=Feature-View,valueonly)", "exp/a").strip() == "d"
    assert plain.local() == before
    assert plain("fsck", "--strict", "--no-dangling") == ""


def test_nothing_to_change_is_no_commit(repository: Repository) -> None:
    tip = repository.resolve("exp/a")
    assert repository.commit("exp/a", {"features/delay.py": "DELAY = 1\n", "features/no.py": None}, message="m") == tip
    assert repository.commit("exp/a", {}, message="m") == tip


def test_a_branch_that_moved_is_not_overwritten(repository: Repository) -> None:
    old = repository.resolve("exp/a")
    tree = repository.tree_with(old, {"features/mine.py": "1\n"})
    theirs = repository.commit("exp/a", {"features/theirs.py": "1\n"}, message="theirs")
    with pytest.raises(BranchMoved, match=theirs[:10]):
        repository.commit_tree("exp/a", tree, expected=old, message="mine")
    assert repository.resolve("exp/a") == theirs


@pytest.mark.journey
def test_six_processes_lose_nothing(repository: Repository, plain: Plain) -> None:
    ended = at_once(plain.root, MANY, 6)
    assert [process.returncode for process in ended] == [0] * 6, [process.stderr for process in ended]
    assert {path for path in repository.files("exp/a") if "/p" in path} == {
        f"features/p{number}_{file}.py" for number in range(6) for file in range(10)
    }
    assert repository.branch("exp/a").ahead == 61
    assert plain("fsck", "--strict", "--no-dangling") == ""
    assert plain("status", "--porcelain") == ""


@pytest.mark.parametrize("branch", ["nope", "--force", "main~0", "refs/heads/exp/a", "", "a\0b"])
def test_a_branch_that_is_not_there_is_not_made(repository: Repository, branch: str) -> None:
    before = repository.names()
    with pytest.raises(BranchNotFound):
        repository.commit(branch, {"features/x.py": "1\n"}, message="m")
    with pytest.raises(BranchNotFound):
        repository.commit_tree(branch, repository.show("main").tree, expected=repository.resolve("main"), message="m")
    assert repository.names() == before


@pytest.mark.parametrize("wrong", ["main", "--all", "exp/a", "a" * 39])
def test_a_swap_takes_full_ids_only(repository: Repository, wrong: str) -> None:
    tip, tree = repository.resolve("exp/a"), repository.show("exp/a").tree
    with pytest.raises(BranchError, match="full object ids"):
        repository.commit_tree("exp/a", tree, expected=wrong, message="m")
    with pytest.raises(BranchError, match="full object ids"):
        repository.commit_tree("exp/a", wrong, expected=tip, message="m")


@pytest.mark.parametrize("command", [("pack-refs", "--all"), ("gc", "--quiet", "--prune=now")])
def test_packed_repositories_are_written_like_others(
    repository: Repository, plain: Plain, command: tuple[str, ...]
) -> None:
    assert list(repository.files("exp/a"))
    plain(*command)
    commit = repository.commit("exp/a", {"features/x.py": "1\n"}, message="m")
    assert plain("rev-parse", "exp/a") == commit
    assert repository.read("exp/a", "features/delay.py") == "DELAY = 1\n"


def test_a_lock_that_a_killed_git_left_is_named(repository: Repository, plain: Plain) -> None:
    lock = plain.root / ".git" / "refs" / "heads" / "exp" / "a.lock"
    lock.touch()
    tip = repository.resolve("exp/a")
    with pytest.raises(BranchError, match="a\\.lock") as caught:
        repository.commit("exp/a", {"features/x.py": "1\n"}, message="m")
    assert "delete that file" in caught.value.remedy
    lock.unlink()
    assert repository.resolve("exp/a") == tip
    assert repository.commit("exp/a", {"features/x.py": "1\n"}, message="m") != tip


@pytest.fixture
def read_only(plain: Plain, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plain]:
    """A copy of the repository that this user may read and not write; root becomes somebody else for it."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        root = Path(folder) / "project"
        shutil.copytree(plain.root, root)
        config = Path(folder) / "gitconfig"
        config.write_text("[user]\n\tname = A\n\temail = a@example.org\n[safe]\n\tdirectory = *\n")
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
        with Repository.open(root) as repository:
            repository.create("exp/a")  # imports all that is imported late, while it can be read
        places = [root, *root.rglob("*")]
        for path in places:
            path.chmod(path.stat().st_mode & ~0o222)
        mine = os.geteuid()
        if mine == 0:
            os.seteuid(65534)
        try:
            yield Plain(root)
        finally:
            os.seteuid(mine)
            for path in places:
                path.chmod(path.stat().st_mode | 0o200)


def test_a_read_only_repository_can_be_read_and_says_that_it_cannot_be_written(read_only: Plain) -> None:
    with Repository.open(read_only.root) as repository:
        assert sorted(repository.files("exp/a")) == ["features/delay.py", "features/sub/deep.py"]
        assert [branch.name for branch in repository.branches()] == ["exp/a", "main"]
        assert repository.dirty() == []
        for act in (
            lambda: repository.create("exp/b"),
            lambda: repository.commit("exp/a", {"features/x.py": "1\n"}, message="m"),
            lambda: repository.commit("main", {"features/x.py": "1\n"}, message="m"),
            lambda: repository.delete("exp/a"),
        ):
            with pytest.raises(ProjectError, match="permission denied") as caught:
                act()
            assert "run the same command again" in caught.value.remedy
        assert repository.names() == ["exp/a", "main"]


def test_objects_then_the_branch_then_its_name_are_on_the_disk_before_a_commit_returns(
    repository: Repository, plain: Plain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events, flushed = tmp_path / "events", []
    flush = os.fsync

    def noted(descriptor: int) -> None:
        flushed.append((str(Path(f"/proc/self/fd/{descriptor}").readlink()), plain("rev-parse", "exp/a")))
        flush(descriptor)

    plain("config", "core.fsync", "none")
    with monkeypatch.context() as patched:
        patched.setenv("GIT_TRACE2_EVENT", str(events))
        patched.setattr(os, "fsync", noted)
        commit = repository.commit("exp/a", {"features/delay.py": "DELAY = 2\n"}, message="m")
    verbs, flushes = {}, {}
    for event in map(json.loads, events.read_text().splitlines()):
        if event["event"] == "cmd_name":
            verbs[event["sid"]] = event["name"]
        elif event.get("category") == "fsync" and "hardware-flush" in (event.get("key") or event.get("name", "")):
            flushes[event["sid"]] = int(event.get("value") or event.get("count", 0))
    writers = [(verb, flushes.get(sid, 0)) for sid, verb in verbs.items() if verb in {"hash-object", "update-ref"}]
    assert [verb for verb, _ in writers] == ["hash-object"] * 3 + ["update-ref"]
    assert [count for _, count in writers] == [1, 2, 1, 1]  # the file, the trees of both folders, the commit, the ref
    assert flushed == [(str(plain.root / ".git/refs/heads/exp"), commit)]
