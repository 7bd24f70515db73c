"""Quantiles that are counted are those of the numbers in order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.profile import Numbers, quantiles

SHARES = [0.25, 0.5, 0.75]
CHANCE = np.random.default_rng(3)
ROWS = 200_000
LARGE = {
    "normal": CHANCE.normal(size=ROWS),
    "ascending": np.arange(ROWS, dtype=np.float64),
    "three values": CHANCE.integers(0, 3, ROWS).astype(np.float64),
    "heavy tails": np.exp(CHANCE.normal(0, 50, ROWS)),
    "mostly zero": np.where(CHANCE.random(ROWS) < 0.9, 0.0, CHANCE.random(ROWS)),
    "periodic as the sample": np.where(np.arange(ROWS) % 3, 1000.0 + np.arange(ROWS), 0.0),
}


def check(values: Numbers, parts: int) -> None:
    batches = np.array_split(values, parts)
    with np.errstate(over="ignore", invalid="ignore"):
        assert quantiles(lambda: batches, len(values), SHARES).tolist() == np.quantile(values, SHARES).tolist()


@pytest.mark.parametrize("kind", LARGE)
def test_of_many_numbers(kind: str) -> None:
    check(LARGE[kind], 7)


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=40), st.integers(1, 5))
def test_of_any_numbers(values: list[float], parts: int) -> None:
    check(np.array(values), parts)
