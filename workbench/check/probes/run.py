"""Running a view on altered inputs, several alterations in one go, and telling a failure from having no data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from workbench.check.probes.differences import TIME
from workbench.check.probes.inputs import Alteration, ProbeInput, altered, narrowed
from workbench.compute.build import engine_error
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.check.probes.differences import Grain
    from workbench.define import FeatureView

TOGETHER = 6
"""How many computations are given to the engine at once: it shares what they have in common, and holds their rows."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One computation: how its inputs are altered, of which entities and after which time its rows are looked at."""

    alteration: Alteration
    looked_at: pl.DataFrame | None = None
    after: datetime | None = None


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
    """

    rows: pl.DataFrame | None
    error: str = ""
    empty: bool = False


def run(view: FeatureView, inputs: Sequence[ProbeInput], grain: Grain, trials: Sequence[Trial]) -> list[Outcome]:
    """Compute `view` for each of `trials`. What user code raises is an outcome, not an exception."""
    outcomes: list[Outcome] = []
    for start in range(0, len(trials), TOGETHER):
        outcomes += _batch(view, inputs, grain, trials[start : start + TOGETHER])
    return outcomes


def _batch(view: FeatureView, inputs: Sequence[ProbeInput], grain: Grain, trials: Sequence[Trial]) -> Iterator[Outcome]:
    plans = [_planned(view, inputs, grain, trial) for trial in trials]
    good = [plan for plan in plans if isinstance(plan, pl.LazyFrame)]
    try:
        frames = iter(pl.collect_all(good))
    except Exception:  # noqa: BLE001 - user code: each plan says below what is wrong with it
        return (_alone(view, inputs, trial, plan) for trial, plan in zip(trials, plans, strict=True))
    return (
        Outcome(next(frames)) if isinstance(plan, pl.LazyFrame) else _raised(view, inputs, trial, plan)
        for trial, plan in zip(trials, plans, strict=True)
    )


def _planned(view: FeatureView, inputs: Sequence[ProbeInput], grain: Grain, trial: Trial) -> pl.LazyFrame | Exception:
    try:
        frame = grain.readable(altered(view, inputs, trial.alteration))
        if trial.looked_at is not None:
            frame = narrowed(frame, frame.collect_schema(), trial.looked_at)
        if trial.alteration.until is not None:
            frame = frame.filter(pl.col(TIME) <= trial.alteration.until)
        if trial.after is not None:
            frame = frame.filter(pl.col(TIME) > trial.after)
    except Exception as error:  # noqa: BLE001 - user code may raise anything; the check says what
        return error
    return frame


def _alone(view: FeatureView, inputs: Sequence[ProbeInput], trial: Trial, plan: pl.LazyFrame | Exception) -> Outcome:
    if isinstance(plan, Exception):
        return _raised(view, inputs, trial, plan)
    try:
        return Outcome(plan.collect())
    except Exception as error:  # noqa: BLE001 - as above
        return _raised(view, inputs, trial, error)


def _raised(view: FeatureView, inputs: Sequence[ProbeInput], trial: Trial, error: Exception) -> Outcome:
    polars = isinstance(error, pl.exceptions.PolarsError)
    said = engine_error(view.name, error) if polars else error
    text = said.message if isinstance(said, WorkbenchError) else f"{type(said).__name__}: {said}"
    line = " ".join(str(text).split())
    return Outcome(None, line if len(line) <= 240 else f"{line[:237]}...", empty=any(_emptied(inputs, trial)))


def _emptied(inputs: Sequence[ProbeInput], trial: Trial) -> Iterator[bool]:
    for data in inputs:
        try:
            yield trial.alteration.of(data).head(1).collect().is_empty()
        except Exception:  # noqa: BLE001 - an upstream view that cannot be made from nothing
            yield True
