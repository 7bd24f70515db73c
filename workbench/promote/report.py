"""`PromotionReport`: what `promote` returns, for a plan as for a publish."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from workbench.render import Report, Reported, format_elapsed

if TYPE_CHECKING:
    from workbench.promote.gates.result import GateResult
    from workbench.promote.plan import Plan
    from workbench.promote.view_change import ViewChange


@dataclass(frozen=True, slots=True)
class PromotionReport(Reported):
    """A promotion: planned, refused or published.

    Attributes
    ----------
    plan
        What it does, and what the gates say.
    commit
        The commit on main; None where nothing was published.
    seconds
        How long it took, the plan included.
    saved
        Where the plan was saved as JSON.
    dry_run
        Whether only a plan was asked for.
    notes
        What could not be done after it was published.
    """

    mime_kind: ClassVar[str] = "promotion"

    plan: Plan
    commit: str | None
    seconds: float
    saved: Path | None = None
    dry_run: bool = False
    notes: tuple[str, ...] = ()

    @property
    def is_refused(self) -> bool:
        """Whether it was to be published, and was not."""
        return not self.dry_run and self.commit is None

    @property
    def passed(self) -> bool:
        """Whether every gate passed."""
        return self.plan.passed

    @property
    def changes(self) -> tuple[ViewChange, ...]:
        """The views that get, or got, a new version."""
        return self.plan.changes

    @property
    def gates(self) -> tuple[GateResult, ...]:
        """What every gate said."""
        return self.plan.gates

    @property
    def versions(self) -> dict[str, str]:
        """The new version of each view."""
        return {change.view: change.number for change in self.plan.versions}

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        return {
            "published": self.commit is not None,
            "commit": self.commit,
            "passed": self.passed,
            "seconds": round(self.seconds, 3),
            "saved": None if self.saved is None else str(self.saved),
            "versions": self.versions,
            "notes": list(self.notes),
            "plan": self.plan.to_dict(),
        }

    def report(self) -> Report:
        """Return the plan's tables, under what became of it."""
        drawn = self.plan.report()
        if self.commit is not None:
            done = (("commit", f"{self.commit[:10]} on main, in {format_elapsed(self.seconds)}"),)
            undo = tuple(
                f"To undo: rollback {c.view} --to {c.previous}" for c in self.plan.changes if c.previous is not None
            )
            return replace(
                drawn,
                title=f"Published {self.plan.names}: {self.plan.verdict}.",
                facts=(*done, *drawn.facts),
                notes=(*drawn.notes, *self.notes, *undo),
            )
        if not self.passed:
            return drawn
        saved = f" `promote --plan {display_path(self.saved)}` executes this plan." if self.saved else ""
        return replace(drawn, steps=(f"Would publish {self.plan.names}: nothing has been published yet.{saved}",))

    def __repr__(self) -> str:
        done = "published" if self.commit else "planned" if self.passed else "REFUSED"
        return f"<PromotionReport {', '.join(f'{v} {n}' for v, n in self.versions.items())}: {done}>"


def display_path(path: Path) -> Path:
    """Return `path` from the working directory where it is below, else as it is."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
