"""Running a view on altered inputs, several alterations in one go, and telling a failure from having no data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from workbench.checks.probes.differences import TIME
from workbench.checks.probes.inputs import Alteration, ProbeInput, altered
from workbench.compute import engine_error
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from polars._typing import EngineType

    from workbench.checks.probes.cut_times import Cut
    from workbench.checks.probes.differences import Grain
    from workbench.define import FeatureView

TOGETHER = 6
"""How many computations are given to the engine at once: it shares what they have in common, and holds their rows."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One computation: of which inputs, how they are altered, and which of its rows are looked at.

    Attributes
    ----------
    inputs
        What the view is given, before that is altered.
    alteration
        How it is altered.
    looked_at
        Keys of the entities whose rows are looked at; of all where None.
    cut
        Where it is cut; only young rows are looked at then.
    engine
        Polars' engine: "auto" is the one that views are computed by.
    """

    inputs: Sequence[ProbeInput]
    alteration: Alteration
    looked_at: pl.DataFrame | None = None
    cut: Cut | None = None
    engine: EngineType = "auto"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a trial gave: rows, or why there are none.

    Attributes
    ----------
    rows
        The rows with the time from which they can be read; None where the view raised.
    error
        What it raised, in one line.
    empty
        Whether an input that has rows had none left: a view need not work without data.
    trial
        What was computed.
    """

    rows: pl.DataFrame | None
    trial: Trial
    error: str = ""
    empty: bool = False


def run(view: FeatureView, grain: Grain, trials: Sequence[Trial]) -> list[Outcome]:
    """Compute `view` for each of `trials`. What user code raises is an outcome, not an exception."""
    return [outcome for outcomes in batches(view, grain, trials) for outcome in outcomes]


def batches(
    view: FeatureView, grain: Grain, trials: Sequence[Trial], *, at_once: int = TOGETHER
) -> Iterator[list[Outcome]]:
    """Compute `view` for each of `trials`, and give the outcomes of some at a time, so that all need not be held."""
    for start in range(0, len(trials), at_once):
        yield list(_batch(view, grain, trials[start : start + at_once]))


def _batch(view: FeatureView, grain: Grain, trials: Sequence[Trial]) -> Iterator[Outcome]:
    plans = [_planned(view, grain, trial) for trial in trials]
    try:
        frames = _collect(trials, plans)
    except Exception:  # noqa: BLE001 - user code: each plan says below what is wrong with it
        return (_alone(view, trial, plan) for trial, plan in zip(trials, plans, strict=True))
    return (
        _raised(view, trial, plan) if isinstance(plan, Exception) else Outcome(frames[number], trial)
        for number, (trial, plan) in enumerate(zip(trials, plans, strict=True))
    )


def _collect(trials: Sequence[Trial], plans: Sequence[pl.LazyFrame | Exception]) -> dict[int, pl.DataFrame]:
    """Return the rows of plans by their numbers, those of one engine computed together."""
    found: dict[int, pl.DataFrame] = {}
    for engine in dict.fromkeys(trial.engine for trial in trials):
        some = {
            number: plan
            for number, (trial, plan) in enumerate(zip(trials, plans, strict=True))
            if trial.engine == engine and not isinstance(plan, Exception)
        }
        found |= zip(some, pl.collect_all(some.values(), engine=engine), strict=True)
    return found


def _planned(view: FeatureView, grain: Grain, trial: Trial) -> pl.LazyFrame | Exception:
    try:
        frame = grain.readable(altered(view, trial.inputs, trial.alteration))
        if trial.looked_at is not None:
            keys = trial.looked_at[list(grain.entities)]
            odd = {name: dtype for name, dtype in keys.schema.items() if frame.collect_schema()[name] != dtype}
            frame = frame.cast(odd) if odd else frame  # type: ignore[arg-type]  # names to dtypes
            if trial.cut is None or trial.cut.own is None:  # which leaves the rows of its entities alone, too
                frame = frame.join(keys.lazy(), on=list(grain.entities), how="semi")
        if trial.cut is not None:
            frame = trial.cut.rows(frame, young=True)
        elif trial.alteration.until is not None:
            frame = frame.filter(pl.col(TIME) <= trial.alteration.until)
    except Exception as error:  # noqa: BLE001 - user code may raise anything; the check says what
        return error
    return frame


def _alone(view: FeatureView, trial: Trial, plan: pl.LazyFrame | Exception) -> Outcome:
    if isinstance(plan, Exception):
        return _raised(view, trial, plan)
    try:
        return Outcome(plan.collect(), trial)  # as views are computed: what another engine cannot do is not their fault
    except Exception as error:  # noqa: BLE001 - as above
        return _raised(view, trial, error)


def _raised(view: FeatureView, trial: Trial, error: Exception) -> Outcome:
    polars = isinstance(error, pl.exceptions.PolarsError)
    said = engine_error(view.name, error) if polars else error
    text = said.message if isinstance(said, WorkbenchError) else f"{type(said).__name__}: {said}"
    line = " ".join(str(text).split())
    return Outcome(None, trial, line if len(line) <= 240 else f"{line[:237]}...", empty=any(_emptied(trial)))


def _emptied(trial: Trial) -> Iterator[bool]:
    for data in trial.inputs:
        try:
            yield trial.alteration.of(data).head(1).collect().is_empty()
        except Exception:  # noqa: BLE001 - an upstream view that cannot be made from nothing
            yield True
