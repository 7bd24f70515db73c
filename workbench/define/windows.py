"""Aggregations over trailing windows, exact at any instant.

How it works. Let an event at ``e`` be inside the window of length ``w`` for the instants ``e + a <= t < e + a + p``;
for ``closed="left"``, ``[t - w, t)``, these are ``a = 1us`` and ``p = w``. What the window holds changes only
at ``e + a`` (the event enters) and at ``e + a + p`` (it leaves), so a row at each of these instants makes a read of the
latest row exact everywhere. With ``u = t - a`` each of them holds the events in ``(u - p, u]``, which is what Polars'
``rolling`` computes at the events themselves (``u = e``) or, by its ``offset``, a fixed time after them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Literal

import polars as pl
import polars.selectors as cs

from workbench.define.entity_frame import EntityFrame, LocalPlan
from workbench.define.exact_windows import Exact, centre_integers, exact, is_opaque, widen
from workbench.errors import WindowError, did_you_mean
from workbench.times import conversion_to_times, format_duration, instant, parse_duration

_COUNTS = {"Count", "NUnique", "NullCount", "ApproxNUnique"}
_NULL_ALREADY = {"Mean", "Median", "Min", "Max", "First", "Last", "Std", "Var", "Quantile"}
_AUTHORS_WORD = {"FillNull", "Coalesce"}
_COMPARISONS = {"Eq", "EqValidity", "NotEq", "NotEqValidity", "Lt", "LtEq", "Gt", "GtEq", "LogicalAnd", "LogicalOr"}


def empty_is_null(value: pl.Expr, schema: Mapping[str, pl.DataType]) -> bool:
    """Return whether the aggregation `value` must be made null where there are no events.

    Polars says 0 for a sum over nothing, which reads as a measurement. A count is truly 0: ``len``, ``count``,
    ``n_unique``, ``null_count``, the sum of a Boolean, and simple arithmetic on these. A final ``fill_null`` or
    ``coalesce`` is the author's own word and stands.

    Examples
    --------
    >>> empty_is_null(pl.col("delay").sum(), {"delay": pl.Float64()})
    True
    >>> empty_is_null((pl.col("delay") > 15).sum(), {"delay": pl.Float64()})
    False
    """
    try:
        tree = _strip_casts(json.loads(value.meta.serialize(format="json")))
    except (pl.exceptions.PolarsError, ValueError, TypeError):
        return True
    kind, _ = _operation(tree)
    return kind not in _AUTHORS_WORD | _NULL_ALREADY and not _is_count(tree, schema)


def _strip_casts(tree: Any) -> Any:
    """Return `tree` without the casts and names around it."""
    while isinstance(tree, dict) and ("Cast" in tree or "Alias" in tree):
        tree = tree["Cast"]["expr"] if "Cast" in tree else tree["Alias"][0]
    return tree


def _operation(tree: Any) -> tuple[str, Any]:
    """Return the name of the outermost operation of `tree` and what it is applied to."""
    if not isinstance(tree, dict) or len(tree) != 1:
        return str(tree), None
    ((kind, inner),) = tree.items()
    if kind == "Agg":
        return _operation(inner)
    if kind == "Function":
        function = inner["function"]
        return (function if isinstance(function, str) else next(iter(function))), inner["input"]
    return kind, inner


def _is_count(tree: Any, schema: Mapping[str, pl.DataType]) -> bool:
    kind, inner = _operation(_strip_casts(tree))
    if kind == "Sum":
        return _is_boolean(inner, schema)
    if kind == "BinaryExpr":
        left, right = _is_count(inner["left"], schema), _operation(_strip_casts(inner["right"]))[0]
        scaled = inner["op"] in {"TrueDivide", "FloorDivide", "Divide"} and right == "Literal"
        combined = inner["op"] in {"Plus", "Minus", "Multiply"} and _is_count(inner["right"], schema)
        return left and (scaled or combined)
    return kind in {"Len", "Literal"} or kind in _COUNTS


def _is_boolean(tree: Any, schema: Mapping[str, pl.DataType]) -> bool:
    kind, inner = _operation(tree)
    if kind == "Column":
        return schema.get(inner) == pl.Boolean
    if kind == "BinaryExpr":
        bitwise = inner["op"] in {"And", "Or", "Xor"} and _is_boolean(inner["left"], schema)
        return bitwise or inner["op"] in _COMPARISONS
    if kind in {"Filter", "FillNull", "Cast"}:
        target = inner[0] if isinstance(inner, list) else inner.get("input", inner.get("expr"))
        return kind != "Cast" and _is_boolean(target, schema)
    return kind == "Boolean"


Closed = Literal["left", "right", "both", "none"]

_ENTERS: Mapping[str, int] = {"left": 1, "right": 0, "both": 0, "none": 1}
_LONGER: Mapping[str, int] = {"left": 0, "right": 0, "both": 1, "none": -1}
_RUN = "__run"
_SIZE = "__size"
_ROW = "__row"
_LEFT = "__left"
_HELD = "__held"
_WINDOW = "__window"
_ALL = -1
_LINE = "__line"
_MOST = 2**62
"""How long a line of events may be, in microseconds."""


def windowed(
    frame: pl.LazyFrame,
    *,
    by: str | Sequence[str] = (),
    time: str,
    windows: str | timedelta | Sequence[str | timedelta],
    closed: Closed = "left",
    **aggregations: pl.Expr,
) -> pl.LazyFrame:
    """Aggregate each entity's events over trailing windows, with a row whenever a window's content changes.

    A window of length `w` at the instant `t` is ``[t - w, t)`` for ``closed="left"`` (an event never counts itself),
    ``(t - w, t]`` for ``"right"``, ``[t - w, t]`` for ``"both"`` and ``(t - w, t)`` for ``"none"``. The result has
    a row where an event enters a window and where one leaves it, so the latest row at or before any instant is exact
    to the microsecond. An event that does not count itself enters one microsecond after its time. There is also a row
    at each entity's first event, before which nothing is known of it.

    Parameters
    ----------
    frame
        One row an event. Rows whose time or key is null are left out: they can never be read.
    by
        Entity column or columns; none means one global window.
    time
        Event time, a datetime of any unit and zone; one without a zone is read as UTC, and nanoseconds are
        cut to microseconds.
    windows
        One or more fixed lengths of time: ``"7d"``, ``"1d12h"``, ``timedelta(minutes=5)``.
    closed
        Which ends belong to the window.
    **aggregations
        Polars aggregation by the name of its column. Over a window without events the value is null; what
        is made of counts alone (``pl.len()``, ``count()``, ``n_unique()``, the sum of a Boolean) is 0, and a final
        ``fill_null`` is respected. Sums, means, products and spreads neither wrap nor lose digits: narrow columns are
        widened first, integers are added as Int128.

    Returns
    -------
    pl.LazyFrame
        `by`, `time` (``Datetime("us", "UTC")``) and ``<aggregation>_<window>``, one row for each entity and instant,
        sorted by them. Integers are ``Int64`` and floats ``Float64``, as contracts write them; ``UInt64`` and
        ``Int128`` stay. A sum or product that does not fit fails when it is computed.

    Raises
    ------
    WindowError
        For unknown columns, a window of no length, a time that is not a datetime, or clashing names.
    DefinitionError
        For a length of time that cannot be read or is not fixed, such as a month.

    Examples
    --------
    >>> from datetime import datetime
    >>> flights = pl.LazyFrame({"carrier": ["UA"], "landed_at": [datetime(2013, 6, 1)], "arr_delay": [12.0]})
    >>> week = windowed(
    ...     flights, by="carrier", time="landed_at", windows="7d", delay=pl.col("arr_delay").mean(), flights=pl.len()
    ... )
    >>> week.select("delay_7d", "flights_7d").collect().rows()
    [(None, 0), (12.0, 1), (None, 0)]
    """
    keys = (by,) if isinstance(by, str) else tuple(by)
    spans = _spans(windows, closed)
    schema = _check_events(frame, keys, time, spans, aggregations)
    nulled = tuple(name for name, value in aggregations.items() if empty_is_null(value, schema))
    wide = _wide(schema, aggregations, apart=(*keys, time))
    values = {name: exact(name, value, {**schema, **wide}) for name, value in aggregations.items()}
    windows_of = partial(_windows, keys, time, spans, _ENTERS[closed], values, nulled)

    def windows_of_part(part: pl.DataFrame) -> pl.LazyFrame:
        return windows_of(part.lazy(), in_line=part.height * _apart(spans) < _MOST)

    events = _events(frame, keys, time, schema[time], wide)
    read = dict.fromkeys([*keys, time, *(root for value in aggregations.values() for root in value.meta.root_names())])
    local = (
        None
        if any(map(is_opaque, aggregations.values()))
        else LocalPlan(events.select(*read), keys, time, windows_of_part)
    )
    return EntityFrame.of(windows_of(events.sort(*keys, time, maintain_order=True)), local)


windowed.__semantics__ = 2  # type: ignore[attr-defined]  # part of every fingerprint: raised when values change


def _windows(
    keys: Sequence[str],
    time: str,
    spans: Sequence[_Span],
    enters: int,
    values: Mapping[str, Exact],
    nulled: Sequence[str],
    ordered: pl.LazyFrame,
    *,
    in_line: bool = False,
) -> pl.LazyFrame:
    """Return the rows of `windowed` for events that are sorted by entity and time.

    Some are put `in_line`, whose rows are the same to the bit: one number says where an event is, entity and time, by
    which they are grouped and sorted in less time.
    """
    centre = sorted(frozenset[str]().union(*(value.centred for value in values.values())))
    axis = _IN_LINE if in_line else _Axis(time, "us", _RUN)
    line = [_line(time, spans)] if in_line else []
    events = (
        ordered.with_columns(_runs(keys).set_sorted().alias(_RUN))
        .with_columns(*(centre_integers(name, _RUN) for name in centre), *line)
        .cache()
    )
    entities = events.filter(_starts()).select(keys)
    rows = _instants(events, time, spans, enters, axis).cache()
    tables = [_contents(events, axis, span, values, nulled).gather(rows.select(span.pointer)) for span in spans]
    columns = [rows.select(pl.col(time) + pl.duration(microseconds=enters)), *tables]
    if keys:
        columns.insert(0, entities.gather(rows.select(_RUN)))
    return pl.concat(columns, how="horizontal")


def _runs(keys: Sequence[str]) -> pl.Expr:
    """Return the number of each row's entity."""
    if not keys:
        return pl.lit(0, pl.UInt32)
    return (pl.col(keys[0]) if len(keys) == 1 else pl.struct(keys)).rle_id()


