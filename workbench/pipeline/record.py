"""After a view is computed: check it, describe it, record it, and say it on a card."""

from __future__ import annotations

import hashlib
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from workbench.checks import Check
from workbench.pipeline.check_cache import cached_check, cached_profile
from workbench.pipeline.probing import probe
from workbench.pipeline.result import ViewResult
from workbench.pipeline.run_record import failed_record, run_record
from workbench.pipeline.stored_data import check_stored
from workbench.pipeline.testing import NO_TESTS, started_tests
from workbench.render import Card
from workbench.tracking import Entry, Ticket

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workbench.pipeline.context import Context
    from workbench.pipeline.evaluate import Evaluated, Evaluation
    from workbench.profile import Profile
    from workbench.sources import Snapshot


class UnwrittenWarning(UserWarning):
    """What was done is done, and could not be noted."""


def finish(
    evaluation: Evaluation,
    context: Context,
    *,
    wanted: str,
    namespace: Mapping[str, Any] | None = None,
    full: bool = False,
    deep: Sequence[str] = (),
) -> ViewResult:
    """Return the result of the view `wanted`, which has been evaluated: checked, probed, recorded and drawn.

    With `full`, probes look at every entity. What is stored of the views in `deep`, this one last, is compared with a
    computation in full.
    """
    evaluated = next(e for e in evaluation.evaluated if e.prepared.view.name == wanted)
    prepared, stored = evaluated.prepared, evaluated.computed.stored
    facts = context.workspace.facts
    with ThreadPoolExecutor(max_workers=1) as beside:  # both read the view once, and neither needs the other
        profiled = beside.submit(cached_profile, facts, prepared.view_id, prepared.contract, stored.frame())
        check = cached_check(facts, prepared, stored, streamed=evaluated.streamed)
        profile = profiled.result()
    with started_tests(evaluation, evaluated, facts=facts) as tests:
        probes = probe(evaluation, evaluated, facts=facts, full=full)
        tested = tests()
    if tested is None and context.workspace.config.policy.require_tests:
        detail = f"{NO_TESTS}, but [policy] requires tests: write a function test_...(view) in the cell"
        tested = Check("tests", passed=False, checked=False, detail=detail)
    checks = (check, *probes, *([tested] if tested else []))
    if deep:
        checks = (*checks, *check_stored(context.workspace, evaluation, deep))
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


def record_failure(evaluation: Evaluation, context: Context, view: str, error: BaseException) -> None:
    """Record that the computation of `view` failed, so far as it came to have an identity."""
    prepared = evaluation.prepared.get(view)
    if prepared is not None and context.log:
        context.workspace.tracker.submit(failed_record(evaluation, context, prepared, error))


def _record(
    evaluation: Evaluation, context: Context, evaluated: Evaluated, checks: Sequence[Check], profile: Profile
) -> Ticket | None:
    """Journal the computation and submit its run; the very same computation twice has one run."""
    workspace, prepared, computed = context.workspace, evaluated.prepared, evaluated.computed
    last = workspace.journal.last(prepared.view.name, branch=context.branch)
    definition = hashlib.sha256(context.definition.encode()).hexdigest()
    states: dict[str, str] = {check.name: check.state for check in checks}
    now = (definition, prepared.view_id, states)
    same = last is not None and (last.definition, last.view_id, last.checks) == now
    ticket: Ticket | None = None
    if context.log:
        known = last.run if same and last is not None and computed.reused else None
        ticket = (
            Ticket(known, workspace.tracker)
            if known
            else workspace.tracker.submit(run_record(evaluation, context, evaluated, checks, profile))
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
        checks=states,
        definition=definition,
        run=ticket.key if ticket else None,
        sources={name: snapshot.digest for name, snapshot in sources.items()},
        versions=dict(computed.stored.record.versions),
        data_digest=computed.stored.record.digest.exact,
        rounded_digest=computed.stored.record.digest.rounded,
    )
    if not (same and last is not None and last.run == entry.run):
        try:
            workspace.journal.append(entry, prepared.fingerprint.record, list(sources.values()))
        except OSError as error:  # the view is committed and computed by now
            warnings.warn(
                f"This computation of {prepared.view.name} is not in the journal, which cannot be written: "
                f"{error.strerror or error}. Its history and `why-changed` will not show it.",
                UnwrittenWarning,
                stacklevel=6,
            )
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
    tracking = context.workspace.tracker.status() if ticket else None
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
            *evaluation.heard.get(view.name, ()),
            *([f"the stored data was wrong and was replaced: {computed.repaired}"] if computed.repaired else []),
            *(tracking.warnings if tracking else ()),
        ),
        run=run_id or ("queued" if ticket else None),
        description=view.description,
        owner=view.owner,
    )
