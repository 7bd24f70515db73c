"""A view that is checked while it is written gets the verdict, the counts and the words of one that is read again."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.checks.test_contract import START, Delay, carrier_delay
from workbench.checks import StreamedCheck, check_contract
from workbench.define import Feature
from workbench.define.view import contract_of


class Gated(Delay):
    gate: str = Feature(isin=["A", "B"], nullable=True)


CONTRACT = contract_of(Gated, carrier_delay)


class Whole(Gated):
    @pa.dataframe_check  # type: ignore[untyped-decorator]  # pandera is not typed here
    def early(cls, data: Any) -> pl.LazyFrame:  # noqa: N805  # pandera hands the class
        early: pl.LazyFrame = data.lazyframe.select(pl.col("delay") <= 0)
        return early


def frame_of(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=CONTRACT.schema, orient="row")


def streamed(parts: list[pl.DataFrame], *, most: int | None = None) -> StreamedCheck:
    check = StreamedCheck.of(CONTRACT, Gated)
    assert check is not None
    if most is not None:
        check.most = most
    for part in parts:
        check.add(part)
    return check


SOUND = st.tuples(
    st.sampled_from(["a", "b", "a carrier with quite a long name"]),
    st.integers(0, 40).map(lambda minutes: START + timedelta(minutes=minutes)),
    st.sampled_from([None, -90.0, 0.5]),
    st.sampled_from([0, 7]),
    st.sampled_from([None, "A", "B"]),
)
BROKEN = st.tuples(
    st.sampled_from(["a", None]),
    st.sampled_from([START, None]),
    st.sampled_from([None, -91.0, math.nan, math.inf]),
    st.sampled_from([0, -1, None]),
    st.sampled_from([None, "A", "C"]),
)


@given(
    rows=st.lists(SOUND, max_size=40, unique_by=lambda row: row[:2]) | st.lists(SOUND | BROKEN, max_size=20),
    order=st.sampled_from([(), ("carrier", "landed_at"), ("landed_at", "carrier")]),
    cuts=st.lists(st.integers(0, 40), max_size=4),
    most=st.integers(1, 50),
    chance=st.randoms(use_true_random=False),
)
def test_it_says_what_reading_the_rows_again_says(
    rows: list[tuple[Any, ...]], order: tuple[str, ...], cuts: list[int], most: int, chance: Any
) -> None:
    frame = frame_of(rows).sort(order) if order else frame_of(rows)
    ends = [0, *sorted(min(cut, frame.height) for cut in cuts), frame.height]
    parts = [frame[start:stop] for start, stop in pairwise(ends)]
    chance.shuffle(parts)
    seen = streamed(parts, most=most)
    wanted = check_contract(CONTRACT, Gated, frame)
    found = check_contract(CONTRACT, Gated, frame, streamed=seen)
    assert replace(found, seconds=0.0) == replace(wanted, seconds=0.0)
    only_shared = all(rule.startswith("unique") for rule in wanted.counts)
    assert seen.holds_for(frame.height) == only_shared


def test_rows_that_were_seen_are_not_read_again() -> None:
    sound = frame_of([("a", START + timedelta(minutes=row), 0.0, 1, None) for row in range(5)])
    others = sound.with_columns(flights=pl.lit(-1, pl.Int64))
    assert check_contract(CONTRACT, Gated, others, streamed=streamed([sound[3:], sound[:3]])).passed
    assert not check_contract(CONTRACT, Gated, others, streamed=streamed([sound[3:]])).passed, "not all were seen"
    other_types = sound.with_columns(pl.col("flights").cast(pl.Int32))
    assert not check_contract(CONTRACT, Gated, others, streamed=streamed([other_types])).passed


def test_columns_in_another_order_are_the_same_columns() -> None:
    sound = frame_of([("a", START, 0.0, 1, None)]).select(reversed(CONTRACT.names))
    assert streamed([sound]).holds_for(1)


def are_apart(parts: list[pl.DataFrame]) -> bool:
    seen = streamed(parts)
    assert seen.holds_for(sum(part.height for part in parts))
    return seen.order.strict


@pytest.mark.parametrize("order", [("landed_at", "carrier"), ("carrier", "landed_at")])
def test_keys_differ_where_parts_are_in_order_and_apart(order: tuple[str, str]) -> None:
    rows = [(name, START + timedelta(minutes=row), 0.0, 1, None) for name in ("a", "b") for row in range(4)]
    frame = frame_of(rows).sort(order)
    assert are_apart([frame[4:], frame[:2], frame[2:4]])
    assert not are_apart([frame[[0, 7]], frame[1:7]])
    assert not are_apart([frame[:5], frame[4:]])


def test_a_rule_over_all_rows_has_to_see_them_at_once() -> None:
    assert StreamedCheck.of(CONTRACT, Whole) is None
