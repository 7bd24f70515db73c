"""A service over a small online store, in this process or with workers of its own."""

from __future__ import annotations

import asyncio
import json
import queue
import signal
import socket
import subprocess
import sys
import threading
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Self

import httpx
import polars as pl
from uvicorn import Server

from tests.online.stage import START, UTC_TIME, Shelf, minutes, rows
from workbench.config import ServeSettings
from workbench.server import FeatureService, ServiceOptions
from workbench.server.supervisor import configured

LARGE = 2**53 + 1
KINDS: dict[str, tuple[list[Any], pl.DataType]] = {
    "whole": ([LARGE, -(2**63), None], pl.Int64()),
    "unsigned": ([2**64 - 1, 0, None], pl.UInt64()),
    "small": ([1, -1, None], pl.Int8()),
    "real": ([float("nan"), float("inf"), float("-inf")], pl.Float64()),
    "narrow": ([0.1, -0.0, None], pl.Float32()),
    "text": (["a\x00\u2028", "", None], pl.String()),
    "truth": ([True, False, None], pl.Boolean()),
    "day": ([date(1, 1, 1), date(9999, 12, 31), None], pl.Date()),
    "moment": ([START + timedelta(microseconds=1), START - timedelta(days=9), None], UTC_TIME),
    "local": ([START, START + timedelta(days=180), None], pl.Datetime("us", "Europe/Paris")),
    "naive": ([datetime(2024, 2, 29, 12), datetime(1969, 12, 31), None], pl.Datetime("us")),  # noqa: DTZ001
    "clock": ([time(23, 59, 59, 999_999), time(0), None], pl.Time()),
    "span": ([timedelta(days=3, microseconds=1), timedelta(seconds=-90), None], pl.Duration("us")),
    "price": ([Decimal("12.50"), Decimal("-0.01"), None], pl.Decimal(20, 2)),
    "grade": (["low", "high", None], pl.Enum(["low", "high"])),
    "reals": ([[1.0, float("nan"), None], [], None], pl.List(pl.Float64())),
    "wholes": ([[LARGE], [None], None], pl.List(pl.Int64())),
    "pair": ([{"x": float("inf"), "n": LARGE}, {"x": None, "n": 1}, None], pl.Struct({"x": pl.Float64, "n": pl.Int64})),
}
"""A feature of each kind, with values for three users."""


def all_kinds() -> pl.DataFrame:
    """Return a view of three users with a feature of each kind."""
    features = {name: pl.Series(values, dtype=dtype) for name, (values, dtype) in KINDS.items()}
    return pl.DataFrame({"user": ["a", "b", "c"], "at": pl.Series(minutes(1, 2, 3), dtype=UTC_TIME), **features})


def fill(folder: Path) -> Shelf:
    """Return a store of views: every kind of feature; a ttl, a default and `created`; no entities; two keys."""
    shelf = Shelf.at(folder)
    shelf.publish("kinds", all_kinds())
    now = datetime.now(UTC)
    recent = rows(["a", "b", "c"], [now - timedelta(minutes=1), now - timedelta(days=9), now], [1.0, 2.0, None])
    recent = recent.with_columns(known=pl.col("at"), kept=pl.col("value"))
    shelf.publish("recent", recent, created="known", ttl=timedelta(hours=1), defaults={"kept": 0.5})
    shelf.publish("world", rows(["x"], minutes(5), [7.0]).drop("user"), entities=())
    days = pl.DataFrame(
        {"day": [date(2024, 1, 1)], "number": [LARGE], "at": minutes(1), "value": [3.0]},
        schema_overrides={"at": UTC_TIME},
    )
    shelf.publish("days", days, entities=("day", "number"))
    shelf.releases["2024.1"] = shelf.commit()
    shelf.sets["all"] = ["recent:value", "world"]
    shelf.load()
    return shelf


def options(shelf: Shelf, **settings: Any) -> ServiceOptions:
    """Return what serves a store, as a machine does that has nothing but its folder."""
    return ServiceOptions.of_folder(shelf.folder / "online", ServeSettings.read(settings))


