"""Whether a feature drifted: by shares that are judged alone, then by the measure and by what was expected of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from workbench.drift.blocks import Blocks, Places, RowPlaces
from workbench.drift.expectation import (
    BETTER,
    TREND,
    BinnedRows,
    Expected,
    by_all,
    by_seasons,
    by_trend,
    leads_to,
    trends,
)
from workbench.drift.noise import Basis, Noise, by_chance
from workbench.drift.shares import SMALLEST_SHARE_MOVED, ShareMoved, are_out_by_chance, became_constant, judge_share
from workbench.measures import MEASURES, ROUNDED

if TYPE_CHECKING:
    from workbench.drift.result import FeatureDrift
    from workbench.profile import Counts, Numbers

_PRECISE = 0.1
"""Of the smallest threshold: a measure that may be off by more is taken from values in order."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What a verdict is made from.

    Attributes
    ----------
    counts
        Both sides' rows in bins.
    blocks
        How the reference is cut; `None` where it is too short.
    places
        Returns the bins of the reference's rows.
    odd
        The bins that are judged alone, by what they hold.
    fine
        For measures of values: both sides' counts in finer bins, the bins of the reference's rows (the last one for
        rows without a value), and the width of each bin.
    values
        Of numbers: returns the reference's values, a row each and NaN where there is none.
    current
        Of numbers: the current values in ascending order.
    in_order
        Whether they are all there; if not, `current` has the least and the largest alone.
    count
        Of numbers: how many current values there are.
    outside
        The rows of the current side that are out of the reference's range.
    most
        The share of the reference's rows that has its commonest value, and whether all current rows have one value.
    """

    counts: tuple[Counts, Counts]
    blocks: Blocks | None
    places: Callable[[], Places | RowPlaces]
    odd: Sequence[tuple[str, int]] = ()
    fine: Callable[[], tuple[Numbers, Numbers, Places | RowPlaces, Numbers]] | None = None
    values: Callable[[], Numbers] | None = None
    current: Numbers | None = None
    in_order: bool = True
    count: int = 0
    outside: int = 0
    most: float | None = None
    new: tuple[ShareMoved, ...] = ()

    @property
    def is_odd(self) -> bool:
        """Whether values are out of the reference's range, or all the same."""
        current = self.current
        if current is None or not len(current):
            return False
        return self.outside > SMALLEST_SHARE_MOVED * self.count or bool(current[0] == current[-1])


def judge(found: FeatureDrift, evidence: Evidence) -> FeatureDrift | None:
    """Return `found` with its noise, threshold and verdict.

    `None` where measures have bounds, and these leave open what the verdict is, or it takes values in order.
    """
    value = found.value or 0.0
    measure, blocks = found.measure, evidence.blocks
    off = 0.0 if evidence.in_order else found.bound + ROUNDED * value
    if not _is_precise(found):
        return None
    chance = by_chance(measure, *evidence.counts)
    calm = max(MEASURES[measure].smallest, chance)
    bins = None if blocks is None else blocks.counts(evidence.places(), len(evidence.counts[0]))
    counted = _count_bins(evidence, bins)
    noise = None if counted is None else Noise.of(_finite(by_all(measure, counted)))
    best = None if noise is None else Expected("", value, noise)
    values: list[Numbers] = []
    trending = False
    alone = _judge_shares(evidence, bins)
    if found.budget is not None:
        if not evidence.in_order and abs(value - found.budget) <= off:
            return None
        drifted = value > found.budget or bool(alone)
        return replace(found, noise=noise, alone=tuple(alone), threshold=found.budget, basis="budget", drifted=drifted)
    alone += evidence.new
    few = by_chance("ks", *evidence.counts) > MEASURES["ks"].ceiling
    if not evidence.in_order and (value + off > calm or few or alone or evidence.is_odd):
        return None
    if value > calm or alone or evidence.is_odd:
        values = _values(evidence)
        trending = blocks is not None and bool(values) and trends(values, blocks)
        best = _best(measure, evidence, best, counted, values)
    follows = "" if best is None else best.follows
    led = follows == TREND or (trending and _is_led(evidence, values))
    alone += _of_values(evidence, values, by_trend=led)
    found = replace(found, noise=None if best is None else best.noise, trending=trending, alone=tuple(alone))
    if alone:
        limit, basis = _limit(calm, chance, best, MEASURES[measure].ceiling)
        return replace(found, threshold=limit, basis=basis, drifted=True)
    return _by_measure(found, evidence, best, (calm, chance), values)


