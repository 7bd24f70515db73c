"""What somebody sends who means no good, or more than the service can do, gets a short answer and changes nothing."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.server.stage import Asked, ask, options
from workbench.server import FeatureService
from workbench.server.features import FeatureAnswers
from workbench.server.limits import TICK, WAITING, Lateness, RateLimit
from workbench.server.problem import Problem, Response

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from tests.online.stage import Shelf

GOOD = b'{"features":["recent:value"],"entities":[{"user":"a"}]}'
NAMES = [f"column{number}" for number in range(50_000)]
BODIES: dict[str, tuple[bytes, int]] = {
    "nothing": (b"", 400),
    "no JSON": (b"\xff\xfe", 400),
    "half": (GOOD[:-3], 400),
    "a list": (b"[]", 422),
    "a number": (b"5", 422),
    "deep lists": (b'{"entities":' + b"[" * 500_000 + b"]" * 500_000 + b"}", 422),
    "deep lists in an unknown field": (b'{"x":' + b"[" * 500_000 + b"]" * 500_000 + b"}", 422),
    "deep objects": (b'{"entities":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001, 422),
    "a number of many digits": (b'{"features":["days"],"entities":[{"number":' + b"9" * 100_000 + b"}]}", 422),
    "a float beyond all": (b'{"features":["days"],"entities":[{"number":1e999}]}', 422),
    "a lone surrogate": (b'{"features":["recent"],"entities":[{"user":"\\ud800"}]}', 400),
    "a null byte": (b'{"features":["recent:value"],"entities":[{"user":"a\\u0000"}]}', 200),
    "a long key": (b'{"features":["recent:value"],"entities":[{"user":"' + b"x" * 1_000_000 + b'"}]}', 200),
    "a reference of many letters": (b'{"features":["' + b"x" * 1_000_000 + b'"],"entities":[]}', 422),
    "a reference that is a path": (b'{"features":["../../etc/passwd"],"entities":[]}', 422),
    "many features": (json.dumps({"features": ["recent"] * 501, "entities": []}).encode(), 413),
    "many entities": (b'{"features":["recent"],"entities":[' + b"{}," * 5_001 + b"{}]}", 413),
    "a column of many": (b'{"features":["recent"],"entities":{"user":[' + b"1," * 5_001 + b"1]}}", 413),
    "many columns": (json.dumps({"features": ["recent"], "entities": [dict.fromkeys(NAMES, 1)]}).encode(), 413),
    "many lists": (json.dumps({"features": ["recent"], "entities": {name: [] for name in NAMES}}).encode(), 413),
    "a body beyond the limit": (b'{"features":["recent"],"entities":[]' + b" " * (4 * 2**20) + b"}", 413),
    "a release that is a path": (b'{"features":["recent"],"entities":[],"release":"../main"}', 422),
    "a long release": (b'{"features":["recent"],"entities":[],"release":"' + b"x" * 1_000_000 + b'"}', 422),
    "a long key of another type": (b'{"features":["days"],"entities":[{"number":"' + b"x" * 1_000_000 + b'"}]}', 422),
    "a long field": (b'{"' + b"x" * 1_000_000 + b'":1}', 422),
    "a time far off": (b'{"features":["world"],"entities":[{}],"at":"0001-01-01T00:00:00+23:59"}', 422),
    "the first instant": (b'{"features":["world:value"],"entities":[{}],"at":"0001-01-01T00:00:00Z"}', 200),
    "the last instant": (b'{"features":["world:value"],"entities":[{}],"at":"9999-12-31T23:59:59.999999Z"}', 200),
    "a float that is no number": (b'{"features":["days"],"entities":[{"day":"2024-01-01","number":NaN}]}', 400),
    "a float beyond all by name": (b'{"features":["world"],"entities":[{"a":-Infinity}]}', 400),
    "a number beyond the key's type": (
        b'{"features":["days"],"entities":[{"day":"2024-01-01","number":9223372036854775808}]}',
        200,
    ),
    "a truth as a text": (b'{"features":["recent"],"entities":[{"user":true}]}', 422),
    "a list as a key": (b'{"features":["recent"],"entities":[{"user":["a"]}]}', 422),
    "an object as a key": (b'{"features":["recent"],"entities":[{"user":{"a":1}}]}', 422),
    "an object as a column": (b'{"features":["recent"],"entities":{"user":{"a":1}}}', 422),
    "a null as a key": (b'{"features":["recent"],"entities":[{"user":null}]}', 200),
    "a null for entities": (b'{"features":["recent"],"entities":null}', 422),
    "an entity that is null": (b'{"features":["recent"],"entities":[null]}', 422),
    "a key that is missing in one": (b'{"features":["recent"],"entities":[{"user":"a"},{}]}', 422),
    "a null for a feature": (b'{"features":[null],"entities":[]}', 422),
    "an object for a feature": (b'{"features":[{"view":"recent"}],"entities":[]}', 422),
    "an empty reference": (b'{"features":[""],"entities":[]}', 422),
    "no entities": (b'{"features":["recent"],"entities":[]}', 200),
    "no columns": (b'{"features":["recent"],"entities":{}}', 200),
    "the same entity again and again": (
        b'{"features":["recent"],"entities":[' + b'{"user":"a"},' * 999 + b'{"user":"a"}]}',
        200,
    ),
    "a truth for a text": (b'{"features":["world"],"entities":[],"full_names":"yes"}', 422),
    "another encoding": ('{"features":["world"],"entities":[]}'.encode("utf-16"), 400),
    "bytes that are no UTF-8 in a key": (b'{"features":["recent"],"entities":[{"user":"\xc3("}]}', 400),
    "more after the end": (GOOD + GOOD, 400),
    "a version beyond all": (b'{"features":["recent@99999999999999999999"],"entities":[]}', 422),
    "the same field twice": (GOOD[:-1] + b',"features":["world:value"]}', 200),
}


@pytest.mark.parametrize("name", BODIES)
def test_each_body_gets_its_answer_and_the_service_goes_on(asked: Asked, name: str) -> None:
    body, status = BODIES[name]
    answer = asked("POST", "/v1/features", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status, answer.text[:500]
    if status != 200:
        assert set(answer.json()) <= {"title", "status", "detail", "error", "remedy", "field", "request_id"}
        assert answer.json()["detail"]
        assert answer.json()["remedy"]
        assert len(answer.content) < 2_000
        assert not re.search(r"Traceback|\.py\b|site-packages|msgspec|Struct|0x[0-9a-f]{6}|/tmp/", answer.text)
    assert asked("POST", "/v1/features", content=GOOD).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/features", 405),
        ("PUT", "/v1/features", 405),
        ("POST", "/v1/features/", 404),
        ("POST", "//v1/features", 404),
        ("POST", "/v1/%2e%2e/v1/features", 404),
        ("POST", "/V1/FEATURES", 404),
        ("GET", "/../etc/passwd", 404),
        ("GET", "/v1/catalog/..%2f..", 404),
        ("POST", "/v1/catalog", 405),
        ("DELETE", "/metrics", 405),
        ("GET", "/metrics/", 404),
        ("TRACE", "/health/live", 405),
    ],
)
def test_other_paths_and_methods_are_problems(asked: Asked, method: str, path: str, status: int) -> None:
    answer = asked(method, path, content=GOOD)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert ("allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({"content-type": "text/plain"}, "", 415),
        ({"content-type": "application/x-www-form-urlencoded"}, "", 415),
        ({"content-type": "application/json; charset=utf-8"}, "", 200),
        ({"content-encoding": "gzip"}, "", 415),
        ({"content-length": "-1"}, "", 413),
        ({"content-length": "9" * 30}, "", 413),
        ({}, "?int64=text", 422),
        ({}, "?int64=string&int64=string", 422),
        ({}, "?other=1", 422),
        ({}, "?" + "&".join(f"a{n}=1" for n in range(100)), 422),
        ({"accept": "text/html"}, "", 200),
        ({"x-request-id": "bad id\t"}, "", 200),
    ],
)
def test_headers_and_parameters_that_are_not_understood(
    asked: Asked, headers: dict[str, str], query: str, status: int
) -> None:
    answer = asked("POST", f"/v1/features{query}", content=GOOD, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["x-request-id"] != "bad id\t"


@pytest.mark.parametrize(
    ("query", "field"),
    [("?serach=x", "serach"), ("?search=a&search=b", "search"), ("?search=" + "a" * 201, "search"), ("?a", "search")],
)
def test_what_the_catalog_does_not_understand_is_refused_and_not_passed_over(
    asked: Asked, query: str, field: str
) -> None:
    answer = asked("GET", f"/v1/catalog{query}")
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert asked("GET", "/v1/catalog?search=" + "a" * 200).status_code == 200


@pytest.mark.parametrize("kind", ["*/*", "text/html", "application/xml;q=0.1", "\x7f", ""])
def test_any_kind_of_answer_that_is_not_arrow_is_json(asked: Asked, kind: str) -> None:
    answer = asked.features(["world"], [{}], accept=kind)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")


def test_a_request_id_that_is_one_comes_back(asked: Asked) -> None:
    answer = asked("POST", "/v1/features", content=GOOD, headers={"x-request-id": "trace-1"})
    assert answer.headers["x-request-id"] == "trace-1"


def exchange(service: FeatureService, *messages: MutableMapping[str, Any] | None) -> list[MutableMapping[str, Any]]:
    """Return what a service sends where the client sends these messages, and nothing more after None."""

    async def run() -> list[MutableMapping[str, Any]]:
        left, sent = list(messages), []

        async def receive() -> MutableMapping[str, Any]:
            message = left.pop(0)
            if message is None:
                await asyncio.Event().wait()
            assert message is not None
            return message

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        headers = [(b"host", b"localhost")]
        scope = {"type": "http", "method": "POST", "path": "/v1/features", "headers": headers, "query_string": b""}
        await asyncio.wait_for(service(scope, receive, send), 60)
        return sent

    return asyncio.run(run())


def part(body: bytes, *, more: bool) -> MutableMapping[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_in_parts_is_read_whole_and_one_without_a_length_is_cut_off(shelf: Shelf) -> None:
    service = FeatureService(options(shelf, max_body=2**12))
    assert exchange(service, part(GOOD[:9], more=True), part(GOOD[9:], more=False))[0]["status"] == 200
    endless = [part(b" " * 1_000, more=True)] * 10
    assert exchange(service, *endless)[0]["status"] == 413


def test_a_client_that_stops_sending_is_answered_at_the_deadline(shelf: Shelf) -> None:
    service = FeatureService(options(shelf, deadline_ms=50))
    sent = exchange(service, part(GOOD[:9], more=True), None)
    assert sent[0]["status"] == 503
    assert dict(sent[0]["headers"])[b"retry-after"] == b"1"


def test_a_client_that_goes_away_ends_its_request(shelf: Shelf) -> None:
    service = FeatureService(options(shelf))
    assert exchange(service, part(GOOD[:9], more=True), {"type": "http.disconnect"})[0]["status"] == 400


def test_more_requests_than_may_run_are_told_to_come_back(shelf: Shelf) -> None:
    service = FeatureService(options(shelf, concurrency=2))
    asked = Asked(service)

    async def run() -> list[int]:
        begun = [asyncio.Event() for _ in range(2)]
        going = asyncio.Event()
        statuses: list[int] = []

        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        async def one(number: int) -> None:
            async def receive() -> MutableMapping[str, Any]:
                begun[number].set()
                await going.wait()
                return part(GOOD, more=False)

            await service(dict(scope), receive, send)

        async def at_once() -> MutableMapping[str, Any]:
            return part(GOOD, more=False)

        headers = [(b"host", b"localhost")]
        scope = {"type": "http", "method": "POST", "path": "/v1/features", "headers": headers, "query_string": b""}
        waiting = [asyncio.create_task(one(number)) for number in range(2)]
        for event in begun:
            await event.wait()
        await service(dict(scope), at_once, send)
        going.set()
        await asyncio.gather(*waiting)
        return statuses

    assert asyncio.run(run()) == [503, 200, 200]
    assert asked("POST", "/v1/features", content=GOOD).status_code == 200
    assert 'workbench_refused_total{reason="busy"} 1.0' in asked("GET", "/metrics").text


def test_a_rate_is_a_caller_s_own_and_says_when_to_come_back(shelf: Shelf) -> None:
    now = [0.0]
    limit = RateLimit(2.0, clock=lambda: now[0])
    for _ in range(2):
        limit.spend("a")
    limit.spend("b")
    with pytest.raises(Problem) as refused:
        limit.spend("a")
    assert refused.value.status == 429
    assert dict(refused.value.headers)[b"retry-after"] == b"1"
    now[0] = 0.5
    limit.spend("a")
    with pytest.raises(Problem):
        limit.spend("a")
    asked = ask(shelf, rate=0.001)
    assert [asked("POST", "/v1/features", content=GOOD).status_code for _ in range(2)] == [200, 429]
    assert asked("GET", "/health/live").status_code == 200


def test_a_loop_that_runs_late_twice_is_noticed_and_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> list[bool]:
        lateness, loop = Lateness(0.5), asyncio.get_running_loop()
        now, seen = [loop.time()], []
        with monkeypatch.context() as patch:
            patch.setattr(loop, "time", lambda: now[0])
            lateness.start()
            for seconds in (1.0, 1.0, TICK, 1.0):
                lateness.stop()
                now[0] += seconds
                lateness._look()
                seen.append(lateness.is_high)
            lateness.stop()
        return seen

    assert asyncio.run(run()) == [False, True, False, False]


def test_a_service_that_is_late_sends_requests_back_but_not_health_checks(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Lateness, "is_high", True)
    asked = ask(shelf)
    answer = asked("POST", "/v1/features", content=GOOD)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert asked("GET", "/health/ready").status_code == 200
    assert asked("GET", "/metrics").status_code == 200


MANY = json.dumps({"features": ["recent:value"], "entities": [{"user": "a"}] * 500}).encode()


def test_large_requests_run_in_threads_and_small_ones_do_not(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []
    answer = FeatureAnswers.answer

    def noted(self: FeatureAnswers, *args: Any) -> Response:
        threads.append(threading.current_thread() is threading.main_thread())
        return answer(self, *args)

    monkeypatch.setattr(FeatureAnswers, "answer", noted)
    asked = ask(shelf)
    for body in (GOOD, MANY):
        assert asked("POST", "/v1/features", content=body).status_code == 200
    assert threads == [True, False]


def test_what_does_not_end_is_answered_at_the_deadline_and_holds_nothing_up(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    going, answer = threading.Event(), FeatureAnswers.answer

    def stuck(self: FeatureAnswers, question: Any, token: Any) -> Response:
        if len(question.entities) > 1:
            going.wait()
        return answer(self, question, token)

    monkeypatch.setattr(FeatureAnswers, "answer", stuck)
    asked = ask(shelf, deadline_ms=50, threads=1)
    found = asked.together(WAITING + 1, "POST", "/v1/features", content=MANY)
    assert {(each.status_code, each.headers["retry-after"]) for each in found} == {(503, "1")}
    assert sum("within" in each.text for each in found) == WAITING  # the last one finds too many before it
    assert asked("POST", "/v1/features", content=GOOD).status_code == 200
    going.set()
