"""`Catalog`: the views that can be used, published and the branch's own, or those of them that words were found in."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from workbench.catalog.entry import UNPUBLISHED, CatalogEntry
from workbench.catalog.page import on_demand_entry, on_demand_page, open_page
from workbench.define import parse_unit
from workbench.errors import (
    DefinitionError,
    FeatureNotFound,
    InvalidName,
    NotTrusted,
    RegistryError,
    UsageError,
    did_you_mean,
)
from workbench.render import Report, Reported, Table
from workbench.store import BranchReader, Reference, RegistryReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workbench.catalog.on_demand_page import OnDemandPage
    from workbench.catalog.page import CatalogPage
    from workbench.store import ViewReader
    from workbench.workspace import Workspace

ROWS, CHARACTERS = 100, 120
"""How many views are shown in a notebook or terminal, and how much of a description."""

_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "view": pl.String,
    "version": pl.String,
    "status": pl.String,
    "owner": pl.String,
    "description": pl.String,
    "tags": pl.List(pl.String),
    "entities": pl.List(pl.String),
    "features": pl.List(pl.String),
    "units": pl.List(pl.String),
    "rows": pl.Int64,
    "published_at": pl.Datetime("us", "UTC"),
    "published_by": pl.String,
    "branch": pl.String,
}


@dataclass(frozen=True, slots=True)
class Catalog(Reported):
    """A list of views.

    Attributes
    ----------
    search
        The words that were looked for; None for all views.
    entries
        The views: those whose name has the words first, then by name.
    total
        How many views there are.
    place
        Whose they are: main's, a release's, a branch's.
    problems
        One sentence for each record or file that could not be read.
    hint
        Where nothing was found: what may have been meant.
    """

    mime_kind: ClassVar[str] = "catalog"

    search: str | None
    entries: tuple[CatalogEntry, ...]
    total: int
    place: str
    problems: tuple[str, ...]
    hint: str
    _found: dict[str, tuple[str, ...]]
    _workspace: Workspace = field(repr=False)
    _reading: ViewReader = field(repr=False)

    def __iter__(self) -> Iterator[CatalogEntry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, view: str) -> CatalogPage:
        """Return all that is known of `view`, or of the version in ``view@2``."""
        return open_page(self._workspace, self._reading, view)

    def on_demand(self, view: str) -> OnDemandPage:
        """Return all that is known of the on-demand view `view`, or of the version in ``view@2``.

        Raises
        ------
        FeatureNotFound
            Where there is no such on-demand view or version.
        """
        reading = self._reading
        published = reading if isinstance(reading, RegistryReader) else RegistryReader.of(self._workspace)
        found = on_demand_page(reading, published, Reference.parse(view))
        if found is None:
            raise FeatureNotFound.named(view, [entry.view for entry in self.entries if entry.request is not None])
        return found

    @property
    def views(self) -> tuple[str, ...]:
        """The names of the views."""
        return tuple(entry.view for entry in self.entries)

    def to_dict(self) -> dict[str, Any]:
        """Return the views as JSON-ready values."""
        return {
            "search": self.search,
            "place": self.place,
            "total": self.total,
            "views": [{**entry.to_dict(), "found": list(self._found.get(entry.view, ()))} for entry in self.entries],
            "problems": list(self.problems),
        }

    def to_frame(self) -> pl.DataFrame:
        """Return one row a view: what it is called, says, has and measures, how many rows, and who published it."""
        rows = [
            {
                **{name: getattr(entry, name) for name in _SCHEMA if name not in {"tags", "features", "units"}},
                "entities": list(entry.entities),
                "tags": [f"{key}={value}" for key, value in entry.tags.items()],
                "features": [feature.name for feature in entry.features],
                "units": sorted({feature.unit for feature in entry.features if feature.unit}),
            }
            for entry in self.entries
        ]
        return pl.DataFrame(rows, schema=_SCHEMA)

    def report(self) -> Report:
        """Return one line a view."""
        columns: tuple[str, ...] = ("view", "version", "owner", "entities", "features", "says")
        rows = tuple(self._line(entry) for entry in self.entries[:ROWS])
        more = (f"{len(self.entries) - ROWS:,} more; search for fewer.",) if len(self.entries) > ROWS else ()
        count = f"{self.total:,} view{'' if self.total == 1 else 's'}"
        title = f"{count} on {self.place}" if self.search is None else f"{len(self):,} of {count} have {self.search!r}"
        if self.search is not None:
            columns = (*columns, "found in")
        return Report(
            title,
            tables=(Table("", columns, rows),) if rows else (),
            notes=(*((self.hint,) if self.hint else ()), *more, *self._stale(), *self.problems),
        )

    def _stale(self) -> tuple[str, ...]:
        shown = self.entries[:ROWS]
        frozen = [f"{e.view} {', '.join(e.frozen)}" for e in shown if e.frozen]
        return (
            *(f"{e.view} {e.version} is {e.staleness}." for e in shown if e.staleness),
            *((f"Superseded and no longer refreshed: {'; '.join(frozen)}.",) if frozen else ()),
        )

    def _line(self, entry: CatalogEntry) -> tuple[object, ...]:
        version = entry.version or UNPUBLISHED
        says = entry.description.partition("\n")[0]
        line = (
            entry.view,
            version if entry.status in {"live", UNPUBLISHED} else f"{version} ({entry.status})",
            entry.owner,
            ", ".join([*entry.entities, *(f"{name} (request)" for name in entry.request or ())]) or "none",
            ", ".join(feature.name for feature in entry.features),
            says if len(says) <= CHARACTERS else f"{says[: CHARACTERS - 3]}...",
        )
        return line if self.search is None else (*line, ", ".join(self._found[entry.view]))


def open_catalog(workspace: Workspace, reading: ViewReader, search: str | None = None) -> Catalog:
    """Return the published views, and those unpublished views of its branch."""
    published = reading if isinstance(reading, RegistryReader) else RegistryReader.of(workspace)
    problems: list[str] = []
    entries = [*_published_entries(published, problems)]
    if isinstance(reading, BranchReader):
        entries += _branch_entries(reading, published, problems)
    words = (search or "").casefold().split()
    units = _units((search or "").split())
    found = {entry.view: hits for entry in entries if (hits := entry.match_words(words, units)) is not None}
    chosen = sorted((e for e in entries if e.view in found), key=lambda e: ("name" not in found[e.view], e.view))
    known = [name for entry in entries for name in (entry.view, *(feature.name for feature in entry.features))]
    if not entries:
        hint = "Nothing is published yet; `promote` publishes views of an experiment."
    else:
        hint = "" if chosen else f"No view matches; {did_you_mean(search or '', known)}"
    return Catalog(
        search=search,
        entries=tuple(chosen),
        total=len(entries),
        place=f"release {reading.release}" if reading.release else reading.branch,
        problems=tuple(problems),
        hint=hint,
        _found=found if words else {},
        _workspace=workspace,
        _reading=reading,
    )


def _units(words: Sequence[str]) -> dict[str, str]:
    """Return how contracts spell those of `words` that are units, by the word in lower case."""
    found = {}
    for word in words:
        with suppress(DefinitionError):
            found[word.casefold()] = parse_unit(word).casefold()
    return found


def look_up(workspace: Workspace, reading: ViewReader, words: str) -> Catalog | CatalogPage | OnDemandPage:
    """Return all that is known of the view, or version, that `words` name; else the views they are found in."""
    try:
        named = Reference.parse(words)
    except (UsageError, InvalidName):
        return open_catalog(workspace, reading, words or None)
    published = reading if isinstance(reading, RegistryReader) else RegistryReader.of(workspace)
    own = reading.definitions.files.stems() if isinstance(reading, BranchReader) else ()
    registry = published.registry
    is_view = named.view in registry or named.view in registry.on_demand_views or named.view in own
    on_demand = on_demand_page(reading, published, named) if is_view and named.is_plain else None
    if on_demand is not None and named.feature is None:
        return on_demand
    if is_view and named.is_plain and named.feature is None:
        return open_page(workspace, reading, words)
    return open_catalog(workspace, reading, words)


def _published_entries(reading: RegistryReader, problems: list[str]) -> Iterator[CatalogEntry]:
    for view in reading.registry.views:
        try:
            yield CatalogEntry.of_summary(reading.registry.summary(view))
        except RegistryError as error:
            problems.append(error.message)
    for view in reading.registry.on_demand_views:
        try:
            yield on_demand_entry(reading, view)
        except RegistryError as error:
            problems.append(error.message)


def _branch_entries(reading: BranchReader, published: RegistryReader, problems: list[str]) -> Iterator[CatalogEntry]:
    """Yield the branch's views that have no record; only their files run."""
    all_of_it = reading.definitions
    known = {*published.registry.views, *published.registry.on_demand_views}
    names = [name for name in all_of_it.files.stems() if name not in known]
    own = all_of_it.only(names)
    try:
        broken = own.broken
    except NotTrusted as refusal:
        problems.append(f"{refusal.message} {refusal.remedy}")
        return
    for name, error in broken.items():
        problems.append(f"features/{name}.py on {reading.branch} does not load: {error.message}")
    for view in own.views.values():
        yield CatalogEntry.of_view(view, reading.branch)
    for name in own.on_demand_views:
        if name not in broken:
            yield CatalogEntry.of_own_on_demand(own.on_demand(name), reading.branch)
