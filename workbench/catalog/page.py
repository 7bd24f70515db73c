"""`CatalogPage`: all that is known of one view: its versions, columns, what it is made from, and what reads it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.catalog.entry import UNPUBLISHED, CatalogEntry
from workbench.catalog.on_demand_page import OnDemandPage
from workbench.catalog.users import Users, users_of
from workbench.errors import FeatureNotFound, WorkbenchError
from workbench.pipeline import cached_profile
from workbench.records import to_plain
from workbench.registry import data_versions
from workbench.render import Report, Reported, Table, profile_table
from workbench.store import BranchReader, Reference, RegistryReader, deprecation_of, reading_lake
from workbench.times import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta
    from pathlib import Path

    from workbench.define import Contract
    from workbench.profile import Profile
    from workbench.registry import DataVersion, Record, Version
    from workbench.store import ReadableView, ViewReader
    from workbench.workspace import Workspace

ROWS = 60


@dataclass(frozen=True, slots=True)
class ViewInput:
    """One thing that a view is made from: its name, whether source or view, the version, and what it came from."""

    name: str
    kind: str
    version: str | None
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CatalogPage(Reported):
    """One view of the catalog.

    Attributes
    ----------
    entry
        What the list says of it.
    view
        The version that is shown, or the branch's own.
    record
        What is published of it; None where nothing is.
    made_from
        Its inputs, each with the sources it depends on.
    users
        What reads it.
    facts
        Where profiles are remembered.
    data
        The data that the version which is shown has had, the newest first.
    """

    entry: CatalogEntry
    view: ReadableView
    record: Record | None
    made_from: tuple[ViewInput, ...]
    users: Users
    facts: Path
    data: tuple[DataVersion, ...] = ()

    def profile(self) -> Profile:
        """Return what the rows that are shown look like; computed once for each view id.

        Raises
        ------
        LakeError
            Where they are missing or damaged.
        """
        view = self.view
        with reading_lake([view]):
            return cached_profile(self.facts, view.data.view_id, view.contract, view.data.frame)

    @property
    def version(self) -> Version | None:
        """The version that is shown; None for the branch's own."""
        return next((v for v in self._versions() if v.number == self.view.version), None)

    @property
    def contract(self) -> Contract:
        """What it promises about its columns."""
        return self.view.contract

    def to_dict(self) -> dict[str, Any]:
        """Return the page as JSON-ready values."""
        version, profile = self.version, self._profile()
        return {
            **self.entry.to_dict(),
            "shown": self.view.version,
            "current": None if self.record is None else self.record.current,
            "event_time": self.view.event_time,
            "created": self.view.created,
            "ttl": _length(self.view.ttl),
            "lookback": _length(self.view.lookback),
            "view_id": None if version is None else version.view_id,
            "period": None if version is None or version.period is None else [t.isoformat() for t in version.period],
            "contract": self.contract.to_dict(),
            "profile": None if profile is None else profile.to_dict(),
            "history": [_history(version) for version in self._versions()],
            "data": [
                {"data_version": one.number, "since": one.since.isoformat(), "rows": one.version.rows}
                for one in self.data
            ],
            "made_from": to_plain(self.made_from),
            "used_by": self.users.to_dict(),
        }

    def report(self) -> Report:
        """Return what it says, its columns and versions, its lineage both ways, and who published it."""
        view, entry, version = self.view, self.entry, self.version
        tags = ", ".join(f"{key}={value}" for key, value in entry.tags.items())
        period = version.period if version is not None else None
        facts = (
            ("says", entry.description or None),
            ("owner", entry.owner),
            ("tags", tags or None),
            ("entities", ", ".join(view.entities) or "none: the view is joined by time alone"),
            ("times", f"{view.event_time}{f', known since {view.created}' if view.created else ''}"),
            ("holds", f"for {_length(view.ttl)}" if view.ttl else "without limit"),
            *((("looks back", _length(view.lookback)),) if view.lookback else ()),
            *((("rows", version.rows),) if version is not None else ()),
            *((("data", entry.staleness),) if entry.staleness and entry.version == view.version else ()),
            *((("period", f"{period[0]:%Y-%m-%d %H:%M} to {period[1]:%Y-%m-%d %H:%M} UTC"),) if period else ()),
            *((("view id", version.view_id[:16]),) if version is not None else (("branch", entry.branch),)),
        )
        return Report(
            f"{view.label}: {version.status if version is not None else UNPUBLISHED}",
            facts=facts,
            tables=tuple(table.without_empty_columns() for table in self._tables() if table.rows),
            notes=tuple(filter(None, (deprecation_of(view.name, one) for one in self._versions()))),
        )

    def _tables(self) -> Iterator[Table]:
        yield Table(
            "Columns",
            ("column", "role", "dtype", "unit", "tolerance", "says"),
            tuple((c.name, c.role, str(c.dtype), c.unit, c.tolerance, c.description) for c in self.contract.columns),
        )
        profile = self._profile()
        if profile is not None:
            yield profile_table(profile)
        yield Table(
            "Versions",
            ("version", "status", "change", "rows", "published (UTC)", "by", "from", "MLflow run"),
            tuple(_line(version) for version in reversed(self._versions()))[:ROWS],
        )
        data = tuple((one.number, f"{one.since:%Y-%m-%d %H:%M}", one.version.rows) for one in self.data[:ROWS])
        yield Table("Data that it had: `rollback --data`", ("data version", "since (UTC)", "rows"), data)
        made = tuple((m.name, m.kind, m.version, ", ".join(m.sources)) for m in self.made_from)
        yield Table("Made from", ("input", "kind", "version", "sources it depends on"), made)
        yield Table("Read by", ("kind", "name", "reads"), self.users.rows()[:ROWS])

    def _profile(self) -> Profile | None:
        """Return the profile; None where the rows cannot be read, since the rest of the page is worth having."""
        try:
            return self.profile()
        except WorkbenchError:
            return None

    def _versions(self) -> tuple[Version, ...]:
        return self.record.versions if self.record is not None else ()


