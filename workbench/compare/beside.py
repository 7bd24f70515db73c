"""Two sides' rows made fit to be read together: the same key columns, and the columns that are wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import polars as pl

from workbench.compare.pair import Pair, as_common, key_dtype, pair_of
from workbench.compare.parts import AT_ONCE, Both
from workbench.compare.typed import value_of
from workbench.errors import ComputeError, FeatureNotFound, UsageError

if TYPE_CHECKING:
    from workbench.compare.side import Side


def same_grain(left: Side, right: Side) -> bool:
    """Whether rows of both sides can be matched: the same entities and event time, in whatever order, comparable."""
    return sorted(left.keys) == sorted(right.keys) and all(
        key_dtype(left.contract[key].dtype, right.contract[key].dtype) is not None for key in left.keys
    )


def height(side: Side) -> int:
    """Return how many rows a side has."""
    return side.digest.rows if side.digest else count(side.frame)


def count(frame: pl.LazyFrame) -> int:
    """Return how many rows a frame has."""
    with engine_errors():
        return int(frame.select(pl.len()).collect(engine="streaming").item())


def columns_of(side: Side) -> pl.Schema:
    """Return the columns that a side's rows have.

    Raises
    ------
    FeatureNotFound
        Where one of the contract's is not among them.
    """
    with engine_errors():
        schema = side.frame.collect_schema()
    for name in side.contract.names:
        if name not in schema:
            raise FeatureNotFound.absent(name, where=f"the rows of {side.label}", known=schema)
    return schema


def pairs_of(left: Side, right: Side, names: Sequence[tuple[str, str]]) -> list[Pair]:
    """Return how the columns `names`, of the left and the right, are compared; those that cannot be are left out."""
    one, other = columns_of(left), columns_of(right)
    found = (pair_of(old, new, (one[old], other[new]), tolerance=right.contract[new].tolerance) for old, new in names)
    return [pair for pair in found if pair is not None]


def beside(
    left: Side,
    right: Side,
    columns: tuple[Sequence[str], Sequence[str]],
    *,
    entity: Mapping[str, object] | None = None,
    at_once: int = AT_ONCE,
) -> Both:
    """Return two sides' rows, to be read together.

    Parameters
    ----------
    left, right
        The sides, of one grain.
    columns
        Which columns to have of each, besides the keys.
    entity
        Only rows with these values of these keys.
    at_once
        How many rows of each to read at a time, more or less.

    Raises
    ------
    UsageError
        For a value that is none of its key's.
    """
    schemas = columns_of(left), columns_of(right)
    frames = []
    for side, schema, names in zip((left, right), schemas, columns, strict=True):
        keys = []
        for name in left.keys:
            dtype = key_dtype(schemas[0][name], schemas[1][name])
            if dtype is None:
                raise UsageError.unmatchable(name, str(schemas[0][name]), str(schemas[1][name]))
            keys.append(as_common(pl.col(name), schema[name], dtype))
        frames.append(side.frame.select(*keys, *dict.fromkeys(names)))
    heights = height(left), height(right)
    if entity:
        with engine_errors():
            frames = [frame.filter(_is(entity, frame.collect_schema())) for frame in frames]
        heights = count(frames[0]), count(frames[1])
    time = next((column.name for column in left.contract.columns if column.role == "event_time"), None)
    return Both(frames[0], frames[1], left.keys, time, heights, at_once)


@contextmanager
def engine_errors() -> Iterator[None]:
    """Say in our words what the engine cannot do."""
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise ComputeError.comparing(str(error).splitlines()[0][:200]) from error


def _is(entity: Mapping[str, object], schema: Mapping[str, pl.DataType]) -> pl.Expr:
    tests = []
    for name, value in entity.items():
        if value is None:
            tests.append(pl.col(name).is_null())
            continue
        if isinstance(value, str):
            wanted = pl.Series([value_of(name, value, schema[name])]).cast(schema[name])
            tests.append(pl.col(name) == pl.lit(wanted).first())
            continue
        try:
            wanted = pl.Series([value]).cast(schema[name])
            fits = wanted[0] == value
        except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError):
            fits = False
        if not fits:
            raise UsageError.not_a_value(name, value, str(schema[name]))
        tests.append(pl.col(name) == pl.lit(wanted).first())
    return pl.all_horizontal(tests)
