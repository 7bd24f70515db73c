"""Plans and answers: how a request is read, and what was found for it in every form that is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from itertools import chain, repeat
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import polars as pl

from workbench.errors import JoinError, OnlineError
from workbench.online.backend import FOREVER, prefix_of
from workbench.online.catalog import Generation
from workbench.online.codec import CREATED, EVENT, NEVER, Bits, Row, RowCodec, StoredRows, with_nulls
from workbench.online.keys import EntityKeys
from workbench.online.values import FeatureValue
from workbench.point_in_time import within_ttl
from workbench.store import JoinedView, ReadableView
from workbench.times import from_microseconds

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    import pyarrow as pa

    from workbench.define import RequestField
    from workbench.online.values import Origin, Status
    from workbench.store import ReadableData, ReadableOnDemand


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
