"""The gate on new source data: what a promotion publishes has not lost its rows, nor replaces data that is held."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.pipeline import cached_row_count
from workbench.promote.gates.result import GateResult
from workbench.promote.gates.waivers import reason_for
from workbench.promote.new_data import lost_rows
from workbench.promote.view_change import BREAKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.promote.gates.context import GateSubject

NAME = "new data"


def new_data_gate(subject: GateSubject) -> GateResult:
    """Ask that the sources did not lose rows since they were published, and that no data is replaced that is held.

    What the promoted definition does to the rows is not asked here: its own rows count where it is no breaking change.
    """
    serving = subject.serving
    if serving is None:
        return GateResult(
            NAME, passed=True, applies=False, view=subject.view, detail="the view has no published version"
        )
    found = tuple(_faults(subject))
    if not found:
        return GateResult(NAME, passed=True, view=subject.view, detail=f"no rows were lost since {serving.number}")
    reason = reason_for(subject.accept, subject.view, NAME)
    if reason:
        return GateResult(NAME, passed=True, view=subject.view, detail="; ".join(found), accepted=reason)
    return GateResult(
        NAME,
        passed=False,
        view=subject.view,
        detail="; ".join(found),
        remedy=f'Check the sources; if it is intended, accept it by name with a reason: accept={{"{subject.view}": '
        '"..."}.',
        acceptable=(subject.view,),
    )


def _faults(subject: GateSubject) -> Iterator[str]:
    serving, policy = subject.serving, subject.policy.new_data
    assert serving is not None  # noqa: S101 - asked of published views alone
    prepared, stored = subject.evaluated.prepared, subject.evaluated.computed.stored
    is_minor = subject.category not in BREAKING
    if policy.rows == "refuse":
        evaluation = subject.reopened()
        sources = {
            data.name: cached_row_count(
                subject.workspace.facts, data, confirm=lambda: evaluation.confirm(prepared.view)
            )
            for data in prepared.inputs
            if data.kind == "source"
        }
        rows = stored.record.rows if is_minor else serving.rows
        yield from (one.sentence for one in lost_rows(serving, rows, sources, policy))
    held = serving.held
    if held is not None and is_minor and stored.record.digest.exact != serving.data_digest:
        when = f"{held.since:%Y-%m-%d %H:%M} by {held.by}"
        yield f"it would replace the data of {serving.number}, which was rolled back {when}"
