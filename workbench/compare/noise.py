"""How much a feature moves by itself: the same measure between stretches of the reference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl

from workbench.compare.measures import jensen_shannon_of_shares, psi_of_shares
from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.compare.measures import Counts, Measure

CHUNKS = 8
"""The reference is cut into so many stretches of time, each compared with all others together."""

FEWEST = 500
"""A stretch has at least so many rows; a reference of fewer than three such stretches has no noise."""

SMALLEST: dict[Measure, float] = {"psi": 0.02, "jensen_shannon": 0.06, "ks": 0.05, "wasserstein": 0.1}
"""No threshold is below these. For a normal feature each is about what a shift of its mean by an eighth of its
standard deviation gives."""

_LOOKED_AT = 10_000
_PAIRS = 200
_SEED = 20_240_229

Basis = Literal["budget", "noise", "sample size", "floor"]


@dataclass(frozen=True, slots=True)
class Noise:
    """The measure between each stretch of the reference and the rest of it.

    Attributes
    ----------
    mean, std
        Over the stretches; `std` with n - 1.
    chunks
        How many stretches.
    """

    mean: float
    std: float
    chunks: int

    @classmethod
    def of(cls, measured: Sequence[float]) -> Noise | None:
        """Return the noise of the stretches' measures, or `None` for fewer than three."""
        if len(measured) < 3:
            return None
        return cls(float(np.mean(measured)), float(np.std(measured, ddof=1)), len(measured))

    def to_dict(self) -> dict[str, float | int]:
        """Return the noise as JSON-ready values."""
        return {"mean": self.mean, "std": self.std, "chunks": self.chunks}


def stretches(frame: pl.DataFrame, time: str | None) -> list[pl.DataFrame]:
    """Return `frame` cut into at most `CHUNKS` stretches of about equally many rows.

    Rows of the same time stay together, and rows without one are left out. Empty for a frame too small to be cut.

    Parameters
    ----------
    frame
        The reference.
    time
        The column to cut by; `None` takes the rows as they come.
    """
    count = min(CHUNKS, frame.height // FEWEST)
    if count < 3:
        return []
    if time is None:
        return [_slice(frame, [frame.height * at // count for at in (number, number + 1)]) for number in range(count)]
    if frame[time].null_count():
        frame = frame.filter(pl.col(time).is_not_null())
    moments = frame[time].to_physical().to_numpy()
    if frame.is_empty():
        return []
    looked_at = np.sort(moments[:: max(1, len(moments) // _LOOKED_AT)])
    bounds = np.unique(looked_at[[len(looked_at) * number // count for number in range(1, count)]])
    if bool(np.all(moments[1:] >= moments[:-1])):
        places = [0, *np.searchsorted(moments, bounds, side="left").tolist(), len(moments)]
        parts = [_slice(frame, places[at : at + 2]) for at in range(len(places) - 1)]
    else:
        numbers = pl.Series("", np.searchsorted(bounds, moments, side="right").astype(np.int8))
        parts = [frame.filter(numbers == number) for number in range(len(bounds) + 1)]
    return [part for part in parts if part.height >= FEWEST // 2]


def by_chance(measure: Measure, reference: Counts, current: Counts) -> float:
    """Return what two samples of one distribution give at most, for their sizes.

    The mean plus three standard deviations of the measure for independent rows. Of what compares bins, over 200 pairs
    of samples as large as these, drawn from both sides' shares together (a parametric bootstrap: B. Efron and R.
    Tibshirani, An introduction to the bootstrap, 1993), always the same ones. Of ``ks`` by Kolmogorov's distribution,
    whose mean is 0.869 and standard deviation 0.260, times the root of ``1/n + 1/m``; of ``wasserstein``, in standard
    deviations, twice that.

    Parameters
    ----------
    measure
        Which measure.
    reference, current
        Rows in each bin.
    """
    n, m = int(reference.sum()), int(current.sum())
    if measure in ("ks", "wasserstein"):
        return (0.869 + 3 * 0.260) * math.sqrt(1 / n + 1 / m) * (1 if measure == "ks" else 2)
    together = (reference + current) / (n + m)
    chance = np.random.default_rng(_SEED)
    pairs = chance.multinomial(n, together, size=_PAIRS) / n, chance.multinomial(m, together, size=_PAIRS) / m
    drawn = psi_of_shares(*pairs) if measure == "psi" else jensen_shannon_of_shares(*pairs)
    return float(drawn.mean() + 3 * drawn.std(ddof=1))


def threshold(measure: Measure, noise: Noise | None, chance: float, budget: float | None) -> tuple[float, Basis]:
    """Return above which value a feature has drifted, and what says so.

    The project's budget where there is one; else the largest of the reference's noise (mean plus three standard
    deviations), of what chance gives for so few rows, and of `SMALLEST`.

    Parameters
    ----------
    measure
        The measure that decides.
    noise
        The reference's own.
    chance
        What `by_chance` returned.
    budget
        The project's.
    """
    if budget is not None:
        return budget, "budget"
    usual = 0.0 if noise is None else noise.mean + 3 * noise.std
    candidates: list[tuple[float, Basis]] = [(SMALLEST[measure], "floor"), (chance, "sample size"), (usual, "noise")]
    return max(candidates, key=lambda candidate: candidate[0])


def check_time(name: str, dtype: pl.DataType) -> None:
    """Raise unless a column of `dtype` can say which rows came first.

    Raises
    ------
    UsageError
        For a column that is no time.
    """
    if not (isinstance(dtype, (pl.Datetime, pl.Date)) or dtype.is_integer()):
        raise UsageError(
            f"The event time {name!r} is {dtype}, not a time.", remedy="Name a Datetime or Date column as event_time."
        )


def _slice(frame: pl.DataFrame, ends: Sequence[int]) -> pl.DataFrame:
    return frame.slice(ends[0], ends[1] - ends[0])
