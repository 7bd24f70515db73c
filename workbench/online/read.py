"""Reading features online: a request becomes a plan once, and is then a look or two for each view and entity.

Where the store does not have a version, or not as far back, its rows are read as a training set reads them. Either way
one function decides what a row is worth at an instant.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from itertools import chain, repeat
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import polars as pl

from workbench.config import free_name
from workbench.errors import JoinError, OnlineError, UsageError
from workbench.online.backend import BOUNDS, FOREVER, ReadOnlyBackend, prefix_of
from workbench.online.catalog import Generation, OnlineCatalog
from workbench.online.codec import CREATED, EVENT, FIRST, NEVER, Bits, Row, RowCodec, StoredRows, with_nulls
from workbench.online.keys import EntityKeys
from workbench.online.registry_reader import OnlineRegistryReader
from workbench.online.values import FeatureValue
from workbench.point_in_time import ViewRows, epoch_microseconds, join_views, within_ttl
from workbench.store import JoinedView, ReadableView, Resolution, ResolvedFeature, joined_views, resolve_all
from workbench.times import from_microseconds, microseconds

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    import pyarrow as pa

    from workbench.define import RequestField
    from workbench.lake import Lake
    from workbench.online.backend import OnlineBackend
    from workbench.online.registry_reader import OnDemandFunctions
    from workbench.online.values import Origin, Status
    from workbench.store import ComputedFeature, ReadableData, ReadableOnDemand, Reference, ViewReader

PLANS = 256
"""How many requests' plans are kept."""
ATTEMPTS = 10
"""How often a read begins anew because the store was loaded meanwhile."""


@dataclass(frozen=True)
class ViewPlan:
    """How one view of a request is read.

    Attributes
    ----------
    part
        The view, under its alias and with its renamed keys.
    origin
        Where its rows are.
    generation
        What has its rows online; None where nothing does.
    stale
        Whether newer source data is known and not published.
    """

    part: JoinedView
    origin: Origin
    generation: Generation | None
    stale: bool

    @cached_property
    def keys(self) -> EntityKeys:
        """How its entities become keys."""
        view = self.part.view
        return EntityKeys(view.name, tuple((name, view.contract[name].dtype) for name in view.entities))

    @cached_property
    def names(self) -> Mapping[str, str]:
        """What a request calls the view's entity columns, where that is another name."""
        return {entity: column for entity, column in self.part.keys if entity != column}

    @cached_property
    def codec(self) -> RowCodec:
        """What decodes its rows."""
        return self.generation.codec if self.generation else RowCodec(self.part.view.contract)

    @cached_property
    def prefix(self) -> bytes:
        """What the keys of its generation begin with."""
        return prefix_of(self.generation.number) if self.generation else b""

    def reaches(self, instant: int) -> bool:
        """Whether its generation can answer for an instant."""
        return self.generation is not None and (self.generation.since is None or instant >= self.generation.since)

    def encode(self, entities: Sequence[Mapping[str, object]]) -> list[bytes | None]:
        """Return the entities' keys; None for one that no row can have."""
        return self.keys.encode_all(entities, self.names)

    def holds(self, event: Any, instant: int) -> Any:
        """Return whether a row of this event time may be used at an instant, or has expired; or of a column of them."""
        return within_ttl(instant, event, self.part.view.ttl)


@dataclass(frozen=True)
class OnDemandPlan(ViewPlan):
    """How one on-demand view of a request is computed: from columns of its stored views, and from the request.

    Attributes
    ----------
    view
        The view.
    inputs
        The stored features that it reads, by the column that its function knows.
    """

    view: ReadableOnDemand
    inputs: Mapping[str, Column]

    @classmethod
    def of(cls, view: ReadableOnDemand, inputs: Mapping[str, Column]) -> Self:
        """Return the plan of an on-demand view, which looks like a view without keys and times."""

        def refuse() -> ReadableData:
            raise OnlineError(f"{view.label} has no stored rows.", remedy="It is computed on demand.")

        rows = ReadableView(
            name=view.name,
            version=view.version,
            contract=view.contract,
            entities=(),
            event_time="",
            created=None,
            ttl=None,
            lookback=None,
            load=refuse,
            load_inputs=tuple,
        )
        return cls(JoinedView(view.label, None, (), rows), "on demand", None, False, view, inputs)  # noqa: FBT003

    def compute(self, answers: Answers) -> ComputedAnswer:
        """Return its features for each entity of a request, from what was found of the stored views."""
        entities = answers.entities
        stored = [answers.series(column).alias(name) for name, column in self.inputs.items()]
        request = [request_values(each, entities, view=self.view.name) for each in self.view.request]
        made = self.view.compute(pl.DataFrame([*stored, *request]))
        return ComputedAnswer(self, (), online=False, made=made)


