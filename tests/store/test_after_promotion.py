"""What promotion writes is what the store reads: published, rolled back, deprecated and released by the real verbs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import workbench as wb
from tests.conftest import EVENT_VIEW
from tests.store.conftest import spine_of
from tests.store.stage import git

if TYPE_CHECKING:
    from workbench.project import Project

SPINE = spine_of(("u0", 190.0))
OWNED = EVENT_VIEW.replace('event_time="at")', 'event_time="at", owner="test@example.org")')


@pytest.mark.journey
def test_every_step_of_a_versions_life_is_read_as_it_is(project: Project) -> None:
    git(project, "checkout", "--quiet", "main")
    git(project, "add", "workbench.toml")
    git(project, "commit", "--quiet", "-m", "Declare the source")
    project.define(OWNED, log=False)
    project.promote("spend")
    main = wb.open(project.root, branch="main")
    assert main.store.training_set(SPINE, "spend").frame["total"].to_list() == [138.0]
    main.cut_release("2026.11")

    project.define(OWNED.replace("cum_sum()", "cum_max()"), log=False)
    project.promote("spend", accept={"spend": "the new meaning"})
    assert main.store.training_set(SPINE, "spend", save="new").frame["total"].to_list() == [10.0]
    assert main.store.training_set(SPINE, "spend", release="2026.11").frame["total"].to_list() == [138.0]
    assert main.sql('select max(total) from "spend@1"').item() == 147.0
    page = main.store.catalog()["spend"]
    assert page.entry.versions == (("1.0", "live"), ("2.0", "live"))
    assert (page.users.releases, page.users.training_sets) == ((("2026.11", "1.0"),), (("new", "2.0"),))

    main.deprecate("spend@1", "2099-01-01")
    with pytest.warns(wb.DeprecatedVersionWarning, match=r"spend@1\.0 .*2099-01-01\. Read spend@2"):
        assert main.store.snapshot("spend@1").height == 7
    main.deprecate("spend@1", "never")
    main.rollback("spend", "1.0")
    assert main.store.training_set(SPINE, "spend").frame["total"].to_list() == [138.0]
    assert main.store.training_set(SPINE, "spend@2").frame["total"].to_list() == [10.0]
    assert main.reproduce("new").verdict == "identical"
    main.close()
