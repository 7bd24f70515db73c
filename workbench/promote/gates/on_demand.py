"""The gates on an on-demand view: what its checks say, lint and types, what it reads, what is said of it, its merge."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.promote.gates.data import not_run, rows_of
from workbench.promote.gates.definition import lint_result, types_result
from workbench.promote.gates.result import GateResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.checks import Check, Review
    from workbench.git import Branch
    from workbench.promote.merge import MergedTree
    from workbench.promote.on_demand_change import ComparedOnDemand

CHECKS = ("contract", "row-wise", "determinism", "examples")


def on_demand_gates(
    proposed: MergedTree, view: ComparedOnDemand, accept: Mapping[str, str], *, review: Review, branch: Branch
) -> list[GateResult]:
    """Return what each gate says of one on-demand view of `branch` that is to be promoted."""
    name = view.change.view
    try:
        checks = {check.name: check for check in view.prepared.checks()}
    except Exception as error:  # noqa: BLE001 - a fault must stop the promotion too, and be told
        return [not_run("contract", name, error)]
    results = [_of_check(proposed, view, each, checks.get(each)) for each in CHECKS]
    results += [
        lint_result(name, review),
        types_result(name, review),
        _upstream(view),
        _metadata(proposed, view, branch),
        _merge(proposed, name),
    ]
    return [_accepted(result, accept) for result in results]


def _of_check(proposed: MergedTree, view: ComparedOnDemand, name: str, check: Check | None) -> GateResult:
    about = view.change.view
    if check is None:
        required = proposed.config.policy.require_tests
        detail = "no examples" + (", but [policy] on main requires tests" if required else "")
        remedy = "Write @on_demand(..., examples=[example(...)])." if required else ""
        return GateResult(
            name, passed=not required, view=about, detail=detail, remedy=remedy, checked=not required, applies=required
        )
    remedy = "" if check.passed else "Correct the view, its FeatureModel or its examples on the branch."
    return GateResult(
        name,
        passed=check.passed,
        view=about,
        detail=check.detail,
        remedy=remedy if check.checked else "Give examples, on which it can be checked.",
        failures=rows_of(check),
        checked=check.checked,
    )


def _upstream(view: ComparedOnDemand) -> GateResult:
    read = ", ".join(view.change.reads.values()) or "no stored features"
    return GateResult("upstream", passed=True, view=view.change.view, detail=f"reads {read}")


def _metadata(proposed: MergedTree, view: ComparedOnDemand, branch: Branch) -> GateResult:
    name, declared = view.change.view, view.prepared.view
    if not proposed.config.policy.require_metadata:
        detail = "not required by [policy] on main"
        return GateResult("metadata", passed=True, applies=False, view=name, detail=detail)
    wanted = {
        "an objective": (branch.objective, f'%feature branch {branch.name} --objective "..."'),
        "an owner": (declared.owner, '@on_demand(..., owner="...")'),
        "a description": (declared.description, "a docstring, or @on_demand(..., description=...)"),
    }
    missing = {what: how for what, (said, how) in wanted.items() if not (said or "").strip()}
    if missing:
        detail, remedy = f"missing: {', '.join(missing)}", f"Write {'; '.join(missing.values())}."
        return GateResult("metadata", passed=False, view=name, detail=detail, remedy=remedy)
    return GateResult("metadata", passed=True, view=name, detail=f"owner {declared.owner}; objective and description")


def _merge(proposed: MergedTree, name: str) -> GateResult:
    if proposed.on_demand_merge_changed(name):
        return GateResult(
            "merge",
            passed=False,
            view=name,
            detail=f"merged with main, its code differs from {proposed.branch}, where it was checked",
            remedy=f"Merge main into {proposed.branch}, check the view there, then promote again.",
        )
    return GateResult("merge", passed=True, view=name, detail="merged with main, its code is the same")


def _accepted(result: GateResult, accept: Mapping[str, str]) -> GateResult:
    """Let a gate that could not look pass where that is accepted by name."""
    if result.checked or result.passed:
        return result
    name = f"{result.view}:{result.name}"
    reason = accept.get(name, "").strip()
    if reason:
        return replace(result, passed=True, accepted=reason, remedy="")
    how = f'Or accept by name, with a reason, that it is not checked: accept={{"{name}": "..."}}.'
    return replace(result, remedy=f"{result.remedy} {how}".strip(), acceptable=(name,))