def _is_precise(found: FeatureDrift) -> bool:
    """Whether what may be off is small beside what matters, and no measure may be on either side of its ceiling."""
    for measure in MEASURES.values():
        value, off = found.measures[measure.decisive], found.bounds.get(measure.decisive, 0.0)
        if off > _PRECISE * measure.smallest:
            return False
        if value is not None and off and value <= measure.ceiling <= value + off:
            return False
    return True


def _by_measure(
    found: FeatureDrift,
    evidence: Evidence,
    best: Expected | None,
    calms: tuple[float, float],
    values: Sequence[Numbers],
) -> FeatureDrift:
    calm, chance = calms
    value, ceiling = found.value or 0.0, max(MEASURES[found.measure].ceiling, chance)
    if best is not None and _is_even(found, evidence, best):
        best = replace(best, noise=Noise(0.0, 0.0, best.noise.chunks))
    limit, basis = _limit(calm, chance, best, ceiling)
    found = replace(found, threshold=limit, basis=basis)
    few = by_chance("ks", *evidence.counts) > MEASURES["ks"].ceiling
    if value <= MEASURES[found.measure].smallest or (value <= calm and not few):
        return found
    if best is not None and best.follows:
        found = replace(found, follows=best.follows, beyond=best.value)
        value = best.value
    told_by_ks = few and found.measures["ks"] is not None  # of bins that few rows made, the stability index is large
    far = (value > ceiling and not told_by_ks) or (not found.follows and _is_far(found, evidence))
    if few and not far:
        return replace(found, judged=False, unsure="there are too few rows")
    short = best is None or (found.trending and not found.follows)
    if short and found.trending and _is_led(evidence, values):
        why = "it trends in the reference, which is too short to say how exactly"
        return replace(found, judged=False, unsure=why)
    restless = best is not None and max(calm, best.noise.usual) > ceiling
    if far:
        return replace(
            found, drifted=True, threshold=min(limit, ceiling), basis="ceiling" if short or restless else basis
        )
    if short:
        why = (
            "it trends in the reference"
            if found.trending
            else "the reference is too short to say how it moves by itself"
        )
        return replace(found, judged=False, unsure=why)
    if restless and value > calm:
        return replace(found, judged=False, unsure="it moves as far within the reference")
    return replace(found, drifted=value > limit)


def _limit(calm: float, chance: float, best: Expected | None, ceiling: float) -> tuple[float, Basis]:
    usual = 0.0 if best is None else best.noise.usual
    if usual > max(calm, ceiling):
        return max(calm, ceiling), "ceiling"
    candidates: list[tuple[float, Basis]] = [(usual, "noise"), (chance, "sample size"), (calm, "floor")]
    return max(candidates, key=lambda candidate: candidate[0])


