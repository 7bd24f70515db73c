"""Measures of how far apart two distributions are: effect sizes, which do not grow with the rows as p-values do.

A measure is a module of this room and an entry of `MEASURES`. Its module has `of_shares`, the measure between shares of
the same bins, and where it compares values a function of its own name, which takes both sides in ascending order, and
`of_cells`, which says how far the values of `Cells` are apart and how far off that may be.
NumPy is loaded with the first measure that is asked for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Counts = NDArray[np.int64]


ROUNDED = 1e-9
"""What sums of many floats, in one order or another, are off by at most for their size."""


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Both sides' values counted in cells that do not overlap, in ascending order.

    Attributes
    ----------
    low, high
        The ends of each cell, both inclusive; equal where it holds a single value.
    one, other
        Values of each side in each cell.
    """

    low: Numbers
    high: Numbers
    one: Counts
    other: Counts


@dataclass(frozen=True, slots=True)
class Measure:
    """What is known of a measure beside its formula.

    Attributes
    ----------
    name
        Its module's, and what settings and results call it.
    title, short
        What sentences call it, and what tables and figures do.
    smallest
        No threshold is below it. For a normal feature it is about what a shift of its mean by an eighth of its standard
        deviation gives.
    ceiling
        What no noise excuses: a limit above it is none, and a feature whose reference moves as far by itself cannot be
        judged below it. For a normal feature half of the Kolmogorov-Smirnov distance is a shift of its mean by 1.35
        standard deviations, and PSI then is 2: two thirds of the rows lie where one third lay. A model has hardly seen
        such values.
    chance
        Of a measure of values: what samples of one distribution give, as a multiple of what Kolmogorov's distribution
        gives. None for a measure of bins, for which it is drawn.
    in_unit
        Whether it is in the feature's unit. It decides in standard deviations of the reference then.
    """

    name: str
    title: str
    short: str
    smallest: float
    ceiling: float
    chance: float | None = None
    in_unit: bool = False

    @property
    def of_values(self) -> bool:
        """Whether it compares values, which categories do not have, rather than shares of bins."""
        return self.chance is not None

    @property
    def decisive(self) -> str:
        """The name of the result that decides."""
        return f"{self.name}_scaled" if self.in_unit else self.name

    @property
    def results(self) -> tuple[str, ...]:
        """The names of its results."""
        return tuple(dict.fromkeys((self.name, self.decisive)))

    def of_shares(self, one: Numbers, other: Numbers, widths: Numbers) -> Numbers:
        """Return the measure between shares of bins, over the last axis; `widths` are the bins' standard deviations."""
        found: Numbers = self._module().of_shares(one, other, widths)
        return found

    def of_quantiles(self, expected: Numbers, ordered: Numbers, levels: Numbers) -> float | None:
        """Return the measure between quantiles that are expected and values; None where shares between them say it."""
        measured = getattr(self._module(), "of_quantiles", None)
        return None if measured is None else float(measured(expected, ordered, levels))

    def between(
        self, counts: tuple[Counts, Counts], values: tuple[Numbers, Numbers] | None, std: float | None
    ) -> dict[str, float | None]:
        """Return its results by name, from both sides' rows in bins and, where they have an order, their values."""
        if not self.of_values:
            return {self.name: float(getattr(self._module(), self.name)(*counts))}
        if values is None or not (len(values[0]) and len(values[1])):
            return dict.fromkeys(self.results)
        found = _finite(float(getattr(self._module(), self.name)(*values)))
        scaled = _finite(found / std) if found is not None and std else None
        return {self.name: found, self.decisive: scaled if self.in_unit else found}

    def within(self, cells: Cells, std: float | None) -> dict[str, tuple[float | None, float]]:
        """Return its results by name, each with how far it is at most from what `between` returns of the values."""
        measured, off = (float(each) for each in self._module().of_cells(cells))
        found = _finite(measured)
        off += ROUNDED * abs(measured) if off else 0.0
        exact = {self.name: (found, off)}
        if not self.in_unit:
            return exact
        return exact | {self.decisive: (_finite(found / std), off / std) if found is not None and std else (None, 0.0)}

    def _module(self) -> Any:
        return import_module(f"{__name__}.{self.name}")


MEASURES = {
    measure.name: measure
    for measure in (
        Measure("psi", "PSI", "PSI", smallest=0.02, ceiling=2.0),
        Measure("jensen_shannon", "Jensen-Shannon distance", "JS", smallest=0.06, ceiling=0.5),
        Measure("ks", "Kolmogorov-Smirnov distance", "KS", smallest=0.05, ceiling=0.5, chance=1),
        Measure(
            "wasserstein",
            "Wasserstein distance in standard deviations",
            "Wasserstein",
            smallest=0.1,
            ceiling=2.0,
            chance=2,
            in_unit=True,
        ),
    )
}
"""The measures by name, in the order in which they are shown."""

RESULTS = tuple(name for measure in MEASURES.values() for name in measure.results)
"""The names of all results."""

BOUNDED = tuple(name for measure in MEASURES.values() if measure.of_values for name in measure.results)
"""The names of those that may have a bound instead of being exact."""

if TYPE_CHECKING:
    MeasureName = str
else:
    MeasureName = Literal[tuple(MEASURES)]


def between(
    counts: tuple[Counts, Counts], values: tuple[Numbers, Numbers] | None = None, std: float | None = None
) -> dict[str, float | None]:
    """Return the results of all measures by name: see `Measure.between`."""
    return {name: value for each in MEASURES.values() for name, value in each.between(counts, values, std).items()}


def within(
    counts: tuple[Counts, Counts], cells: Cells, std: float | None
) -> tuple[dict[str, float | None], dict[str, float]]:
    """Return the results of all measures by name, and how far those of values may be off: see `Measure.within`."""
    found: dict[str, float | None] = {}
    bounds: dict[str, float] = {}
    for each in MEASURES.values():
        if each.of_values:
            measured = each.within(cells, std)
            found |= {name: value for name, (value, _) in measured.items()}
            bounds |= {name: off for name, (value, off) in measured.items() if value is not None and off}
        else:
            found |= each.between(counts, None, std)
    return found, bounds


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


__all__ = ["BOUNDED", "MEASURES", "RESULTS", "ROUNDED", "Cells", "Measure", "MeasureName", "between", "within"]
