"""Running a view's own tests, on its real inputs and the data that was computed from them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from workbench.checks import Check, start_tests
from workbench.pipeline.check_cache import tests_facts, write_facts
from workbench.records import read_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from workbench.pipeline.evaluate import Evaluated, Evaluation


NO_TESTS = "no tests and no examples"


@contextmanager
def started_tests(evaluation: Evaluation, evaluated: Evaluated, *, facts: Path) -> Iterator[Callable[[], Check | None]]:
    """Start the tests and examples in a view's file, unless it is remembered that they held for this data and text."""
    prepared, stored = evaluated.prepared, evaluated.computed.stored
    definitions, offset = evaluation.definitions, evaluation.offset(prepared.view.name)
    path = tests_facts(facts, prepared, stored, tree=definitions.tree, offset=offset)
    known = read_record(path, tuple[Check, ...])  # none where there are no tests
    if known is not None:
        yield lambda: next(iter(known), None)
        return
    inputs = {data.name: data.frame for data in prepared.inputs}
    try:
        started = start_tests(definitions, prepared.view, inputs, stored.frame(), offset=offset)
    except Exception:
        evaluation.confirm()  # it is the source's fault where it changed while it was read
        raise
    with started as tests:

        def wait() -> Check | None:
            check = tests.result()
            evaluation.confirm()  # else they got rows of something else
            if check is None or not check.failed:
                write_facts(path, () if check is None else (check,))
            return check

        yield wait


def run_tests(evaluation: Evaluation, evaluated: Evaluated, *, facts: Path) -> Check | None:
    """Return what the tests and examples in a view's file find; see `started_tests`."""
    with started_tests(evaluation, evaluated, facts=facts) as result:
        return result()
