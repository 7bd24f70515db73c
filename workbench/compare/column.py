"""One column compared: both sides counted in the reference's bins, measured, and judged by the reference's noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from workbench.compare import measures
from workbench.compare.bins import CategoryBins, NumericBins, histograms
from workbench.compare.feature import TOP, cut
from workbench.compare.moved import DriftKind, DriftSide, FeatureDrift
from workbench.compare.noise import Noise, by_chance, stretches, threshold
from workbench.compare.values import Categorical, Family, Numeric, Unordered, family_of

if TYPE_CHECKING:
    from workbench.compare.bins import Bin
    from workbench.compare.measures import Counts, Measure

VALUE, TIME = "value", "time"
"""The columns of the frames that `compare_column` takes."""

_KINDS: dict[Family, DriftKind] = {
    "number": "numeric",
    "moment": "temporal",
    "duration": "temporal",
    "category": "categorical",
    "boolean": "boolean",
    "empty": "other",
    "other": "other",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of one column.

    Attributes
    ----------
    name, unit
        As in the contract.
    measure
        The one that decides.
    budget
        The project's; `None` where the noise decides.
    """

    name: str
    unit: str | None
    measure: Measure
    budget: float | None = None


def compare_column(
    reference: pl.DataFrame,
    current: pl.DataFrame,
    asked: Asked,
    *,
    segment: tuple[tuple[str, str | None], ...] = (),
) -> FeatureDrift:
    """Return how far a column moved.

    Parameters
    ----------
    reference, current
        Column ``value``; the reference has ``time`` as well where its stretches are to be cut by time.
    asked
        Name, unit, measure and budget.
    segment
        What to call the rows.
    """
    families = family_of(reference[VALUE].dtype), family_of(current[VALUE].dtype)
    family = families[1] if families[0] == "empty" else families[0]
    known = FeatureDrift(
        name=asked.name,
        kind=_KINDS[family],
        reference=DriftSide(str(reference[VALUE].dtype), reference.height, reference[VALUE].null_count()),
        current=DriftSide(str(current[VALUE].dtype), current.height, current[VALUE].null_count()),
        unit="second" if _KINDS[family] == "temporal" else asked.unit,
        segment=segment,
        measure=asked.measure,
        budget=asked.budget,
    )
    reason = _not_comparable(known, families)
    if reason:
        return replace(known, reason=reason, drifted="empty" not in families and families[0] != families[1])
    if family == "category":
        return _categories(known, reference, current)
    return _numbers(known, reference, current)


def _not_comparable(known: FeatureDrift, families: tuple[Family, Family]) -> str | None:
    if not known.reference.rows or not known.current.rows:
        return f"it has no rows in the {'current data' if known.reference.rows else 'reference'}"
    if families[0] != families[1] and "empty" not in families:
        return f"it was {known.reference.dtype} and is {known.current.dtype}"
    if families == ("empty", "empty"):
        return "it has no value on either side"
    if "other" in families:
        return f"values of dtype {known.reference.dtype} have no measure; derive a number or a category from them"
    return None


