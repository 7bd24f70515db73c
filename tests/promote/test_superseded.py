"""What `materialize` does with a major version after a newer one serves."""

from __future__ import annotations

import warnings
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

import workbench as wb
from tests.conftest import copy_project, template
from tests.promote.conftest import git, more_events, record_of
from tests.promote.test_versions import MORE, SUM, base, promote, top, total
from workbench.promote.pins import superseded
from workbench.registry import Registry
from workbench.store import DeprecatedVersionWarning, main_config

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workbench.project import Project

SET = """\
old = feature_set("old", features=["base@1:v"], description="What v was")
"""
POLICY = '\n[policy]\nkeep_fresh = ["base@1"]\n'


@pytest.fixture(scope="module")
def twice_once(root_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `twice` opens a copy of."""
    with template(tmp_path_factory, "superseded", root_once) as root, closing(wb.open(root)) as project:
        promote(project, base())
        promote(project, base(3))
        return root


@pytest.fixture
def twice(twice_once: Path, tmp_path: Path, identity: None) -> Iterator[Project]:
    """``base`` 1.0 and 2.0, three times as large, which nothing reads."""
    with closing(wb.open(copy_project(twice_once, tmp_path), branch="exp/n2")) as project:
        yield project


def frozen(root: Path) -> list[str]:
    """Return the versions that `materialize` would not refresh."""
    with closing(wb.open(root)) as project:
        registry = Registry.at(project.repository, "main")
        kept = main_config(project._workspace, registry.commit or "").policy.keep_fresh
        return [" ".join(key) for key in superseded(project._workspace, registry, kept)]


@pytest.mark.journey
def test_a_superseded_version_is_not_refreshed_and_its_readers_are_told(twice: Project) -> None:
    assert twice.materialize().commit is None
    assert total(twice, "base@1") == SUM  # no warning: its data is the newest
    more_events(twice.root, 30)
    done = twice.materialize()
    assert {view.number: view.state for view in done.views} == {"1.0": "frozen", "2.0": "updated"}
    assert done.report().title.endswith("; 1 superseded and not refreshed")
    assert 'keep_fresh = ["base@1"]' in done.report().notes[-1]
    since = record_of(twice, "base").version("1").frozen
    assert since is not None
    with pytest.warns(DeprecatedVersionWarning, match=rf"base@1\.0 .* {since.since:%Y-%m-%d} .*base@2 supersedes it"):
        assert total(twice, "base@1") == SUM
    assert total(twice, "base") == 3 * (SUM + MORE)
    published = {one.number: one.state for one in twice.status().published}
    assert published == {"1.0": "frozen", "2.0": "current"}
    assert twice.store.catalog().entries[0].frozen == ("1.0",)
    assert any("no longer refreshed: base 1.0." in note for note in twice.store.catalog().report().notes)

    assert twice.materialize().commit is None  # and it is not said again by a commit
    assert record_of(twice, "base").version("1").frozen == since
    assert "`materialize base`" in " ".join(twice.rollback("base", "1.0").notes)
    twice.materialize()
    assert record_of(twice, "base").version("1").frozen is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert total(twice, "base") == SUM + MORE


def test_a_feature_set_a_release_or_the_policy_keeps_a_superseded_version_fresh(twice: Project) -> None:
    root = twice.root
    assert frozen(root) == ["base 1.0"]
    (root / "features" / "sets.py").write_text(SET)
    git(root, "add", "features/sets.py")
    git(root, "commit", "-qm", "A set")
    assert frozen(root) == []
    git(root, "rm", "-q", "features/sets.py")
    git(root, "commit", "-qm", "No set")
    assert frozen(root) == ["base 1.0"]
    twice.rollback("base", "1.0")
    twice.cut_release("r1")
    twice.rollback("base", "2.0")
    assert frozen(root) == []
    twice.drop_release("r1")
    assert frozen(root) == ["base 1.0"]
    with (root / "workbench.toml").open("a") as settings:
        settings.write(POLICY)
    git(root, "commit", "-qam", "Keep it")
    assert frozen(root) == []


@pytest.mark.journey
def test_a_superseded_version_that_a_served_view_reads_is_refreshed_with_it(twice: Project) -> None:
    twice.rollback("base", "1.0")
    promote(twice, top())
    twice.rollback("base", "2.0")
    more_events(twice.root, 30)
    done = twice.materialize("top")
    assert [(view.number, view.state) for view in done.besides] == [("1.0", "updated")]
    twice.materialize("base")
    assert total(twice, "base@1") == SUM + MORE
    assert total(twice, "top") == SUM + MORE + 230
