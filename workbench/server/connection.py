"""A client's connection: what uvicorn's parser takes, with an end for clients that are slow or send without end.

uvicorn has a time limit between two requests and none within one. Here the head of a request, a body that nobody reads
any more, and a client that does not take its answer have one, too.
"""

from __future__ import annotations

import resource
from asyncio import TimerHandle
from functools import cache
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from workbench.server.problem import Problem

if TYPE_CHECKING:
    from asyncio import Transport

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

_NUMBERS = count(1)


@cache
def most_connections() -> int:
    """Return how many connections a worker keeps, of the files that the system lets it open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] * 3 // 4


class Connection(HttpToolsProtocol):
    """One client's connection."""

    cycle: RequestResponseCycle | None  # type: ignore[assignment]  # None until a head is there
    _ends: TimerHandle | None = None
    """Closes the connection where a head or a rest does not come in time."""
    _taken: TimerHandle | None = None
    """Closes the connection of a client that takes nothing."""
    _number = 0
    """Its place among those that were made."""
    _silent = 0
    """Bytes that came since the last request, or part of a body, ended: of a head, of trailers."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._number = next(_NUMBERS)
        if len(self.connections) > most_connections():
            self._make_room()
        self._wait(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._wait_for_nothing()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what the client sent."""
        self._unset_keepalive_if_required()
        self._silent += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on_without(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
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
        if cycle.response_complete:  # empty lines, or the rest of a body
            self._wait(KEEP_SECONDS)

    def on_headers_complete(self) -> None:
        """Take the head of a request."""
        if not self.parser.should_upgrade():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        self._silent = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Take the end of a request."""
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
