"""Trying a view on a few rows of its inputs, in two worlds, before it is computed.

A worker process runs it here and observes what it reads and changes. Another one runs it elsewhere: at another time, in
another time zone, on another machine. Values that differ depend on something that the view does not declare.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl

from workbench.compute.plan import InputData, build, plan_hash
from workbench.define import Definitions, FeatureView, Observations, import_failure, readable_paths, refuse
from workbench.equality import differ, has_floats
from workbench.errors import UndeclaredInput, WrongReturn
from workbench.source_tree import TreeFiles, install
from workbench.worker import ELSEWHERE, HERE, Seen, StateChange, Touch, Watch, World, pool

ROWS = 3_000
"""How many rows of each input a view is tried on."""
_SCAN = re.compile(r"\bSCAN \[([^\]]*)\]")
_SLACK = 1e-9
_CLOCK = "the clock"
_ZONE = "the local time zone"
_MACHINE = "the machine, its user or its locale"
_HASH = "hash() of a string, or the order of a set, which differ in each process"
_CHANCE = "chance: random numbers without a fixed seed, or another value that is new in each process"
_CAUSES: Mapping[str, World] = {
    _CLOCK: World(clock=ELSEWHERE.clock),
    _ZONE: World(time_zone=ELSEWHERE.time_zone),
    _MACHINE: World(environment=True),
    "random numbers without a fixed seed": World(seed=ELSEWHERE.seed),
    _HASH: World("elsewhere"),
}
_REMEDIES = {
    _CLOCK: "Take the time from the data, or make the day a keyword-only parameter of the view.",
    _ZONE: "Name the zone: zoneinfo.ZoneInfo('Europe/Berlin'), or .dt.convert_time_zone(...).",
    _MACHINE: "Make the value a keyword-only parameter of the view.",
    _HASH: ("Sort the set, or use hashlib or Polars' .hash() on a column."),
}
_SEED = "Give the generator a fixed seed: numpy.random.default_rng(7), random.Random(7), .sample(..., seed=7)."


@dataclass(frozen=True, slots=True)
class _Task:
    """What a worker needs to run a view: the tree's files, and where the rows of its inputs are."""

    package: str
    files: TreeFiles
    view: str
    imported: frozenset[str]
    inputs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Run:
    """What came of running a view in a worker."""

    seen: Seen
    plan: str | None = None
    rows: pl.DataFrame | None = None


def try_view(definitions: Definitions, view: FeatureView, inputs: Sequence[InputData]) -> str:
    """Run a view on some rows of its inputs in workers, unless that was done before for its code.

    Where it raises on these, it is run there on all rows, before anything of it runs in this process.
    """
    observations = definitions.observations
    if observations is None or observations.passed(view.name, "run"):
        return ""
    raised, is_part = _try_rows(definitions, observations, view, inputs, rows=ROWS)
    if raised and is_part:
        raised, _ = _try_rows(definitions, observations, view, inputs, rows=None)
    return raised


def _try_rows(
    definitions: Definitions,
    observations: Observations,
    view: FeatureView,
    inputs: Sequence[InputData],
    *,
    rows: int | None,
) -> tuple[str, bool]:
    """Run a view on the first `rows` of its inputs; return what it raises, and whether there are more rows."""
    with tempfile.TemporaryDirectory(prefix="workbench-inputs-") as folder:
        try:
            paths, heights = _write_inputs(inputs, Path(folder).resolve(), rows=rows)
        except pl.exceptions.PolarsError as error:
            return str(error), False  # an input that cannot be read: computing the view says so
        task = _Task(definitions.package, definitions.files, view.name, observations.imported_modules(view.name), paths)
        here, elsewhere = _runs(task, HERE, ELSEWHERE)
        for run in (here, elsewhere):
            refuse(f"View {view.name!r}", run.seen, observations)
        seeded = here.seen.drawn & elsewhere.seen.drawn  # they began in other states: only a seed makes them equal
        if seeded:
            change = StateChange("setting", min(name for name, _ in seeded))
            refuse(f"View {view.name!r}", Seen(changes=(change,)), observations)
        if here.seen.raised and elsewhere.seen.raised:
            return here.seen.raised, rows in heights
        if not _same(here, elsewhere):
            raise _depends(view.name, _cause(task, here))
        if here.plan and elsewhere.plan and here.plan != elsewhere.plan:
            _check_plan(view.name, task, here, elsewhere)
    if 0 not in heights:
        observations.note(view.name, "run")
    return "", False


def refuse_doubtful(view: FeatureView, raised: str) -> None:
    """Raise where a view that `raised` something in a worker does not do so here."""
    if raised.startswith(f"{WrongReturn.__name__}: "):  # seen where columns are known, and true here too
        message, _, remedy = raised.partition(": ")[2].partition("\n")
        raise WrongReturn(message, remedy=remedy)
    if raised:
        raise import_failure(f"View {view.name!r}", raised)


