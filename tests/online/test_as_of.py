"""Every read at every instant is what a training set has there."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import workbench as wb
from tests.online.conftest import Place
from tests.online.stage import START, UTC_TIME, Shelf, minutes, rows
from workbench.store import parse_all

INSTANTS = st.integers(-3, 12)
WHOLE = st.integers(-(2**63), 2**63 - 1)
KEYS = st.sampled_from(["a", "b", "a\x00", "", "ä", None])


@st.composite
def histories(draw: st.DrawFn) -> tuple[pl.DataFrame, bool, timedelta | None]:
    entities = draw(st.booleans())
    created = draw(st.booleans())
    count = draw(st.integers(0, 14))
    columns: dict[str, tuple[list[Any], Any]] = {
        "user": (draw(st.lists(KEYS, min_size=count, max_size=count)), pl.String),
        "place": (draw(st.lists(st.sampled_from([0, 1, -1, None]), min_size=count, max_size=count)), pl.Int32),
        "at": ([None if n is None else START + timedelta(minutes=n) for n in draw(
            st.lists(INSTANTS | st.none(), min_size=count, max_size=count))], UTC_TIME),
        "known": ([None if n is None else START + timedelta(minutes=n) for n in draw(
            st.lists(INSTANTS | st.none(), min_size=count, max_size=count))], UTC_TIME),
        "value": (draw(st.lists(st.floats(width=64) | st.none(), min_size=count, max_size=count)), pl.Float64),
        "count": (draw(st.lists(WHOLE | st.none(), min_size=count, max_size=count)), pl.Int64),
    }  # fmt: skip
    left = set(columns) - (set() if entities else {"user", "place"}) - (set() if created else {"known"})
    frame = pl.DataFrame(
        {name: pl.Series(columns[name][0], dtype=columns[name][1]) for name in columns if name in left}
    )
    ttl = draw(st.sampled_from([None, timedelta(microseconds=1), timedelta(minutes=3)]))
    return frame, entities, ttl


ASKED = st.lists(st.tuples(KEYS, st.sampled_from([0, 1, 5, None])), min_size=1, max_size=4)
History = tuple[pl.DataFrame, bool, timedelta | None]
Asked = list[tuple[str | None, int | None]]


@settings(deadline=None)
@given(histories(), ASKED, INSTANTS, st.sampled_from([0, 1, -1]))
def test_each_read_is_the_point_in_time_join(history: History, asked: Asked, at: int, off: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        equals_the_join(Shelf.at(Path(folder)), history, asked, START + timedelta(minutes=at, microseconds=off))


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories(), ASKED, INSTANTS, st.sampled_from([0, 1, -1]))
def test_each_read_from_a_server_is_the_point_in_time_join(
    shared_place: Place, history: History, asked: Asked, at: int, off: int
) -> None:
    store = shared_place.open()  # the history before is replaced by this one
    with tempfile.TemporaryDirectory() as folder:
        equals_the_join(Shelf(Path(folder), store), history, asked, START + timedelta(minutes=at, microseconds=off))


def equals_the_join(shelf: Shelf, history: History, asked: Asked, instant: datetime) -> None:
    """Check that the store answers what the join finds in the same rows."""
    frame, has_entities, ttl = history
    created = "known" if "known" in frame.columns else None
    keys = ["user", "place"] if has_entities else []
    entities = [dict(zip(keys, pair, strict=False)) for pair in asked]
    spine = pl.DataFrame(
        {"now": [instant] * len(asked), "user": [user for user, _ in asked], "place": [place for _, place in asked]},
        schema={"now": UTC_TIME, "user": pl.String, "place": pl.Int32},
    )
    shelf.publish("spend", frame, entities=keys, created=created, ttl=ttl)
    shelf.load()
    answers = shelf.reader().read(parse_all("spend"), entities, at=instant)
    found = answers.frame().select("value", "count")
    values = answers.values()
    right = wb.point_in_time_join(
        spine, frame, keys=keys, time="now", event_time="at", created=created, ttl=ttl
    ).select("value", "count")
    assert found.equals(right, null_equal=True)
    assert [row["count"].value for row in values] == right["count"].to_list()
    assert all((row["value"].status == "present") == (row["value"].value is not None) for row in values)


@pytest.mark.parametrize("kind", ["latest", "as of"])
def test_a_row_dated_in_the_future_does_not_answer_until_its_time_comes(tmp_path: Path, kind: str) -> None:
    now = datetime.now(START.tzinfo)
    shelf = Shelf.at(tmp_path)
    shelf.publish(
        "spend",
        rows(
            ["a", "a", "b"],
            [now - timedelta(days=1), now + timedelta(days=1), now + timedelta(days=2)],
            [1.0, 2.0, 3.0],
        ),
    )
    shelf.load()
    found = shelf.reader().read(parse_all("spend"), [{"user": "a"}, {"user": "b"}], at=now if kind == "as of" else None)
    assert [row["value"].value for row in found.values()] == [1.0, None]
    assert [row["value"].status for row in found.values()] == ["present", "missing"]
    later = shelf.reader().read(parse_all("spend"), [{"user": "a"}], at=now + timedelta(days=1))
    assert later.values()[0]["value"].value == 2.0


def test_the_ttl_includes_its_last_microsecond(tmp_path: Path) -> None:
    shelf = Shelf.at(tmp_path)
    shelf.publish("spend", rows(["a"], minutes(0), [1.0]), ttl=timedelta(seconds=1))
    shelf.load()
    read = shelf.reader().read
    asked = parse_all("spend"), [{"user": "a"}]
    last = START + timedelta(seconds=1)
    assert read(*asked, at=last).values()[0]["value"].status == "present"
    expired = read(*asked, at=last + timedelta(microseconds=1)).values()[0]["value"]
    assert (expired.status, expired.value, expired.event_time) == ("expired", None, START)


@pytest.mark.parametrize("order", [[3, 2, 1], [1, 2, 3], [2, 3, 1]])
def test_the_newest_row_answers_in_whatever_order_rows_were_written(tmp_path: Path, order: list[int]) -> None:
    shelf = Shelf.at(tmp_path)
    shelf.publish("spend", rows(["a"] * 3, minutes(*order), [float(number) for number in order]))
    shelf.load()
    assert shelf.reader().read(parse_all("spend"), [{"user": "a"}]).values()[0]["value"].value == 3.0


def test_what_is_older_than_the_history_is_read_from_the_lake_or_refused(tmp_path: Path) -> None:
    now = datetime.now(START.tzinfo)
    times = [now - timedelta(days=9), now - timedelta(days=8), now - timedelta(days=1)]
    shelf = Shelf.at(tmp_path, history=timedelta(days=7))
    shelf.publish("spend", rows(["a"] * 3, times, [1.0, 2.0, 3.0]))
    assert shelf.load().views[0].rows == 2  # the row that answered seven days ago, and what came since
    asked = parse_all("spend"), [{"user": "a"}]
    within = shelf.reader().read(*asked, at=now - timedelta(days=6)).values()[0]["value"]
    assert (within.value, within.source) == (2.0, "online")
    before = shelf.reader(lake=True).read(*asked, at=now - timedelta(days=8, hours=1)).values()[0]["value"]
    assert (before.value, before.source, before.generation) == (1.0, "lake", None)
    with pytest.raises(wb.errors.OnlineError, match=r"loaded back to .* no lake to read it from"):
        shelf.reader().read(*asked, at=now - timedelta(days=8, hours=1))
