"""The gates on the view's data: its contract and its probes. What passed for exactly this data is not asked twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.pipeline import cached_check, probe
from workbench.promote.gates.result import GateResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import polars as pl

    from workbench.checks import Check
    from workbench.promote.gates.context import GateSubject

SHOWN = 5


def contract_gate(subject: GateSubject) -> GateResult:
    """Ask for the candidate's contract; a check that passed counts for this view id and this contract alone."""

    def ask() -> Sequence[Check]:
        prepared, stored = subject.evaluated.prepared, subject.evaluated.computed.stored
        return [cached_check(subject.workspace.facts, prepared, stored)]

    return _run_check(subject, "contract", ask, remedy="Correct the view, or its FeatureModel, on the branch.")


def probes_gate(subject: GateSubject) -> GateResult:
    """Ask for the probes of every entity: no value of the future, of chance, of other entities, none older."""

    def ask() -> Sequence[Check]:
        return probe(subject.reopened(), subject.evaluated, facts=subject.workspace.facts, full=True)

    return _run_check(
        subject, "probes", ask, remedy="Correct the view on the branch: the card of its cell shows the rows."
    )


def _run_check(subject: GateSubject, name: str, ask: Callable[[], Sequence[Check]], *, remedy: str) -> GateResult:
    wrong = another(subject)
    if wrong:
        return GateResult(name, passed=False, view=subject.view, detail=wrong, remedy="Make the plan again.")
    try:
        checks = ask()
    except WorkbenchError as error:
        return not_run(name, subject.view, error)
    failed = [check for check in checks if check.failed]
    unseen = [check for check in checks if not check.checked]
    if failed:
        said = _describe_checks(checks, failed)
        lines = tuple(line for check in failed for line in rows_of(check))
        return GateResult(name, passed=False, view=subject.view, detail=said, remedy=remedy, failures=lines)
    if unseen:
        return GateResult(name, passed=False, checked=False, view=subject.view, detail=_describe_checks(checks, unseen))
    said = checks[0].detail if len(checks) == 1 else f"{', '.join(check.name for check in checks)} hold"
    return GateResult(name, passed=True, view=subject.view, detail=said)


def _describe_checks(checks: Sequence[Check], some: Sequence[Check]) -> str:
    """Return what `some` of `checks` say, each after its name where there are several."""
    return "; ".join(check.detail if len(checks) == 1 else f"{check.name}: {check.detail}" for check in some)


def not_run(name: str, view: str | None, error: Exception) -> GateResult:
    """Return the result of a gate that could not be evaluated: it stops the promotion."""
    remedy = error.remedy if isinstance(error, WorkbenchError) else ""
    message = error.message if isinstance(error, WorkbenchError) else f"{type(error).__name__}: {error}"
    lines = error.lines if isinstance(error, WorkbenchError) else ()
    return GateResult(
        name,
        passed=False,
        view=view,
        detail=f"could not be evaluated: {message}",
        remedy=remedy or "Correct that, then promote again.",
        failures=tuple(lines),
    )


def rows_of(check: Check) -> tuple[str, ...]:
    """Return the first failing rows of a check as lines, ``carrier=UA: delay = -120: is below -90``."""
    return () if check.failures is None else tuple(_line(row) for row in _rows(check.failures))


def _rows(failures: pl.DataFrame) -> list[dict[str, object]]:
    return list(failures.head(SHOWN).iter_rows(named=True))


def _line(row: dict[str, object]) -> str:
    """Return a row as its keys, its column and what is the matter with it: by rule, or on both sides of a probe."""
    names = list(row)
    place = names.index("column") if "column" in names else len(names)
    keys = ", ".join(f"{name}={_said(row[name])}" for name in names[:place] if row[name] is not None)
    sides = [f"{name} {_said(row[name])}" for name in names[place + 1 :] if name not in {"value", "reason"}]
    value = f" = {row['value']}" if row.get("value") is not None else ""
    told = ", ".join(sides) or row.get("reason") or ""
    said = f"{row.get('column') or ''}{value}: {told}".removesuffix(": ")
    return f"{keys}: {said}" if keys else said


def _said(value: object) -> str:
    return str(value).removesuffix("+00:00")


def another(subject: GateSubject) -> str:
    """Return why the data is not the candidate's; empty where it is."""
    prepared = subject.evaluated.prepared
    stored = subject.evaluated.computed.stored
    if prepared.view is not subject.definitions.view(subject.view):
        return "the data was computed from a different definition"
    if stored.view_id != prepared.view_id:
        return "the data does not belong to the definition's view id"
    return ""
