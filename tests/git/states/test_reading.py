from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from workbench.errors import BranchError, BranchNotFound
from workbench.git import Repository

if TYPE_CHECKING:
    from pathlib import Path

    from tests.git.plain import Plain


def test_names_resolve_as_branch_tag_or_commit(repository: Repository, plain: Plain) -> None:
    main = plain("rev-parse", "main")
    plain("tag", "--annotate", "-m", "tag", "v1")
    for ref in ("main", "v1", "HEAD", main, main[:8], "main~0"):
        assert repository.resolve(ref) == main


def test_a_branch_comes_before_a_tag_of_its_name(repository: Repository, plain: Plain) -> None:
    plain("tag", "exp/a", "main")
    assert repository.resolve("exp/a") == plain("rev-parse", "refs/heads/exp/a") != plain("rev-parse", "main")


@pytest.mark.parametrize(
    "ref",
    [
        "",
        "nope",
        "--help",
        "-n1",
        "^main",
        "main..exp/a",
        ":/Start",
        ":README",
        "main\n",
        "a\0b",
        "\ud800",
        "0" * 40,
        "a" * 300,
    ],
)
def test_what_names_nothing_is_not_found(repository: Repository, ref: str) -> None:
    with pytest.raises(BranchNotFound) as caught:
        repository.resolve(ref)
    assert "exp/a" in caught.value.remedy or "main" in caught.value.remedy
    assert not repository.exists(ref)


def test_a_near_miss_is_named(repository: Repository) -> None:
    with pytest.raises(BranchNotFound, match="did you mean 'exp/a'"):
        repository.branch("exp/aa")


@pytest.mark.parametrize("name", ["main~0", "HEAD", "heads/main", "main^{commit}", "../heads/main", "ma*n"])
def test_only_a_branchs_exact_name_is_the_branch(repository: Repository, name: str) -> None:
    assert not repository.exists(name)
    with pytest.raises(BranchNotFound):
        repository.branch(name)


def test_files_folders_and_texts(repository: Repository, plain: Plain) -> None:
    files = repository.files("main")
    assert sorted(files) == ["features/delay.py", "features/sub/deep.py"]
    assert files["features/delay.py"] == plain("rev-parse", "main:features/delay.py")
    assert repository.read_blob(files["features/delay.py"]) == b"DELAY = 1\n"
    assert repository.read("exp/a", "features/sub/deep.py") == "DEEP = 1\n"
    assert repository.subtree("main") == plain("rev-parse", "main:features")
    assert repository.subtree("main", "nope") is None
    assert repository.subtree("main", "workbench.toml") is None
    assert repository.files("main", "registry") == {}


@pytest.mark.parametrize("name", ["e" * 3 + "/" + "x" * 36, "f" * 39])
def test_a_branch_as_long_as_an_id_is_a_branch(repository: Repository, plain: Plain, name: str) -> None:
    plain("branch", name)
    assert repository.files(name) == repository.files("main")


def test_a_tag_leads_to_its_tree(repository: Repository, plain: Plain) -> None:
    plain("tag", "--annotate", "-m", "tag", "v1")
    assert repository.files(plain("rev-parse", "v1")) == repository.files("main")


@pytest.mark.parametrize("path", ["features/nope.py", "features", "workbench.toml/x"])
def test_a_file_that_is_not_there_is_an_error(repository: Repository, path: str) -> None:
    with pytest.raises(BranchError, match="has no file"):
        repository.read("main", path)


def test_bytes_that_are_no_text_are_an_error(repository: Repository, plain: Plain) -> None:
    (plain.root / "features" / "bad.py").write_bytes(b"\xff\xfe")
    plain("add", ".")
    plain("commit", "--quiet", "-m", "Bad")
    with pytest.raises(BranchError, match="not UTF-8"):
        repository.read("main", "features/bad.py")
    with pytest.raises(BranchError, match="not a commit"):
        repository.files(plain("rev-parse", "main:workbench.toml"))


def test_what_changed_between_two_commits(repository: Repository) -> None:
    repository.commit(
        "exp/a", {"features/delay.py": "2\n", "features/new.py": "1\n", "features/sub/deep.py": None}, message="x"
    )
    assert repository.changed("main", "exp/a") == {
        "features/delay.py": "modified",
        "features/new.py": "added",
        "features/sub/deep.py": "deleted",
    }
    assert repository.changed("main", "main") == {}


def test_dirty_names_local_edits_and_writes_nothing(repository: Repository, plain: Plain) -> None:
    assert repository.dirty() == []
    plain("mv", "features/delay.py", "features/other.py")
    plain.write("workbench.toml", "changed\n")
    plain.write("untracked.py", "1\n")
    os.utime(plain.root / "features/sub/deep.py", (1, 1))  # git status would note this in the index
    before = plain.local()
    assert repository.dirty() == ["features/delay.py", "features/other.py", "workbench.toml"]
    assert plain.local() == before


def test_a_branch_is_where_others_moved_it_however_git_keeps_it(repository: Repository, plain: Plain) -> None:
    first = repository.resolve("exp/a")
    plain("update-ref", "refs/heads/exp/a", plain("rev-parse", "main"))
    assert repository.resolve("exp/a") == plain("rev-parse", "main") != first
    plain("update-ref", "refs/heads/exp/a", first)
    plain("pack-refs", "--all", "--prune")
    assert not (plain.root / ".git/refs/heads/exp/a").exists()
    assert repository.resolve("exp/a") == first
    plain("symbolic-ref", "refs/heads/exp/linked", "refs/heads/main")
    assert repository.resolve("exp/linked") == plain("rev-parse", "main")
    assert repository.resolve("exp/a~1") == plain("rev-parse", "exp/a~1")


def test_a_branch_in_a_file_of_its_own_takes_no_process(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tip = repository.resolve("exp/a")
    events = tmp_path / "events"
    monkeypatch.setenv("GIT_TRACE2_EVENT", str(events))
    assert (repository.resolve("exp/a"), repository.resolve(tip), repository.exists("exp/a")) == (tip, tip, True)
    assert not events.exists()
    assert repository.resolve("exp/a~0") == tip
    assert events.exists()