def request_values(field: RequestField, entities: Sequence[Mapping[str, object]], *, view: str) -> pl.Series:
    """Return the values that entities have for the request of an on-demand view."""
    from workbench.compute import request_column

    if any(field.name not in entity for entity in entities):
        raise JoinError(
            f"An entity has no value {field.name!r}, which on-demand view {view!r} takes from the request.",
            remedy=f"Give each entity {field.name!r}, a value that is {field.dtype}, beside its keys.",
        )
    values: list[Any] = [entity[field.name] for entity in entities]
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float} and all(value is None or float(value) == value for value in values):
        values, kinds = [None if value is None else float(value) for value in values], {float}  # JSON has 1 for 1.0
    try:
        series = pl.Series(field.name, values, strict=True)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        series = None
    if series is None or series.dtype == pl.Object or (bool in kinds and len(kinds) > 1):
        said = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise JoinError(
            f"{field.name!r} of the entities is {said}, and on-demand view {view!r} takes {field.dtype}.",
            remedy=f"Give values that are {field.dtype}.",
        )
    return request_column(series, field, view=view, where="the entities")


@dataclass  # not frozen: a read makes one a view, and that takes three times as long
class Answer:
    """The rows of one view for all entities of a request: as stored, or from elsewhere with Python's values.

    Attributes
    ----------
    plan
        How the view is read.
    rows
        The row of each entity, whatever its age; None where there is none.
    online
        Whether they are those of the online store.
    """

    plan: ViewPlan
    rows: Sequence[Row | None]
    online: bool

    @property
    def decoded(self) -> Sequence[Row | None]:
        """The rows, in a list or tuple."""
        return self.rows.decoded if isinstance(self.rows, StoredRows) else self.rows

    def usable(self, instant: int) -> Sequence[Row | None]:
        """Return the rows that have not expired at an instant; None in place of others."""
        plan, rows = self.plan, self.decoded
        if not plan.part.view.ttl:
            return rows
        return [row if row is not None and plan.holds(row[EVENT], instant) else None for row in rows]

    def summary(self, instant: int) -> tuple[int, int, int | None]:
        """Return how many entities have a row, how many of them hold at an instant, and the latest event time."""
        if isinstance(self.rows, StoredRows) and not self.rows.is_decoded:  # it became columns: Python has no values
            found, usable = int(self.present.sum()), int(self.usable_at(instant).sum())
            return found, usable, int(self.events[self.present].max()) if found else None
        events = [row[EVENT] for row in self.decoded if row is not None]
        usable = len(events)
        if self.plan.part.view.ttl:
            usable = sum(self.plan.holds(event, instant) for event in events)
        return len(events), usable, max(events, default=None)

    @cached_property
    def present(self) -> Bits:
        """Which entities have a row."""
        return (
            self.rows.present
            if isinstance(self.rows, StoredRows)
            else np.array([r is not None for r in self.rows], np.bool_)
        )

    @cached_property
    def events(self) -> npt.NDArray[np.int64]:
        """The event time of each row; any number where there is none."""
        if isinstance(self.rows, StoredRows):
            return self.rows.events
        return np.array([0 if row is None else row[EVENT] for row in self.rows], np.int64)

    def series(self, column: Column) -> pl.Series:
        """Return a feature's values with its dtype, of expired rows too; null where there is no row."""
        if isinstance(self.rows, StoredRows):
            return self.rows.series(column.feature)
        values = [None if row is None else row[column.place] for row in self.rows]
        return pl.Series(values, dtype=self.plan.part.view.contract[column.feature].dtype, strict=True)

    def usable_at(self, instant: int) -> Bits:
        """Return which entities have a row that has not expired at an instant; it is `usable` for columns."""
        holds: Bits = self.present & self.plan.holds(self.events, instant)
        return holds

    @property
    def generation(self) -> int | None:
        """The load of the online store that the rows are of; None where they are read elsewhere."""
        return self.plan.generation.number if self.online and self.plan.generation else None

    @property
    def origin(self) -> Origin:
        """Where the rows were read."""
        return "online" if self.online else self.plan.origin


