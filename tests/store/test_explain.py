"""`why`: the winning row, and each loser's reason; the same winner as a training set's."""

from __future__ import annotations

import json
import warnings
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import workbench as wb
from tests.conftest import EVENT_VIEW, events
from tests.store.conftest import START, spine_of
from workbench import errors
from workbench.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.project import Project
    from workbench.store import Explanation

TIED = '''\
class Tied(FeatureModel):
    at: UTC
    made: UTC = Feature(nullable=True)
    number: int = Feature(unit="count")


@feature_view(event_time="at", created="made", ttl="1h")
def tied(events: pl.LazyFrame) -> LazyFrame[Tied]:
    """Two values an hour, corrected one minute later; of the third nobody knows since when."""
    made = pl.when(pl.col("event_id") % 3 < 2).then(pl.col("at"))
    return events.select(pl.col("at").dt.truncate("3m"), made=made, number=pl.col("event_id"))
'''


def at(minutes: float) -> Any:
    return START + timedelta(minutes=minutes)


def reasons(found: Explanation) -> dict[str, list[object]]:
    return {c.reason: [d.value for d in found.candidates if d.reason == c.reason] for c in found.candidates}


def test_the_winner_and_every_losers_reason(shop: Project) -> None:
    found = shop.why("late:total", {"user": "u0"}, at(29))
    assert found.winner is not None
    assert (found.value, found.outcome, found.winner.event_time) == (3.0, "matched", at(14))
    told = reasons(found)
    assert told["earlier"] == [7.0, 0.0]
    assert told["not yet known"] == [6.0, 10.0], "minutes 28 and 21 are known from 38 and 31 on"
    assert told["later"][:2] == [2.0, 9.0], "the next ones first: minutes 35 and 42"
    assert found.counts["later"] == 24
    assert sum(found.counts.values()) == 29, "every row of the user is accounted for"
    assert "known only since" in next(c.detail for c in found.candidates if c.reason == "not yet known")
    said = found.report().text(width=200)
    assert [line.split()[:2] for line in said.splitlines() if line.split()[:1] in (["24"], ["2"], ["1"])] == [
        ["2", "earlier"],
        ["1", "won"],
        ["2", "not"],
        ["24", "later"],
    ], "a line a kind, in the order of time"
    assert "All 29 rows of the entity, 15 of them shown" in said
    assert found.report().text(width=200, everything=True).count("after that moment") == 11


def test_an_expired_value_does_not_win_and_says_how_old_it_was(shop: Project) -> None:
    found = shop.why("recent:amount", {"user": "u0"}, at(13))
    assert (found.value, found.winner, found.outcome) == (None, None, "expired")
    assert reasons(found)["expired"] == [7.0, 0.0]
    assert "6 min old, the ttl is 5 min" in found.candidates[0].detail
    fresh = shop.why("recent:amount", {"user": "u0"}, at(12))
    assert (fresh.value, reasons(fresh)["expired"]) == (7.0, [0.0])


def test_a_tie_is_called_one(shop: Project) -> None:
    shop.define(TIED, log=False)
    found = shop.why("tied", {}, at(4))
    assert (found.value, reasons(found)["tie"], reasons(found)["not yet known"]) == (4, [3], [5, 2])
    assert shop.why("tied", {}, at(3.5)).value == 3, "the correction is not known yet"


def test_an_entity_that_the_view_does_not_know(shop: Project) -> None:
    found = shop.why("spend", {"user": "nobody"}, at(9))
    assert (found.value, found.outcome, found.candidates, found.behind) == (None, "missing", (), ())
    assert "no row of this entity" in found.report().title
    assert found.report().steps == ("There is no user 'nobody': known: u0, u1, u2, u3, u4, u5, u6",)
    early = shop.why("spend", {"user": "u0"}, at(-1))
    assert (early.outcome, set(early.counts)) == ("missing", {"later"})


@pytest.mark.journey
def test_why_and_the_training_set_agree(shop: Project) -> None:
    minutes = [-1.0, 0.0, 5.0, 5.01, 12.0, 17.0, 99.9, 300.0]
    spine = spine_of(*[(user, minute) for user in ("u0", "u4", "nobody") for minute in minutes])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        train = shop.store.training_set(spine, ["recent:amount", "late:total", "clock"]).frame
    for row in train.iter_rows(named=True):
        for ref, column in (("recent:amount", "amount"), ("late:total", "total"), ("clock", "number")):
            assert shop.store.why(ref, row, row["event_timestamp"]).value == row[column]


def test_the_rows_behind_are_the_entitys_that_were_known_by_then(shop: Project) -> None:
    found = shop.why("spend:total", {"user": "u3"}, at(30))
    (behind,) = found.behind
    assert (behind.name, behind.kind, behind.total) == ("events", "source", 4)
    assert behind.rows is not None
    assert behind.rows["event_id"].to_list() == [24, 17, 10, 3]
    assert behind.rows["amount"].sum() == found.value
    many = shop.why("spend:total", {"user": "u3"}, at(1000)).behind[0]
    assert many.rows is not None
    assert (many.rows.height, many.total) == (20, 29)
    assert "last 20" in many.note


def test_a_lookback_limits_them(shop: Project) -> None:
    shop.define(EVENT_VIEW.replace('event_time="at"', 'event_time="at", lookback="14m"'), log=False)
    (behind,) = shop.why("spend:total", {"user": "u3"}, at(30)).behind
    assert behind.rows is not None
    assert behind.rows["event_id"].to_list() == [24, 17, 10]


