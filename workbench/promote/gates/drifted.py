"""The gate on values: those that the promotion changes stay within their budget, or are accepted by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.compare import drift
from workbench.define import load_tree
from workbench.errors import UsageError, WorkbenchError
from workbench.loop.evaluate import Evaluation
from workbench.promote.gates.accepted import reason_for
from workbench.promote.gates.result import GateResult

if TYPE_CHECKING:
    import polars as pl

    from workbench.compare import DriftReport
    from workbench.promote.gates.subject import GateSubject


def drift_gate(subject: GateSubject) -> GateResult:
    """Ask that no feature's values move farther than its budget, or than the published view's own noise.

    Only features whose values differ are judged, on the same source data. What moves farther passes where it is
    accepted by name, ``view:feature`` or ``view``.
    """
    if subject.serving is None or subject.diff is None:
        return GateResult("drift", passed=True, view=subject.view, detail="nothing to compare: it is new")
    changed = _changed(subject)
    if not changed:
        return GateResult("drift", passed=True, view=subject.view, detail="no value of a published feature differs")
    try:
        report = _measured(subject, changed)
    except UsageError as error:  # a side without rows
        return _incomparable(subject, changed, error)
    moved = [one.name for one in report.drifted]
    unmeasured = [one.name for one in report.features if one.value is None]
    reasons = {name: reason_for(subject.accept, subject.view, name) for name in [*moved, *unmeasured]}
    refused = [name for name, reason in reasons.items() if reason is None]
    if refused:
        return GateResult(
            "drift",
            passed=False,
            view=subject.view,
            detail=f"{', '.join(refused)} moved farther than allowed since version {subject.serving.number}",
            remedy=f"Look at it with `diff {subject.view}`; if it is meant, accept it by name with the reason: "
            f'accept={{"{subject.view}:{refused[0]}": "..."}}.',
            failures=tuple(report[name].sentence for name in refused),
        )
    if reasons:
        said = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        return GateResult(
            "drift",
            passed=True,
            view=subject.view,
            detail=f"{', '.join(reasons)} moved farther than allowed, accepted by name",
            failures=tuple(report[name].sentence for name in reasons),
            accepted=said,
        )
    count = len(changed)
    return GateResult(
        "drift",
        passed=True,
        view=subject.view,
        detail=f"{count} feature{'' if count == 1 else 's'} with other values, within budget: {', '.join(changed)}",
    )


def _incomparable(subject: GateSubject, changed: list[str], error: UsageError) -> GateResult:
    """Return the result for values that cannot be compared: they pass where each is accepted by name."""
    reasons = {name: reason_for(subject.accept, subject.view, name) for name in changed}
    refused = [name for name, reason in reasons.items() if reason is None]
    return GateResult(
        "drift",
        passed=not refused,
        view=subject.view,
        detail=f"not comparable: {error.message}",
        remedy=f'Accept it by name with the reason: accept={{"{subject.view}": "..."}}.' if refused else "",
        accepted=None if refused else "; ".join(f"{name}: {reason}" for name, reason in reasons.items()),
    )


def _changed(subject: GateSubject) -> list[str]:
    """Return the features that both versions have and whose values differ."""
    assert subject.diff is not None  # noqa: S101  # asked before
    features = {column.name for column in subject.evaluated.prepared.contract.features}
    return [column.name for column in subject.diff.columns if column.status == "changed" and column.name in features]


def _measured(subject: GateSubject, changed: list[str]) -> DriftReport:
    settings = subject.policy.drift
    own = {
        feature: budget
        for name, budget in settings.budgets.items()
        for view, _, feature in [name.partition(":")]
        if view == subject.view and feature in changed
    }
    whole = settings.budgets.get(subject.view, settings.budget)
    contract = subject.evaluated.prepared.contract
    return drift(
        _published(subject),
        subject.evaluated.computed.stored.frame(),
        contract=contract,
        columns=changed,
        measure=settings.measure,
        budget=whole,
        budgets=own,
        labels=(f"version {subject.serving.number}" if subject.serving else "published", subject.branch.name),
    )


def _published(subject: GateSubject) -> pl.LazyFrame:
    """Return what serves, on today's source data: by main's definition; the lake's rows where main has another one."""
    serving, rooms = subject.serving, subject.rooms
    assert serving is not None  # noqa: S101  # asked before
    after = subject.reopened()
    main = load_tree(rooms.repository, rooms.repository.resolve(rooms.trunk), cache=rooms.hidden)
    before = Evaluation(main, after.sources, rooms.cache, beside=after)
    try:
        evaluated = before.evaluate(subject.view)
    except WorkbenchError:
        evaluated = None
    if evaluated is None or evaluated.prepared.fingerprint.code_hash != serving.code_hash:
        return rooms.lake.scan(subject.view, serving.major, serving.delta_version, serving.contract)
    return evaluated.computed.stored.frame()
