"""Answers: what was found for a request, in every form that is asked for."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import accumulate, chain, repeat
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from workbench.errors import JoinError
from workbench.online.backend import BOUNDS
from workbench.online.codec import (
    CREATED,
    EVENT,
    Bits,
    Columns,
    Row,
    StoredRows,
    transposed,
    with_nulls,
)
from workbench.online.values import FeatureValue, RowFacts

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from workbench.define import RequestField
    from workbench.online.plan import Column, OnDemandPlan, Plan, ViewColumns, ViewPlan
    from workbench.online.values import Origin, Status


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


FEW = 4
"""Entities up to which rows are looked at one by one sooner than column by column."""


class Answer:
    """The rows of one view for all entities of a request, with Python's values.

    Parameters
    ----------
    plan
        How the view is read.
    instant
        When the rows have to hold.
    rows
        The row of each entity, whatever its age; None where there is none.
    """

    # no dataclass, and no cached properties where a read of one entity looks: they take as long as it does
    __slots__ = ("__dict__", "_columns", "_rows", "instant", "may_be_null", "plan")

    def __init__(self, plan: ViewPlan, instant: int, rows: Sequence[Row | None]) -> None:
        self.plan = plan
        self.instant = instant
        self.may_be_null = True  # values in `columns`
        self._rows: Sequence[Row | None] | None = rows
        self._columns: Columns | Literal[False] | None = False

    @property
    def rows(self) -> Sequence[Row | None]:
        """The row of each entity, whatever its age."""
        return self._rows or ()

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def columns(self) -> Columns | None:
        """The rows column by column; None where some entity has none that holds, or there are no entities."""
        if self._columns is False:
            self._columns = self._holding(transposed(self.rows))
        return self._columns

    @property
    def is_whole(self) -> bool:
        """Whether it is known that every entity has a row that holds, without a null."""
        return self.columns is not None and not self.may_be_null

    def _holding(self, columns: Columns | None) -> Columns | None:
        """Return the columns of rows; None where some of these have expired."""
        plan = self.plan
        if columns is not None and plan.ttl and not plan.holds(min(columns[EVENT]), self.instant):
            return None
        return columns

    def values(self, features: ViewColumns) -> Iterable[Iterable[FeatureValue]]:
        """Return the answers of each entity for features of the view."""
        return map(features.values_of(self.shared, stored=False), self.rows, repeat(self.instant))

    def values_by_column(self, features: ViewColumns) -> Iterator[Iterator[FeatureValue]]:
        """Return the answers for features of the view, feature by feature, where every entity has all of them."""
        columns, there = self.columns, repeat(self.plan.there)
        assert columns is not None  # who calls this has looked  # noqa: S101
        facts = [*map(RowFacts, *self.times, *map(repeat, self.shared))]
        return (map(FeatureValue, values, there, facts) for values in features.pick(columns))

    @property
    def times(self) -> Columns:
        """Event time and `created` of the row that each entity has, in microseconds; of an expired one too."""
        columns = self.columns
        if columns is None:
            columns = [[row and row[place] for row in self.rows] for place in (EVENT, CREATED)]
        events = columns[EVENT]
        return events, columns[CREATED] if self.plan.has_created else [None] * len(events)

    def column(self, column: Column) -> tuple[Sequence[Any], Sequence[Status]]:
        """Return a feature's value for each entity, as its Python type, and its status."""
        columns, there = self.columns, self.plan.there
        if columns is None:
            return self._column_of_some(column)
        values = columns[column.place]
        statuses: Sequence[Status] = [there] * len(values)
        if self.may_be_null and None in values:
            statuses = ["null" if value is None else there for value in values]
        return self._in_python(column, values), statuses

    def _column_of_some(self, column: Column) -> tuple[Sequence[Any], Sequence[Status]]:
        """Return what `column` does where some entities have no row that holds."""
        plan, default = self.plan, column.default
        values: list[Any] = []
        statuses: list[Status] = []
        for found, row in zip(self.rows, self.usable, strict=True):
            if row is None:
                values.append(None)
                statuses.append(("missing" if found is None else "expired") if default is None else "default")
                continue
            values.append(value := row[column.place])
            statuses.append("null" if value is None else plan.there)
        values = [*self._in_python(column, values)]
        if default is not None:
            values = [default if status == "default" else value for value, status in zip(values, statuses, strict=True)]
        return values, statuses

    def _in_python(self, column: Column, values: Sequence[Any]) -> Sequence[Any]:  # noqa: ARG002 - those stored are not
        """Return the values of a feature, in Python's types."""
        return values

    @property
    def usable(self) -> Sequence[Row | None]:
        """The rows that have not expired; None in place of others."""
        plan, rows = self.plan, self.rows
        if not plan.ttl:
            return rows
        return [row if row is not None and plan.holds(row[EVENT], self.instant) else None for row in rows]

    def summary(self) -> tuple[int, int, int | None]:
        """Return how many entities have a row, how many of them hold, and the latest event time."""
        columns = self.columns
        if columns is not None:
            events = columns[EVENT]
            return len(events), len(events), max(events)
        events = [row[EVENT] for row in self.rows if row is not None]
        usable = sum(self.plan.holds(event, self.instant) for event in events)
        return len(events), usable, max(events, default=None)

    @cached_property
    def present(self) -> Bits:
        """Which entities have a row."""
        return np.array([row is not None for row in self.rows], np.bool_)

    @cached_property
    def events(self) -> npt.NDArray[np.int64]:
        """The event time of each row; any number where there is none."""
        return np.array([0 if row is None else row[EVENT] for row in self.rows], np.int64)

    @property
    def holds(self) -> Bits:
        """Which entities have a row that has not expired; it is `usable` for columns."""
        if not self.plan.ttl:
            return self.present
        found: Bits = self.present & self.plan.holds(self.events, self.instant)
        return found

    @cached_property
    def all_there(self) -> pl.Series:
        """The status of each entity where all have a value."""
        return pl.Series([self.plan.there]).new_from_index(0, len(self))

    def numbers(self, column: Column) -> npt.NDArray[Any] | None:  # noqa: ARG002 - those stored have some
        """Return a feature's values as numpy has them; None where it does not, or some are null or not there."""
        return None

    def series(self, column: Column) -> pl.Series:
        """Return a feature's values with its dtype, of expired rows too; null where there is no row."""
        values = [None if row is None else row[column.place] for row in self.rows]
        return pl.Series(values, dtype=self.plan.part.view.contract[column.feature].dtype, strict=True)

    @property
    def shared(self) -> tuple[str | None, int | None, Origin]:
        """What all rows have in common: version, generation and origin."""
        return self.plan.version, None, self.plan.origin

    @property
    def generation(self) -> int | None:
        """The load of the online store that the rows are of; None where they are read elsewhere."""
        return self.shared[1]

    @property
    def origin(self) -> Origin:
        """Where the rows were read."""
        return self.shared[2]


