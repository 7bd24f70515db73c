"""`example`: what a view must give for a few rows, written beside it and checked with it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import polars as pl

from workbench.errors import DefinitionError

Rows: TypeAlias = "Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]] | pl.DataFrame"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Example:
    """Rows of a view's inputs, and the rows that it must make of them. Never part of a view's identity.

    Attributes
    ----------
    given
        The rows of each input, by its name; an input that is not named has none.
    expect
        The rows to be made.
    name
        What it shows; may be empty.
    as_of
        Whether `expect` says what a reader finds at its times, instead of the rows themselves.
    line
        The line of its file at which it stands.
    """

    given: Mapping[str, pl.DataFrame | tuple[Mapping[str, Any], ...]]
    expect: pl.DataFrame | tuple[Mapping[str, Any], ...]
    name: str
    as_of: bool
    line: int

    def __repr__(self) -> str:
        return f"<Example {self.name or f'in line {self.line}'}>"


def example(given: Mapping[str, Rows], expect: Rows, *, name: str = "", as_of: bool = False) -> Example:
    """Say what a view must give for a few rows.

    Written in the view's file: as ``@feature_view(..., examples=[...])`` or in a list at the top level. Rows are
    dictionaries, or a frame; columns that are left out are null; a moment may be text, ``"2024-01-01T10:00"``, and is
    UTC. Only the columns named in `expect` are compared, floats within the feature's tolerance.

    Parameters
    ----------
    given
        The rows of each input, by the name of the source or view.
    expect
        The rows that the view makes of them, in any order.
    name
        What it shows, for messages.
    as_of
        Read `expect` as what a reader finds for these entities at these times: the view may have other rows too, as
        one made by `windowed` does. Each row names all entities and the event time.

    Raises
    ------
    DefinitionError
        For rows that are none.

    Examples
    --------
    >>> flights = [{"carrier": "UA", "landed_at": "2013-01-01T10:00", "arr_delay": 12.0}]
    >>> late = [{"carrier": "UA", "landed_at": "2013-01-01T11:00", "flights_7d": 1}]
    >>> example(given={"flights": flights}, expect=late, as_of=True, name="an hour later")
    <Example an hour later>
    """
    if not isinstance(given, Mapping):
        raise DefinitionError(
            f"example: given={type(given).__name__} does not name inputs.",
            remedy='Write given={"flights": [{"carrier": "UA", ...}]}: rows by the name of the input.',
        )
    return Example(
        given={str(input_): _rows(f"given[{input_!r}]", rows) for input_, rows in given.items()},
        expect=_rows("expect", expect),
        name=str(name),
        as_of=bool(as_of),
        line=sys._getframe(1).f_lineno,
    )


def _rows(where: str, rows: Any) -> pl.DataFrame | tuple[Mapping[str, Any], ...]:
    if isinstance(rows, pl.LazyFrame):
        rows = rows.collect()
    if isinstance(rows, pl.DataFrame):
        return rows
    if isinstance(rows, Mapping):
        columns = {str(name): list(values) for name, values in rows.items() if isinstance(values, list | tuple)}
        if len(columns) == len(rows) and len({len(values) for values in columns.values()}) <= 1:
            return tuple(dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
    elif isinstance(rows, list | tuple) and all(isinstance(row, Mapping) for row in rows):
        return tuple({str(name): value for name, value in row.items()} for row in rows)
    raise DefinitionError(
        f"example: {where} does not hold rows.",
        remedy='Write a list of rows, [{"carrier": "UA", "delay": 3.0}], columns of one length, or a Polars frame.',
    )
