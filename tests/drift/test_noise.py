from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from workbench.drift.noise import Noise, by_chance, check_time
from workbench.errors import UsageError
from workbench.measures import MEASURES
from workbench.measures.jensen_shannon import jensen_shannon
from workbench.measures.psi import psi

if TYPE_CHECKING:
    from workbench.profile.values import Counts


def test_noise_is_mean_and_standard_deviation_over_the_blocks() -> None:
    assert Noise.of([1.0, 3.0, 5.0]) == Noise(mean=3.0, std=2.0, chunks=3)
    assert Noise(mean=3.0, std=2.0, chunks=3).usual == 9.0
    assert Noise.of([1.0, 2.0]) is None


def drawn(rows: int, chance: np.random.Generator) -> Counts:
    return chance.multinomial(rows, [0.1] * 10)


@pytest.mark.parametrize("measure", ["psi", "jensen_shannon"])
@pytest.mark.parametrize(("rows", "others"), [(60, 60), (500, 80), (5_000, 5_000)])
def test_samples_of_one_distribution_rarely_exceed_chance(measure: str, rows: int, others: int) -> None:
    compare = psi if measure == "psi" else jensen_shannon
    chance = np.random.default_rng(7)
    pairs = [(drawn(rows, chance), drawn(others, chance)) for _ in range(100)]
    assert sum(compare(*pair) > by_chance(measure, *pair) for pair in pairs) <= 5


def test_chance_gives_less_to_more_rows() -> None:
    few, many = np.full(10, 10), np.full(10, 100_000)
    for measure in MEASURES:
        assert by_chance(measure, many, many) < by_chance(measure, few, few) / 5


def test_a_column_that_is_no_time_cannot_order_rows() -> None:
    with pytest.raises(UsageError, match="'at' is String, not a time"):
        check_time("at", pl.String())
    for dtype in (pl.Datetime("ns"), pl.Date(), pl.Int64()):
        check_time("at", dtype)
