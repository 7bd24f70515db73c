"""What the reference lets expect of the current rows: by all of it, by its seasons, or by its trend.

Each way is tried on the reference's own blocks first. The one that came nearest to them judges the current rows, by how
far it was off: what a season or a trend explains is neither noise, behind which a change could hide, nor a change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.drift.blocks import FEWEST_BLOCKS, Blocks
from workbench.drift.noise import Noise
from workbench.measures import MEASURES

if TYPE_CHECKING:
    from workbench.profile import Numbers

BETTER = 0.7
"""A season or a trend counts where it comes nearer to the reference's blocks than all rows do, by this factor."""

TREND = "its trend"

_LEVELS = np.linspace(0.05, 0.95, 19)
_DECILES = slice(1, None, 2)
_RECENT = 6
_BACK = 40
_RISE = 0.2
_MONOTONE = 0.8
_FEWEST_FOR_TREND = 5


@dataclass(frozen=True, slots=True)
class Expected:
    """How far the current rows are from what was expected, and how far the reference's own blocks were.

    Attributes
    ----------
    follows
        What was expected them to follow: ``the season (week)``, ``its trend``; empty for all rows alike.
    value
        The measure.
    noise
        The same of the reference's blocks.
    """

    follows: str
    value: float
    noise: Noise


