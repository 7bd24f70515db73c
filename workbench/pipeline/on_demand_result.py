"""After an on-demand view is tried: describe what it gave on the sample, record it, and say it on a card."""

from __future__ import annotations

import hashlib
import json
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from workbench.compute import versions
from workbench.fingerprint import parameters_of
from workbench.pipeline.record import UnwrittenWarning
from workbench.pipeline.result import ViewResult
from workbench.pipeline.run_record import origin
from workbench.profile import profile
from workbench.render import Card
from workbench.tracking import Entry, Ticket, ViewFacts, record_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workbench.checks import Check
    from workbench.pipeline.context import Context
    from workbench.pipeline.on_demand import PreparedOnDemand


def finish_on_demand(
    prepared: PreparedOnDemand, context: Context, *, seconds: float, namespace: Mapping[str, Any] | None = None
) -> ViewResult:
    """Return the result of an on-demand view that was tried: checked, recorded and drawn; rows are the sample's."""
    checks = prepared.checks()
    view, found = prepared.view, profile(prepared.output, prepared.contract)
    ticket = _submit(prepared, context, checks, seconds) if context.log else None
    _note(prepared, context, checks, ticket)
    status = context.workspace.tracker.status() if ticket else None
    request = ", ".join(f"{each.name} ({each.dtype})" for each in view.request) or "no request"
    reads = ", ".join(map(str, view.reads)) or "no stored features"
    card = Card(
        view=view.name,
        branch=context.branch,
        commit=context.commit,
        view_id=prepared.identity,
        seconds=seconds,
        rows=found.rows,
        features=found.features,
        checks=checks,
        warnings=status.warnings if status else (),
        run=(ticket.poll().run_id or "queued") if ticket else None,
        description=view.description,
        owner=view.owner,
        notes=(f"computed on demand from {reads} and {request}; nothing is stored, the rows are a sample",),
    )
    return ViewResult(
        view=view.name,
        branch=context.branch,
        commit=context.commit,
        view_id=prepared.identity,
        reused=False,
        rows=found.rows,
        seconds=seconds,
        checks=checks,
        profile=found,
        card=card,
        namespace=namespace or {},
        ticket=ticket,
    )


def _note(prepared: PreparedOnDemand, context: Context, checks: Sequence[Check], ticket: Ticket | None) -> None:
    """Journal what was found, so that whoever reads the view on its branch is told of a check that failed."""
    entry = Entry(
        at=datetime.now(UTC),
        view=prepared.view.name,
        branch=context.branch,
        commit=context.commit,
        view_id=prepared.identity,
        code_hash=prepared.fingerprint.code_hash,
        parameters=parameters_of(prepared.view),
        checks={check.name: check.state for check in checks},
        definition=hashlib.sha256(context.definition.encode()).hexdigest(),
        run=ticket.key if ticket else None,
        versions=dict(versions()),
    )
    try:
        context.workspace.journal.append(entry, prepared.fingerprint.record)
    except OSError as error:  # the view is committed by now
        warnings.warn(
            f"{prepared.view.name} is not in the journal, which cannot be written: {error.strerror or error}.",
            UnwrittenWarning,
            stacklevel=5,
        )


def _submit(prepared: PreparedOnDemand, context: Context, checks: Sequence[Check], seconds: float) -> Ticket:
    workspace, view = context.workspace, prepared.view
    experiment = workspace.repository.branch(context.branch) if workspace.repository.exists(context.branch) else None
    declared = view.to_dict()
    facts = ViewFacts(
        project=workspace.config.project.name,
        view=view.name,
        branch=context.branch,
        commit=context.commit,
        view_id=prepared.identity,
        code_hash=prepared.fingerprint.code_hash,
        contract_hash=prepared.contract.hash,
        metadata_hash=prepared.metadata_hash,
        started=datetime.now(UTC),
        seconds=seconds,
        status="failed" if any(check.failed for check in checks) else "passed",
        objective=experiment.objective if experiment else None,
        hypothesis=experiment.hypothesis if experiment else None,
        declared_metrics=experiment.metrics if experiment else (),
        tags={**view.tags, **(experiment.tags if experiment else {})},
        user=workspace.repository.identity(),
        origin=origin(),
        checks={check.name: check.state for check in checks},
        parameters=view.parameters,
        settings={
            "owner": view.owner,
            "reads": ", ".join(map(str, view.reads)),
            "request": ", ".join(each.name for each in view.request),
        },
        versions=versions(),
        columns={column.name: str(column.dtype) for column in prepared.contract.columns},
        artifacts={
            "definition.py": context.definition,
            "contract.json": json.dumps(prepared.contract.to_dict(), indent=2, sort_keys=True, default=str) + "\n",
            "lineage.json": json.dumps(declared, indent=2, sort_keys=True, default=str) + "\n",
        },
    )
    return workspace.tracker.submit(record_of(facts))
