"""`Spine`: the rows that a training set is built for, from whatever table the user has."""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import polars as pl

from workbench.config import time_zone_named
from workbench.drivers import reason
from workbench.errors import JoinError, UsageError
from workbench.sources import clock_changes, convert_table, in_zone, is_naive

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class ArrowStream(Protocol):
    """A table that exports an Arrow C stream, as those of pyarrow, DuckDB and pandas do."""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> object: ...


IntoSpine: TypeAlias = "pl.DataFrame | pl.LazyFrame | pd.DataFrame | pa.Table | ArrowStream"


@dataclass(frozen=True, slots=True)
class Spine:
    """The rows that a training set is built for, and what was assumed of them.

    Parameters
    ----------
    frame
        The rows; times that state no zone are in UTC already, or are UTC.
    assumed
        A sentence for each assumption.
    guess
        The assumption that was made for want of any statement; None where there is none.
    index
        Names of the index of a pandas frame: they are no columns.
    """

    frame: pl.DataFrame
    assumed: tuple[str, ...] = ()
    guess: str | None = None
    index: tuple[str, ...] = ()


def as_spine(given: object, *, time: str, time_zone: str | None) -> Spine:
    """Return the rows of `given`, with times of a known zone."""
    spine = _rows(given)
    dtype = spine.frame.schema.get(time)
    if time_zone is None:
        if dtype is not None and is_naive(dtype):
            said = f"{time!r} does not state a time zone: read as UTC; pass time_zone to change this."
            return replace(spine, assumed=(*spine.assumed, said), guess=said)
        days = (f"{time!r} is a date: read as midnight in UTC.",) if dtype == pl.Date else ()
        return replace(spine, assumed=(*spine.assumed, *days))
    if dtype is None:
        return spine
    try:
        time_zone_named(time_zone)
    except ValueError as error:
        said = str(error)
        raise UsageError(
            said if said.endswith("?") else f"{said}.", remedy="Name a zone of the IANA database, e.g. Europe/Paris."
        ) from None
    if not is_naive(dtype) and dtype != pl.Date:
        raise UsageError(
            f"time_zone={time_zone!r} is for times that state no zone; {time!r} is {dtype}.", remedy="Leave it out."
        )
    return _in_zone(spine, time, dtype, time_zone)


def _in_zone(spine: Spine, time: str, dtype: pl.DataType, zone: str) -> Spine:
    said = [f"{time!r} does not state a time zone: read as {zone}."]
    if dtype != pl.Date:
        changes = spine.frame.select(clock_changes(pl.col(time), zone)).item()
        if changes["skipped"]:
            raise UsageError(
                f"{_times(changes['skipped'])} of {time!r} never {'was' if changes['skipped'] == 1 else 'were'} on a "
                f"clock in {zone}, e.g. {changes['example']}: it was put forward.",
                remedy="The times are of another zone; a clock without summer time is e.g. Etc/GMT+5, 5 hours "
                "behind UTC.",
            )
        if changes["twice"]:
            said.append(f"{_times(changes['twice'])} of {time!r} came twice in {zone}: read as the first.")
    frame = spine.frame.with_columns(in_zone(pl.col(time), dtype, zone, side="question"))
    return replace(spine, frame=frame, assumed=(*spine.assumed, *said))


def _times(count: int) -> str:
    return f"{count:,} time{'' if count == 1 else 's'}"


