"""`Card`: everything that the result card of one computed view says, however it is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import polars as pl

if TYPE_CHECKING:
    from workbench.checks import Check, State
    from workbench.profile import FeatureProfile

Status = Literal["computed", "reused", "refactoring: reused", "failed"]


@dataclass(frozen=True, slots=True)
class Card:
    """What happened to one view.

    Attributes
    ----------
    view, branch, commit, view_id
        Which definition, where, and the address of its data; ids may be given in full.
    status
        ``computed``, ``reused``, ``refactoring: reused`` (the code differs, the plan does not) or ``failed``.
    seconds
        How long it took.
    rows, period, entities
        Size of the view, its first and last event time, its number of entities; `None` where there is none.
    features, checks
        Their profiles, in the contract's order, and what was checked.
    warnings, notes
        What deserves attention, and what is good to know.
    against_main
        How the view differs from what is published, in a few words.
    run
        The MLflow run: its address, its id, or ``queued``.
    description, owner
        As the view says.
    """

    view: str
    branch: str
    commit: str
    view_id: str
    status: Status = "computed"
    seconds: float = 0.0
    rows: int = 0
    period: tuple[datetime, datetime] | None = None
    entities: int | None = None
    features: tuple[FeatureProfile, ...] = ()
    checks: tuple[Check, ...] = ()
    warnings: tuple[str, ...] = ()
    against_main: str | None = None
    run: str | None = None
    description: str = ""
    owner: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.failed)

    @property
    def not_checked(self) -> tuple[Check, ...]:
        """The checks that could not look."""
        return tuple(check for check in self.checks if not check.checked)

    @property
    def ranked(self) -> tuple[Check, ...]:
        """All checks: those that failed, those that could not look, those that passed."""
        return (*self.failed, *self.not_checked, *(check for check in self.checks if check.passed))

    @property
    def state(self) -> State:
        """What the worst of the checks says; ``fail`` where the view was not computed."""
        if self.status == "failed" or self.failed:
            return "fail"
        return "not checked" if self.not_checked or not self.checks else "pass"

    @property
    def verdict(self) -> str:
        """One phrase about the checks."""
        if self.status == "failed":
            return "not computed"
        if not self.checks:
            return "not checked"
        count, failed, unseen = len(self.checks), len(self.failed), len(self.not_checked)
        left = [f"{unseen} not checked"] if unseen else []
        if failed:
            return ", ".join([f"{failed} of {count} check{'s' if count > 1 else ''} failed", *left])
        passed = count - unseen
        if not passed:
            return "not checked"
        return ", ".join(["check passed" if count == 1 else f"{passed} check{'s' if passed > 1 else ''} passed", *left])


SENTENCES = ("reason", "says")
"""The columns of failing rows that hold sentences; all others are values."""


def groups(failures: pl.DataFrame, limit: int) -> tuple[tuple[str, pl.DataFrame], ...]:
    """Return at most `limit` failing rows; those that fail for one reason together, after the reason.

    Where no reason is that of several rows, it stays in its column.
    """
    rows = some(failures, limit)
    named = [name for name in ("column", "reason") if name in rows.columns]
    if "reason" not in named or rows.height == rows["reason"].n_unique():
        return (("", rows),)
    parts = rows.with_columns(pl.col(named).fill_null("")).partition_by(named, maintain_order=True)
    return tuple((": ".join(filter(None, part.select(named).row(0))), part.drop(named)) for part in parts)


def some(failures: pl.DataFrame, limit: int) -> pl.DataFrame:
    """Return at most `limit` of a check's failing rows, in their order, some from each rule that is broken."""
    if failures.height <= limit or not {"column", "reason"} <= set(failures.columns):
        return failures.head(limit)
    turn = pl.int_range(pl.len()).over("column", "reason")
    chosen = failures.select(turn.alias("turn")).with_row_index("place").sort("turn", "place").head(limit)
    return failures[chosen["place"].sort()]