class StoredAnswer(Answer):
    """The rows of one view as the online store has them; none is decoded before somebody asks for it.

    Parameters
    ----------
    plan
        How the view is read.
    instant
        When the rows have to hold.
    data
        The row of each entity; None where there is none.
    bounded
        Whether they are behind the instants between which they answer.
    """

    __slots__ = ("_bounded", "_data")

    def __init__(self, plan: ViewPlan, instant: int, data: Sequence[bytes | None], *, bounded: bool) -> None:
        self.plan = plan
        self.instant = instant
        self.may_be_null = True
        self._rows = None
        self._columns = False
        self._data = data
        self._bounded = bounded

    @cached_property
    def stored(self) -> StoredRows:
        """The rows, for numpy."""
        return StoredRows(self.plan.codec, self._data, bounded=self._bounded)

    def __len__(self) -> int:
        return len(self._data)

    @property
    def rows(self) -> Sequence[Row | None]:
        """The rows with their stored values."""
        if self._rows is None:
            decode, start = self.plan.decode, BOUNDS.size if self._bounded else 0
            self._rows = [None if row is None else decode(row, start) for row in self._data]
        return self._rows

    @property
    def columns(self) -> Columns | None:
        """The rows column by column."""
        if self._columns is False:
            data, codec = self._data, self.plan.codec
            columns = None
            if data and None not in data:
                columns = codec.decode_entries(data) if self._bounded else codec.decode_columns(data)  # type: ignore[arg-type]  # none is None
            self.may_be_null = columns is None or bool(codec.rest)
            self._columns = self._holding(transposed(self.rows) if columns is None else columns)
        return self._columns

    def values(self, features: ViewColumns) -> Iterable[Iterable[FeatureValue]]:
        """Return the answers of each entity for features of the view."""
        return map(features.values_online, self.rows, repeat(self.instant))

    def is_late(self) -> bool:
        """Whether some of the rows, which are behind their bounds, do not answer at the instant."""
        return not self.stored.answer_at(self.instant)

    def _in_python(self, column: Column, values: Sequence[Any]) -> Sequence[Any]:
        convert = column.convert
        return values if convert is None else [None if value is None else convert(value) for value in values]

    def summary(self) -> tuple[int, int, int | None]:
        """Return what `Answer.summary` does; by numpy where the rows became columns of a frame."""
        if self._columns is not False or self._rows is not None:
            return super().summary()
        found, usable = int(self.present.sum()), int(self.holds.sum())
        return found, usable, int(self.events[self.present].max()) if found else None

    @property
    def present(self) -> Bits:
        """Which entities have a row."""
        return self.stored.present

    @property
    def events(self) -> npt.NDArray[np.int64]:
        """The event time of each row."""
        return self.stored.events

    def numbers(self, column: Column) -> npt.NDArray[Any] | None:
        """Return a feature's values as numpy has them."""
        return self.stored.numbers(column.feature)

    def series(self, column: Column) -> pl.Series:
        """Return a feature's values with its dtype."""
        return self.stored.series(column.feature)

    @property
    def shared(self) -> tuple[str | None, int | None, Origin]:
        """What all rows have in common."""
        return self.plan.online


