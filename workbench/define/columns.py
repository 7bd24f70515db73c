"""What a view says of its columns must hold in its model: keys, event time, created."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from workbench.define.contract import ColumnContract
from workbench.errors import DefinitionError, did_you_mean

if TYPE_CHECKING:
    from workbench.define.view import FeatureView

_MOMENT = pl.Datetime("us", "UTC")


def check_columns(view: FeatureView) -> None:
    """Raise unless the columns that `view` names are in its model and of the right dtype.

    Raises
    ------
    DefinitionError
        Names the column, and what is wrong with it.
    """
    contract = view.contract
    roles = [(name, "entities") for name in view.entities] + [(view.event_time, "event_time")]
    if view.created is not None:
        roles.append((view.created, "created"))
    _distinct(view, [name for name, _ in roles])
    for name, option in roles:
        if name not in contract.names:
            raise DefinitionError(
                f"View {view.name!r}: {option} names {name!r}, which {view.model.__name__} does not have.",
                remedy=f"{did_you_mean(str(name), contract.names)} Or add the column to {view.model.__name__}.".strip(),
            )
        _suits(view, contract[name], option)
    if not contract.features:
        raise DefinitionError(
            f"View {view.name!r} has keys and times but no feature.", remedy=f"Add a column to {view.model.__name__}."
        )


def _distinct(view: FeatureView, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise DefinitionError(
                f"View {view.name!r}: column {name!r} cannot be two of entity, event_time and created.",
                remedy="Give each its own column.",
            )


def _suits(view: FeatureView, column: ColumnContract, option: str) -> None:
    if option != "entities" and column.dtype != _MOMENT:
        raise DefinitionError(
            f"View {view.name!r}: {option} {column.name!r} is {column.dtype}, not a moment.",
            remedy=f"Annotate it `{column.name}: UTC` in {view.model.__name__}.",
        )
    if option == "entities" and (column.dtype.is_float() or column.dtype.is_nested()):
        raise DefinitionError(
            f"View {view.name!r}: entity {column.name!r} is {column.dtype}, which cannot be a key.",
            remedy="Use str, int, date or an Enum for keys.",
        )
    if option != "created" and column.nullable:
        raise DefinitionError(
            f"View {view.name!r}: {column.name!r} of {option} is nullable, but null matches nothing.",
            remedy=f"Take nullable away, and drop such rows in the view: .drop_nulls({column.name!r}).",
        )
