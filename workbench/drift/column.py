"""One column compared: both sides counted in the reference's bins, measured, and judged by the reference's noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from workbench.drift.blocks import Blocks
from workbench.drift.result import KINDS, FeatureDrift
from workbench.drift.shares import ShareMoved, by_chance
from workbench.drift.side import DriftSide
from workbench.drift.verdict import Evidence, judge
from workbench.measures import MEASURES, between, within
from workbench.profile import (
    TOP,
    Categorical,
    CategoryBins,
    Family,
    FineBins,
    Numeric,
    NumericBins,
    count_finely,
    exact_floats,
    family_of,
    histograms,
    truncate,
)

if TYPE_CHECKING:
    from workbench.drift.blocks import Places, RowPlaces
    from workbench.profile import Bin, Counts, Numbers

VALUE, TIME = "value", "time"
"""The columns of the frames that `compare_column` takes."""

_FINE = 256
_NEW = 0.01


@dataclass(frozen=True, slots=True)
class ColumnRequest:
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
    measure: str
    budget: float | None = None


def compare_column(
    reference: pl.DataFrame,
    current: pl.DataFrame,
    asked: ColumnRequest,
    *,
    cut: Callable[[pl.Series | None, pl.Series | None, tuple[int, int]], Blocks | None] = Blocks.of,
    segment: tuple[tuple[str, str | None], ...] = (),
) -> FeatureDrift:
    """Measure the drift of a column; `cut` cuts the reference by both sides' times, as `Blocks.of` does."""
    families = family_of(reference[VALUE].dtype), family_of(current[VALUE].dtype)
    family = families[1] if families[0] == "empty" else families[0]
    known = FeatureDrift(
        name=asked.name,
        kind=KINDS[family],
        reference=DriftSide(str(reference[VALUE].dtype), reference.height, reference[VALUE].null_count()),
        current=DriftSide(str(current[VALUE].dtype), current.height, current[VALUE].null_count()),
        unit="second" if KINDS[family] == "temporal" else asked.unit,
        segment=segment,
        measure=asked.measure,
        budget=asked.budget,
    )
    reason = _not_comparable(known, families)
    if reason:
        drifted = "empty" not in families and families[0] != families[1]
        return replace(known, reason=reason, drifted=drifted, judged=drifted or families == ("empty", "empty"))
    before, now = (frame.get_column(TIME) if TIME in frame.columns else None for frame in (reference, current))
    blocks = cut(before, now, (reference.height, current.height))
    compare = _categories if family == "category" else _numbers
    return compare(known, reference[VALUE], current[VALUE], blocks)


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


def _numbers(known: FeatureDrift, reference: pl.Series, current: pl.Series, blocks: Blocks | None) -> FeatureDrift:
    floats, others, start = exact_floats(reference, current)
    whole = reference.dtype.is_integer() and current.dtype.is_integer()
    if known.kind == "boolean":
        known = _with_categories(known, Categorical.of(reference), Categorical.of(current))
    counted = None if known.kind == "boolean" else count_finely(floats, others, whole=whole)
    if counted is not None:
        found = _judge_numbers(known, counted, floats, start, blocks, whole=whole)
        if found is not None:
            return found
        del counted
    found = _judge_numbers(known, (Numeric.of(floats), Numeric.of(others)), floats, start, blocks, whole=whole)
    assert found is not None  # noqa: S101 - it takes nothing more than values in order
    return found


def _judge_numbers(
    known: FeatureDrift,
    sides: tuple[Numeric, Numeric] | tuple[FineBins, FineBins],
    floats: pl.Series,
    start: float,
    blocks: Blocks | None,
    *,
    whole: bool,
) -> FeatureDrift | None:
    """Return the verdict by both sides; `None` where it takes them in order, and they are not.

    `floats` are the reference's rows, and `start` is what was taken from all values.
    """
    one, two = sides
    truth = known.kind == "boolean"
    bins = NumericBins.each(np.array([0.0, 1.0])) if truth else NumericBins.of(one)
    counts = bins.counts(one), bins.counts(two)
    std = one.std()
    measures, bounds = _measure(sides, counts, std)
    shown = tuple(_shift_bin(each, start) for each in bins.bins(*counts))
    pair = None if truth or known.segment or start else histograms(one, two, whole=whole)
    means = [None if (mean := side.mean()) is None else mean + start for side in sides]
    measured = replace(
        known,
        reference=replace(known.reference, nans=one.nans, infinities=one.infinities, mean=means[0], std=std),
        current=replace(known.current, nans=two.nans, infinities=two.infinities, mean=means[1], std=two.std()),
        measures=measures,
        bounds=bounds,
        bins=_truths(shown) if truth else shown,
        histograms=pair,
    )
    if measured.value is None:
        measured = replace(measured, measure="jensen_shannon")
    width = len(counts[0])
    held = one.count > 0 and two.count > 0
    ends = one.at(np.array([0, one.count - 1])) if one.count else np.empty(0)
    evidence = Evidence(
        counts,
        blocks,
        places=lambda: bins.places_of(one) if isinstance(one, FineBins) else bins.places(floats),
        odd=[("nulls", width - 4), ("NaN", width - 3), ("infinite", width - 2), ("-infinite", width - 1)],
        fine=(lambda: _fine(one, two, floats, std)) if MEASURES[measured.measure].of_values else None,
        values=lambda: np.where(np.isfinite(rows := floats.fill_null(np.nan).to_numpy()), rows, np.nan),
        current=two.ordered if isinstance(two, Numeric) else two.at(np.array([0, two.count - 1])),
        in_order=isinstance(two, Numeric),
        count=two.count,
        outside=0 if truth or not held else int(two.below(ends[:1])[0]) + two.count - int(two.up_to(ends[1:])[0]),
        most=_commonest(ends, bins, counts[0]) if held else None,
    )
    return judge(measured, evidence)


