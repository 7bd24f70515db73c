"""What a view can be compared with, and one side of it: a branch, a version, a release, a moment or an MLflow run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.define import load_tree
from workbench.diff import Side
from workbench.errors import BranchError, BranchNotFound, FeatureNotFound, UsageError
from workbench.experiments import training_of_run
from workbench.fingerprint import metadata_hash
from workbench.pipeline import Evaluation, on_steady_sources
from workbench.registry import RELEASE_PREFIX, Registry, split_version
from workbench.source_tree import texts_of
from workbench.store import SHORTEST, RegistryReader, commit_at, find_record, release_commit, release_names
from workbench.times import moment
from workbench.tracking import RecordedView

if TYPE_CHECKING:
    from datetime import datetime

    from workbench.define import Contract, Definitions
    from workbench.git import Repository
    from workbench.pipeline import Evaluated
    from workbench.registry import Version
    from workbench.tracking import RunSummary
    from workbench.workspace import Workspace


def side_at(workspace: Workspace, view: str, ref: str) -> Side:
    """Return `view` as `ref` has it, as one side of `compare.diff_views`."""
    ref = ref.strip()
    if "@" in ref:
        name, _, asked = ref.partition("@")
        if name not in {"", view}:
            raise UsageError(f"{ref!r} is a version of another view than {view!r}.", remedy=f"Write {view}@{asked}.")
        _, version = split_version(f"{view}@{asked}")
        return _published_side(workspace, RegistryReader.of(workspace), view, version)
    if ref.startswith("release/"):
        reading = RegistryReader.of(workspace, release_commit(workspace, ref.removeprefix("release/")))
        return _published_side(workspace, reading, view, None)
    try:
        commit = workspace.repository.resolve(ref)
    except BranchNotFound:
        side = _of_moment(workspace, view, ref) or _of_run(workspace, view, ref)
        if side is None:
            raise
        return side
    return _branch_side(workspace, view, commit, label=ref)


def contract_at(workspace: Workspace, view: str, ref: str) -> Contract:
    """Return what `view` promises as a branch or commit has it; an on-demand view has no rows, but a contract."""
    commit = workspace.repository.resolve(ref)
    definitions = load_tree(workspace.repository, commit, cache=workspace.hidden)
    if definitions.has_on_demand(view):
        return definitions.on_demand(view).contract
    return side_at(workspace, view, ref).contract


def side_of(evaluated: Evaluated, definitions: Definitions, *, label: str) -> Side:
    """Return a computed view as one side of a comparison."""
    prepared, stored = evaluated.prepared, evaluated.computed.stored
    return Side(
        label=label,
        frame=stored.frame(),
        contract=prepared.contract,
        text=texts_of(f"{prepared.view.name}.py", definitions.files.sources),
        code_hash=prepared.fingerprint.code_hash,
        metadata_hash=prepared.metadata_hash,
        view_id=prepared.view_id,
        digest=stored.record.digest,
    )


def _branch_side(workspace: Workspace, view: str, commit: str, *, label: str) -> Side:
    definitions = load_tree(workspace.repository, commit, cache=workspace.hidden)
    if definitions.has_on_demand(view):
        raise _without_rows(view)
    if label == workspace.trunk and f"{view}.py" not in definitions.files.sources:
        return _published_side(
            workspace, RegistryReader.of(workspace), view, None
        )  # its definition is gone, its rows are served
    evaluated = on_steady_sources(lambda: Evaluation(definitions, workspace.sources, workspace.cache).evaluate(view))
    return side_of(evaluated, definitions, label=label)


def _published_side(workspace: Workspace, reading: RegistryReader, view: str, asked: str | None) -> Side:
    if view in reading.registry.on_demand_views:
        raise _without_rows(view)
    found = reading.view(view, asked)
    version = reading.registry.version(view, asked)
    return Side(
        label=found.label,
        frame=found.data.frame,
        contract=found.contract,
        text=_texts(workspace, view, version),
        code_hash=version.code_hash,
        metadata_hash=version.metadata_hash,
        view_id=version.view_id,
    )


def _without_rows(view: str) -> FeatureNotFound:
    return FeatureNotFound(
        f"{view!r} is an on-demand view: it has no stored rows to compare.",
        remedy="Compare its values in training sets: `drift` takes the names of two saved ones, or files, as reference "
        "and current.",
    )


def _texts(workspace: Workspace, view: str, version: Version) -> dict[str, str]:
    """Return the definition of a published version, with what it imports; nothing where main has lost it."""
    files = _Blobs(workspace.repository, workspace.repository.folder(version.features))
    return texts_of(f"{view}.py", files) if f"{view}.py" in files else {}


def _of_moment(workspace: Workspace, view: str, ref: str) -> Side | None:
    then = _moment(ref)
    return (
        None
        if then is None
        else _published_side(workspace, RegistryReader.of(workspace, commit_at(workspace, then)), view, None)
    )


def _moment(ref: str) -> datetime | None:
    try:
        return moment(ref)
    except UsageError:
        return None


def _of_run(workspace: Workspace, view: str, ref: str) -> Side | None:
    """Return what a run computed of `view`, or what its model was trained on; None for what is not a run's id."""
    if len(ref) < SHORTEST:
        return None
    models = [run for run in workspace.tracker.runs(limit=1_000_000) if run.kind == "model" and _is(run, ref)]
    if len(models) == 1:
        return _of_model(workspace, view, models[0])
    try:
        found = find_record(workspace, ref)
    except UsageError as error:
        if "names several" in error.message:
            raise
        return None
    if not isinstance(found, RecordedView):
        raise UsageError(
            f"{ref!r} is a training set, which has the rows of a spine, not those of {view!r}.",
            remedy="`drift` compares what training sets hold; `diff` takes runs of the view.",
        )
    if found.view != view:
        raise UsageError(f"{ref!r} computed {found.view!r}, not {view!r}.", remedy="Name a run of that view.")
    return _recorded_side(workspace, found, label=f"run {ref[:10]}")


