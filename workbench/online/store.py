"""A project's online store: opening it, bringing it to what is published, and asking how it stands."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from heapq import merge
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.config import OnlineSettings
from workbench.errors import (
    BranchError,
    InvalidName,
    OnlineError,
    PromotionError,
    RepositoryUnreadable,
    WorkbenchError,
)
from workbench.online.backend import StoredEntity, in_order, prefix_of
from workbench.online.catalog import OnlineCatalog, label_of, served_versions
from workbench.online.keys import SUFFIX
from workbench.online.lmdb import LmdbStore
from workbench.online.load import Loaded, Published, load, stored_entities
from workbench.online.redis import RedisStore
from workbench.registry import Registry
from workbench.render import Report, Reported, Table
from workbench.store import RegistryReader, release_commit, release_names
from workbench.times import from_microseconds, microseconds

if TYPE_CHECKING:
    from workbench.online.backend import OnlineBackend
    from workbench.workspace import Workspace


def _open_postgres(settings: OnlineSettings, home: Path, project: str) -> OnlineBackend:
    try:
        from workbench.online.postgres import PostgresStore
    except ImportError as error:
        raise OnlineError(
            f"The online store is on PostgreSQL, whose client psycopg is not installed: {error}.",
            remedy='Install it: pip install "feature-workbench[postgres]".',
        ) from error
    return PostgresStore.of(settings, home, project)


BACKENDS: Mapping[str, Callable[[OnlineSettings, Path, str], OnlineBackend]] = {
    "lmdb": LmdbStore.of,
    "redis": RedisStore.of,
    "postgres": _open_postgres,
}
"""How the store of each ``kind`` under ``[online]`` is opened, from its settings, the project's home and its name."""

SAMPLE = 1_000
"""Entities of each view that `verify` compares unless all are wanted."""


def open_backend(workspace: Workspace) -> OnlineBackend:
    """Return the project's online store, which may not be there yet."""
    settings = workspace.config.online or OnlineSettings()
    return backend_of(settings, workspace.home, workspace.config.project.name)


def backend_of(settings: OnlineSettings, home: Path, project: str) -> OnlineBackend:
    """Return the store that ``[online]`` describes, of the project of this name whose home is `home`."""
    return BACKENDS[settings.kind](settings, home, project)


@dataclass(frozen=True, slots=True)
class OnlineLoad(Reported):
    """What `online load` did."""

    loaded: Loaded

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return asdict(self.loaded)

    def report(self) -> Report:
        """Return one line a view."""
        rows = tuple(
            (view.name, view.how, f"{view.entities:,}", f"{view.rows:,}", f"{view.seconds:.1f} s", view.generation)
            for view in self.loaded.views
        )
        columns = ("view", "", "entities", "rows", "took", "generation")
        removed = self.loaded.removed
        notes = [f"{self.loaded.place} shows main at {self.loaded.commit[:10]}."]
        notes += [f"Removed {removed} older generation{'s' if removed != 1 else ''}."] if removed else []
        return Report("Online store", tables=(Table("", columns, rows),) if rows else (), notes=tuple(notes))


@dataclass(frozen=True, slots=True)
class OnlineView:
    """How one view and major version stands in the online store.

    Attributes
    ----------
    name
        ``view@major.minor`` as it is published.
    state
        ``current``; ``behind`` where the store has other data; ``not loaded``.
    generation, entities, rows
        What answers, and its size; None where nothing does.
    since
        The earliest time it can answer for; None for any.
    loaded_at
        When it was loaded, in ISO 8601 and UTC.
    """

    name: str
    state: str
    generation: int | None
    entities: int | None
    rows: int | None
    since: datetime | None
    loaded_at: str | None


@dataclass(frozen=True, slots=True)
class OnlineStatus(Reported):
    """How the online store stands beside what is published.

    Attributes
    ----------
    place
        Where it is.
    version
        The number of its last change; 0 where nothing was ever loaded.
    shown, published
        The commit of main that it shows, and main's own.
    views
        Each view and major version that is published.
    releases
        The releases it knows.
    """

    place: str
    version: int
    shown: str | None
    published: str
    views: tuple[OnlineView, ...]
    releases: tuple[str, ...]

    @property
    def is_current(self) -> bool:
        """Whether every published version answers with its newest data."""
        return all(view.state == "current" for view in self.views)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        found = asdict(self)
        for view in found["views"]:
            view["since"] = view["since"] and view["since"].isoformat()
        return found | {"is_current": self.is_current}

    def report(self) -> Report:
        """Return one line a view."""
        rows = tuple(
            (
                view.name,
                view.state,
                "" if view.entities is None else f"{view.entities:,}",
                "" if view.rows is None else f"{view.rows:,}",
                "all" if view.since is None else f"{view.since:%Y-%m-%d %H:%M}",
                (view.loaded_at or "")[:16].replace("T", " "),
            )
            for view in self.views
        )
        columns = ("view", "", "entities", "rows", "answers from", "loaded (UTC)")
        notes = [f"{self.place}"]
        if not self.is_current:
            notes.append("`workbench online load` brings it to what is published.")
        return Report("Online store", tables=(Table("", columns, rows),) if rows else (), notes=tuple(notes))


