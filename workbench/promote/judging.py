"""`judge`: every gate of a proposal, view by view, then those that are about the promotion as a whole."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from workbench.loop.evaluate import Evaluation
from workbench.promote.gates import GateResult, GateSubject, run_gates
from workbench.promote.policy import policy_gates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.loop.rooms import Rooms
    from workbench.promote.comparison import Compared
    from workbench.promote.proposal import Proposal


def judge(rooms: Rooms, proposal: Proposal, *, shared: Mapping[str, tuple[str, ...]]) -> tuple[GateResult, ...]:
    """Return the result of every gate.

    Parameters
    ----------
    rooms
        The project's rooms.
    proposal
        What is to be published, its plan without gates.
    shared
        Published views that are not promoted although files that they are made from change, with these files.
    """
    tried = Evaluation(proposal.candidate.proposed, rooms.sources, rooms.cache, beside=proposal.evaluation)
    results = [
        result
        for name, view in proposal.views.items()
        for result in run_gates(_subject(rooms, proposal, name, view, tried))
    ]
    results += [_shared(name, files) for name, files in shared.items()]
    results += policy_of(rooms, proposal)
    return tuple(results)


def policy_of(rooms: Rooms, proposal: Proposal) -> list[GateResult]:
    """Return what main's policy says of the promotion now."""
    candidate = proposal.candidate
    return list(
        policy_gates(
            rooms,
            candidate.config.policy,
            views=(*(change.view for change in proposal.plan.changes), *candidate.sets),
            main=candidate.main,
            commit=candidate.tip,
            now=datetime.now(UTC),
        )
    )


def _subject(rooms: Rooms, proposal: Proposal, name: str, view: Compared, tried: Evaluation) -> GateSubject:
    candidate = proposal.candidate
    left_out = tuple(
        impact.name
        for impact in proposal.plan.impacts
        if impact.kind == "view" and impact.reads == name and impact.affected and not impact.included
    )
    return GateSubject(
        rooms=rooms,
        view=name,
        definitions=candidate.definitions,
        evaluated=view.evaluated,
        serving=view.serving,
        diff=view.diff if view.serving else None,
        category=view.change.category,
        merge_changed=not view.change.indirect and _merge_changed(proposal, name, view, tried),
        branch=rooms.repository.branch(candidate.branch),
        commit=candidate.tip,
        upstream=_upstream(proposal, view),
        downstream_left_out=left_out,
        policy=candidate.config.policy,
        accept=proposal.plan.accepted,
        evaluation=proposal.evaluation,
    )


def _merge_changed(proposal: Proposal, name: str, view: Compared, tried: Evaluation) -> bool:
    """Whether what would be published is not what was tried on the branch: other code, or data of other inputs."""
    if proposal.candidate.merge_changed(name):
        return True
    identity = tried.identity(name)
    return identity is not None and identity != view.change.view_id


def _upstream(proposal: Proposal, view: Compared) -> dict[str, str | None]:
    """Return, for each view that is read, the version that its readers get after the promotion; None without one."""
    found: dict[str, str | None] = {}
    candidate = proposal.candidate
    for read in view.inputs:
        if read.kind != "view":
            continue
        found[read.name] = None
        if read.name in proposal.views:
            found[read.name] = proposal.views[read.name].change.number
        elif read.name in candidate.registry:
            serving = candidate.registry.record(read.name).serving
            evaluation = proposal.evaluation
            if serving is not None and evaluation is not None:
                same = evaluation.prepare(read.name).fingerprint.code_hash == serving.code_hash
                found[read.name] = serving.number if same else None
    return found


def _shared(name: str, files: tuple[str, ...]) -> GateResult:
    return GateResult(
        "shared code",
        passed=False,
        view=name,
        detail=f"{', '.join(files)} changes, and {name}, which is published, is made from it too",
        remedy=f"Promote it with the others: add {name} to the names.",
    )
