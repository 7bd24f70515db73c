"""What Polars, DuckDB, Delta, Arrow and database drivers raise: one rule says which errors are theirs.

A panic of native code is no ``Exception``, so that an ``except Exception`` lets it through.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import isfunction
from typing import Any, TypeVar

from workbench.errors import ComputeError, WorkbenchError

_PACKAGES = frozenset(
    {
        "polars",
        "duckdb",
        "_duckdb",
        "deltalake",
        "_internal",  # of deltalake
        "pyarrow",
        "adbc_driver_manager",
        "pyo3_runtime",  # a panic, of whichever package
        "zlib",
    }
)
_INTERRUPTED = re.compile(r"__POLARS_ABORT_KEYBOARD_INTERRUPT|<class 'KeyboardInterrupt'>")
"""How Polars may word a Ctrl-C: in an error of one of its threads, or in a panic where Python raised in its hands."""
_ORNAMENT = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|\u21b3")
_LONGEST = 400
_LOOK = 0.1
"""How many seconds a Ctrl-C may go unnoticed."""

Class = TypeVar("Class", bound=type)
Outcome = TypeVar("Outcome")


def is_drivers(error: BaseException | None) -> bool:
    """Return whether a library that reads or computes data raised `error`, or the operating system did."""
    if isinstance(error, BrokenPipeError):  # somebody stopped reading what we print
        return False
    return isinstance(error, OSError | EOFError) or any(
        kind.__module__.partition(".")[0] in _PACKAGES for kind in type(error).__mro__
    )


def reason(error: BaseException) -> str:
    """Return the first paragraph of what `error` says, in one line without colours and without a full stop."""
    if isinstance(error, OSError) and error.strerror and error.errno:
        return error.strerror
    words = _ORNAMENT.sub(" ", str(error)).strip().split("\n\n")[0].split()
    return " ".join(words)[:_LONGEST].rstrip(". ") or type(error).__name__


def require_uninterrupted(error: BaseException) -> None:
    """Raise KeyboardInterrupt where a driver's `error` is how it reports a Ctrl-C."""
    if is_drivers(error) and _INTERRUPTED.search(str(error)):
        raise KeyboardInterrupt from None


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt for a Ctrl-C, also where a driver reports it as an error of its own."""
    try:
        yield
    except BaseException as error:
        require_uninterrupted(error)
        raise


def run_interruptible(act: Callable[[], Outcome], interrupt: Callable[[], None]) -> Outcome:
    """Return what `act` returns; a Ctrl-C, which its driver does not look for while it computes, calls `interrupt`."""
    from concurrent.futures import ThreadPoolExecutor, wait  # which takes a while to import
    from contextvars import copy_context

    with ThreadPoolExecutor(1, thread_name_prefix="driver") as pool:
        running = pool.submit(copy_context().run, act)
        try:
            while not running.done():
                wait([running], timeout=_LOOK)  # a signal that another thread gets does not end this
        except KeyboardInterrupt:
            while not running.done():  # again: it may not have begun when it was told
                interrupt()
                wait([running], timeout=_LOOK)
            raise
        return running.result()


@contextmanager
def translate_errors(convert: Callable[[BaseException], WorkbenchError | None]) -> Iterator[None]:
    """Raise in place of a driver's error what `convert` makes of it; the error itself where that is None."""
    try:
        yield
    except WorkbenchError:
        raise
    except BaseException as error:
        if not is_drivers(error):
            raise
        require_uninterrupted(error)
        ours = convert(error)
        if ours is None:
            raise
        raise ours from error


def library_error(error: BaseException) -> ComputeError:
    """Return the error for a driver's `error` of which no more is known than what it says."""
    name = next(kind.__module__.partition(".")[0] for kind in type(error).__mro__)
    library = {"_duckdb": "DuckDB", "_internal": "Delta", "polars": "Polars", "pyo3_runtime": "Polars"}.get(name, name)
    who = "The system" if isinstance(error, OSError) else "A reader" if name == "builtins" else library
    what = f"{reason(error)}: {error.filename}" if isinstance(error, OSError) and error.filename else reason(error)
    return ComputeError(
        f"{who} gave up: {what} ({type(error).__name__}).",
        remedy="A file that it names may be damaged or gone, or a value out of range for its type; what was computed "
        "before is kept. If it does not mention your files or values, report the error with the command that you ran.",
    )


def speaks_plainly(kind: Class) -> Class:
    """Let the public methods of a class raise `ComputeError` where a driver's error would come through."""
    for name, method in list(vars(kind).items()):
        if isfunction(method) and not name.startswith("_"):
            setattr(kind, name, _plainly(method))
    return kind


def _plainly(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(*args: Any, **named: Any) -> Any:
        try:  # the context manager is entered only for errors: it takes as long as a look into the online store
            return method(*args, **named)
        except BaseException:
            with translate_errors(library_error):
                raise

    return call