@dataclass(frozen=True, slots=True)
class OnlineVerification(Reported):
    """Whether the online store has what the lake has.

    Attributes
    ----------
    compared
        How many entities were compared, of each ``view@major.minor``.
    differing
        The keys of entities (hexadecimal) whose rows are others, missing or too many, of each view where there are any;
        ``not loaded`` for a view of which the store has nothing.
    """

    compared: Mapping[str, int]
    differing: Mapping[str, tuple[str, ...]]

    @property
    def passed(self) -> bool:
        """Whether all rows that were compared are the same, and something was compared."""
        return not self.differing and bool(self.compared)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {"passed": self.passed, "compared": dict(self.compared), "differing": {**self.differing}}

    def report(self) -> Report:
        """Return one line a view."""
        rows = tuple(
            (name, f"{count:,}", f"{len(self.differing.get(name, ())):,}") for name, count in self.compared.items()
        )
        table = Table("", ("view", "entities compared", "differ"), rows)
        notes = () if self.compared else ("Nothing is loaded, so nothing was compared: `workbench online load`.",)
        if self.differing:
            notes = ("`workbench online load --full` writes the store anew from the lake.",)
        title = "Online equals lake" if self.passed else "Online is not known to equal the lake"
        return Report(title, tables=(table,) if rows else (), notes=notes)


def load_online(workspace: Workspace, *, full: bool = False, force: bool = False) -> Loaded:
    """Bring the online store to what is published; see `load`."""
    backend = open_backend(workspace)

    def ask(catalog: OnlineCatalog) -> Published:
        found = published(workspace)
        if not force and catalog.meta is not None:
            _require_descent(workspace, backend.place, shown=catalog.meta.commit, commit=found.commit)
        return found

    return load(backend, ask, full=full)


def _require_descent(workspace: Workspace, place: str, *, shown: str, commit: str) -> None:
    try:
        if workspace.repository.contains(commit, shown):
            return
        how = "which is not part of main here"
    except (BranchError, RepositoryUnreadable):
        how = "a commit that this clone does not have"
    raise OnlineError(
        f"{place} shows main at {shown[:10]}, {how}: others published since, or another project of this name uses it.",
        remedy="Pull main and load again. Give the other project another [project] name if it is one. To show main as "
        "it is here all the same: `workbench online load --force`.",
    )


class OnlineBehindWarning(UserWarning):
    """What was published is not in the online store yet."""


def follow_main(workspace: Workspace) -> None:
    """Bring the store to what is published, where ``[online]`` is configured and the store shows something else.

    It never raises: what was published is published. A warning says what is wrong, and the next command tries again.
    """
    if workspace.config.online is None:
        return
    try:
        catalog = OnlineCatalog.read(open_backend(workspace))
        tip = workspace.repository.resolve(workspace.trunk)
        shows_main = catalog.meta is not None and catalog.meta.commit == tip
        if not shows_main or catalog.releases != sorted(_releases(workspace)):
            load_online(workspace)
    except Exception as error:  # noqa: BLE001 - nothing may say that the publish failed
        reason = f"{error.message} {error.remedy}" if isinstance(error, WorkbenchError) else str(error)
        warnings.warn(f"The online store does not follow main: {reason}", OnlineBehindWarning, stacklevel=2)


def published(workspace: Workspace) -> Published:
    """Return what is published now, as the store is to hold it."""
    reading = RegistryReader.of(workspace)
    definitions = reading.definitions
    sets = [reading.feature_set(name) for name in (definitions.set_files if definitions else ())]
    settings = workspace.config.online or OnlineSettings()
    return Published(
        project=workspace.config.project.name,
        repository=workspace.repository,
        commit=reading.commit,
        releases=_releases(workspace),
        feature_sets={found.name: found.features for found in sets if found is not None},
        lake=workspace.lake,
        history=settings.depth,
    )


