"""From the facts of a computed view to a run that reads well in MLflow.

What was chosen are parameters (branch, code, contract, parameters, sources), what came out are metrics (rows, seconds,
one number for each feature and statistic), what identifies or explains it are tags. So MLflow's compare page with "show
diff only" tells what changed and what it did.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from workbench.tracking.runs import DatasetRecord, RunRecord, RunStatus
from workbench.tracking.tables import TABLES_TAG, table_text, tables_tag

_SHORT = 12
"""Characters of a hash in a parameter: enough to differ, short enough to read; the tag has the whole."""
STATISTICS = "feature_statistics.json"
CHECK_WORDS = {"pass": "passed", "fail": "failed"}
"""How the tag of a check says its state; ``not checked`` says itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFacts:
    """A source's data as a view read it.

    Parameters
    ----------
    name, digest, kind
        As in the source's snapshot: ``files``, ``delta`` or ``query``.
    place
        What reads it back: ``path`` or ``paths`` relative to the project, ``uri`` and ``version``, or ``sql``.
    """

    name: str
    digest: str
    kind: str = "files"
    place: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewFacts:
    """What is known after a view was computed and checked; absent facts are left out of the run.

    Parameters
    ----------
    project, experiment
        The project, and the MLflow experiment (empty: the tracker's).
    view, branch, commit
        What was computed, and which definition.
    view_id, code_hash, contract_hash, metadata_hash
        Its identities, hexadecimal.
    status
        ``passed`` or ``failed`` by its checks.
    started, seconds
        When it began (UTC) and how long it took.
    rows
        Rows computed.
    reused
        False, or why nothing was computed: ``view id`` or ``plan``.
    objective, hypothesis, declared_metrics
        Of the branch's experiment.
    tags
        The user's.
    user
        Git's identity.
    origin
        Where it was run from: a notebook's name, ``cli``, ...
    repository
        URL of the git remote.
    features
        Statistic to number for each feature: ``{"delay_mean_7d": {"mean": 6.9, "null_share": 0.0}}``.
    results
        The user's own metrics, e.g. ``{"rmse": 12.3}``.
    checks
        Name to ``pass``, ``fail`` or ``not checked``.
    sources
        What was read from sources.
    upstream
        Digest of each view that was read.
    parameters
        The view's keyword-only parameters.
    settings
        ``entities``, ``ttl``, ``lookback``, ``owner``, ...: what the decorator says.
    versions
        Of Python, Polars, the workbench.
    columns
        Column to dtype of the computed view.
    data
        Path of the computed view relative to the project.
    data_digest
        Of the computed view.
    artifacts
        Texts, under their fixed names ``definition.py``, ``contract.json``, ``lineage.json``, ``profile.json``; the
        table ``feature_statistics.json`` is added from `features`.
    """

    project: str
    view: str
    branch: str
    started: datetime
    experiment: str = ""
    commit: str | None = None
    view_id: str | None = None
    code_hash: str | None = None
    contract_hash: str | None = None
    metadata_hash: str | None = None
    status: Literal["passed", "failed"] = "passed"
    seconds: float = 0.0
    rows: int | None = None
    reused: Literal[False, "view id", "plan"] = False
    objective: str | None = None
    hypothesis: str | None = None
    declared_metrics: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    origin: str = "workbench"
    repository: str | None = None
    features: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    results: Mapping[str, float] = field(default_factory=dict)
    checks: Mapping[str, str] = field(default_factory=dict)
    sources: tuple[SourceFacts, ...] = ()
    upstream: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    data: str | None = None
    data_digest: str | None = None
    artifacts: Mapping[str, str] = field(default_factory=dict)


def record_of(facts: ViewFacts) -> RunRecord:
    """Return the run that tells `facts` in MLflow."""
    status: RunStatus = "FINISHED" if facts.status == "passed" else "FAILED"
    start = round(facts.started.timestamp() * 1000)
    return RunRecord(
        project=facts.project,
        experiment=facts.experiment,
        name=facts.view,
        status=status,
        start=start,
        end=start + round(facts.seconds * 1000),
        user=facts.user,
        tags=_tags(facts),
        params=_params(facts),
        metrics=_metrics(facts),
        datasets=_datasets(facts),
        artifacts={**facts.artifacts, **_tables(facts)},
        note=_note(facts),
    )


