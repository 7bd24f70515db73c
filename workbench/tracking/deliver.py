"""One record to MLflow, in few calls, each of which may be repeated after a crash.

Only the sender's process uses this: importing MLflow takes seconds.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from workbench.tracking.journal import REGISTERED_TAG
from workbench.tracking.limits import DIGEST_LENGTH, batches
from workbench.tracking.paths import Places, Target
from workbench.tracking.runs import DatasetRecord, RunRecord
from workbench.tracking.tables import TABLES_TAG, joined_tables
from workbench.tracking.tags import IDENTITY, KEY_TAG, identity_text, shown_tags

if TYPE_CHECKING:
    from mlflow.entities import RunData
    from mlflow.tracking import MlflowClient

SOURCE_TYPE = "workbench"
"""What MLflow calls our dataset sources; the plugin reads them back."""

_NAME, _NOTE = "mlflow.runName", "mlflow.note.content"
_KIND, _TRAINING = "mlflow.experimentKind", "custom_model_development"
"""Without it the UI guesses what an experiment is for, and may show it as one of chat traces."""
_FIRST_TAGS = 90
_METRICS_PER_BATCH = 800
_PERMANENT = frozenset({"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "RESOURCE_ALREADY_EXISTS", "MALFORMED_REQUEST"})
_COLUMN_TYPES = {
    "Boolean": "boolean",
    "Int8": "integer",
    "Int16": "integer",
    "Int32": "integer",
    "UInt8": "integer",
    "UInt16": "integer",
    "Int64": "long",
    "UInt32": "long",
    "UInt64": "long",
    "Float32": "float",
    "Float64": "double",
    "Binary": "binary",
    "Date": "datetime",
}


class Delivered(NamedTuple):
    """Where a record arrived, and the record with what others logged to its run."""

    run_id: str
    experiment_id: str
    record: RunRecord


class Deliverer:
    """Sends records to one MLflow store.

    Parameters
    ----------
    target
        The store.
    places
        The project's files; its root is noted in dataset sources.
    """

    def __init__(self, target: Target, *, places: Places) -> None:
        from mlflow.tracking import MlflowClient

        self.target = target
        self._root = str(places.root)
        self._files = places.files
        self._client: MlflowClient = MlflowClient(tracking_uri=target.uri, registry_uri=target.uri)
        self._experiments: dict[str, str] = {}

    def ping(self) -> None:
        """Make sure that the store answers; a new database gets its tables."""
        self._client.get_experiment_by_name("Default")

    def deliver(self, record: RunRecord, *, attempted: bool) -> Delivered:
        """Make MLflow hold `record` exactly once."""
        run = self._run(record, look=attempted)
        if record.begun:
            record = _beside(record, run.data)
        if run.info.lifecycle_stage == "active":
            self._fill(record, run.info.run_id)
        if record.begun:
            record = _with_logged(record, self._client.get_run(run.info.run_id).data)
            record = replace(record, tags={**record.tags, **self._registered(run.info.run_id)})
        return Delivered(run.info.run_id, run.info.experiment_id, record)

    def begin(self, record: RunRecord) -> Any:
        """Return MLflow's run for `record`, which is still being written: made, unless it is there."""
        return self._run(record, look=True)

    def _run(self, record: RunRecord, *, look: bool) -> Any:
        try:
            experiment = self._experiment(record.experiment)
            found = self._find(record.key, experiment) if look else None
            return found or self._create(record, experiment)
        except Exception:
            self._experiments.clear()  # it may have been deleted meanwhile
            raise

    def _experiment(self, name: str) -> str:
        """Return the experiment's id; made if absent, restored if somebody deleted it."""
        if name in self._experiments:
            return self._experiments[name]
        found = self._client.get_experiment_by_name(name)
        if found is None:
            tags = {_KIND: _TRAINING}
            found_id = self._client.create_experiment(name, artifact_location=self._artifacts(name), tags=tags)
        else:
            found_id = found.experiment_id
            if _KIND not in found.tags:
                self._client.set_experiment_tag(found_id, _KIND, _TRAINING)
            if found.lifecycle_stage == "deleted":
                self._client.restore_experiment(found_id)
                print(f"experiment {name!r} had been deleted in MLflow and is restored", flush=True)
        self._experiments[name] = str(found_id)
        return self._experiments[name]

    def _artifacts(self, name: str) -> str | None:
        return self.target.artifacts and f"{self.target.artifacts}/{_folder(name)}"

    def _find(self, key: str, experiment: str) -> Any | None:
        from mlflow.entities import ViewType

        filter_string = f"tags.`{KEY_TAG}` = '{key}'"
        runs = self._client.search_runs([experiment], filter_string, run_view_type=ViewType.ALL, max_results=1)
        return runs[0] if runs else None

    def _create(self, record: RunRecord, experiment: str) -> Any:
        tags = dict(islice(_tags(record).items(), _FIRST_TAGS))
        return self._client.create_run(experiment, start_time=record.start, tags=tags, run_name=record.name)

    def _fill(self, record: RunRecord, run_id: str) -> None:
        """Log all but the tags that the run was made with; every call may be repeated."""
        from mlflow.entities import Metric, Param, RunTag

        metrics = (
            Metric(key, value, at, step)
            for key in _metrics_in_order(record)
            for step, value, at in record.history.get(key) or ((0, record.metrics[key], record.end),)
        )
        params = batches(record.params)
        first = 0 if record.begun else _FIRST_TAGS
        tags = batches(dict(islice(_tags(record).items(), first, None)), count=10)
        while True:
            some_metrics = list(islice(metrics, _METRICS_PER_BATCH))
            some_params = [Param(key, value) for key, value in next(params, {}).items()]
            some_tags = [RunTag(key, value) for key, value in next(tags, {}).items()]
            if not (some_metrics or some_params or some_tags):
                break
            self._client.log_batch(run_id, metrics=some_metrics, params=some_params, tags=some_tags, synchronous=True)
        if record.datasets:
            self._client.log_inputs(run_id, [self._input(dataset) for dataset in record.datasets])
        identity = identity_text(record)
        for path, text in (record.artifacts if identity is None else {**record.artifacts, IDENTITY: identity}).items():
            self._client.log_text(run_id, text, path)
        for path in record.files:
            self._client.log_artifact(run_id, str(self._files(record.key) / path), posixpath.dirname(path) or None)
        self._client.set_terminated(run_id, status=record.status, end_time=record.end)

    def _registered(self, run_id: str) -> dict[str, str]:
        """Return the versions of registered models that were made from a run, as tags; none without a registry."""
        from mlflow.exceptions import MlflowException

        found: dict[str, list[int]] = {}
        try:
            for each in self._client.search_model_versions(f"run_id = '{run_id}'"):
                found.setdefault(each.name, []).append(int(each.version))
        except MlflowException as error:
            print(f"the model registry does not answer: {error}", flush=True)
        return {f"{REGISTERED_TAG}{name}": ", ".join(map(str, sorted(versions))) for name, versions in found.items()}

    def _input(self, dataset: DatasetRecord) -> Any:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        source = {**dataset.source, "kind": dataset.kind, "name": dataset.name, "root": self._root}
        entity = Dataset(
            name=dataset.name,
            digest=dataset.digest[:DIGEST_LENGTH],
            source_type=SOURCE_TYPE,
            source=json.dumps(source | {"digest": dataset.digest}),
            schema=_schema(dataset.schema),
            profile=json.dumps(dict(dataset.profile)) if dataset.profile else None,
        )
        return DatasetInput(entity, [InputTag("mlflow.data.context", dataset.context)])