class ComputedAnswer(Answer):
    """What an on-demand view gave for all entities of a request: rows without times, none of which expires.

    Parameters
    ----------
    plan
        How the view is computed.
    instant
        When the rows hold.
    made
        A row an entity.
    """

    def __init__(self, plan: ViewPlan, instant: int, made: pl.DataFrame) -> None:
        super().__init__(plan, instant, ())
        self.made = made

    @cached_property
    def rows(self) -> Sequence[Row | None]:
        """The rows, which have no times."""
        return [(None, None, *row) for row in self.made.iter_rows()]

    def summary(self) -> tuple[int, int, int | None]:
        """Return how many rows there are; they have no event time."""
        return self.made.height, self.made.height, None

    @property
    def holds(self) -> Bits:
        """Say that all entities have a row."""
        return np.ones(self.made.height, np.bool_)

    @property
    def present(self) -> Bits:
        """Say that all entities have a row."""
        return self.holds

    def series(self, column: Column) -> pl.Series:
        """Return a feature's values."""
        return self.made[column.feature]


class Answers:
    """What was found for each entity of a request, in the order asked.

    Parameters
    ----------
    plan
        How the request is read.
    entities
        The entities.
    instant
        When what is found has to hold.
    found
        What each view of the plan has.
    """

    __slots__ = ("_found", "entities", "instant", "plan")  # no dataclass: as `Answer`

    def __init__(
        self, plan: Plan, entities: Sequence[Mapping[str, object]], instant: int, found: Sequence[Answer] | None
    ) -> None:
        self.plan = plan
        self.entities = entities
        self.instant = instant
        self._found = found

    @property
    def found(self) -> Sequence[Answer]:
        """What each view of the plan has."""
        return self._found or ()

    @property
    def is_online(self) -> bool:
        """Whether it is known that the online store has the rows of all views."""
        return False

    @property
    def only_row(self) -> Row | None:
        """The rows of all views for the one entity of the request, one after another, where all are there and hold.

        None where they are not, or that is not known.
        """
        return None

    @property
    def shown(self) -> list[tuple[int, Answer]]:
        """The answers of the views that were asked for, each with its place."""
        return [(place, answer) for place, answer in enumerate(self.found) if place in self.plan.shown]

    def with_computed(self) -> Answers:
        """Return the answers with those of the on-demand views, which are computed now."""
        return all_with_computed([self])[0]

    def series(self, column: Column) -> pl.Series:
        """Return a feature's value for each entity with its dtype: null where no row holds, whatever the default."""
        answer = self.found[column.view]
        series, holds = answer.series(column), answer.holds
        return series if holds.all() else with_nulls(series, holds)

    def values(self) -> list[dict[str, FeatureValue]]:
        """Return one dictionary an entity: each feature's answer by its column."""
        plan, count, names = self.plan, len(self.entities), self.plan.grouped_names
        if count > FEW and not plan.converts and all(each.is_whole for each in self.found):
            parts = zip(self.found, plan.by_view, strict=True)
            columns = chain.from_iterable(answer.values_by_column(features) for answer, features in parts)
            found = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        else:
            by_view = [answer.values(features) for answer, features in zip(self.found, plan.by_view, strict=True)]
            found = [dict(zip(names, chain.from_iterable(row), strict=True)) for row in zip(*by_view, strict=True)]
        return found if plan.is_grouped else [{name: each[name] for name in plan.names} for each in found]

    def column(self, column: Column) -> tuple[Sequence[Any], Sequence[Status]]:
        """Return a feature's value for each entity, as its Python type, and its status."""
        return self.found[column.view].column(column)

    def frame(self, *, details: bool = False) -> pl.DataFrame:
        """Return one row an entity: the keys, then one column a feature with its dtype.

        With `details`, also ``<column>__status``, and ``<view>__event_time`` for each view.
        """
        holding = [answer.holds for answer in self.found]
        columns, statuses = self._keys(), []
        for column in self.plan.columns:
            series, status = self._series(column, holding[column.view])
            columns.append(series)
            statuses.append(status)
        if details:
            columns += [*statuses, *map(_event_times, self._with_times())]
        return pl.DataFrame(columns)

    def arrow(self, *, details: bool = False) -> pa.Table:
        """Return `frame` as an Arrow table; numbers and times that are all there become none of Polars's series."""
        import pyarrow as pa

        count, holding = len(self.entities), [answer.holds for answer in self.found]
        whole = [bool(holds.all()) for holds in holding]
        features: dict[str, Any] = {}
        statuses: dict[str, Any] = {}
        for column in self.plan.columns:
            answer = self.found[column.view]
            numbers = answer.numbers(column) if whole[column.view] else None
            if numbers is None:
                features[column.name], statuses[_status_name(column)] = self._series(column, holding[column.view])
            else:
                features[column.name] = _in_arrow(numbers)
                statuses[_status_name(column)] = _all_in_arrow(answer.plan.there, count)
        columns: dict[str, Any] = {}
        for name, dtype in self._key_types().items():
            values = [entity[name] for entity in self.entities]
            columns[name] = _whole_numbers(values) if dtype == pl.Int64 else None
            if columns[name] is None:
                columns[name] = pl.Series(name, values, dtype=dtype, strict=False)
        columns |= features
        if details:
            columns |= statuses | {_time_name(answer): _times_in_arrow(answer) for answer in self._with_times()}
        fields: dict[str, pa.Field] = {}
        if series := {name: each for name, each in columns.items() if isinstance(each, pl.Series)}:
            drawn = pl.DataFrame(series).to_arrow()
            fields = {field.name: field for field in drawn.schema}
            columns |= dict(zip(fields, drawn.columns, strict=True))
        schema = pa.schema([fields.get(name) or pa.field(name, each.type) for name, each in columns.items()])
        return pa.table([*columns.values()], schema=schema)

    def _series(self, column: Column, holds: Bits) -> tuple[pl.Series, pl.Series]:
        """Return a feature's values, the default where no row holds, and their statuses."""
        answer = self.found[column.view]
        series = answer.series(column).alias(column.name)
        status = _statuses(column, answer, holds, series)
        if not holds.all():
            series = with_nulls(series, holds) if column.default is None else _with_default(series, holds, column)
        return series, status

    def _with_times(self) -> list[Answer]:
        """Return the answers of views whose rows have an event time."""
        return [answer for _, answer in self.shown if not isinstance(answer, ComputedAnswer)]

    def _key_types(self) -> dict[str, pl.DataType]:
        dtypes: dict[str, pl.DataType] = {}
        for plan in self.plan.views:
            contract = plan.part.view.contract
            dtypes |= {column: contract[entity].dtype for entity, column in plan.part.keys}
        return dtypes

    def _keys(self) -> list[pl.Series]:
        return [
            pl.Series(name, [entity[name] for entity in self.entities], dtype=dtype, strict=False)
            for name, dtype in self._key_types().items()
        ]


