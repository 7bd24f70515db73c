"""A view that is being probed, and what is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from workbench.check.probes.cuts import Calendar, Cut
from workbench.check.probes.differences import Differences, Grain, compare
from workbench.check.probes.inputs import Alteration, ProbeInput
from workbench.check.probes.run import Outcome, Trial, run
from workbench.check.probes.sample import Sample
from workbench.define import FeatureView


@dataclass(frozen=True, slots=True)
class Group:
    """Some entities of a view, with its rows of them, when those can be read, and how large values are."""

    keys: pl.DataFrame | None
    rows: pl.DataFrame
    calendar: Calendar
    scales: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Subject:
    """A view with all that a probe needs to compute it again."""

    view: FeatureView
    inputs: Sequence[ProbeInput]
    grain: Grain
    sample: Sample

    def narrowed(self, group: Group) -> Alteration:
        """Return the alteration that leaves a group's entities, where inputs can be narrowed to them."""
        return Alteration(keys=group.keys if self.sample.narrow else None)

    def compute(self, group: Group, *alterations: Alteration) -> list[Outcome]:
        """Compute the view on altered inputs, and look at a group's rows."""
        trials = [Trial(alteration, group.keys) for alteration in alterations]
        return run(self.view, self.inputs, self.grain, trials)

    def differences(
        self,
        group: Group,
        other: pl.DataFrame,
        cut: Cut | None = None,
        *,
        to: pl.DataFrame | None = None,
        young: bool = False,
    ) -> Differences:
        """Return how `other` differs from the view's rows, or from `to`, up to a cut; with `young`, also only after."""
        return compare(
            self.grain,
            group.rows if to is None else to,
            other,
            until=cut.until if cut else None,
            after=cut.after if cut and young else None,
            scales=group.scales,
        )


@dataclass(slots=True)
class Finding:
    """What one probe found, over groups and cuts.

    Attributes
    ----------
    differences
        With the cut they were found at.
    errors
        What the view raised.
    cause
        The likely cause of the first of them.
    """

    differences: list[tuple[Cut | None, Differences]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    cause: str = ""

    def __bool__(self) -> bool:
        return bool(self.differences or self.errors)

    def raised(self, outcome: Outcome, where: str) -> bool:
        """Add what a view raised, said to be so `where`, and tell whether it did; a view need not work without data."""
        if outcome.rows is None and not outcome.empty:
            self.errors.append(f"{where} it raised {outcome.error}")
        return outcome.rows is None

    def take(self, other: Finding) -> None:
        """Add what another finding holds."""
        self.differences += other.differences
        self.errors += other.errors
        self.cause = self.cause or other.cause

    def blame(self, reason: str) -> None:
        """Leave it at `reason`, whatever was found: nothing can be told."""
        self.differences.clear()
        self.errors = [reason]
        self.cause = ""
