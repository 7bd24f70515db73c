"""What is drift and what is not: features of every kind, of which a week follows on eight, at two sizes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest

from workbench.drift import DriftReport, FeatureDrift, contract_of_frame, drift

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
HISTORY, WEEK, DAY = 56 * 24, 7 * 24, 24
Values = Any


def kind(name: str, first: int, hours: int, each: int) -> Values:
    """Return a feature's values, `each` an hour."""
    chance = np.random.default_rng(first + 1)
    hour = np.repeat(np.arange(first, first + hours), each).astype(float)
    entity = np.tile(np.arange(each), hours)
    noise = chance.normal(0, 1, len(hour))
    kinds: dict[str, Values] = {
        "stationary": 5 + noise,
        "trend": 100 + hour / 10 + 5 * noise,
        "weekly": 10 + noise - 2 * ((hour // 24) % 7 >= 5),
        "daily": 10 + noise + 4 * np.sin(hour / 24 * 2 * np.pi),
        "weekly with trend": 10 + noise - 2 * ((hour // 24) % 7 >= 5) + hour / 200,
        "total": (1 + entity % 5) * hour + noise,
        "id": hour * each + entity,
        "timestamp": 1.7e9 + hour * 3600 + chance.uniform(0, 3600, len(hour)),
        "price": 50 * np.exp(hour * 2e-4 + 0.1 * noise),
        "days since": hour / 24 + entity * 3 + chance.uniform(0, 100, len(hour)),
    }
    return kinds[name]


def frame(values: Values, first: int, each: int, dtype: Any = pl.Float64) -> pl.DataFrame:
    moments = [MONDAY + timedelta(hours=first + row // each) for row in range(len(values))]
    at = pl.Series("at", moments, pl.Datetime("us", "UTC"))
    return pl.DataFrame([at, pl.Series("x", list(values), dtype, strict=False)])


def report(reference: pl.DataFrame, current: pl.DataFrame, **options: Any) -> DriftReport:
    return drift(reference.lazy(), current.lazy(), contract=contract_of_frame(reference, event_time="at"), **options)


def after(name: str, change: Callable[[Values], Values], first: int, hours: int, each: int) -> FeatureDrift:
    reference = frame(kind(name, 0, HISTORY, each), 0, each)
    return report(reference, frame(change(kind(name, first, hours, each)), first, each))["x"]


def with_some(odd: float | None) -> Callable[[Values], Values]:
    return lambda values: [odd if row % 10 == 0 else value for row, value in enumerate(values)]


KINDS = [
    "stationary",
    "trend",
    "weekly",
    "daily",
    "weekly with trend",
    "total",
    "id",
    "timestamp",
    "price",
    "days since",
]
CHANGES: dict[str, tuple[Callable[[Values], Values], str]] = {
    "none": (lambda values: values, "no drift"),
    "times two": (lambda values: values * 2, "drifted"),
    "times three": (lambda values: values * 3, "drifted"),
    "halved": (lambda values: values / 2, "drifted"),
    "sign turned": (lambda values: -values, "drifted"),
    "constant": (lambda values: values * 0, "drifted"),
    "null": (lambda values: [None] * len(values), "drifted"),
    "a tenth null": (with_some(None), "drifted"),
    "a tenth NaN": (with_some(np.nan), "drifted"),
}


@pytest.mark.parametrize("each", [1, 10])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", KINDS)
def test_a_week_is_judged_by_what_season_and_trend_lead_to(name: str, change: str, each: int) -> None:
    changed, verdict = CHANGES[change]
    found = after(name, changed, HISTORY, WEEK, each)
    assert found.verdict == verdict, found.sentence


@pytest.mark.parametrize("day", range(7))
@pytest.mark.parametrize("each", [10, 40])
def test_no_day_of_the_week_alarms_and_a_shift_does_on_any(day: int, each: int) -> None:
    first = HISTORY + day * DAY
    assert after("weekly", lambda values: values, first, DAY, each).verdict == "no drift"
    assert after("weekly", lambda values: values + 1, first, DAY, each).drifted


def test_a_trend_that_the_reference_is_too_short_for_cannot_be_judged_but_what_leaves_it_drifted() -> None:
    same = after("trend", lambda values: values, HISTORY, 4 * WEEK, 10)
    assert same.verdict == "cannot judge"
    assert "it trends in the reference" in same.sentence
    for change in ("times two", "sign turned", "constant", "null"):
        assert after("trend", CHANGES[change][0], HISTORY, 4 * WEEK, 10).drifted


def test_nothing_excuses_what_lies_at_the_ceiling() -> None:
    chance = np.random.default_rng(1)
    restless = np.repeat(chance.normal(0, 10, 8), 1000) + chance.normal(0, 1, 8000)
    found = report(frame(restless, 0, 10), frame(restless[:1000] + 100, 900, 10))["x"]
    assert (found.drifted, found.basis) == (True, "ceiling")


def test_the_headline_says_what_the_picture_shows() -> None:
    each = 10
    names = ["stationary", "total"]
    sides = [
        pl.DataFrame([frame(kind(name, *at, each), at[0], each)["x"].alias(name) for name in names]).with_columns(
            frame(kind("total", *at, each), at[0], each)["at"]
        )
        for at in ((0, HISTORY), (HISTORY, WEEK), (HISTORY, 4 * WEEK))
    ]
    led = report(sides[0], sides[1])
    assert led.headline == "none drifted beyond their season or trend, but far from the reference: total"
    assert led["total"].sentence.startswith("total follows its trend: PSI ")
    short = report(sides[0], sides[2])
    assert short.headline == "1 of 2 features cannot be judged, no other drifted"
    assert report(sides[0], sides[2], columns=["total"]).headline == "total cannot be judged"
    assert short.to_dict()["unjudged"] == ["total"]
    assert short.to_frame()["verdict"].to_list() == ["no drift", "cannot judge"]
    assert report(sides[0], sides[1], columns=["stationary"]).headline == "no feature drifted"


@pytest.mark.parametrize(
    ("old", "new", "dtype"),
    [
        (2**53, 2**53 + 1, pl.Int64),
        (Decimal("12345678901234567.98"), Decimal("12345678901234567.99"), pl.Decimal(38, 2)),
        (np.inf, -np.inf, pl.Float64),
    ],
)
def test_what_floats_would_merge_is_told_apart(old: Any, new: Any, dtype: Any) -> None:
    reference = frame([old] * 400, 0, 1, dtype)
    assert report(reference, frame([new] * 50, 400, 1, dtype))["x"].drifted
    assert report(reference, frame([old] * 50, 400, 1, dtype))["x"].verdict == "no drift"


def test_new_categories_are_told_however_many_there_are() -> None:
    reference = frame([f"c{row % 100}" for row in range(800)], 0, 10, pl.String)
    new = [f"n{row}" if row % 10 == 0 else f"c{row % 100}" for row in range(400)]
    found = report(reference, frame(new, 80, 10, pl.String))["x"]
    assert found.drifted
    assert "new 0% to 10%" in found.sentence


def test_texts_of_which_none_is_there_twice_cannot_be_judged() -> None:
    sides = [frame([f"id{row}" for row in range(at, at + 2000)], at, 10, pl.String) for at in (0, 2000)]
    assert report(*sides)["x"].verdict == "cannot judge"


def test_one_missing_row_of_a_small_day_is_no_drift() -> None:
    reference = frame(kind("stationary", 0, HISTORY, 1), 0, 1)
    day = [None, *kind("stationary", HISTORY, DAY, 1)[1:]]
    assert not report(reference, frame(day, HISTORY, 1))["x"].drifted


@pytest.mark.parametrize("known", [1, 2, 3, 5, 10])
def test_few_rows_of_the_same_kind_have_not_drifted(known: int) -> None:
    for seed in range(20):
        values = np.random.default_rng(seed).normal(size=known + 200)
        reference = frame(values[:known], 0, 1)
        for rows in (5, 200):
            assert not report(reference, frame(values[known : known + rows], known, 1))["x"].drifted, seed


@pytest.mark.parametrize(("known", "verdict"), [(2, "cannot judge"), (5, "drifted"), (30, "drifted")])
def test_values_far_from_few_rows_have_drifted_where_chance_cannot_lead_there(known: int, verdict: str) -> None:
    values = np.random.default_rng(1).normal(size=known + 200)
    reference, current = frame(values[:known], 0, 1), frame(values[known:] + 100, known, 1)
    assert report(reference, current)["x"].verdict == verdict
