"""`GateResult`: what one gate says of a promotion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from workbench.records import to_plain

GateState = Literal["pass", "accepted", "fail", "not checked", "not applicable"]


@dataclass(frozen=True, slots=True)
class GateResult:
    """The result of one gate.

    Attributes
    ----------
    name
        Which gate: one of `GATES`; or of the policy ``promoters``, ``approvals``, ``freeze``, ``train``,
        ``signatures``.
    passed
        Whether the promotion may go on. False where it was not `checked`, unless that is `accepted`.
    detail
        One sentence about what was found, without a full stop.
    view
        Whose gate it is; None where it is about the promotion as a whole.
    remedy
        What to do where it did not pass.
    failures
        What is in the way, one line each.
    accepted
        The reason that somebody gave for going on although something is in the way; None where nothing was.
    checked
        Whether there was anything to look at. What could not be checked is accepted by ``view:gate``.
    applies
        Whether the gate has anything to ask of this view. One that has not stands in nobody's way.
    acceptable
        The names by which somebody may accept, with a reason, what is in the way; empty where nobody may.

    Raises
    ------
    ValueError
        For a gate that passed although it was neither checked nor accepted.

    Examples
    --------
    >>> GateResult("lint", passed=False, detail="1 mistake", view="spend", remedy="Correct it.").sentence
    'lint of spend: 1 mistake. Correct it.'
    """

    name: str
    passed: bool
    detail: str
    view: str | None = None
    remedy: str = ""
    failures: tuple[str, ...] = ()
    accepted: str | None = None
    checked: bool = True
    applies: bool = True
    acceptable: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.passed and not self.checked and not self.accepted:
            raise ValueError(f"the gate {self.name!r} cannot pass without being checked or accepted")

    @property
    def state(self) -> GateState:
        """``pass``, ``accepted``, ``fail``, ``not checked`` or ``not applicable``."""
        if not self.passed:
            return "fail" if self.checked else "not checked"
        return "accepted" if self.accepted else "pass" if self.applies else "not applicable"

    @property
    def refusal(self) -> str:
        """What it says, with what is in the way on lines of its own."""
        return "\n".join([self.sentence, *(f"    {failure}" for failure in self.failures)])

    @property
    def sentence(self) -> str:
        """What it says, for people."""
        about = f"{self.name} of {self.view}" if self.view else self.name
        said = f"{about}: {self.detail.rstrip('.')}."
        return said if self.passed or not self.remedy else f"{said} {self.remedy}"

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values."""
        plain: dict[str, Any] = to_plain(self)
        return plain | {"state": self.state}