def _measure(
    sides: tuple[Numeric, Numeric] | tuple[FineBins, FineBins], counts: tuple[Counts, Counts], std: float | None
) -> tuple[dict[str, float | None], dict[str, float]]:
    one, two = sides
    if isinstance(one, Numeric) and isinstance(two, Numeric):
        return between(counts, (one.ordered, two.ordered), std), {}
    assert isinstance(one, FineBins)  # noqa: S101 - both are of one kind
    assert isinstance(two, FineBins)  # noqa: S101
    return within(counts, one.cells(two), std)


def _fine(
    one: Numeric | FineBins, two: Numeric | FineBins, floats: pl.Series, std: float | None
) -> tuple[Numbers, Numbers, Any, Numbers]:
    """Return what measures of values are taken from in blocks: both sides between quantiles of the reference."""
    edges = np.unique(one.at(np.linspace(0, one.count - 1, min(_FINE, one.count)).astype(np.int64)))
    width = len(edges) + 1

    places: Places | RowPlaces
    if isinstance(one, FineBins):
        places = one.places(edges, side="left", odd=(width, width, width, width))
    else:
        numbers = floats.fill_null(np.nan).to_numpy()
        places = np.searchsorted(edges, numbers, side="left")
        places[~np.isfinite(numbers)] = width
    sides = [np.diff(side.up_to(edges), prepend=0, append=side.count) for side in (one, two)]
    return (
        sides[0].astype(np.float64),
        sides[1].astype(np.float64),
        places,
        np.append(np.diff(edges), [0.0, 0.0]) / (std or 1.0),
    )


def _commonest(ends: Numbers, bins: NumericBins, counts: Any) -> float | None:
    """Return the share of the commonest value, or what is not less; `None` where the reference is constant."""
    if ends[0] == ends[1]:
        return None
    held = counts[: bins.width - 4]
    return float(held.max()) / float(held.sum())


def _shift_bin(one: Bin, start: float) -> Bin:
    if not start:
        return one
    low, high = (None if end is None else end + start for end in (one.low, one.high))
    return replace(one, low=low, high=high, label=f"{low:.6g}" if one.kind == "value" else one.label)


def _categories(known: FeatureDrift, reference: pl.Series, current: pl.Series, blocks: Blocks | None) -> FeatureDrift:
    one, two = Categorical.of(reference), Categorical.of(current)
    bins = CategoryBins.of(one)
    counts = bins.counts(one), bins.counts(two)
    measured = replace(
        _with_categories(known, one, two),
        measures=between(counts),
        bins=bins.bins(one, two),
    )
    if measured.value is None:
        measured = replace(measured, measure="jensen_shannon")
    found = judge(
        measured,
        Evidence(
            counts,
            blocks,
            places=lambda: bins.places(reference),
            odd=[("nulls", len(counts[0]) - 1)],
            new=_new(one, two),
        ),
    )
    assert found is not None  # noqa: S101 - shares of categories are exact
    if not found.drifted and one.counts and two.counts and not bins.names:
        return replace(found, judged=False, unsure="no category is there often enough to be counted")
    return found


def _new(one: Categorical, two: Categorical) -> tuple[ShareMoved, ...]:
    """Return the share of new categories where it is larger than that of those which the reference has but once.

    That is what to expect of the next row: I. Good, The population frequencies of species, 1953.
    """
    held = two.rows - two.nulls
    known = one.rows - one.nulls
    if not held or not known:
        return ()
    expected = sum(1 for count in one.counts.values() if count == 1) / known
    share = sum(count for name, count in two.counts.items() if name not in one.counts) / held
    limit = max(_NEW, by_chance((expected * known) + share * held, known, held))
    return (ShareMoved("new", expected, share, limit),) if share - expected > limit else ()


def _with_categories(known: FeatureDrift, reference: Categorical, current: Categorical) -> FeatureDrift:
    new = _only(current, reference)
    vanished = _only(reference, current)
    return replace(
        known,
        new=tuple((truncate(name), share) for name, share in new[:TOP]),
        vanished=tuple((truncate(name), share) for name, share in vanished[:TOP]),
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
