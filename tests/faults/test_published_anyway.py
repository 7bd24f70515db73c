"""After the commit point nothing raises as if it had come before; and verbs that only look need to write nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.promote.conftest import VALUED, git
from workbench.errors import ProjectError, WorkbenchError
from workbench.pipeline.record import UnwrittenWarning

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.project import Project


def in_the_way(path: Path) -> None:
    """Put a file where a folder is to be made, which binds root too, as permissions do not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("in the way")


@pytest.mark.journey
def test_a_publish_whose_plan_cannot_be_saved_is_told_as_published(shop: Project) -> None:
    in_the_way(shop.root / ".workbench" / "plans")
    (shop.repository.home / "announced").mkdir(parents=True)
    report = shop.promote("spend")
    assert report.commit == git(shop.root, "rev-parse", "main")
    assert [note.partition(":")[0] for note in report.notes] == ["Published, but its plan was not saved"]
    assert report.notes[0] in report.report().notes
    assert report.notes[0] in report.to_dict()["notes"]
    shop.define(VALUED, log=False)
    with pytest.raises(WorkbenchError, match="Cannot write"):  # a plan alone is what was asked for
        shop.promote("spend", dry_run=True)


def test_a_computation_that_cannot_be_journalled_is_told(shop: Project) -> None:
    folder = shop.repository.home / "journal"
    folder.rename(folder.with_name("kept"))
    in_the_way(folder)
    with pytest.warns(UnwrittenWarning, match=r"spend is not in the journal"):
        result = shop.define(VALUED, log=False)
    assert result.passed
    assert result.commit == git(shop.root, "rev-parse", "exp/first")


def test_an_error_after_the_commit_says_that_the_definition_is_committed(shop: Project) -> None:
    in_the_way(shop.root / ".workbench" / "views" / ".work" / "taken")
    views = shop.root / ".workbench" / "views"
    views.rename(views.with_name("kept"))
    in_the_way(views)
    with pytest.raises(ProjectError) as caught:
        shop.define(VALUED, log=False)
    tip = git(shop.root, "rev-parse", "exp/first")
    assert f"committed on exp/first at {tip[:10]}" in str(caught.value)
    assert "nothing was changed" not in str(caught.value)


LOOK = """
import json, sys
import polars as pl
import workbench as wb

spine = pl.DataFrame({"user": ["u1"], "event_timestamp": ["2024-01-02T00:00:00Z"]})
spine = spine.with_columns(pl.col("event_timestamp").str.to_datetime(time_zone="UTC"))
main, branch = wb.open(sys.argv[1], branch="main"), wb.open(sys.argv[1], branch="exp/first")
looks = {
    "status": lambda: branch.status().report(),
    "branches": lambda: branch.branches().report(),
    "catalog": lambda: main.store.catalog().report(),
    "catalog VIEW": lambda: main.store.catalog("spend").report(),
    "lineage": lambda: branch.lineage().report(),
    "compare": lambda: branch.compare().report(),
    "sql": lambda: main.sql("select count(*) from spend"),
    "training_set": lambda: main.store.training_set(spine, "spend"),
    "diff": lambda: branch.diff("spend").report(),
    "releases": lambda: main.releases().report(),
    "gc": lambda: main.gc().report(),
}
found = {}
for name, look in looks.items():
    try:
        look()
        found[name] = "fine"
    except wb.WorkbenchError as error:
        found[name] = f"{type(error).__name__}: {error}"
    except BaseException as error:
        found[name] = f"RAW {type(error).__name__}: {error}"
print(json.dumps(found))
"""


def read_only(root: Path) -> list[str]:
    """Return the words before a command that let it see `root` on a read-only file system."""
    if os.getuid() == 0:  # permissions do not bind root
        mount = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
        return ["unshare", "--mount", "sh", "-c", mount, str(root)]
    subprocess.run(["chmod", "-R", "a-w", str(root)], check=True)
    return []


@pytest.mark.journey
@pytest.mark.parametrize("caches", [True, False])
def test_looking_works_where_nothing_can_be_written(published: Project, *, caches: bool) -> None:
    if not caches:
        git(published.root, "clean", "-fdXq", "-e", "!data")
    try:
        words = [*read_only(published.root), sys.executable, "-c", LOOK, str(published.root)]
        done = subprocess.run(words, check=False, capture_output=True, text=True)
    finally:
        if os.getuid():
            subprocess.run(["chmod", "-R", "u+w", str(published.root)], check=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert {name: said for name, said in found.items() if said != "fine"} == {}
