"""After a view is computed: check it, describe it, record it, and say it on a card."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from workbench.loop.facts import failed_record, run_record
from workbench.loop.journal import Entry
from workbench.loop.probing import probe
from workbench.loop.remember import remembered_check, remembered_profile
from workbench.loop.result import ViewResult
from workbench.loop.testing import run_tests
from workbench.track import Ticket
from workbench.widgets import Card

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workbench.check import Check
    from workbench.compare import Profile
    from workbench.loop.context import Context
    from workbench.loop.evaluate import Evaluated, Evaluation
    from workbench.sources import Snapshot


def finish(
    evaluation: Evaluation,
    context: Context,
    *,
    wanted: str,
    namespace: Mapping[str, Any] | None = None,
    full: bool = False,
) -> ViewResult:
    """Return the result of the view `wanted`, which has been evaluated: checked, probed, recorded and drawn.

    With `full`, probes look at every entity.
    """
    evaluated = next(e for e in evaluation.evaluated if e.prepared.view.name == wanted)
    prepared, stored = evaluated.prepared, evaluated.computed.stored
    facts = context.rooms.hidden / "facts"
    with ThreadPoolExecutor(max_workers=1) as beside:  # both read the view once, and neither needs the other
        profiled = beside.submit(remembered_profile, facts, prepared.view_id, prepared.contract, stored.path)
        check = remembered_check(facts, prepared, stored)
        profile = profiled.result()
    tested = run_tests(evaluation, evaluated, facts=facts)
    checks = (check, *probe(evaluation, evaluated, facts=facts, full=full), *([tested] if tested else []))
    ticket = _record(evaluation, context, evaluated, checks, profile)
    card = _card(evaluation, context, evaluated, checks, profile, ticket)
    return ViewResult(
        view=wanted,
        branch=context.branch,
        commit=context.commit,
        view_id=evaluated.prepared.view_id,
        reused=bool(evaluated.computed.reused),
        rows=evaluated.computed.stored.record.rows,
        seconds=evaluated.computed.seconds,
        checks=checks,
        profile=profile,
        card=card,
        namespace=namespace or {},
        ticket=ticket,
    )


def failed(evaluation: Evaluation, context: Context, view: str, error: BaseException) -> None:
    """Record that the computation of `view` failed, so far as it came to have an identity."""
    prepared = evaluation.prepared.get(view)
    if prepared is not None and context.log:
        context.rooms.tracker.submit(failed_record(evaluation, context, prepared, error))


def _record(
    evaluation: Evaluation, context: Context, evaluated: Evaluated, checks: Sequence[Check], profile: Profile
) -> Ticket | None:
    """Journal the computation and submit its run; the very same computation twice has one run."""
    rooms, prepared, computed = context.rooms, evaluated.prepared, evaluated.computed
    last = rooms.journal.last(prepared.view.name, branch=context.branch)
    definition = hashlib.sha256(context.definition.encode()).hexdigest()
    passed = all(check.passed for check in checks)
    now = (definition, prepared.view_id, passed)
    same = last is not None and (last.definition, last.view_id, last.passed) == now
    ticket: Ticket | None = None
    if context.log:
        known = last.run if same and last is not None and computed.reused else None
        ticket = (
            Ticket(known, rooms.tracker)
            if known
            else rooms.tracker.submit(run_record(evaluation, context, evaluated, checks, profile))
        )
    sources = _sources(evaluation, prepared.view.name)
    entry = Entry(
        at=datetime.now(UTC),
        view=prepared.view.name,
        branch=context.branch,
        commit=context.commit,
        view_id=prepared.view_id,
        code_hash=prepared.fingerprint.code_hash,
        parameters=prepared.parameters,
        inputs=prepared.digests,
        passed=passed,
        definition=definition,
        run=ticket.key if ticket else None,
        sources={name: snapshot.digest for name, snapshot in sources.items()},
        versions=dict(computed.stored.record.versions),
        data_digest=computed.stored.record.digest.view,
    )
    if not (same and last is not None and last.run == entry.run):
        taken = [snapshot.to_dict() for snapshot in sources.values()]
        rooms.journal.append(entry, prepared.fingerprint.record.to_dict(), taken)
    return ticket


def _sources(evaluation: Evaluation, view: str) -> dict[str, Snapshot]:
    """Return the snapshots of the sources behind `view`, those of the views it uses included."""
    views = evaluation.definitions.order([view], evaluation.sources.names())
    read = {name for each in views for name in evaluation.definitions.view(each).inputs}
    return {name: snapshot for name, snapshot in evaluation.snapshots.items() if name in read}


def _card(
    evaluation: Evaluation,
    context: Context,
    evaluated: Evaluated,
    checks: tuple[Check, ...],
    profile: Profile,
    ticket: Ticket | None,
) -> Card:
    view, computed = evaluated.prepared.view, evaluated.computed
    tracking = context.rooms.tracker.status() if ticket else None
    run_id = ticket.poll().run_id if ticket else None
    return Card(
        view=view.name,
        branch=context.branch,
        commit=context.commit,
        view_id=evaluated.prepared.view_id,
        status="refactoring: reused" if computed.reused == "plan" else "reused" if computed.reused else "computed",
        seconds=computed.seconds,
        rows=computed.stored.record.rows,
        period=profile.period,
        entities=profile.entities,
        features=profile.features,
        checks=checks,
        warnings=(
            *(f"{warning.source}: {warning.message}" for warning in evaluation.warnings),
            *(tracking.warnings if tracking else ()),
        ),
        run=run_id or ("queued" if ticket else None),
        description=view.description,
        owner=view.owner,
    )
