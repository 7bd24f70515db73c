"""Publishing as people do it, for tests of what is read; and what no verb does: main's files and records by hand."""

from __future__ import annotations

import subprocess
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import workbench as wb
from tests.promote.conftest import declared
from workbench.git import Repository
from workbench.registry import Record, Registry, record_path

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.project import Project


def declare(root: Path) -> None:
    """Commit workbench.toml to main: the sources, and, in [policy] at its end, that a view needs no owner."""
    with (root / "workbench.toml").open("a") as file:
        file.write("\n[policy]\nrequire_metadata = false\n")
    declared(root)


def publish(project: Project, view: str, number: str = "1.0", *, branch: str = "exp/first") -> str:
    """Promote a view of a branch, whatever moved, and return main's commit; `number` is what the version has to be."""
    with closing(wb.open(project.root, branch=branch)) as opened:
        report = opened.promote(view, accept={view: "it is meant"})
    assert report.versions[view] == number
    assert report.commit is not None
    return report.commit


def write(project: Project, record: Record) -> str:
    """Commit a record to main as it is."""
    return commit(project, {record_path(record.view): record.to_toml()}, f"Publish {record.view} {record.current}")


def commit(project: Project, files: dict[str, str | None], message: str) -> str:
    """Commit files to main, which a project's own handle refuses."""
    repository = Repository.open(project.root)
    try:
        return repository.commit("main", files, message=message)
    finally:
        repository.close()


def change(project: Project, view: str, number: str, *, current: str | None = None, **changes: Any) -> str:
    """Commit a change of one version's record to main."""
    record = Registry.at(project.repository).record(view)
    changed = record.with_version(replace(record.version(number), **changes))
    return write(project, Record(view, current or record.current, changed.versions))


def git(project: Project, *words: str) -> str:
    """Run git in the project, and return what it says."""
    done = subprocess.run(["git", *words], cwd=project.root, check=True, capture_output=True, text=True)
    return done.stdout.strip()
