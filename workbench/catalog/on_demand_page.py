"""`OnDemandPage`: all that is known of one on-demand view: what it is computed from, its columns, its versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.catalog.entry import UNPUBLISHED, CatalogEntry
from workbench.render import Report, Reported, Table

if TYPE_CHECKING:
    from workbench.registry import OnDemandRecord
    from workbench.store import ReadableOnDemand

ROWS = 60


@dataclass(frozen=True, slots=True)
class OnDemandPage(Reported):
    """One on-demand view of the catalog.

    Attributes
    ----------
    entry
        What the list says of it.
    view
        The version that is shown, or the branch's own.
    record
        What is published of it; None where nothing is.
    """

    entry: CatalogEntry
    view: ReadableOnDemand
    record: OnDemandRecord | None

    def to_dict(self) -> dict[str, Any]:
        """Return the page as JSON-ready values."""
        return {
            **self.entry.to_dict(),
            "shown": self.view.version,
            "current": None if self.record is None else self.record.current,
            "identity": self.view.identity,
            "reads": {each.column or each.feature or "": str(each) for each in self.view.reads},
            "request": [each.to_dict() for each in self.view.request],
            "contract": self.view.contract.to_dict(),
            "history": [
                {
                    "version": version.number,
                    "status": version.status,
                    "category": version.category,
                    "published_at": version.published_at.isoformat(),
                    "published_by": version.published_by,
                    "branch": version.branch,
                    "commit": version.commit,
                    "accepted": list(version.accepted),
                }
                for version in (self.record.versions if self.record else ())
            ],
        }

    def report(self) -> Report:
        """Return what it says, what it is computed from, its columns and versions."""
        entry, view = self.entry, self.view
        tags = ", ".join(f"{key}={value}" for key, value in entry.tags.items())
        facts = (
            ("says", entry.description or None),
            ("owner", entry.owner),
            ("tags", tags or None),
            ("computed", "on demand: nothing is stored"),
            ("reads", ", ".join(map(str, view.reads)) or "no stored features"),
            ("entities", ", ".join(entry.entities) or None),
            *((("branch", entry.branch),) if self.record is None else ()),
        )
        request = tuple((each.name, str(each.dtype), "yes" if each.nullable else "no") for each in view.request)
        columns = tuple((c.name, str(c.dtype), c.unit, c.tolerance, c.description) for c in view.contract.columns)
        versions = tuple(
            (
                version.number,
                version.status,
                version.category,
                ", ".join(each["ref"] for each in version.reads),
                f"{version.published_at:%Y-%m-%d %H:%M}",
                version.published_by,
                f"{version.branch} at {version.commit[:8]}",
            )
            for version in reversed(self.record.versions if self.record else ())
        )
        tables = (
            Table("Request", ("value", "dtype", "may be null"), request),
            Table("Columns", ("column", "dtype", "unit", "tolerance", "says"), columns),
            Table(
                "Versions", ("version", "status", "change", "reads", "published (UTC)", "by", "from"), versions[:ROWS]
            ),
        )
        return Report(
            f"{view.label}: {UNPUBLISHED if self.record is None else entry.status}",
            facts=facts,
            tables=tuple(table.without_empty_columns() for table in tables if table.rows),
        )