class StoredAnswers(Answers):
    """What one look into the online store found for all views of a request.

    Parameters
    ----------
    plan, entities, instant
        As those of `Answers`.
    data
        The row of each entity, view by view; None where there is none.
    bounded
        Whether they are behind the instants between which they answer.
    """

    __slots__ = ("_bounded", "_data", "_row")

    def __init__(
        self,
        plan: Plan,
        entities: Sequence[Mapping[str, object]],
        instant: int,
        data: Sequence[bytes | None],
        *,
        bounded: bool,
    ) -> None:
        self.plan = plan
        self.entities = entities
        self.instant = instant
        self._found = None
        self._data = data
        self._bounded = bounded
        self._row: Row | Literal[False] | None = False

    @property
    def found(self) -> Sequence[Answer]:
        """What each view of the plan has."""
        if self._found is None:
            count, data = len(self.entities), self._data
            self._found = [
                StoredAnswer(view, self.instant, data[place * count : (place + 1) * count], bounded=self._bounded)
                for place, view in enumerate(self.plan.views)
            ]
        return self._found

    @property
    def is_online(self) -> bool:
        """Say that the online store has the rows of all views."""
        return True

    @property
    def only_row(self) -> Row | None:
        """The rows of all views for the one entity, one after another, where all are there and hold; as stored."""
        if self._row is False:
            self._row = self._only_row()
        return self._row

    def _only_row(self) -> Row | None:
        plan, data = self.plan, self._data
        if len(self.entities) != 1 or None in data:
            return None
        start = BOUNDS.size if self._bounded else 0
        row: list[Any] = []
        for decode, own in zip(plan.decoders, data, strict=True):
            row += decode(own, start)
        fading = plan.fading
        held = not fading or all(view.holds(row[begin + EVENT], self.instant) for begin, view in fading)
        return row if held else None

    def values(self) -> list[dict[str, FeatureValue]]:
        """Return one dictionary an entity; of few entities without an object for each view."""
        plan, count, instant = self.plan, len(self.entities), self.instant
        if count > FEW or not plan.is_grouped:
            return super().values()
        names, data, readers, found = plan.names, self._data, plan.row_readers, []
        start = BOUNDS.size if self._bounded else 0
        for number in range(count):
            by_view = [
                values_of(None if row is None else decode(row, start), instant)
                for (decode, values_of), row in zip(readers, data[number::count], strict=True)
            ]
            found.append(dict(zip(names, chain.from_iterable(by_view), strict=True)))
        return found