def _tags(facts: ViewFacts) -> dict[str, str]:
    ours: dict[str, str | None] = {
        "mlflow.source.name": facts.origin,
        "mlflow.source.type": "NOTEBOOK" if facts.origin.endswith(".ipynb") else "LOCAL",
        "mlflow.source.git.commit": facts.commit,
        "mlflow.source.git.branch": facts.branch,
        "mlflow.source.git.repoURL": facts.repository,
        "workbench.view": facts.view,
        "workbench.branch": facts.branch,
        "workbench.status": facts.status,
        "workbench.reused": facts.reused or "no",
        "workbench.view_id": facts.view_id,
        "workbench.code_hash": facts.code_hash,
        "workbench.contract_hash": facts.contract_hash,
        "workbench.metadata_hash": facts.metadata_hash,
        "workbench.data_digest": facts.data_digest,
        "workbench.objective": facts.objective,
        "workbench.hypothesis": facts.hypothesis,
        "workbench.metrics": ", ".join(facts.declared_metrics),
        TABLES_TAG: tables_tag(STATISTICS) if facts.features else None,
    }
    ours |= {f"workbench.source.{source.name}": source.digest for source in facts.sources}
    ours |= {f"workbench.upstream.{name}": digest for name, digest in facts.upstream.items()}
    ours |= {f"workbench.checks.{name}": CHECK_WORDS.get(state, state) for name, state in facts.checks.items()}
    ours |= {f"workbench.version.{name}": version for name, version in facts.versions.items()}
    return {**facts.tags, **{key: value for key, value in ours.items() if value}}


def _params(facts: ViewFacts) -> dict[str, str]:
    chosen = {
        "view": facts.view,
        "branch": facts.branch,
        "code": (facts.code_hash or "")[:_SHORT],
        "contract": (facts.contract_hash or "")[:_SHORT],
    }
    chosen |= {f"setting.{name}": _text(value) for name, value in facts.settings.items() if value is not None}
    chosen |= {f"parameter.{name}": _text(value) for name, value in facts.parameters.items()}
    chosen |= {f"source.{source.name}": source.digest[:_SHORT] for source in facts.sources}
    chosen |= {f"upstream.{name}": digest[:_SHORT] for name, digest in facts.upstream.items()}
    return {name: value for name, value in chosen.items() if value}


def _metrics(facts: ViewFacts) -> dict[str, float]:
    numbers = {
        "run/seconds": facts.seconds,
        "run/reused": float(bool(facts.reused)),
        "checks/failed": float(_count(facts, "fail")),
        "checks/not_checked": float(_count(facts, "not checked")),
    }
    if facts.rows is not None:
        numbers["run/rows"] = float(facts.rows)
    for feature, statistics in facts.features.items():
        for statistic, value in statistics.items():
            if value is not None:
                numbers[f"{facts.view}.{feature}/{statistic}"] = float(value)
    return numbers | {name: float(value) for name, value in facts.results.items()}


def _datasets(facts: ViewFacts) -> tuple[DatasetRecord, ...]:
    read = [
        DatasetRecord(name=source.name, digest=source.digest, kind=source.kind, context="source", source=source.place)
        for source in facts.sources
    ]
    if facts.data is None:
        return tuple(read)
    digest = facts.data_digest or facts.view_id or ""
    computed = DatasetRecord(
        name=facts.view,
        digest=digest,
        kind="view",
        context="view",
        source={"path": facts.data, "view_id": facts.view_id},
        schema=facts.columns,
        profile={} if facts.rows is None else {"num_rows": facts.rows},
    )
    return (*read, computed)


def _tables(facts: ViewFacts) -> dict[str, str]:
    """Return one row a feature with its statistics, under the same path in every run."""
    if not facts.features:
        return {}
    names = tuple(dict.fromkeys(name for found in facts.features.values() for name in found))
    rows = [(feature, *(found.get(name) for name in names)) for feature, found in facts.features.items()]
    return {STATISTICS: table_text(("feature", *names), rows)}


def _note(facts: ViewFacts) -> str:
    """Return the run's description: what was tried, what came out, what failed."""
    lines = [f"**{facts.view}** on `{facts.branch}`" + (f" at `{facts.commit[:10]}`" if facts.commit else "")]
    lines += [f"Objective: {facts.objective}"] if facts.objective else []
    lines += [f"Hypothesis: {facts.hypothesis}"] if facts.hypothesis else []
    how = f"reused by {facts.reused}" if facts.reused else f"computed in {facts.seconds:.2f} s"
    lines.append(how + (f", {facts.rows:,} rows" if facts.rows is not None else ""))
    for title, state in (("Failed checks", "fail"), ("Not checked", "not checked")):
        names = [name for name, found in facts.checks.items() if found == state]
        lines += [f"{title}: {', '.join(names)}"] if names else []
    return "\n\n".join(lines)


def _count(facts: ViewFacts, state: str) -> int:
    return sum(found == state for found in facts.checks.values())


def _text(value: Any) -> str:
    """Return `value` the same on every run, so that equal settings compare equal."""
    if isinstance(value, str):
        return value
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=str)
    return json.dumps(value, default=str, sort_keys=True)
