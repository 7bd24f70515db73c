"""What came of a branch's views: published versions, training sets, and the runs of views and models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.errors import WorkbenchError
from workbench.experiments import training_of_run
from workbench.lineage.graph import Edge, Node
from workbench.registry import Registry
from workbench.tracking import REGISTERED_TAG, own_runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from workbench.lineage.definitions import KnownDefinitions
    from workbench.lineage.outline import Outlined
    from workbench.registry import Version
    from workbench.tracking import RunSummary, TrainingFacts
    from workbench.workspace import Workspace

LOOKED_AT, MODEL_RUNS = 200, 50
"""Model runs of all branches that are looked at, and those that are shown; newest first."""


class RecordedHistory:
    """Finds what was published, trained and run, for the views that `known` defines.

    Parameters
    ----------
    workspace
        The project's workspace.
    known
        The branch's definitions.
    branch
        The branch.
    training_sets
        The saved training sets.
    """

    def __init__(
        self,
        workspace: Workspace,
        known: KnownDefinitions | Outlined,
        branch: str,
        training_sets: Sequence[TrainingFacts],
    ) -> None:
        self._known = known
        self._saved = {saved.data_digest: saved for saved in training_sets}
        self._versions = dict(_versions(Registry.at(workspace.repository, workspace.trunk)))
        runs = workspace.tracker.runs(limit=1_000_000)
        own = own_runs(runs, branch, workspace.repository.lifetime(branch))
        self._own = {run.key for run in own}
        self._view_runs = _newest_by_view(run for run in own if run.kind == "view")
        models = [run for run in runs if run.kind == "model"][:LOOKED_AT]
        facts = {run.key: workspace.tracker.facts(run) for run in models}
        self._read = {key: training_of_run(of_run) for key, of_run in facts.items()}
        self._registered = {key: tuple(_registered(of_run.tags)) for key, of_run in facts.items()}
        self._models = [run for run in models if self._concerns(run)][:MODEL_RUNS]

    def nodes(self) -> Iterator[Node]:
        """Yield versions, training sets, and runs."""
        for name, version in self._versions.items():
            yield Node("version", name, _version_facts(version))
        for facts in self._training_sets():
            yield Node("training set", facts.title, _training_facts(facts))
        for name, run in self._view_runs.items():
            if name in self._known.views:
                yield Node("run", f"{name} {_short(run)}", _run_facts(run))
        for run in self._models:
            yield Node("model run", _model_name(run), {**_run_facts(run), "experiment": run.name})
            for model, number in self._registered[run.key]:
                yield Node("registered model", f"{model}/{number}", {"model": model, "version": int(number)})

    def edges(self) -> Iterator[Edge]:
        """Yield what versions, feature sets, training sets and runs are made from."""
        for name, version in self._versions.items():
            yield from self._into_version(name, version)
        for name, found in self._known.sets.items():
            for reference in found.features:
                yield Edge(self._thing(reference), f"feature set:{name}")
        for facts in self._training_sets():
            yield from self._into(f"training set:{facts.title}", facts)
        for name, run in self._view_runs.items():
            yield Edge(f"view:{name}", f"run:{name} {_short(run)}")
        for run in self._models:
            end = f"model run:{_model_name(run)}"
            for facts in self._read[run.key]:
                if facts.data_digest:
                    yield Edge(f"training set:{self._title(facts)}", end)
                else:
                    yield from self._into(end, facts)
        yield from self._registrations()

    def _registrations(self) -> Iterator[Edge]:
        for run in self._models:
            for model, number in self._registered[run.key]:
                yield Edge(f"model run:{_model_name(run)}", f"registered model:{model}/{number}")

    def _into_version(self, name: str, version: Version) -> Iterator[Edge]:
        view = name.partition("@")[0]
        if view in self._known.views:
            yield Edge(f"view:{view}", f"version:{name}")
            return
        for used in version.inputs:
            start = f"version:{used.name}@{used.version}" if used.version else self._known.thing(used.name)
            yield Edge(start, f"version:{name}")

    def _into(self, end: str, facts: TrainingFacts) -> Iterator[Edge]:
        for view in facts.views:
            yield Edge(self._thing(view.label), end)
        for view in facts.computed:
            if self._known.definitions.has_on_demand(view.view):
                yield Edge(f"view:{view.view}", end)

    def column_edges(self) -> Iterator[Edge]:
        """Yield which features go into feature sets, training sets and models."""
        for name, found in self._known.sets.items():
            yield from self._from_features(found.features, f"feature set:{name}")
        for facts in self._training_sets():
            yield from self._from_features(facts.references, f"training set:{facts.title}")
        for run in self._models:
            end = f"model run:{_model_name(run)}"
            for facts in self._read[run.key]:
                if facts.data_digest:
                    yield Edge(f"training set:{self._title(facts)}", end)
                else:
                    yield from self._from_features(facts.references, end)
        yield from self._registrations()

    def _from_features(self, references: Iterable[str], end: str) -> Iterator[Edge]:
        for reference in references:
            for start in self._known.features_of(reference):
                yield Edge(start, end)

    def _training_sets(self) -> list[TrainingFacts]:
        """Return the saved ones, then those that models were trained on without saving them."""
        found = {facts.title: facts for facts in self._saved.values()}
        for facts in (facts for run in self._models for facts in self._read[run.key] if facts.data_digest):
            found.setdefault(self._title(facts), facts)
        return list(found.values())

    def _title(self, facts: TrainingFacts) -> str:
        return self._saved.get(facts.data_digest, facts).title

    def _thing(self, reference: str) -> str:
        """Return the id of the version or view that ``view[@version][:feature]`` names."""
        view, at, asked = reference.partition(":")[0].partition("@")
        if not at:
            return f"view:{view}"
        named = [name for name in self._versions if name.partition("@")[0] == view]
        exact = f"{view}@{asked}"
        live = [name for name in named if name.startswith(f"{exact}.") and self._versions[name].status != "superseded"]
        return f"version:{exact if exact in named or not live else live[-1]}"

    def _concerns(self, run: RunSummary) -> bool:
        if run.key in self._own:
            return True
        ids = {known.view_id for known in self._known.views.values() if known.view_id}
        return any(view.view_id in ids for facts in self._read[run.key] for view in facts.views)


def readers_of(workspace: Workspace, label: str, training_sets: Sequence[TrainingFacts]) -> list[tuple[str, str]]:
    """Return kind and name of each training set, model run and registered model that read a published version.

    `label` is the version, as ``spend@1.2``; `training_sets` are the saved ones.
    """

    def reads(facts: TrainingFacts) -> bool:
        return any(view.label == label for view in facts.views)

    found = [("training set", facts.title) for facts in training_sets if reads(facts)]
    models = [run for run in workspace.tracker.runs(limit=1_000_000) if run.kind == "model"]
    for run in models[:LOOKED_AT]:
        of_run = workspace.tracker.facts(run)
        if any(map(reads, training_of_run(of_run))):
            found.append(("model run", _model_name(run)))
            found += [("registered model", f"{name}/{number}") for name, number in _registered(of_run.tags)]
    return found


def _versions(registry: Registry) -> Iterator[tuple[str, Version]]:
    """Yield the versions that are served, by ``view@version``; records that cannot be read are left out."""
    for view in registry.views:
        try:
            record = registry.record(view)
        except WorkbenchError:
            continue
        for version in record.versions:
            if version.number == record.current or version.status in {"live", "deprecated"}:
                yield f"{view}@{version.number}", version


def _registered(tags: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield name and version of each registered model that was made from a run."""
    for tag, versions in tags.items():
        if tag.startswith(REGISTERED_TAG):
            for version in versions.split(", "):
                yield tag.removeprefix(REGISTERED_TAG), version


def _newest_by_view(runs: Iterable[RunSummary]) -> dict[str, RunSummary]:
    newest: dict[str, RunSummary] = {}
    for run in runs:
        newest.setdefault(run.view, run)
    return newest


def _short(run: RunSummary) -> str:
    return (run.run_id or run.key)[:8]


def _model_name(run: RunSummary) -> str:
    return f"{run.name} {_short(run)}"


def _version_facts(version: Version) -> dict[str, Any]:
    return {
        "status": version.status,
        "view_id": version.view_id,
        "rows": version.rows,
        "published_at": version.published_at.isoformat(),
        "published_by": version.published_by,
    }


def _training_facts(facts: TrainingFacts) -> dict[str, Any]:
    known = {"saved": facts.name is not None, "rows": facts.rows, "data_digest": facts.data_digest}
    return known | {"branch": facts.branch, "commit": facts.commit, "views": {v.label: v.view_id for v in facts.views}}


def _run_facts(run: RunSummary) -> dict[str, Any]:
    return {
        "run": run.run_id or run.key,
        "state": run.state,
        "status": run.status,
        "branch": run.branch,
        "commit": run.commit,
        "view_id": run.view_id or None,
        "started": run.started.isoformat(),
    }
