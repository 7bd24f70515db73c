"""Reading features online: a request becomes a plan once, and is then a look or two for each view and entity.

Where the store does not have a version, or not as far back, its rows are read as a training set reads them. Either way
one function decides what a row is worth at an instant.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from workbench.config import free_name
from workbench.errors import JoinError, OnlineError, UsageError
from workbench.online.answers import Answer, Answers, StoredAnswer, StoredAnswers, all_with_computed
from workbench.online.backend import ReadOnlyBackend
from workbench.online.catalog import OnlineCatalog
from workbench.online.codec import FIRST, Row
from workbench.online.keys import NO_ROW
from workbench.online.plan import Column, OnDemandPlan, Plan, ViewPlan
from workbench.online.registry_reader import OnlineRegistryReader
from workbench.point_in_time import ViewRows, epoch_microseconds, join_views
from workbench.store import JoinedView, Resolution, ResolvedFeature, joined_views, resolve_all
from workbench.times import from_microseconds, microseconds

if TYPE_CHECKING:
    from workbench.lake import Lake
    from workbench.online.backend import OnlineBackend
    from workbench.online.registry_reader import OnDemandFunctions
    from workbench.store import ComputedFeature, Reference, ViewReader

PLANS = 256
"""How many requests' plans are kept."""
ATTEMPTS = 10
"""How often a read begins anew because the store was loaded meanwhile."""


class OnlineReader:
    """Reads features through the online store; it writes nothing.

    Parameters
    ----------
    backend
        The store.
    lake
        Where rows are read that the store does not have; None where such a request is an error.
    on_demand
        What computes on-demand views; None where they are refused.
    """

    def __init__(
        self, backend: OnlineBackend, *, lake: Lake | None = None, on_demand: OnDemandFunctions | None = None
    ) -> None:
        self._on_demand = on_demand
        self.backend = ReadOnlyBackend.of(backend)
        self._lake = lake
        self._plans: dict[object, Plan] = {}
        self._catalog: OnlineCatalog | None = None

    @property
    def has_lake(self) -> bool:
        """Whether rows that the store does not have are read from a lake."""
        return self._lake is not None

    def catalog(self) -> OnlineCatalog:
        """Return the catalogue as it is now."""
        if self._catalog is None or self._catalog.version != self.backend.version():
            self._catalog = OnlineCatalog.read(self.backend)
        return self._catalog

    def reading(self, release: str | None = None) -> OnlineRegistryReader:
        """Return what is published, or is in a release, as the store's catalogue knows it."""
        return OnlineRegistryReader(self.catalog(), release=release, lake=self._lake, on_demand=self._on_demand)

    def read(
        self,
        references: tuple[Reference, ...],
        entities: Sequence[Mapping[str, object]],
        *,
        at: datetime | None = None,
        full_names: bool = False,
        release: str | None = None,
    ) -> Answers:
        """Return the features that `references` name of each entity, as they are known at an instant."""
        answers = self.find(references, entities, at=at, full_names=full_names, release=release, required=True)
        assert answers is not None  # it is required  # noqa: S101
        return answers

    def find(
        self,
        references: tuple[Reference, ...],
        entities: Sequence[Mapping[str, object]],
        *,
        at: datetime | None = None,
        full_names: bool = False,
        release: str | None = None,
        required: bool = False,
    ) -> Answers | None:
        """Return what `read` returns; where nothing was ever loaded, or not this release, None unless `required`."""
        for _ in range(ATTEMPTS):
            plan = self._plans.get((references, full_names, release))
            if plan is None:  # with a plan, the look itself finds out whether another version is published
                if not (required or self._shows(release)):
                    return None
                plan = self.plan(references, full_names=full_names, release=release)
            answers = self.look(plan, entities, at=at)
            if answers is not None:
                return answers
            self.forget_plans()
        raise OnlineError(
            f"{self.backend.place} is loaded again and again while it is read.", remedy="Try again in a moment."
        )

    def _shows(self, release: str | None) -> bool:
        catalog = self.catalog()
        return catalog.version > 0 and (release is None or release in catalog.releases)

    def plan(self, references: tuple[Reference, ...], *, full_names: bool = False, release: str | None = None) -> Plan:
        """Return how a request is read: as it was found out for the catalogue that was there last."""
        key = references, full_names, release
        plan = self._plans.get(key)
        if plan is None:
            reading = self.reading(release)
            plan = planned(resolve_all(references, reading, full_names=full_names), reading, self.catalog())
            if len(self._plans) >= PLANS:
                self._plans.clear()
            self._plans[key] = plan
        return plan

    def look(
        self, plan: Plan, entities: Sequence[Mapping[str, object]], *, at: datetime | None = None
    ) -> Answers | None:
        """Return what a plan finds; None where another version is published since it was made."""
        instant = time.time_ns() // 1_000 if at is None else microseconds(at)
        try:
            answers = self._look(plan, entities, instant, now=at is None)
        except JoinError:
            if plan.version == self.backend.version():
                raise
            return None  # the keys may have other types now
        return answers.with_computed() if plan.on_demand and answers is not None else answers

    def forget_plans(self) -> None:
        """Find out anew how requests are read."""
        self._plans.clear()

    def _look(self, plan: Plan, entities: Sequence[Mapping[str, object]], instant: int, *, now: bool) -> Answers | None:
        """Return the rows of each view; None where the catalogue has moved on."""
        if instant >= (plan.simple_since if now else plan.online_since):  # one look finds all
            rows = self._rows(plan, None, entities, instant, latest=now)
            return None if rows is None else StoredAnswers(plan, entities, instant, rows, bounded=now)
        places = plan.online_at(instant)
        found = self._stored(plan, places, entities, instant, latest=now)
        if now and found is not None and instant < plan.settled:
            late = [place for place, answer in found.items() if instant < answer.plan.settled and answer.is_late()]
            others = self._stored(plan, late, entities, instant, latest=False) if late else {}
            found = None if others is None else found | others
        if found is None:
            return None
        answers = [
            found[place]
            if place in found
            else Answer(view, instant, lake_rows(view, entities, [instant] * len(entities)))
            for place, view in enumerate(plan.views)
        ]
        return Answers(plan, entities, instant, answers)

    def _stored(
        self,
        plan: Plan,
        places: Sequence[int],
        entities: Sequence[Mapping[str, object]],
        instant: int,
        *,
        latest: bool,
    ) -> dict[int, StoredAnswer] | None:
        """Return what the store has of some views; None where the catalogue has moved on."""
        rows, count = self._rows(plan, places, entities, instant, latest=latest), len(entities)
        if rows is None:
            return None
        return {
            place: StoredAnswer(plan.views[place], instant, rows[number * count : (number + 1) * count], bounded=latest)
            for number, place in enumerate(places)
        }

    def _rows(
        self,
        plan: Plan,
        places: Sequence[int] | None,
        entities: Sequence[Mapping[str, object]],
        instant: int,
        *,
        latest: bool,
    ) -> list[bytes | None] | None:
        """Return the rows of some views in the store, or of all, view by view: the latest ones, or those of an instant.

        They are of one moment; None where the catalogue has moved on.
        """
        keys = plan.stored_keys(entities, places)
        version, rows = self.backend.latest(keys) if latest else self.backend.as_of(keys, instant)
        return rows if version == plan.version else None


