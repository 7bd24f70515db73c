"""Running a definition's tests and examples with pytest, in a process that is there for nothing else."""

from __future__ import annotations

import inspect
import io
import os
import sys
import time
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import polars as pl
import pytest

# The only way to give pytest's assertions to a module that it does not find on disk: what runs here is what git holds.
from _pytest.assertion.rewrite import rewrite_asserts
from coverage import Coverage

from workbench.checks.definition.cases import Case, Kind, Lines, Outcome, Task, tests_in
from workbench.checks.definition.examples import by_line, examples_of, run_example
from workbench.define import Definitions, Example, FeatureView, import_failure
from workbench.errors import WorkbenchError, did_you_mean
from workbench.source_tree import FOLDER, install, run_package

_UNUSED = (
    *("cacheprovider", "debugging", "doctest", "faulthandler", "junitxml", "legacypath", "pastebin", "setuponly"),
    *(
        "setupplan",
        "stepwise",
        "subtests",
        "terminal",
        "threadexception",
        "unittest",
        "unraisableexception",
        "warnings",
    ),
)
"""What pytest brings and these tests have no use for. Warnings and errors of threads are printed, and so captured."""
_SETTINGS = (
    *("python_functions=test_*", "python_classes="),
    *("verbosity_assertions=1", "truncation_limit_lines=0", "truncation_limit_chars=0"),  # frames are wide
)
_PRINTED = 3
_WIDEST = 300


def run(state: SimpleNamespace, task: Task, first: int) -> None:
    """Run the tests of a view in this worker, and tell how each begins and ends."""
    for name in [name for name in os.environ if name.startswith("PYTEST")]:
        del os.environ[name]
    definitions = _installed(task)
    module = _load(definitions, task.view)
    os.chdir(task.folder)
    said = sys.stdout = sys.stderr = io.StringIO()
    plugin = _Plugin(state.tell, _DefinitionTests(definitions, module, task), first)
    code = pytest.main(
        [
            *("-c", os.devnull, "--rootdir", state.folder, "--noconftest", "--disable-plugin-autoload", "--runxfail"),
            *(part for name in _UNUSED for part in ("-p", f"no:{name}")),
            *(part for setting in _SETTINGS for part in ("-o", setting)),
        ],
        plugins=[plugin],
    )
    none_left = first and code == pytest.ExitCode.NO_TESTS_COLLECTED
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) and not none_left:
        raise RuntimeError(f"pytest ended with code {code}: {said.getvalue()}")


def _installed(task: Task) -> Definitions:
    install(task.package, task.files)
    return Definitions(task.package, task.files)


def _load(definitions: Definitions, view: str) -> ModuleType:
    """Import the file of a view with its asserts rewritten by pytest."""
    name, file = f"{definitions.package}.{view}", str(definitions.module_file(view))
    try:
        run_package(definitions.package)
        tree = definitions.tree_of(name)
        rewrite_asserts(tree, definitions.files.sources[f"{view}.py"], file)
        module = sys.modules[name] = module_from_spec(find_spec(name))  # type: ignore[arg-type]  # the tree has it
        exec(compile(tree, file, "exec", dont_inherit=True), vars(module))  # noqa: S102  # importing it is to run it
    except BaseException as error:  # whatever it is, it is the definition's
        raise import_failure(f"{FOLDER}/{view}.py", f"{type(error).__name__}: {error}") from error
    return module


class _DefinitionTests:
    """A definition's tests, and what they may ask for by a parameter's name."""

    def __init__(self, definitions: Definitions, module: ModuleType, task: Task) -> None:
        self.module = module
        self.file = definitions.module_file(task.view)
        self.view = definitions.view(task.view)
        self.functions = tests_in(definitions.tree_of(module))
        self.examples = by_line(examples_of(self.view, vars(module)))
        self.inputs = {name: frame.lazy() for name, frame in task.inputs.items()}
        self.given: Mapping[str, pl.LazyFrame | FeatureView] = {
            "view": self.view,
            self.view.name: task.data,
            **self.inputs,
        }

    @property
    def names(self) -> tuple[str, ...]:
        """What a test may ask for."""
        return tuple(dict.fromkeys([*self.inputs, self.view.name, "view"]))


class _Wrong(Exception):
    """Says, line by line, what is wrong with a test or example."""

    def __init__(self, *said: str) -> None:
        super().__init__(*said)
        self.said = said


class _Stopped(Exception):
    """Stands for what would end pytest itself, such as a KeyboardInterrupt: it fails the test that raised it."""


class _File(pytest.Module):
    """The file of a view: its examples, then its test functions."""

    tests: _DefinitionTests

    def _getobj(self) -> ModuleType:
        return self.tests.module

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        for number, example in enumerate(self.tests.examples, start=1):
            name = example.name or f"example {number}"
            yield _ExampleItem.from_parent(self, name=name, example=example, tests=self.tests)
        functions: dict[str, list[pytest.Item]] = {name: [] for name in self.tests.functions}
        for item in super().collect():
            if isinstance(item, pytest.Function) and item.originalname in functions:
                functions[item.originalname].append(item)
        for name, items in functions.items():
            yield from items or [_NoFunction.from_parent(self, name=name, value=getattr(self.obj, name, None))]


