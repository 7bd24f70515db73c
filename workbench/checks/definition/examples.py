"""Running an example: the rows a person writes as frames, and the view's rows against those expected."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.checks.result import Check
from workbench.compute import InputData, build, compute_on_demand
from workbench.define import Example
from workbench.equality import differ, equal
from workbench.errors import DefinitionError, did_you_mean
from workbench.point_in_time import ViewRows, join_views
from workbench.times import in_utc

if TYPE_CHECKING:
    from workbench.define import Contract, FeatureView, OnDemandView

Written = pl.DataFrame | Sequence[Mapping[str, Any]]


def frame_of(rows: Written, schema: Mapping[str, pl.DataType], *, where: str) -> pl.DataFrame:
    """Return `rows` with all columns of `schema`, in its order and dtypes; what is not written is null.

    Moments and days may be written as ISO text; without a zone they are UTC.
    """
    names = named(rows)
    for name in names:
        if name not in schema:
            raise DefinitionError(
                f"{where} names the column {name!r}, which there is not.",
                remedy=did_you_mean(name, schema).capitalize(),
            )
    count = len(rows)
    return pl.DataFrame(
        [
            _column(name, dtype, _values(rows, name), where)
            if name in names
            else pl.Series(name, [None] * count, dtype)
            for name, dtype in schema.items()
        ]
    )


def named(rows: Written) -> list[str]:
    """Return the columns that `rows` name, in order of appearance."""
    if isinstance(rows, pl.DataFrame):
        return rows.columns
    return list(dict.fromkeys(name for row in rows for name in row))


def _values(rows: Written, name: str) -> list[Any]:
    return rows[name].to_list() if isinstance(rows, pl.DataFrame) else [row.get(name) for row in rows]


def _column(name: str, dtype: pl.DataType, values: list[Any], where: str) -> pl.Series:
    meant = [_meant(value, dtype) for value in values]
    try:
        if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
            return pl.Series(name, meant, pl.Datetime(dtype.time_unit, "UTC")).dt.convert_time_zone(dtype.time_zone)
        return pl.Series(name, meant, dtype, strict=True)
    except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError):
        kinds = ", ".join(sorted({type(value).__name__ for value in values if value is not None}))
        raise DefinitionError(
            f"{where}: {name!r} is {dtype}, and its values here are {kinds}.",
            remedy=f"Write values of {dtype}, or leave the column out.",
        ) from None


def _meant(value: Any, dtype: pl.DataType) -> Any:
    """Return a value as it is meant in a column of `dtype`: text as a moment, a number as a float."""
    if isinstance(dtype, pl.Datetime):
        return _moment(value, zoned=dtype.time_zone is not None)
    if isinstance(dtype, pl.Date) and isinstance(value, str):
        return _read(value, date.fromisoformat)
    if dtype.is_float() and type(value) is int:
        return float(value)
    return value


def _moment(value: Any, *, zoned: bool) -> Any:
    if isinstance(value, str):
        value = _read(value, datetime.fromisoformat)
    if type(value) is date:
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001  # its zone follows
    if not isinstance(value, datetime):
        return value
    return in_utc(value) if zoned else in_utc(value).replace(tzinfo=None)


def _read(text: str, reader: Any) -> Any:
    try:
        return reader(text)
    except ValueError:
        return text


SHOWN = 5
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the rows of one view are compared: by which columns, within which tolerances.

    Attributes
    ----------
    columns
        The columns that the example names, in its order.
    keys
        Those of them that say which row is which.
    whole
        Whether these are all of the view's keys, so that rows can be told apart by them.
    contract
        The dtypes and tolerances of columns.
    """

    columns: tuple[str, ...]
    keys: tuple[str, ...]
    whole: bool
    contract: Contract

    @classmethod
    def of(cls, view: FeatureView, contract: Contract, columns: Sequence[str]) -> Comparison:
        """Return how an example of `view` that names `columns` is compared."""
        grain = (*view.entities, view.event_time)
        keys = (*view.entities, *view.known_since)
        return cls(
            columns=tuple(columns),
            keys=tuple(name for name in keys if name in columns),
            whole=set(grain) <= set(columns),
            contract=contract,
        )

    def differences(self, made: pl.DataFrame, expected: pl.DataFrame) -> list[str]:
        """Return how the rows that were `made` differ from those `expected`; both have the columns."""
        made, expected = (frame.select(self.columns) for frame in (made, expected))
        found = list(self._by_key(made, expected) if self.whole else self._by_place(made, expected))
        more = len(found) - SHOWN
        return [*found[:SHOWN], *([f"and {more} more differences"] if more > 0 else [])]

    def _by_key(self, made: pl.DataFrame, expected: pl.DataFrame) -> Iterator[str]:
        rows, schema = self._keyed(made), made.schema
        for key, wanted in self._keyed(expected).items():
            given = rows.pop(key, [])
            if len(given) != len(wanted):
                yield f"{self._label(wanted[0])}: expected {_rows(len(wanted))}, the view makes {_rows(len(given))}"
                continue
            yield from self._of_rows(given, wanted, schema)
        for given in rows.values():
            yield f"{self._label(given[0])}: not expected, and the view makes {self._said(given[0])}"

    def _by_place(self, made: pl.DataFrame, expected: pl.DataFrame) -> Iterator[str]:
        """Compare by order, where the example does not say which row is which."""
        if made.height != expected.height:
            yield f"expected {_rows(expected.height)}, the view makes {_rows(made.height)}"
            return
        order = [*self.keys, *(name for name in self.columns if name not in self.keys)]
        given, wanted = (_sorted(frame, order) for frame in (made, expected))
        yield from self._of_rows(given.to_dicts(), wanted.to_dicts(), made.schema)

    def _of_rows(
        self, made: Sequence[Row], expected: Sequence[Row], schema: Mapping[str, pl.DataType]
    ) -> Iterator[str]:
        for given, wanted in zip(made, expected, strict=True):
            for name in self.columns:
                promised = self.contract[name]
                if schema[name] != promised.dtype:  # the contract is broken, which its own check tells
                    same = given[name] == wanted[name]
                else:
                    same = equal(given[name], wanted[name], promised.dtype, tolerance=promised.tolerance)
                if not same:
                    found, due = shown(given[name]), shown(wanted[name])
                    if found == due:  # they differ in digits that are not shown
                        found, due = repr(given[name]), repr(wanted[name])
                    yield f"{self._label(wanted)}{': ' if self.keys else ''}{name} is {found}, expected {due}"

    def _keyed(self, frame: pl.DataFrame) -> dict[tuple[Any, ...], list[Row]]:
        found: dict[tuple[Any, ...], list[Row]] = {}
        for row in frame.iter_rows(named=True):
            found.setdefault(tuple(_hashable(row[name]) for name in self.keys), []).append(row)
        return found

    def _label(self, row: Row) -> str:
        return ", ".join(f"{name}={shown(row[name])}" for name in self.keys)

    def _said(self, row: Row) -> str:
        return ", ".join(f"{name}={shown(row[name])}" for name in self.columns if name not in self.keys) or "it"