def planned(asked: Resolution, reading: ViewReader, catalog: OnlineCatalog | None) -> Plan:
    """Return how the features asked for are read; without a catalogue, none of them online."""
    parts = joined_views(asked.stored)
    views = tuple(_view_plan(part, reading, catalog) for part in parts)

    def stored(item: ResolvedFeature) -> Column:
        number = parts.index(item.joined)
        codec = views[number].codec
        place = codec.features.index(item.feature)
        return Column(
            name=item.column,
            view=number,
            feature=item.feature,
            place=FIRST + place,
            default=item.joined.view.contract[item.feature].default,
            convert=codec.to_python[place],
        )

    def computed(item: ComputedFeature) -> Column:
        number = next(number for number, part in enumerate(asked.parts) if part.view is item.view)
        place = item.view.features.index(item.feature)
        return Column(item.column, len(views) + number, item.feature, FIRST + place, None, None)

    columns = [stored(item) if isinstance(item, ResolvedFeature) else computed(item) for item in asked.wanted]
    on_demand = [
        OnDemandPlan.of(part.view, {name: stored(item) for name, item in zip(part.names, part.inputs, strict=True)})
        for part in asked.parts
    ]
    return Plan(catalog.version if catalog else 0, views, tuple(columns), tuple(on_demand))


def _view_plan(part: JoinedView, reading: ViewReader, catalog: OnlineCatalog | None) -> ViewPlan:
    view = part.view
    if view.version is None:
        return ViewPlan(part, "branch", None, stale=False)
    version = reading.registry.version(view.name, view.version) if isinstance(reading, OnlineRegistryReader) else None
    found = catalog.generation(view.name, version) if catalog is not None and version is not None else None
    return ViewPlan(part, "lake", found, stale=version is not None and (version.behind or version.frozen) is not None)


def read_offline(
    asked: Resolution,
    reading: ViewReader,
    entities: Sequence[Mapping[str, object]],
    at: datetime | None,
) -> Answers:
    """Return features that no online store has, as a training set reads them."""
    instant = time.time_ns() // 1_000 if at is None else microseconds(at)
    (answers,) = _read_lake(planned(asked, reading, None), [(entities, instant)])
    return answers


