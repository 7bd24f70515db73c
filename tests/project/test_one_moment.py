"""What a call reads of main it reads at one commit, also where somebody publishes while it works."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import workbench as wb
from tests.conftest import identify, make_trial
from tests.promote.conftest import SPEND, VALUED, declared
from workbench.git import Repository

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from workbench.project import Project

SPINE = pl.DataFrame({"user": ["u1", "u6"], "event_timestamp": [datetime(2030, 1, 1, tzinfo=UTC)] * 2})
CALLS: dict[str, Callable[[Project], Any]] = {
    "rows": lambda project: project.store.rows("spend").to_dicts(),
    "training_set": lambda project: project.store.training_set(SPINE, "spend:total").frame.to_dicts(),
    "sql": lambda project: project.sql("select sum(total) from spend").to_dicts(),
    "catalog": lambda project: project.store.catalog().to_dict(),
    "page": lambda project: project.store.catalog("spend").to_dict(),
    "lineage": lambda project: project.lineage(branch="main").to_dict(),
    "lineage of a view": lambda project: project.lineage("spend", branch="main").to_dict(),
    "diff": lambda project: project.diff("spend", "@1.0", "main").to_dict(),
    "status": lambda project: project.status().to_dict(),
}


def steady(result: Any) -> Any:
    """Leave out what git itself says of the files of a main that moved behind their back."""
    return {key: result[key] for key in result.keys() - {"dirty"}} if isinstance(result, dict) else result


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with two versions of a view, made one after the other."""
    with pytest.MonkeyPatch.context() as patch:
        identify(tmp_path_factory.mktemp("git"), patch)
        root = make_trial(tmp_path_factory.mktemp("moment"))
        declared(root)
        project = wb.open(root)
        project.branch("exp/first", objective="Sell more")
        project.define(SPEND, log=False)
        project.promote("spend")
        project.define(VALUED, log=False)
        project.promote("spend", accept={"spend": "twice"})
        project.close()
        yield root


@pytest.mark.journey
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_main_is_read_at_one_commit(
    published: Path, call: Callable[[Project], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = wb.open(published, branch="main")
    git = project.repository._git
    new = project.repository.resolve("main")
    old = project.repository.resolve("main~1")
    looked_up: list[str] = []

    def publish_afterwards(name: str) -> None:
        look_up = getattr(Repository, name)

        def look(self: Repository, ref: str) -> str | None:
            found: str | None = look_up(self, ref)
            if ref == "main":
                looked_up.append(name)
                git.run("update-ref", "refs/heads/main", new)
            return found

        monkeypatch.setattr(Repository, name, look)

    try:
        after = steady(call(project))
        git.run("update-ref", "refs/heads/main", old)
        before = steady(call(project))
        assert before != after
        publish_afterwards("_resolve")
        publish_afterwards("_read_tip")
        assert steady(call(project)) == before
        assert looked_up
        assert project.repository.resolve("main") == new
    finally:
        git.run("update-ref", "refs/heads/main", new)
        project.close()
