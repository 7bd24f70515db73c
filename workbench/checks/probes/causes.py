"""The usual cause of what a probe found, told from which values differ and how."""

from __future__ import annotations

import polars as pl

from workbench.checks.probes.differences import NO_ROW, Differences, Grain

STATISTIC = (
    "a statistic of all rows (a mean, rank or z-score of a whole column or group), which includes later rows: "
    "use a cumulative or a windowed one"
)
LATER_ROW = "a value taken from a later row: shift(-1), a backward fill, a forward or nearest as-of join"
LABEL = (
    "rows dated before the data they are computed from: a window labelled by its start (write label='right'), "
    "or a nearest as-of join"
)
DROPPED = (
    "rows dated before the data they are computed from: a window labelled by its start, or a value of the next row"
)
GUESSED = frozenset({LABEL, DROPPED})
"""Causes that are told from the lack of a plainer one."""
SAME_AS_LOCALITY = "the same as that of entity-locality: correct that first"
GONE = "rows that later rows replace or remove: unique(keep='last'), or only the latest row of each entity"
RANDOM = "the values are random or depend on earlier code: give sample() and shuffle() a seed"
ORDER = (
    "the order of rows decides (shift, cum_sum, diff, first or last without a sort, or among rows of equal time): "
    "sort by columns that identify every row"
)


def leak(found: Differences, grain: Grain) -> str:
    """Return the likely cause of a leak that has no plainer one, from the rows that differ."""
    if found.missing and not found.changed:
        return DROPPED
    if found.extra and not found.changed:
        return GONE
    rows = found.rows.filter((pl.col("other") != NO_ROW) & (pl.col("view") != NO_ROW))
    widest = max((count for name, count in found.counts.items() if name in grain.features), default=0)
    if widest > max(0.4 * found.compared, 2 * _entities(rows, grain)):
        return STATISTIC
    unknown = rows.filter((pl.col("other") == "null") & (pl.col("view") != "null")).height
    if 3 * unknown >= rows.height:
        return LATER_ROW
    return STATISTIC if widest > max(0.1 * found.compared, 2 * _entities(rows, grain)) else LABEL


def known_later(grain: Grain, pairs: list[tuple[str, str]]) -> str:
    """Return that rows were used before they were known; `pairs` are inputs and the columns that say when they were."""
    columns = " or ".join(f"{name}.{column}" for name, column in pairs)
    return (
        f"rows used before they were known: {grain.event_time} comes before {columns}; make that the event time, "
        "or use only what is known earlier"
    )


def upstream(names: list[str]) -> str:
    """Return that upstream views leak."""
    views = f"view {names[0]} leaks" if len(names) == 1 else f"views {', '.join(names)} leak"
    return f"the upstream {views}: correct that first"


def other_entities(entities: tuple[str, ...]) -> str:
    """Return why values change when other entities' rows are away."""
    by = ", ".join(f'"{name}"' for name in entities)
    return (
        f"rows of other entities are used (a statistic, rank, shift or fill without .over({by})): add it, or declare "
        'scope="global"'
    )


def too_old(names: list[str], lookback: str) -> str:
    """Return which inputs' rows matter beyond the lookback."""
    return f"rows of {' and '.join(names) or 'the inputs'} older than {lookback} are used: raise lookback, or remove it"


def _entities(rows: pl.DataFrame, grain: Grain) -> int:
    return rows.select(pl.struct(list(grain.entities)).n_unique()).item() if grain.entities and rows.height else 1
