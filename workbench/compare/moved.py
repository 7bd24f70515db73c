"""`FeatureDrift`: how far one feature moved, by which measures, and whether that is more than it moves by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from workbench.compare.bins import Bin
    from workbench.compare.histogram import Histogram
    from workbench.compare.measures import Measure
    from workbench.compare.noise import Basis, Noise

DriftKind = Literal["numeric", "categorical", "temporal", "boolean", "other"]

_NAMES: dict[Measure, str] = {
    "psi": "PSI",
    "jensen_shannon": "Jensen-Shannon distance",
    "ks": "Kolmogorov-Smirnov distance",
    "wasserstein": "Wasserstein distance in standard deviations",
}
_NOTABLE = 0.01
_COUNTABLE = 100


@dataclass(frozen=True, slots=True)
class DriftSide:
    """One side's rows in short.

    Attributes
    ----------
    dtype
        As text.
    rows, nulls, nans, infinities
        Counts.
    mean, std
        Over the finite values; `std` with n - 1. Of a boolean feature, the share of true. `None` for categories, and
        where there is none.
    """

    dtype: str
    rows: int
    nulls: int = 0
    nans: int = 0
    infinities: int = 0
    mean: float | None = None
    std: float | None = None

    @property
    def null_share(self) -> float:
        """Return nulls per row."""
        return self.nulls / self.rows if self.rows else 0.0

    @property
    def nan_share(self) -> float:
        """Return NaNs per row."""
        return self.nans / self.rows if self.rows else 0.0

    @property
    def infinity_share(self) -> float:
        """Return infinities per row."""
        return self.infinities / self.rows if self.rows else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the side as JSON-ready values, the shares among them."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        shares = ("null_share", "nan_share", "infinity_share")
        return plain | {name: getattr(self, name) for name in shares}


@dataclass(frozen=True, slots=True)
class FeatureDrift:
    """How far a feature moved from the reference to the current rows.

    Attributes
    ----------
    name, unit
        As in the contract; of times and durations the unit is the second.
    kind
        ``numeric``, ``categorical``, ``temporal`` (times and durations), ``boolean`` or ``other``.
    reference, current
        The two sides' rows in short.
    segment
        Key columns and values, as text, that the rows belong to; empty for all rows.
    psi
        Population stability index over bins frozen on the reference, with null, NaN, infinities and what lies outside
        the reference's range in bins of their own: of numbers those in `bins`, of categories the 100 commonest. See
        `measures.psi`.
    jensen_shannon
        Jensen-Shannon distance (square root, base 2: from 0 to 1) over the same.
    ks
        Kolmogorov-Smirnov distance of the finite values, exact; `None` for categories.
    wasserstein, wasserstein_scaled
        First Wasserstein distance of the finite values in the feature's unit, exact, and divided by the reference's
        standard deviation (`None` where that is 0).
    bins
        Both sides' rows in bins frozen on the reference: at most 50; of categories 20, others, new ones and null.
    histograms
        Both sides in the same equal bins, for charts; `None` for categories and segments.
    new, vanished
        Categories that only the current rows, only the reference has, with their share of that side's rows; the 20
        largest. `new_share` and `vanished_share` are of all of them.
    measure
        The one that decides: that of the project, but ``jensen_shannon`` where it has no value (categories have no
        order, a constant no standard deviation).
    noise
        The same measure between stretches of the reference; `None` where it is too small to be cut.
    threshold, basis
        Above which value of the measure the feature has drifted, and what says so: ``budget``, ``noise``, ``sample
        size`` or ``floor``; see `noise.threshold`.
    budget
        The project's, where it set one.
    drifted
        Whether it has.
    reason
        Why nothing was measured, where nothing was: nested values, or two sides that cannot be compared.
    """

    name: str
    kind: DriftKind
    reference: DriftSide
    current: DriftSide
    unit: str | None = None
    segment: tuple[tuple[str, str | None], ...] = ()
    psi: float | None = None
    jensen_shannon: float | None = None
    ks: float | None = None
    wasserstein: float | None = None
    wasserstein_scaled: float | None = None
    bins: tuple[Bin, ...] = ()
    histograms: tuple[Histogram, Histogram] | None = None
    new: tuple[tuple[str, float], ...] = ()
    vanished: tuple[tuple[str, float], ...] = ()
    new_share: float = 0.0
    vanished_share: float = 0.0
    measure: Measure = "psi"
    noise: Noise | None = None
    threshold: float | None = None
    basis: Basis | None = None
    budget: float | None = None
    drifted: bool = False
    reason: str | None = None

    @property
    def value(self) -> float | None:
        """Return the value of the measure that decides."""
        return self.wasserstein_scaled if self.measure == "wasserstein" else getattr(self, self.measure)

    @property
    def times_noise(self) -> float | None:
        """Return how many times its usual noise (the mean over the reference's stretches) the feature moved."""
        if self.value is None or self.noise is None or not self.noise.mean:
            return None
        return self.value / self.noise.mean

    @property
    def excess(self) -> float:
        """Return the measure per threshold, to order features by; infinite for sides that cannot be compared."""
        if self.value is None:
            return float("inf") if self.drifted else 0.0
        return self.value / self.threshold if self.threshold else (float("inf") if self.value else 0.0)

    @property
    def sentence(self) -> str:
        """Return what happened, in one sentence."""
        where = f" ({', '.join(f'{key}={value}' for key, value in self.segment)})" if self.segment else ""
        if self.value is None:
            return f"{self.name}{where} was not compared: {self.reason}."
        limits: dict[str | None, str] = {"budget": "budget", "noise": "usual noise"}
        verdict = "moved" if self.drifted else f"stays within its {limits.get(self.basis, 'limit')}"
        said = f"{self.name}{where} {verdict}: {self._by_how_much(self.value)}"
        return "; ".join([said, *(self._details() if self.drifted else [])]) + "."

    def _by_how_much(self, value: float) -> str:
        said = f"{_NAMES[self.measure]} {value:.2g}"
        times = self.times_noise
        if times is not None and (self.drifted or self.basis == "noise"):
            said += f", {times:.2g} times its usual noise" if times < _COUNTABLE else ", far above its usual noise"
        return f"{said} ({'budget' if self.basis == 'budget' else 'limit'} {self.threshold:.2g})"

    def _details(self) -> list[str]:
        one, two = self.reference, self.current
        found = []
        if self.kind == "boolean" and one.mean is not None and two.mean is not None:
            found.append(f"true {one.mean:.1%} to {two.mean:.1%}")
        if self.kind == "numeric" and one.mean is not None and two.mean is not None:
            unit = f" {self.unit}" if self.unit else ""
            found.append(f"mean {one.mean:.4g} to {two.mean:.4g}{unit}")
        for what, before, after in (
            ("nulls", one.null_share, two.null_share),
            ("NaN", one.nan_share, two.nan_share),
            ("infinite", one.infinity_share, two.infinity_share),
        ):
            if abs(after - before) >= _NOTABLE:
                found.append(f"{what} {before:.1%} to {after:.1%}")
        if self.new_share >= _NOTABLE:
            found.append(f"new: {', '.join(name for name, _ in self.new[:3])} ({self.new_share:.1%} of rows)")
        if self.vanished_share >= _NOTABLE:
            gone = ", ".join(name for name, _ in self.vanished[:3])
            found.append(f"vanished: {gone} ({self.vanished_share:.1%} of the reference)")
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the feature's drift as JSON-ready values."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return plain | {
            "segment": dict(self.segment),
            "reference": self.reference.to_dict(),
            "current": self.current.to_dict(),
            "bins": [one.to_dict() for one in self.bins],
            "histograms": None if self.histograms is None else [one.to_dict() for one in self.histograms],
            "new": [list(one) for one in self.new],
            "vanished": [list(one) for one in self.vanished],
            "noise": None if self.noise is None else self.noise.to_dict(),
            "value": self.value,
            "times_noise": self.times_noise,
            "sentence": self.sentence,
        }
