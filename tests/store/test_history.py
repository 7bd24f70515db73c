"""Reading a view without a spine."""

from __future__ import annotations

import warnings
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.conftest import events
from tests.store.conftest import START, spine_of
from workbench import errors
from workbench.store import LowMatchWarning

if TYPE_CHECKING:
    from workbench.project import Project

USERS = [f"u{number}" for number in range(7)]


def test_a_snapshot_has_the_last_row_of_each_entity(shop: Project) -> None:
    last = shop.store.snapshot("spend")
    assert last["user"].to_list() == USERS
    assert last["total"].to_list() == [
        sum(float(row % 11) for row in range(200) if row % 7 == user) for user in range(7)
    ]
    assert shop.store.snapshot("clock")["number"].to_list() == [199]


@pytest.mark.parametrize("minutes", [-1.0, 0.0, 3.0, 7.5, 100.25, 5000.0])
@pytest.mark.parametrize("view", ["spend", "recent", "late"])
def test_a_snapshot_at_a_moment_agrees_with_a_training_set(shop: Project, view: str, minutes: float) -> None:
    spine = spine_of(*[(user, minutes) for user in USERS])
    feature = {"spend": "total", "recent": "amount", "late": "total"}[view]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LowMatchWarning)
        train = shop.store.training_set(spine, f"{view}:{feature}").frame
    shown = shop.store.snapshot(f"{view}:{feature}", at=START + timedelta(minutes=minutes))
    known = train.filter(train[feature].is_not_null())
    assert shown["user"].to_list() == known["user"].to_list()
    assert shown[feature].to_list() == known[feature].to_list()


def test_a_snapshot_of_one_feature_has_its_key_and_times(shop: Project) -> None:
    assert shop.store.snapshot("recent:odd").columns == ["user", "at", "odd"]
    assert shop.store.snapshot("late").columns == ["user", "at", "known", "total"]


def test_rows_are_those_from_the_start_to_before_the_end(shop: Project) -> None:
    rows = shop.store.rows("clock", "2024-01-01T00:10", START + timedelta(minutes=13))
    assert rows["number"].to_list() == [10, 11, 12]
    assert shop.store.rows("spend").height == 200
    assert shop.store.rows("clock", "2024-01-02")["number"].to_list() == []


def test_a_view_without_rows_gives_none(shop: Project) -> None:
    events(0).write_parquet(shop.root / "data" / "events.parquet")
    assert shop.store.snapshot("spend").height == 0
    assert shop.store.snapshot("clock", at="2024-01-01").height == 0


def test_bad_input_says_what_to_write(shop: Project) -> None:
    with pytest.raises(errors.UsageError, match="ISO 8601"):
        shop.store.snapshot("spend", at="yesterday")
    with pytest.raises(errors.UsageError, match="before it starts"):
        shop.store.rows("spend", "2024-01-02", "2024-01-01")
    with pytest.raises(errors.FeatureNotFound, match="did you mean 'spend'"):
        shop.store.snapshot("spned")
    with pytest.raises(errors.FeatureNotFound, match="did you mean 'spend:total'"):
        shop.store.rows("spend:totla")
    with pytest.raises(errors.FeatureNotFound, match="published"):
        shop.store.rows("spend@1")
