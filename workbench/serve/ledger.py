"""`Ledger`: what became of every row of a training set, view by view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.widgets import Report, Reported, Table

if TYPE_CHECKING:
    from collections.abc import Mapping


class LowMatchWarning(UserWarning):
    """A view had a value for fewer of the spine's rows than the project wants."""


class FailedCheckWarning(UserWarning):
    """A training set has values of a view that failed a check when it was defined."""


@dataclass(frozen=True, slots=True)
class ViewLedger:
    """What one view gave to the rows of a training set.

    Parameters
    ----------
    view, view_id
        The view, and the address of the data that was joined.
    features
        Its features that were asked for.
    matched
        Rows for which it had a value that held; among them `null` rows where one of the features is null.
    expired
        Rows whose newest value was older than the view's ttl.
    missing
        Rows for which it had no value known by then; among them `unasked` rows without a key or a time.
    """

    view: str
    view_id: str
    features: tuple[str, ...]
    matched: int
    expired: int
    missing: int
    null: int
    unasked: int

    @property
    def rows(self) -> int:
        """Rows of the training set: matched, expired and missing together."""
        return self.matched + self.expired + self.missing

    @property
    def share(self) -> float:
        """The share of rows that matched; 1 where there are no rows."""
        return self.matched / self.rows if self.rows else 1.0

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as JSON-ready values."""
        return {
            "view": self.view,
            "view_id": self.view_id,
            "features": list(self.features),
            "matched": self.matched,
            "expired": self.expired,
            "missing": self.missing,
            "null": self.null,
            "unasked": self.unasked,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ViewLedger:
        """Return the entry that `to_dict` described."""
        return cls(**{**values, "features": tuple(values["features"])})


@dataclass(frozen=True, slots=True)
class Ledger(Reported):
    """The row ledger of one training set.

    Parameters
    ----------
    branch, commit
        Whose views were read.
    rows_in, rows_out
        Rows of the spine, and of the training set: always the same number.
    views
        What each view gave.
    minimum
        The share of rows that a view must match, or a warning is given.
    """

    branch: str
    commit: str
    rows_in: int
    rows_out: int
    views: tuple[ViewLedger, ...]
    minimum: float

    @property
    def warnings(self) -> tuple[str, ...]:
        """One sentence for each view that matched fewer rows than the project wants."""
        return tuple(
            f"{entry.view} has a value for {entry.matched:,} of {entry.rows:,} rows ({entry.share:.1%}; expired "
            f"{entry.expired:,}, missing {entry.missing:,}); the project wants {self.minimum:.0%} "
            "(minimum_match under [policy])."
            for entry in self.views
            if entry.share < self.minimum
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the ledger as JSON-ready values."""
        return {
            "branch": self.branch,
            "commit": self.commit,
            "rows_in": self.rows_in,
            "rows_out": self.rows_out,
            "views": [entry.to_dict() for entry in self.views],
            "minimum_match": self.minimum,
            "warnings": list(self.warnings),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Ledger:
        """Return the ledger that `to_dict` described."""
        return cls(
            branch=values["branch"],
            commit=values["commit"],
            rows_in=values["rows_in"],
            rows_out=values["rows_out"],
            views=tuple(ViewLedger.from_dict(entry) for entry in values["views"]),
            minimum=values["minimum_match"],
        )

    def table(self) -> Table:
        """Return one line a view."""
        rows = tuple(
            (e.view, ", ".join(e.features), e.matched, f"{e.share:.1%}", e.expired, e.missing, e.null, e.view_id[:10])
            for e in self.views
        )
        return Table(
            "Rows",
            ("view", "features", "matched", "share", "expired", "missing", "with a null", "view id"),
            rows,
        )

    def notes(self) -> tuple[str, ...]:
        """Return what deserves attention, one sentence each."""
        unasked = tuple(
            f"{entry.unasked:,} rows have no time or no key for {entry.view}: they match nothing."
            for entry in self.views
            if entry.unasked
        )
        return (*self.warnings, *unasked)

    def report(self) -> Report:
        """Return the ledger as a table."""
        return Report(
            f"{self.rows_in:,} rows in, {self.rows_out:,} rows out",
            facts=(("branch", f"{self.branch} at {self.commit[:10]}"),),
            tables=(self.table(),),
            notes=self.notes(),
        )
