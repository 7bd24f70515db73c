"""What somebody has set in the environment does not mislead us, whichever variable it is."""

from __future__ import annotations

import pytest

from tests.git.plain import Plain
from workbench.git import Repository
from workbench.git.command import REPOSITORY_VARIABLES, environment

CONFIGURATION = {"GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT"}
"""What a user sets on purpose, as by ``git -c``."""


def test_every_variable_that_git_calls_local_is_taken_out_or_set_by_us(
    plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = plain("rev-parse", "--local-env-vars").splitlines()
    for name in told:
        monkeypatch.setenv(name, "somebody's")
    passed_on = {name for name in told if environment().get(name) == "somebody's"}
    assert passed_on <= CONFIGURATION
    assert set(REPOSITORY_VARIABLES) - passed_on


def test_another_repository_in_the_environment_is_neither_read_nor_written(
    plain: Plain, fresh: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh.save("features/delay.py", "DELAY = 9\n")
    before = fresh("for-each-ref")
    for name, value in {"GIT_DIR": ".git", "GIT_WORK_TREE": "", "GIT_INDEX_FILE": ".git/index"}.items():
        monkeypatch.setenv(name, str(fresh.root / value))
    with Repository.open(plain.root) as repository:
        repository.create("exp/a")
        commit = repository.commit("exp/a", {"features/delay.py": "DELAY = 2\n"}, message="Write")
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name)
    assert plain("rev-parse", "exp/a") == commit
    assert fresh("for-each-ref") == before


@pytest.mark.parametrize("name", ["GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS"])
def test_paths_stay_literal_whatever_the_user_likes(
    repository: Repository, plain: Plain, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    commit = repository.commit("main", {"features/[d]elay.py": "X = 1\n"}, message="A name like a pattern")
    monkeypatch.setenv(name, "1")
    assert [found.id for found in repository.history("main", path="features/[d]elay.py")] == [commit]
    assert repository.history("main", path="FEATURES/DELAY.PY") == []
    assert repository.dirty() == []
