"""A view that is being probed, and what is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from workbench.checks.probes.cut_times import Calendar, Cut
from workbench.checks.probes.differences import Differences, Grain, agreeing, compare, same_types, unlike_keys
from workbench.checks.probes.inputs import UNIT, Alteration, ProbeInput, altered
from workbench.checks.probes.keys import Keys
from workbench.checks.probes.noise import NUDGES, has_floats, noise_of_constants, noise_of_rows
from workbench.checks.probes.run import TOGETHER, Outcome, Trial, run
from workbench.checks.probes.sample import Sample
from workbench.define import FeatureView

if TYPE_CHECKING:
    from polars._typing import EngineType

FEW = 100_000
"""Rows of a group's inputs up to which they are computed with in memory; with more, what that takes is too much."""
ORDERS = range(1, 13)
"""Seeds of the orders in which it is tried whether the order explains a difference."""


@dataclass(frozen=True, slots=True)
class Group:
    """Some entities of a view, with the inputs narrowed to them, its rows, when those can be read, how noisy they are.

    Attributes
    ----------
    keys
        The entities with their `UNIT`; None for a view without entities.
    inputs
        The view's inputs, with these entities' rows alone where that can be.
    size
        How many rows these have; None where it is not known, since an upstream view is computed again.
    """

    keys: pl.DataFrame | None
    inputs: Sequence[ProbeInput]
    rows: pl.DataFrame
    calendar: Calendar
    noise: Mapping[str, float]
    size: int | None

    @property
    def few(self) -> bool:
        """Whether there is so little to compute with that the engine for rows in memory takes a part of the time."""
        return self.size is not None and self.size <= FEW

    @property
    def telling(self) -> list[ProbeInput]:
        """The inputs with rows of its entities alone, where the entities' columns stand in them."""
        if self.keys is None:
            return list(self.inputs)
        return [data if data.units else _of(data, self.keys.drop(UNIT)) for data in self.inputs]

    @property
    def units(self) -> pl.Series:
        """The units of its entities."""
        return pl.Series(UNIT, [], pl.UInt32) if self.keys is None else self.keys[UNIT].unique()


def _engine(group: Group, alteration: Alteration, number: int) -> EngineType:
    """Return the engine for one of many computations: with few rows the quicker one, and at times that of views."""
    return "in-memory" if group.few and alteration.alone and number % TOGETHER else "auto"


def _only(frame: pl.LazyFrame, *, keys: pl.DataFrame, cut: Cut | None, young: bool) -> pl.LazyFrame:
    frame = frame.join(keys.lazy(), on=keys.columns, how="semi")
    return frame if cut is None else cut.rows(frame, young=young)


def _of(data: ProbeInput, keys: pl.DataFrame) -> ProbeInput:
    schema = data.frame.collect_schema()
    names = [name for name, dtype in keys.schema.items() if schema.get(name) == dtype]
    if not names:
        return data
    return replace(data, frame=data.frame.join(keys.select(names).unique().lazy(), on=names, how="semi"))