@dataclass(frozen=True, slots=True)
class _Span:
    """One window: the label in its columns' names, and how many microseconds an event stays in it."""

    label: str
    stay: int

    @property
    def pointer(self) -> str:
        """The column that says which row of the window's contents holds at an instant."""
        return f"__held_{self.label}"


@dataclass(frozen=True, slots=True)
class _Axis:
    """By which columns windows know their events: entity and time, or a place in a line of all entities."""

    time: str
    unit: str
    entity: str | None


_IN_LINE = _Axis(_LINE, "i", None)


def _apart(spans: Sequence[_Span]) -> int:
    """Return how far entities are apart in a line, in microseconds: none is in a window of another."""
    return max(span.stay for span in spans) + 2


def _line(time: str, spans: Sequence[_Span]) -> pl.Expr:
    """Return where each event is in a line of all: no further from the one before than what no window reaches."""
    apart = pl.lit(_apart(spans), pl.Int64)
    since = pl.col(time).to_physical().diff().clip(upper_bound=apart)
    return pl.when(_starts()).then(apart).otherwise(since).cum_sum().set_sorted().alias(_LINE)


def _contents(
    events: pl.LazyFrame, axis: _Axis, span: _Span, aggregations: Mapping[str, Exact], nulled: Sequence[str]
) -> pl.LazyFrame:
    """Return all that one window ever holds, aggregated: `n` rows on entering, `n` on leaving, one of nothing."""
    values = [found.value.alias(f"{name}_{span.label}") for name, found in aggregations.items()]

    def rolled(some: pl.LazyFrame, offset: int) -> pl.LazyFrame:
        period = {"period": f"{span.stay}{axis.unit}", "offset": f"{offset}{axis.unit}"}
        grouped = some.rolling(axis.time, group_by=axis.entity, closed="right", **period)
        return grouped.agg(*values, pl.len().alias(_SIZE))

    table = pl.concat([rolled(events, -span.stay), rolled(events, 0), rolled(events.head(1), 1)], rechunk=True)
    if nulled:
        names = [f"{name}_{span.label}" for name in nulled]
        table = table.with_columns(pl.when(pl.col(_SIZE) > 0).then(pl.col(names)))
    narrow = cs.integer() - cs.by_dtype(pl.UInt64, pl.Int128, pl.UInt128)
    known = [name for name in (axis.entity, axis.time, _SIZE) if name is not None]
    return table.drop(known).with_columns(narrow.cast(pl.Int64), cs.by_dtype(pl.Float32).cast(pl.Float64))


