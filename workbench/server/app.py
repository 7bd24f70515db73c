"""The service as one ASGI callable: it answers for features itself, and a small Starlette app answers the rest.

Routing and middleware of a framework cost a third of what an answer costs, so the one hot route does without.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import secrets
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response as StarletteResponse
from starlette.routing import Route

from workbench.errors import WorkbenchError
from workbench.protocol import ARROW, CATALOG, FEATURES, JSON, METRICS
from workbench.server.features import FeatureAnswers
from workbench.server.limits import Deadline, Lateness, RateLimit, WorkPool, late
from workbench.server.listing import list_features
from workbench.server.logs import LOGGER
from workbench.server.metrics import Counters, ServiceMetrics
from workbench.server.openapi import openapi, page
from workbench.server.problem import Headers, Problem, Response, busy, failed
from workbench.server.tokens import TokenCheck
from workbench.skew import ReadLog

if TYPE_CHECKING:
    from starlette.requests import Request

    from workbench.config import ServeSettings
    from workbench.online import OnDemandProcesses
    from workbench.server.settings import ServiceOptions
    from workbench.server.tokens import Token
    from workbench.server.tracing import Traces

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
WholeAnswer = tuple[int, str, Headers, bytes]
"""Status, the request's id, headers beside its own and that of the length, and body."""
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LIVE, READY = "/health/live", "/health/ready"
OPEN = {LIVE, READY, "/openapi.json", "/"}
"""Routes that need no token: they name no feature."""
ROUTES = {FEATURES, CATALOG, METRICS, *OPEN}
SHED = {FEATURES, CATALOG}
"""Routes that are refused when the service is late; health and metrics are not."""
ADMITTED = "workbench.admitted"
"""What a request's scope calls the token that was let in already."""
LONGEST_SEARCH = 200
"""Letters of what is searched for in the catalogue."""
_ALWAYS = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
"""Headers of all answers."""
_REQUEST_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_JSON, _ARROW = JSON.encode(), ARROW.encode()
_LOCAL = {"localhost", "127.0.0.1", "[::1]"}


def _on_demand(settings: ServeSettings) -> OnDemandProcesses:
    """Return what computes on-demand views; loaded where they are switched on."""
    from workbench.online import OnDemandProcesses

    return OnDemandProcesses(settings.deadline_ms / 1_000)


