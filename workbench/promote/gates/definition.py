"""The gates on the definition as it is written: its own tests, a linter, a type checker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.pipeline import NO_TESTS, run_tests
from workbench.promote.gates.data import another, not_run
from workbench.promote.gates.result import GateResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from workbench.checks import Finding, Review
    from workbench.promote.gates.context import GateSubject

SHOWN = 10


def tests_gate(subject: GateSubject) -> GateResult:
    """Run the definition's examples and test functions; where the policy asks for some, having none is not checked."""
    wrong = another(subject)
    if wrong:
        return GateResult("tests", passed=False, view=subject.view, detail=wrong, remedy="Make the plan again.")
    try:
        check = run_tests(subject.reopened(), subject.evaluated, facts=subject.workspace.facts)
    except WorkbenchError as error:
        return not_run("tests", subject.view, error)
    if check is None and subject.policy.require_tests:
        remedy = f"Write a function test_...(view) in features/{subject.view}.py on the branch."
        detail = f"{NO_TESTS}, but [policy] on main requires tests"
        return GateResult("tests", passed=False, checked=False, view=subject.view, detail=detail, remedy=remedy)
    if check is None:
        return GateResult("tests", passed=True, applies=False, view=subject.view, detail=NO_TESTS)
    if check.passed or check.failures is None:
        return GateResult("tests", passed=check.passed, view=subject.view, detail=check.detail)
    lines = tuple(f"{test} ({where}): {says}" for test, where, says in check.failures.iter_rows())
    return GateResult(
        "tests",
        passed=False,
        view=subject.view,
        detail=check.detail,
        remedy="Correct the view or the test on the branch.",
        failures=lines,
    )


def lint_gate(subject: GateSubject) -> GateResult:
    """Ask a linter, which finds no mistake in the definition's file, or in the files of its own that it imports."""
    return lint_result(subject.view, subject.review)


def types_gate(subject: GateSubject) -> GateResult:
    """Ask a type checker, which finds no call and no value that cannot be right, in the same files."""
    return types_result(subject.view, subject.review)


def lint_result(view: str, review: Review) -> GateResult:
    """Return what the linter finds in the files of `view`."""
    return _read(view, "lint", review.lint)


def types_result(view: str, review: Review) -> GateResult:
    """Return what the type checker finds in the files of `view`."""
    return _read(view, "types", review.types)


def _read(view: str, name: str, ask: Callable[[str], Sequence[Finding]]) -> GateResult:
    try:
        findings = ask(view)
    except (WorkbenchError, UnicodeDecodeError) as error:
        return not_run(name, view, error)
    if not findings:
        return GateResult(name, passed=True, view=view, detail="no mistakes")
    count = len(findings)
    more = (f"and {count - SHOWN} more",) if count > SHOWN else ()
    return GateResult(
        name,
        passed=False,
        view=view,
        detail=f"{count} mistake{'' if count == 1 else 's'}: {findings[0]}" + (", ..." if count > 1 else ""),
        remedy="Correct them on the branch.",
        failures=(*(str(one) for one in findings[:SHOWN]), *more),
    )