def _is(run: RunSummary, ref: str) -> bool:
    return (run.run_id or "").startswith(ref) or run.key.startswith(ref)


def _of_model(workspace: Workspace, view: str, run: RunSummary) -> Side:
    """Return the rows of `view` that a model was trained on."""
    read = [each for facts in training_of_run(workspace.tracker.facts(run)) for each in facts.views]
    for each in read:
        if each.view != view:
            continue
        if each.version is not None:
            return _published_side(workspace, RegistryReader.of(workspace), view, each.version)
        found = find_record(workspace, each.view_id)
        assert isinstance(found, RecordedView)  # noqa: S101 - it is a view's id
        return _recorded_side(workspace, found, label=f"run {run.name}")
    raise FeatureNotFound.absent(view, where=f"what {run.name!r} was trained on", known=[each.view for each in read])


def _recorded_side(workspace: Workspace, found: RecordedView, *, label: str) -> Side:
    """Return the rows that were computed then: kept, or computed again where code and data are still the same."""
    gone = UsageError(
        f"The rows of {found.view!r} that {label} read were removed and cannot be computed again.",
        remedy=f"`reproduce {found.view_id[:10]}` says what changed since.",
    )
    try:
        commit = workspace.repository.resolve(found.commit)
    except BranchError:
        raise gone from None
    definitions = load_tree(workspace.repository, commit, cache=workspace.hidden)
    stored = workspace.cache.get(found.view_id)
    if stored is None:
        evaluation = Evaluation(definitions, workspace.sources, workspace.cache)
        if evaluation.prepare(found.view).view_id != found.view_id:
            raise gone
        return side_of(evaluation.evaluate(found.view), definitions, label=label)
    return Side(
        label=label,
        frame=stored.frame(),
        contract=definitions.view(found.view).contract,
        text=texts_of(f"{found.view}.py", definitions.files.sources),
        code_hash=found.code_hash,
        metadata_hash=metadata_hash(definitions.view(found.view)),
        view_id=found.view_id,
        digest=stored.record.digest,
    )


@dataclass(frozen=True, slots=True)
class _Blobs(Mapping[str, bytes]):
    """Files of a tree, read as they are asked for."""

    repository: Repository
    names: Mapping[str, str]

    def __getitem__(self, path: str) -> bytes:
        return self.repository.read_blob(self.names[path])

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, path: object) -> bool:
        return path in self.names


def places(workspace: Workspace, view: str) -> tuple[str, ...]:
    """Return main, the other branches, the published versions of `view` that are served, and the releases."""
    branches = [name for name in workspace.repository.names() if name != workspace.trunk]
    registry = Registry.at(workspace.repository, workspace.trunk)
    versions = registry.record(view).versions if view in registry else ()
    served = [f"@{version.number}" for version in versions if version.is_served]
    return (workspace.trunk, *branches, *served, *(f"{RELEASE_PREFIX}{name}" for name in release_names(workspace)))
