"""How much a feature moves by itself, and by chance: the same measure between blocks of the reference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl

from workbench.errors import UsageError
from workbench.measures import MEASURES

if TYPE_CHECKING:
    from workbench.profile import Counts, Numbers

_PAIRS = 200
_SEED = 20_240_229

Basis = Literal["budget", "noise", "sample size", "floor", "ceiling"]


@dataclass(frozen=True, slots=True)
class Noise:
    """How far blocks of the reference are from what was expected of them: by the rest of it, its season or its trend.

    Attributes
    ----------
    mean, std
        Of the measure over the blocks; `std` with n - 1.
    chunks
        How many blocks.
    """

    mean: float
    std: float
    chunks: int

    @classmethod
    def of(cls, measured: Sequence[float] | Numbers) -> Noise | None:
        """Return the noise of the blocks' measures, or `None` for fewer than three."""
        if len(measured) < 3:
            return None
        return cls(float(np.mean(measured)), float(np.std(measured, ddof=1)), len(measured))

    @property
    def usual(self) -> float:
        """Return what blocks hardly ever exceed: the mean and three standard deviations."""
        return self.mean + 3 * self.std


def by_chance(measure: str, reference: Counts, current: Counts) -> float:
    """Return what two samples of one distribution give at most, for their sizes.

    The mean plus three standard deviations of the measure for independent rows. Of what compares bins, over 200 pairs
    of samples as large as these, drawn from both sides' shares together (a parametric bootstrap: B. Efron and R.
    Tibshirani, An introduction to the bootstrap, 1993), always the same ones. Of ``ks`` by Kolmogorov's distribution,
    whose mean is 0.869 and standard deviation 0.260, times the root of ``1/n + 1/m``; of ``wasserstein``, in standard
    deviations, twice that.
    """
    n, m = int(reference.sum()), int(current.sum())
    kind = MEASURES[measure]
    if kind.chance is not None:
        return (0.869 + 3 * 0.260) * math.sqrt(1 / n + 1 / m) * kind.chance
    together = (reference + current) / (n + m)
    chance = np.random.default_rng(_SEED)
    pairs = chance.multinomial(n, together, size=_PAIRS) / n, chance.multinomial(m, together, size=_PAIRS) / m
    drawn = kind.of_shares(*pairs, np.empty(0))
    return float(drawn.mean() + 3 * drawn.std(ddof=1))


def check_time(name: str, dtype: pl.DataType) -> None:
    """Raise unless a column of `dtype` can say which rows came first."""
    if not (isinstance(dtype, (pl.Datetime, pl.Date)) or dtype.is_integer()):
        raise UsageError(
            f"The event time {name!r} is {dtype}, not a time.", remedy="Name a Datetime or Date column as event_time."
        )