def _releases(workspace: Workspace) -> dict[str, str]:
    """Return the commit of each release that can be read: a tag that nobody signed, or made by hand, is left out."""
    found = {}
    for name in release_names(workspace):
        with suppress(PromotionError, InvalidName):
            found[name] = release_commit(workspace, name)
    return found


def online_status(workspace: Workspace) -> OnlineStatus:
    """Return how the store stands beside what is published."""
    backend = open_backend(workspace)
    catalog = OnlineCatalog.read(backend)
    commit = workspace.repository.resolve(workspace.trunk)
    views = []
    for view, version in served_versions(Registry(workspace.repository, commit)):
        current = catalog.generations.get(label_of(view, version))
        found = catalog.generation(view, version)
        state = "not loaded" if current is None else "current" if found == current else "behind"
        views.append(
            OnlineView(
                name=f"{view}@{version.number}",
                state=state,
                generation=None if current is None else current.number,
                entities=None if current is None else current.entities,
                rows=None if current is None else current.rows,
                since=None if current is None or current.since is None else from_microseconds(current.since),
                loaded_at=None if current is None else current.loaded_at,
            )
        )
    shown = catalog.meta.commit if catalog.meta else None
    return OnlineStatus(backend.place, catalog.version, shown, commit, tuple(views), tuple(catalog.releases))


def verify_online(workspace: Workspace, *, full: bool = False, seed: int | None = None) -> OnlineVerification:
    """Compare what the store has with the lake, row by row: of some entities of each view, or all that it has.

    The instant at which rows are cut off for their age is that of the loading.
    """
    backend = open_backend(workspace)
    catalog = OnlineCatalog.read(backend)
    chance = random.Random(seed)  # noqa: S311 - a sample, no secret
    compared: dict[str, int] = {}
    differing: dict[str, tuple[str, ...]] = {}
    for view, version in served_versions(catalog.registry):
        name = f"{view}@{version.number}"
        generation = catalog.generation(view, version)
        if generation is None:
            compared[name], differing[name] = 0, ("not loaded",)
            continue
        workspace.require_rows(view, version)  # rows that were computed here say nothing of a lake that others read
        frame = workspace.lake.rows(view, version)
        if not full and version.entities:
            frame = _sampled(frame, version.entities, chance)
        loaded = microseconds(datetime.fromisoformat(generation.loaded_at))
        entities = stored_entities(view, version, frame, now=loaded, since=generation.since)
        comparison = _Comparison(backend, generation.number)
        if full:
            comparison.compare_all(entities)
        else:
            comparison.compare_some(entities)
        compared[name] = comparison.entities
        if comparison.wrong:
            differing[name] = tuple(sorted(key.hex() for key in comparison.wrong))
    return OnlineVerification(compared, differing)


class _Comparison:
    """Entities as the lake has them beside what a generation has."""

    def __init__(self, backend: OnlineBackend, generation: int) -> None:
        self._backend = backend
        self._generation = generation
        self.entities = 0
        self.wrong: set[bytes] = set()

    def compare_some(self, entities: Iterable[StoredEntity]) -> None:
        """Look each row of some entities up."""
        prefix = prefix_of(self._generation)
        for entity in self._with_right_answers(entities):
            if any(self._backend.as_of([prefix + entity.key], known)[1] != [row] for known, row in entity.rows):
                self.wrong.add(entity.key)

    def compare_all(self, entities: Iterable[StoredEntity]) -> None:
        """Go through the rows of all entities and all that is stored, side by side."""
        right = (pair for entity in self._with_right_answers(in_order(entities)) for pair in entity.keyed(b""))
        for key, pairs in groupby(merge(right, self._backend.rows(self._generation)), key=itemgetter(0)):
            rows = [row for _, row in pairs]
            if len(rows) != 2 or rows[0] != rows[1]:
                self.wrong.add(key[:-SUFFIX])

    def _with_right_answers(self, entities: Iterable[StoredEntity]) -> Iterator[StoredEntity]:
        """Yield entities, and note those whose latest answer is another."""
        prefix = prefix_of(self._generation)
        for entity in entities:
            self.entities += 1
            if self._backend.latest([prefix + entity.key])[1] != [entity.answer]:
                self.wrong.add(entity.key)
            yield entity


def _sampled(frame: pl.LazyFrame, entities: tuple[str, ...], chance: random.Random) -> pl.LazyFrame:
    keys = frame.select(entities).unique().collect(engine="streaming")
    if keys.height <= SAMPLE:
        return frame
    taken = keys.sample(SAMPLE, seed=chance.randrange(2**31))
    return frame.join(taken.lazy(), on=list(entities), how="semi", nulls_equal=True)
