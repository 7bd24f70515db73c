"""Logged reads are compared with what a training set has for them: what differs is found, counted and explained."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import workbench as wb
from tests.online.stage import START, minutes, rows
from tests.online.test_as_of import ASKED, INSTANTS, Asked, History, histories
from tests.server.stage import KINDS, all_kinds, fill
from tests.skew.stage import Served
from workbench.registry import Behind

USERS = [{"user": user} for user in ("a", "b", "c", "nobody")]


@pytest.fixture
def served(tmp_path: Path) -> Served:
    """A view ``spend`` of two users."""
    served = Served.at(tmp_path)
    served.shelf.publish("spend", rows(["a", "b", "a"], minutes(0, 0, 10), [1.0, 2.0, 3.0]))
    served.publish()
    return served


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(histories(), ASKED, st.lists(INSTANTS, min_size=1, max_size=3), st.sampled_from([0, 1, -1]))
def test_what_a_sound_store_answers_is_what_a_training_set_has(
    history: History, asked: Asked, instants: list[int], off: int
) -> None:
    frame, has_entities, ttl = history
    with tempfile.TemporaryDirectory() as folder:
        served = Served.at(Path(folder))
        keys = ["user", "place"] if has_entities else []
        created = "known" if "known" in frame.columns else None
        served.shelf.publish("spend", frame, entities=keys, created=created, ttl=ttl, defaults={"count": 5})
        served.publish()
        entities = [dict(zip(keys, pair, strict=False)) for pair in asked]
        times = [(START + timedelta(minutes=at, microseconds=off)).isoformat() for at in instants]
        served.ask_each([("spend", entities, {}), *(("spend", entities, {"at": at}) for at in times)])
        report = served.skew()
        assert report.passed, report.to_dict()
        assert report.compared == 2 * len(asked) * (len(instants) + 1)


def test_values_of_every_kind_and_every_status_are_compared_as_they_were_answered(tmp_path: Path) -> None:
    served = Served(fill(tmp_path))
    served.publish()
    full: dict[str, Any] = {"full_names": True}
    answers = served.ask_each(
        [
            (["kinds", "recent as again", "world"], USERS, full),
            (["kinds", "recent"], USERS, {"details": False}),
            (["kinds", "recent as again"], USERS, {}),
            ("days", [{"day": "2024-01-01", "number": 2**53 + 1}], {}),
            ("recent (user=payer)", {"payer": ["b"]}, {}),
        ]
    )
    found = answers[0].json()["features"]
    assert {status for each in found.values() for status in each["statuses"]} == {
        *("present", "null", "expired", "default", "missing")
    }
    report = served.skew()
    assert report.passed, report.to_dict()
    compared = {(each.view, each.feature): each.compared for each in report.features}
    assert compared["kinds@1.0", "whole"] == 12
    assert compared["recent@1.0", "kept"] == 13
    assert {feature for view, feature in compared if view == "kinds@1.0"} == {*KINDS}


def test_of_an_entity_only_its_keys_are_logged(served: Served) -> None:
    served.ask("spend", [{"user": "a", "name": "secret"}, {"user": "b"}])
    (path,) = (served.shelf.folder / "reads").rglob("*.jsonl")
    read = json.loads(path.read_bytes())
    assert read["entities"] == [{"user": "a"}, {"user": "b"}]
    assert (read["features"], read["columns"]) == ("spend", {"value": "value"})
    assert served.skew().compared == 2


@pytest.mark.parametrize("form", ["arrow", "texts"])
def test_other_forms_of_an_answer_are_logged_exactly(tmp_path: Path, form: str) -> None:
    from tests.server.stage import Asked as Asks
    from tests.server.stage import options
    from workbench.server import FeatureService

    served = Served.at(tmp_path)
    served.shelf.publish("kinds", all_kinds())
    served.publish()
    service = FeatureService(options(served.shelf, log_reads=1))
    accept, query = ("application/vnd.apache.arrow.stream", "") if form == "arrow" else ("", "?int64=string")
    assert Asks(service).features("kinds", USERS, accept=accept, query=query).status_code == 200
    service._log.close(60)
    report = served.skew()
    assert report.passed, report.to_dict()
    assert report.compared == len(KINDS) * len(USERS)


def test_a_wrong_row_in_the_store_is_skew_and_is_shown(served: Served) -> None:
    served.swap("spend", {"user": "a"}, {"user": "b"})
    served.ask("spend", [{"user": "a"}, {"user": "b"}])
    report = served.skew("spend")
    assert not report.passed
    (feature,) = report.features
    assert (feature.view, feature.feature, feature.compared, feature.mismatches) == ("spend@1.0", "value", 2, 1)
    assert (feature.share, feature.mean_difference, feature.max_difference) == (0.5, 1.0, 1.0)
    assert feature.causes == {"store": 1}
    (example,) = feature.examples
    assert (example.entity, example.served, example.right) == ({"user": "a"}, 2.0, 3.0)
    assert abs(example.instant - datetime.now(UTC)) < timedelta(minutes=10)
    text = report.to_markdown()
    assert "user=a" in text
    assert "online verify" in text
    assert report.to_dict()["features"][0]["examples"][0]["served"] == 2.0


def test_a_status_is_compared_even_where_the_value_is_the_same(served: Served) -> None:
    now = datetime.now(UTC)
    frame = rows(["a", "b"], [now - timedelta(days=9), now + timedelta(days=9)], [1.0, 2.0])
    served.shelf.publish("old", frame, ttl=timedelta(days=1))
    served.publish()
    served.swap("old", {"user": "a"}, {"user": "b"})
    served.ask("old", [{"user": "a"}])
    (feature,) = served.skew("old").features
    (example,) = feature.examples
    assert (example.served, example.served_status) == (None, "missing")
    assert (example.right, example.right_status) == (None, "expired")


def test_numbers_that_are_none_differ_by_no_amount_and_are_texts_in_json(tmp_path: Path) -> None:
    served = Served.at(tmp_path)
    served.shelf.publish("spend", rows(["a", "b"], minutes(0, 0), [float("nan"), 2.0]))
    served.publish()
    served.swap("spend", {"user": "b"}, {"user": "a"})
    served.ask("spend", [{"user": "a"}, {"user": "b"}])
    report = served.skew()
    (feature,) = report.features
    assert (feature.compared, feature.mismatches) == (2, 1)
    assert (feature.mean_difference, feature.max_difference) == (None, None)
    found = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert found["features"][0]["examples"][0]["served"] == "NaN"


def test_a_value_that_was_served_as_stale_is_compared_as_any_other(served: Served) -> None:
    frame = rows(["a"], minutes(0), [1.0])
    served.shelf.publish("slow", frame, behind=Behind(since=START, why="a gate"))
    served.publish()
    answer = served.ask("slow", [{"user": "a"}])
    assert answer.json()["features"]["value"]["statuses"] == ["stale"]
    assert served.skew("slow").passed


def test_what_was_read_from_the_lake_is_compared_too(tmp_path: Path) -> None:
    served = Served.at(tmp_path)
    served.shelf.history = timedelta(days=1)
    served.shelf.publish("spend", rows(["a", "a"], minutes(0, 10), [1.0, 2.0]))
    served.publish()
    at = {"at": minutes(5)[0].isoformat()}
    (answer,) = served.ask_each([("spend", [{"user": "a"}], at)], lake=True)
    assert answer.json()["views"]["spend"]["source"] == "lake"
    assert served.skew().passed
    served.shelf.publish("spend", rows(["a", "a", "a"], minutes(0, 4, 10), [1.0, 1.5, 2.0]))
    served.publish()
    served.commits[0].time += timedelta(seconds=60)
    (feature,) = served.skew().features
    assert (feature.causes, feature.examples[0].generation) == ({"later": 1}, None)


def test_without_the_data_that_answered_the_cause_is_not_known(served: Served) -> None:
    before = {*(served.shelf.folder / "lake").rglob("*.parquet")}
    served.ask("spend", [{"user": "a"}])
    served.shelf.publish("spend", rows(["a"], minutes(20), [4.0]))
    served.publish()
    for path in before:
        path.unlink()
    (feature,) = served.skew().features
    assert feature.causes == {"unknown": 1}


def test_rows_that_became_known_later_are_no_skew(tmp_path: Path) -> None:
    served = Served.at(tmp_path)
    before = rows(["a"], minutes(0), [1.0]).with_columns(known=pl.col("at"))
    served.shelf.publish("spend", before, created="known")
    served.publish()
    served.ask("spend", [{"user": "a"}, {"user": "b"}])
    late = rows(["a", "b"], minutes(10, 10), [2.0, 2.0])
    late = late.with_columns(known=pl.lit(datetime.now(UTC) + timedelta(microseconds=1)))
    served.shelf.publish("spend", pl.concat([before, late]), created="known")
    served.publish()
    report = served.skew()
    assert report.passed
    assert report.compared == 2


@pytest.mark.parametrize("cause", ["later", "behind"])
def test_the_cause_is_data_that_was_published_later_or_was_not_loaded(served: Served, cause: str) -> None:
    def publish(*, load: bool) -> None:
        frame = rows(["a", "b", "a", "a"], minutes(0, 0, 10, 20), [1.0, 2.0, 3.0, 4.0])
        served.shelf.publish("spend", frame)
        served.publish(load=load)
        served.commits[0].time -= timedelta(seconds=2)

    if cause == "behind":
        publish(load=False)
    served.ask("spend", [{"user": "a"}])
    if cause == "later":
        publish(load=True)
        served.commits[0].time += timedelta(seconds=60)
    (feature,) = served.skew().features
    assert feature.causes == {cause: 1}
    assert (feature.examples[0].served, feature.examples[0].right) == (3.0, 4.0)


def test_each_read_is_compared_with_the_version_that_answered(served: Served) -> None:
    served.ask("spend", [{"user": "a"}])
    served.shelf.publish("spend", rows(["a"], minutes(0), [9.0]), number="2.0")
    served.publish()
    served.ask_each([("spend", [{"user": "a"}], {}), ("spend@1", [{"user": "a"}], {})])
    report = served.skew()
    assert report.passed
    assert {each.view: each.compared for each in report.features} == {"spend@1.0": 2, "spend@2.0": 1}
    assert [each.view for each in served.skew("spend@2").features] == ["spend@2.0"]
    assert served.skew("spend@1.0:value").compared == 2
    for wrong in ("spent", "spend:valve"):
        with pytest.raises(wb.errors.FeatureNotFound, match="spend"):
            served.skew(wrong)


def test_nothing_logged_is_no_pass(served: Served) -> None:
    served.ask_each([("spend", [{"user": "a"}], {})], log_reads=0)
    report = served.skew()
    assert not report.passed
    assert (report.reads, report.compared) == (0, 0)
    assert "Nothing was logged" in report.to_markdown()


def test_what_cannot_be_compared_is_no_pass_and_says_why(served: Served) -> None:
    served.ask_each([("spend", [{"user": "a"}], {}), ("spend", [{"user": "a"}], {"at": "2999-01-01"})])
    assert [(each.reads, each.reason) for each in served.skew().uncompared] == [
        (1, "The requests ask for a time that had not come yet.")
    ]
    for path in (served.shelf.folder / "lake").rglob("*.parquet"):
        path.unlink()
    report = served.skew()
    assert not report.passed
    assert report.compared == 0
    assert sum("lacks 1 of its data files" in each.reason for each in report.uncompared) == 1
    assert "Nothing was compared" in report.to_markdown()
    del served.shelf.records["spend"]
    served.shelf.publish("other", rows(["a"], minutes(0), [9.0]))
    served.publish()
    assert {each.reason for each in served.skew().uncompared} == {"The registry has no such version."}


def test_a_file_that_was_begun_the_day_before_is_read(served: Served) -> None:
    served.ask("spend", [{"user": "a"}])
    (path,) = (served.shelf.folder / "reads").rglob("*.jsonl")
    since = datetime.fromisoformat(json.loads(path.read_bytes())["requested"])
    path.parent.rename(path.parents[1] / f"{since.date() - timedelta(days=1)}")
    assert served.skew(since=since).compared == 1


def test_damaged_lines_are_counted_and_left_out(served: Served) -> None:
    served.ask("spend", [{"user": "a"}])
    (path,) = (served.shelf.folder / "reads").rglob("*.jsonl")
    line = path.read_bytes()
    path.write_bytes(line[:100] + b"\n" + line + b"[]\n" + line.replace(b'"String"', b'"Strong"'))
    report = served.skew()
    assert (report.damaged, report.compared, report.passed) == (3, 1, True)


def test_the_period_and_the_number_of_reads_are_bounded(served: Served) -> None:
    served.ask("spend", [{"user": "a"}] * 5)
    between = datetime.now(UTC)
    served.ask("spend", [{"user": "b"}] * 5)
    assert served.skew(since=between).compared == 5
    assert served.skew(until=between).compared == 5
    assert served.skew(since=datetime.now(UTC)).compared == 0
    served.ask_each([("spend", [{"user": "a"}], {}), ("spend", [{"user": "b"}], {})])
    last = served.skew(limit=1)
    assert (last.reads, last.last) == (1, served.skew().last)
    report = served.skew(limit=7)
    assert (report.reads, report.has_more) == (7, True)
    assert not served.skew(limit=12).has_more
