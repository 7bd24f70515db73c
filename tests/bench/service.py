"""One process that answers for `bench_serve`: ``python -m tests.bench.service KIND FOLDER``; it says its address.

``bare`` is what any service on this stack has to do: an ASGI callable on uvicorn that parses the request, gets the rows
of the same store, and writes JSON: no types, versions, statuses, times, limits or metrics. ``full`` is the service with
tokens, metrics and a share of the reads logged; ``lean`` is the same service without these three.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from uvicorn import Config, Server

from workbench.config import OnlineSettings, ServeSettings
from workbench.online import OnlineReader
from workbench.online.backend import prefix_of
from workbench.online.lmdb import LmdbStore
from workbench.server import FeatureService, ServiceOptions
from workbench.server.connection import Connection
from workbench.server.metrics import ServiceMetrics

LOGGED = 0.01
"""The share of reads that ``full`` logs."""
SIGN = 1 << 63


def bare(folder: Path) -> Any:
    """Return the least that answers requests for the three views."""
    store = LmdbStore(folder, map_size=2**36)
    generations = OnlineReader(store).catalog().generations
    views = [(prefix_of(each.number) + b"\x00", each.codec) for _, each in sorted(generations.items())]
    environment, (_, latest, _) = store._environment, store._tables  # type: ignore[misc]  # it is open
    decode, encode = msgspec.json.Decoder().decode, msgspec.json.Encoder().encode

    async def answer(scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
        if scope["type"] != "http":
            await _live_and_end(receive, send)
            return
        request = decode((await receive())["body"])
        keys = [(entity["key"] + SIGN).to_bytes(8, "big") for entity in request["entities"]]
        features: dict[str, Any] = {}
        with environment.begin() as transaction:
            for prefix, codec in views:
                rows = [codec.decode(transaction.get(prefix + key, db=latest)[16:]) for key in keys]
                features |= dict(zip(codec.features, list(zip(*rows, strict=True))[2:], strict=True))
        body = encode({"features": features})
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return answer


async def _live_and_end(receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
    for _ in range(2):
        message = await receive()
        await send({"type": f"{message['type']}.complete"})


def service(kind: str, folder: Path) -> FeatureService:
    """Return the service with or without tokens, metrics and logged reads."""
    serve = ServeSettings(log_reads=LOGGED) if kind == "full" else ServeSettings(tokens="no.tokens.json")
    online = OnlineSettings(path=str(folder), fallback="error")
    metrics = folder.with_name("metrics") if kind == "full" else None
    found = FeatureService(ServiceOptions(folder.parent, online, serve, metrics=metrics))
    if kind == "lean":
        for name in vars(ServiceMetrics):
            if name.startswith("count_"):
                setattr(found._metrics, name, lambda *_, **__: None)
        for name in ("count_row", "count_rows"):  # which give what counts
            setattr(found._metrics, name, lambda *_: lambda *_: None)
    return found


def main() -> None:
    """Serve until a signal ends it."""
    kind, folder = sys.argv[1], Path(sys.argv[2])
    application = bare(folder) if kind == "bare" else service(kind, folder)
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(listening.getsockname()[1], flush=True)
    config = Config(
        application,
        loop="uvloop",
        http="httptools" if kind == "bare" else Connection,
        interface="asgi3",
        lifespan="on",
        ws="none",
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    uvloop.run(Server(config).serve([listening]))


if __name__ == "__main__":
    main()
