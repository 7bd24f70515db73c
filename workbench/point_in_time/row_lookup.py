"""Stored rows by their numbers, without what lies between, and searching rows that are stored entity by entity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from workbench.config import free_name
from workbench.point_in_time.candidates import AT, EVENT, INDEX, ROW

GAP = 262_144
"""Rows that nobody asked for, from which it pays not to read them: a row group of a computed view."""
PARTS = 64
TABLE = 16
FEW_A_ROW = 8
"""Rows for each that is asked for, up to which it pays to read all."""


def fetch(rows: pl.LazyFrame | pl.DataFrame, features: Mapping[str, str], numbers: pl.Series) -> pl.DataFrame:
    """Return the rows with the given `numbers`."""
    chosen = {name: pl.col(column) for name, column in features.items()}
    if isinstance(rows, pl.DataFrame):
        return rows.select(**chosen).select(pl.all().gather(numbers))
    columns = rows.select(**chosen)
    first, last = numbers.min(), numbers.max()
    if not isinstance(first, int) or not isinstance(last, int):
        return pl.DataFrame(schema=columns.collect_schema()).clear(len(numbers))
    if last - first < FEW_A_ROW * len(numbers):
        return _gather(columns.slice(first, last - first + 1), numbers - first)
    wanted = numbers.drop_nulls().unique().sort()
    row = free_name(ROW, features)
    read = pl.concat([_between(columns, part, row) for part in _parts(wanted)]).drop(row).collect(engine="streaming")
    places = pl.Series(_places(wanted.to_numpy(), numbers.fill_null(first).to_numpy()))
    return _gather(read.lazy(), places.set(numbers.is_null(), None))


def _places(wanted: NDArray[np.uint32], numbers: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Return where in `wanted`, which is sorted, each of `numbers` is: by a table where that is not much larger."""
    first, size = wanted[0], int(wanted[-1] - wanted[0]) + 1
    if size > TABLE * len(wanted):
        return np.searchsorted(wanted, numbers)
    table = np.empty(size, dtype=np.int64)
    table[wanted - first] = np.arange(len(wanted))
    places: NDArray[np.int64] = table[numbers - first]
    return places


def _gather(rows: pl.LazyFrame, places: pl.Series) -> pl.DataFrame:
    return rows.gather(places.to_frame().lazy()).collect(engine="streaming")


def inverse(order: pl.Series) -> pl.Series:
    """Return the place of each number in `order`, which has each from 0 once."""
    places = np.empty(len(order), dtype=order.to_numpy().dtype)
    places[order.to_numpy()] = np.arange(len(order))
    return pl.Series(places)


def numbered_rows(rows: pl.LazyFrame, numbers: pl.Series, row: str) -> pl.LazyFrame:
    """Return those of `rows`, whose numbers are in the column `row`, that have one of the sorted `numbers`."""
    near = pl.col(row).is_between(numbers.first(), numbers.last())
    return rows.filter(near & pl.col(row).is_in(numbers.implode()))


def _between(columns: pl.LazyFrame, wanted: pl.Series, row: str) -> pl.LazyFrame:
    """Return the rows with the numbers `wanted`, which are sorted, with their numbers in the column `row`."""
    first, last = wanted[0], wanted[-1]
    near = columns.slice(first, last - first + 1).with_row_index(row, offset=first)
    return near if len(wanted) == last - first + 1 else near.filter(pl.col(row).is_in(wanted.implode()))


def _parts(wanted: pl.Series) -> list[pl.Series]:
    """Return the sorted numbers cut at their widest gaps."""
    gaps = wanted.diff().cast(pl.Int64)
    wide = gaps.arg_sort(descending=True, nulls_last=True).head(PARTS - 1)
    cuts = sorted(place for place in wide if (gaps[place] or 0) > GAP)
    return [wanted[start:end] for start, end in zip([0, *cuts], [*cuts, len(wanted)], strict=True)]


LONG = 2
"""Rows of a run, on average, from which looking for runs is quicker than sorting rows."""
SEARCHED = 16
"""Rows for each that is asked for, from which searching in runs is quicker than joining rows, run after run."""
SEARCHED_AT_ONCE = 65_536
"""Rows whose numbers stay in the processor's cache."""
_START, _END, _LAST, _EARLIER = "__start", "__end", "__last", "__earlier"


def find_runs(rows: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame | None:
    """Return the runs of rows that have equal keys, if they are long and in order."""
    changed = [pl.col(name).ne_missing(pl.col(name).shift(1)) for name in names]
    begins = pl.any_horizontal(changed) if changed else pl.int_range(pl.len()) == 0
    flags = rows.select(begins.alias(_START), (pl.col(EVENT) < pl.col(EVENT).shift(1)).alias(_EARLIER))
    first = flags[_START].arg_true()
    if rows.height < LONG * first.len() or flags.select((pl.col(_EARLIER) & ~pl.col(_START)).any()).item():
        return None
    after = first.shift(-1, fill_value=rows.height)
    runs = (
        rows[first]
        .select(*names, EVENT)
        .with_columns(first.alias(_START), after.alias(_END), rows[EVENT].gather(after - 1).alias(_LAST))
    )
    last_before = pl.col(_LAST).shift(1)
    if runs.select((pl.col(EVENT) < (last_before.over(names) if names else last_before)).any()).item():
        return None
    return runs.drop(_LAST).sort(EVENT, maintain_order=True)


def search_runs(asked: pl.DataFrame, rows: pl.DataFrame, runs: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Return the latest of `rows` for each row of `asked`: equal keys, not later than `AT`, the last of equals."""
    timed = asked.with_row_index(INDEX).sort(AT)
    within = timed.join_asof(
        runs, left_on=AT, right_on=EVENT, by=list(names) or None, strategy="backward", check_sortedness=False
    )
    within = within.filter(pl.col(_START).is_not_null()).sort(_START, AT)  # neighbours in time search the same pages
    at, start, end = (within[name].cast(pl.Int64).to_numpy() for name in (AT, _START, _END))
    place = np.full(asked.height, -1, dtype=np.int64)
    place[within[INDEX].to_numpy()] = last_not_later(rows[EVENT].to_numpy(), at, start, end)
    found = pl.Series(place).to_frame("place").select(pl.when(pl.col("place") >= 0).then("place")).to_series()
    return asked.select(AT).hstack(rows.select(pl.col(ROW, EVENT).gather(found)))


def last_not_later(
    events: NDArray[np.int64], at: NDArray[np.int64], start: NDArray[np.int64], end: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the last place in ``[start, end)`` with an event not later than `at`, or ``start - 1``; in order there."""
    found = np.empty(len(at), dtype=np.int64)
    for first in range(0, len(at), SEARCHED_AT_ONCE):
        part = slice(first, first + SEARCHED_AT_ONCE)
        low, high, until = start[part] - 1, end[part] - 1, at[part]
        for _ in range(int((high - low).max(initial=0)).bit_length()):
            middle = (low + high + 1) >> 1
            held = events[middle] <= until
            low, high = np.where(held, middle, low), np.where(held, high, middle - 1)
        found[part] = low
    return found
