"""Gates: what a view must pass before it is published. One that cannot be asked fails, and says what it needs.

One that had nothing to look at is not checked: it stops the promotion until ``view:gate`` is accepted with a reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.lazy import loading

if TYPE_CHECKING:
    from workbench.promote.gates.context import GateSubject
    from workbench.promote.gates.result import GateResult, GateState
    from workbench.promote.gates.run import GATES, run_gates
    from workbench.promote.gates.waivers import refuse_unknown

_HOMES = {
    "context": ("GateSubject",),
    "result": ("GateResult", "GateState"),
    "run": ("GATES", "run_gates"),
    "waivers": ("refuse_unknown",),
}
__getattr__, __dir__ = loading(__name__, _HOMES)

__all__ = [
    "GATES",
    "GateResult",
    "GateState",
    "GateSubject",
    "refuse_unknown",
    "run_gates",
]
