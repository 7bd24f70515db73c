"""Running an example: the view on the rows that are given, against the rows that are expected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.check.definition.differences import Comparison, as_of
from workbench.check.definition.rows import frame_of, named
from workbench.compute import InputData, build
from workbench.define import Example
from workbench.errors import DefinitionError, did_you_mean

if TYPE_CHECKING:
    from workbench.define import FeatureView


def examples_of(view: FeatureView, namespace: Mapping[str, Any]) -> tuple[Example, ...]:
    """Return the examples of a view: its decorator's, and those at the top level of its file, alone or in a list."""
    found = [*view.examples, *(one for value in namespace.values() for one in _among(value))]
    return tuple({id(one): one for one in found}.values())


def _among(value: object) -> Iterator[Example]:
    if isinstance(value, Example):
        yield value
    elif isinstance(value, list | tuple) and value and all(isinstance(one, Example) for one in value):
        yield from value


def run_example(view: FeatureView, one: Example, inputs: Mapping[str, pl.LazyFrame]) -> list[str]:
    """Return how what `view` makes of an example's rows differs from what is expected; empty where it does not.

    Parameters
    ----------
    view
        The view.
    one
        The example.
    inputs
        The view's real inputs, of which only the columns and dtypes count.

    Raises
    ------
    DefinitionError
        For rows that name an unknown input or column, or hold values of another dtype.
    Exception
        Whatever the view's code raises.
    """
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


def _refuse_unknown(view: FeatureView, one: Example) -> None:
    for name in one.given:
        if name not in view.inputs:
            raise DefinitionError(
                f"given names {name!r}, which {view.name} does not read.",
                remedy=did_you_mean(name, view.inputs).capitalize(),
            )


def by_line(examples: Iterable[Example]) -> list[Example]:
    """Return `examples` in the order of their lines."""
    return sorted(examples, key=lambda one: one.line)