class FeatureService:
    """The HTTP service over one online store.

    Parameters
    ----------
    options
        What is served, and how.
    traces
        What makes the spans of requests; as ``[serve]`` says if absent.
    """

    def __init__(self, options: ServiceOptions, traces: Traces | None = None) -> None:
        settings = options.serve
        self._settings = settings
        self._counters = Counters(options.metrics)
        self._metrics = ServiceMetrics(self._counters, settings, options.metrics)
        self._traces = traces or _traces_of(settings)
        self._on_demand = _on_demand(settings) if settings.on_demand else None
        self._reader = options.open_reader(self._on_demand.function if self._on_demand else None)
        self._log = ReadLog(
            options.reads,
            share=settings.log_reads,
            days=settings.reads_days,
            most_bytes=settings.reads_bytes,
            count=self._metrics.count_reads,
            warn=lambda reason: LOGGER.warning("reads are not kept", extra={"facts": {"reason": reason}}),
        )
        self._features = FeatureAnswers(self._reader, settings, self._metrics, self._log, self._traces)
        self._tokens = TokenCheck(options.tokens)
        self._rate = RateLimit(settings.rate)
        self._lateness = Lateness(settings.queue_ms / 1_000)
        self._pool = WorkPool(settings)
        self._deadline = settings.deadline_ms / 1_000
        self._needs_threads = options.online.kind != "lmdb"  # whose reads take microseconds
        self._running = 0
        self._is_stopping = False
        self._prefix, self._numbers = secrets.token_hex(4), itertools.count(1)
        self._rest = Starlette(
            routes=[
                Route(CATALOG, self._catalog, methods=["GET"]),
                Route(LIVE, self._live, methods=["GET"]),
                Route(READY, self._ready, methods=["GET"]),
                Route(METRICS, self._expose, methods=["GET"]),
                Route("/openapi.json", self._openapi, methods=["GET"]),
                Route("/", self._page, methods=["GET"]),
            ],
            exception_handlers={HTTPException: _no_route, Problem: _problem, Exception: _fault},
        )
        self._rest.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or follow the service's start and end."""
        if scope["type"] == "lifespan":
            await self._live_and_end(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1003})
        elif self._traces is None:
            await self._answer(scope, receive, send)
        else:
            await self._traces.around(self._answer, scope, receive, send)

    def answer_at_once(self, scope: Scope, headers: dict[bytes, bytes], body: bytes) -> WholeAnswer | None:
        """Return the answer to ``POST /v1/features``, or None where it takes longer than the event loop can wait.

        Then the request is still to be answered, and `scope` knows what was found out. It is for a connection that has
        all of a request: the way through ASGI takes as long as the answer itself.
        """
        if self._traces is not None or self._needs_threads:
            return None
        started = time.perf_counter()
        request_id = self._id_of(headers)
        self._running += 1
        try:
            token = self._admit(scope, headers, FEATURES)
            _require_json(headers)
            self._require_length(len(body))
            answers = self._features
            question = answers.read(body, arrow=_takes_arrow(headers), texts=False)
            if answers.is_heavy(question):
                scope[ADMITTED] = token
                return None
            response = answers.answer(question, token)
        except Problem as problem:
            response = self._refusal(problem, request_id)
        except Exception:  # noqa: BLE001 - the log has it, and the client gets an answer
            response = self._failure(request_id, FEATURES)
        finally:
            self._running -= 1
        self._note("POST", FEATURES, FEATURES, response.status, request_id, started, None)
        return response.status, request_id, (*response.headers, *_ALWAYS), response.body

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, path, headers = time.perf_counter(), scope["path"], dict(scope["headers"])
        request_id = self._id_of(headers)
        route = path if path in ROUTES else "other"
        self._running += 1
        try:
            token = scope[ADMITTED] if ADMITTED in scope else self._admit(scope, headers, route)
            if route == FEATURES:
                response = await self._read_features(scope, headers, receive, token)
            else:
                scope["state"] = {"token": token, "request_id": request_id}
                status = await self._forward(scope, receive, send, request_id)
                self._note(scope["method"], path, route, status, request_id, started, token)
                return
        except Problem as problem:
            response = self._refusal(problem, request_id)
        except Exception:  # noqa: BLE001 - the log has it, and the client gets an answer
            response = self._failure(request_id, route)
        finally:
            self._running -= 1
        await self._send(response, request_id, send)
        self._note(scope["method"], path, route, response.status, request_id, started, None)

    def _refusal(self, problem: Problem, request_id: str) -> Response:
        if problem.status >= 500:
            self._log_cause(problem, request_id)
        return problem.response(request_id)

    def _failure(self, request_id: str, route: str) -> Response:
        """Return the answer to a request that raised what nobody foresaw."""
        LOGGER.exception("failed", extra={"facts": {"request_id": request_id, "route": route}})
        return failed().response(request_id)

    def _id_of(self, headers: dict[bytes, bytes]) -> str:
        given = headers.get(b"x-request-id")
        if given is not None and _REQUEST_ID.fullmatch(text := given.decode("latin-1")):
            return text
        return f"{self._prefix}-{next(self._numbers):x}"

    def _admit(self, scope: Scope, headers: dict[bytes, bytes], route: str) -> Token | None:
        """Return the token of a request that may be answered."""
        if route in OPEN:
            return None
        if route in SHED and (self._running > self._settings.concurrency or self._lateness.is_high):
            self._metrics.count_refusal("busy")
            raise busy("The service has more to do than it can.")
        header = headers.get(b"authorization")
        token = self._tokens.find(None if header is None else header.decode("latin-1"))
        if self._tokens.fault is not None:
            LOGGER.error("tokens", extra={"facts": {"reason": self._tokens.fault}})
        if token is None and self._tokens.is_required:
            self._metrics.count_refusal("token")
            raise Problem(
                401,
                "There is no valid token." if header is None else "The token is not valid here.",
                remedy="Send `Authorization: Bearer ...` with a token of `workbench token create`.",
                error="AccessRefused",
                headers=[(b"www-authenticate", b'Bearer realm="features"')],
            )
        if token is None and not self._settings.open:
            self._require_local(headers)
        if route == FEATURES:
            client = scope.get("client")
            try:
                self._rate.spend(token.id if token else client[0] if client else "")
            except Problem:
                self._metrics.count_refusal("rate")
                raise
        return token

    def _require_local(self, headers: dict[bytes, bytes]) -> None:
        """Refuse what a page in a browser sends here under a name of its own."""
        host = headers.get(b"host", b"").decode("latin-1")
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if name.lower() not in _LOCAL | {self._settings.host}:
            raise Problem(
                403,
                f"Without tokens the service answers as localhost, not as {name!r:.80}.",
                remedy="Make a token: `workbench token create NAME`.",
                error="AccessRefused",
            )

    async def _read_features(
        self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, token: Token | None
    ) -> Response:
        if scope["method"] != "POST":
            raise _wrong_method("POST")
        _require_json(headers)
        body = await self._body(headers, receive)
        query = scope["query_string"]
        texts = bool(query) and _asks_for_texts(query)
        answers = self._features
        question = answers.read(body, arrow=_takes_arrow(headers), texts=texts)
        if self._needs_threads or answers.is_heavy(question):
            return await self._pool.run(answers.answer, question, token)
        return answers.answer(question, token)

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        most = self._settings.max_body
        length = headers.get(b"content-length")
        if length is not None:
            self._require_length(int(length[:20]) if length.isdigit() else most + 1)
        parts: list[bytes] = []
        size = 0
        try:
            with Deadline(self._deadline):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Problem(400, "The body ended too early.", remedy="Send all of it.")
                    part = message.get("body", b"")
                    size += len(part)
                    self._require_length(size)
                    parts.append(part)
                    if not message.get("more_body"):
                        return part if len(parts) == 1 else b"".join(parts)
        except TimeoutError:
            self._metrics.count_refusal("deadline")
            raise late(self._deadline) from None

    def _require_length(self, size: int) -> None:
        """Raise where a body of so many bytes is too large."""
        most = self._settings.max_body
        if size <= most:
            return
        self._metrics.count_refusal("body")
        raise Problem(
            413,
            f"The body has more than {most:,} bytes.",
            remedy="Ask for fewer entities at once.",
        )

    async def _send(self, response: Response, request_id: str, send: Send) -> None:
        headers = _whole_head(response, request_id)
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    async def _forward(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> int:
        """Let the rest answer, and return the status."""
        status = 500

        async def through(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode()), *_ALWAYS]
            await send(message)

        try:
            await self._rest(scope, receive, through)
        except Exception:  # noqa: BLE001 - Starlette has answered by `_fault`
            LOGGER.exception("failed", extra={"facts": {"request_id": request_id, "route": scope["path"][:200]}})
        return status

    def _note(
        self, method: str, path: str, route: str, status: int, request_id: str, started: float, token: Token | None
    ) -> None:
        seconds = time.perf_counter() - started
        self._metrics.count_request(route, status, seconds)
        log = self._settings.log
        if log == "all" or (log == "errors" and status >= 400):
            facts = {
                "request_id": request_id,
                "method": method,
                "path": path[:200],
                "status": status,
                "milliseconds": round(seconds * 1_000, 3),
            }
            LOGGER.info("request", extra={"facts": facts | ({"token": token.id} if token else {})})

    def _log_cause(self, problem: Problem, request_id: str) -> None:
        cause = problem.__cause__
        facts = {"request_id": request_id, "detail": problem.detail}
        LOGGER.warning("not answered", extra={"facts": facts | ({"reason": str(cause)} if cause else {})})

    async def _live_and_end(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._warm()
                self._lateness.start()
                self._metrics.budget.start()
                await send({"type": "lifespan.startup.complete"})
                threading.Thread(target=_load_arrow, name="arrow", daemon=True).start()
            elif message["type"] == "lifespan.shutdown":
                self._is_stopping = True
                self._lateness.stop()
                self._metrics.budget.stop()
                self._pool.close()
                if self._on_demand is not None:
                    await asyncio.to_thread(self._on_demand.close)
                await asyncio.to_thread(self._log.close)
                if self._traces is not None:
                    await asyncio.to_thread(self._traces.close)
                self._counters.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    def _warm(self) -> None:
        """Read the catalogue, so that the first request does not."""
        self._tokens.refresh()
        try:
            catalog = self._reader.catalog()
            for generation in catalog.generations.values():
                _ = generation.codec.decode
            if self._on_demand is not None:
                self._on_demand.warm(catalog)
        except WorkbenchError as error:  # `ready` says so, and the store may come
            LOGGER.warning("not ready", extra={"facts": {"reason": str(error)}})

    def _catalog(self, request: Request) -> StarletteResponse:  # no coroutine: Starlette runs it in a thread
        token = request.state.token
        search = _one_parameter(request.scope["query_string"], "search", "Write ?search=WORDS, or nothing.") or ""
        if len(search) > LONGEST_SEARCH:
            raise Problem(
                422,
                f"What is searched for has more than {LONGEST_SEARCH} letters.",
                remedy="Search for a word or two.",
                field="search",
            )
        try:
            found = list_features(self._reader.catalog(), token, search)
        except WorkbenchError as error:
            raise busy("The online store cannot be read.") from error
        return _json(found)

    async def _live(self, request: Request) -> StarletteResponse:  # noqa: ARG002 - what Starlette calls
        return _json({"status": "live"})

    def _ready(self, request: Request) -> StarletteResponse:  # noqa: ARG002
        try:
            version = self._reader.backend.version()
        except WorkbenchError as error:
            raise busy("The online store cannot be read.") from error
        if version == 0:
            raise busy("Nothing is loaded yet: run `workbench online load`.")
        if self._is_stopping:
            raise busy("The service is being stopped.")
        return _json({"status": "ready", "catalog_version": version})

    def _expose(self, request: Request) -> StarletteResponse:
        token = request.state.token
        if token is not None and not token.reads_metrics:
            raise Problem(
                403,
                f"The token {token.name!r} may not read the metrics.",
                remedy="Make one: `workbench token create prometheus --scope /metrics`.",
                error="AccessRefused",
            )
        try:
            text, kind = self._metrics.exposition(self._reader)
        except WorkbenchError as error:
            raise busy("The online store cannot be read.") from error
        return StarletteResponse(text, media_type=kind)

    async def _openapi(self, request: Request) -> StarletteResponse:  # noqa: ARG002
        return StarletteResponse(openapi(), media_type=JSON)

    async def _page(self, request: Request) -> StarletteResponse:  # noqa: ARG002
        headers = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"}
        return StarletteResponse(page(), media_type="text/html", headers=headers)


def _load_arrow() -> None:
    """Load what the first answer in Arrow would else wait for; answers in JSON do without."""
    import pyarrow as pa  # noqa: F401


def _traces_of(settings: ServeSettings) -> Traces | None:
    if settings.traces is None:
        return None
    from workbench.server.tracing import Traces  # loaded where it is wanted

    return Traces.to(settings.traces, ROUTES)


def _json(found: object) -> StarletteResponse:
    return StarletteResponse(msgspec.json.encode(found), media_type=JSON)


def _require_json(headers: Mapping[bytes, bytes]) -> None:
    kind = headers.get(b"content-type", _JSON)
    if kind != _JSON and kind.partition(b";")[0].strip().lower() != _JSON:
        raise _not_json()
    if headers.get(b"content-encoding", b"identity") != b"identity":
        raise _not_json()


def _not_json() -> Problem:
    return Problem(415, "The body is not plain application/json.", remedy="Send `Content-Type: application/json`.")


def _takes_arrow(headers: Mapping[bytes, bytes]) -> bool:
    return _ARROW in headers.get(b"accept", b"")


def _whole_head(response: Response, request_id: str) -> list[tuple[bytes, bytes]]:
    """Return all headers of an answer."""
    length, name = b"%d" % len(response.body), request_id.encode()
    return [(b"content-length", length), (b"x-request-id", name), *response.headers, *_ALWAYS]


def _asks_for_texts(query: bytes) -> bool:
    remedy = "Write ?int64=string, or nothing."
    asked = _one_parameter(query, "int64", remedy)
    if asked not in {"string", "number"}:
        raise Problem(422, "int64 is `string` or `number`.", remedy=remedy, field="int64")
    return asked == "string"


def _one_parameter(query: bytes, name: str, remedy: str) -> str | None:
    """Return the one parameter that a path has; None where there is none."""
    if not query:
        return None
    try:
        asked = parse_qs(query.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=10)
    except ValueError:
        raise Problem(422, "The parameters cannot be read.", remedy=remedy, field=name) from None
    unknown = next((each for each in asked if each != name), None)
    if unknown is not None:
        raise Problem(422, f"There is no parameter {unknown!r:.60}.", remedy=remedy, field=unknown[:60])
    if len(asked[name]) > 1:
        raise Problem(422, f"The parameter {name!r} is given twice.", remedy=remedy, field=name)
    return asked[name][0]


def _wrong_method(allowed: str) -> Problem:
    return Problem(
        405, f"This path answers {allowed}.", remedy=f"Use {allowed}.", headers=[(b"allow", allowed.encode())]
    )


async def _no_route(request: Request, error: Exception) -> StarletteResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for these alone
    if error.status_code == 405:
        problem = _wrong_method((error.headers or {}).get("Allow", "GET"))
    else:
        problem = Problem(
            error.status_code, "There is nothing at this path.", remedy="GET /openapi.json lists what there is."
        )
    return await _problem(request, problem)


async def _fault(request: Request, error: Exception) -> StarletteResponse:  # noqa: ARG001 - what Starlette calls
    return await _problem(request, failed())


async def _problem(request: Request, problem: Exception) -> StarletteResponse:
    assert isinstance(problem, Problem)  # noqa: S101 - it is registered for these alone
    response = problem.response(request.state.request_id)
    headers = {name.decode(): value.decode() for name, value in response.headers}
    return StarletteResponse(response.body, status_code=response.status, headers=headers)