def open_page(workspace: Workspace, reading: ViewReader, ref: str) -> CatalogPage:
    """Return all that is known of the view, or the version of it, that `ref` names.

    The published version is shown where there is one, a branch's own where nothing is published of it.
    """
    asked = Reference.parse(ref)
    published = reading if isinstance(reading, RegistryReader) else RegistryReader.of(workspace)
    if on_demand_page(reading, published, asked) is not None:
        raise FeatureNotFound(
            f"{asked.view!r} is an on-demand view: it has no stored rows.",
            remedy=f'Its page is catalog().on_demand("{asked.view}"), or `workbench catalog {asked.view}`.',
        )
    users = users_of(workspace, published.registry, published.definitions, asked.view)
    if asked.view in published.registry:
        record = published.registry.record(asked.view)
        number = asked.version or record.current or record.versions[-1].number
        version = next((v for v in record.versions if v.number == number), None) or record.version(number)
        return CatalogPage(
            entry=CatalogEntry.of_summary(published.registry.summary(asked.view)),
            view=published.readable_version(asked.view, version),
            record=record,
            made_from=tuple(_published_inputs(published, version)),
            users=users,
            facts=workspace.facts,
            data=tuple(data_versions(workspace.repository, published.commit, asked.view, version)),
        )
    if asked.version is not None or not isinstance(reading, BranchReader) or not reading.has(asked.view):
        raise reading.missing(asked.view)
    definition = reading.definitions.view(asked.view)
    return CatalogPage(
        entry=CatalogEntry.of_view(definition, reading.branch),
        view=reading.view(asked.view),
        record=None,
        made_from=tuple(_branch_inputs(workspace, reading, asked.view)),
        users=users,
        facts=workspace.facts,
    )


def on_demand_page(reading: ViewReader, published: RegistryReader, asked: Reference) -> OnDemandPage | None:
    """Return the page of an on-demand view; None where `asked` names none. The branch's own is run, as a view's is."""
    if asked.view in published.registry.on_demand_views:
        view = published.on_demand(asked.view, asked.version)
        record = published.registry.on_demand(asked.view)
        return OnDemandPage(on_demand_entry(published, asked.view), view, record) if view is not None else None
    if asked.version is not None or not isinstance(reading, BranchReader) or asked.view in published.registry:
        return None
    own = reading.on_demand(asked.view)
    if own is None:
        return None
    definition = reading.definitions.on_demand(asked.view)
    return OnDemandPage(CatalogEntry.of_own_on_demand(definition, reading.branch), own, None)


def on_demand_entry(reading: RegistryReader, view: str) -> CatalogEntry:
    """Return the entry of a published on-demand view: its entities are those of the stored views that it reads."""
    record = reading.registry.on_demand(view)
    entities: dict[str, None] = {}
    for read in record.version().inputs:
        with suppress(FeatureNotFound):
            entities |= dict.fromkeys(reading.registry.version(read.view, read.version).entities)
    return CatalogEntry.of_on_demand(record, tuple(entities))


def _published_inputs(reading: RegistryReader, version: Version) -> Iterator[ViewInput]:
    for data in version.inputs:
        behind = sorted(_sources(reading, data.name, data.version, set())) if data.kind == "view" else ()
        yield ViewInput(data.name, data.kind, data.version, tuple(behind))


def _sources(reading: RegistryReader, view: str, number: str | None, seen: set[tuple[str, str | None]]) -> set[str]:
    """Return the sources that a published version comes from, however far back."""
    if (view, number) in seen or view not in reading.registry:
        return set()
    seen.add((view, number))
    record = reading.registry.record(view)
    version = next((one for one in record.versions if one.number == (number or record.current)), None)
    found: set[str] = set()
    for data in version.inputs if version is not None else ():
        found |= {data.name} if data.kind == "source" else _sources(reading, data.name, data.version, seen)
    return found


def _branch_inputs(workspace: Workspace, reading: BranchReader, name: str) -> Iterator[ViewInput]:
    definitions = reading.definitions
    for data in definitions.view(name).inputs:
        if data in workspace.sources:
            yield ViewInput(data, "source", None)
        else:
            above = definitions.order([data], workspace.sources.names())
            sources = {i for one in above for i in definitions.view(one).inputs if i in workspace.sources}
            yield ViewInput(data, "view", None, tuple(sorted(sources)))


def _history(version: Version) -> dict[str, Any]:
    return {
        "version": version.number,
        "status": version.status,
        "category": version.category,
        "rows": version.rows,
        "published_at": version.published_at.isoformat(),
        "published_by": version.published_by,
        "branch": version.branch,
        "commit": version.commit,
        "run": version.run,
        "until": None if version.until is None else version.until.isoformat(),
        "successor": version.successor,
        "accepted": list(version.accepted),
    }


def _line(version: Version) -> tuple[object, ...]:
    return (
        version.number,
        version.status if version.until is None else f"{version.status} until {version.until}",
        version.category,
        version.rows,
        f"{version.published_at:%Y-%m-%d %H:%M}",
        version.published_by,
        f"{version.branch} at {version.commit[:8]}",
        version.run,
    )


def _length(value: timedelta | None) -> str | None:
    return None if value is None else format_duration(value)