def _beside(record: RunRecord, data: RunData) -> RunRecord:
    """Return what of `record` is to be logged to a run to which others have logged `data`: theirs stays.

    MLflow refuses another value of a parameter; ours is kept as ``workbench.<name>`` then.
    """
    params = {
        key if data.params.get(key, value) == value else f"workbench.{key}": value
        for key, value in record.params.items()
    }
    theirs = {key for key in data.tags if key.startswith("mlflow.")} - {TABLES_TAG}
    tags = {key: value for key, value in record.tags.items() if key not in theirs}
    if TABLES_TAG in tags:
        tags[TABLES_TAG] = joined_tables(data.tags.get(TABLES_TAG), tags[TABLES_TAG])
    note = data.tags.get(_NOTE, record.note)
    return replace(record, params=params, tags=tags, note=note, name=data.tags.get(_NAME, record.name))


def _with_logged(record: RunRecord, data: RunData) -> RunRecord:
    """Return `record` with the parameters, metrics and tags that its run has in MLflow."""
    ours = _tags(record)
    tags = {key: value for key, value in data.tags.items() if not key.startswith("mlflow.") and key not in ours}
    return replace(
        record,
        params={**data.params, **record.params},
        metrics={**data.metrics, **record.metrics},
        tags={**tags, **record.tags},
    )


def _metrics_in_order(record: RunRecord) -> list[str]:
    """Return the metrics, what the experiment is judged by first: MLflow's compare page draws the first of a run."""
    declared = record.tags.get("workbench.metrics", "").split(", ")
    keys = dict.fromkeys((*record.metrics, *record.history))
    return sorted(keys, key=lambda key: (key not in declared, key.startswith("run/")))


def is_permanent(error: Exception) -> bool:
    """Return whether MLflow refused the record itself, so that trying again cannot help."""
    return getattr(error, "error_code", None) in _PERMANENT


def _tags(record: RunRecord) -> dict[str, str]:
    """Return the run's tags, the key first: `_find` must work however few were written."""
    ours = {KEY_TAG: record.key, _NAME: record.name, "project": record.project}
    if record.user:
        ours["mlflow.user"] = record.user
    if record.note:
        ours[_NOTE] = record.note
    return ours | {key: value for key, value in shown_tags(record).items() if key not in ours}


def _schema(columns: Mapping[str, str]) -> str | None:
    """Return the columns as MLflow's UI shows them."""
    if not columns:
        return None
    shown = [{"type": _column_type(dtype), "name": name, "required": True} for name, dtype in columns.items()]
    return json.dumps({"mlflow_colspec": shown})[:1_000_000]


def _folder(experiment: str) -> str:
    """Return a folder name for `experiment`, which may hold what leads elsewhere or what MLflow decodes."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", experiment)[:80]
    return plain if plain == experiment else f"{plain}-{hashlib.sha256(experiment.encode()).hexdigest()[:8]}"


def _column_type(dtype: str) -> str:
    return "datetime" if dtype.startswith("Datetime") else _COLUMN_TYPES.get(dtype, "string")
