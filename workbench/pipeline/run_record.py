"""The MLflow run and the lineage of a computed view."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.tracking import SourceFacts, ViewFacts, record_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.checks import Check
    from workbench.pipeline.context import Context
    from workbench.pipeline.evaluate import Evaluated, Evaluation, Prepared
    from workbench.profile import FeatureProfile, Profile
    from workbench.sources import Snapshot
    from workbench.tracking import RunRecord

STATISTICS = ("mean", "std", "min", "max")
SETTINGS = ("entities", "event_time", "created", "scope", "ttl", "lookback", "owner")


def origin() -> str:
    """Return where this was run from: the notebook's path where its front end tells it, else the program's name."""
    path = os.environ.get("JPY_SESSION_NAME") or getattr(sys.modules.get("__main__"), "__vsc_ipynb_file__", None)
    program = Path(sys.argv[0] or "python").name
    return path or ("a notebook" if program == "ipykernel_launcher.py" else program)


def lineage_of(evaluation: Evaluation, evaluated: Evaluated, *, branch: str, commit: str) -> dict[str, Any]:
    """Return what a view is made from, as JSON-ready values: identities, inputs with their digests, versions."""
    prepared = evaluated.prepared
    record = evaluated.computed.stored.record
    return {
        "view": prepared.view.name,
        "view_id": prepared.view_id,
        "branch": branch,
        "commit": commit,
        "code_hash": prepared.fingerprint.code_hash,
        "contract_hash": prepared.contract.hash,
        "metadata_hash": prepared.metadata_hash,
        "plan_hash": record.plan_hash,
        "parameters": prepared.parameters,
        "data_digest": record.digest.exact,
        "inputs": [
            {
                "name": data.name,
                "kind": data.kind,
                "digest": data.digest,
                "snapshot": _snapshot(evaluation.snapshots.get(data.name)),
            }
            for data in prepared.inputs
        ],
        "versions": dict(record.versions),
    }


def _snapshot(snapshot: Snapshot | None) -> dict[str, Any] | None:
    if snapshot is None:
        return None
    return {"kind": snapshot.kind, "digest": snapshot.digest, "detail": snapshot.detail}


def run_record(
    evaluation: Evaluation, context: Context, evaluated: Evaluated, checks: Sequence[Check], profile: Profile
) -> RunRecord:
    """Return the MLflow run of a computed and checked view."""
    prepared, computed = evaluated.prepared, evaluated.computed
    record = computed.stored.record
    lineage = lineage_of(evaluation, evaluated, branch=context.branch, commit=context.commit)
    return record_of(
        _facts(
            context,
            prepared,
            evaluation,
            started=datetime.now(UTC) - timedelta(seconds=computed.seconds),
            seconds=computed.seconds,
            status="failed" if any(check.failed for check in checks) else "passed",
            rows=record.rows,
            reused=computed.reused,
            features={feature.name: _statistics(feature, profile.rows) for feature in profile.features},
            checks={check.name: check.state for check in checks},
            columns={column.name: str(column.dtype) for column in prepared.contract.columns},
            data=context.workspace.place(computed.stored.place),
            data_digest=record.digest.exact,
            versions=record.versions,
            artifacts={
                "definition.py": context.definition,
                "contract.json": _json(prepared.contract.to_dict()),
                "lineage.json": _json(lineage),
                "profile.json": _json(profile.to_dict()),
            },
        )
    )


def failed_record(evaluation: Evaluation, context: Context, prepared: Prepared, error: BaseException) -> RunRecord:
    """Return the MLflow run of a view whose computation failed or was interrupted."""
    return record_of(
        _facts(
            context,
            prepared,
            evaluation,
            started=datetime.now(UTC),
            status="failed",
            checks={"computed": "fail"},
            artifacts={"definition.py": context.definition, "error.txt": f"{type(error).__name__}: {error}\n"},
        )
    )


def _facts(context: Context, prepared: Prepared, evaluation: Evaluation, **facts: Any) -> ViewFacts:
    workspace = context.workspace
    experiment = workspace.repository.branch(context.branch) if workspace.repository.exists(context.branch) else None
    declared = prepared.view.to_dict()
    return ViewFacts(
        project=workspace.config.project.name,
        view=prepared.view.name,
        branch=context.branch,
        commit=context.commit,
        view_id=prepared.view_id,
        code_hash=prepared.fingerprint.code_hash,
        contract_hash=prepared.contract.hash,
        metadata_hash=prepared.metadata_hash,
        objective=experiment.objective if experiment else None,
        hypothesis=experiment.hypothesis if experiment else None,
        declared_metrics=experiment.metrics if experiment else (),
        tags={**prepared.view.tags, **(experiment.tags if experiment else {})},
        user=workspace.repository.identity(),
        origin=origin(),
        sources=tuple(
            SourceFacts(name=name, digest=snapshot.digest, kind=snapshot.kind, place=snapshot.detail)
            for name, snapshot in evaluation.snapshots.items()
        ),
        upstream={data.name: data.digest for data in prepared.inputs if data.kind == "view"},
        parameters=prepared.view.parameters,
        settings={name: declared[name] for name in SETTINGS},
        **facts,
    )


def _statistics(feature: FeatureProfile, rows: int) -> dict[str, float | None]:
    """Return the numbers of one feature that MLflow compares; what is not a number is left out."""
    shares = {"null_share": feature.nulls / rows, "nan_share": feature.nans / rows} if rows else {}
    numbers = {name: _number(getattr(feature, name)) for name in STATISTICS}
    quantiles = {name: _number(value) for name, value in (feature.quantiles or {}).items()}
    return {**shares, **numbers, **quantiles}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _json(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True, default=str) + "\n"
