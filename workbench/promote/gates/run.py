"""Every gate by its name, and asking all of them: view by view, then those about the promotion as a whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from workbench.checks import Review
from workbench.errors import BranchError, BranchMoved, WorkbenchError
from workbench.pipeline import Evaluation
from workbench.promote.gates.branch import downstream_gate, merge_gate, metadata_gate, upstream_gate
from workbench.promote.gates.context import GateSubject
from workbench.promote.gates.data import contract_gate, not_run, probes_gate
from workbench.promote.gates.definition import lint_gate, tests_gate, types_gate
from workbench.promote.gates.drift import drift_gate
from workbench.promote.gates.new_data import new_data_gate
from workbench.promote.gates.on_demand import CHECKS, on_demand_gates
from workbench.promote.gates.result import GateResult
from workbench.promote.gates.waivers import refuse_unknown
from workbench.promote.policy import policy_gates

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from workbench.git import Branch
    from workbench.pipeline import VersionEvaluation
    from workbench.promote.proposal import Proposal
    from workbench.promote.version_change import Compared
    from workbench.registry import Version
    from workbench.workspace import Workspace

GATES: tuple[tuple[str, Callable[[GateSubject], GateResult]], ...] = (
    ("contract", contract_gate),
    ("probes", probes_gate),
    ("tests", tests_gate),
    ("lint", lint_gate),
    ("types", types_gate),
    ("upstream", upstream_gate),
    ("drift", drift_gate),
    ("new data", new_data_gate),
    ("metadata", metadata_gate),
    ("merge", merge_gate),
    ("downstream", downstream_gate),
)


def run_gates(subject: GateSubject) -> list[GateResult]:
    """Return what each gate says of one view that is to be promoted; all are asked, whatever the others say."""
    gates = dict.fromkeys((*(name for name, _ in GATES), *CHECKS))
    refuse_unknown(subject.accept, subject.definitions, gates=tuple(gates))
    return [_run_gate(name, gate, subject) for name, gate in GATES]


def _run_gate(name: str, gate: Callable[[GateSubject], GateResult], subject: GateSubject) -> GateResult:
    try:
        return _apply_waiver(gate(subject), subject)
    except Exception as error:  # noqa: BLE001  # a fault of ours must stop the promotion too, and be told
        return not_run(name, subject.view, error)


def _apply_waiver(result: GateResult, subject: GateSubject) -> GateResult:
    """Let a gate that could not look pass where that is accepted by name; a gate that failed is no such case."""
    if result.checked or result.passed:
        return result
    name = f"{subject.view}:{result.name}"
    reason = subject.accept.get(name, "").strip()
    if reason:
        return replace(result, passed=True, accepted=reason, remedy="")
    how = f'Or accept by name, with a reason, that it is not checked: accept={{"{name}": "..."}}.'
    return replace(result, remedy=f"{result.remedy} {how}".strip(), acceptable=(name,))


def judge(workspace: Workspace, proposal: Proposal, *, shared: Mapping[str, tuple[str, ...]]) -> tuple[GateResult, ...]:
    """Return the result of every gate."""
    tried = Evaluation(proposal.candidate.proposed, workspace.sources, workspace.cache, beside=proposal.evaluation)
    names = dict.fromkeys((*(name for name, _ in GATES), *CHECKS))
    refuse_unknown(proposal.plan.accepted, proposal.candidate.definitions, gates=tuple(names))
    candidate = proposal.candidate
    review = Review(candidate.definitions.files.sources, [*proposal.views, *proposal.on_demand])
    branch = workspace.repository.branch(candidate.branch)
    results = [
        result
        for name in proposal.views
        for result in run_gates(_subject(workspace, proposal, name, tried, review=review, branch=branch))
    ]
    for compared in proposal.on_demand.values():
        results += on_demand_gates(candidate, compared, proposal.plan.accepted, review=review, branch=branch)
    results += [_shared_files_gate(name, files) for name, files in shared.items()]
    results += policy_of(workspace, proposal)
    return (*results, main_gate(workspace, proposal))


def main_gate(workspace: Workspace, proposal: Proposal) -> GateResult:
    """Ask that main can move: it has no commit that the remote lacks, and no working tree on it would lose edits."""
    repository, trunk, main = workspace.repository, workspace.trunk, proposal.plan.main
    remote = repository.remote()
    try:
        if remote is not None:
            repository.refuse_unpushed(trunk, main, remote)
        repository.refuse_lost_edits(trunk, main, proposal.plan.tree)
    except BranchMoved:
        raise
    except BranchError as error:
        return GateResult(
            trunk,
            passed=False,
            detail=error.message.rstrip("."),
            remedy=error.remedy,
            failures=tuple(line.strip() for line in error.lines),
        )
    said = f"as {remote.name} has it, and no edits are in its way" if remote else "no edits are in its way"
    return GateResult(trunk, passed=True, detail=said)


def policy_of(workspace: Workspace, proposal: Proposal) -> list[GateResult]:
    """Return what main's policy says of the promotion now."""
    candidate = proposal.candidate
    return list(
        policy_gates(
            workspace,
            candidate.config.policy,
            views=(*(change.view for change in proposal.plan.changes), *candidate.on_demand, *candidate.sets),
            main=candidate.main,
            commit=candidate.tip,
            now=datetime.now(UTC),
        )
    )


