"""Creep: small steps, each within the tolerance, that add up to more than it over several minor versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.define import Contract
from workbench.diff.engine import Compare, compare, same_by_digest
from workbench.diff.result import ColumnDiff, Creep
from workbench.equality import has_floats

if TYPE_CHECKING:
    from workbench.diff.side import Side


def columns_to_compare(columns: Sequence[ColumnDiff], left: Side, right: Side) -> tuple[str, ...]:
    """Return the columns whose values are equal on both sides, but not known to be the same to the bit."""

    def may_differ(name: str) -> bool:
        promised = right.contract[name]
        return (has_floats(promised.dtype) or bool(promised.tolerance)) and not same_by_digest(left, right, name)

    return tuple(column.name for column in columns if column.status == "same" and may_differ(column.name))


def creep(
    first: Side, right: Side, names: Sequence[str], *, number: str, compared: Compare = compare
) -> tuple[Creep, ...]:
    """Return which of the columns `names` are not within their tolerance of `first`, in the rows that both have."""
    one, other = _narrow(first, names), _narrow(right, names)
    _, columns = compared(one, other, called=lambda column: (f"{column} ({number})", column), worst=0)
    return tuple(
        Creep(column, number, right.contract[column.name].tolerance) for column in columns if column.status != "same"
    )


def _narrow(side: Side, names: Sequence[str]) -> Side:
    kept = tuple(column for column in side.contract.columns if column.name in {*side.keys, *names})
    return replace(side, contract=Contract(kept))