@dataclass(frozen=True, slots=True, eq=False)
class BinnedRows:
    """Rows in bins: of each block, of the whole reference, and of the current rows.

    Attributes
    ----------
    blocks
        One row a block.
    reference, current
        Of all rows.
    widths
        For ``wasserstein`` the width of each bin in standard deviations; else empty.
    """

    blocks: Numbers
    reference: Numbers
    current: Numbers
    widths: Numbers

    def distance(self, measure: str, one: Numbers, other: Numbers) -> Numbers:
        """Return the measure between counts, over the last axis; NaN where either has no rows."""
        totals = one.sum(axis=-1, keepdims=True), other.sum(axis=-1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(MEASURES[measure].of_shares(one / totals[0], other / totals[1], self.widths))


def by_all(measure: str, counted: BinnedRows) -> Numbers:
    """Return the distance of each block from all other rows of the reference."""
    return counted.distance(measure, counted.reference - counted.blocks, counted.blocks)


def by_seasons(measure: str, counted: BinnedRows, blocks: Blocks) -> Iterator[Expected]:
    """Yield for each season how far the current rows are from the blocks at the same place in it."""
    usual = by_all(measure, counted)
    for name, period in blocks.seasons:
        places = blocks.numbers % period
        sums = np.zeros((period, counted.blocks.shape[1]))
        np.add.at(sums, places, counted.blocks)
        many = np.bincount(places, minlength=period)
        if many[0] < (2 if name == "year" else FEWEST_BLOCKS):
            continue
        measured = counted.distance(measure, sums[places] - counted.blocks, counted.blocks)
        kept = (many[places] > 1) & np.isfinite(measured) & np.isfinite(usual)
        noise = Noise.of(measured[kept])
        value = float(counted.distance(measure, sums[0], counted.current))
        if noise is not None and noise.mean < BETTER * float(usual[kept].mean()) and np.isfinite(value):
            yield Expected(f"its season (the {name})", value, noise)


def by_trend(measure: str, values: Sequence[Numbers], current: Numbers, blocks: Blocks) -> Iterator[Expected]:
    """Yield how far the current rows are from where a trend of the reference's blocks leads.

    Each twentieth of the distribution has a line of its own, by least squares over the blocks before, so that the
    spread may grow as well; of positive values in logarithms too. What is tried on the reference's blocks lies as far
    ahead of those that it is made from as the current rows do.
    """
    week = dict(blocks.seasons).get("week", 1)
    for logarithms in (False, True):
        if logarithms and min((one[0] for one in (*values, current) if len(one)), default=0) <= 0:
            continue
        sides = [np.log(one) if logarithms else one for one in (*values, current)]
        held = np.array([len(one) >= FEWEST_BLOCKS for one in sides])
        quantiles = np.array(
            [np.quantile(one, _LEVELS) if ok else np.full(19, np.nan) for one, ok in zip(sides, held, strict=True)]
        )
        where = np.append(-blocks.numbers, 0).astype(np.float64)
        for window in (0, _RECENT):
            for period in {1, week}:
                line = _Lines(where, quantiles, held, blocks.ahead, window, period)
                yield from _try_lines(measure, line, sides)


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """The quantiles of blocks, the last one being the current rows, and which of them may tell of which."""

    where: Numbers
    quantiles: Numbers
    held: Numbers
    ahead: int
    window: int
    period: int

    @np.errstate(over="ignore", invalid="ignore")
    def lead_to(self, place: int) -> Numbers | None:
        """Return the quantiles of a block by those before it; `None` where too few are."""
        steps = self.where[place] - self.where
        known = np.flatnonzero(self.held & (steps >= 1 + self.ahead) & (steps % self.period == 0))
        if self.window:
            known = known[np.argsort(steps[known])[: self.window]]
        if len(known) < FEWEST_BLOCKS:
            return None
        at, quantiles = self.where[known] - self.where[place], self.quantiles[known]
        centred = at - at.mean()
        slopes = centred @ quantiles / float(centred @ centred)
        return np.maximum.accumulate(quantiles.mean(axis=0) - slopes * at.mean())


def _try_lines(measure: str, lines: _Lines, sides: Sequence[Numbers]) -> Iterator[Expected]:
    now = len(sides) - 1
    found = lines.lead_to(now)
    if found is None or not lines.held[now]:
        return
    spread = float(np.nanmedian(lines.quantiles[:-1, -3] - lines.quantiles[:-1, 2])) / 2
    measured = []
    for place in np.flatnonzero(lines.held[:-1])[:_BACK]:
        led = lines.lead_to(int(place))
        if led is not None:
            measured.append(_off(measure, led, sides[place], spread))
    noise, value = Noise.of(measured), _off(measure, found, sides[now], spread)
    if noise is not None and np.isfinite([noise.usual, value]).all():
        yield Expected(TREND, value, noise)


@np.errstate(over="ignore", invalid="ignore")
def _off(measure: str, expected: Numbers, ordered: Numbers, spread: float) -> float:
    """Return the measure between the quantiles that are expected and the values that there are."""
    kind = MEASURES[measure]
    distance = kind.of_quantiles(expected, ordered, _LEVELS)
    if distance is not None:
        return distance / (spread or 1.0)
    edges = expected if kind.of_values else expected[_DECILES]
    levels = np.diff([0.0, *(_LEVELS if kind.of_values else _LEVELS[_DECILES]), 1.0])
    # a value on an edge is half on either side, since constants have all their quantiles there
    below = (np.searchsorted(ordered, edges, side="left") + np.searchsorted(ordered, edges, side="right")) / 2
    shares = np.diff(np.concatenate([[0.0], below / len(ordered), [1.0]]))
    return float(kind.of_shares(levels, shares, np.empty(0)))


@np.errstate(over="ignore", invalid="ignore")
def trends(values: Sequence[Numbers], blocks: Blocks) -> bool:
    """Whether the blocks' medians rise or fall with time, by more than their values spread."""
    held = [(float(-number), one) for number, one in zip(blocks.numbers, values, strict=True) if len(one)]
    if len(held) < _FEWEST_FOR_TREND:
        return False
    at = np.array([number for number, _ in held])
    medians = np.array([np.median(one) for _, one in held])
    spread = float(np.median([np.ptp(np.quantile(one, [0.1, 0.9])) for _, one in held]))
    if not 0 < medians.std() < np.inf:
        return False
    ranks = np.stack([np.argsort(np.argsort(one)) for one in (at, medians)]).astype(np.float64)
    return abs(float(np.asarray(np.corrcoef(ranks))[0, 1])) > _MONOTONE and float(np.ptp(medians)) > _RISE * spread


@np.errstate(over="ignore", invalid="ignore")
def leads_to(values: Sequence[Numbers], current: Numbers, blocks: Blocks) -> bool:
    """Whether a trend over blocks that are shorter than the current rows leads to where these lie, more or less."""
    if not blocks.is_timed:
        return False
    held = [
        (float(-number), float(np.median(one))) for number, one in zip(blocks.numbers, values, strict=True) if len(one)
    ]
    at, medians = (np.array(each) for each in zip(*held, strict=True))
    slope, start = np.polyfit(at, medians, 1)
    ends = start + slope * np.array([0.0, max(1.0, blocks.length)])
    slack = abs(ends[1] - ends[0]) / 2 + 3 * float(np.std(medians - start - slope * at))
    return bool(ends.min() - slack <= np.median(current) <= ends.max() + slack)