def _write_inputs(inputs: Sequence[InputData], folder: Path, *, rows: int | None) -> tuple[dict[str, str], set[int]]:
    """Write the first `rows` of each input to `folder`; return the files by input, and how many rows they have."""
    paths, heights = {}, set()
    for data in inputs:
        frame = (data.frame if rows is None else data.frame.head(rows)).collect()
        paths[data.name] = str(folder / f"{data.name}.arrow")
        frame.write_ipc(paths[data.name])
        heights.add(frame.height)
    return paths, heights


def _runs(task: _Task, *worlds: World) -> list[_Run]:
    with ExitStack() as stack:
        workers = [stack.enter_context(pool().worker(world)) for world in worlds]
        for worker in workers:
            worker.start(_run, task, worker.world != HERE)
        return [worker.result() for worker in workers]


def _run(state: SimpleNamespace, task: _Task, reads_only: bool) -> _Run:  # noqa: FBT001 - sent as it is
    """Import a view in a worker, build its plan and compute it."""
    found: dict[str, Any] = {}

    def act() -> None:
        view = Definitions(task.package, task.files).view(task.view)
        frames = {name: pl.scan_ipc(path, glob=False) for name, path in task.inputs.items()}
        frame = build(view, [InputData(name, data, "", "source") for name, data in frames.items()])
        found["scans"] = _undeclared_scans(frame, {*task.inputs.values(), *readable_paths(task.view, task.files)})
        found["plan"] = plan_hash(frame)
        found["rows"] = frame.collect()

    install(task.package, task.files)
    folder = str(task.files.folder)
    own = readable_paths(task.view, task.files)
    watch = Watch.start(state, task.package, folder, imported=task.imported, readable=[*own, *task.inputs.values()])
    seen = watch.run(act, reads_only=reads_only)
    scans = found.get("scans")
    if scans and not seen.touches:
        seen = replace(seen, touches=scans)
    return _Run(seen, found.get("plan"), found.get("rows"))


def _undeclared_scans(frame: pl.LazyFrame, declared: Collection[str]) -> tuple[Touch, ...]:
    """Return the files in a plan that are no inputs: reading a file is not seen where Polars does it itself."""
    paths = [path.strip() for found in _SCAN.findall(frame.explain(optimized=False)) for path in found.split(",")]
    return tuple(Touch("file", path) for path in paths if path not in declared)


def _same(one: _Run, other: _Run) -> bool:
    """Return whether two runs gave the same rows, in whatever order."""
    if one.rows is None or other.rows is None:
        return one.rows is other.rows and one.seen.raised == other.seen.raised
    left, right = one.rows, other.rows
    if left.schema != right.schema or left.height != right.height:
        return False
    if left.equals(right):
        return True
    order = sorted(
        (name for name, dtype in left.schema.items() if not dtype.is_nested()),
        key=lambda name: has_floats(left.schema[name]),
    )
    if order:
        left, right = (rows.sort(order, nulls_last=True, maintain_order=True) for rows in (left, right))
    return not any(differ(left[name], right[name], slack=_noise(left[name])).any() for name in left.columns)


def _noise(column: pl.Series) -> float:
    """Return what another order of addition may change in a column of floats."""
    if not column.dtype.is_float():
        return 0.0
    sizes = column.abs()
    return _SLACK * float(sizes.filter(sizes.is_finite()).max() or 0.0)  # type: ignore[arg-type]  # floats have a largest float


def _cause(task: _Task, here: _Run) -> str:
    """Return on what the values depend: on that of the other world which alone changes them."""
    (again,) = _runs(task, HERE)
    if not _same(here, again):
        frozen = _runs(task, *[World(clock=ELSEWHERE.clock, ticks=False)] * 2)
        return _CLOCK if _same(*frozen) else _CHANCE
    return next(
        (cause for cause, world in _CAUSES.items() if not _same(here, *_runs(task, world))),
        "where and when it runs",
    )


def _check_plan(view: str, task: _Task, here: _Run, elsewhere: _Run) -> None:
    """Raise where the clock or the surroundings stand in a plan, even if they change no value of these rows."""
    again, other_hash = _runs(task, HERE, _CAUSES[_HASH])
    if other_hash.plan == elsewhere.plan:
        return  # the order of a set stands in it, which changes no value
    if again.plan != here.plan:
        frozen = _runs(task, *[World(clock=ELSEWHERE.clock, ticks=False)] * 4)
        if len({run.plan for run in frozen}) == 1:
            raise _depends(view, _CLOCK)
        return  # a plan that is never the same says nothing
    for cause, world in _CAUSES.items():
        if cause != _HASH and _runs(task, world)[0].plan != here.plan:
            raise _depends(view, cause)


def _depends(view: str, cause: str) -> UndeclaredInput:
    return UndeclaredInput(
        f"View {view!r} does not give the same values elsewhere: they depend on {cause}.",
        remedy=_REMEDIES.get(cause, _SEED),
    )
