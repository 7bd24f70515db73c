"""``POST /v1/features`` answers as the reader in this process does, in JSON and in Arrow, and says what is wrong."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pyarrow as pa
import pytest

from tests.online.stage import START, Shelf, minutes, rows
from tests.server.stage import KINDS, LARGE, Asked, ask
from workbench.dtypes import dtype_from_json
from workbench.protocol import ARROW, ARROW_FACTS, from_json
from workbench.store import parse_all

USERS: list[Mapping[str, object]] = [
    {"user": "a"},
    {"user": "nobody"},
    {"user": "b"},
    {"user": "a"},
    {"user": None},
    {"user": "c"},
]


def same(left: Any, right: Any) -> bool:
    """Return whether two values are the same, NaN too."""
    if isinstance(left, float) and isinstance(right, float) and math.isnan(left):
        return math.isnan(right)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[name], right[name]) for name in left)
    return type(left) is type(right) and bool(left == right)


@pytest.mark.parametrize("query", ["", "?int64=string", "?int64=number"])
@pytest.mark.parametrize("at", [None, START + timedelta(minutes=2)])
def test_a_json_answer_has_the_values_of_the_reader(
    shelf: Shelf, asked: Asked, query: str, at: datetime | None
) -> None:
    answers_as_the_reader(shelf, asked, ["kinds", "recent:value as late", "recent", "world"], USERS, query=query, at=at)


@pytest.mark.parametrize("users", ["a", "b", "c", "z", "aa", "aaaaaaa", "abc", "cccccc"])
@pytest.mark.parametrize(
    "refs",
    [
        ["world", "kinds:small", "kinds:whole", "recent:value as late"],  # which stand in another order than the views
        ["kinds:narrow", "world", "kinds:text"],
        ["kinds:real"],
        ["recent:kept"],
        ["kinds:price", "kinds:local"],
    ],
)
def test_few_entities_and_such_as_have_all_values_are_answered_alike(
    shelf: Shelf, asked: Asked, users: str, refs: list[str]
) -> None:
    entities: list[Mapping[str, object]] = [{"user": user} for user in users]
    for query in ("", "?int64=string"):
        for at in (None, START + timedelta(minutes=1), START + timedelta(minutes=9)):
            answers_as_the_reader(shelf, asked, refs, entities, query=query, at=at)


def answers_as_the_reader(
    shelf: Shelf,
    asked: Asked,
    refs: list[str],
    entities: list[Mapping[str, object]],
    *,
    query: str,
    at: datetime | None,
) -> None:
    """Check that an answer in JSON has what the reader in this process finds, and no more."""
    body = {"at": at.isoformat()} if at else {}
    answer = asked.features(refs, entities, query=query, full_names=True, **body)
    assert answer.status_code == 200, answer.text
    found = json.loads(answer.text)
    right = shelf.reader().read(parse_all(refs), entities, at=at, full_names=True).values()
    assert list(found["features"]) == list(right[0])
    assert found["rows"] == len(entities)
    for name, column in found["features"].items():
        convert = from_json(dtype_from_json(column["dtype"])) or (lambda value: value)
        view = found["views"][column["view"]]
        assert len(column["values"]) == len(column["statuses"]) == len(view["event_times"]) == len(entities)
        for row, value in enumerate(column["values"]):
            expected = right[row][name]
            assert same(convert(value), expected.value), (name, value, expected.value)
            assert column["statuses"][row] == expected.status
            assert (view["version"], view["generation"], view["source"]) == (
                expected.version, expected.generation, expected.source,
            )  # fmt: skip
            for times, time in ((view["event_times"], expected.event_time), (view.get("created"), expected.created)):
                given = times[row] if times else None
                assert (None if given is None else datetime.fromisoformat(given)) == time
    values = asked.features(refs, entities, query=query, full_names=True, details=False, **body).json()
    for name, column in found["features"].items():
        del column["statuses"]
        assert values["features"][name] == column
    for view in found["views"].values():
        del view["event_times"]
        view.pop("created", None)
    assert (values["views"], values["rows"], values["keys"]) == (found["views"], found["rows"], found["keys"])


def test_every_kind_of_feature_is_among_those_compared() -> None:
    assert {type(dtype) for _, dtype in KINDS.values()} >= {
        pl.Int64, pl.UInt64, pl.Float64, pl.String, pl.Boolean, pl.Date, pl.Datetime, pl.Time, pl.Duration, pl.Decimal,
        pl.Enum, pl.List, pl.Struct,
    }  # fmt: skip


def test_numbers_that_json_has_no_form_for_are_texts_and_whole_numbers_are_exact(asked: Asked) -> None:
    found = asked.features(["kinds:real", "kinds:whole", "kinds:price"], [{"user": u} for u in "abc"]).json()[
        "features"
    ]
    assert found["real"]["values"] == ["NaN", "Infinity", "-Infinity"]
    assert found["real"]["statuses"] == ["present"] * 3
    assert found["whole"]["values"] == [LARGE, -(2**63), None]
    assert found["price"]["values"] == ["12.50", "-0.01", None]
    texts = asked.features(["kinds:whole", "kinds:small", "kinds:wholes"], [{"user": "a"}], query="?int64=string")
    assert [column["values"] for column in texts.json()["features"].values()] == [[str(LARGE)], [1], [[str(LARGE)]]]


@pytest.mark.parametrize("details", [True, False])
def test_an_arrow_answer_is_the_frame_of_the_reader(shelf: Shelf, asked: Asked, details: bool) -> None:  # noqa: FBT001 - a parameter of the test
    refs = ["kinds", "recent:value as late", "world"]
    answer = asked.features(refs, USERS, accept=ARROW, full_names=True, details=details)
    assert answer.headers["content-type"] == ARROW
    right = shelf.reader().read(parse_all(refs), USERS, full_names=True).frame(details=details)
    assert pl.read_ipc_stream(io.BytesIO(answer.content)).equals(right, null_equal=True)
    facts = json.loads(pa.ipc.open_stream(answer.content).schema.metadata[ARROW_FACTS])
    assert {name: view["version"] for name, view in facts["views"].items()} == dict.fromkeys(
        ["kinds", "late", "world"], "1.0"
    )


def test_without_details_an_answer_has_values_and_nothing_else(asked: Asked) -> None:
    found = asked.features("recent", USERS[:1], details=False).json()
    assert set(found["features"]["value"]) == {"view", "dtype", "values"}
    assert set(found["views"]["recent"]) == {"version", "source", "generation"}


@pytest.mark.parametrize("entities", [[], {"user": []}, [{"user": "a"}] * 3, {"user": ["a", "a", "a"]}])
def test_entities_come_as_objects_or_as_columns(asked: Asked, entities: Any) -> None:
    count = len(entities["user"] if isinstance(entities, dict) else entities)
    found = asked.features("kinds:small", entities).json()
    assert (found["rows"], found["features"]["small"]["values"]) == (count, [1] * count)


def test_a_view_without_entities_answers_each_row(asked: Asked) -> None:
    assert asked.features("world", [{}, {}]).json()["features"]["value"]["values"] == [7.0, 7.0]


def test_keys_that_json_has_no_kind_for_are_read_from_texts(asked: Asked) -> None:
    keys = [{"day": "2024-01-01", "number": LARGE}, {"day": "2024-01-02", "number": LARGE}]
    assert asked.features("days", keys).json()["features"]["value"]["values"] == [3.0, None]
    as_text = [{"day": "2024-01-01", "number": str(LARGE)}]
    assert asked.features("days", as_text, query="?int64=string").json()["features"]["value"]["values"] == [3.0]
    refused = asked.features("days", as_text)
    assert (refused.status_code, refused.json()["error"]) == (422, "JoinError")


def test_a_release_answers_with_what_it_pins(tmp_path: Path) -> None:
    shelf = Shelf.at(tmp_path)
    shelf.publish("spend", rows(["a"], minutes(1), [1.0]))
    shelf.releases["r1"] = shelf.commit()
    shelf.load()
    shelf.publish("spend", rows(["a"], minutes(1), [2.0]), number="2.0")
    shelf.load()
    asked = ask(shelf)
    both = [asked.features("spend", [{"user": "a"}], **body).json() for body in ({}, {"release": "r1"})]
    assert [each["features"]["value"]["values"] for each in both] == [[2.0], [1.0]]
    assert [each["views"]["spend"]["version"] for each in both] == ["2.0", "1.0"]


def test_another_key_type_that_is_published_is_asked_for_at_once(tmp_path: Path) -> None:
    shelf = Shelf.at(tmp_path)
    shelf.publish("spend", rows(["a"], minutes(1), [1.0]))
    shelf.load()
    asked = ask(shelf)
    assert asked.features("spend", [{"user": "a"}]).status_code == 200
    assert asked.features("spend", [{"user": "2024-01-01"}]).status_code == 200
    days = rows(["a"], minutes(1), [2.0]).with_columns(user=pl.date(2024, 1, 1))
    shelf.publish("spend", days, number="2.0")
    shelf.load()
    assert asked.features("spend", [{"user": "2024-01-01"}]).json()["features"]["value"]["values"] == [2.0]
    numbers = days.with_columns(user=pl.lit(1))
    shelf.publish("spend", numbers, number="3.0")
    shelf.load()
    assert asked.features("spend", [{"user": 1}]).json()["features"]["value"]["values"] == [2.0]
    shelf.publish("spend", days, number="4.0")
    shelf.load()
    assert asked.features("spend", [{"user": "2024-01-01"}]).json()["features"]["value"]["values"] == [2.0]
    shelf.publish("spend", rows(["today"], minutes(1), [3.0]), number="5.0")
    shelf.load()
    assert asked.features("spend", [{"user": "today"}]).json()["features"]["value"]["values"] == [3.0]


MISTAKES: dict[str, tuple[dict[str, Any], int, str | None, str]] = {
    "an unknown view": ({"features": ["recnt"]}, 422, "features", "did you mean 'recent'?"),
    "an unknown feature": ({"features": ["recent:valu"]}, 422, "features", "did you mean 'recent:value'?"),
    "an unknown version": ({"features": ["recent@7"]}, 422, "features", ""),
    "no features": ({"features": []}, 422, "features", "No features"),
    "what is no reference": ({"features": ["a b c("]}, 422, "features", ""),
    "features that are a number": ({"features": 3}, 422, "features", ""),
    "a name twice": ({"features": ["recent:value", "world:value"]}, 422, "entities", "full_names"),
    "a key of another type": ({"entities": [{"user": 1}]}, 422, "entities", "str"),
    "a missing key": ({"entities": [{"usr": "a"}]}, 422, "entities", "did you mean 'usr'?"),
    "entities that are a text": ({"entities": "a"}, 422, "entities", ""),
    "a nested key": ({"entities": [{"user": ["a"]}]}, 422, "entities[0][...]", ""),
    "columns of two lengths": ({"entities": {"user": ["a"], "x": [1, 2]}}, 422, "entities", "one value an entity"),
    "what is no time": ({"at": "yesterday"}, 422, "at", "ISO 8601"),
    "a time that is a number": ({"at": 5}, 422, "at", ""),
    "an unknown release": ({"release": "2024.2"}, 422, "release", "'2024.1'"),
    "an unknown field": ({"entity": []}, 422, "entity", "did you mean 'entities'?"),
    "a day that is none": (
        {"features": ["days"], "entities": [{"day": "2024-02-31", "number": 1}]}, 422, "entities[0].day", "2013-06-01",
    ),
    "a day that is a number": ({"features": ["days"], "entities": [{"day": 5, "number": 1}]}, 422, "entities", "date"),
    "a whole number with a fraction": (
        {"features": ["days"], "entities": [{"day": "2024-01-01", "number": 1.0}]}, 422, "entities", "int",
    ),
    "a truth for a whole number": (
        {"features": ["days"], "entities": [{"day": "2024-01-01", "number": True}]}, 422, "entities", "int",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_answered_with_its_field_and_remedy(asked: Asked, mistake: str) -> None:
    change, status, field, remedy = MISTAKES[mistake]
    body = {"features": ["recent"], "entities": [{"user": "a"}]} | change
    answer = asked("POST", "/v1/features", json=body)
    found = answer.json()
    assert (answer.status_code, found.get("field")) == (status, field), found
    assert answer.headers["content-type"] == "application/problem+json"
    assert found["status"] == status
    assert found["detail"]
    assert remedy in found["remedy"] + found["detail"]
    assert found["request_id"] == answer.headers["x-request-id"]


def test_an_instant_before_the_history_says_how_far_it_goes(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    shelf = Shelf.at(tmp_path, history=timedelta(days=7))
    shelf.publish("spend", rows(["a"], [now - timedelta(days=9)], [1.0]))
    shelf.load()
    early = (now - timedelta(days=8)).isoformat()
    found = ask(shelf).features("spend", [{"user": "a"}], at=early)
    assert (found.status_code, found.json()["field"]) == (422, "at")
    assert f"{now - timedelta(days=7):%Y-%m-%d %H:%M}" in found.json()["detail"]


def test_rows_that_the_store_does_not_reach_come_from_the_lake(tmp_path: Path) -> None:
    from dataclasses import replace

    from tests.server.stage import options
    from workbench.server import FeatureService

    now = datetime.now(UTC)
    shelf = Shelf.at(tmp_path, history=timedelta(days=7))
    shelf.publish("spend", rows(["a", "a"], [now - timedelta(days=9), now - timedelta(days=1)], [1.0, 2.0]))
    shelf.load()
    service = FeatureService(replace(options(shelf), lake=("lake", str(tmp_path))))
    found = Asked(service).features("spend", [{"user": "a"}], at=(now - timedelta(days=8)).isoformat()).json()
    assert found["features"]["value"]["values"] == [1.0]
    assert (found["views"]["spend"]["source"], found["views"]["spend"]["generation"]) == ("lake", None)


def test_an_answer_of_many_rows_is_the_same_as_one_of_few(shelf: Shelf, asked: Asked) -> None:
    many = [{"user": user} for user in "abcd" * 300]
    found = asked.features(["kinds:small", "recent"], many).json()["features"]
    assert found["small"]["values"] == [1, -1, None, None] * 300
    assert found["kept"]["values"] == [1.0, 0.5, None, 0.5] * 300


def test_an_empty_store_is_not_ready_and_says_what_to_do(tmp_path: Path) -> None:
    asked = ask(Shelf.at(tmp_path))
    ready = asked("GET", "/health/ready")
    assert (ready.status_code, ready.headers["retry-after"]) == (503, "1")
    assert "workbench online load" in ready.json()["detail"]
    assert asked("GET", "/health/live").status_code == 200


def test_a_damaged_store_is_503_and_its_folder_is_not_named(tmp_path: Path) -> None:
    folder = tmp_path / "online"
    folder.mkdir()
    (folder / "data.mdb").write_bytes(b"damage" * 5_000)
    asked = ask(Shelf.at(tmp_path))
    for answer in (asked.features("spend", [{}]), asked("GET", "/health/ready"), asked("GET", "/v1/catalog")):
        assert (answer.status_code, answer.json()["error"]) == (503, "OnlineError")
        assert str(tmp_path) not in answer.text


def test_the_document_describes_the_bodies_that_are_sent(asked: Asked) -> None:
    document = asked("GET", "/openapi.json").json()
    schemas = document["components"]["schemas"]
    assert set(schemas["FeatureRequest"]["properties"]) == {
        "features", "entities", "at", "release", "full_names", "details",
    }  # fmt: skip
    answer = asked.features("recent", USERS[:1]).json()
    assert set(answer) == set(schemas["FeatureAnswer"]["properties"])
    assert set(answer["views"]["recent"]) <= set(schemas["ViewAnswer"]["properties"])
    assert set(document["paths"]) == {"/v1/features", "/v1/catalog", "/health/live", "/health/ready", "/metrics"}
    assert all(asked("GET", path).status_code in {200, 405} for path in document["paths"])
    assert b"POST /v1/features" in asked("GET", "/").content


def test_the_catalog_lists_views_sets_and_releases(asked: Asked) -> None:
    found = asked("GET", "/v1/catalog").json()
    assert list(found["views"]) == ["days", "kinds", "recent", "world"]
    assert found["views"]["days"]["entities"] == {"day": "Date", "number": "Int64"}
    assert found["views"]["recent"]["features"]["kept"]["dtype"] == "Float64"
    assert (found["feature_sets"], found["releases"]) == ({"all": ["recent:value", "world"]}, ["2024.1"])
    assert list(asked("GET", "/v1/catalog?search=kept").json()["views"]) == ["recent"]


def test_the_messages_decode_as_they_are_described(asked: Asked) -> None:
    from workbench.protocol import FeatureAnswer, ProblemDetails

    msgspec.json.decode(asked.features("kinds", USERS).content, type=FeatureAnswer)
    msgspec.json.decode(asked.features("kind", USERS).content, type=ProblemDetails)