def _rows(given: Any) -> Spine:
    if isinstance(given, pl.LazyFrame):
        return Spine(given.collect())
    if isinstance(given, pl.DataFrame):
        return Spine(given)
    pandas = sys.modules.get("pandas")  # whoever has a frame of it has imported it
    if pandas is not None and isinstance(given, pandas.DataFrame):
        return _of_pandas(given)
    import narwhals as nw
    import pyarrow as pa

    if isinstance(given, nw.DataFrame | nw.LazyFrame):
        return _rows(given.to_native())
    try:
        if hasattr(given, "__arrow_c_stream__"):  # pa.table(given) would import pandas
            return _of_arrow(pa.RecordBatchReader.from_stream(given).read_all())
        if hasattr(given, "__arrow_c_array__"):
            return _of_arrow(pa.table(given))
        known = nw.from_native(given, pass_through=True)
        if isinstance(known, nw.LazyFrame):
            return _of_arrow(known.collect("pyarrow").to_native())
        if isinstance(known, nw.DataFrame):
            return _of_arrow(known.to_arrow())
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise _no_table(given, f": {reason(error)}") from None
    raise _no_table(given)


def _no_table(given: object, why: str = "") -> JoinError:
    kind = type(given)
    return JoinError(
        f"Point-in-time join: the spine is a {kind.__module__}.{kind.__qualname__}, not a table{why}.",
        remedy="Pass a table of Polars, pandas or Arrow: pl.DataFrame(...) makes one of columns or of rows.",
    )


def _of_arrow(table: Any) -> Spine:
    frame: pl.DataFrame = convert_table(table, _cannot_hold)
    for name, dtype in frame.schema.items():
        if isinstance(dtype, pl.BaseExtension):
            raise _cannot_hold(name, str(dtype))
    return Spine(frame)


def _cannot_hold(column: str, what: str) -> JoinError:
    return JoinError(
        f"Point-in-time join: column {column!r} of the spine is or holds {what}, which no training set can hold.",
        remedy="Leave the column out, or turn it into a text, a number or a time first.",
    )


def _of_pandas(given: pd.DataFrame) -> Spine:
    """Return the columns of a pandas frame, NaN and NaT as null; its index is none of them."""
    import pandas as pd
    import pyarrow as pa

    if given.columns.nlevels > 1:
        raise JoinError(
            f"Point-in-time join: the spine's columns have names of {given.columns.nlevels} levels.",
            remedy='Flatten them: spine.columns = ["_".join(names) for names in spine.columns].',
        )
    names = [str(name) for name in given.columns]
    arrays = []
    for place, name in enumerate(names):
        column = given.iloc[:, place]
        try:
            with warnings.catch_warnings():  # pyarrow 25 asks pandas 3.1 for what that deprecates
                warnings.filterwarnings("ignore", r".*\.values returning an ndarray that drops timezone")
                array = pa.array(column, from_pandas=True)
        except (pa.ArrowException, ValueError, TypeError, NotImplementedError, OverflowError) as error:
            raise _mixed(name, column, reason(error)) from None
        if column.dtype == object and pa.types.is_timestamp(array.type) and _has_naive(column):
            raise _mixed(name, column, "some of its times state a zone and others do not")
        arrays.append(array)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise JoinError(
            f"Point-in-time join: the spine has two columns {twice!r}.", remedy="Rename or drop one of them."
        )
    spine = _of_arrow(pa.table(arrays, names=names)) if names else Spine(pl.DataFrame())
    plain = isinstance(given.index, pd.RangeIndex) and given.index.name is None
    if plain:
        return spine
    index = tuple(str(name) for name in given.index.names if name is not None)
    called = f" ({', '.join(map(repr, index))})" if index else ""
    said = f"The spine's pandas index{called} is not a column: spine.reset_index() makes it one."
    return replace(spine, assumed=(said,), index=index)


def _has_naive(column: pd.Series[Any]) -> bool:
    """Return whether some times of a column of objects state a zone and others do not: Arrow takes those for UTC."""
    states = {value.tzinfo is None for value in column.dropna()}
    return len(states) > 1


def _mixed(name: str, column: pd.Series[Any], why: str) -> JoinError:
    return JoinError(
        f"Point-in-time join: column {name!r} of the spine ({column.dtype} in pandas) has no dtype that holds all its "
        f"values: {why}.",
        remedy=f'Give it one first: spine[{name!r}] = spine[{name!r}].astype("string"), or pd.to_datetime(..., '
        "utc=True); or drop it.",
    )
