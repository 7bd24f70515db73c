"""The record of a training set for MLflow, lineage and experiments, and of the views it read."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from workbench.errors import BranchError
from workbench.pipeline import origin
from workbench.registry import VersionNumber
from workbench.tracking import DatasetRecord, ReadView, RunRecord, TrainingFacts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workbench.store.join import JoinedSpine
    from workbench.store.ledger import Ledger
    from workbench.store.reader import ReadableView, ViewReader
    from workbench.store.resolve import Resolution, ResolvedFeature
    from workbench.store.saved import SavedTrainingSet, SourceView
    from workbench.workspace import Workspace

TAG = "workbench.training_set"


def views_read(wanted: Iterable[ResolvedFeature]) -> tuple[ReadView, ...]:
    """Return the views of the features asked for, each once, with its features."""
    features: dict[str, dict[str, None]] = {}
    served = {}
    for item in wanted:
        view = served[item.joined.label] = item.joined.view
        features.setdefault(view.label, {})[item.feature] = None
    return tuple(
        ReadView(
            view=view.name,
            version=view.version,
            view_id=view.data.view_id,
            features=tuple(features[label]),
            data_digest=view.data.data_digest,
        )
        for label, view in served.items()
    )


def computed_views(asked: Resolution) -> tuple[ReadView, ...]:
    """Return the on-demand views of the features asked for, each once, with its features."""
    return tuple(
        ReadView(
            view=part.view.name,
            version=part.view.version,
            view_id=part.view.identity,
            features=tuple(item.feature for item in asked.computed if item.view is part.view),
        )
        for part in asked.parts
    )


def facts_of_joined(workspace: Workspace, joined: JoinedSpine, saved: SavedTrainingSet | None) -> TrainingFacts:
    """Return the facts of a training set that was built, and saved as `saved` where it was."""
    return TrainingFacts(
        views=views_read(joined.wanted),
        branch=joined.reading.branch,
        commit=joined.reading.commit,
        name=None if saved is None else saved.name,
        rows=joined.frame.height,
        label=joined.question.label,
        time=joined.question.time,
        data_digest=joined.data_digest,
        spine_digest=joined.spine_digest,
        path=None if saved is None else workspace.place(saved.path),
        columns={column: str(dtype) for column, dtype in joined.frame.schema.items()},
        computed=computed_views(joined.asked),
    )


def facts_of_saved(workspace: Workspace, saved: SavedTrainingSet) -> TrainingFacts:
    """Return the facts of a saved training set."""
    digests = {view.label: view.data_digest for view in saved.views}
    views: dict[str, ReadView] = {}
    for entry in saved.ledger.views:
        before = views[entry.label].features if entry.label in views else ()
        views[entry.label] = ReadView(
            view=entry.view,
            version=entry.version,
            view_id=entry.view_id,
            features=tuple(dict.fromkeys((*before, *entry.features))),
            data_digest=digests.get(entry.label, ""),
        )
    return TrainingFacts(
        views=tuple(views.values()),
        branch=saved.branch,
        commit=saved.commit,
        name=saved.name,
        rows=saved.ledger.rows_out,
        label=saved.question.label,
        time=saved.question.time,
        data_digest=saved.data_digest,
        spine_digest=saved.spine_digest,
        path=workspace.place(saved.path),
        columns=saved.dtypes,
        computed=tuple(
            ReadView(view=entry.view, version=entry.version, view_id=entry.view_id, features=entry.features)
            for entry in saved.ledger.on_demand
        ),
    )


def training_run(workspace: Workspace, saved: SavedTrainingSet) -> RunRecord:
    """Return the MLflow run of `saved`: its views and itself as datasets, what was asked for, and the row ledger."""
    at = round(saved.created_at.timestamp() * 1000)
    asked = saved.question
    user = ""
    with suppress(BranchError):  # nothing is committed: without an identity the run is nobody's
        user = workspace.repository.identity()
    return RunRecord(
        key=saved.run,
        project=workspace.config.project.name,
        experiment="",
        name=saved.name,
        start=at,
        end=at,
        user=user,
        tags={
            TAG: saved.name,
            "mlflow.source.name": origin(),
            "mlflow.source.type": "LOCAL",
            "mlflow.source.git.commit": saved.commit,
            "mlflow.source.git.branch": saved.branch,
            "workbench.branch": saved.branch,
            "workbench.data_digest": saved.data_digest,
            "workbench.spine_digest": saved.spine_digest,
            **({"workbench.release": saved.ledger.release} if saved.ledger.release else {}),
            **({"workbench.registry": saved.ledger.registry} if saved.ledger.registry else {}),
            **{f"workbench.upstream.{view.label}": view.data_digest for view in saved.views},
        },
        params={
            "training_set": saved.name,
            "branch": saved.branch,
            "features": ", ".join(map(str, asked.features)),
            "views": ", ".join(view.label for view in saved.views),
            "release": saved.ledger.release or "",
            "time": asked.time,
            "label": asked.label or "",
            "as_known": str(asked.as_known),
            "data": saved.data_digest[:12],
        },
        metrics={
            "training_set/rows": float(saved.ledger.rows_out),
            **{f"{entry.alias or entry.label}/matched_share": entry.share for entry in saved.ledger.views},
        },
        datasets=(*_views(workspace, saved), _itself(workspace, saved)),
        artifacts={"training_set.json": json.dumps(saved.to_dict(), indent=2) + "\n"},
        note=f"Training set **{saved.name}** of `{saved.branch}` at `{saved.commit[:10]}`\n\n"
        f"{saved.ledger.rows_out:,} rows of {', '.join(map(str, asked.features))}",
    )


def _views(workspace: Workspace, saved: SavedTrainingSet) -> list[DatasetRecord]:
    return [
        DatasetRecord(
            name=view.label,
            digest=view.data_digest,
            kind="view",
            context="view",
            source={**_place(workspace, view), "view_id": view.view_id},
        )
        for view in saved.views
    ]


def _place(workspace: Workspace, view: SourceView) -> dict[str, object]:
    """Return what reads the view's rows back."""
    if view.version is not None:
        table = workspace.lake.table(view.view, VersionNumber.parse(view.version).major)
        return {"uri": table.uri, "version": view.delta_version}
    stored = workspace.cache.get(view.view_id)
    return {} if stored is None else {"path": workspace.place(stored.place)}


