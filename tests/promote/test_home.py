"""What may not be lost has one home: all working trees share it, and neither `git clean` nor a removed one takes it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

import workbench as wb
from tests.promote.conftest import git

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.project import Project


@pytest.fixture
def linked(shop: Project, tmp_path: Path) -> Iterator[Project]:
    """The project in a linked working tree of the repository, on the same experiment."""
    folder = tmp_path / "linked"
    git(shop.root, "worktree", "add", "-q", str(folder), "exp/first")
    shutil.copytree(shop.root / "data", folder / "data")
    opened = wb.open(folder)
    yield opened
    opened.close()


def spine() -> pl.DataFrame:
    return pl.DataFrame({"user": ["u1"], "event_timestamp": ["2024-01-02T00:00:00Z"]}).with_columns(
        pl.col("event_timestamp").str.to_datetime(time_zone="UTC")
    )


def total(project: Project) -> float:
    """Return what main's readers get."""
    with_main = wb.open(project.root, branch="main")
    try:
        return float(with_main.store.training_set(spine(), "spend").frame["total"][0])
    finally:
        with_main.close()


def test_what_a_linked_working_tree_publishes_is_there_when_it_is_gone(shop: Project, linked: Project) -> None:
    linked.promote("spend")
    linked.store.training_set(spine(), "spend", save="first")
    known = linked.view("spend").history()
    expected = total(linked)
    linked.close()
    git(shop.root, "worktree", "remove", "--force", str(linked.root))
    fresh = wb.open(shop.root)
    assert total(fresh) == expected
    assert fresh.materialize().passed
    assert fresh.view("spend", branch="exp/first").history() == known
    assert fresh.store.saved("first").frame.height == 1
    fresh.close()


def test_git_clean_takes_caches_alone(published: Project) -> None:
    published.store.training_set(spine(), "spend", save="first")
    expected, queued = total(published), published.status().tracking.queued
    published.close()
    git(published.root, "clean", "-fdX", "-e", "!data")
    assert not (published.root / ".workbench").exists()
    fresh = wb.open(published.root)
    assert total(fresh) == expected
    assert fresh.store.saved("first").frame.height == 1
    assert fresh.status().tracking.queued >= queued > 0
    fresh.close()


def test_two_projects_of_one_repository_have_homes_of_their_own(root: Path) -> None:
    projects = [wb.init(root / place) for place in ("a/b", "a-b", "a.b")]
    homes = {project.repository.home for project in projects} | {root / ".git" / "workbench" / "project"}
    assert len(homes) == 4
    assert all(home.parent == root / ".git" / "workbench" for home in homes)
    for project in projects:
        project.close()


def test_a_relative_lake_is_read_from_the_main_working_tree(root: Path, tmp_path: Path) -> None:
    with (root / "workbench.toml").open("a") as file:
        file.write('\n[lake]\nuri = "shelf"\n')
    git(root, "commit", "-qam", "Name the lake")
    git(root, "worktree", "add", "-q", str(tmp_path / "linked"), "-b", "exp/other")
    with_bare = tmp_path / "bare"
    git(tmp_path, "clone", "-q", "--bare", str(root), str(with_bare / ".bare"))
    git(with_bare / ".bare", "worktree", "add", "-q", str(with_bare / "tree"), "main")
    for folder, lake in ((root, root), (tmp_path / "linked", root), (with_bare / "tree", with_bare)):
        project = wb.open(folder)
        assert project.status().lake == str(lake / "shelf")
        project.close()


def test_a_lake_that_others_cannot_reach_is_told_where_there_are_others(shop: Project, tmp_path: Path) -> None:
    assert shop.status().unshared is None
    git(tmp_path, "clone", "-q", "--bare", str(shop.root), "origin.git")
    git(shop.root, "remote", "add", "origin", str(tmp_path / "origin.git"))
    said = shop.status().unshared
    assert said is not None
    assert "[lake] uri" in said
    assert said in str(shop.status().report().findings)
    assert said in shop.promote("spend", dry_run=True).plan.notes
    with (shop.root / "workbench.toml").open("a") as file:
        file.write(f'\n[lake]\nuri = "{tmp_path}/shelf"\n')
    assert wb.open(shop.root).status().unshared is None