def _in_arrow(numbers: np.ndarray[Any, Any], kind: pa.DataType | None = None) -> pa.Array:
    """Return an array as it is in memory, or its bits. `pyarrow.array` would load pandas."""
    import pyarrow as pa

    if numbers.dtype == np.bool_:
        return pl.Series(numbers).to_arrow()
    return pa.Array.from_buffers(
        kind or pa.from_numpy_dtype(numbers.dtype), len(numbers), [None, pa.py_buffer(numbers)]
    )


def _whole_numbers(values: Sequence[Any]) -> pa.Array | None:
    """Return numbers of 64 bits; None where some are null, or others."""
    try:
        return _in_arrow(np.array(array("q", values), np.int64))
    except (TypeError, OverflowError):
        return None


@lru_cache(maxsize=64)
def _all_in_arrow(status: str, count: int) -> pa.Array:
    """Return the statuses of values that all have the same."""
    return pl.Series([status]).new_from_index(0, count).to_arrow()


def _times_in_arrow(answer: Answer) -> pa.Array | pl.Series:
    """Return what `_event_times` does; as it is in memory where every entity has a row."""
    import pyarrow as pa

    if not answer.present.all():
        return _event_times(answer)
    return _in_arrow(answer.events, pa.timestamp("us", "UTC"))


