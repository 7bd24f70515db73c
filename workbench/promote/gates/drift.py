"""The gate on values: those that the promotion changes stay within their budget, or are accepted by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.comparison import Limits
from workbench.errors import MemoryLimit, UsageError
from workbench.promote.gates.result import GateResult
from workbench.promote.gates.waivers import reason_for

if TYPE_CHECKING:
    from workbench.diff import Side, ViewDiff
    from workbench.drift import DriftReport
    from workbench.promote.gates.context import GateSubject

_NAMED = 3
"""How many features a remedy names; of more it names the view."""


def drift_gate(subject: GateSubject) -> GateResult:
    """Ask that no feature's values move far: in the rows that both versions have, and where one has others by budget.

    Only features whose values differ are judged, on the same source data. What moves farther, or cannot be judged,
    passes where it is accepted by name, ``view:feature`` or ``view``.
    """
    diff, serving = subject.diff, subject.serving
    if serving is None or diff is None or diff.left is None or diff.right is None:
        detail = "the view is new; there is nothing to compare"
        return GateResult("drift", passed=True, applies=False, view=subject.view, detail=detail)
    changed = _changed_features(diff, diff.left, diff.right)
    if not changed:
        return GateResult("drift", passed=True, view=subject.view, detail="no value of a published feature differs")
    try:
        report = _measure(subject, diff.left, diff.right, changed)
    except UsageError as error:  # a side without rows
        return _incomparable(subject, changed, error)
    except MemoryLimit as error:
        return GateResult(
            "drift",
            passed=False,
            checked=False,
            view=subject.view,
            detail=error.message.rstrip("."),
            remedy=error.remedy,
        )
    moved = [one.name for one in report.drifted]
    unjudged = [one.name for one in report.unjudged]
    reasons = {name: reason_for(subject.accept, subject.view, name) for name in [*moved, *unjudged]}
    refused = [name for name in moved if reasons[name] is None]
    unknown = [name for name in unjudged if reasons[name] is None]
    if refused:
        acceptable = tuple(f"{subject.view}:{name}" for name in [*refused, *unknown])
        named = acceptable if len(acceptable) <= _NAMED else (subject.view,)
        accept = ", ".join(f'"{name}": "..."' for name in named)
        return GateResult(
            "drift",
            passed=False,
            view=subject.view,
            detail=f"{', '.join(refused)} drifted beyond the limit since version {serving.number}",
            remedy=f"Inspect it with `diff {subject.view}`; if it is intended, accept it by name with a reason: "
            f"accept={{{accept}}}.",
            failures=tuple(report[name].sentence for name in [*refused, *unknown]),
            acceptable=acceptable,
        )
    if unknown:
        return GateResult(
            "drift",
            passed=False,
            checked=False,
            view=subject.view,
            detail=f"whether {', '.join(unknown)} drifted beyond the limit cannot be judged",
            remedy=f"Inspect it with `diff {subject.view}`.",
            failures=tuple(report[name].sentence for name in unknown),
        )
    if reasons:
        said = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        return GateResult(
            "drift",
            passed=True,
            view=subject.view,
            detail=f"{', '.join(reasons)} drifted beyond the limit, or cannot be judged; accepted by name",
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
        remedy=f'Accept it by name with a reason: accept={{"{subject.view}": "..."}}.' if refused else "",
        acceptable=(subject.view,) if refused else (),
        accepted=None if refused else "; ".join(f"{name}: {reason}" for name, reason in reasons.items()),
    )


def _changed_features(diff: ViewDiff, left: Side, right: Side) -> list[str]:
    """Return the features that both versions have and whose values differ; with other rows that is any of them."""
    names = {column.name for column in left.contract.features} & {column.name for column in right.contract.features}
    if not diff.grain or diff.rows.added or diff.rows.removed:
        return [name for name in right.values if name in names]
    return [column.name for column in diff.columns if column.status in {"changed", "retyped"} and column.name in names]


def _measure(subject: GateSubject, left: Side, right: Side, changed: list[str]) -> DriftReport:
    limits = Limits.of(subject.policy.drift, subject.view, changed)
    return limits.judge_drift((left, right), changed, facts=subject.workspace.facts)