@dataclass
class ComputedAnswer(Answer):
    """What an on-demand view gave for all entities of a request.

    Attributes
    ----------
    made
        A row an entity.
    """

    made: pl.DataFrame

    @cached_property
    def decoded(self) -> Sequence[Row | None]:
        """The rows, which have no times."""
        return [(None, None, *row) for row in self.made.iter_rows()]

    def usable(self, instant: int) -> Sequence[Row | None]:  # noqa: ARG002 - none expires
        """Return all rows."""
        return self.decoded

    def summary(self, instant: int) -> tuple[int, int, int | None]:  # noqa: ARG002 - none expires
        """Return how many rows there are; they have no event time."""
        return self.made.height, self.made.height, None

    @cached_property
    def present(self) -> Bits:
        """Say that all entities have a row."""
        return np.ones(self.made.height, np.bool_)

    def series(self, column: Column) -> pl.Series:
        """Return a feature's values."""
        return self.made[column.feature]

    def usable_at(self, instant: int) -> Bits:  # noqa: ARG002 - none expires
        """Return that all rows hold."""
        return self.present


@dataclass(frozen=True)
class Column:
    """One feature of a request: its name, its view's place in the plan, and its own place in a row."""

    name: str
    view: int
    feature: str
    place: int
    default: Any
    convert: Callable[[Any], Any] | None


@dataclass(frozen=True)
class Plan:
    """A request, resolved: valid while the catalogue has this version.

    Attributes
    ----------
    version
        The catalogue's.
    views
        The views whose stored rows are read.
    columns
        What was asked for.
    on_demand
        The views that are computed from these; in what is found they stand behind the stored ones.
    """

    version: int
    views: tuple[ViewPlan, ...]
    columns: tuple[Column, ...]
    on_demand: tuple[OnDemandPlan, ...] = ()

    @cached_property
    def all_views(self) -> tuple[ViewPlan, ...]:
        """The views whose rows are stored, then those that are computed."""
        return (*self.views, *self.on_demand)

    @cached_property
    def shown(self) -> frozenset[int]:
        """The places of the views that were asked for; others are only read by on-demand views."""
        return frozenset(column.view for column in self.columns)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def by_view(self) -> tuple[tuple[Column, ...], ...]:
        """The columns of each view."""
        places = range(len(self.all_views))
        return tuple(tuple(column for column in self.columns if column.view == place) for place in places)

    @cached_property
    def grouped_names(self) -> tuple[str, ...]:
        """The names of the columns, view by view."""
        return tuple(column.name for columns in self.by_view for column in columns)

    @cached_property
    def converts(self) -> tuple[tuple[tuple[int, Callable[[Any], Any]], ...], ...]:
        """For each view the places in a row whose stored values are not Python's, with what converts them."""
        return tuple(
            tuple({column.place: column.convert for column in columns if column.convert is not None}.items())
            for columns in self.by_view
        )

    @cached_property
    def picks(self) -> tuple[Callable[[Row], Sequence[Any]], ...]:
        """For each view what takes the values of its columns out of a row."""
        return tuple(_picker([column.place for column in columns]) for columns in self.by_view)

    @cached_property
    def places(self) -> range:
        """The places of the views whose rows are stored."""
        return range(len(self.views))

    @cached_property
    def online_since(self) -> int:
        """The instant from which on the store answers for all views; `FOREVER` where it does not have one of them."""
        generations = [view.generation for view in self.views]
        return max((FOREVER if each is None else each.since or -FOREVER for each in generations), default=-FOREVER)

    def online_at(self, instant: int) -> list[int]:
        """Return the places of the views that the store answers for at an instant."""
        return [place for place, view in enumerate(self.views) if view.reaches(instant)]

    @cached_property
    def key_sources(self) -> tuple[int, ...]:
        """For each view the place of the first one whose entities become the same keys: they are encoded once."""
        forms = [[(view.names.get(name, name), dtype) for name, dtype in view.keys.columns] for view in self.views]
        return tuple(forms.index(form) for form in forms)


