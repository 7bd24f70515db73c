"""Probing an on-demand view: a row's features are its own, whatever rows are asked for beside it, where and when."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING

import polars as pl

from workbench.checks.definition.examples import shown
from workbench.checks.result import SHOWN, Check
from workbench.compute import compute_on_demand
from workbench.define import Definitions, readable_paths
from workbench.equality import differ
from workbench.source_tree import TreeFiles, install
from workbench.worker import ELSEWHERE, HERE, Seen, Watch, pool

if TYPE_CHECKING:
    from workbench.define import Contract, OnDemandView

ROW_WISE, DETERMINISM = "row-wise", "determinism"
_CAUSE = (
    "an aggregate over all rows (.sum(), .mean(), .max()), .over(), .shift(), .rank(), .cum_sum(), .sort() or .filter()"
)


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of computing an on-demand view on a sample, in two worlds.

    Attributes
    ----------
    rows
        The sample.
    here, elsewhere
        What was seen of the code in each world.
    found
        What each choice of rows gave here, or what it raised: first all, then each row alone, then all in reverse.
    again
        What all rows gave elsewhere.
    """

    rows: pl.DataFrame
    here: Seen
    elsewhere: Seen
    found: tuple[pl.DataFrame | str, ...] = ()
    again: pl.DataFrame | str = ""

    @property
    def whole(self) -> pl.DataFrame | str:
        """What all rows gave, or what was raised."""
        return self.found[0] if self.found else self.here.raised


@dataclass(frozen=True, slots=True)
class _Task:
    package: str
    files: TreeFiles
    view: str
    imported: frozenset[str]
    rows: pl.DataFrame
    choices: tuple[tuple[int, ...], ...] = field(default=())


def try_on_demand(definitions: Definitions, view: OnDemandView, rows: pl.DataFrame) -> Trial:
    """Compute `rows` of an on-demand view in worker processes, where what it reads and changes is seen."""
    observations = definitions.observations
    imported = observations.imported_modules(view.name) if observations else frozenset()
    all_rows = tuple(range(rows.height))
    choices = (all_rows, *((row,) for row in all_rows), all_rows[::-1])
    with ExitStack() as stack:
        workers = [stack.enter_context(pool().worker(world)) for world in (HERE, ELSEWHERE)]
        for worker, asked in zip(workers, (choices, choices[:1]), strict=True):
            task = _Task(definitions.package, definitions.files, view.name, imported, rows, asked)
            worker.start(_run, task, worker.world != HERE)
        (here, found), (elsewhere, again) = [worker.result() for worker in workers]
    return Trial(rows, here, elsewhere, found, again[0] if again else elsewhere.raised)


def check_row_wise(trial: Trial, contract: Contract) -> tuple[Check, ...]:
    """Return whether a view's rows depend on themselves alone, and on nothing but what they hold."""
    started = time.perf_counter()
    whole = trial.whole
    if isinstance(whole, str):
        detail = f"it could not be computed on {trial.rows.height} rows: {whole}"
        return tuple(
            Check(name, passed=False, checked=False, detail=detail[:400], seconds=time.perf_counter() - started)
            for name in (ROW_WISE, DETERMINISM)
        )
    alone = list(_alone(trial, whole, contract))
    moved = [] if isinstance(trial.again, str) else list(_differences(whole, trial.again, contract))
    raised = trial.again if isinstance(trial.again, str) else ""
    return (
        _check(
            ROW_WISE,
            alone,
            f"{trial.rows.height} rows give the same alone, together and in reverse",
            f"a row's features depend on the rows beside it: look for {_CAUSE}",
            started,
        ),
        _check(
            DETERMINISM,
            [(0, "", raised, "it raises elsewhere")] if raised else [(*each, "elsewhere") for each in moved],
            f"{trial.rows.height} rows give the same at another time and on another machine",
            "the features depend on the clock, the time zone, the machine or on chance: take such a value from the "
            "request",
            started,
        ),
    )


_Difference = tuple[int, str, str, str]


def _alone(trial: Trial, whole: pl.DataFrame, contract: Contract) -> Iterator[_Difference]:
    for row, found in enumerate(trial.found[1:-1]):
        if isinstance(found, str):
            yield row, "", found, f"row {row} alone raises"
            continue
        for _, column, said in _differences(whole[row], found, contract):
            yield row, column, said, f"row {row} alone, among {whole.height}"
    reverse = trial.found[-1]
    if isinstance(reverse, str):
        yield 0, "", reverse, "the rows in reverse raise"
        return
    for row, column, said in _differences(whole, reverse.reverse(), contract):
        yield row, column, said, "rows in reverse"


def _differences(one: pl.DataFrame, other: pl.DataFrame, contract: Contract) -> Iterator[tuple[int, str, str]]:
    for name in one.columns:
        tolerance = contract[name].tolerance
        for row in differ(one[name], other[name], tolerance=tolerance).arg_true():
            yield row, name, f"{shown(one[name][row])}, then {shown(other[name][row])}"


def _check(name: str, found: Sequence[_Difference], passed: str, failed: str, started: float) -> Check:
    if not found:
        return Check(name, passed=True, detail=passed, seconds=time.perf_counter() - started)
    rows = [(str(row), column, value, reason) for row, column, value, reason in found[:SHOWN]]
    return Check(
        name,
        passed=False,
        detail=failed,
        failures=pl.DataFrame(rows, schema=["row", "column", "value", "reason"], orient="row"),
        counts={name: len(found)},
        seconds=time.perf_counter() - started,
    )


def _run(
    state: SimpleNamespace,
    task: _Task,
    reads_only: bool,  # noqa: FBT001 - sent as it is
) -> tuple[Seen, tuple[pl.DataFrame | str, ...]]:
    """Import a view in a worker and compute each choice of rows."""
    found: list[pl.DataFrame | str] = []

    def act() -> None:
        view = Definitions(task.package, task.files).on_demand(task.view)
        found.append(compute_on_demand(view, task.rows, whole=False))
        for choice in task.choices[1:]:
            try:
                found.append(compute_on_demand(view, task.rows[list(choice)], whole=False))
            except Exception as error:  # noqa: BLE001 - the user's code may raise anything
                found.append(f"{type(error).__name__}: {error}")

    install(task.package, task.files)
    folder, own = str(task.files.folder), readable_paths(task.view, task.files)
    watch = Watch.start(state, task.package, folder, imported=task.imported, readable=own)
    return watch.run(act, reads_only=reads_only), tuple(found)
