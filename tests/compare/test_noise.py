from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from workbench.compare.noise import CHUNKS, FEWEST, SMALLEST, Noise, by_chance, check_time, stretches, threshold
from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.compare.measures import Counts, Measure

START = datetime(2024, 1, 1, tzinfo=UTC)


def frame(rows: int) -> pl.DataFrame:
    times = pl.Series([START + timedelta(minutes=row) for row in range(rows)], dtype=pl.Datetime("us", "UTC"))
    return pl.DataFrame({"time": times, "value": range(rows)})


def test_stretches_are_of_equal_rows_in_the_order_of_time() -> None:
    parts = stretches(frame(8_000), "time")
    assert [part.height for part in parts] == pytest.approx([1000] * CHUNKS, abs=2)
    assert pl.concat(parts)["value"].to_list() == list(range(8_000))


def test_the_order_of_rows_does_not_matter_where_there_is_a_time() -> None:
    rows = frame(8_000)
    one = stretches(rows, "time")
    other = stretches(rows.sample(fraction=1, shuffle=True, seed=1), "time")
    assert [part.height for part in other] == pytest.approx([part.height for part in one], abs=200)
    lasts = [part["value"].max() for part in other[:-1]]
    assert all(last < following["value"].min() for last, following in zip(lasts, other[1:], strict=True))  # type: ignore[operator]  # whole numbers
    assert sum(part.height for part in other) == 8_000


def test_without_a_time_the_rows_are_taken_as_they_come() -> None:
    parts = stretches(frame(8_000).reverse(), None)
    assert [part["value"][0] for part in parts] == [7_999 - 1_000 * number for number in range(CHUNKS)]


def test_rows_of_one_time_stay_together() -> None:
    rows = frame(9_000).with_columns(pl.col("time").dt.truncate("50h"))
    parts = stretches(rows, "time")
    assert len(parts) == 3
    assert sum(part["time"].n_unique() for part in parts) == rows["time"].n_unique() == 4


def test_rows_without_a_time_are_in_no_stretch() -> None:
    rows = frame(8_000).with_columns(pl.when(pl.col("value") >= 4_000).then("time"))
    assert sum(part.height for part in stretches(rows, "time")) == 4_000
    assert stretches(rows.with_columns(time=pl.lit(None, pl.Date)), "time") == []


def test_a_reference_too_small_for_three_stretches_has_none() -> None:
    assert stretches(frame(3 * FEWEST - 1), "time") == []
    assert len(stretches(frame(3 * FEWEST), "time")) == 3


def test_all_rows_at_one_time_have_no_noise() -> None:
    rows = frame(8_000).with_columns(time=pl.lit(START))
    assert Noise.of([0.1] * len(stretches(rows, "time"))) is None


def test_noise_is_mean_and_standard_deviation_over_the_stretches() -> None:
    assert Noise.of([1.0, 3.0, 5.0]) == Noise(mean=3.0, std=2.0, chunks=3)
    assert Noise.of([1.0, 2.0]) is None


def test_the_threshold_is_the_largest_of_noise_chance_and_floor() -> None:
    noise = Noise(mean=0.25, std=0.125, chunks=8)
    assert threshold("psi", noise, 0.01, None) == (0.625, "noise")
    assert threshold("psi", noise, 0.75, None) == (0.75, "sample size")
    assert threshold("psi", None, 0.001, None) == (SMALLEST["psi"], "floor")


def test_a_budget_decides_alone() -> None:
    assert threshold("psi", Noise(mean=5.0, std=1.0, chunks=8), 3.0, 0.05) == (0.05, "budget")
    assert threshold("psi", None, 3.0, 0.0) == (0.0, "budget")


def drawn(rows: int, chance: np.random.Generator) -> Counts:
    return chance.multinomial(rows, [0.1] * 10)


@pytest.mark.parametrize("measure", ["psi", "jensen_shannon"])
@pytest.mark.parametrize(("rows", "others"), [(60, 60), (500, 80), (5_000, 5_000)])
def test_samples_of_one_distribution_rarely_exceed_chance(measure: Measure, rows: int, others: int) -> None:
    from workbench.compare import measures

    compare = measures.psi if measure == "psi" else measures.jensen_shannon
    chance = np.random.default_rng(7)
    pairs = [(drawn(rows, chance), drawn(others, chance)) for _ in range(100)]
    assert sum(compare(*pair) > by_chance(measure, *pair) for pair in pairs) <= 5


def test_chance_gives_less_to_more_rows() -> None:
    few, many = np.full(10, 10), np.full(10, 100_000)
    for measure in SMALLEST:
        assert by_chance(measure, many, many) < by_chance(measure, few, few) / 5


def test_a_column_that_is_no_time_cannot_order_rows() -> None:
    with pytest.raises(UsageError, match="'at' is String, not a time"):
        check_time("at", pl.String())
    for dtype in (pl.Datetime("ns"), pl.Date(), pl.Int64()):
        check_time("at", dtype)
