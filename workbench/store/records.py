"""Finding what was recorded of a computation: by view id, by MLflow run, or by the name of a training set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import BranchError, FeatureNotFound, RegistryError, UsageError, did_you_mean
from workbench.registry import Registry, record_path, split_version
from workbench.store.saved import SavedTrainingSet, names, saved_training_set
from workbench.tracking import RecordedView

if TYPE_CHECKING:
    from workbench.registry import Version
    from workbench.tracking import RunSummary
    from workbench.workspace import Workspace

SHORTEST = 6
"""Characters of an id that are enough, where they name one thing."""


def find_record(workspace: Workspace, what: str) -> RecordedView | SavedTrainingSet:
    """Return what was recorded under `what`."""
    wanted = what.strip()
    saved = names(workspace.home)
    if wanted in saved:
        return saved_training_set(workspace.home, wanted)
    if "@" in wanted:
        return published_record(workspace, wanted)
    if len(wanted) < SHORTEST:
        raise _unknown(workspace, what)
    entries = workspace.journal.everything()
    runs = [run for run in workspace.tracker.runs(limit=1_000_000) if (run.run_id or "").startswith(wanted)]
    keys = {run.key for run in runs}
    of_runs = [entry for entry in entries if entry.run and (entry.run in keys or entry.run.startswith(wanted))]
    found: dict[str, RecordedView | SavedTrainingSet] = {}
    for entry in [*(each for each in entries if each.view_id.startswith(wanted)), *of_runs]:
        found[entry.view_id] = entry
    for name in saved:
        training = saved_training_set(workspace.home, name)
        if training.run in keys or training.run.startswith(wanted):
            found[name] = training
    if not found:
        found = {run.view_id: _of_run(run) for run in runs if run.view_id}
    if len(found) > 1:
        raise UsageError(f"{what!r} is ambiguous: {', '.join(sorted(found))}.", remedy="Give more of the id.")
    if not found:
        raise _unknown(workspace, what)
    return next(iter(found.values()))


def published_record(workspace: Workspace, ref: str) -> RecordedView:
    """Return what the registry says of the published version ``view@2`` or ``view@2.1``, retired ones too."""
    view, asked = split_version(ref)
    registry = Registry.at(workspace.repository, workspace.trunk)
    record = registry.record(view)
    version = next((one for one in record.versions if one.number == asked), None) or record.version(asked)
    return RecordedView(
        view=view,
        branch=version.branch,
        commit=_source_of(workspace, view, version),
        view_id=version.view_id,
        code_hash=version.code_hash,
        inputs={data.name: data.digest for data in version.inputs},
        data_digest=version.data_digest,
    )


def _source_of(workspace: Workspace, view: str, version: Version) -> str:
    """Return the commit that a version was computed from; where it is gone, the one of main that published it."""
    try:
        return workspace.repository.resolve(version.commit)
    except BranchError:
        touched = workspace.repository.history(workspace.trunk, path=record_path(view), limit=10_000)
    first = version.commit
    for commit in touched:  # newest first
        try:
            numbers = [number for number, _ in Registry(workspace.repository, commit.id).summary(view).versions]
        except (FeatureNotFound, RegistryError):
            continue
        if version.number not in numbers:
            break
        first = commit.id
    return first


def _of_run(run: RunSummary) -> RecordedView:
    return RecordedView(view=run.view, branch=run.branch, commit=run.commit, view_id=run.view_id)


def _unknown(workspace: Workspace, what: str) -> UsageError:
    return UsageError(
        f"{what!r} is not a training set, view id or MLflow run recorded here.",
        remedy=f"{did_you_mean(what, names(workspace.home))} `status` lists view ids and runs; six characters are "
        "enough.".strip(),
    )