def _instants(events: pl.LazyFrame, time: str, spans: Sequence[_Span], enters: int, axis: _Axis) -> pl.LazyFrame:
    """Return the instants at which a window's content changes, and the row of `_contents` that each window then has."""
    size, row = pl.len(), pl.int_range(pl.len(), dtype=pl.get_index_type())
    places = list(dict.fromkeys([_RUN, time, axis.time]))
    numbered = events.select(*places, (size * 2).alias(_SIZE), row.alias(_ROW), (size + row).alias(_LEFT))

    def changes(some: pl.LazyFrame, later: int, held: str, window: int) -> pl.LazyFrame:
        line = [pl.col(_LINE) + later] if _LINE in places else []
        at = [pl.col(_RUN), pl.col(time) + pl.duration(microseconds=later), *line]
        return some.select(*at, pl.col(held).alias(_HELD), pl.lit(window, pl.Int16).alias(_WINDOW))

    families = [changes(numbered, 0, _ROW, _ALL)]
    if enters:
        families.insert(0, changes(numbered.filter(_starts()), -enters, _SIZE, _ALL))
    families += [changes(numbered, span.stay, _LEFT, number) for number, span in enumerate(spans)]
    order = [axis.time] if axis.entity is None else [axis.entity, axis.time]
    instant = pl.col(order)
    pointers = (
        pl.when((pl.col(_WINDOW) == _ALL) | (pl.col(_WINDOW) == number)).then(_HELD).forward_fill().alias(span.pointer)
        for number, span in enumerate(spans)
    )
    return (
        pl.concat(families)
        .sort(order, maintain_order=True)
        .select(*places, *pointers)
        .filter(pl.any_horizontal(instant.ne_missing(instant.shift(-1))))
    )


