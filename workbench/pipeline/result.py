"""What a cell, a verb or `project.define` returns: one computed view."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from workbench.render import Card, card_html, card_text, format_elapsed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.checks import Check
    from workbench.profile import Profile
    from workbench.tracking import Ticket

NOTHING = "This branch does not have feature views yet: write one in a %%feature cell."


@dataclass(frozen=True, slots=True, repr=False)
class ViewResult:
    """A view that was computed or reused, with its checks and its MLflow run.

    Attributes
    ----------
    view, branch, commit, view_id
        Which definition, where, at which commit, and the address of its data.
    reused
        Whether the data was there already.
    rows, seconds
        Rows of the view; seconds spent computing it (0 where reused).
    checks
        What was checked, each with ``name, passed, detail, failures``.
    profile
        The view's numbers: nulls, quantiles, histograms of each feature.
    namespace
        What the cell defined, by name.
    """

    view: str
    branch: str
    commit: str
    view_id: str
    reused: bool
    rows: int
    seconds: float
    checks: tuple[Check, ...]
    profile: Profile
    card: Card
    namespace: Mapping[str, Any] = field(default_factory=dict)
    ticket: Ticket | None = None

    @property
    def passed(self) -> bool:
        """Whether no check failed; one that was not checked is in `not_checked`."""
        return not any(check.failed for check in self.checks)

    @property
    def failed(self) -> tuple[str, ...]:
        """What each failed check says, after its name."""
        return tuple(f"{check.name}: {check.detail}" for check in self.checks if check.failed)

    @property
    def not_checked(self) -> tuple[str, ...]:
        """Why each check that could not look was not checked, after its name."""
        return tuple(f"{check.name}: {check.detail}" for check in self.checks if not check.checked)

    @property
    def run_id(self) -> str | None:
        """The id of the MLflow run; waits up to a minute while it is being sent, then `None`."""
        return None if self.ticket is None else self.ticket.run_id(timeout=60)

    def with_run(self, run_id: str | None) -> ViewResult:
        """Return the result with `run_id` on its card, where it is known."""
        return self if run_id is None else replace(self, card=replace(self.card, run=run_id))

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values; ``run_id`` is null while the run is still on its way."""
        return {
            "view": self.view,
            "branch": self.branch,
            "commit": self.commit,
            "view_id": self.view_id,
            "reused": self.reused,
            "rows": self.rows,
            "seconds": round(self.seconds, 6),
            "passed": self.passed,
            "checks": [check.to_dict() for check in self.checks],
            "profile": self.profile.to_dict(),
            "warnings": list(self.card.warnings),
            "run_id": None if self.ticket is None else self.ticket.poll().run_id,
        }

    def __repr__(self) -> str:
        how = "reused" if self.reused else f"computed in {format_elapsed(self.seconds)}"
        return f"<ViewResult {self.view} on {self.branch}: {self.rows:,} rows, {how}, {self.card.verdict}>"

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        from workbench.render import render_text

        return {"text/html": card_html(self.card), "text/plain": render_text(card_text(self.card))}

    def __rich__(self) -> Any:
        return card_text(self.card)


@dataclass(frozen=True, slots=True)
class ResultList:
    """Several results, shown one below the other."""

    results: tuple[ViewResult, ...]

    @property
    def passed(self) -> bool:
        """Whether no check of any view failed."""
        return all(result.passed for result in self.results)

    def to_dict(self) -> dict[str, Any]:
        """Return the results as JSON-ready values."""
        return {"passed": self.passed, "views": [result.to_dict() for result in self.results]}

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        bundles = [result._repr_mimebundle_() for result in self.results] or [
            {"text/html": NOTHING, "text/plain": NOTHING}
        ]
        return {kind: "\n".join(bundle[kind] for bundle in bundles) for kind in ("text/html", "text/plain")}

    def __rich__(self) -> Any:
        from rich.console import Group

        return Group(*(card_text(result.card) for result in self.results)) if self.results else NOTHING
