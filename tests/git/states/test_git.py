from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from workbench.errors import BranchError, GitMissing, ProjectError
from workbench.git import Repository
from workbench.git.command import Git, GitFailed, explain_failure, is_full_id

if TYPE_CHECKING:
    from pathlib import Path

    from tests.git.plain import Plain


@pytest.mark.parametrize(
    "name", ["GIT_DIR", "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE"]
)
def test_a_kernel_that_a_git_hook_started_works_on_the_projects_repository(
    name: str, plain: Plain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    with Repository.open(plain.root) as repository:
        commit = repository.commit("main", {"features/new.py": "NEW = 1\n"}, message="Define new")
        assert repository.read(commit, "features/new.py") == "NEW = 1\n"
    assert (plain.root / "features/new.py").exists()


def test_the_users_index_file_is_not_written(plain: Plain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other.index"
    monkeypatch.setenv("GIT_INDEX_FILE", str(other))
    with Repository.open(plain.root) as repository:
        repository.commit("main", {"features/new.py": "NEW = 1\n"}, message="Define new")
    assert not other.exists()


def test_no_hook_runs(plain: Plain) -> None:
    hook = plain.write(".git/hooks/reference-transaction", "#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with Repository.open(plain.root) as repository:
        assert repository.create("exp/a").name == "exp/a"


def test_without_git_the_error_says_so(plain: Plain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Repository.open(plain.root) as repository:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(GitMissing, match=r"Install git 2\.38"):
            repository.names()
        with pytest.raises(GitMissing):
            repository.files("0" * 40)
    with pytest.raises(GitMissing):
        Repository.open(plain.root)


def test_a_folder_that_is_gone_is_not_taken_for_a_missing_git(plain: Plain) -> None:
    with Repository.open(plain.root) as repository:
        shutil.rmtree(plain.root)
        with pytest.raises(ProjectError, match="No such file"):
            repository.names()


def test_arguments_reach_git_as_they_are(plain: Plain) -> None:
    assert Git(plain.root).run("rev-parse", "--sq-quote", "$(touch x); `y` *").strip() == "'$(touch x); `y` *'"
    assert Git(plain.root).run("stripspace", stdin=b"a*\xff\n").encode("utf-8", "surrogateescape") == b"a*\xff\n"


def test_git_is_out_of_reach_of_an_interrupt_to_the_kernels_processes(plain: Plain) -> None:
    alias = f"alias.session=!{sys.executable} -c 'import os; print(os.getsid(0))'"
    assert int(Git(plain.root).run("-c", alias, "session")) != os.getsid(0)


def test_full_ids() -> None:
    assert is_full_id("a" * 40)
    assert is_full_id("0" * 64)
    assert not any(is_full_id(text) for text in ("a" * 39, "g" * 40, "A" * 40, "a" * 40 + "\n", ""))


@pytest.mark.parametrize(
    ("said", "kind", "shown"),
    [
        ("fatal: Unable to create '/x/index.lock': File exists.\n\nAnother git process", BranchError, "/x/index.lock"),
        ("error: could not lock config file .git/config: File exists", BranchError, ".git/config.lock"),
        ("error: insufficient permission for adding an object", ProjectError, "permission denied"),
        ("error: unable to write file: No space left on device", ProjectError, "no space is left"),
        ("fatal: cannot lock ref: Read-only file system", ProjectError, "read-only"),
        ("fatal: detected dubious ownership in repository at '/x'", BranchError, "safe.directory"),
        ("fatal: something new", BranchError, "something new"),
        ("", BranchError, "no reason given"),
    ],
)
def test_what_git_says_becomes_an_error_with_a_remedy(said: str, kind: type[Exception], shown: str) -> None:
    error = explain_failure(GitFailed(said), "moving exp/a")
    assert type(error) is kind
    assert shown in str(error)
    assert error.remedy