def _is_even(found: FeatureDrift, evidence: Evidence, best: Expected) -> bool:
    """Whether blocks shorter than the current rows differ by chance alone, so that longer ones hardly would."""
    if evidence.blocks is None or not evidence.blocks.is_short or found.trending:
        return False
    reference = evidence.counts[0]
    block = np.maximum(1, reference // len(evidence.blocks)) * (reference > 0)
    return best.noise.mean <= by_chance(found.measure, np.maximum(reference - block, 0), block)


def _is_led(evidence: Evidence, values: Sequence[Numbers]) -> bool:
    """Whether a trend of a reference that is too short for more leads to where the current rows lie."""
    if evidence.blocks is None or evidence.current is None or not len(evidence.current):
        return False
    return evidence.blocks.is_short and leads_to(values, evidence.current, evidence.blocks)


def _is_far(found: FeatureDrift, evidence: Evidence) -> bool:
    """Whether values lie so far off that no measure excuses it: half of the rows where there were none."""
    return (found.measures["ks"] or 0.0) > max(MEASURES["ks"].ceiling, by_chance("ks", *evidence.counts))


def _count_bins(evidence: Evidence, bins: Numbers | None) -> BinnedRows | None:
    if bins is None or evidence.blocks is None:
        return None
    if evidence.fine is None:
        one, two = (each.astype(np.float64) for each in evidence.counts)
        return BinnedRows(bins, one, two, np.empty(0))
    one, two, places, widths = evidence.fine()
    blocks = evidence.blocks.counts(places, len(one) + 1)[:, :-1]
    return BinnedRows(blocks, one, two, widths)


def _best(
    measure: str, evidence: Evidence, flat: Expected | None, counted: BinnedRows | None, values: list[Numbers]
) -> Expected | None:
    """Return what came nearest to the reference's blocks."""
    blocks = evidence.blocks
    if flat is None or counted is None or blocks is None or not blocks.is_timed or blocks.is_short:
        return flat
    best = flat
    candidates = [*by_seasons(measure, counted, blocks)]
    if values and evidence.current is not None and len(evidence.current):
        bound = BETTER * flat.noise.mean
        candidates += [each for each in by_trend(measure, values, evidence.current, blocks) if each.noise.mean < bound]
    for each in candidates:
        if each.noise.mean < best.noise.mean:
            best = each
    return best


def _judge_shares(evidence: Evidence, bins: Numbers | None) -> list[ShareMoved]:
    rows = float(evidence.counts[0].sum()), float(evidence.counts[1].sum())
    none = np.zeros(0)
    found = []
    for what, place in evidence.odd:
        held = float(evidence.counts[0][place]), float(evidence.counts[1][place])
        blocks = (none, none) if bins is None else (bins.sum(axis=1), bins[:, place])
        moved = judge_share(what, rows, held, blocks, evidence.blocks)
        found += [] if moved is None else [moved]
    return found


def _of_values(evidence: Evidence, values: list[Numbers], *, by_trend: bool) -> list[ShareMoved]:
    """Return whether values are out of the reference's range, where no trend leads there, and whether they are one."""
    found = []
    current = evidence.current
    if evidence.outside and not by_trend:
        held = [one for one in values if len(one)]
        lows, highs = np.array([one[0] for one in held]), np.array([one[-1] for one in held])
        out = np.zeros(len(values))
        for at, one in enumerate(held if len(held) == len(values) else []):
            low, high = np.delete(lows, at).min(initial=np.inf), np.delete(highs, at).max(initial=-np.inf)
            out[at] = np.searchsorted(one, low) + len(one) - np.searchsorted(one, high, side="right")
        blocks = np.array([float(len(one)) for one in values]), out
        rows = float(evidence.counts[0].sum()), float(evidence.counts[1].sum())
        moved = judge_share("out of range", rows, (0.0, float(evidence.outside)), blocks, evidence.blocks)
        known = int(rows[0] - sum(evidence.counts[0][place] for _, place in evidence.odd))
        if moved is not None and not are_out_by_chance(evidence.outside, rows[1], known):
            found.append(moved)
    if evidence.most is not None and current is not None and became_constant(evidence.most, current, values):
        found.append(ShareMoved("constant", evidence.most, 1.0, 1.0))
    return found


def _values(evidence: Evidence) -> list[Numbers]:
    if evidence.values is None or evidence.blocks is None:
        return []
    return evidence.blocks.split(evidence.values())


def _finite(values: Numbers) -> Numbers:
    return values[np.isfinite(values)]
