"""What clients send that is no HTTP, has no end or comes too slowly; each is answered and the others are served."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, cast

import pytest
from httptools import HttpRequestParser
from hypothesis import example, given
from hypothesis import strategies as st
from uvicorn import Config
from uvicorn.server import ServerState

from tests.server.stage import Asked, Sockets, options, rest_of
from workbench.server import FeatureService, TokenFile, connection, metrics

if TYPE_CHECKING:
    from pathlib import Path

    from tests.online.stage import Shelf

BODY = b'{"features":["recent:value"],"entities":[{"user":"a"}]}'
SECONDS = 0.05
"""How long a client has that is to be too slow."""


def request(
    *headers: bytes, body: bytes = BODY, length: int | None = None, line: bytes = b"POST /v1/features HTTP/1.1"
) -> bytes:
    """Return a request for features with further headers."""
    lengths = [b"content-length: %d" % (len(body) if length is None else length)] if length != -1 else []
    return b"\r\n".join([line, b"host: localhost", *lengths, *headers, b"", body])


LAST = request(b"connection: close")


def answers(said: bytes) -> list[tuple[int, Any]]:
    """Return the status of each answer that came, and its body."""
    found = []
    while said:
        head, _, said = said.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:"))
        body, said = said[:length], said[length:]
        found.append((int(lines[0].split()[1]), json.loads(body)))
    return found


@pytest.fixture(scope="module", autouse=True)
def _patience() -> Iterator[None]:
    """No client is too slow for a busy machine, unless a test says so."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HEAD_SECONDS", "REST_SECONDS", "KEEP_SECONDS", "WRITE_SECONDS"):
            patch.setattr(connection, name, 3_600)
        yield


def serve(shelf: Shelf, **settings: Any) -> Sockets:
    """Return a service that finds no request late."""
    return Sockets(options(shelf, **{"queue_ms": 3_600_000, "deadline_ms": 60_000} | settings))


@pytest.fixture(scope="module")
def sockets(shelf: Shelf) -> Iterator[Sockets]:
    with serve(shelf, max_body=2**12) as served:
        yield served


def is_served(sockets: Sockets) -> bool:
    ((status, found),) = answers(sockets.exchange(LAST))
    return status == 200 and found["features"]["value"]["values"] == [1.0]


CHUNKED = b"transfer-encoding: chunked"
WRONG = {
    "no HTTP": b"hello\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "nothing but zeros": b"\0" * 100,
    "a method that there is not": request(line=b"FETCH /v1/features HTTP/1.1"),
    "another version": request(line=b"POST /v1/features HTTP/3.7"),
    "a length and chunks": request(CHUNKED, body=b"0\r\n\r\n"),
    "chunks and a length": b"POST /v1/features HTTP/1.1\r\nhost: localhost\r\n"
    + CHUNKED
    + b"\r\ncontent-length: 5\r\n\r\n",
    "two lengths": request(b"content-length: 7"),
    "a list of lengths": request(b"content-length: 5, 5", length=-1),
    "a length below zero": request(b"content-length: -1", length=-1),
    "a length with a sign": request(b"content-length: +55", length=-1),
    "a length of hexadecimals": request(b"content-length: 0x37", length=-1),
    "a length beyond all numbers": request(length=10**30),
    "chunks that are not the last coding": request(b"transfer-encoding: chunked, gzip", length=-1),
    "another coding that is like chunks": request(b"transfer-encoding: xchunked", length=-1),
    "a space before a colon": request(b"x-a : b"),
    "a folded header": request(b"x-a: b\r\n c"),
    "a header without a name": request(b": b"),
    "a zero byte in a header": request(b"x-a: b\0c"),
    "a lone line feed in a header": request(b"x-a: b\ncontent-length: 5"),
    "a size that is none": request(CHUNKED, body=b"zz\r\n", length=-1),
    "a size with a sign": request(CHUNKED, body=b"-1\r\n", length=-1),
    "a size beyond all numbers": request(CHUNKED, body=b"f" * 20 + b"\r\n", length=-1),
    "more than a size says": request(CHUNKED, body=b"1\r\nabc\r\n0\r\n\r\n", length=-1),
    "a zero byte in the path": request(line=b"POST /v1/\0features HTTP/1.1"),
    "a space in the path": request(line=b"POST /v1/ features HTTP/1.1"),
    "letters beyond ASCII in the path": request(line="POST /v1/fé HTTP/1.1".encode()),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_request_or_two_at_once_is_refused_and_the_connection_is_closed(sockets: Sockets, name: str) -> None:
    ((status, found),) = answers(sockets.exchange(WRONG[name]))  # and no second answer, to what was smuggled in
    assert (status, found["status"]) == (400, 400)
    assert found["detail"]
    assert found["remedy"]
    assert is_served(sockets)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (b"/v1/../v1/features", 404),
        (b"/v1/%2e%2e/v1/features", 404),
        (b"//v1/features", 404),
        (b"/v1//features", 404),
        (b"/v1/features%00", 404),
        (b"/v1/features;a=b", 404),
        (b"/v1/features/..", 404),
        (b"/%76%31/features", 200),
        (b"/v1/features#a", 200),
        (b"http://elsewhere.example/v1/features", 200),
        (b"/v1/%ff%fe", 404),
        (b"/etc/passwd", 404),
        (b"/v1/features?" + b"a" * 30_000, 422),
        (b"/" + b"a" * 30_000, 404),
        (b"*", 404),
    ],
)
def test_a_path_is_that_of_a_route_or_of_nothing(sockets: Sockets, path: bytes, status: int) -> None:
    said = sockets.exchange(request(b"connection: close", line=b"POST %s HTTP/1.1" % path))
    assert [found for found, _ in answers(said)] == [status], said[:500]


