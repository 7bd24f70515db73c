"""A client's connection: what uvicorn's parser takes, with an end for clients that are slow or send without end.

uvicorn has a time limit between two requests and none within one. Here the head of a request, a body that nobody reads
any more, and a client that does not take its answer have one, too.

A request for features that comes as a whole is answered as soon as it is there, without a task of its own and the
messages of ASGI, which take as long as the answer. Whatever else comes, or takes longer, goes uvicorn's way. A client
sends the same head with many requests: what the parser made of one is kept, and the next one is not parsed.
"""

from __future__ import annotations

import resource
from asyncio import Event, TimerHandle
from functools import cache, lru_cache
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING, Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from workbench.protocol import FEATURES
from workbench.server.problem import Problem

if TYPE_CHECKING:
    from asyncio import Transport

    from uvicorn._types import HTTPScope

    from workbench.server.app import WholeAnswer
    from workbench.server.problem import Headers

HEAD_SECONDS = 10.0
"""Seconds in which a new connection has to send the head of a request, and any connection the rest of one."""
REST_SECONDS = 5.0
"""Seconds for which the rest of a body is thrown away whose request is answered, so that the answer arrives."""
KEEP_SECONDS = 5
"""Seconds after which a connection is closed that has no request under way."""
WRITE_SECONDS = 30.0
"""Seconds in which a client has to take some of what waits for it."""
MOST_HEAD = 64 * 2**10
"""Bytes that the head of a request may have where it does not come at once."""
KNOWN_HEADS, LONGEST_KNOWN = 4, 2**11
"""How many heads are kept of a connection, and how many bytes each may have."""

_FEATURES = FEATURES.encode()
_HEAD_END = b"\r\n\r\n"
_NUMBERS = count(1)


@lru_cache(maxsize=64)
def _lines(status: int, headers: Headers) -> bytes:
    """Return the first lines of an answer."""
    return STATUS_LINE[status] + b"".join(name + b": " + value + b"\r\n" for name, value in headers)