def _wide(schema: pl.Schema, aggregations: Mapping[str, pl.Expr], *, apart: Sequence[str]) -> dict[str, pl.DataType]:
    """Return the dtypes of the columns that are widened before they are aggregated."""
    read = {root for value in aggregations.values() for root in value.meta.root_names()} - set(apart)
    return {name: wide for name in sorted(read) if (wide := widen(schema[name])) != schema[name]}


def _events(
    frame: pl.LazyFrame, keys: Sequence[str], time: str, dtype: pl.DataType, wide: Mapping[str, pl.DataType]
) -> pl.LazyFrame:
    """Return the readable events, times in UTC microseconds."""
    return frame.filter(pl.all_horizontal(pl.col(time, *keys).is_not_null())).with_columns(
        instant(pl.col(time), dtype).alias(time), *(pl.col(name).cast(wider) for name, wider in wide.items())
    )


def _starts() -> pl.Expr:
    return pl.col(_RUN).ne_missing(pl.col(_RUN).shift(1))


def _spans(windows: str | timedelta | Sequence[str | timedelta], closed: Closed) -> tuple[_Span, ...]:
    """Return the windows asked for, checked."""
    if closed not in _ENTERS:
        raise WindowError(f"windowed: closed={closed!r} is not known.", remedy="Use 'left', 'right', 'both' or 'none'.")
    asked = list(windows) if isinstance(windows, Sequence) and not isinstance(windows, str) else [windows]
    if not asked:
        raise _nothing("windows")
    spans = []
    for window in asked:
        length = parse_duration(window, what="windows") // timedelta(microseconds=1)
        if length <= 0:
            raise _bad_window(window, "it must be longer than zero")
        stay = length + _LONGER[closed]
        if stay == 0:
            raise _bad_window(window, "with closed='none' it cannot contain an event")
        spans.append(_Span(window.strip() if isinstance(window, str) else format_duration(window), stay))
    return tuple(spans)


