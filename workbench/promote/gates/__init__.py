"""Gates: what a view must pass before it is published. One that cannot be asked fails, and says what it needs.

One that had nothing to look at is not checked: it stops the promotion until ``view:gate`` is accepted with a reason.
"""

from __future__ import annotations

from workbench.promote.gates.context import GateSubject
from workbench.promote.gates.result import GateResult, GateState
from workbench.promote.gates.run import GATES, run_gates
from workbench.promote.gates.waivers import refuse_unknown

__all__ = [
    "GATES",
    "GateResult",
    "GateState",
    "GateSubject",
    "refuse_unknown",
    "run_gates",
]
