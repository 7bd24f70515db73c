"""A repository that git cannot read is never taken for one in which there is nothing."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.git.plain import Plain
from workbench.errors import BranchNotFound, RepositoryUnreadable
from workbench.git import Repository
from workbench.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RECORD = {"registry/spend.toml": "format = 1\n"}


@pytest.fixture
def published(repository: Repository, plain: Plain) -> Plain:
    """Main has a record, which no other branch has."""
    repository.commit("main", RECORD, message="Publish")
    repository.close()
    return plain


def loose(git: Plain, object_id: str) -> Path:
    return git.root / ".git" / "objects" / object_id[:2] / object_id[2:]


def empty(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(b"")


def truncate(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-7])


def garble(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(bytes(byte ^ 0x55 for byte in path.read_bytes()))


def remove(path: Path) -> None:
    path.unlink()


ASKED: dict[str, Callable[[Repository], object]] = {
    "registry": lambda repository: Registry.at(repository, "main").record("spend"),
    "files": lambda repository: [repository.read_blob(blob) for blob in repository.files("main", "registry").values()],
    "branch": lambda repository: repository.read(repository.branch("main").tip, "registry/spend.toml"),
    "read": lambda repository: repository.read("main", "registry/spend.toml"),
}


@pytest.mark.parametrize("damage", [empty, truncate, garble, remove])
@pytest.mark.parametrize("which", ["main^{commit}", "main^{tree}", "main:registry", "main:registry/spend.toml"])
def test_an_object_that_cannot_be_read_is_named_with_what_brings_it_back(
    published: Plain, which: str, damage: Callable[[Path], None]
) -> None:
    lost = published("rev-parse", which)
    damage(loose(published, lost))
    with Repository.open(published.root) as repository:
        for ask in ASKED.values():
            with pytest.raises(RepositoryUnreadable, match=lost[:10]) as caught:
                ask(repository)
            assert "git fsck" in caught.value.remedy


@pytest.mark.parametrize("damage", [empty, garble, remove])
def test_with_a_remote_the_remedy_brings_the_objects_back(published: Plain, damage: Callable[[Path], None]) -> None:
    published("clone", "--quiet", "--bare", "--no-hardlinks", ".", "../whole.git")
    published("remote", "add", "origin", "../whole.git")
    for lost in published("rev-parse", "main^{commit}", "main^{tree}", "main:registry").split():
        damage(loose(published, lost))
        if damage is not empty:
            break  # a power cut empties many at once
    for _ in range(3):
        with Repository.open(published.root) as repository:
            try:
                Registry.at(repository, "main")._text("spend")
            except RepositoryUnreadable as error:
                command = error.remedy.split("`")[1]
            else:
                break
        subprocess.run(command, shell=True, cwd=published.root, check=True, capture_output=True)
    with Repository.open(published.root) as repository:
        assert Registry.at(repository, "main").views == ("spend",)


@pytest.mark.parametrize("content", [b"", b"\0" * 41, b"1234\n"])
def test_a_branch_whose_file_a_power_cut_emptied_is_named_with_the_commit_to_go_on_from(
    published: Plain, content: bytes
) -> None:
    tip = published("rev-parse", "main")
    (published.root / ".git/refs/heads/main").write_bytes(content)
    with Repository.open(published.root) as repository:
        for ask in ASKED.values():
            with pytest.raises(RepositoryUnreadable, match="does not hold a commit's id") as caught:
                ask(repository)
    subprocess.run(caught.value.remedy.split("`")[1], shell=True, cwd=published.root, check=True)
    assert published("rev-parse", "main") == tip
    with Repository.open(published.root) as repository:
        assert Registry.at(repository, "main").views == ("spend",)


def test_without_a_reflog_the_remotes_commit_is_proposed(published: Plain, shared: Plain) -> None:
    published("push", "--quiet", "origin", "main")
    tip = published("rev-parse", "main")
    shutil.rmtree(published.root / ".git/logs")
    empty(published.root / ".git/refs/heads/main")
    with Repository.open(published.root) as repository, pytest.raises(RepositoryUnreadable) as caught:
        repository.resolve("main")
    assert tip in caught.value.remedy


def test_a_damaged_experiment_keeps_no_other_branch_from_being_listed(repository: Repository, plain: Plain) -> None:
    commit = repository.commit("exp/a", RECORD, message="m")
    repository.create("exp/b", objective="Whole")
    repository.close()
    empty(loose(plain, commit))
    with Repository.open(plain.root) as again:
        found = {branch.name: branch.objective for branch in again.branches()}
        assert found["exp/b"] == "Whole"
        assert "cannot be read" in str(found["exp/a"])
        with pytest.raises(RepositoryUnreadable):
            again.branch("exp/a")


@pytest.mark.parametrize("options", [("--branch=exp/a", "--single-branch"), ("--branch=exp/a",)])
def test_a_clone_without_the_trunk_says_so_and_how_to_get_it(
    published: Plain, tmp_path: Path, options: tuple[str, ...]
) -> None:
    published("clone", "--quiet", *options, f"file://{published.root}", str(tmp_path / "clone"))
    clone = Plain(tmp_path / "clone")
    with Repository.open(clone.root) as repository:
        for ask in ASKED.values():
            with pytest.raises(BranchNotFound, match="no branch 'main', which holds what is published") as caught:
                ask(repository)
        command = caught.value.remedy.split("`")[1]
        assert command == "git fetch origin main:main"
        clone(*command.split()[1:])
        assert Registry.at(repository, "main").views == ("spend",)


def test_a_repository_that_lost_its_trunk_says_so(published: Plain) -> None:
    published("switch", "--quiet", "exp/a")
    published("branch", "--quiet", "-D", "main")
    with Repository.open(published.root) as repository, pytest.raises(BranchNotFound, match="which holds what is"):
        Registry.at(repository, "main")


def test_a_tag_of_the_trunks_name_is_not_the_trunk(published: Plain) -> None:
    published("tag", "main", "exp/a")
    published("switch", "--quiet", "exp/a")
    published("update-ref", "-d", "refs/heads/main")
    with Repository.open(published.root) as repository, pytest.raises(BranchNotFound):
        Registry.at(repository, "main")


def test_where_nothing_was_ever_committed_nothing_is_published(fresh: Plain) -> None:
    with Repository.open(fresh.root) as repository:
        assert Registry.at(repository, "main").views == ()
        with pytest.raises(BranchNotFound, match="'main' has no commit yet") as caught:
            repository.branch("main")
        assert "git commit" in caught.value.remedy
        repository.create("exp/a")
        assert Registry.at(repository, "main").views == ()


def test_a_shallow_copy_is_told_to_fetch_the_rest(published: Plain, tmp_path: Path) -> None:
    published.save("more.txt", "1\n")
    published("clone", "--quiet", "--depth=1", f"file://{published.root}", str(tmp_path / "clone"))
    below = published("rev-parse", "main~1")
    with Repository.open(tmp_path / "clone") as repository:
        assert repository.is_shallow()
        assert Registry.at(repository, "main").views == ("spend",)
        with pytest.raises(RepositoryUnreadable, match="shallow copy") as caught:
            repository.files(below)
        assert "git fetch --unshallow" in caught.value.remedy
        with pytest.raises(RepositoryUnreadable, match="shallow copy"):
            repository.commit_at("main", datetime(2000, 1, 1, tzinfo=UTC))
        with pytest.raises(RepositoryUnreadable, match="shallow copy"):
            repository.contains("main", below)


@pytest.mark.parametrize(("depth", "is_cut"), [(1, True), (2, True), (3, False)])
def test_a_shallow_copy_knows_whether_it_has_all_of_a_branch(
    published: Plain, tmp_path: Path, depth: int, *, is_cut: bool
) -> None:
    published("switch", "--quiet", "exp/a", "--detach")
    published("switch", "--quiet", "--create", "exp/long", "main")
    for number in range(2):
        published.save(f"features/x{number}.py", "1\n")
    address = f"file://{published.root}"
    published("clone", "--quiet", f"--depth={depth}", "--no-single-branch", address, str(tmp_path / "clone"))
    clone = Plain(tmp_path / "clone")
    tip, main = clone("rev-parse", "origin/exp/long"), clone("rev-parse", "origin/main")
    with Repository.open(clone.root) as repository:
        if not is_cut:
            repository.refuse_cut(tip, base=main)
            return
        with pytest.raises(RepositoryUnreadable, match="where the branch began") as caught:
            repository.refuse_cut(tip, base=main)
        clone(*caught.value.remedy.split("`")[1].split()[1:])
        repository.refuse_cut(tip, base=main)
