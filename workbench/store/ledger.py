"""`Ledger`: what became of every row of a training set, view by view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workbench.records import to_plain
from workbench.render import Report, Reported, Table
from workbench.shares import percent
from workbench.tracking import VersionedView


class LowMatchWarning(UserWarning):
    """A view had a value for fewer of the spine's rows than the project wants."""


class NaiveTimeWarning(UserWarning):
    """A spine's times state no zone, so that one had to be assumed."""


class FailedCheckWarning(UserWarning):
    """A training set has values of a view that failed a check when it was defined."""


class ViewLedger(VersionedView, frozen=True, kw_only=True):
    """What one view gave to the rows of a training set.

    Parameters
    ----------
    alias
        What the view was called in this training set; None where it had its own name.
    features
        Its features that were asked for.
    matched
        Rows for which it had a value that held; among them `null` rows where one of the features is null.
    expired
        Rows whose newest value was older than the view's ttl.
    missing
        Rows for which it had no value known by then; among them `unasked` rows without a key or a time.
    """

    features: tuple[str, ...]
    matched: int
    expired: int
    missing: int
    null: int
    unasked: int
    alias: str | None = None

    @property
    def title(self) -> str:
        """The view, and what it was called here."""
        return f"{self.label} as {self.alias}" if self.alias else self.label

    @property
    def rows(self) -> int:
        """Rows of the training set: matched, expired and missing together."""
        return self.matched + self.expired + self.missing

    @property
    def share(self) -> float:
        """The share of rows that matched; 1 where there are no rows."""
        return self.matched / self.rows if self.rows else 1.0


class OnDemandLedger(VersionedView, frozen=True, kw_only=True):
    """What one on-demand view gave to the rows of a training set.

    Parameters
    ----------
    features
        Its features that were asked for.
    inputs
        The stored features that it was computed from, as known at each row's time.
    request
        The columns of the spine that it was computed from.
    rows
        Rows that it was computed for: all of them.
    null
        Rows where one of the features is null.
    """

    features: tuple[str, ...]
    inputs: tuple[str, ...]
    request: tuple[str, ...]
    rows: int
    null: int


@dataclass(frozen=True, slots=True)
class Ledger(Reported):
    """The row ledger of one training set.

    Parameters
    ----------
    branch, commit
        Whose views were read, and at which commit.
    release
        The release that was read, if it was one.
    registry
        The commit at which published versions were looked up; None where none was read.
    rows_in, rows_out
        Rows of the spine, and of the training set: always the same number.
    views
        What each view gave.
    minimum_match
        The share of rows that a view must match, or a warning is given.
    deprecations
        One sentence for each deprecated version that was read.
    assumed
        What was assumed of the spine, as of times that state no zone, a sentence each.
    on_demand
        What each on-demand view gave.
    """

    branch: str
    commit: str
    rows_in: int
    rows_out: int
    views: tuple[ViewLedger, ...]
    minimum_match: float
    release: str | None = None
    registry: str | None = None
    deprecations: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    on_demand: tuple[OnDemandLedger, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """One sentence for each view that matched fewer rows than the project wants."""
        return tuple(
            f"{entry.title} has a value for {entry.matched:,} of {entry.rows:,} rows ({percent(entry.share)}; expired "
            f"{entry.expired:,}, missing {entry.missing:,}); the project requires {percent(self.minimum_match)} "
            "(minimum_match under [policy])."
            for entry in self.views
            if entry.share < self.minimum_match
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the ledger as JSON-ready values, with its warnings."""
        plain: dict[str, Any] = to_plain(self)
        return plain | {"warnings": list(self.warnings)}

    def table(self) -> Table:
        """Return one line a view."""
        rows = tuple(
            (e.title, ", ".join(e.features), e.matched, percent(e.share), e.expired, e.missing, e.null)
            for e in self.views
        )
        return Table(
            "Rows",
            ("view", "features", "matched", "share", "expired", "missing", "null"),
            rows,
        )

    def on_demand_table(self) -> Table:
        """Return one line an on-demand view."""
        rows = tuple(
            (e.label, ", ".join(e.features), ", ".join(e.inputs), ", ".join(e.request), e.rows, e.null)
            for e in self.on_demand
        )
        return Table(
            "Computed on demand", ("view", "features", "from stored features", "from the spine", "rows", "null"), rows
        )

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables that have lines."""
        return tuple(table for table in (self.table(), self.on_demand_table()) if table.rows)

    def facts(self) -> tuple[tuple[str, object], ...]:
        """Return whose views were read, and at which commits."""
        own = ("branch", f"{self.branch} at {self.commit[:10]}")
        if self.release is not None:
            return (("release", f"{self.release}, {self.branch} at {self.commit[:10]}"),)
        if self.registry in {None, self.commit}:
            return (own,)
        return own, ("published versions", f"as of {str(self.registry)[:10]}")

    def notes(self) -> tuple[str, ...]:
        """Return what deserves attention, one sentence each."""
        unasked = tuple(
            f"{entry.unasked:,} rows have no time or no key for {entry.title}: they match nothing."
            for entry in self.views
            if entry.unasked
        )
        return (*self.assumed, *self.warnings, *self.deprecations, *unasked)

    def report(self) -> Report:
        """Return the ledger as a table."""
        return Report(
            f"{self.rows_in:,} rows in, {self.rows_out:,} rows out",
            facts=self.facts(),
            tables=self.tables,
            notes=self.notes(),
        )