def as_of(view: FeatureView, rows: pl.DataFrame, asked: pl.DataFrame) -> pl.DataFrame:
    """Return what a reader of the view's `rows` finds at each entity and time of `asked`; nulls where nothing is."""
    keys = [*view.entities, view.event_time]
    held = ViewRows(
        name=view.name,
        rows=rows,
        keys={name: name for name in view.entities},
        features={name: name for name in rows.columns if name not in keys},
        event_time=view.event_time,
        ttl=view.ttl,
        created=view.created,
    )
    spine = asked.select(keys)
    found = join_views(spine, [held], time=view.event_time)
    return found.with_columns(spine[view.event_time]).select(rows.columns)


def shown(value: object) -> str:
    """Return a value for a sentence."""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ").removesuffix("+00:00")
    text = "null" if value is None else f"{value:.12g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _rows(count: int) -> str:
    return "no row" if count == 0 else f"{count} row{'' if count == 1 else 's'}"


def _sorted(frame: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    able = [name for name in by if not frame.schema[name].is_nested()]
    return frame.sort(able, maintain_order=True) if able else frame


def _hashable(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float | bool | datetime) else str(value)


def examples_of(view: FeatureView | OnDemandView, namespace: Mapping[str, Any]) -> tuple[Example, ...]:
    """Return the examples of a view: its decorator's, and those at the top level of its file, alone or in a list."""
    found = [*view.examples, *(one for value in namespace.values() for one in _among(value))]
    return tuple({id(one): one for one in found}.values())


def _among(value: object) -> Iterator[Example]:
    if isinstance(value, Example):
        yield value
    elif isinstance(value, list | tuple) and value and all(isinstance(one, Example) for one in value):
        yield from value


def run_example(view: FeatureView, one: Example, inputs: Mapping[str, pl.LazyFrame]) -> list[str]:
    """Return how what `view` makes of an example's rows differs from what is expected; empty where it does not."""
    _refuse_unknown(view, one)
    frames = [
        InputData(
            name=name,
            frame=frame_of(one.given.get(name, ()), inputs[name].collect_schema(), where=f"given[{name!r}]").lazy(),
            digest="",
            kind="source",
        )
        for name in view.inputs
    ]
    made = build(view, frames).collect()
    columns = named(one.expect)
    missing = [name for name in (*view.entities, view.event_time) if name not in columns]
    if one.as_of and missing:
        raise DefinitionError(
            f"as_of=True needs {' and '.join(missing)} in each row of expect.",
            remedy="Name all entities and the time at which a reader asks.",
        )
    contract = view.contract
    expected = frame_of(one.expect, dict(contract.schema), where="expect")
    if not columns:
        columns = [name for name in (*view.entities, view.event_time) if name in made.columns]
    comparison = Comparison.of(view, contract, columns)
    if one.as_of:
        made = as_of(view, made, expected)
    return comparison.differences(made, expected)


def check_on_demand_examples(view: OnDemandView, examples: Sequence[Example], schema: pl.Schema) -> Check | None:
    """Return whether an on-demand view gives what its examples expect, row by row; None where there are none."""
    if not examples:
        return None
    started = time.perf_counter()
    said = [f"{one.name or f'line {one.line}'}: {each}" for one in examples for each in _unlike(view, one, schema)]
    return Check(
        "examples",
        passed=not said,
        detail="; ".join(said[:SHOWN]) if said else f"{len(examples)} as expected",
        seconds=time.perf_counter() - started,
        counts={"examples": len(said)} if said else {},
    )


def _unlike(view: OnDemandView, one: Example, schema: pl.Schema) -> Iterator[str]:
    _refuse_unknown(view, one)
    if one.as_of:
        raise DefinitionError("as_of=True is for stored views.", remedy="Expect a row for each row that is given.")
    given = frame_of(one.given.get(view.inputs[0], ()), dict(schema), where=f"given[{view.inputs[0]!r}]")
    columns = named(one.expect)
    expected = frame_of(one.expect, dict(view.contract.schema), where="expect")
    made = compute_on_demand(view, given)
    if made.height != expected.height:
        yield f"expected {_rows(expected.height)}, the view makes {_rows(made.height)}"
        return
    for name in columns:
        promised = view.contract[name]
        for row in differ(made[name], expected[name], tolerance=promised.tolerance).arg_true():
            yield f"row {row}: {name} is {shown(made[name][row])}, expected {shown(expected[name][row])}"


def _refuse_unknown(view: FeatureView | OnDemandView, one: Example) -> None:
    for name in one.given:
        if name not in view.inputs:
            raise DefinitionError(
                f"given names {name!r}, which {view.name} does not read.",
                remedy=did_you_mean(name, view.inputs).capitalize(),
            )


def by_line(examples: Iterable[Example]) -> list[Example]:
    """Return `examples` in the order of their lines."""
    return sorted(examples, key=lambda one: one.line)
