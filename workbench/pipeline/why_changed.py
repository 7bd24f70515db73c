"""`why-changed`: what moved a view between two computations, or between two commits."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workbench.define import load_tree, reraise_user_errors
from workbench.errors import UsageError
from workbench.fingerprint import CodeRecord, explain_change
from workbench.pipeline.evaluate import Evaluation
from workbench.registry import Registry
from workbench.render import Report, Reported, Table

if TYPE_CHECKING:
    from workbench.fingerprint import IdentityChange
    from workbench.registry import Version
    from workbench.tracking import Entry
    from workbench.workspace import Workspace


@dataclass(frozen=True, slots=True)
class ViewState:
    """One side of the comparison: what the view was made from."""

    label: str
    record: CodeRecord


@dataclass(frozen=True, slots=True)
class WhyChanged(Reported):
    """What moved a view, each change named; nothing where both sides are the same."""

    view: str
    old: str
    new: str
    changes: tuple[IdentityChange, ...]
    note: str = ""

    def report(self) -> Report:
        """Return the changes as a table."""
        rows = tuple((change.kind, change.name, change.detail) for change in self.changes)
        nothing = "Nothing: same code, same parameters, same data."
        return Report(
            f"Why {self.view} changed",
            facts=(("from", self.old), ("to", self.new)),
            tables=(Table("What moved", ("what", "name", "how"), rows),) if rows else (),
            notes=tuple(note for note in (self.note, "" if rows else nothing) if note),
        )


def why_changed(workspace: Workspace, view: str, *, branch: str, against: str | None) -> WhyChanged:
    """Return what moved `view` on `branch`, against a branch or commit, or against its computation before the last."""
    if against is not None:
        return _explain(view, _at(workspace, view, against), _at(workspace, view, branch))
    entries = workspace.journal.entries(view)
    here = workspace.journal.entries(view, branch=branch)
    if not here:
        published = _between_versions(workspace, view) if branch == workspace.trunk else None
        if published is not None:
            return published
        _at(workspace, view, branch)  # an unknown view says so
        raise UsageError(
            f"{view!r} was never computed on {branch!r}.", remedy="Compute it, or compare with `--against main`."
        )
    new = here[-1]
    others = [entry for entry in entries if entry.branch != branch or entry in here]
    old = next((entry for entry in reversed(others) if entry.view_id != new.view_id and entry.at < new.at), None)
    if old is None:
        raise UsageError(
            f"{view!r} has been computed with only one identity, {new.view_id[:10]}.",
            remedy="Name a branch or commit to compare with: `why-changed VIEW --against main`.",
        )
    unmoved = len(here) > 1 and here[-2].view_id == new.view_id
    note = "The last definition did not change its values; this is the change before it." if unmoved else ""
    return replace(_explain(view, *(_remembered_state(workspace, entry) for entry in (old, new))), note=note)


def _between_versions(workspace: Workspace, view: str) -> WhyChanged | None:
    """Return what moved a published view between the version that serves and the newest other; None if none is."""
    registry = Registry.at(workspace.repository, workspace.trunk)
    if view not in registry:
        return None
    record = registry.record(view)
    serving = record.serving
    if serving is None:
        return None
    others = [version for version in record.versions if version.number != serving.number]
    if not others:
        raise UsageError(
            f"{view!r} has one published version, {serving.number}, and nothing to compare it with.",
            remedy=f"Compare it with an experiment: `why-changed {view} --against exp/<name>`.",
        )
    old = max(others, key=lambda version: version.published_at)
    return _explain(view, *(_published_state(workspace, view, version) for version in (old, serving)))


def _published_state(workspace: Workspace, view: str, version: Version) -> ViewState:
    """Return what a published version was made from: its code, and the data that its record names."""
    code = workspace.journal.code(version.code_hash) or _at(workspace, view, version.commit).record
    inputs = {read.name: read.digest for read in version.inputs}
    label = f"{version.number}, published {version.published_at:%Y-%m-%d %H:%M} UTC from {version.branch}"
    return ViewState(label, _with_inputs(code, inputs, version.parameters))


def _explain(view: str, old: ViewState, new: ViewState) -> WhyChanged:
    return WhyChanged(view, old.label, new.label, tuple(explain_change(old.record, new.record)))


def _remembered_state(workspace: Workspace, entry: Entry) -> ViewState:
    """Return what a computation was made from, as the journal remembers it."""
    code = workspace.journal.code(entry.code_hash)
    if code is None:
        return _at(workspace, entry.view, entry.commit)
    return ViewState(
        f"{entry.view_id[:10]}, computed {entry.at:%Y-%m-%d %H:%M} UTC on {entry.branch}",
        _with_inputs(code, entry.inputs, entry.parameters),
    )


def _at(workspace: Workspace, view: str, ref: str) -> ViewState:
    """Return what `view` is made from at a branch or commit, with today's data."""
    commit = workspace.repository.resolve(ref)
    evaluation = Evaluation(
        load_tree(workspace.repository, commit, cache=workspace.hidden), workspace.sources, workspace.cache
    )
    with reraise_user_errors(evaluation.definitions, {}):
        prepared = evaluation.prepare(view)
    code = prepared.fingerprint.record
    return ViewState(
        f"{prepared.view_id[:10]}, {ref} at {commit[:10]}", _with_inputs(code, prepared.digests, prepared.parameters)
    )


def _with_inputs(code: CodeRecord, inputs: dict[str, str], parameters: str) -> CodeRecord:
    """Return the record of a code hash with what is not part of it: the view's settings and its inputs' digests."""
    return replace(code, settings=json.loads(parameters), inputs=inputs)
