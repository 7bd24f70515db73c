"""Seeds and folds become a mean and a spread, steps a curve, and no metric is two things at once."""

from __future__ import annotations

import math
import statistics

import pytest

from workbench.errors import UsageError
from workbench.tracking.measures import Measured, check_fits, repeats_of, summarise


def test_a_metric_without_seeds_is_itself_and_the_last_value_counts() -> None:
    assert summarise([Measured("rmse", 2.0), Measured("rmse", 1.5)]) == ({"rmse": 1.5}, {})


def test_seeds_give_each_value_the_mean_and_the_sample_deviation() -> None:
    metrics, history = summarise(Measured("rmse", value, seed=seed) for seed, value in enumerate([1.0, 2.0, 4.0]))
    assert metrics == {
        "rmse_by_seed/0": 1.0,
        "rmse_by_seed/1": 2.0,
        "rmse_by_seed/2": 4.0,
        "rmse": pytest.approx(7 / 3),
        "rmse_std": pytest.approx(statistics.stdev([1.0, 2.0, 4.0])),
    }
    assert history == {}
    assert repeats_of(metrics, "rmse") == {"0": 1.0, "1": 2.0, "2": 4.0}


def test_one_seed_has_no_spread() -> None:
    assert summarise([Measured("rmse", 3.0, fold=2)])[0] == {"rmse_by_fold/2": 3.0, "rmse": 3.0}


def test_a_seed_that_is_no_number_makes_the_mean_none() -> None:
    metrics, _ = summarise([Measured("rmse", 1.0, seed=1), Measured("rmse", math.nan, seed=2)])
    assert math.isnan(metrics["rmse"])
    assert math.isnan(metrics["rmse_std"])
    assert metrics["rmse_by_seed/1"] == 1.0


def test_steps_are_a_curve_in_their_order_and_its_end_is_the_metric() -> None:
    metrics, history = summarise(
        [
            Measured("loss", 0.5, step=2, at=20),
            Measured("loss", 0.9, step=1, at=10),
            Measured("loss", 0.4, step=2, at=30),
        ]
    )
    assert metrics == {"loss": 0.4}
    assert history == {"loss": ((1, 0.9, 10), (2, 0.4, 30))}


def test_curves_of_several_seeds_are_compared_at_their_ends() -> None:
    metrics, history = summarise(
        Measured("loss", value, step=step, seed=seed)
        for seed, curve in {1: [3.0, 1.0], 2: [3.0, 2.0]}.items()
        for step, value in enumerate(curve)
    )
    assert metrics["loss"] == 1.5
    assert set(history) == {"loss_by_seed/1", "loss_by_seed/2"}


def test_seed_and_fold_together_name_one_repetition() -> None:
    assert Measured("rmse", 1.0, seed=1, fold=0).key == "rmse_by_seed_fold/1.0"
    assert repeats_of({"rmse_by_seed_fold/1.0": 2.0, "rmse_std": 0.0, "rmse": 2.0}, "rmse") == {"1.0": 2.0}


@pytest.mark.parametrize(
    ("before", "new", "says"),
    [
        (Measured("rmse", 1.0), Measured("rmse", 1.0, seed=1), "both for the run as a whole"),
        (Measured("rmse", 1.0, seed=1), Measured("rmse", 1.0), "both for the run as a whole"),
        (Measured("rmse", 1.0), Measured("rmse", 1.0, step=1), "both by step"),
        (Measured("rmse_std", 1.0), Measured("rmse", 1.0, seed=1), "'rmse_std' is what the spread of 'rmse'"),
        (Measured("rmse", 1.0, seed=1), Measured("rmse_std", 1.0), "'rmse_std' is what the spread of 'rmse'"),
    ],
)
def test_a_metric_that_would_be_two_things_is_refused(before: Measured, new: Measured, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        check_fits(new, [before])


def test_what_fits_is_let_through() -> None:
    before = [Measured("rmse", 1.0, seed=1), Measured("mae", 1.0), Measured("mae_std", 1.0)]
    check_fits(Measured("rmse", 1.0, seed=2), before)
    check_fits(Measured("mae", 2.0), before)
