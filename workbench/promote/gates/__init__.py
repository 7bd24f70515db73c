"""Gates: what a view must pass before it is published. One that cannot be asked fails, and says what it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.promote.gates.accepted import refuse_unknown
from workbench.promote.gates.checked import contract_gate, not_run, probes_gate
from workbench.promote.gates.drifted import drift_gate
from workbench.promote.gates.result import GateResult
from workbench.promote.gates.standing import downstream_gate, merge_gate, metadata_gate, upstream_gate
from workbench.promote.gates.subject import GateSubject
from workbench.promote.gates.written import lint_gate, tests_gate, types_gate

if TYPE_CHECKING:
    from collections.abc import Callable

GATES: tuple[tuple[str, Callable[[GateSubject], GateResult]], ...] = (
    ("contract", contract_gate),
    ("probes", probes_gate),
    ("tests", tests_gate),
    ("lint", lint_gate),
    ("types", types_gate),
    ("upstream", upstream_gate),
    ("drift", drift_gate),
    ("metadata", metadata_gate),
    ("merge", merge_gate),
    ("downstream", downstream_gate),
)

__all__ = ["GateResult", "GateSubject", "refuse_unknown", "run_gates"]


def run_gates(subject: GateSubject) -> list[GateResult]:
    """Return what each gate says of one view that is to be promoted; all are asked, whatever the others say.

    Parameters
    ----------
    subject
        The view.

    Raises
    ------
    FeatureNotFound
        Something is accepted that there is not.
    UsageError
        Something is accepted without a reason.
    """
    refuse_unknown(subject.accept, subject.definitions)
    return [_asked(name, gate, subject) for name, gate in GATES]


def _asked(name: str, gate: Callable[[GateSubject], GateResult], subject: GateSubject) -> GateResult:
    try:
        return gate(subject)
    except Exception as error:  # noqa: BLE001  # a fault of ours must stop the promotion too, and be told
        return not_run(name, subject.view, error)
