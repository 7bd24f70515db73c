"""From a row of a training set to what is asked of a view: which feature, which entity, which moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    import polars as pl

    from workbench.serve.served import ServedView
    from workbench.serve.wanted import Wanted


def asked_of_row(
    frame: pl.DataFrame, row: int, feature: str, wanted: Sequence[Wanted], *, time: str
) -> tuple[ServedView, str, dict[str, object], datetime | date]:
    """Return the view, the feature, the entity's keys and the moment that row number `row` of `frame` is about.

    Raises
    ------
    UsageError
        For a row that is not there, or lacks a key or its time, and for what is none of the features.
    """
    item = _named(feature, wanted)
    if not 0 <= row < frame.height:
        raise UsageError(
            f"The training set has no row {row!r}.", remedy=f"Rows are numbered from 0 to {frame.height - 1}."
        )
    values = frame.row(row, named=True)
    for column in (time, *item.joined.columns):
        if values[column] is None:
            raise UsageError(
                f"Row {row} has no {column!r}: it matches nothing.", remedy="Only a row with keys and time has values."
            )
    entity = {name: values[column] for name, column in item.joined.keys}
    return item.joined.view, item.feature, entity, values[time]


def _named(feature: str, wanted: Sequence[Wanted]) -> Wanted:
    """Return the feature that a column, or a reference as it was asked for, names."""
    own = [item for item in wanted if item.column == feature]
    found = own or [item for item in wanted if feature in _spellings(item)]
    if len(found) == 1:
        return found[0]
    columns = [item.column for item in wanted]
    if found:
        raise UsageError(
            f"{feature!r} is more than one column of this training set.",
            remedy=f"Name the column: {' or '.join(repr(item.column) for item in found)}.",
        )
    raise UsageError(
        f"No feature fills a column {feature!r} of this training set.", remedy=did_you_mean(str(feature), columns)
    )


def _spellings(item: Wanted) -> set[str]:
    joined = item.joined
    return {item.ref, f"{joined.view.name}:{item.feature}", f"{joined.name}:{item.feature}"}
