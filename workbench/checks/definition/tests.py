"""`check_tests`: a definition's own tests, run on its examples and on a sample of its inputs."""

from __future__ import annotations

import ast
import inspect
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.checks.definition.assertions import Recorder, is_plain, recorded, tests_in
from workbench.checks.definition.coverage import Covered, spans
from workbench.checks.definition.examples import by_line, examples_of, run_example
from workbench.checks.definition.limits import Ran, TimeUp, run_limited
from workbench.checks.result import SHOWN, Check
from workbench.errors import WorkbenchError, did_you_mean

if TYPE_CHECKING:
    from workbench.define import Definitions, FeatureView

SAMPLE = 10_000
"""How many rows of an input a test function gets."""

SECONDS = 10.0
"""How long one test may take."""

_PRINTED = 3


@dataclass(frozen=True, slots=True)
class _Failure:
    """A test that fails: its name, where it stands or failed, and what is to be said, line by line."""

    name: str
    where: str
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Case:
    """One test: its name and kind, and what runs it; it returns what is wrong, or raises."""

    name: str
    kind: str
    line: int
    run: Callable[[], Sequence[str] | None]


def check_tests(
    definitions: Definitions,
    view: FeatureView,
    inputs: Mapping[str, pl.LazyFrame],
    data: pl.LazyFrame,
    *,
    offset: int | None = None,
    seconds: float = SECONDS,
) -> Check | None:
    """Run the examples and the test functions in a view's file.

    A test function's parameters say what it gets: ``view``, to be called on frames of its own; the name of one of the
    view's inputs, of which it gets the first 10,000 rows; the view's own name, for the computed view. Frames are lazy.

    Parameters
    ----------
    definitions
        The tree that the view is in.
    view
        The view.
    inputs
        The data of each of the view's inputs, by name.
    data
        The computed view.
    offset
        For a view that comes from a cell, how many lines its file has before the cell's first.
    seconds
        How long each test may take.

    Returns
    -------
    Check or None
        Named ``tests``; its failures have the columns ``test, where, says``, one row a line of what is said. None
        where the file holds no test. That a line of the definition did not run is said, and fails nothing.
    """
    started = time.perf_counter()
    file = str(definitions.module_file(view.name))
    module = sys.modules[f"{definitions.package}.{view.name}"]
    tree = definitions.tree_of(module)
    functions = tests_in(tree)
    examples = by_line(examples_of(view, vars(module)))
    if not functions and not examples:
        return None
    places = _Places(file, view.name, offset)
    recorder = Recorder()
    cases = [
        _Case(one.name or f"example {number}", "example", one.line, partial(run_example, view, one, inputs))
        for number, one in enumerate(examples, start=1)
    ]
    if functions:
        given = _Given(view, inputs, data)
        made = run_limited(partial(recorded, tree, filename=file, namespace=vars(module)), seconds=seconds)
        compiled, recorder = made.value or ({}, recorder)
        cases += [
            _Case(name, "test", node.lineno, _runner(node, compiled, given, made)) for name, node in functions.items()
        ]
    covered = Covered.of(view.function, str(definitions.files.folder))  # type: ignore[arg-type]  # a plain function
    failures = [
        failure
        for case in cases
        if (
            failure := _failure(
                case, run_limited(case.run, seconds=seconds, tracer=covered.trace), places, recorder, seconds
            )
        )
    ]
    return Check(
        name="tests",
        passed=not failures,
        detail=_detail(cases, failures, covered, places),
        failures=_frame(failures),
        seconds=time.perf_counter() - started,
        counts={failure.name: 1 for failure in failures},
    )


def _runner(
    node: ast.FunctionDef | ast.AsyncFunctionDef, compiled: Mapping[str, Any], given: _Given, made: Ran
) -> Callable[[], Sequence[str] | None]:
    def run() -> Sequence[str] | None:
        if made.error is not None:
            raise made.error
        if isinstance(node, ast.AsyncFunctionDef):
            return ["is asynchronous, and nobody awaits it: write it with `def`"]
        function = compiled[node.name]
        if not is_plain(function):
            return [f"is no function any more: its decorator made a {type(function).__name__} of it"]
        arguments = []
        for name in inspect.signature(function).parameters:
            if name not in given.names:
                return [f"asks for {name!r}, which a test cannot have; {did_you_mean(name, given.names)}"]
            arguments.append(given.get(name))
        function(*arguments)
        return None

    return run


@dataclass(frozen=True, slots=True)
class _Given:
    """What test functions may ask for by a parameter's name."""

    view: FeatureView
    inputs: Mapping[str, pl.LazyFrame]
    data: pl.LazyFrame

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*self.view.inputs, self.view.name, "view"]))

    def get(self, name: str) -> pl.LazyFrame | FeatureView:
        if name in self.inputs:
            return self.inputs[name].head(SAMPLE)
        return self.data if name == self.view.name else self.view


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


def _failure(case: _Case, ran: Ran, places: _Places, recorder: Recorder, seconds: float) -> _Failure | None:
    """Return why a test failed; None where it holds."""
    if ran.error is None:
        if not ran.value:
            return None
        line, said = case.line, list(ran.value)
    else:
        line, said = _raised(case, ran.error, places, recorder, seconds)
    printed = [text for text in ran.printed.splitlines() if text.strip()][-_PRINTED:]
    said += [f"printed: {text}" for text in printed]
    return _Failure(case.name, places.of(line), tuple(said))


def _raised(
    case: _Case, error: BaseException, places: _Places, recorder: Recorder, seconds: float
) -> tuple[int, list[str]]:
    """Return the line of the view's file at which `error` came up, and what to say of it."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == places.file]
    line = frames[-1].lineno or case.line if frames else case.line
    if isinstance(error, TimeUp):
        return case.line, [f"did not end within {seconds:g} s"]
    if isinstance(error, SystemExit):
        return line, [f"called sys.exit({'' if error.code is None else repr(error.code)})"]
    if isinstance(error, WorkbenchError):
        return line, [error.message, *error.lines, *([error.remedy] if error.remedy else [])]
    source = [text] if frames and (text := (frames[-1].line or "").strip()) else []
    if isinstance(error, AssertionError):
        message = [str(error)] if str(error) else []
        return line, [*source, *(part for value in recorder.said(line) for part in value.splitlines()), *message]
    said = traceback.format_exception_only(error)[-1].strip().splitlines()
    return line, [*said[:4], *source]


def _detail(cases: Sequence[_Case], failures: Sequence[_Failure], covered: Covered, places: _Places) -> str:
    counts = {kind: sum(case.kind == kind for case in cases) for kind in ("example", "test")}
    counted = [f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in counts.items() if count]
    missed = places.missed(covered)
    lines = f"{covered.share:.0%} of the definition's lines ran" + (f", not {missed}" if missed else "")
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
