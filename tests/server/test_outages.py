"""The store or the whole service goes away under load: clients are told, and all of it comes back by itself."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

import workbench as wb
from tests.online.conftest import on_server
from tests.online.servers import Relay, Server
from tests.online.stage import Shelf, minutes, rows
from tests.server.stage import Running, Sockets, fill
from workbench.config import OnlineSettings, ServeSettings
from workbench.errors import OnlineError
from workbench.online import backend_of
from workbench.server import ServiceOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.journey, pytest.mark.service]

SECONDS = 120
"""How long to wait for what must come."""


class Clients:
    """Threads that read one value again and again, whatever the service says.

    Parameters
    ----------
    url
        The service.
    view
        The view, whose value for ``a`` is 1.
    """

    def __init__(self, url: str, view: str) -> None:
        self.answers = 0
        self.errors: list[str] = []
        self.strange: list[str] = []
        self._url, self._view = url, view
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(3)]

    def _run(self) -> None:
        with wb.connect(self._url, timeout=60) as store:
            while not self._ended.is_set():
                try:
                    found = store.get_feature(f"{self._view}:value", {"user": "a"})
                except OnlineError as error:
                    self.errors.append(str(error))
                except Exception as error:  # noqa: BLE001 - the test shows it
                    self.strange.append(repr(error))
                else:
                    self.answers += 1
                    if (found.value, found.status) != (1.0, "present"):
                        self.strange.append(repr(found))

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read meanwhile."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._ended.set()
            for thread in self._threads:
                thread.join()

    def wait_for_answers(self) -> None:
        """Wait until more requests are answered."""
        before = self.answers
        wait_until(lambda: self.answers > before + 10)

    def wait_for_errors(self) -> None:
        """Wait until a client is told that it cannot have an answer."""
        before = len(self.errors)
        wait_until(lambda: len(self.errors) > before)


def wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture(params=["redis", "postgres"])
def stoppable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Server | Relay, OnlineSettings, str]]:
    """Give a server that can be stopped and started, where a store on it is, and whose it is."""
    with ExitStack() as forgotten:
        if request.param == "redis":
            server: Server | Relay = Server(tmp_path, ("--appendonly", "yes"))
            name = "p"
        else:
            server, name = Relay(), forgotten.enter_context(on_server("postgres")).name
        server.start()
        forgotten.callback(server.kill)
        yield server, OnlineSettings(kind=request.param, url=server.url), name


def test_while_the_store_is_away_requests_are_sent_back_and_then_answered_without_a_restart(
    tmp_path: Path, stoppable: tuple[Server | Relay, OnlineSettings, str]
) -> None:
    server, online, project = stoppable
    shelf = Shelf(tmp_path, backend_of(online, tmp_path, project))
    shelf.publish("spend", rows(["a"], minutes(1), [1.0]))
    shelf.load()
    limits = ServeSettings(log="none", queue_ms=3_600_000, deadline_ms=60_000)
    with Sockets(ServiceOptions(tmp_path, online, limits, project=project)) as sockets:
        url = f"http://127.0.0.1:{sockets.port}"
        clients = Clients(url, "spend")
        with clients.reading():
            for _ in range(2):
                clients.wait_for_answers()
                server.kill()
                clients.wait_for_errors()
                body = {"features": "spend", "entities": [{"user": "a"}]}
                away = httpx.post(f"{url}/v1/features", json=body, timeout=60)
                assert (away.status_code, away.headers["retry-after"]) == (503, "1")
                assert server.url not in away.text
                assert httpx.get(f"{url}/health/ready", timeout=60).status_code == 503
                assert httpx.get(f"{url}/health/live", timeout=60).status_code == 200
                server.start()
            clients.wait_for_answers()
            assert httpx.get(f"{url}/health/ready", timeout=60).status_code == 200
    assert clients.strange == []
    assert {error.partition("\n")[0] for error in clients.errors} == {"The store or the lake cannot be read."}


@contextmanager
def address() -> Iterator[int]:
    """Give a port that nobody else is given; only who names it can listen there."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def is_free(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=60).close()
    except ConnectionError:
        return True
    return False


@pytest.mark.parametrize("whole", [True, False])
def test_a_service_that_is_killed_is_started_again_at_its_address_while_clients_read(
    tmp_path: Path,
    whole: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Where its first process alone is killed, the workers end too: they held the address, and nobody replaced them."""
    folder = fill(tmp_path).folder / "online"
    with address() as port:
        clients = Clients(f"http://127.0.0.1:{port}", "recent")
        with Running(folder, port=port, workers=2) as first, clients.reading():
            clients.wait_for_answers()
            first.process.kill()
            for worker in first.workers if whole else []:
                os.kill(worker, signal.SIGKILL)
            wait_until(lambda: is_free(port))
            clients.wait_for_errors()
            with Running(folder, port=port, workers=2) as second:
                clients.wait_for_answers()
                assert not {*first.workers} & {*second.workers}
                clients._ended.set()
                assert second.stop() == 0
    assert clients.strange == []