def all_with_computed(asked: Sequence[Answers]) -> list[Answers]:
    """Return the answers to requests of one plan with those of its on-demand views, computed once for all of them."""
    by_view = [_compute(view, asked) for view in asked[0].plan.on_demand] if asked else []
    return [
        Answers(answers.plan, answers.entities, answers.instant, [*answers.found, *(each[place] for each in by_view)])
        for place, answers in enumerate(asked)
    ]


def _compute(view: OnDemandPlan, asked: Sequence[Answers]) -> list[ComputedAnswer]:
    """Return the features of a view for each entity of some requests, from what was found of its stored views."""
    rows = [_input_rows(view, answers) for answers in asked]
    made = view.view.compute(rows[0] if len(rows) == 1 else pl.concat(rows))
    ends = accumulate(each.height for each in rows)
    return [
        ComputedAnswer(view, answers.instant, made[end - each.height : end])
        for answers, each, end in zip(asked, rows, ends, strict=True)
    ]


def _input_rows(view: OnDemandPlan, answers: Answers) -> pl.DataFrame:
    stored = [answers.series(column).alias(name) for name, column in view.inputs.items()]
    request = [request_values(each, answers.entities, view=view.view.name) for each in view.view.request]
    return pl.DataFrame([*stored, *request])


def _with_default(series: pl.Series, holds: Bits, column: Column) -> pl.Series:
    default = pl.Series(series.name, [column.default], dtype=series.dtype)
    return series.zip_with(pl.Series(holds), default)


def _status_name(column: Column) -> str:
    return f"{column.name}__status"


def _statuses(column: Column, answer: Answer, holds: Bits, series: pl.Series) -> pl.Series:
    """Return what `Answers.column` says of the values in `series`, as a column ``<column>__status``."""
    if not series.null_count() and holds.all():
        return answer.all_there.alias(_status_name(column))
    without = np.where(answer.present, "expired", "missing") if column.default is None else "default"
    statuses = np.where(holds, np.where(series.is_null().to_numpy(), "null", answer.plan.there), without)
    return pl.Series(_status_name(column), statuses)


def _time_name(answer: Answer) -> str:
    return f"{answer.plan.part.name}__event_time"


def _event_times(answer: Answer) -> pl.Series:
    times = pl.Series(_time_name(answer), answer.events).cast(pl.Datetime("us", "UTC"))
    return times if answer.present.all() else with_nulls(times, answer.present)