@dataclass  # not frozen: as `Answer`
class Answers:
    """What was found for each entity of a request, in the order asked."""

    plan: Plan
    entities: Sequence[Mapping[str, object]]
    instant: int
    found: Sequence[Answer]

    @property
    def shown(self) -> list[tuple[int, Answer]]:
        """The answers of the views that were asked for, each with its place."""
        return [(place, answer) for place, answer in enumerate(self.found) if place in self.plan.shown]

    def with_computed(self) -> Answers:
        """Return the answers with those of the on-demand views, which are computed now."""
        return replace(self, found=[*self.found, *(view.compute(self) for view in self.plan.on_demand)])

    def series(self, column: Column) -> pl.Series:
        """Return a feature's value for each entity with its dtype: null where no row holds, whatever the default."""
        answer = self.found[column.view]
        holds = answer.usable_at(self.instant)
        series = answer.series(column)
        return series if holds.all() else with_nulls(series, holds)

    def values(self) -> list[dict[str, FeatureValue]]:
        """Return one dictionary an entity: each feature's answer by its column."""
        by_view = [self._values_of(place, columns) for place, columns in enumerate(self.plan.by_view)]
        names, in_order = self.plan.grouped_names, self.plan.names
        found = [dict(zip(names, chain(*parts), strict=True)) for parts in zip(*by_view, strict=True)]
        return found if names == in_order else [{name: each[name] for name in in_order} for each in found]

    def _values_of(self, view: int, columns: Sequence[Column]) -> list[list[FeatureValue]]:
        """Return the answers of one view, a list an entity."""
        answer, pick = self.found[view], self.plan.picks[view]
        converts = self.plan.converts[view] if answer.online else ()
        there: Status = "stale" if answer.plan.stale else "present"
        facts = tuple(map(repeat, (answer.plan.part.view.version, answer.generation, answer.origin)))
        found = []
        for row, usable, event, created in zip(answer.decoded, self._usable[view], *self.times(view), strict=True):
            values: Sequence[Any]
            statuses: Iterable[Status]
            if usable is None:
                values = [column.default for column in columns]
                without: Status = "missing" if row is None else "expired"
                statuses = [without if value is None else "default" for value in values]
            else:
                values = pick(_converted(usable, converts) if converts else usable)
                statuses = repeat(there)
                if None in values:
                    statuses = ["null" if value is None else there for value in values]
            found.append(list(map(FeatureValue, values, statuses, repeat(event), repeat(created), *facts)))
        return found

    def column(self, column: Column) -> tuple[Sequence[Any], Sequence[Status]]:
        """Return a feature's value for each entity, as its Python type, and its status."""
        columns, all_there = self._columns[column.view]
        answer, convert = self.found[column.view], column.convert
        if convert is not None and not answer.online:
            convert = None
        if columns:  # every entity has a row that holds
            values = columns[column.place]
            if None not in values:
                return values if convert is None else [convert(value) for value in values], all_there
            statuses: list[Status] = ["null" if value is None else all_there[0] for value in values]
            return values if convert is None else [v if v is None else convert(v) for v in values], statuses
        values, statuses = [], []
        there: Status = "stale" if answer.plan.stale else "present"
        rows = self._usable[column.view]
        place, default = column.place, column.default
        for found, row in zip(answer.decoded, rows, strict=True):
            if row is None:
                values.append(default)
                statuses.append(("missing" if found is None else "expired") if default is None else "default")
                continue
            value = row[place]
            values.append(value if value is None or convert is None else convert(value))
            statuses.append("null" if value is None else there)
        return values, statuses

    @cached_property
    def _usable(self) -> list[Sequence[Row | None]]:
        """The rows of each view that have not expired."""
        return [answer.usable(self.instant) for answer in self.found]

    @cached_property
    def _columns(self) -> list[tuple[Sequence[Sequence[Any]], list[Status]]]:
        """The columns of each view's rows, and the status of values that are there.

        A view that has no usable row for some entity has no columns.
        """
        found: list[tuple[Sequence[Sequence[Any]], list[Status]]] = []
        for answer, rows in zip(self.found, self._usable, strict=True):
            there: Status = "stale" if answer.plan.stale else "present"
            found.append(((), []) if None in rows else (tuple(zip(*rows, strict=True)), [there] * len(rows)))
        return found

    def times(self, view: int) -> tuple[list[datetime | None], list[datetime | None]]:
        """Return event time and `created` of the row that each entity has in a view; of an expired one too."""
        rows, absent = self.found[view].decoded, (None, NEVER)
        if isinstance(self.found[view], ComputedAnswer):
            return [None] * len(rows), [None] * len(rows)
        events = [None if row is None else from_microseconds(row[EVENT]) for row in rows]
        if self.found[view].plan.part.view.created is None:
            return events, [None] * len(rows)
        created = [None if row is None or row[CREATED] in absent else from_microseconds(row[CREATED]) for row in rows]
        return events, created

    def frame(self, *, details: bool = False) -> pl.DataFrame:
        """Return one row an entity: the keys, then one column a feature with its dtype.

        With `details`, also ``<column>__status``, and ``<view>__event_time`` for each view.
        """
        usable = [answer.usable_at(self.instant) for answer in self.found]
        columns, statuses = self._keys(), []
        for column in self.plan.columns:
            answer, holds = self.found[column.view], usable[column.view]
            series = answer.series(column).alias(column.name)
            if details:
                statuses.append(_statuses(column, answer, holds, series))
            if not holds.all():
                series = with_nulls(series, holds) if column.default is None else _with_default(series, holds, column)
            columns.append(series)
        if details:
            stored = (answer for _, answer in self.shown if not isinstance(answer, ComputedAnswer))
            columns += [*statuses, *(_event_times(answer) for answer in stored)]
        return pl.DataFrame(columns)

    def arrow(self, *, details: bool = False) -> pa.Table:
        """Return `frame` as an Arrow table."""
        return self.frame(details=details).to_arrow()

    def _keys(self) -> list[pl.Series]:
        dtypes: dict[str, pl.DataType] = {}
        for plan in self.plan.views:
            contract = plan.part.view.contract
            dtypes |= {column: contract[entity].dtype for entity, column in plan.part.keys}
        return [
            pl.Series(name, [entity[name] for entity in self.entities], dtype=dtype, strict=False)
            for name, dtype in dtypes.items()
        ]


