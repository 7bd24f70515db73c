"""`Catalog`: the views that can be used, published and the branch's own, or those of them that words were found in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.define import Definitions
from workbench.errors import InvalidName, RegistryError, UsageError, did_you_mean
from workbench.serve.branch import BranchReading
from workbench.serve.catalog.entry import UNPUBLISHED, CatalogEntry
from workbench.serve.catalog.page import open_page
from workbench.serve.published import PublishedReading
from workbench.serve.references import Reference
from workbench.widgets import Report, Reported, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.loop.rooms import Rooms
    from workbench.serve.catalog.page import CatalogPage
    from workbench.serve.served import Reading

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

    search: str | None
    entries: tuple[CatalogEntry, ...]
    total: int
    place: str
    problems: tuple[str, ...]
    hint: str
    _found: dict[str, tuple[str, ...]]
    _rooms: Rooms = field(repr=False)
    _reading: Reading = field(repr=False)

    def __iter__(self) -> Iterator[CatalogEntry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, view: str) -> CatalogPage:
        """Return all that is known of `view`, or of the version in ``view@2``.

        Raises
        ------
        FeatureNotFound
            Where there is no such view or version (did you mean).
        """
        return open_page(self._rooms, self._reading, view)

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
            notes=(*((self.hint,) if self.hint else ()), *more, *self.problems),
        )

    def _line(self, entry: CatalogEntry) -> tuple[object, ...]:
        version = entry.version or UNPUBLISHED
        says = entry.description.partition("\n")[0]
        line = (
            entry.view,
            version if entry.status in {"live", UNPUBLISHED} else f"{version} ({entry.status})",
            entry.owner,
            ", ".join(entry.entities) or "none",
            ", ".join(feature.name for feature in entry.features),
            says if len(says) <= CHARACTERS else f"{says[: CHARACTERS - 3]}...",
        )
        return line if self.search is None else (*line, ", ".join(self._found[entry.view]))


def open_catalog(rooms: Rooms, reading: Reading, search: str | None = None) -> Catalog:
    """Return the published views, and those that the reading's branch defines and nobody published.

    Parameters
    ----------
    rooms
        The project's rooms.
    reading
        Whose views.
    search
        Words, each of which has to be found in a view's name, description, owner, tags, entities, or its features'
        names, units and descriptions; letters' case aside.
    """
    published = reading if isinstance(reading, PublishedReading) else PublishedReading.of(rooms)
    problems: list[str] = []
    entries = [*_published(published, problems)]
    if isinstance(reading, BranchReading):
        entries += _unpublished(reading, published, problems)
    words = (search or "").casefold().split()
    found = {entry.view: hits for entry in entries if (hits := entry.found(words)) is not None}
    chosen = sorted((e for e in entries if e.view in found), key=lambda e: ("name" not in found[e.view], e.view))
    known = [name for entry in entries for name in (entry.view, *(feature.name for feature in entry.features))]
    if not entries:
        hint = "Nothing is published yet: `promote` publishes views from an experiment."
    else:
        hint = "" if chosen else f"No view has that; {did_you_mean(search or '', known)}"
    return Catalog(
        search=search,
        entries=tuple(chosen),
        total=len(entries),
        place=f"release {reading.release}" if reading.release else reading.branch,
        problems=tuple(problems),
        hint=hint,
        _found=found if words else {},
        _rooms=rooms,
        _reading=reading,
    )


def look_up(rooms: Rooms, reading: Reading, words: str) -> Catalog | CatalogPage:
    """Return all that is known of the view, or version, that `words` name; else the views they are found in."""
    try:
        named = Reference.parse(words)
    except (UsageError, InvalidName):
        return open_catalog(rooms, reading, words or None)
    published = reading if isinstance(reading, PublishedReading) else PublishedReading.of(rooms)
    own = reading.definitions.files.stems() if isinstance(reading, BranchReading) else ()
    is_view = named.view in published.registry or named.view in own
    if is_view and named.is_plain and named.feature is None:
        return open_page(rooms, reading, words)
    return open_catalog(rooms, reading, words)


def _published(reading: PublishedReading, problems: list[str]) -> Iterator[CatalogEntry]:
    for view in reading.registry.views:
        try:
            yield CatalogEntry.of_summary(reading.registry.summary(view))
        except RegistryError as error:
            problems.append(error.message)


def _unpublished(reading: BranchReading, published: PublishedReading, problems: list[str]) -> Iterator[CatalogEntry]:
    """Yield the branch's views that have no record; only their files run."""
    all_of_it = reading.definitions
    names = [name for name in all_of_it.files.stems() if name not in published.registry]
    own = Definitions(all_of_it.package, all_of_it.files, stems=names)
    for name, error in own.broken.items():
        problems.append(f"features/{name}.py on {reading.branch} does not load: {error.message}")
    for view in own.views.values():
        yield CatalogEntry.of_view(view, reading.branch)