def _check_events(
    frame: pl.LazyFrame,
    keys: Sequence[str],
    time: str,
    spans: Sequence[_Span],
    aggregations: Mapping[str, pl.Expr],
) -> pl.Schema:
    """Return the events' schema, once everything asked for is known to be there."""
    if not isinstance(frame, pl.LazyFrame):
        raise WindowError(
            f"windowed: the events are a {type(frame).__name__}, not a LazyFrame.",
            remedy="Pass the view's input unchanged, or add .lazy().",
        )
    if not aggregations:
        raise _nothing("aggregations")
    schema = frame.collect_schema()
    for name, value in aggregations.items():
        if not isinstance(value, pl.Expr):
            raise WindowError(
                f"windowed: the aggregation {name!r} is a {type(value).__name__}, not a Polars expression.",
                remedy=f"Write {name}=pl.col('...').mean() or another aggregation.",
            )
        if value.meta.has_multiple_outputs():
            raise WindowError(
                f"windowed: the aggregation {name!r} makes several columns.",
                remedy="Write one aggregation for each column: x_sum=pl.col('x').sum(), y_sum=pl.col('y').sum().",
            )
    needed = [*keys, time, *(root for value in aggregations.values() for root in value.meta.root_names())]
    for column in needed:
        if column not in schema:
            raise WindowError(f"windowed: the events have no column {column!r}.", remedy=did_you_mean(column, schema))
    if not isinstance(schema[time], pl.Datetime):
        raise _not_a_time(time, schema[time])
    names = [*keys, time, *(f"{name}_{span.label}" for span in spans for name in aggregations)]
    for name in names:
        if names.count(name) > 1:
            raise WindowError(
                f"windowed: two output columns would be called {name!r}.",
                remedy="Rename the aggregation or the key, or list each window once.",
            )
    return schema


def _bad_window(window: object, reason: str) -> WindowError:
    """Return the error for a `window` that is not a fixed positive length of time."""
    return WindowError(
        f"windowed: {window!r} is not a window: {reason}.",
        remedy="Write a fixed length such as '7d', '12h', '1d12h', '30m', '90s' or timedelta(days=7).",
    )


def _nothing(what: str) -> WindowError:
    """Return the error for a call without any `what`: windows or aggregations."""
    return WindowError(
        f"windowed: no {what} were given.",
        remedy="Write for example: windows=['7d'], delay_mean=pl.col('delay').mean(), flights=pl.len().",
    )


def _not_a_time(column: str, dtype: pl.DataType) -> WindowError:
    """Return the error for a time `column` that holds `dtype`."""
    return WindowError(
        f"windowed: the time column {column!r} is {dtype}, not a datetime.",
        remedy=conversion_to_times(column, dtype),
    )