def test_an_input_without_the_key_says_so(shop: Project) -> None:
    text = EVENT_VIEW.replace('events.sort("user", "at")', 'events.rename({"buyer": "user"}).sort("user", "at")')
    events().rename({"user": "buyer"}).write_parquet(shop.root / "data" / "events.parquet")
    shop.define(text, log=False)
    (behind,) = shop.why("spend:total", {"user": "u3"}, at(30)).behind
    assert behind.rows is None
    assert "no key user" in behind.note
    assert shop.why("spend:total", {"user": "u3"}, at(30)).report().text()


def test_it_names_commit_view_id_and_run(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench.tracking import Tracker

    monkeypatch.setattr(Tracker, "warm", lambda self: None)
    assert shop.why("spend", {"user": "u0"}, at(9)).run is None, "it was never logged"
    result = shop.define(EVENT_VIEW.replace("so far", "up to now"))
    found = shop.why("spend", {"user": "u0"}, at(9))
    assert result.ticket is not None
    assert (found.commit, found.view_id) == (shop.repository.resolve("exp/first"), result.view_id)
    assert found.run == result.ticket.key


@pytest.mark.parametrize(
    ("ref", "entity", "when", "error", "says"),
    [
        ("spned", {"user": "u0"}, "2024-01-01", errors.FeatureNotFound, "did you mean 'spend'"),
        ("spend:totla", {"user": "u0"}, "2024-01-01", errors.FeatureNotFound, "did you mean 'spend:total'"),
        ("recent", {"user": "u0"}, "2024-01-01", errors.FeatureNotFound, "'recent:amount' or 'recent:odd'"),
        ("spend@1", {"user": "u0"}, "2024-01-01", errors.FeatureNotFound, "promote spend"),
        ("spend", {"usr": "u0"}, "2024-01-01", errors.UsageError, "did you mean 'usr'"),
        ("spend", {}, "2024-01-01", errors.UsageError, "--entity user=VALUE"),
        ("spend", {"user": 7}, "2024-01-01", errors.UsageError, "String"),
        ("spend", {"user": None}, "2024-01-01", errors.UsageError, "String"),
        ("spend", {"user": "u0"}, "noon", errors.UsageError, "ISO 8601"),
    ],
)
def test_bad_input_says_what_is_wrong(
    shop: Project, ref: str, entity: dict[str, object], when: str, error: type[Exception], says: str
) -> None:
    with pytest.raises(error) as raised:
        shop.why(ref, entity, when)
    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("value", "dtype", "fits"),
    [("7", pl.Int64(), True), (7, pl.Int32(), True), (7.5, pl.Int64(), False), ("x", pl.Int64(), False)],
)
def test_a_key_is_taken_where_it_stays_the_same_value(value: object, dtype: pl.DataType, fits: bool) -> None:  # noqa: FBT001 - a parameter of the test
    from workbench.store.explanation import _as_key

    found = _as_key(value, dtype)
    assert (found is not None and found.item() == 7 and found.dtype == dtype) is fits


def test_the_verb_says_the_same(
    shop: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(shop.root)
    shop.use_branch_in_shell()
    words = ["why", "late:total", "--entity", "user=u0", "--at", "2024-01-01T00:29"]
    assert main.main([*words, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["value"], answer["outcome"]) == (3.0, "matched")
    assert answer == json.loads(json.dumps(shop.why("late:total", {"user": "u0"}, at(29)).to_dict()))
    assert main.main(words) == 0
    shown = capsys.readouterr().out
    assert "not yet known" in shown
    assert "Behind it: source events" in shown
    assert "text/html" in shop.why("clock", {}, at(29))._repr_mimebundle_()
    assert main.main(["why", "spend", "--entity", "user", "--at", "2024-01-01"]) == 2
    assert "--entity" in capsys.readouterr().err


CORRECTED = '''\
class Corrected(FeatureModel):
    user: str
    at: UTC
    known: UTC
    amount: float = Feature(unit="count")


@feature_view(entities="user", event_time="at", created="known", lookback="20m")
def corrected(SOURCE: pl.LazyFrame) -> LazyFrame[Corrected]:
    """What was bought, as it became known."""
    return SOURCE.select("user", "at", "known", "amount")
'''


@pytest.mark.parametrize("through", ["source", "view"])
def test_behind_a_value_are_the_rows_known_when_it_became_known(project_root: Path, through: str) -> None:
    known = [0, 40, 30, 90, None]  # minutes after the first; the fourth happens after it is known
    rows = pl.DataFrame(
        {
            "user": ["u"] * 5,
            "at": [at(minutes) for minutes in (0, 10, 15, 95, 20)],
            "known": [None if minutes is None else at(minutes) for minutes in known],
            "amount": [1.0, 2.0, 3.0, 4.0, 5.0],
        },
        schema_overrides={"at": pl.Datetime("us", "UTC"), "known": pl.Datetime("us", "UTC")},
    )
    rows.filter(pl.col("known").is_not_null()).write_parquet(project_root / "data" / "events.parquet")
    toml = project_root / "workbench.toml"
    toml.write_text(toml.read_text().replace('key = ["event_id"]', 'available_at = "known"'))
    with closing(wb.open(project_root)) as project:
        project.branch("exp/known")
        project.define(CORRECTED.replace("SOURCE", "events"), log=False)
        view = "corrected"
        if through == "view":
            view = "again"
            text = CORRECTED.replace("SOURCE", "corrected").replace("def corrected(", "def again(")
            project.define(text, log=False)
        found = project.why(view, {"user": "u"}, at(50))
        (behind,) = found.behind
        assert behind.rows is not None
        assert (found.value, found.winner and found.winner.made) == (3.0, at(30))
        assert behind.rows["amount"].to_list() == [3.0], "2.0 was not known yet, 1.0 is older than the lookback"
        later = project.why(view, {"user": "u"}, at(95)).behind[0].rows
        assert later is not None
        assert later["amount"].to_list() == [4.0], "known before it happened: made when it happened"
