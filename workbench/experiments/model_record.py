"""The record of an experiment's run for MLflow, and what we read back from it.

What a model was trained on are parameters (features, training set, data), so that the compare page with "show diff
only" tells it beside the model's own parameters; identities are tags, and the tables ``features.json`` and
``metrics.json`` have one name in every run, so that MLflow sets them side by side.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from workbench.errors import BranchError
from workbench.pipeline import origin
from workbench.records import from_json, to_json
from workbench.tracking import (
    MODEL_TAG,
    TABLES_TAG,
    TRAINING,
    DatasetRecord,
    Event,
    RunRecord,
    TrainingFacts,
    table_text,
    tables_tag,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workbench.git import Branch
    from workbench.tracking import Facts, Measured, ReadView
    from workbench.workspace import Workspace

_SHORT = 12
FEATURES, METRICS = "features.json", "metrics.json"
OWN_PARAMS = ("experiment", "branch", "features", "training_set", "rows", "label", "data", "spine")
"""Parameters that say what a model was trained on; a user's own may not have these names."""


def opening_record(
    workspace: Workspace, name: str, branch: Branch, *, tags: Mapping[str, str] | None = None
) -> RunRecord:
    """Return the run of the experiment `name` as it begins on `branch`."""
    at = time.time_ns() // 1_000_000
    user = ""
    with suppress(BranchError):  # nothing is committed: without an identity the run is nobody's
        user = workspace.repository.identity()
    place = origin()
    ours: dict[str, str | None] = {
        MODEL_TAG: name,
        "mlflow.source.name": place,
        "mlflow.source.type": "NOTEBOOK" if place.endswith(".ipynb") else "LOCAL",
        "mlflow.source.git.commit": branch.tip,
        "mlflow.source.git.branch": branch.name,
        "workbench.branch": branch.name,
        "workbench.objective": branch.objective,
        "workbench.hypothesis": branch.hypothesis,
        "workbench.metrics": ", ".join(branch.metrics),
    }
    note = [f"**{name}** on `{branch.name}` at `{branch.tip[:10]}`"]
    note += [f"Objective: {branch.objective}"] if branch.objective else []
    note += [f"Hypothesis: {branch.hypothesis}"] if branch.hypothesis else []
    return RunRecord(
        project=workspace.config.project.name,
        experiment="",
        name=name,
        start=at,
        end=at,
        status="KILLED",
        user=user,
        tags={**branch.tags, **{key: value for key, value in ours.items() if value}, **(tags or {})},
        params={"experiment": name, "branch": branch.name},
        note="\n\n".join(note),
    )


def training_event(workspace: Workspace, used: Sequence[TrainingFacts]) -> Event:
    """Return what is logged of everything that a model was trained on so far."""
    views = {(view.label, view.view_id): view for facts in used for view in facts.views}
    computed = {(view.label, view.view_id): view for facts in used for view in facts.computed}
    references = tuple(dict.fromkeys(reference for facts in used for reference in facts.references))
    sets = [facts for facts in used if facts.data_digest]
    params = {
        "features": ", ".join(references),
        "training_set": ", ".join(facts.name for facts in sets if facts.name),
        "rows": ", ".join(str(facts.rows) for facts in sets),
        "label": ", ".join(dict.fromkeys(facts.label for facts in sets if facts.label)),
        "data": ", ".join(facts.data_digest[:_SHORT] for facts in sets),
        "spine": ", ".join(dict.fromkeys(facts.spine_digest[:_SHORT] for facts in sets)),
    }
    params |= {f"view.{view.label}": view.view_id[:_SHORT] for view in (*views.values(), *computed.values())}
    tags = {
        "workbench.training_set": params["training_set"],
        "workbench.data_digest": ", ".join(facts.data_digest for facts in sets),
        "workbench.spine_digest": ", ".join(dict.fromkeys(facts.spine_digest for facts in sets)),
        "workbench.training_commit": ", ".join(dict.fromkeys(facts.commit for facts in used)),
    }
    for view in (*views.values(), *computed.values()):
        tags[f"workbench.view_id.{view.label}"] = view.view_id
        tags[f"workbench.features.{view.label}"] = ", ".join(view.features)
        tags[f"workbench.upstream.{view.label}"] = view.data_digest
    return Event(
        tags={key: value for key, value in tags.items() if value} | {TABLES_TAG: tables_tag(FEATURES, METRICS)},
        params={key: value for key, value in params.items() if value},
        datasets=(*(_view(workspace, view) for view in views.values()), *map(_training_set, sets)),
        artifacts={
            TRAINING: to_json(used, indent=1) + "\n",
            FEATURES: table_text(
                ("feature", "version", "view id"), _feature_rows((*views.values(), *computed.values()))
            ),
        },
    )


def metrics_event(measured: Sequence[Measured]) -> Event:
    """Return the table of everything that was measured, to be logged at the end."""
    columns = ("metric", "seed", "fold", "step", "value")
    last = {(each.name, each.seed, each.fold, each.step): each for each in measured}
    rows = [(each.name, each.seed, each.fold, each.step, each.value) for each in last.values()]
    return Event(artifacts={METRICS: table_text(columns, rows)}, tags={TABLES_TAG: tables_tag(FEATURES, METRICS)})


def training_of_run(facts: Facts) -> tuple[TrainingFacts, ...]:
    """Return what the model of a run was trained on; nothing where it did not say, or cannot be read."""
    return training_of_side([facts.artifacts[TRAINING]]) if TRAINING in facts.artifacts else ()


def training_of_side(texts: Sequence[str]) -> tuple[TrainingFacts, ...]:
    """Return what several models were trained on, from the artifacts of their runs; what cannot be read is left out."""
    found: list[TrainingFacts] = []
    for text in texts:
        with suppress(ValueError):
            found += from_json(text, list[TrainingFacts])
    return tuple(found)


def _feature_rows(views: Any) -> list[tuple[str, str | None, str]]:
    return [(f"{view.view}:{feature}", view.version, view.view_id) for view in views for feature in view.features]


def _view(workspace: Workspace, view: ReadView) -> DatasetRecord:
    stored = workspace.cache.get(view.view_id)
    place = {} if stored is None else {"path": workspace.place(stored.place)}
    source = {**place, "view_id": view.view_id, "version": view.version}
    return DatasetRecord(name=view.label, digest=view.data_digest, kind="view", context="view", source=source)


def _training_set(facts: TrainingFacts) -> DatasetRecord:
    return DatasetRecord(
        name=facts.title,
        digest=facts.data_digest,
        kind="training set",
        context="training",
        source={} if facts.path is None else {"path": facts.path},
        schema=facts.columns,
        profile={} if facts.rows is None else {"num_rows": facts.rows},
    )
