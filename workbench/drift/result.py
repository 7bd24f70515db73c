"""`FeatureDrift`: how far one feature moved, by which measures, and whether that is more than it moves by itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from workbench.drift.noise import Basis, Noise
from workbench.drift.pairs import PairedChange, PairedRows
from workbench.drift.shares import ShareMoved
from workbench.drift.side import DriftSide
from workbench.measures import MEASURES, RESULTS
from workbench.profile import Bin, Family, Histogram
from workbench.records import to_plain
from workbench.shares import percent

Verdict = Literal["drifted", "no drift", "cannot judge"]
DriftKind = Literal["numeric", "categorical", "temporal", "boolean", "other"]

KINDS: dict[Family, DriftKind] = {
    "number": "numeric",
    "moment": "temporal",
    "duration": "temporal",
    "category": "categorical",
    "boolean": "boolean",
    "empty": "other",
    "other": "other",
}
_SAID: dict[Verdict, str] = {"drifted": "moved", "no drift": "hardly moved", "cannot judge": "cannot be judged"}
_NOTABLE = 0.01
_COUNTABLE = 100


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
    measures
        The results of `workbench.measures.MEASURES` by name, which are attributes too. ``psi``, the population
        stability index, is over bins frozen on the reference, with null, NaN, infinities and what lies outside the
        reference's range in bins of their own: of numbers those in `bins`, of categories the 100 commonest;
        ``jensen_shannon`` is over the same. ``ks`` and ``wasserstein`` (in the feature's unit) are of the finite
        values, and `None` for categories; ``wasserstein_scaled`` is divided by the reference's standard deviation, and
        `None` where that is 0.
    bounds
        How far results in `measures` are at most from those of the values in order; what is not in it is exact. Of
        more than 500,000 rows ``ks`` and ``wasserstein`` are measured in fine bins, unless the verdict, or a bound
        that is large beside the measure's smallest threshold, takes them exactly. All else is exact.
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
    follows, beyond
        ``its season (the week)`` or ``its trend`` where that came nearer to the reference's own blocks than all of its
        rows do; then the measure between the current rows and what that leads to expect, which decides.
    trending
        Whether values rise or fall throughout the reference, so that all of it is no measure for what comes after.
    alone
        Shares that moved further than they may, whatever the values do: null, NaN, infinite, out of range, constant.
    paired
        How the values of the rows that both sides have changed; `None` where these are no rows in common. It decides
        before the distributions do.
    drifted
        Whether it has.
    judged
        Whether it can be told; false where nothing was measured, and never where it has drifted.
    unsure
        Why it cannot be told, where something was measured.
    reason
        Why nothing was measured, where nothing was: nested values, or two sides that cannot be compared.
    """

    name: str
    kind: DriftKind
    reference: DriftSide
    current: DriftSide
    unit: str | None = None
    segment: tuple[tuple[str, str | None], ...] = ()
    measures: Mapping[str, float | None] = field(default_factory=lambda: dict.fromkeys(RESULTS))
    bounds: Mapping[str, float] = field(default_factory=dict)
    bins: tuple[Bin, ...] = ()
    histograms: tuple[Histogram, Histogram] | None = None
    new: tuple[tuple[str, float], ...] = ()
    vanished: tuple[tuple[str, float], ...] = ()
    new_share: float = 0.0
    vanished_share: float = 0.0
    measure: str = "psi"
    noise: Noise | None = None
    threshold: float | None = None
    basis: Basis | None = None
    budget: float | None = None
    follows: str = ""
    beyond: float | None = None
    trending: bool = False
    alone: tuple[ShareMoved, ...] = ()
    paired: PairedChange | None = None
    drifted: bool = False
    judged: bool = True
    unsure: str = ""
    reason: str | None = None

    def __getattr__(self, name: str) -> float | None:
        """Return the result of a measure."""
        if name not in RESULTS:
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")
        return self.measures.get(name)

    @property
    def verdict(self) -> Verdict:
        """Return ``drifted``, ``no drift``, or ``cannot judge``."""
        return "drifted" if self.drifted else "no drift" if self.judged else "cannot judge"

    @property
    def value(self) -> float | None:
        """Return the value of the measure that decides."""
        return self.measures.get(MEASURES[self.measure].decisive)

    @property
    def bound(self) -> float:
        """Return how far `value` may be off; 0 where it is exact."""
        return self.bounds.get(MEASURES[self.measure].decisive, 0.0)

    def give_or_take(self, result: str) -> str:
        """Return how far a result may be off as it is written behind it, rounded up; empty where it is exact."""
        bound = self.bounds.get(result, 0.0)
        if not bound:
            return ""
        digit = 10.0 ** math.floor(math.log10(bound))
        return f" ± {math.ceil(bound / digit) * digit:.1g}".replace("e-0", "e-")

    @property
    def times_noise(self) -> float | None:
        """Return how many times its usual noise (the mean over the reference's stretches) the feature moved."""
        value = self.value if self.beyond is None else self.beyond
        if value is None or self.noise is None or not self.noise.mean:
            return None
        return value / self.noise.mean

    @property
    def at_ceiling(self) -> bool:
        """Whether the distributions have so little in common that no noise would excuse it."""
        values = ((each, self.measures.get(each.name)) for each in MEASURES.values() if not each.in_unit)
        return any(value is not None and value > each.ceiling for each, value in values)

    @property
    def excess(self) -> float:
        """Return the drift divided by its limit, for sorting; infinite for sides that cannot be compared."""
        if self.paired is not None and (self.paired.drifted or not self.paired.others):
            return self.paired.excess
        value = self.value if self.beyond is None else self.beyond
        if value is None:
            return float("inf") if self.drifted else 0.0
        apart = [abs(one.current - one.reference) / one.limit for one in self.alone]
        measured = value / self.threshold if self.threshold else (float("inf") if value else 0.0)
        return max(measured, *apart) if apart else measured

    @property
    def sentence(self) -> str:
        """Return what happened, in one sentence."""
        where = f" ({', '.join(f'{key}={value}' for key, value in self.segment)})" if self.segment else ""
        named = f"{self.name}{where}"
        if self.decided_by_rows and self.paired is not None:
            said = f"{named} {_SAID[self.verdict]}: {self.paired.sentence}"
            return "; ".join([said, *(self._details() if self.drifted else [])]) + "."
        if self.value is None:
            return f"{named} was not compared: {self.reason}."
        return "; ".join([f"{named} {self._verdict(self.value)}", *(self._details() if self.drifted else [])]) + "."

    @property
    def decided_by_rows(self) -> bool:
        """Whether the rows that both sides have decided, rather than the distributions."""
        return self.paired is not None and (self.paired.drifted or not self.paired.others or not self.paired.judged)

    def of_same_rows(self, change: PairedChange) -> FeatureDrift:
        """Return the feature judged by the rows that both sides have, and by its distributions where one has others.

        A budget of the project's is for the distributions, which must keep to it as well.
        """
        asked = change.others or self.budget is not None
        drifted = change.drifted or (asked and self.drifted)
        judged = drifted or (change.judged and (self.judged or not asked))
        return replace(self, paired=change, drifted=drifted, judged=judged)

    @classmethod
    def of_rows(cls, name: str, rows: PairedRows, *, unit: str | None, measure: str) -> FeatureDrift | None:
        """Return the feature judged by the rows that both sides have; `None` where these do not decide alone."""
        if rows.sides is None or not rows.decides:
            return None
        kind = KINDS[rows.family]
        found = cls(name, kind, *rows.sides, unit="second" if kind == "temporal" else unit, measure=measure)
        return found.of_same_rows(rows.change)

    def _verdict(self, value: float) -> str:
        limits: dict[str | None, str] = {"budget": "budget", "noise": "usual noise"}
        measured = self._by_how_much(value)
        if self.verdict == "cannot judge":
            return f"cannot be judged: {self.unsure}; {measured}"
        if self.alone:
            return f"moved: {measured}; {', '.join(map(str, self.alone))}"
        if self.drifted:
            also = "; it trends in the reference" if self.trending and not self.follows else ""
            return f"moved: {measured}{also}"
        if self.follows:
            return f"follows {self.follows}: {measured}"
        return f"is within its {limits.get(self.basis, 'limit')}: {measured}"

    def _by_how_much(self, value: float) -> str:
        name = MEASURES[self.measure].title
        said = f"{name} {value:.2g}{self.give_or_take(MEASURES[self.measure].decisive)}"
        if self.beyond is not None:
            said = f"{name} {self.beyond:.2g} from what {self.follows} leads to expect ({value:.2g} from all rows)"
        times = self.times_noise
        if times is not None and (self.drifted or self.basis == "noise"):
            said += f", {times:.2g} times its usual noise" if times < _COUNTABLE else ", far above its usual noise"
        limit = {"budget": "budget", "ceiling": "never above"}.get(self.basis or "", "limit")
        return f"{said} ({limit} {self.threshold:.2g})"

    def _details(self) -> list[str]:
        one, two = self.reference, self.current
        found = []
        if self.kind == "boolean" and one.mean is not None and two.mean is not None:
            found.append(f"true {percent(one.mean)} to {percent(two.mean)}")
        if self.kind == "numeric" and one.mean is not None and two.mean is not None:
            unit = f" {self.unit}" if self.unit else ""
            found.append(f"mean {one.mean:.4g} to {two.mean:.4g}{unit}")
        told = set() if self.decided_by_rows else {moved.what for moved in self.alone}
        for what, before, after in (
            ("nulls", one.null_share, two.null_share),
            ("NaN", one.nan_share, two.nan_share),
            ("infinite", one.infinity_share, two.infinity_share),
        ):
            if what not in told and abs(after - before) >= _NOTABLE:
                found.append(f"{what} {percent(before)} to {percent(after)}")
        if self.new_share >= _NOTABLE:
            found.append(f"new: {', '.join(name for name, _ in self.new[:3])} ({percent(self.new_share)} of rows)")
        if self.vanished_share >= _NOTABLE:
            gone = ", ".join(name for name, _ in self.vanished[:3])
            found.append(f"vanished: {gone} ({percent(self.vanished_share)} of the reference)")
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the feature's drift as JSON-ready values."""
        plain: dict[str, Any] = to_plain(self)
        del plain["measures"]
        return plain | {
            **dict.fromkeys(RESULTS),
            **self.measures,
            "segment": dict(self.segment),
            "reference": self.reference.to_dict(),
            "current": self.current.to_dict(),
            "paired": None if self.paired is None else self.paired.to_dict(),
            "verdict": self.verdict,
            "value": self.value,
            "bound": self.bound,
            "times_noise": self.times_noise,
            "sentence": self.sentence,
        }