def _numbers(known: FeatureDrift, reference: pl.DataFrame, current: pl.DataFrame) -> FeatureDrift:
    one, two = Numeric.of(reference[VALUE]), Numeric.of(current[VALUE])
    truth = known.kind == "boolean"
    bins = NumericBins.each(np.array([0.0, 1.0])) if truth else NumericBins.of(one.ordered)
    counts = bins.counts(one), bins.counts(two)
    std = one.std()
    held = len(one.ordered) > 0 and len(two.ordered) > 0
    distance = _finite(measures.wasserstein(one.ordered, two.ordered)) if held else None
    shown = bins.bins(*counts)
    whole = reference[VALUE].dtype.is_integer() and current[VALUE].dtype.is_integer()
    measured = replace(
        known,
        reference=replace(known.reference, nans=one.nans, infinities=one.infinities, mean=one.mean(), std=std),
        current=replace(known.current, nans=two.nans, infinities=two.infinities, mean=two.mean(), std=two.std()),
        psi=measures.psi(*counts),
        jensen_shannon=measures.jensen_shannon(*counts),
        ks=measures.kolmogorov_smirnov(one.ordered, two.ordered) if held else None,
        wasserstein=distance,
        wasserstein_scaled=_finite(distance / std) if distance is not None and std else None,
        bins=_truths(shown) if truth else shown,
        histograms=None if truth or known.segment else histograms(one, two, whole=whole),
    )
    if truth:
        categories = Categorical.of(reference[VALUE]), Categorical.of(current[VALUE])
        measured = _with_categories(measured, *categories)

    def of_stretch(part: pl.DataFrame, measure: Measure) -> float | None:
        if measure in ("psi", "jensen_shannon"):
            return _binned(measure, counts[0], bins.counts_of(Unordered.of(part[VALUE])))
        stretch = Numeric.of(part[VALUE])
        n, m = len(one.ordered), len(stretch.ordered)
        if not m or n == m:
            return None
        apart = (
            measures.kolmogorov_smirnov(stretch.ordered, one.ordered)
            if measure == "ks"
            else measures.wasserstein(stretch.ordered, one.ordered) / (std or 1.0)
        )
        return apart * n / (n - m)  # the rest is all without the stretch, so F - F_rest = (F - F_all) * n / (n - m)

    return _judged(measured, reference, counts, of_stretch)


def _categories(known: FeatureDrift, reference: pl.DataFrame, current: pl.DataFrame) -> FeatureDrift:
    one, two = Categorical.of(reference[VALUE]), Categorical.of(current[VALUE])
    bins = CategoryBins.of(one)
    counts = bins.counts(one), bins.counts(two)
    measured = replace(
        _with_categories(known, one, two),
        psi=measures.psi(*counts),
        jensen_shannon=measures.jensen_shannon(*counts),
        bins=bins.bins(one, two),
    )

    def of_stretch(part: pl.DataFrame, measure: Measure) -> float | None:
        return _binned(measure, counts[0], bins.counts(Categorical.of(part[VALUE])))

    return _judged(measured, reference, counts, of_stretch)


def _judged(
    measured: FeatureDrift,
    reference: pl.DataFrame,
    counts: tuple[Counts, Counts],
    of_stretch: Callable[[pl.DataFrame, Measure], float | None],
) -> FeatureDrift:
    """Return `measured` with its noise, threshold and verdict."""
    if measured.value is None:
        measured = replace(measured, measure="jensen_shannon")
    measure, value = measured.measure, measured.value or 0.0
    parts = stretches(reference, TIME if TIME in reference.columns else None)
    found = [of_stretch(part, measure) for part in parts]
    noise = Noise.of([one for one in found if one is not None and math.isfinite(one)])
    limit, basis = threshold(measure, noise, by_chance(measure, *counts), measured.budget)
    return replace(measured, noise=noise, threshold=limit, basis=basis, drifted=value > limit)


def _binned(measure: Measure, all_counts: Counts, counts: Counts) -> float | None:
    rest = all_counts - counts
    if not rest.sum() or not counts.sum():
        return None
    return measures.psi(rest, counts) if measure == "psi" else measures.jensen_shannon(rest, counts)


def _with_categories(known: FeatureDrift, reference: Categorical, current: Categorical) -> FeatureDrift:
    new = _only(current, reference)
    vanished = _only(reference, current)
    return replace(
        known,
        new=tuple((cut(name), share) for name, share in new[:TOP]),
        vanished=tuple((cut(name), share) for name, share in vanished[:TOP]),
        new_share=math.fsum(share for _, share in new),
        vanished_share=math.fsum(share for _, share in vanished),
    )


def _only(one: Categorical, other: Categorical) -> list[tuple[str, float]]:
    """Return the categories that `other` lacks, with their shares of the rows of `one`, commonest first."""
    return [(name, count / one.rows) for name, count in one.counts.items() if name not in other.counts]


def _truths(bins: Sequence[Bin]) -> tuple[Bin, ...]:
    names = {0.0: "false", 1.0: "true"}
    return tuple(
        replace(one, label=names[one.low], low=None, high=None) if one.kind == "value" and one.low is not None else one
        for one in bins
    )


def _finite(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None
