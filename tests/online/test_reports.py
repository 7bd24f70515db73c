"""What users of feature stores report most, put to this one; each test says it in their words."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from tests.online.servers import client, keys_of
from tests.online.stage import START, UTC_TIME, Shelf, minutes, rows
from tests.server.stage import Asked
from workbench.errors import FeatureNotFound
from workbench.online import OnlineCatalog
from workbench.online import read as reading
from workbench.point_in_time import point_in_time_join
from workbench.store import parse_all

if TYPE_CHECKING:
    from pathlib import Path

    from tests.online.conftest import Place
    from workbench.online import FeatureValue

TICK = timedelta(microseconds=1)


@pytest.fixture
def shelf(place: Place, tmp_path: Path) -> Shelf:
    """What is published, with a store of either kind."""
    return Shelf(tmp_path, place.open())


def value(shelf: Shelf, user: object = "a", ref: str = "spend:value", at: datetime | None = None) -> FeatureValue:
    """Return what is read of one user."""
    (answer,) = shelf.reader().read(parse_all(ref), [{"user": user}], at=at).values()
    (found,) = answer.values()
    return found


def test_a_row_older_than_its_ttl_is_not_served_and_says_so(shelf: Shelf) -> None:
    """I set a ttl of one second and still get a row from seventeen minutes ago, as present."""
    now = datetime.now(UTC)
    old = now - timedelta(minutes=17)
    frame = rows(["a"], [old], [1.0])
    ttl = timedelta(seconds=1)
    shelf.publish("spend", frame, ttl=ttl)
    shelf.load()
    found = value(shelf)
    assert (found.status, found.value, found.event_time) == ("expired", None, old)
    for at in (old - TICK, old, old + ttl, old + ttl + TICK, now):
        spine = pl.DataFrame({"user": ["a"], "at": [at]}, schema_overrides={"at": UTC_TIME})
        joined = point_in_time_join(spine, frame, keys=["user"], time="at", event_time="at", ttl=ttl)
        assert value(shelf, at=at).value == joined["value"].item(), at


@pytest.mark.parametrize("batches", [[[3, 2, 1]], [[1, 2, 3]], [[3], [2, 1]], [[1, 3], [2]], [[2, 1], [3]]])
def test_the_newest_row_wins_whatever_was_written_last(shelf: Shelf, batches: list[list[int]]) -> None:
    """I wrote rows of one entity out of order, and the store keeps what came last instead of what is newest."""
    written: list[int] = []
    for batch in batches:
        written += batch
        shelf.publish("spend", rows(["a"] * len(written), minutes(*written), [float(each) for each in written]))
        shelf.load()
        assert value(shelf).value == max(written)
    for minute in (1, 2, 3):
        assert value(shelf, at=minutes(minute)[0]).value == minute


def test_a_longer_ttl_holds_for_rows_that_did_not_change(shelf: Shelf, place: Place) -> None:
    """I raised the ttl and materialized again, and keys of unchanged rows died at the old time all the same."""
    now = datetime.now(UTC)
    old = rows(["a"], [now - timedelta(hours=30)], [1.0])
    shelf.publish("spend", old, ttl=timedelta(hours=24))
    shelf.load()
    assert value(shelf).status == "expired"
    shelf.publish("spend", old, ttl=timedelta(hours=48), number="1.1")
    shelf.load()
    assert (value(shelf).status, value(shelf).value) == ("present", 1.0)
    both = pl.concat([old, rows(["b"], [now], [2.0])])
    for frame in (both, both):  # the same rows once more
        shelf.publish("spend", frame, ttl=timedelta(hours=48), number="1.2")
        shelf.load()
        assert [value(shelf, user).value for user in "ab"] == [1.0, 2.0]
    if place.kind == "redis":  # no key dies by itself while its row is in force
        with client() as redis:
            keys = [f"workbench:{place.name}:".encode() + key for key in keys_of(place.name) - {b"lock"}]
            assert {redis.ttl(key) for key in keys} == {-1}


def test_a_retired_view_leaves_nothing_behind_and_takes_nothing_else_with_it(shelf: Shelf, place: Place) -> None:
    """I deleted a feature view and its keys stay in the online store for good."""
    shelf.publish("other", rows(["a"], minutes(1), [7.0]))
    shelf.load()
    before = keys_of(place.name) if place.kind == "redis" else set()
    with shelf.backend.writing() as writer:
        kept = set(writer.generations())
    shelf.publish("spend", rows([f"u{number}" for number in range(500)], minutes(*[1] * 500), [1.0] * 500))
    shelf.load()
    del shelf.records["spend"]
    shelf.load()
    with pytest.raises(FeatureNotFound, match="spend"):
        value(shelf)
    assert value(shelf, ref="other:value").value == 7.0
    with shelf.backend.writing() as writer:
        assert set(writer.generations()) == kept
    if place.kind == "redis":
        assert len(keys_of(place.name) - {b"lock"}) == len(before - {b"lock"})


def test_what_was_loaded_with_a_clock_ahead_does_not_hold_back_what_comes(shelf: Shelf) -> None:
    """I once materialized until 2030 by mistake, and since then nothing new arrives."""
    now = datetime.now(UTC)
    ahead = rows(["a"], [datetime(2040, 1, 1, tzinfo=UTC)], [9.0])
    shelf.publish("spend", ahead)
    shelf.load()
    assert value(shelf).status == "missing"
    shelf.publish("other", ahead)  # something else is published meanwhile
    shelf.load()
    shelf.publish("spend", pl.concat([ahead, rows(["a"], [now - timedelta(hours=1)], [1.0])]))
    shelf.load()
    assert value(shelf).value == 1.0
    shelf.publish("spend", pl.concat([ahead, rows(["a", "a"], [now - timedelta(hours=1), now], [1.0, 2.0])]))
    shelf.load(full=True)
    assert value(shelf).value == 2.0
    assert value(shelf, at=datetime(2041, 1, 1, tzinfo=UTC)).value == 9.0


def test_a_key_that_is_sent_in_another_type_is_never_a_silent_null(shelf: Shelf) -> None:
    """I sent the entity as a text, as 0 or under a wrong name and got nulls without any error."""
    numbers = pl.DataFrame(
        {"user": [0, 1], "at": minutes(1, 1), "value": [10.0, 11.0]}, schema_overrides={"at": UTC_TIME}
    )
    shelf.publish("spend", numbers)
    shelf.load()
    asked = asked_of(shelf)
    for sent, expected in ((0, 10.0), (1, 11.0)):
        found = asked.features("spend", [{"user": sent, "other": "x"}])
        assert found.json()["features"]["value"]["values"] == [expected]
    for wrong in ({"user": "1"}, {"user": 1.0}, {"user": True}, {"usr": 1}, {}):
        found = asked.features("spend", [wrong])
        assert (found.status_code, found.json()["field"]) == (422, "entities"), wrong
        assert found.json()["remedy"]


def asked_of(shelf: Shelf) -> Asked:
    """Return what sends requests to a service over a store of either kind."""
    from tests.server.stage import options
    from workbench.server import FeatureService, ServiceOptions

    class OfShelf(ServiceOptions):
        def open_reader(self, *_: Any, **__: Any) -> Any:
            return shelf.reader()

    return Asked(FeatureService(OfShelf(shelf.folder, options(shelf).online, options(shelf).serve)))


def test_many_views_are_resolved_once_and_not_with_each_request(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request to a service of many views spends most of its time on finding out what it asks for."""
    for number in range(20):
        shelf.publish(f"spend{number}", rows(["a"], minutes(1), [float(number)]))
    shelf.load()
    counts: Counter[str] = Counter()
    planned, read_catalog = reading.planned, OnlineCatalog.read

    def counted(*args: Any) -> Any:
        counts["plans"] += 1
        return planned(*args)

    def catalog(*args: Any) -> Any:
        counts["catalogues"] += 1
        return read_catalog(*args)

    monkeypatch.setattr(reading, "planned", counted)
    monkeypatch.setattr(OnlineCatalog, "read", catalog)
    asked = asked_of(shelf)
    refs = [f"spend{number}:value" for number in range(20)]
    for _ in range(50):
        assert asked.features(refs, [{"user": "a"}], full_names=True).status_code == 200
    assert counts == {"plans": 1, "catalogues": 1}
    shelf.publish("spend0", rows(["a"], minutes(2), [100.0]))
    shelf.load()
    for _ in range(50):
        found = asked.features(refs, [{"user": "a"}], full_names=True)
        assert found.json()["features"]["spend0__value"]["values"] == [100.0]
    assert counts["plans"] <= 3


def test_every_row_that_was_asked_has_its_answer_in_its_place(shelf: Shelf) -> None:
    """I asked for a batch with unknown and repeated entities, and got fewer rows, or others' values."""
    now = datetime.now(UTC)
    shelf.publish("spend", rows(["a", "a", "b"], [START, now, START], [1.0, 2.0, 3.0]))
    shelf.load()
    users = ["b", "nobody", "a", "b", "", "a", "nobody", "b"]
    expected = [3.0, None, 2.0, 3.0, None, 2.0, None, 3.0]
    for size in (1, 200):  # also by the way of large batches
        answers = shelf.reader().read(parse_all("spend:value"), [{"user": user} for user in users * size])
        assert answers.frame()["value"].to_list() == expected * size
        found = asked_of(shelf).features("spend", [{"user": user} for user in users * size]).json()
        assert found["features"]["value"]["values"] == expected * size
    for at, answer in ((now, 2.0), (now - TICK, 1.0), (START, 1.0), (START - TICK, None)):
        assert value(shelf, at=at).value == answer  # the row exactly at the bound is in