class _ExampleItem(pytest.Item):
    def __init__(self, *, example: Example, tests: _DefinitionTests, **options: Any) -> None:
        super().__init__(**options)
        self.example = example
        self._tests = tests

    def runtest(self) -> None:
        said = run_example(self._tests.view, self.example, self._tests.inputs)
        if said:
            raise _Wrong(*said)


class _NoFunction(pytest.Item):
    """What is defined as a test function, and cannot be called as one."""

    def __init__(self, *, value: object, **options: Any) -> None:
        super().__init__(**options)
        self._value = value

    def runtest(self) -> None:
        kind = type(self._value).__name__
        raise _Wrong(f"is no function any more: its decorator made a {kind} of it")


class _Plugin:
    """What pytest runs, what test functions get, and what is told of each test."""

    def __init__(self, tell: Callable[[object], None], tests: _DefinitionTests, first: int) -> None:
        self._tell = tell
        self._tests = tests
        self._first = first
        self._failures: list[tuple[int, tuple[str, ...]]] = []
        self._measured = _Measured(tests.file.parent)

    def pytest_configure(self, config: pytest.Config) -> None:
        fixtures = ModuleType("inputs")
        for name, value in self._tests.given.items():
            if name != "request":  # pytest's own; it is replaced when the test is called
                setattr(fixtures, f"given_{name}", pytest.fixture(_returning(value), name=name))
        config.pluginmanager.register(fixtures)

    def pytest_collection(self, session: pytest.Session) -> bool:
        file = _File.from_parent(session, path=self._tests.file)
        file.tests = self._tests
        session.items = list(session.genitems(file))[self._first :]
        session.testscollected = len(session.items)
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._failures.clear()
        kind: Kind = "example" if isinstance(item, _ExampleItem) else "test"
        case = Case(item.name, kind, self._line(item), time.monotonic())
        self._tell(case)
        with self._measured:
            result = yield
        seconds = time.monotonic() - case.at
        line, said = next(iter(self._failures), (0, None))
        self._tell(Outcome(seconds, line, said, self._measured.ran))
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Generator[None, object, object]:
        try:
            return (yield)
        except (KeyboardInterrupt, pytest.exit.Exception) as error:
            raise _Stopped from error

    pytest_runtest_setup = pytest_runtest_teardown = pytest_runtest_call  # fixtures raise, too

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> None:
        if inspect.iscoroutinefunction(pyfuncitem.obj):
            raise _Wrong("is asynchronous, and nobody awaits it: write it with `def`")
        if "request" in self._tests.given and "request" in pyfuncitem.funcargs:
            pyfuncitem.funcargs["request"] = self._tests.given["request"]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.excinfo is not None:
            line, found = self._raised(call.excinfo.value)
            said = [text[: _WIDEST - 3] + "..." if len(text) > _WIDEST else text for text in found]
            printed = [text for text in f"{report.capstdout}\n{report.capstderr}".splitlines() if text.strip()]
            self._failures.append((line, (*said, *(f"printed: {text}" for text in printed[-_PRINTED:]))))
        return report

    def _line(self, item: pytest.Item) -> int:
        if isinstance(item, _ExampleItem):
            return item.example.line
        name = item.originalname if isinstance(item, pytest.Function) else item.name
        return self._tests.functions[name].lineno

    def _raised(self, error: BaseException) -> tuple[int, list[str]]:
        """Return the line of the view's file at which `error` came up, and what to say of it."""
        if isinstance(error, _Stopped) and error.__cause__ is not None:
            error = error.__cause__
        frames = [
            frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(self._tests.file)
        ]
        line = frames[-1].lineno or 0 if frames else 0
        if isinstance(error, _Wrong):
            return 0, list(error.said)
        if isinstance(error, pytest.FixtureLookupError):
            known = self._tests.names
            return 0, [
                f"asks for {error.argname!r}, which a test cannot have; {did_you_mean(str(error.argname), known)}"
            ]
        if isinstance(error, SystemExit):
            return line, [f"called sys.exit({'' if error.code is None else repr(error.code)})"]
        if isinstance(error, WorkbenchError):
            return line, [error.message, *error.lines, *([error.remedy] if error.remedy else [])]
        source = [text] if frames and (text := (frames[-1].line or "").strip()) else []
        if isinstance(error, AssertionError):
            message = list(_message_lines(str(error)))
            return line, source + (message[1:] if message[:1] == source else message)
        said = traceback.format_exception_only(error)[-1].strip().splitlines()
        return line, [*said[:4], *source]


def _returning(value: object) -> Callable[[], object]:
    return lambda: value


def _message_lines(message: str) -> Iterator[str]:
    """Yield the lines of an assertion's message; pytest writes a frame, which has many, on one."""
    for line in message.splitlines():
        if line.strip():
            yield from line.split("\\n") if "shape: (" in line else [line]


class _Measured:
    """Notes which lines of a tree's files run."""

    def __init__(self, folder: Path) -> None:
        self._coverage = Coverage(data_file=None, config_file=False, source_dirs=[str(folder)], messages=False)
        self._coverage.set_option("run:disable_warnings", ["no-data-collected", "module-not-measured"])
        self.ran: Lines = {}

    def __enter__(self) -> None:
        self._coverage.start()

    def __exit__(self, *_: object) -> None:
        self._coverage.stop()
        data = self._coverage.get_data()
        self.ran = {name: set(data.lines(name) or ()) for name in data.measured_files()}
