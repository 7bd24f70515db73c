"""What MLflow is told of a saved training set, and what was recorded of the views that were read."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from workbench.errors import BranchError
from workbench.loop.facts import origin
from workbench.registry import VersionNumber
from workbench.track import DatasetRecord, RunRecord

if TYPE_CHECKING:
    from workbench.loop.rooms import Rooms
    from workbench.serve.ledger import Ledger
    from workbench.serve.saved import SavedTrainingSet, SourceView
    from workbench.serve.served import Reading, ServedView

TAG = "workbench.training_set"


def training_run(rooms: Rooms, saved: SavedTrainingSet) -> RunRecord:
    """Return the MLflow run of `saved`: its views and itself as datasets, what was asked for, and the row ledger."""
    at = round(saved.created_at.timestamp() * 1000)
    asked = saved.question
    user = ""
    with suppress(BranchError):  # nothing is committed: without an identity the run is nobody's
        user = rooms.repository.identity()
    return RunRecord(
        key=saved.run,
        project=rooms.config.project.name,
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
        datasets=(*_views(rooms, saved), _itself(rooms, saved)),
        artifacts={"training_set.json": json.dumps(saved.to_dict(), indent=2) + "\n"},
        note=f"Training set **{saved.name}** of `{saved.branch}` at `{saved.commit[:10]}`\n\n"
        f"{saved.ledger.rows_out:,} rows of {', '.join(map(str, asked.features))}",
    )


def _views(rooms: Rooms, saved: SavedTrainingSet) -> list[DatasetRecord]:
    return [
        DatasetRecord(
            name=view.label,
            digest=view.data_digest,
            kind="view",
            context="view",
            source={**_place(rooms, view), "view_id": view.view_id},
        )
        for view in saved.views
    ]


def _place(rooms: Rooms, view: SourceView) -> dict[str, object]:
    """Return what reads the view's rows back."""
    if view.version is not None:
        table = rooms.lake.table(view.view, VersionNumber.parse(view.version).major)
        return {"uri": table.uri, "version": view.delta_version}
    stored = rooms.cache.get(view.view_id)
    return {} if stored is None else {"path": str(stored.path.relative_to(rooms.root))}


def _itself(rooms: Rooms, saved: SavedTrainingSet) -> DatasetRecord:
    return DatasetRecord(
        name=saved.name,
        digest=saved.data_digest,
        kind="training set",
        context="training",
        source={"path": str(saved.path.relative_to(rooms.root))},
        schema=saved.columns,
        profile={"num_rows": saved.ledger.rows_out},
    )


def run_of(rooms: Rooms, reading: Reading, view: ServedView) -> str | None:
    """Return the MLflow run (or the key of the queued one) that last recorded the data of `view`."""
    key = view.run
    if view.version is None:
        view_id = view.data.view_id
        entries = [e for e in rooms.journal.entries(view.name) if e.view_id == view_id and e.run]
        own = [entry for entry in entries if entry.branch == reading.branch] or entries
        key = own[-1].run if own else None
    return key and (rooms.tracker.delivery(key).run_id or key)


def failed_checks(rooms: Rooms, reading: Reading, ledger: Ledger) -> list[str]:
    """Return a sentence for each of the branch's views whose data failed a check when it was last defined."""
    found = []
    for entry in ledger.views:
        last = None if entry.version else rooms.journal.last(entry.view, branch=reading.branch)
        if last is not None and last.view_id == entry.view_id and not last.passed:
            found.append(f"View {entry.view!r} failed a check when it was defined: its values are not to be trusted.")
    return found