def _subject(
    workspace: Workspace, proposal: Proposal, name: str, tried: Evaluation, *, review: Review, branch: Branch
) -> GateSubject:
    candidate, view = proposal.candidate, proposal.views[name]
    left_out = tuple(impact for impact in proposal.plan.impacts if impact.reads == name and impact.in_the_way)
    return GateSubject(
        workspace=workspace,
        view=name,
        definitions=candidate.definitions,
        evaluated=view.evaluated,
        serving=view.serving,
        diff=view.diff if view.serving else None,
        category=view.change.category,
        merge_changed=not view.change.indirect and _merge_changed(name, view, tried),
        branch=branch,
        commit=candidate.tip,
        upstream=_upstream(proposal, view),
        left_out=left_out,
        policy=candidate.config.policy,
        accept=proposal.plan.accepted,
        review=review,
        evaluation=proposal.evaluation,
    )


def _merge_changed(name: str, view: Compared, tried: Evaluation) -> bool:
    """Whether what would be published is not what was tried on the branch: other code, or data of other inputs."""
    if view.evaluated.prepared.fingerprint.code_hash != tried.fingerprint(name).code_hash:
        return True
    identity = tried.identity(name)
    return identity is not None and identity != view.change.view_id


def _upstream(proposal: Proposal, view: Compared) -> dict[str, str | None]:
    """Return, for each view that is read, the version that its readers get after the promotion; None without one.

    A version counts if it has the data that was read: main may define something else than it publishes, as after a
    rollback of what that view reads itself.
    """
    found: dict[str, str | None] = {}
    candidate, published = proposal.candidate, proposal.published
    for data in view.evaluated.prepared.inputs:
        if data.kind != "view":
            continue
        found[data.name] = None
        if data.name in proposal.views:
            found[data.name] = proposal.views[data.name].change.number
        elif data.name in candidate.registry:
            serving = candidate.registry.record(data.name).serving
            if serving is not None and published is not None and _data_of(published, data.name, serving) == data.digest:
                found[data.name] = serving.number
    return found


def _data_of(published: VersionEvaluation, view: str, version: Version) -> str | None:
    """Return the digest of a version's data on today's sources; None where it cannot be computed."""
    try:
        return published.evaluate(view, version).computed.stored.record.digest.exact
    except WorkbenchError:
        return None


def _shared_files_gate(name: str, files: tuple[str, ...]) -> GateResult:
    return GateResult(
        "shared code",
        passed=False,
        view=name,
        detail=f"{', '.join(files)} changes, and {name}, which is published, uses it too",
        remedy=f"Promote them together: add {name} to the names.",
    )
