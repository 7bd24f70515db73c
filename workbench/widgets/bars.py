"""`bars`: what of a feature's distribution is a bar with a name: categories, nulls, what lies out of range."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.widgets.wording import amount, duration, figure, plain, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.compare import FeatureDrift, Histogram
    from workbench.compare.bins import Bin

MOST_BARS = 12
"""Categories with a bar each; of more, those with the most rows or the most change."""

_RARE = 0.001
_AMISS = ("below", "above", "new", "null", "nan", "infinite")
"""What bins of a histogram do not show."""

_SAID = {"nan": "NaN", "other": "all others", "new": "new values"}


@dataclass(frozen=True, slots=True)
class Bar:
    """The rows that have one value, or one kind of value.

    Attributes
    ----------
    label
        What they have.
    reference, current
        Rows of each side.
    wholes
        All rows of each side.
    """

    label: str
    reference: int
    current: int
    wholes: tuple[int, int]

    @property
    def shares(self) -> tuple[float, float]:
        """Each side's rows as a share of all that it has."""
        one, two = self.wholes
        return self.reference / max(1, one), self.current / max(1, two)

    @property
    def said(self) -> str:
        """Both shares in percent, the unit once."""
        one, two = share(self.reference, self.wholes[0]), share(self.current, self.wholes[1])
        return f"{one.removesuffix(' %') if two.endswith('%') else one} → {two}"


@dataclass(frozen=True, slots=True)
class Scale:
    """What the numbers of a feature's drift mean."""

    kind: str
    dtype: str

    @classmethod
    def of(cls, drift: FeatureDrift) -> Scale:
        """Return the scale that a feature is measured on."""
        dtype = drift.current.dtype if drift.reference.dtype == "Null" else drift.reference.dtype
        if drift.kind != "temporal":
            return cls("number", dtype)
        return cls("time" if dtype.startswith("Date") else "duration", dtype)

    def amount(self, value: float, *, near: float | None = None) -> str:
        """Return a value as it is written."""
        return amount(value, self, near=near)

    def ends(self, histogram: Histogram) -> tuple[str, str]:
        """Return the lowest and highest value that the bins hold; whole numbers have edges between them."""
        low, high = histogram.edges[0], histogram.edges[-1]
        whole = self.dtype.startswith(("Int", "UInt"))
        first, last = (float(math.ceil(low)), float(math.floor(high))) if whole else (low, high)
        return self.amount(first, near=high - low), self.amount(last, near=high - low)

    def distance(self, value: float) -> str:
        """Return a distance between two values as it is written."""
        return figure(value, digits=3) if self.kind == "number" else duration(value)


def has_histogram(drift: FeatureDrift) -> bool:
    """Return whether both sides are counted in equal bins, and in more than one."""
    return drift.histograms is not None and len(drift.histograms[0].counts) > 1


def bars(drift: FeatureDrift) -> tuple[Bar, ...]:
    """Return what to draw as bars of their own, in the order of the bins.

    Beside a histogram these are nulls, NaN, infinities, and what lies out of the reference's range where that is a
    thousandth of the rows or more; without one all bins, the least of more than `MOST_BARS` categories added up.
    """
    wholes = drift.reference.rows, drift.current.rows
    scale = Scale.of(drift)

    def bar(one: Bin) -> Bar:
        return Bar(_label(one, scale), one.reference, one.current, wholes)

    if has_histogram(drift):
        shown = [one for one in drift.bins if one.kind in _AMISS]
        return tuple(bar(one) for one in shown if one.kind not in {"below", "above"} or _is_notable(bar(one)))
    named = [one for one in drift.bins if one.kind == "value" and one.low is None]
    if len(named) <= MOST_BARS:
        return tuple(bar(one) for one in drift.bins)
    kept = sorted(named, key=lambda one: _weight(bar(one)), reverse=True)[:MOST_BARS]
    rest = [one for one in drift.bins if one.kind == "other" or (one in named and one not in kept)]
    tail = [one for one in drift.bins if one not in named and one.kind != "other"]
    return (*(bar(one) for one in named if one in kept), _sum(rest, wholes), *map(bar, tail))


def _label(one: Bin, scale: Scale) -> str:
    low, high = one.low, one.high
    if one.kind == "value":
        return plain(one.label, limit=80) if low is None else scale.amount(low)
    if one.kind == "values" and low is not None and high is not None:
        return f"{scale.amount(low, near=high - low)} – {scale.amount(high, near=high - low)}"  # noqa: RUF001
    if one.kind == "below" and high is not None:
        return f"below {scale.amount(high)}"
    if one.kind == "above" and low is not None:
        return f"above {scale.amount(low)}"
    return _SAID.get(one.kind, one.kind)


def _sum(rest: Sequence[Bin], wholes: tuple[int, int]) -> Bar:
    return Bar("all others", sum(one.reference for one in rest), sum(one.current for one in rest), wholes)


def _is_notable(bar: Bar) -> bool:
    return max(bar.shares) >= _RARE


def _weight(bar: Bar) -> float:
    one, two = bar.shares
    return max(one, two) + abs(one - two)
