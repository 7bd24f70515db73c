"""Shares that are judged by themselves, whatever the values do: null, NaN, infinite, out of range, new, constant."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.drift.blocks import FEWEST_BLOCKS, Blocks
from workbench.drift.noise import Noise
from workbench.shares import percent

if TYPE_CHECKING:
    from workbench.profile import Numbers

SMALLEST_SHARE_MOVED = 0.01
"""A share may always move by so much."""

LARGEST_SHARE_MOVED = 0.25
"""A share may never move by more than a quarter of the rows, however restless it is: that many values went missing."""

_CHANCE = 4.0
_FEW, _UNLIKELY = 50, 1e-4
"""Values whose range says little, and how likely it may be that others alike are that far out of it."""
_NEVER = 1e-6
_FEWEST_CONSTANT = 20


@dataclass(frozen=True, slots=True)
class ShareMoved:
    """A share that moved further than it may.

    Attributes
    ----------
    what
        What the rows have: ``nulls``, ``NaN``, ``infinite``, ``-infinite``, ``out of range``, ``new`` or ``constant``.
    reference, current
        The shares of each side's rows.
    limit
        How far it may move.
    """

    what: str
    reference: float
    current: float
    limit: float

    def __str__(self) -> str:
        if self.what == "constant":
            return "all its values are the same"
        return f"{self.what} {percent(self.reference)} to {percent(self.current)}"


def judge_share(
    what: str,
    rows: tuple[float, float],
    held: tuple[float, float],
    blocks: tuple[Numbers, Numbers],
    cut: Blocks | None,
) -> ShareMoved | None:
    """Return a share where it moved further than chance and its own blocks explain, and than it may."""
    n, m = rows
    one, two = held[0] / n, held[1] / m
    if abs(two - one) <= SMALLEST_SHARE_MOVED:
        return None
    limit = max(SMALLEST_SHARE_MOVED, by_chance(held[0] + held[1], n, m))
    if cut is not None and len(cut) >= FEWEST_BLOCKS:
        one, usual = _usual(one, blocks, cut)
        limit = max(limit, min(usual, LARGEST_SHARE_MOVED))
    return ShareMoved(what, one, two, limit) if abs(two - one) > limit else None


def by_chance(held: float, n: float, m: float) -> float:
    """Return how far two samples' shares are apart at most: by four standard errors, and three rows of the second."""
    together = (held + 1) / (n + m + 2)
    return _CHANCE * math.sqrt(together * (1 - together) * (1 / n + 1 / m)) + 3 / m


def are_out_by_chance(out: float, rows: float, known: int) -> bool:
    """Whether of `rows` values so many may lie out of the range of `known` ones that have the same distribution.

    The share of a continuous distribution that is out of the range of n values of it is distributed as Beta(2, n - 1),
    whatever the distribution: S. S. Wilks, Determination of sample sizes for setting tolerance limits, 1941.
    """
    if known >= _FEW:  # `by_chance` allows more
        return False
    if known < 2:
        return True
    drawn = min(round(rows), 1000)
    least = math.ceil(out / rows * drawn)
    return sum(_beta_binomial(each, drawn, 2, known - 1) for each in range(least, drawn + 1)) > _UNLIKELY


def _beta_binomial(held: int, drawn: int, one: float, other: float) -> float:
    def log_beta(a: float, b: float) -> float:
        return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)

    ways = math.lgamma(drawn + 1) - math.lgamma(held + 1) - math.lgamma(drawn - held + 1)
    return math.exp(ways + log_beta(held + one, drawn - held + other) - log_beta(one, other))


def _usual(one: float, blocks: tuple[Numbers, Numbers], cut: Blocks) -> tuple[float, float]:
    """Return the reference's share, of the same place in the season where that is steadier, and how far blocks move."""
    rows, held = blocks
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = held / rows
        moved = np.abs(shares - (held.sum() - held) / (rows.sum() - rows))
    flat = Noise.of(moved[np.isfinite(moved)])
    best = (one, math.inf if flat is None else flat.mean, 0.0 if flat is None else flat.usual)
    for _, period in cut.seasons:
        places = cut.numbers % period
        all_rows, all_held = (np.bincount(places, weights=each, minlength=period) for each in (rows, held))
        with np.errstate(invalid="ignore", divide="ignore"):
            apart = np.abs(shares - (all_held[places] - held) / (all_rows[places] - rows))
        kept = (np.bincount(places, minlength=period)[places] > 1) & np.isfinite(apart)
        noise = Noise.of(apart[kept])
        if noise is not None and all_rows[0] and np.count_nonzero(places == 0) > 1 and noise.mean < best[1]:
            best = (float(all_held[0] / all_rows[0]), noise.mean, noise.usual)
    return best[0], best[2]


def became_constant(most: float, current: Numbers, blocks: list[Numbers]) -> bool:
    """Whether that all rows of the current side have one value is no chance, and no habit of the reference's blocks."""
    if len(current) < _FEWEST_CONSTANT or current[0] != current[-1] or most ** len(current) > _NEVER:
        return False
    return not any(len(one) >= _FEWEST_CONSTANT and one[0] == one[-1] for one in blocks)
