"""Running a view's own tests, on its real inputs and the data that was computed from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.check.definition import check_tests
from workbench.loop.remember import remembered_tests

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.check import Check
    from workbench.loop.evaluate import Evaluated, Evaluation


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
    return remembered_tests(
        facts,
        prepared,
        stored,
        tree=definitions.tree,
        offset=offset,
        test=lambda: check_tests(
            definitions,
            prepared.view,
            {data.name: data.frame for data in prepared.inputs},
            stored.frame(),
            offset=offset,
        ),
    )
