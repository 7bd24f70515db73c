from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workbench.errors import ProtectedBranch
from workbench.git import Publisher, Repository

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.git.plain import Plain
    from workbench.project import Project


@pytest.fixture
def careful(plain: Plain) -> Iterator[Repository]:
    """The handle of a project whose main is protected."""
    with Repository.open(plain.root, protected=["main", "release"]) as opened:
        opened.create("exp/a")
        yield opened


def test_a_protected_branch_is_not_written_created_or_deleted(careful: Repository, plain: Plain) -> None:
    plain("branch", "release")
    before, tip = plain("for-each-ref"), careful.resolve("main")
    for act in (
        lambda: careful.commit("main", {"features/x.py": "1\n"}, message="m"),
        lambda: careful.commit("main", {}, message="m"),
        lambda: careful.commit_tree("main", careful.show(tip).tree, expected=tip, message="m"),
        lambda: careful.delete("release", force=True),
        lambda: careful.create("release"),
    ):
        with pytest.raises(ProtectedBranch, match="is protected") as caught:
            act()
        assert "%feature branch exp/" in caught.value.remedy
    assert plain("for-each-ref") == before


def test_where_refs_are_moved_it_is_refused_as_well(careful: Repository, plain: Plain) -> None:
    tip, next_one = careful.resolve("main"), careful.resolve("exp/a")
    for step in (careful._swap, careful._advance):
        with pytest.raises(ProtectedBranch):
            step("main", next_one, tip)
    assert plain("rev-parse", "main") == tip
    assert plain("status", "--porcelain") == ""


def test_a_protected_branch_is_none_other_in_capitals(careful: Repository, plain: Plain) -> None:
    for name in ("Main", "RELEASE"):
        plain("branch", name, "exp/a")  # on a disk that ignores case this is the protected one itself
        with pytest.raises(ProtectedBranch):
            careful.commit(name, {"features/x.py": "1\n"}, message="m")
        with pytest.raises(ProtectedBranch):
            careful.delete(name, force=True)


def test_a_branch_that_is_another_name_of_main_does_not_lead_to_writing_it(careful: Repository, plain: Plain) -> None:
    tip = plain("rev-parse", "main")
    plain("symbolic-ref", "refs/heads/alias", "refs/heads/main")
    commit = careful.commit("alias", {"features/x.py": "1\n"}, message="m")
    assert (plain("rev-parse", "main"), plain("rev-parse", "alias")) == (tip, commit)
    plain("symbolic-ref", "refs/heads/second", "refs/heads/main")
    careful.delete("second")
    assert plain("rev-parse", "main") == tip
    assert careful.names() == ["alias", "exp/a", "main"]


def test_experiments_and_approvals_are_written_beside_it(careful: Repository, plain: Plain) -> None:
    main = plain("rev-parse", "main")
    careful.commit("exp/a", {"features/x.py": "1\n"}, message="m")
    careful.approve("exp/a", message="Fine")
    assert plain("rev-parse", "main") == main


def test_what_it_pushes_is_no_protected_branch(careful: Repository, shared: Plain) -> None:
    remote, commit = careful.remote(), careful.resolve("exp/a")
    assert remote is not None
    for name in ("main", "Main", "release"):
        with pytest.raises(ProtectedBranch):
            remote.push(commit, name)
    remote.push(commit, "exp/a")
    assert shared("for-each-ref", "--format=%(refname)").splitlines() == ["refs/heads/exp/a", "refs/heads/main"]


def test_no_name_of_it_leads_to_a_publisher(careful: Repository) -> None:
    values = [getattr(careful, name) for name in dir(careful)]
    assert not any(isinstance(value, Publisher) for value in values)
    assert not any(isinstance(value, type) and issubclass(value, Publisher) for value in values)
    assert not hasattr(careful, "follow_remote")


def test_a_projects_own_handle_does_not_write_main(project: Project) -> None:
    tip = project.repository.resolve("main")
    with pytest.raises(ProtectedBranch):
        project.repository.commit("main", {"features/x.py": "X = 1\n"}, message="m")
    with pytest.raises(ProtectedBranch):
        project.repository.commit_tree("main", project.repository.show(tip).tree, expected=tip, message="m")
    assert project.repository.resolve("main") == tip
