"""Of each kind of leak some definitions are caught by what promote runs, and honest ones of each kind pass.

All of them, on 3,000 and on 60,000 rows: ``python -m tests.checks.probes.definitions``.
"""

from __future__ import annotations

import pytest

from tests.checks.probes.definitions import HONEST, LEAKS, outcome

ROWS = 3_000
CAUGHT = {
    "aggregates of the row's own bucket": ["largest label of the same 6h"],
    "survivorship": ["users who will leave are dropped", "users with few rows in all"],
    "statistics of a whole column": ["quantile cut"],
    "later rows": ["window half ahead"],
    "joins": ["target encoding over all rows", "mean of the same day"],
    "stamps": ["a day, stamped 23:59"],
    "seldom": ["the newest 3 of 40 days", "one of 500 rows"],
    "rows of other entities": ["previous row of anybody, key renamed", "previous row of anybody, key of two"],
}
PASSED = {
    "row by row": ["only some users"],
    "earlier rows": ["forward fill"],
    "windows": ["windowed spread"],
    "buckets": ["a day, stamped at its end"],
    "joins": ["mean of the day before"],
    "keys": ["slice", "of two"],
    "noise of floats": ["spread near a million", "two means near a million"],
}


def test_there_are_many_definitions_of_each_kind() -> None:
    assert sum(map(len, LEAKS.values())) >= 60
    assert sum(map(len, HONEST.values())) >= 40
    assert set(CAUGHT) == set(LEAKS)
    assert set(PASSED) == set(HONEST)


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in CAUGHT.items() for name in names])
def test_a_leak_is_caught_by_what_promote_runs(kind: str, name: str) -> None:
    assert outcome(LEAKS[kind][name], ROWS, full=True) == "caught"


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in PASSED.items() for name in names])
def test_an_honest_definition_is_not_accused(kind: str, name: str) -> None:
    assert outcome(HONEST[kind][name], ROWS, full=False) == "passed"