def replay_offline(
    wanted: Resolution, reading: ViewReader, asked: Sequence[tuple[Sequence[Mapping[str, object]], int]]
) -> list[Answers]:
    """Return the answers to several requests for the same features, each some entities at an instant, by one join."""
    return _read_lake(planned(wanted, reading, None), asked)


def _read_lake(plan: Plan, asked: Sequence[tuple[Sequence[Mapping[str, object]], int]]) -> list[Answers]:
    entities = [entity for each, _ in asked for entity in each]
    instants = [instant for each, instant in asked for _ in each]
    found = [lake_rows(view, entities, instants) for view in plan.views]
    answers, begins = [], 0
    for each, instant in asked:
        ends = begins + len(each)
        rows = [Answer(view, instant, own[begins:ends]) for view, own in zip(plan.views, found, strict=True)]
        answers.append(Answers(plan, each, instant, rows))
        begins = ends
    return all_with_computed(answers) if plan.on_demand else answers


def lake_rows(plan: ViewPlan, entities: Sequence[Mapping[str, object]], instants: Sequence[int]) -> list[Row | None]:
    """Return the row that a training set would find for each entity at its instant, whatever its age."""
    part, view = plan.part, plan.part.view
    asked = plan.stored_keys(entities)
    names = [column.name for column in view.contract.features]
    at, outcome, event, created, *columns = _free_names(4 + len(names), part.columns)
    keys = {
        column: pl.Series(
            [entity[column] if key != NO_ROW else None for entity, key in zip(entities, asked, strict=True)],
            dtype=view.contract[name].dtype,
            strict=False,
        )
        for column, name in part.columns.items()
    }
    spine = pl.DataFrame({**keys, at: pl.Series(instants, dtype=pl.Int64)})
    times = {event: view.event_time} | ({created: view.created} if view.created else {})
    rows = ViewRows(
        name=part.title,
        rows=_lake_frame(plan, min(instants, default=0)),
        keys=part.columns,
        features=times | dict(zip(columns, names, strict=True)),
        event_time=view.event_time,
        created=view.created,
        outcome=outcome,
        stored=True,
    )
    found = join_views(spine.with_columns(pl.col(at).cast(pl.Datetime("us", "UTC"))), [rows], time=at, as_known=True)
    micros = [epoch_microseconds(name, found.schema, f"view {part.title!r}").alias(name) for name in times]
    if view.created is None:
        micros.append(pl.lit(None, pl.Int64).alias(created))
    values = found.select(outcome, *micros, *columns)
    return [row[1:] if row[0] == "matched" else None for row in values.iter_rows()]


def _free_names(count: int, taken: Iterable[str]) -> list[str]:
    found: list[str] = []
    while len(found) < count:
        found.append(free_name(f"online {len(found)}", [*taken, *found]))
    return found


def _lake_frame(plan: ViewPlan, instant: int) -> pl.LazyFrame:
    """Return all rows of a view, from the lake or of its branch."""
    try:
        return plan.part.view.data.frame
    except OnlineError:
        if plan.generation is None or plan.generation.since is None:
            raise
        since, asked = from_microseconds(plan.generation.since), from_microseconds(instant)
        raise OnlineError(
            f"{plan.part.label} is loaded back to {since:%Y-%m-%d %H:%M} UTC, not to {asked:%Y-%m-%d %H:%M}, and there "
            "is no lake to read it from.",
            remedy="Ask for a later time, or raise [online] history and run `workbench online load --full`.",
        ) from None


def as_entities(given: object) -> list[Mapping[str, object]]:
    """Return the entities of a request, one mapping a row."""
    if isinstance(given, list) and set(map(type, given)) <= {dict}:
        return [*given]
    if isinstance(given, pl.DataFrame):
        return list(given.to_dicts())
    if isinstance(given, Mapping):
        columns = {str(name): list(values) for name, values in given.items() if _is_column(values)}
        if len(columns) == len(given) and len({len(values) for values in columns.values()}) <= 1:
            return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    elif (
        isinstance(given, Sequence)
        and not isinstance(given, str | bytes)
        and all(isinstance(e, Mapping) for e in given)
    ):
        return list(given)
    raise UsageError(
        f"A {type(given).__name__} of this form does not give entities.",
        remedy='Pass [{"carrier": "UA"}, {"carrier": "AA"}] or {"carrier": ["UA", "AA"]}.',
    )


def _is_column(values: object) -> bool:
    return isinstance(values, Sequence | pl.Series) and not isinstance(values, str | bytes)