class Asked:
    """Sends requests to a service in this process.

    Parameters
    ----------
    service
        The service.
    headers
        Headers of all requests.
    """

    def __init__(self, service: FeatureService, **headers: str) -> None:
        self._service = service
        self._headers = {"host": "localhost:8420"} | headers

    def __call__(self, method: str, path: str, **given: Any) -> httpx.Response:
        return self.together(1, method, path, **given)[0]

    def together(self, count: int, method: str, path: str, **given: Any) -> list[httpx.Response]:
        """Send the same request several times at once."""
        headers = self._headers | given.pop("headers", {})

        async def send() -> list[httpx.Response]:
            transport = httpx.ASGITransport(self._service, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8420") as client:
                requests = [client.request(method, path, headers=headers, **given) for _ in range(count)]
                return await asyncio.gather(*requests)

        return asyncio.run(send())

    def features(
        self, features: Any, entities: Any, *, query: str = "", accept: str = "", **body: Any
    ) -> httpx.Response:
        """Ask for features."""
        content = json.dumps({"features": features, "entities": entities, **body})
        headers = {"content-type": "application/json"} | ({"accept": accept} if accept else {})
        return self("POST", f"/v1/features{query}", content=content, headers=headers)


def ask(shelf: Shelf, **settings: Any) -> Asked:
    """Return what sends requests to a service over a store."""
    return Asked(FeatureService(options(shelf, **settings)))


class Sockets:
    """A service on a socket, in a thread of this process, so that a test can change its limits.

    Parameters
    ----------
    options
        What is served.
    """

    def __init__(self, options: ServiceOptions) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._server = Server(configured(options))
        self._thread = threading.Thread(target=self._server.run, args=([self._listening],))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._listening.close()

    def connect(self) -> socket.socket:
        """Return a new connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def wait_until_alone(self) -> None:
        """Wait until the service has no connection left."""
        until = monotonic() + 60
        while self._server.server_state.connections:
            assert monotonic() < until
            sleep(0.01)

    def exchange(self, *parts: bytes) -> bytes:
        """Send these parts by one connection, and return what comes back until the service closes it."""
        with self.connect() as connection:
            for each in parts:
                connection.sendall(each)
            return rest_of(connection)


def rest_of(connection: socket.socket) -> bytes:
    """Return what comes until the other side closes the connection."""
    found = bytearray()
    try:
        while data := connection.recv(65_536):
            found += data
    except ConnectionError:  # closed while more was on the way to it
        pass
    return bytes(found)


class Running:
    """A service with processes of its own, as `workbench serve` starts it.

    Parameters
    ----------
    folder
        The online store's folder.
    words
        Further words of the command.
    port
        Where it listens; 0 for a free one.
    environment
        The environment of the service; this process's own if absent.
    """

    def __init__(
        self, folder: Path, *words: str, workers: int = 1, port: int = 0, environment: dict[str, str] | None = None
    ) -> None:
        program = "import sys; from workbench.cli.main import main; sys.exit(main())"
        command = [sys.executable, "-c", program, "serve", "--store", str(folder), "--port", str(port)]
        self.process = subprocess.Popen(
            [*command, "--workers", str(workers), *words],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder.parent,
            env=environment,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self.log: list[dict[str, Any]] = []
        self.workers: list[int] = []
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        self.url = str(self.wait_for("serving")["url"])
        for _ in range(workers):
            self.wait_for("Application startup complete.")

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            for line in lines:
                self._lines.put(line)
        self._lines.put("")

    def wait_for(self, message: str) -> dict[str, Any]:
        """Return the next line of the log that says `message`."""
        while line := self._lines.get(timeout=120):
            if not line.startswith("{"):  # what is said before the service begins, or of a fault
                self.log.append({"message": line})
                continue
            found = json.loads(line)
            self.log.append(found)
            if found["message"].startswith("Started server process"):
                self.workers.append(found["pid"])
            if found["message"] == message:
                return dict(found)
        self.process.wait(timeout=120)
        self._reading.join()
        raise AssertionError(f"The service ended: {self.log}")

    def stop(self) -> int:
        """Stop the service and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=120)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()
        self._reading.join()
