"""A part of the kill matrix: whatever dies, nothing published is lost and nothing stays half done."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

import workbench as wb
from tests.conftest import identify
from tests.faults.kinds import (
    ALL_KILLED,
    CALL_KILLED,
    GIT_FAILS,
    GIT_KILLED,
    GROUP_KILLED,
    PYTHON_FAILS,
    PYTHON_KILLED,
    lacking,
)
from tests.faults.matrix import Case, Matrix, cases, quick_folder
from tests.faults.verbs import served
from tests.promote.conftest import SPEND

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

pytestmark = pytest.mark.journey

EACH_TIME = {
    "promote": {PYTHON_KILLED: 2, GIT_KILLED: 2, GROUP_KILLED: 1},
    "define": {PYTHON_KILLED: 1, GIT_KILLED: 2},
    "gc": {PYTHON_KILLED: 1, ALL_KILLED: 1},
    "init": {GIT_KILLED: 1},
    "rollback": {GIT_KILLED: 2, GIT_FAILS: 1, CALL_KILLED: 1, PYTHON_FAILS: 1},
}
"""How many of the last instants of a kind are not slow: what matters is written at the end."""


def parameters() -> Sequence[object]:
    """Return the whole matrix; all but a few cases are slow."""
    found = []
    left = {(verb, kind): many for verb, kinds in EACH_TIME.items() for kind, many in kinds.items()}
    for case in reversed(cases()):
        many = left.get((case.verb, case.kind), 0)
        left[case.verb, case.kind] = many - 1
        name = f"{case.verb}-{case.kind}-{case.part:.2f}".replace(" ", "_")
        found.append(pytest.param(case, id=name, marks=[] if many > 0 else [pytest.mark.slow]))
    return found[::-1]


@pytest.fixture(scope="module")
def matrix() -> Iterator[Matrix]:
    """The projects in which verbs are struck."""
    with pytest.MonkeyPatch.context() as patch, quick_folder() as folder:
        identify(folder, patch)
        yield Matrix(folder)


@pytest.mark.parametrize("case", parameters())
def test_it_recovers(matrix: Matrix, case: Case, tmp_path: Path) -> None:
    if why := lacking(case.kind, tmp_path):  # in CI too: whether a process may trace another is the machine's to say
        pytest.skip(why)
    what, wrong = matrix.run(case)
    assert wrong == [], f"{case}: {what}"


def test_a_crash_then_a_rivals_promotion_then_recovery_leaves_the_rivals(matrix: Matrix) -> None:
    with matrix.struck(Case("promote", PYTHON_KILLED, 0.999)) as (here, _, what):
        assert what
        with closing(wb.open(here.root)) as rival:
            rival.branch("exp/rival", objective="Another way")
            rival.define(SPEND.replace('pl.col("amount").cum_sum()', '(pl.col("amount") * 5).cum_sum()'), log=False)
            number = rival.promote("spend", accept={"spend": "five"}).versions["spend"]
        theirs = served(here.root)
        assert theirs["current"] == number
        with closing(wb.open(here.root, branch="exp/first")) as mine:
            mine.materialize()
            mine.gc(delete=True)
        assert served(here.root) == theirs
