"""What one feature's drift says in its sentence: how far, for its own noise, and which limit decided."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from workbench.drift.noise import Noise
from workbench.drift.pairs import PairedChange
from workbench.drift.result import FeatureDrift
from workbench.drift.shares import ShareMoved
from workbench.drift.side import DriftSide

SIDE = DriftSide("Float64", 1000, 0)


def moved(psi: float, usual: float | None, **facts: Any) -> FeatureDrift:
    noise = None if usual is None else Noise(usual, 0.01, 10)
    return FeatureDrift(
        "x", "numeric", SIDE, SIDE, measures={"psi": psi}, noise=noise, threshold=0.2, basis="noise", **facts
    )


def test_the_sentence_says_how_many_times_its_usual_noise_a_feature_moved() -> None:
    said = moved(0.31, 0.1, drifted=True).sentence
    assert said == "x moved: PSI 0.31, 3.1 times its usual noise (limit 0.2)."


def test_what_stays_within_its_noise_says_how_much_of_it_there_was() -> None:
    said = moved(0.05, 0.1).sentence
    assert said == "x is within its usual noise: PSI 0.05, 0.5 times its usual noise (limit 0.2)."


@pytest.mark.parametrize(("psi", "said"), [(9.9, "99 times its usual noise"), (10.0, "far above its usual noise")])
def test_a_hundred_times_the_noise_is_no_longer_counted(psi: float, said: str) -> None:
    assert said in moved(psi, 0.1, drifted=True).sentence


def test_how_far_a_value_may_be_off_is_rounded_up_and_stands_behind_it() -> None:
    found = moved(0.05, 0.1, bounds={"psi": 2.1e-5, "ks": 1e-3})
    assert found.sentence == "x is within its usual noise: PSI 0.05 ± 3e-5, 0.5 times its usual noise (limit 0.2)."
    assert [found.give_or_take(name) for name in ("ks", "wasserstein")] == [" ± 0.001", ""]
    assert moved(0.05, 0.1, bounds={"psi": 0.096}).give_or_take("psi") == " ± 0.1"


def test_rows_that_decide_tell_the_nulls_that_no_share_tells() -> None:
    nulls = replace(SIDE, nulls=500)
    alone = (ShareMoved("nulls", 0.0, 0.5, 0.01),)
    found = replace(moved(0.05, 0.1, alone=alone, drifted=True), current=nulls)
    assert found.sentence.count("nulls 0% to 50%") == 1
    by_rows = found.of_same_rows(PairedChange(1000, 500, 500, size=0.0, moved=0.5))
    assert by_rows.sentence.endswith("; nulls 0% to 50%.")


@pytest.mark.parametrize("usual", [None, 0.0])
def test_without_noise_nothing_is_counted_in_it(usual: float | None) -> None:
    found = moved(0.31, usual, drifted=True)
    assert found.times_noise is None
    assert found.sentence == "x moved: PSI 0.31 (limit 0.2)."