@cache
def most_connections() -> int:
    """Return how many connections a worker keeps, of the files that the system lets it open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] * 3 // 4


class _Answered:
    """What stands for a request that was answered at once, where uvicorn has the cycle of one."""

    __slots__ = ("scope",)
    response_complete, response_started, more_body, disconnected, keep_alive = True, True, False, False, True
    message_event = Event()

    def __init__(self, scope: HTTPScope) -> None:
        self.scope = scope


class Connection(HttpToolsProtocol):
    """One client's connection."""

    cycle: RequestResponseCycle | _Answered | None  # type: ignore[assignment]  # None until a head is there
    _held: list[bytes] | None = None
    """The parts of the body of a request that is answered at once if it is all there."""
    _has_turn = False
    """Whether a request may be answered at once: the first one of what came, so that others have their turn."""
    _ends: TimerHandle | None = None
    """Closes the connection where a head or a rest does not come in time."""
    _taken: TimerHandle | None = None
    """Closes the connection of a client that takes nothing."""
    _number = 0
    """Its place among those that were made."""
    _silent = 0
    """Bytes that came since the last request, or part of a body, ended: of a head, of trailers."""
    _keeps: TimerHandle | None = None
    """Closes the connection where no request follows those that were answered at once."""
    _kept_until = 0.0
    """When it does so; the timer is not made anew for each request."""
    _heads: dict[bytes, tuple[int, dict[bytes, bytes]]]
    """The length of the body and the headers of requests that were answered at once, by their heads."""
    _whole = b""
    """What is parsed, where it is known to begin with a request."""
    _found_out: dict[str, Any] | None = None
    """What is known of a request that is parsed though its head is known: it was looked at, and takes longer."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self.timeout_keep_alive = KEEP_SECONDS
        self._heads = {}
        self._number = next(_NUMBERS)
        if len(self.connections) > most_connections():
            self._make_room()
        self._wait(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._wait_for_nothing()
        if self._keeps is not None:
            self._keeps.cancel()
            self._keeps = None
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what the client sent."""
        is_between = self._is_between_requests
        if is_between and self._answer_known(data):
            return
        self._unset_keepalive_if_required()
        self._whole = data if is_between else b""
        self._silent += len(data)
        self._has_turn = self._found_out is None
        try:
            self.parser.feed_data(data)
            self._whole = b""
            self._let_go()
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on_without(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            self._let_go()
            if isinstance(self.cycle, _Answered) and not self._has_turn:  # it comes after what has its answer
                self.transport.close()
                return
            self._refuse(
                400, "This is not a valid HTTP request.", "Use an HTTP client, and give one length of the body."
            )
            return
        cycle = self.cycle
        is_head = self.scope is not (cycle.scope if cycle else None)
        if self._silent > MOST_HEAD and (is_head or (cycle and cycle.more_body)):
            self._refuse(431, "The head of the request is too large.", "Send fewer and shorter headers.")
            return
        if is_head:
            self._wait(HEAD_SECONDS)
            return
        if cycle is None or not cycle.more_body:
            self._silent = 0
        if cycle is None or (cycle.response_complete and cycle.more_body):
            return
        if self._ends is not None:
            self._wait_for_nothing()
        if cycle.response_complete and self._has_turn:  # empty lines, or the rest of a body
            self._wait(KEEP_SECONDS)

    def on_message_begin(self) -> None:
        """Begin to take a request."""
        super().on_message_begin()
        if self._found_out is not None:
            self.scope |= self._found_out  # type: ignore[typeddict-item]  # keys that are ours
            self._found_out = None

    def on_headers_complete(self) -> None:
        """Take the head of a request."""
        if self.parser.should_upgrade():
            return
        if self._may_be_answered_at_once():
            self._held = []
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        self._silent = 0
        if self._held is None:
            super().on_body(body)
        else:
            self._held.append(body)

    def on_message_complete(self) -> None:
        """Take the end of a request."""
        if self._held is not None and self._answer_at_once(b"".join(self._held)):
            return
        self._let_go()
        if self.cycle is None or self.parser.should_upgrade():
            return
        self.cycle.more_body = False  # uvicorn leaves it where the answer came before the end
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request, once the rest of this one is there."""
        super().on_response_complete()
        if self.cycle is not None and self.cycle.response_complete and self.cycle.more_body:
            self._wait(REST_SECONDS)

    def pause_writing(self) -> None:
        """Wait for a client that does not take its answer."""
        super().pause_writing()
        if self._taken is None:
            self._taken = self.loop.call_later(WRITE_SECONDS, self._abort)

    def resume_writing(self) -> None:
        """Go on writing."""
        super().resume_writing()
        if self._taken is not None:
            self._taken.cancel()
            self._taken = None

    def _may_be_answered_at_once(self) -> bool:
        cycle = self.cycle
        return (
            self._has_turn
            and self.url == _FEATURES
            and self.parser.get_method() == b"POST"
            and (cycle is None or cycle.response_complete)
            and not self.expect_100_continue
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not (self.flow.write_paused or self.transport.is_closing())
            and hasattr(self.app, "answer_at_once")
        )

    def _answer_at_once(self, body: bytes) -> bool:
        """Answer the request that is held, and return whether that was possible."""
        scope, headers = self.scope, dict(self.headers)
        answer: WholeAnswer | None = self.app.answer_at_once(scope, headers, body)
        if answer is None:
            return False
        self._held, self._has_turn, self.cycle = None, False, _Answered(scope)
        if answer[0] == 200:
            self._remember(headers, len(body))
        self._write_whole(answer)
        return True

    def _answer_known(self, data: bytes) -> bool:
        """Answer a request whose head is known, if it is all that came, and return whether it was."""
        end = data.find(_HEAD_END) + len(_HEAD_END)
        known = self._heads.get(data[:end])
        if known is None or known[0] != len(data) - end:
            return False
        found_out: dict[str, Any] = {"client": self.client}  # what the service looks at of a scope
        answer: WholeAnswer | None = self.app.answer_at_once(found_out, known[1], data[end:])
        if answer is None:
            self._found_out = found_out
            return False
        self._write_whole(answer)
        return True

    def _remember(self, headers: dict[bytes, bytes], length: int) -> None:
        """Keep the head of a request that was all that came, and the headers that the parser found in it."""
        begin = len(self._whole) - length
        head = self._whole[: max(0, begin)]
        # nothing else came if the head ends where a body of this length begins; a body in chunks takes more
        if head.find(_HEAD_END) + len(_HEAD_END) == begin <= LONGEST_KNOWN:
            if len(self._heads) >= KNOWN_HEADS:
                self._heads.clear()
            self._heads[head] = length, headers

    def _write_whole(self, answer: WholeAnswer) -> None:
        status, request_id, headers, content = answer
        head = _lines(status, (*self.server_state.default_headers, *headers))
        own = b"content-length: %d\r\nx-request-id: %b\r\n\r\n" % (len(content), request_id.encode())
        self.transport.write(b"".join((head, own, content)))
        self.server_state.total_requests += 1
        self._kept_until = self.loop.time() + KEEP_SECONDS
        if self._keeps is None and not self.transport.is_closing():
            self._keeps = self.loop.call_at(self._kept_until, self._end_idle)

    def _end_idle(self) -> None:
        """Close the connection if no request came for long enough since the last one that was answered at once."""
        self._keeps = None
        if not isinstance(self.cycle, _Answered) or self._is_in_head:
            return
        if self.loop.time() < self._kept_until:
            self._keeps = self.loop.call_at(self._kept_until, self._end_idle)
        elif not self.transport.is_closing():
            self.transport.close()

    def _let_go(self) -> None:
        """Let a request that is held, and is not answered at once, go uvicorn's way."""
        if self._held is not None:
            body, self._held = b"".join(self._held), None
            super().on_headers_complete()
            if body:
                super().on_body(body)

    @property
    def _is_between_requests(self) -> bool:
        """Whether a request was answered at once, and nothing came since or is to be sent before the next answer."""
        cycle = self.cycle
        return (
            type(cycle) is _Answered
            and self.scope is cycle.scope
            and self._ends is None
            and not (self.flow.write_paused or self.transport.is_closing())
        )

    @property
    def _is_in_head(self) -> bool:
        """Whether a head has begun that is not complete."""
        return self.scope is not (self.cycle.scope if self.cycle else None)

    def _refuse(self, status: int, detail: str, remedy: str) -> None:
        if self.transport.is_closing():
            return
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if self.pipeline or cycle.response_started or not cycle.more_body:  # what is wrong comes after this request
                cycle.keep_alive = False
                return
            cycle.disconnected = True
            cycle.message_event.set()
        response = Problem(status, detail, remedy=remedy).response("")
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()]
        lines += [name + b": " + value for name, value in response.headers]
        lines += [b"content-length: %d" % len(response.body), b"connection: close", b"", response.body]
        self.transport.write(b"\r\n".join(lines))
        self.transport.close()

    def _go_on_without(self, rest: bytes) -> None:
        """Answer who offers another protocol in this one. The parser does not read the body of such a request."""
        if self.parser.get_method() == b"CONNECT":
            self._refuse(400, "This service is not a proxy.", "Send the request to the service itself.")
            return
        lines = [b"%s %s HTTP/1.1" % (self.parser.get_method(), self.url)]
        for name, value in self.headers:
            if name == b"connection":
                kept = [token.strip() for token in value.lower().split(b",")]
                value = b", ".join(token for token in kept if token not in {b"upgrade", b"http2-settings"})  # noqa: PLW2901
            if name not in {b"upgrade", b"http2-settings"}:
                lines.append(name + b": " + value)
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        self.data_received(b"\r\n".join([*lines, b"", rest]))

    def _make_room(self) -> None:
        """Send those away who have waited longest without asking, and then those between two requests."""
        idle = [each for each in self.connections if isinstance(each, Connection) and each is not self]
        idle = [each for each in idle if each.cycle is None or each.cycle.response_complete]
        idle.sort(key=lambda each: (each.cycle is not None, each._number))
        for each in idle[: max(1, most_connections() // 10)]:
            each._wait_for_nothing()
            each._end()

    def _wait(self, seconds: float) -> None:
        """Close the connection after some seconds, unless it is to be closed before."""
        if self._ends is None and not self.transport.is_closing():
            self._ends = self.loop.call_later(seconds, self._end)

    def _wait_for_nothing(self) -> None:
        if self._ends is not None:
            self._ends.cancel()
            self._ends = None

    def _end(self) -> None:
        self._ends = None
        if self._is_in_head:
            self._refuse(408, "The request did not come in time.", "Send it again, all at once.")
        elif not self.transport.is_closing():
            self.transport.close()

    def _abort(self) -> None:
        self._taken = None
        self.transport.abort()