def _picker(places: Sequence[int]) -> Callable[[Row], Sequence[Any]]:
    if len(places) > 1:
        return itemgetter(*places)  # several at once, without a step of Python's for each
    return lambda row: [row[place] for place in places]


def _converted(row: Row, converts: Iterable[tuple[int, Callable[[Any], Any]]]) -> Row:
    values = list(row)
    for place, convert in converts:
        values[place] = None if values[place] is None else convert(values[place])
    return values


def _with_default(series: pl.Series, holds: Bits, column: Column) -> pl.Series:
    default = pl.Series(series.name, [column.default], dtype=series.dtype)
    return series.zip_with(pl.Series(holds), default)


def _statuses(column: Column, answer: Answer, holds: Bits, series: pl.Series) -> pl.Series:
    """Return what `Answers.column` says of the values in `series`, as a column ``<column>__status``."""
    name, there = f"{column.name}__status", "stale" if answer.plan.stale else "present"
    if not series.null_count() and holds.all():
        return pl.Series(name, [there]).new_from_index(0, series.len())
    without = np.where(answer.present, "expired", "missing") if column.default is None else "default"
    return pl.Series(name, np.where(holds, np.where(series.is_null().to_numpy(), "null", there), without))


def _event_times(answer: Answer) -> pl.Series:
    times = pl.Series(f"{answer.plan.part.name}__event_time", answer.events).cast(pl.Datetime("us", "UTC"))
    return with_nulls(times, answer.present)


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
            found = self._look(plan, entities, instant, now=at is None)
        except JoinError:
            if plan.version == self.backend.version():
                raise
            return None  # the keys may have other types now
        if found is None:
            return None
        answers = Answers(plan, entities, instant, found)
        return answers.with_computed() if plan.on_demand else answers

    def forget_plans(self) -> None:
        """Find out anew how requests are read."""
        self._plans.clear()

    def _look(
        self, plan: Plan, entities: Sequence[Mapping[str, object]], instant: int, *, now: bool
    ) -> list[Answer] | None:
        """Return the rows of each view; None where the catalogue has moved on."""
        places = plan.places if instant >= plan.online_since else plan.online_at(instant)
        encoded: dict[int, list[bytes | None]] = {}
        asked: list[bytes] = []
        for place in places:
            view, source = plan.views[place], plan.key_sources[place]
            keys = encoded.get(source)
            if keys is None:
                keys = encoded[source] = view.encode(entities)
            prefix = view.prefix
            asked += [prefix + key for key in keys if key is not None]
        version, rows = self._latest(asked, instant) if now else self.backend.as_of(asked, instant)
        if version != plan.version:
            return None
        found: dict[int, Answer] = {}
        begin = 0
        for place in places:
            view, keys = plan.views[place], encoded[plan.key_sources[place]]
            end = begin + len(keys) - keys.count(None)
            own, begin = rows[begin:end], end
            if None in keys:
                left = iter(own)
                own = [None if key is None else next(left) for key in keys]
            found[place] = Answer(view, StoredRows(view.codec, own), online=True)
        return [
            found.get(place) or Answer(view, lake_rows(view, entities, [instant] * len(entities)), online=False)
            for place, view in enumerate(plan.views)
        ]

    def _latest(self, keys: Sequence[bytes], instant: int) -> tuple[int, list[bytes | None]]:
        """Return the catalogue's version and the rows that answer now; -1 where it changed in between."""
        version, entries = self.backend.latest(keys)
        bounds, start = BOUNDS.unpack_from, BOUNDS.size
        rows: list[bytes | None] = []
        late = []
        for place, entry in enumerate(entries):
            if entry is None:
                rows.append(None)
                continue
            since, until = bounds(entry)
            if not since <= instant < until:
                late.append(place)
            rows.append(entry[start:])
        if late:
            later, others = self.backend.as_of([keys[place] for place in late], instant)
            for place, other in zip(late, others, strict=True):
                rows[place] = other
            version = version if version == later else -1
        return version, rows


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
    return ViewPlan(part, "lake", found, stale=version is not None and version.behind is not None)


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
    wanted: Sequence[ResolvedFeature], reading: ViewReader, asked: Sequence[tuple[Sequence[Mapping[str, object]], int]]
) -> list[Answers]:
    """Return the answers to several requests for the same features, each some entities at an instant, by one join."""
    return _read_lake(planned(Resolution(tuple(wanted)), reading, None), asked)


