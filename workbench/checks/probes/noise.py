"""How much of a difference is the noise of floats: what a change of the inputs' last bits makes of each value.

A spread of numbers near a million, or a difference of two sums, loses most of its digits: to compute it from other rows
on gives other last bits, and those may be all there are. How many are lost differs from row to row, so it is measured:
the view is computed again on inputs whose floats are a few units in the last place off, and a difference counts where
it is larger than what that makes, around that row. A number that the view itself adds is seen in its plan.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from workbench.checks.probes.differences import TIME, Grain, numbered
from workbench.checks.probes.inputs import UNITS

NUDGES = (1, 2)
"""Seeds of the changed inputs."""
ALLOWED = 16
"""How much larger than what that makes noise may be: it adds up over rows."""
AROUND = 21
"""How many rows of the entity, around a row, tell its noise; one row's may be small by chance."""


_ADDED = re.compile(r"[+-] (\d[\d.]*(?:e\d+)?)\)|\((\d[\d.]*(?:e\d+)?) [+-] ")
_QUOTED = re.compile(r'"[^"]*"')
LARGEST = 1e9
"""An added number above that is a time or a code, whose last bits nobody computes with."""


def noise_of_constants(frame: pl.LazyFrame) -> float:
    """Return what rounding to the largest number that a plan adds or takes away leaves, which no input shows."""
    plan = _QUOTED.sub('""', frame.explain(optimized=False))
    numbers = [float(one or other) for one, other in _ADDED.findall(plan)]
    return UNITS * 2.0**-52 * max((number for number in numbers if number <= LARGEST), default=0.0)


def has_floats(frame: pl.LazyFrame) -> bool:
    """Return whether there is anything to nudge."""
    return any(dtype.is_float() for dtype in frame.collect_schema().dtypes())


def noise_of_rows(
    grain: Grain, rows: pl.DataFrame, others: Sequence[pl.DataFrame], *, least: float = 0.0
) -> pl.DataFrame:
    """Return how much noise each value of `rows` may have, told by `others`, which were computed on nudged inputs.

    The columns are the grain's keys, the number among equal keys, and the float features.
    """
    names = [name for name, dtype in grain.features.items() if dtype.is_float()]
    left, on = numbered(rows, grain)
    for number, other in enumerate(others):
        right, _ = numbered(other, grain)
        left = left.join(right.select(*on, *names), on=on, how="left", nulls_equal=True, suffix=f"_{number}")
    gaps = [
        pl.max_horizontal((pl.col(name) - pl.col(f"{name}_{number}")).abs() for number in range(len(others)))
        .cast(pl.Float64)
        .alias(name)
        for name in names
    ]
    gaps = [pl.when(gap.is_finite()).then(gap).fill_null(0.0) for gap in gaps]
    by = list(grain.entities)
    sized = left.sort(*by, TIME).select(*on, *gaps)
    around = [pl.col(name).rolling_max(AROUND, min_samples=1, center=True) * ALLOWED for name in names]
    return sized.with_columns((each.over(by) if by else each).clip(lower_bound=least) for each in around)