@pytest.mark.parametrize("method", [b"HEAD", b"OPTIONS", b"TRACE", b"DELETE", b"PATCH", b"PROPFIND"])
def test_methods_that_there_are_not_are_refused_with_those_that_there_are(sockets: Sockets, method: bytes) -> None:
    said = sockets.exchange(
        request(b"connection: close", line=b"%s /v1/features HTTP/1.1" % method, body=b"", length=-1)
    )
    assert said.startswith(b"HTTP/1.1 405 ")
    assert b"\r\nallow: POST\r\n" in said


def test_a_request_to_another_protocol_is_answered_in_this_one(sockets: Sockets) -> None:
    upgrade = [b"upgrade: websocket", b"connection: upgrade", b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="]
    for wanted in (upgrade, [b"upgrade: h2c", b"connection: upgrade, http2-settings", b"http2-settings: AAMAAABkAAQ"]):
        said = sockets.exchange(request(*wanted), LAST)
        assert [status for status, _ in answers(said)] == [200, 200]
        head, body = request(*wanted)[: -len(BODY)], request() + LAST  # the body of one request is not two others
        head = head.replace(b"length: %d" % len(BODY), b"length: %d" % len(body))
        assert [status for status, _ in answers(sockets.exchange(head, body, LAST))] == [400, 200]


def test_a_request_to_another_server_is_refused(sockets: Sockets) -> None:
    for line in (b"CONNECT elsewhere.example:443 HTTP/1.1", b"CONNECT /v1/features HTTP/1.1"):
        assert [status for status, _ in answers(sockets.exchange(request(line=line)))] == [400]


def test_requests_that_come_together_are_answered_in_their_order(sockets: Sockets) -> None:
    other = BODY.replace(b"recent:value", b"recent:valu")
    said = sockets.exchange(request(body=BODY) * 3 + request(body=other) + request() + LAST)
    assert [status for status, _ in answers(said)] == [200, 200, 200, 422, 200, 200]


def test_what_is_wrong_after_a_request_does_not_take_its_answer(sockets: Sockets) -> None:
    assert [status for status, _ in answers(sockets.exchange(request() + b"garbage\r\n\r\n"))] == [200]


def test_a_large_body_is_refused_and_what_is_left_of_it_is_no_request(sockets: Sockets) -> None:
    large = LAST + b" " * 2**22
    said = sockets.exchange(request(body=large) + LAST)
    assert [status for status, _ in answers(said)] == [413, 200]
    endless = request(CHUNKED, b"expect: 100-continue", length=-1, body=b"") + b"400\r\n%s\r\n" % (b" " * 2**10) * 64
    said = sockets.exchange(endless + b"0\r\n\r\n" + LAST).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert [status for status, _ in answers(said)] == [413, 200]


@pytest.mark.parametrize("name", ["one header", "many headers", "a path", "a trailer"])
def test_a_head_without_end_is_refused(sockets: Sockets, name: str) -> None:
    part = {
        "one header": (b"GET / HTTP/1.1\r\nx-a: ", b"a"),
        "many headers": (b"GET / HTTP/1.1\r\n", b"a: b\r\n"),
        "a path": (b"GET /", b"a"),
        "a trailer": (request(CHUNKED, length=-1, body=b"0\r\n"), b"a: b\r\n"),
    }
    begin, more = part[name]
    said = sockets.exchange(begin + more * (2**20 // len(more)))
    assert said.startswith(b"HTTP/1.1 431 ") or not said  # the answer may be lost where more is on the way
    assert is_served(sockets)


@pytest.mark.parametrize("begun", [b"", b"\r\n", b"POST", b"POST /v1/features HTTP/1.1\r\nhost: localhost\r\nx-a: "])
def test_a_client_that_does_not_send_a_whole_head_is_sent_away_and_others_are_served(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    with serve(shelf) as sockets:
        for attempt in range(10):  # until the time is enough for what the client does send
            monkeypatch.setattr(connection, "HEAD_SECONDS", SECONDS * 2**attempt)
            slow = [sockets.connect() for _ in range(20)]
            for each in slow:
                each.sendall(begun)
            found = set()
            for each in slow:
                with each:
                    found |= {status for status, _ in answers(rest_of(each))}
            assert found <= {408}
            if found or not begun.strip():
                break
        else:
            pytest.fail("Nobody was told.")
        monkeypatch.setattr(connection, "HEAD_SECONDS", 3_600)
        assert is_served(sockets)


def test_a_client_that_goes_on_sending_a_little_is_sent_away_too(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", SECONDS)
    with serve(shelf) as sockets, sockets.connect() as slow:
        slow.sendall(b"POST /v1/features HTTP/1.1\r\nx-a: ")
        slow.settimeout(SECONDS / 10)
        said = b""
        while not said.endswith(b"}"):
            try:
                slow.sendall(b"a")
                said += slow.recv(65_536)
            except TimeoutError:
                continue
            except ConnectionError:
                break
        assert not said or said.startswith(b"HTTP/1.1 408 ")


def test_who_waits_without_asking_makes_room_for_others(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "most_connections", lambda: 20)
    with serve(shelf) as sockets, ExitStack() as opened:
        steady = opened.enter_context(sockets.connect())
        steady.sendall(request())
        assert steady.recv(65_536).startswith(b"HTTP/1.1 200 ")
        waiting = [opened.enter_context(sockets.connect()) for _ in range(60)]
        assert is_served(sockets)
        for each in waiting[:30]:
            assert rest_of(each) == b""
        steady.sendall(request(b"connection: close"))  # who has asked before stays
        assert [status for status, _ in answers(rest_of(steady))] == [200]


def test_between_requests_nothing_keeps_a_connection_open(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "KEEP_SECONDS", SECONDS)
    with serve(shelf) as sockets, sockets.connect() as idle:
        idle.sendall(request())
        assert idle.recv(65_536)
        idle.sendall(b"\r\n")
        assert rest_of(idle) == b""


def test_the_rest_of_a_body_that_does_not_come_ends_the_connection(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "REST_SECONDS", SECONDS)
    with serve(shelf, max_body=2**12) as sockets:
        said = sockets.exchange(request(length=2**20))
        assert [status for status, _ in answers(said)] == [413]


def test_a_body_that_is_shorter_than_its_length_is_answered_at_the_deadline(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "REST_SECONDS", SECONDS)
    with serve(shelf, deadline_ms=50) as sockets:
        said = sockets.exchange(request(length=len(BODY) + 1))
        assert [status for status, _ in answers(said)] == [503]


@pytest.mark.journey
def test_a_client_that_does_not_take_its_answers_is_sent_away(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "WRITE_SECONDS", SECONDS)
    many = json.dumps({"features": ["kinds"], "entities": [{"user": "a"}] * 4_000}).encode()
    with serve(shelf) as sockets, socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        deaf.settimeout(60)
        deaf.connect(("127.0.0.1", sockets.port))
        deaf.sendall(request(body=many) * 4)
        assert is_served(sockets)  # so the connection before it is known to the service
        sockets.wait_until_alone()
        assert is_served(sockets)


def test_a_request_that_is_all_there_is_answered_at_once_and_as_any_other(
    sockets: Sockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, answer = [], FeatureService.answer_at_once

    def note(self: FeatureService, *args: Any) -> Any:
        found = answer(self, *args)
        taken.append(found is not None)
        return found

    monkeypatch.setattr(FeatureService, "answer_at_once", note)
    for body in (BODY, b'{"features":["recent"],"entities":[]}', b'{"features":["none"],"entities":[]}', b"{"):
        # of what comes at once the first alone has its answer at once, and the last goes uvicorn's way in any case
        said = sockets.exchange(request(body=body) + request(body=body) + request(b"connection: close", body=body))
        found = answers(said)
        heads = [part.rpartition(b"}")[2] for part in said.split(b"\r\n\r\n")[:3]]
        names = [sorted(line.split(b":")[0] for line in head.split(b"\r\n")[1:]) for head in heads]
        for _, each in found:
            each.pop("instant", None), each.pop("request_id", None)
        assert found[0] == found[1] == found[2]
        assert names[0] == names[1] == sorted(set(names[2]) - {b"connection"})
    assert len(taken) >= 4
    assert all(taken)


def test_a_large_request_that_is_all_there_is_let_in_once(shelf: Shelf) -> None:
    with serve(shelf, rate=0.001) as sockets:
        found = answers(sockets.exchange(request(body=LARGE) + LAST))
    assert [status for status, _ in found] == [200, 429]
    assert found[0][1]["features"]["value"]["values"] == [1.0] * 500


class Wire(asyncio.Transport):
    """What a connection writes to, without a socket, so that a test says where what comes is cut."""

    def __init__(self) -> None:
        super().__init__({"sockname": ("127.0.0.1", 1), "peername": ("127.0.0.1", 2)})
        self.said = b""
        self._is_closing = False

    def write(self, data: Any) -> None:
        self.said += data

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        self._is_closing = True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


STEPS = 10
"""Of the event loop, in which a task that has all it needs comes to its end."""


@dataclass
class Line:
    """One connection to a service, which takes pieces one after another."""

    service: FeatureService
    parsed: int = 0
    """How many heads were parsed."""

    def answers(self, *pieces: bytes, between: Callable[[], object] = lambda: None) -> list[tuple[int, Any]]:
        """Return the answers to what comes in some pieces; before the last one something may happen."""
        return answers(asyncio.run(self._said(pieces, between)))

    async def _said(self, pieces: Sequence[bytes], between: Callable[[], object]) -> bytes:
        config = Config(
            self.service, ws="none", interface="asgi3", lifespan="off", log_config=None, proxy_headers=False
        )
        one, wire = connection.Connection(config, ServerState(), {}), Wire()
        one.connection_made(wire)
        parse = one.on_headers_complete

        def note() -> None:
            self.parsed += 1
            parse()

        one.on_headers_complete = note  # type: ignore[method-assign]
        one.parser = HttpRequestParser(one)
        for place, piece in enumerate(pieces):
            if place == len(pieces) - 1:
                between()
            one.data_received(piece)
            for _ in range(STEPS):
                await asyncio.sleep(0)
        while one.tasks:
            await asyncio.wait(one.tasks)
        one.connection_lost(None)
        return wire.said


def line(shelf: Shelf, **settings: Any) -> Line:
    """Return a connection to a service that finds no request late."""
    return Line(FeatureService(options(shelf, **{"queue_ms": 3_600_000, "deadline_ms": 60_000} | settings)))


LARGE = json.dumps({"features": ["recent:value"], "entities": {"user": ["a"] * 500}}).encode()
UNKNOWN = BODY.replace(b"recent:value", b"recent:valux")
KINDS = {
    "good": request(),
    "another entity": request(body=BODY.replace(b'"a"', b'"b"')),
    "the same head with an unknown feature": request(body=UNKNOWN),
    "large": request(body=LARGE),
    "as long as the large one": request(body=BODY.ljust(len(LARGE))),
    "chunks": request(CHUNKED, body=b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY), length=-1),
    "after empty lines": b"\r\n\r\n" + request(),
    "a body like a head": request(body=request()),
    "a header like a head": b"POST /v1/features HTTP/1.1\r\nx-a: " + request(),
    "another host": request().replace(b"localhost", b"elsewhere"),
    "no JSON": request(b"content-type: text/plain"),
}


def test_a_head_that_came_before_is_not_parsed_again(shelf: Shelf) -> None:
    found = line(shelf)
    other = KINDS["another entity"]
    given = [request(), request(), request(), other, other, request(body=UNKNOWN), request()]
    assert [status for status, _ in found.answers(*given)] == [200, 200, 200, 200, 200, 422, 200]
    assert found.parsed < len(given) - 3


@given(
    st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=5),
    st.sets(st.integers(0, 400)),
    st.sampled_from(["", "requests", "lines"]),
)
@example(["good", "large", "good"], set(), "")
@example(["a body like a head", "good"], set(), "lines")
@example(["a header like a head", "good"], set(), "lines")
def test_wherever_what_comes_is_cut_each_request_has_its_own_answer(
    shelf: Shelf, names: list[str], cuts: set[int], where: str
) -> None:
    """The first three come one by one, so that the head of two is known."""
    asked = [KINDS[name] for name in ["good", "good", "as long as the large one", *names]]
    begins, stream = [0, *accumulate(map(len, asked))], b"".join(asked)
    ends = {*begins[:4], len(stream)}
    if where:
        lines = {place for place in range(len(stream)) if stream.startswith(b"POST", place)}
        ends |= lines if where == "lines" else {*begins}
    else:
        ends |= {begins[3] + place for place in cuts if begins[3] + place < len(stream)}
    found = line(shelf).answers(*[stream[begin:end] for begin, end in pairwise(sorted(ends))])
    alone = [line(shelf).answers(each)[0] for each in asked]
    for _, each in (*found, *alone):
        each.pop("instant", None), each.pop("request_id", None)
    assert found == alone


def test_a_large_request_with_a_head_that_came_before_is_let_in_once(shelf: Shelf) -> None:
    small, large = KINDS["as long as the large one"], KINDS["large"]
    found = line(shelf, rate=3.0)
    found.service._rate._clock = lambda: 0.0
    assert [status for status, _ in found.answers(small, small, large, small)] == [200, 200, 200, 429]


def test_a_token_that_is_revoked_is_refused_where_its_head_came_before(shelf: Shelf, tmp_path: Path) -> None:
    tokens = TokenFile(tmp_path / "tokens.json")
    _, secret = tokens.create("scoring")
    found = line(shelf, tokens=str(tokens.path))
    asked = request(b"authorization: Bearer " + secret.encode())

    def revoke() -> None:
        tokens.revoke("scoring")
        found.service._tokens.refresh(at_once=True)

    assert [status for status, _ in found.answers(*[asked] * 4, between=revoke)] == [200, 200, 200, 401]


def test_what_is_like_a_head_within_another_one_is_not_taken_for_a_head_that_came_before(
    shelf: Shelf, tmp_path: Path
) -> None:
    tokens = TokenFile(tmp_path / "tokens.json")
    first = b"POST /v1/features HTTP/1.1\r\nauthorization: Bearer %b\r\n" % tokens.create("scoring")[1].encode()
    allowed = request().replace(b"POST /v1/features HTTP/1.1\r\n", first)
    found = line(shelf, tokens=str(tokens.path))
    within = [first + b"x-a: ", request()]
    assert [status for status, _ in found.answers(allowed, allowed, *within, request())] == [200, 200, 200, 401]


def test_no_request_after_one_that_was_answered_at_once_closes_the_connection(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "KEEP_SECONDS", SECONDS)
    with serve(shelf) as sockets, sockets.connect() as idle:
        for _ in range(4):
            idle.sendall(request())
            assert idle.recv(65_536)
        assert rest_of(idle) == b""


TIMED, VARYING = {metrics.SECONDS, metrics.BUCKET, metrics.AGE}, {"milliseconds", "request_id"}
NARROW, NOBODY = "narrow", "Bearer wb_0_nobody"
LIMITED: dict[str, tuple[dict[str, Any], bytes, dict[str, str], list[int]]] = {
    "nothing": ({}, BODY, {}, [200, 200]),
    "size": ({"max_body": 2**10}, BODY + b" " * 2**10, {}, [413, 413]),
    "entities": ({"max_entities": 1}, BODY.replace(b"}]", b"},{}]"), {}, [413, 413]),
    "rate": ({"rate": 1e-6}, BODY, {}, [200, 429]),
    "concurrency": ({"concurrency": 1}, BODY, {}, [503, 503]),
    "type": ({}, BODY, {"content-type": "text/plain"}, [415, 415]),
    "name of the host": ({}, BODY, {"host": "elsewhere.example"}, [403, 403]),
    "no token": ({"tokens": "tokens.json"}, BODY, {}, [401, 401]),
    "no valid token": ({"tokens": "tokens.json"}, BODY, {"authorization": NOBODY}, [401, 401]),
    "scope": ({"tokens": "tokens.json"}, BODY, {"authorization": NARROW}, [403, 403]),
}


@pytest.mark.parametrize("name", LIMITED)
def test_an_answer_at_once_is_limited_counted_logged_and_kept_as_any_other(
    shelf: Shelf, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    settings, body, headers, statuses = LIMITED[name]
    if "tokens" in settings:
        settings = settings | {"tokens": str(tmp_path / "tokens.json")}
        _, secret = TokenFile(tmp_path / "tokens.json").create("else", scopes=["kinds"])
        headers = {key: value.replace(NARROW, f"Bearer {secret}") for key, value in headers.items()}
    told = []
    for at_once in (True, False):
        reads = str(tmp_path / f"reads-{at_once}")
        always = {"log": "all", "log_reads": 1, "reads": reads, "queue_ms": 3_600_000, "objective_ms": 1e9}
        service = FeatureService(options(shelf, **always | settings))
        service._running = 1 if name == "concurrency" else 0
        caplog.clear()
        with caplog.at_level("INFO", logger="workbench.server"):
            for status in statuses:
                if at_once:
                    sent = {"host": "localhost"} | headers
                    named = {key.encode(): value.encode() for key, value in sent.items()}
                    answer = service.answer_at_once({"client": ("127.0.0.1", 123)}, named, body)
                    assert answer is not None
                    assert answer[0] == status
                else:
                    assert Asked(service)("POST", "/v1/features", content=body, headers=headers).status_code == status
        service._log.close(60)
        counts = {key: number for key, number in service._counters.totals().items() if key[0] not in TIMED}
        facts = [cast(Any, record).facts for record in caplog.records]
        told.append((counts, [{key: each for key, each in one.items() if key not in VARYING} for one in facts]))
        assert len(facts) >= len(statuses)
    assert told[0] == told[1]


def test_what_is_traced_is_not_answered_at_once(shelf: Shelf) -> None:
    service = FeatureService(options(shelf), cast(Any, object()))
    assert service.answer_at_once({}, {b"host": b"localhost"}, BODY) is None