@dataclass(frozen=True, slots=True)
class Subject:
    """A view with all that a probe needs to compute it again."""

    view: FeatureView
    inputs: Sequence[ProbeInput]
    grain: Grain
    keys: Keys
    sample: Sample

    @property
    def alone(self) -> Alteration:
        """The alteration that leaves a group's entities, where inputs can be narrowed to them."""
        return Alteration(alone=self.sample.narrow)

    def trial(
        self, group: Group, alteration: Alteration, cut: Cut | None = None, *, engine: EngineType = "auto"
    ) -> Trial:
        """Return the computation of a group's rows on altered inputs."""
        return Trial(group.inputs if alteration.alone else self.inputs, alteration, group.keys, cut, engine)

    def compute(self, group: Group, *alterations: Alteration) -> list[Outcome]:
        """Compute the view on altered inputs, and look at a group's rows."""
        return run(self.view, self.grain, [self.trial(group, alteration) for alteration in alterations])

    def agreeing(self, group: Group, outcomes: Sequence[Outcome]) -> dict[int, Differences]:
        """Return, by their numbers, how many rows of the outcomes at cuts are what the view's young rows are."""
        pairs = {
            number: (outcome.trial.cut.rows(group.rows.lazy(), young=True), outcome.rows)
            for number, outcome in enumerate(outcomes)
            if outcome.rows is not None and outcome.trial.cut is not None
        }
        found = agreeing(self.grain, list(pairs.values()), group.noise)
        return {number: Differences.none(found[place]) for place, number in enumerate(pairs) if place in found}

    def differences(
        self,
        group: Group,
        other: Outcome,
        cut: Cut | None = None,
        *,
        to: Outcome | None = None,
        young: bool = False,
        noisy: bool = True,
        unlike: bool = False,
    ) -> Differences:
        """Return how `other` differs from the view's rows, or from `to`, up to a cut; with `young`, also only after.

        Both must have rows. Differences that may be the noise of floats are none, unless it is known not to be `noisy`.
        `unlike` says that the rows are known not to be the same.
        """
        if other.rows is None or (to is not None and to.rows is None):
            raise ValueError("only computations that gave rows can be compared")
        rows = group.rows if to is None or to.rows is None else to.rows
        within = partial(cut.rows, young=young) if cut is not None else None
        found = compare(self.grain, rows, other.rows, within=within, noise=group.noise, unlike=unlike)
        if not noisy or not found.only_floats(self.grain):
            return found
        noise = self._noise(other)
        if noise is None:
            return found
        return compare(self.grain, rows, other.rows, within=within, noise=group.noise, noisy=noise)

    def differences_beyond_order(
        self,
        group: Group,
        other: Outcome,
        cut: Cut | None = None,
        *,
        to: Outcome | None = None,
        young: bool = False,
        whole: Alteration,
    ) -> Differences:
        """Return the differences of `other` that no order of the inputs' rows explains; for views that depend on it.

        A row is left out where one side, computed on shuffled rows, once has what the other side has. `whole` is how
        the inputs are altered of which the view's rows, or those of `to`, are computed.
        """
        if other.rows is None or (to is not None and to.rows is None):
            raise ValueError("only computations that gave rows can be compared")
        rows = group.rows if to is None or to.rows is None else to.rows
        others = same_types(other.rows, rows.schema)
        left, right = (
            side if cut is None else cut.rows(side.lazy(), young=young).collect(engine="in-memory")
            for side in (rows, others)
        )
        keys = unlike_keys(self.grain, left, right, noise=group.noise)
        for known, alteration in ((rows, other.trial.alteration), (others, whole)):
            orders = [
                self.trial(group, alteration.but(seed=seed), engine=_engine(group, alteration, seed)) for seed in ORDERS
            ]
            for shuffled in run(self.view, self.grain, orders if keys.height else []):
                if shuffled.rows is not None:
                    mixed = same_types(shuffled.rows, rows.schema)
                    some = (side.join(keys, on=keys.columns, how="semi") for side in (known, mixed))
                    keys = unlike_keys(self.grain, *some, noise=group.noise)
        unsettled = partial(_only, keys=keys, cut=cut, young=young)
        found = compare(self.grain, rows, others, within=unsettled, noise=group.noise)
        return replace(found, compared=left.height)

    def _noise(self, outcome: Outcome) -> pl.DataFrame | None:
        """Return the noise of each value of an outcome; None where that cannot be told, as of values of chance."""
        trial = outcome.trial
        if outcome.rows is None or not any(map(has_floats, (data.frame for data in trial.inputs))):
            return None
        alterations = [trial.alteration, *(trial.alteration.but(nudge=seed) for seed in NUDGES)]
        again, *others = run(self.view, self.grain, [replace(trial, alteration=each) for each in alterations])
        tables = [other.rows for other in others if other.rows is not None]
        if again.rows is None or not tables or compare(self.grain, outcome.rows, again.rows, noise={}):
            return None
        least = noise_of_constants(altered(self.view, trial.inputs, trial.alteration))
        return noise_of_rows(self.grain, outcome.rows, tables, least=least)


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
