"""`start_tests`: a definition's own tests, run by pytest on its examples and on a sample of its inputs.

They run in a process of their own. It is ended with all that it started where a test takes too long, and whatever a
test does to its process, this one does not notice.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import polars as pl

from workbench.checks.definition.cases import Case, Outcome, Task, tests_in
from workbench.checks.definition.coverage import Covered, spans
from workbench.checks.definition.examples import examples_of
from workbench.checks.result import SHOWN, Check
from workbench.errors import WorkerEnded
from workbench.shares import percent
from workbench.worker import pool

if TYPE_CHECKING:
    from types import SimpleNamespace

    from workbench.define import Definitions, FeatureView
    from workbench.worker import Worker

SAMPLE = 10_000
"""How many rows of an input a test function gets."""

SECONDS = 10.0
"""How long one test may take."""


@dataclass(frozen=True, slots=True)
class _Failure:
    """A test that fails: its name, where it stands or failed, and what is to be said, line by line."""

    name: str
    where: str
    said: tuple[str, ...]


def start_tests(
    definitions: Definitions,
    view: FeatureView,
    inputs: Mapping[str, pl.LazyFrame],
    data: pl.LazyFrame,
    *,
    offset: int | None = None,
    seconds: float = SECONDS,
) -> TestRun:
    """Start the examples and the test functions in a view's file, in a process of their own.

    A test function's parameters say what it gets: ``view``, to be called on frames of its own; the name of one of the
    view's inputs, of which it gets the first 10,000 rows; the view's own name, for the computed view; a fixture, of
    pytest or of its own. Frames are lazy.
    """
    module = sys.modules[f"{definitions.package}.{view.name}"]
    functions = tests_in(definitions.tree_of(module))
    covered = Covered.of(view.function, str(definitions.files.folder))  # type: ignore[arg-type]  # a plain function
    task = None
    if functions or examples_of(view, vars(module)):
        rows = SAMPLE if functions else 0  # an example brings its own
        task = Task(
            package=definitions.package,
            files=definitions.files,
            view=view.name,
            inputs={name: _first_rows(frame, rows) for name, frame in inputs.items()},
            data=data,
            folder=os.getcwd(),  # noqa: PTH109  # as text
        )
    places = _Places(str(definitions.module_file(view.name)), view.name, offset)
    return TestRun(task, covered, places, seconds)


def _first_rows(frame: pl.LazyFrame, rows: int) -> pl.DataFrame:
    return frame.head(rows).collect() if rows else pl.DataFrame(schema=frame.collect_schema())


def _run(state: SimpleNamespace, task: Task, first: int) -> None:
    """Run tests in a worker, where alone pytest is loaded."""
    from workbench.checks.definition.pytest_run import run

    run(state, task, first)


class TestRun:
    """Tests that run in a process of their own, until they are closed."""

    __test__ = False  # no test of our own

    def __init__(self, task: Task | None, covered: Covered, places: _Places, seconds: float) -> None:
        self._task = task
        self._covered = covered
        self._places = places
        self._seconds = seconds
        self._began = time.perf_counter()
        self._worker: Worker | None = None
        self._cases: list[Case] = []
        self._failures: list[_Failure] = []
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._worker is not None:
            self._worker.close()

    def result(self) -> Check | None:
        """Wait for the tests and return what they find."""
        if self._worker is None:
            return None
        while self._follow(self._worker):
            self._start()
        return Check(
            name="tests",
            passed=not self._failures,
            detail=_detail(self._cases, self._failures, self._covered, self._places),
            failures=_frame(self._failures),
            seconds=time.perf_counter() - self._began,
            counts={failure.name: 1 for failure in self._failures},
        )

    def _start(self) -> None:
        """Start a process for the tests that have not begun yet."""
        if self._task is not None:
            self._worker = pool().worker()
            self._worker.start(_run, self._task, len(self._cases))

    def _follow(self, worker: Worker) -> bool:
        """Note how tests end until all have, or one has ended their process; tell whether there may be more."""
        running: Case | None = None
        try:
            while True:
                left = None if running is None else max(0.0, running.at + self._seconds - time.monotonic())
                kind, said = worker.receive(left)
                if kind == "returned":
                    return False
                if isinstance(said, Case):
                    running = said
                    self._cases.append(said)
                elif running is not None:
                    self._note(running, said)
                    running = None
        except TimeoutError:
            worker.close()
            failure = f"did not end within {self._seconds:g} s"
        except WorkerEnded as error:
            if running is None:
                raise
            failure = f"ended its process ({error.how})"
        if running is not None:
            self._failures.append(_Failure(running.name, self._places.of(running.line), (failure,)))
        return True

    def _note(self, case: Case, outcome: Outcome) -> None:
        self._covered.add(outcome.ran)
        line, said = outcome.line or case.line, outcome.said
        if outcome.seconds > self._seconds:
            line, said = case.line, (f"did not end within {self._seconds:g} s",)
        if said is not None:
            self._failures.append(_Failure(case.name, self._places.of(line), said))


@dataclass(frozen=True, slots=True)
class _Places:
    """Says where a line of the view's file, or of a helper's, is for the person who wrote it."""

    file: str
    view: str
    offset: int | None

    def of(self, line: int) -> str:
        if self.offset is None:
            return f"features/{self.view}.py, line {line}"
        return f"cell, line {max(line - self.offset, 1)}"

    def missed(self, covered: Covered) -> str:
        """Return which lines did not run, the view's own first."""
        lines = covered.missed
        own = [line - (self.offset or 0) for line in lines.pop(self.file, [])]
        said = [f"line{'s' if len(own) > 1 else ''} {spans(own)}"] if own else []
        return "; ".join(said + [f"features/{name.rpartition('/')[2]} {spans(found)}" for name, found in lines.items()])


def _detail(cases: Sequence[Case], failures: Sequence[_Failure], covered: Covered, places: _Places) -> str:
    counts = {kind: sum(case.kind == kind for case in cases) for kind in ("example", "test")}
    counted = [f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in counts.items() if count]
    missed = places.missed(covered)
    lines = f"{percent(covered.share)} of the definition's lines ran" + (f", not {missed}" if missed else "")
    if failures:
        first = failures[0]
        said = f": {first.said[0]}" if first.said else ""
        return f"{len(failures)} of {len(cases)} failed; {first.name} ({first.where}){said}"
    return f"{' and '.join(counted)} {'holds' if len(cases) == 1 else 'hold'}; {lines}"


def _frame(failures: Sequence[_Failure]) -> pl.DataFrame | None:
    """Return what is said of each failure, at most 20 lines in all, some of each."""
    if not failures:
        return None
    share = max(1, SHOWN // len(failures))
    rows = [row for failure in failures for row in _said(failure, share)][:SHOWN]
    return pl.DataFrame(rows, schema={"test": pl.String, "where": pl.String, "says": pl.String}, orient="row")


def _said(failure: _Failure, most: int) -> Iterator[tuple[str, str, str]]:
    for text in failure.said[:most] or ("failed",):
        yield failure.name, failure.where, text
