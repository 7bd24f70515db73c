"""Experiments cannot touch production: what a notebook's handle refuses on main, lake and registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import workbench as wb
from tests.promote.conftest import VALUED, git
from workbench.errors import ProtectedBranch, WorkbenchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from workbench.project import Project

WRITERS = {"publish", "vacuum", "orphans", "commit", "write", "delete", "drop", "place", "settle", "renew"}


@pytest.fixture
def untouched(published: Project) -> Iterator[Project]:
    """A project with ``spend`` 1.0, whose main and lake are the same after the test as before."""
    lake = published.repository.home / "lake"

    def state() -> tuple[str, set[str]]:
        files = {str(path.relative_to(lake)) for path in lake.rglob("*") if path.is_file()}
        return git(published.root, "show-ref", "refs/heads/main"), files

    before = state()
    assert before[1]
    yield published
    assert state() == before


ON_MAIN: dict[str, Callable[[Project, str, str], object]] = {
    "create": lambda p, tree, tip: p.repository.create("main", start=tip),
    "delete": lambda p, tree, tip: p.repository.delete("main", force=True),
    "commit_tree": lambda p, tree, tip: p.repository.commit_tree("main", tree, message="x", expected=tip),
    "commit": lambda p, tree, tip: p.repository.commit("main", {"registry/spend.toml": "x"}, message="x"),
}


@pytest.mark.parametrize("verb", ON_MAIN)
def test_the_repository_of_a_handle_does_not_write_main(untouched: Project, verb: str) -> None:
    tip = untouched.repository.resolve("main")
    tree = git(untouched.root, "rev-parse", "exp/first^{tree}")
    with pytest.raises(ProtectedBranch):
        ON_MAIN[verb](untouched, tree, tip)


def test_main_is_not_defined_on(untouched: Project) -> None:
    project = wb.open(untouched.root, branch="main")
    try:
        with pytest.raises(ProtectedBranch):
            project.define(VALUED, log=False)
    finally:
        project.close()


def test_what_reads_the_lake_has_nothing_that_writes_it(untouched: Project) -> None:
    for handle in (untouched.store, untouched._workspace.lake):
        assert not WRITERS & set(dir(handle))


@pytest.mark.parametrize(
    "query",
    ["DROP TABLE spend", "DELETE FROM spend", "UPDATE spend SET total = 0", "INSERT INTO spend SELECT * FROM spend",
     "COPY spend TO '.workbench/lake/x.parquet'"],
)  # fmt: skip
def test_sql_does_not_write(untouched: Project, query: str) -> None:
    with pytest.raises(WorkbenchError):
        untouched.sql(query)
