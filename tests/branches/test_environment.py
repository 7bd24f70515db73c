"""What somebody has set in the environment does not mislead us, whichever variable it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.branches.plain_git import VIEW, git, make_repository, refs
from workbench.branches import Repository
from workbench.branches.git import LOCAL, environment

if TYPE_CHECKING:
    from pathlib import Path

CONFIGURATION = {"GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT"}
"""What a user sets on purpose, as by ``git -c``."""


def test_every_variable_that_git_calls_local_is_taken_out_or_set_by_us(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = git(root, "rev-parse", "--local-env-vars").splitlines()
    for name in told:
        monkeypatch.setenv(name, "somebody's")
    passed_on = {name for name in told if environment().get(name) == "somebody's"}
    assert passed_on <= CONFIGURATION
    assert set(LOCAL) - passed_on


def test_another_repository_in_the_environment_is_neither_read_nor_written(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_repository(tmp_path / "other")
    before = refs(other)
    for name, value in {"GIT_DIR": ".git", "GIT_WORK_TREE": "", "GIT_INDEX_FILE": ".git/index"}.items():
        monkeypatch.setenv(name, str(other / value))
    with Repository.open(root) as repository:
        repository.create("exp/a")
        commit = repository.commit("exp/a", {VIEW: "VALUE = 2\n"}, message="Write")
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name)
    assert git(root, "rev-parse", "exp/a") == commit
    assert refs(other) == before


@pytest.mark.parametrize("name", ["GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS"])
def test_paths_stay_literal_whatever_the_user_likes(
    repository: Repository, root: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    commit = repository.commit("main", {"features/[s]pend.py": "X = 1\n"}, message="A name like a pattern")
    monkeypatch.setenv(name, "1")
    assert [found.id for found in repository.history("main", path="features/[s]pend.py")] == [commit]
    assert repository.history("main", path="FEATURES/SPEND.PY") == []
    assert repository.dirty() == []
