"""Publishing without `promote`: the lake's data and main's record, written as `promote` would write them."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from workbench.git import Repository
from workbench.lake import LakeWriter
from workbench.registry import InputRecord, Record, Registry, Version, record_path
from workbench.store.branch_reader import BranchReading

if TYPE_CHECKING:
    from workbench.project import Project


def publish(project: Project, view: str, number: str = "1.0", *, branch: str = "exp/first", **changes: Any) -> str:
    """Publish the view as the branch has it, and return main's commit; the others of its major are superseded."""
    workspace = project._workspace
    reading = BranchReading.of(workspace, branch)
    evaluated = reading.evaluate(view)
    prepared, stored = evaluated.prepared, evaluated.computed.stored
    registry = Registry.at(workspace.repository, "main")
    major = int(number.partition(".")[0])
    delta = LakeWriter(workspace.lake).publish(
        stored.path, view=view, major=major, contract=prepared.contract, view_id=prepared.view_id, metadata={}
    )
    version = Version(
        **{
            "number": number,
            "status": "live",
            "category": "new",
            "view_id": prepared.view_id,
            "data_digest": stored.record.digest.exact,
            "rows": stored.record.rows,
            "delta_version": delta,
            "code_hash": prepared.fingerprint.code_hash,
            "metadata_hash": prepared.metadata_hash,
            "features": reading.definitions.tree,
            "branch": branch,
            "commit": reading.commit,
            "published_at": datetime.now(UTC),
            "published_by": "Test Researcher <test@example.org>",
            "declaration": prepared.view.to_dict(),
            "contract_facts": prepared.contract.to_dict(),
            "inputs": tuple(
                InputRecord(
                    data.name,
                    data.kind,
                    data.digest,
                    registry.record(data.name).current if data.kind == "view" else None,
                )
                for data in prepared.inputs
            ),
            "parameters": prepared.parameters,
            "period": stored.record.period,
            **changes,
        }
    )
    old = registry.record(view) if view in registry else Record(view, None)
    superseded = tuple(
        replace(past, status="superseded") if past.major == major and past.status == "live" else past
        for past in old.versions
    )
    return write(project, Record(view, number, superseded).replaced(version))


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
    changed = record.replaced(replace(record.version(number), **changes))
    return write(project, Record(view, current or record.current, changed.versions))


def git(project: Project, *words: str) -> str:
    """Run git in the project, and return what it says."""
    done = subprocess.run(["git", *words], cwd=project.root, check=True, capture_output=True, text=True)
    return done.stdout.strip()
