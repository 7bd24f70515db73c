"""Running a view's own tests, on its real inputs and the data that was computed from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.checks import check_tests
from workbench.pipeline.check_cache import remembered_tests

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.checks import Check
    from workbench.pipeline.evaluate import Evaluated, Evaluation


NO_TESTS = "no tests and no examples"


def run_tests(evaluation: Evaluation, evaluated: Evaluated, *, facts: Path) -> Check | None:
    """Return what the tests and examples in a view's file find; None where there are none. What held is remembered.

    Parameters
    ----------
    evaluation
        Holds the definitions.
    evaluated
        The view.
    facts
        Where it is remembered what passed.
    """
    prepared, stored = evaluated.prepared, evaluated.computed.stored
    definitions, offset = evaluation.definitions, evaluation.offset(prepared.view.name)

    def run() -> Check | None:
        inputs = {data.name: data.frame for data in prepared.inputs}
        check = check_tests(definitions, prepared.view, inputs, stored.frame(), offset=offset)
        evaluation.confirm()  # they may read the sources
        return check

    return remembered_tests(
        facts,
        prepared,
        stored,
        tree=definitions.tree,
        offset=offset,
        test=run,
    )
