"""Thousands of small joins against the reference: views in memory and stored, in any order, by all rules at once."""

from __future__ import annotations

from random import Random
from typing import Literal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.point_in_time.worlds import World, make_world
from workbench.point_in_time import join_views


def joined(world: World, how: str, *, as_known: bool) -> pl.DataFrame:
    if how == "eager":
        return join_views(world.spine, world.views, time="at", as_known=as_known)
    engine: Literal["streaming", "in-memory"] = "streaming" if how == "streaming" else "in-memory"
    return join_views(world.spine.lazy(), world.views, time="at", as_known=as_known).collect(engine=engine)


@pytest.mark.parametrize("how", ["eager", "streaming", "in-memory"])
@pytest.mark.parametrize("seed", range(40))
def test_fifty_cases_at_a_time_are_joined_as_the_reference_joins_them(how: str, seed: int) -> None:
    chance = Random(f"{how} {seed}")
    world, as_known = make_world(chance, cases=50, views=chance.randrange(1, 4)), chance.random() < 0.7
    found, wanted = joined(world, how, as_known=as_known).to_dicts(), world.wanted(as_known=as_known)
    wrong = [(row, other) for row, other in zip(found, wanted, strict=True) if row != other]
    assert not wrong, (wrong[0], world.settings)


@pytest.mark.parametrize("seed", range(20))
def test_views_too_large_to_be_read_at_once_are_joined_as_the_reference_joins_them(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.point_in_time.join.FEW_READ", 0)
    world = make_world(Random(f"large {seed}"), cases=50, views=3)
    assert joined(world, "eager", as_known=seed % 3 > 0).to_dicts() == world.wanted(as_known=seed % 3 > 0)


@given(
    chance=st.randoms(use_true_random=False),
    how=st.sampled_from(["eager", "streaming", "in-memory"]),
    views=st.integers(1, 2),
    as_known=st.booleans(),
)
def test_one_case_is_joined_as_the_reference_joins_it_also_by_time_alone(
    chance: Random,
    how: str,
    views: int,
    as_known: bool,  # noqa: FBT001 - drawn
) -> None:
    world = make_world(chance, cases=1, views=views)
    assert joined(world, how, as_known=as_known).to_dicts() == world.wanted(as_known=as_known)