def _read_lake(plan: Plan, asked: Sequence[tuple[Sequence[Mapping[str, object]], int]]) -> list[Answers]:
    entities = [entity for each, _ in asked for entity in each]
    instants = [instant for each, instant in asked for _ in each]
    found = [lake_rows(view, entities, instants) for view in plan.views]
    answers, begins = [], 0
    for each, instant in asked:
        ends = begins + len(each)
        rows = [Answer(view, own[begins:ends], online=False) for view, own in zip(plan.views, found, strict=True)]
        found_then = Answers(plan, each, instant, rows)
        answers.append(found_then.with_computed() if plan.on_demand else found_then)
        begins = ends
    return answers


def lake_rows(plan: ViewPlan, entities: Sequence[Mapping[str, object]], instants: Sequence[int]) -> list[Row | None]:
    """Return the row that a training set would find for each entity at its instant, whatever its age."""
    part, view = plan.part, plan.part.view
    asked = plan.encode(entities)
    names = [column.name for column in view.contract.features]
    at, outcome, event, created, *columns = _free_names(4 + len(names), part.columns)
    keys = {
        column: pl.Series(
            [None if key is None else entity[column] for entity, key in zip(entities, asked, strict=True)],
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
    if isinstance(given, list) and all(isinstance(entity, Mapping) for entity in given):
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
