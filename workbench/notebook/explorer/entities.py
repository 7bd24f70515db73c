"""`entities`: values of an entity column to choose from, those that changed most first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from workbench.notebook.explorer.selection import Where

if TYPE_CHECKING:
    from workbench.notebook.explorer.subject import Subject

MOST = 200
"""Values that are offered; any other can be typed."""


def entities(subject: Subject, column: str, *, limit: int = MOST) -> tuple[str, ...]:
    """Return values of the entity column `column`, as text: of the rows that differ most, then the most frequent.

    Parameters
    ----------
    subject
        What is explored.
    column
        One of `Subject.entities`.
    limit
        How many.
    """
    text = pl.col(column).cast(pl.String).alias("value")
    frames = [Where().rows(side).select(text) for side in subject.sides if side is not None]
    frequent = (
        pl.concat(frames)
        .drop_nulls()
        .group_by("value")
        .len()
        .sort("len", "value", descending=[True, False])
        .head(limit)
        .collect(engine="streaming")
    )
    return tuple(dict.fromkeys([*_worst(subject, column), *frequent["value"]]))[:limit]


def _worst(subject: Subject, column: str) -> list[str]:
    """Return the entities of the rows that were kept since they differ most, feature by feature."""
    if subject.diff is None:
        return []
    kept = {each.name: each.worst for each in subject.diff.columns}
    found: list[str] = []
    for feature in subject.ordered("change"):
        rows = kept.get(feature.name)
        if rows is not None and column in rows.columns:
            found += rows[column].cast(pl.String).drop_nulls().to_list()
    return found