def _itself(workspace: Workspace, saved: SavedTrainingSet) -> DatasetRecord:
    return DatasetRecord(
        name=saved.name,
        digest=saved.data_digest,
        kind="training set",
        context="training",
        source={"path": workspace.place(saved.path)},
        schema=saved.dtypes,
        profile={"num_rows": saved.ledger.rows_out},
    )


def run_of(workspace: Workspace, reading: ViewReader, view: ReadableView) -> str | None:
    """Return the MLflow run (or the key of the queued one) that last recorded the data of `view`."""
    key = view.run
    if view.version is None:
        view_id = view.data.view_id
        found = (workspace.journal.entries(view.name, branch=branch) for branch in (reading.branch, None))
        runs = [[entry.run for entry in entries if entry.view_id == view_id and entry.run] for entries in found]
        key = next((some[-1] for some in runs if some), None)
    return key and (workspace.tracker.delivery(key).run_id or key)


def failed_checks(workspace: Workspace, reading: ViewReader, ledger: Ledger) -> list[str]:
    """Return a sentence for each of the branch's views whose data failed a check when it was last defined."""
    found = []
    for entry in ledger.views:
        last = None if entry.version else workspace.journal.last(entry.view, branch=reading.branch)
        if last is not None and last.view_id == entry.view_id and not last.passed:
            found.append(f"View {entry.view!r} failed a check when it was defined: do not trust its values.")
    for computed in ledger.on_demand:
        last = None if computed.version else workspace.journal.last(computed.view, branch=reading.branch)
        if last is not None and last.code_hash == computed.view_id and not last.passed:
            found.append(f"View {computed.view!r} failed a check when it was defined: do not trust its values.")
    return found
