"""Several workers over one store: killed ones are replaced, loads are seen by all, and no request is lost."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlencode

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

import workbench as wb
from tests.online.conftest import on_server
from tests.online.stage import Shelf, minutes, rows
from tests.server.stage import Asked, Running, fill, options
from workbench.config import ServeSettings
from workbench.errors import AccessRefused, UsageError
from workbench.project import service_options
from workbench.server import FeatureService, ServiceOptions, TokenFile
from workbench.server.supervisor import MOST_FILES

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.project import Project

pytestmark = [pytest.mark.service, pytest.mark.journey]

FORBIDDEN = ("mlflow", "IPython", "ipywidgets", "altair", "pandera", "git", "duckdb", "jupyterlab", "sklearn", "pandas")


class Readers:
    """Threads that read until they are told to stop; what any of them raises is kept.

    Parameters
    ----------
    url
        The service.
    read
        What each does, again and again, with a store of its own.
    """

    def __init__(self, url: str, read: Callable[[wb.client.RemoteStore], None], count: int = 4) -> None:
        self.done = 0
        self.errors: list[Exception] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(url, read)) for _ in range(count)]

    def _run(self, url: str, read: Callable[[wb.client.RemoteStore], None]) -> None:
        with wb.connect(url, timeout=60) as store:
            try:
                while not self._stop.is_set():
                    read(store)
                    self.done += 1
            except Exception as error:  # noqa: BLE001 - the test shows it
                self.errors.append(error)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def counted(text: str, name: str, **labels: str) -> float:
    """Return the sum of a metric's samples with these labels."""
    families = text_string_to_metric_families(text)
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())


def test_a_killed_worker_is_replaced_and_the_client_loses_nothing(tmp_path: Path) -> None:
    shelf = fill(tmp_path)
    with Running(shelf.folder / "online", workers=2) as service:

        def read(store: wb.client.RemoteStore) -> None:
            assert store.get_feature("recent:value", {"user": "a"}).value == 1.0

        with Readers(service.url, read) as readers:
            for _ in range(2):
                before = readers.done
                os.kill(service.workers[-1], signal.SIGKILL)
                service.wait_for("Application startup complete.")
                assert readers.errors or readers.done > before
        assert not readers.errors
        assert len(set(service.workers)) == 4
        text = httpx.get(f"{service.url}/metrics", timeout=60).text
        answered = counted(text, "workbench_requests_total", route="/v1/features", status="200")
        assert answered >= readers.done
        assert answered == counted(text, "workbench_request_seconds_count", route="/v1/features", status="200")
        assert answered == counted(text, "workbench_rows_total", view="recent", outcome="online")
        assert service.stop() == 0


def test_a_load_is_seen_by_every_worker_and_fails_no_request(tmp_path: Path) -> None:
    shelf = Shelf.at(tmp_path)

    def publish(minor: int) -> None:
        shelf.publish("spend", rows(["a"], minutes(minor), [float(minor)]), number=f"1.{minor}")
        shelf.load()

    publish(0)
    with Running(tmp_path / "online", workers=2) as service:
        newest = threading.local()

        def read(store: wb.client.RemoteStore) -> None:
            found = store.get_feature("spend", {"user": "a"})
            assert found.version == f"1.{found.value:.0f}"
            assert found.event_time == minutes(found.value)[0]
            assert found.value >= getattr(newest, "value", 0.0)
            newest.value = found.value

        with Readers(service.url, read) as readers:
            for minor in range(1, 6):
                publish(minor)
        assert not readers.errors
        answered = set()
        for _ in range(200):
            body = {"features": "spend", "entities": [{"user": "a"}]}
            answer = httpx.post(f"{service.url}/v1/features", json=body, timeout=60)
            assert answer.json()["features"]["value"]["values"] == [5.0]
            answered.add(answer.headers["x-request-id"].partition("-")[0])
            if len(answered) == 2:
                break
        assert len(answered) == 2


def test_a_revoked_token_is_refused_by_a_service_that_runs(tmp_path: Path) -> None:
    shelf = fill(tmp_path)
    file = TokenFile(options(shelf).tokens)
    _, text = file.create("scoring")
    with Running(shelf.folder / "online") as service, wb.connect(service.url, token=text) as store:
        store.catalog()
        file.revoke("scoring")
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                store.catalog()
            except AccessRefused:
                return
        pytest.fail("The revoked token is still valid.")


def test_a_request_that_has_begun_is_answered_before_the_service_ends(tmp_path: Path) -> None:
    shelf = fill(tmp_path)
    body = b'{"features":["recent:value"],"entities":[{"user":"a"}]}'
    with Running(shelf.folder / "online") as service:
        host, _, port = service.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(
                b"POST /v1/features HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % len(body)
            )
            connection.sendall(body[:9])
            httpx.get(f"{service.url}/health/live", timeout=60)  # the request before it has been read by now
            service.process.send_signal(signal.SIGTERM)
            service.wait_for("Shutting down")
            connection.sendall(body[9:])
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
        assert service.process.wait(timeout=120) == 0


def test_it_serves_a_copied_folder_with_neither_git_nor_a_lake(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    shelf = fill(tmp_path / "project")
    alone = tmp_path / "alone" / "online"
    shutil.copytree(shelf.folder / "online", alone)
    shutil.rmtree(shelf.folder)
    environment = {"PATH": str(tmp_path), "HOME": str(tmp_path), "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    with Running(alone, environment=environment) as service, wb.connect(service.url) as store:
        assert store.get_feature("recent:value", {"user": "a"}).value == 1.0
        assert list(store.catalog()) == ["days", "kinds", "recent", "world"]


IMPORTS = """
import asyncio, json, sys
from pathlib import Path
from workbench.server import FeatureService, ServiceOptions
import workbench.server.__main__
service = FeatureService(ServiceOptions.of_folder(Path(sys.argv[1])))
sent = []
async def ask(method, path, body):
    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}
    async def send(message):
        sent.append(message.get("status"))
    kind = b"application/vnd.apache.arrow.stream" if b"kinds" in body else b"application/json"
    headers = [(b"host", b"localhost"), (b"accept", kind)]
    scope = {"type": "http", "method": method, "path": path, "headers": headers, "query_string": b""}
    await service(scope, receive, send)
for method, path, body in (
    ("POST", "/v1/features", b'{"features":["recent"],"entities":[{"user":"a"}]}'),
    ("POST", "/v1/features", b'{"features":["kinds"],"entities":[{"user":"a"}]}'),
    ("GET", "/v1/catalog", b""), ("GET", "/metrics", b""), ("GET", "/openapi.json", b""), ("GET", "/", b""),
    ("GET", "/health/ready", b""),
):
    asyncio.run(ask(method, path, body))
print(json.dumps([sorted({name.partition(".")[0] for name in sys.modules}), sent]))
"""


STARTS = """
import sys
from pathlib import Path
from uvicorn.supervisors import Multiprocess
from workbench.cli.commands import serve
from workbench.server import ServiceCommand, ServiceOptions
from workbench.server.supervisor import configured
command = serve(store=sys.argv[1])
assert isinstance(command, ServiceCommand)
configured(ServiceOptions.from_json(command.options.to_json()))
print(*{name.partition(".")[0] for name in sys.modules})
"""


def test_what_starts_the_workers_loads_no_engine(tmp_path: Path) -> None:
    folder = tmp_path / "online"
    folder.mkdir()
    (folder / "data.mdb").touch()
    words = [sys.executable, "-c", STARTS, str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=120)
    modules = set(done.stdout.split())
    assert {"workbench", "uvicorn"} <= modules
    assert not {"polars", "numpy", "pyarrow", "starlette", "lmdb"} & modules


def test_it_imports_nothing_of_the_notebook_the_checks_or_git(tmp_path: Path) -> None:
    shelf = fill(tmp_path)
    words = [sys.executable, "-c", IMPORTS, str(shelf.folder / "online")]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=120)
    modules, statuses = json.loads(done.stdout)
    assert set(filter(None, statuses)) == {200}
    assert {"polars", "lmdb", "starlette", "pyarrow"} <= set(modules)
    assert not {*FORBIDDEN} & set(modules)


def test_an_address_that_is_taken_or_open_to_others_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from workbench.cli.main import main

    shelf = fill(tmp_path)
    folder = shelf.folder / "online"
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(AssertionError, match="cannot listen"):
        Running(folder, port=taken.getsockname()[1])
    assert main(["serve", "--store", str(folder), "--host", "0.0.0.0"]) == 2
    assert "There are no tokens" in capfd.readouterr().err
    assert main(["serve", "--store", str(tmp_path)]) == 2
    assert "is not the folder of an online store" in capfd.readouterr().err


def test_a_project_says_where_its_store_its_lake_and_its_tokens_are(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (project.root / "workbench.toml").read_text()
    (project.root / "workbench.toml").write_text(
        f'{text}\n[serve]\nport = 9000\ntokens = "t.json"\n[online]\npath = "o"\n'
    )
    monkeypatch.chdir(project.root)
    found = service_options()
    home = project.repository.home
    assert (found.home, found.tokens, found.serve.port) == (home, home / "t.json", 9000)
    assert found.project == project.config.project.name
    assert found.lake is not None
    assert found.lake[0] == str(project._workspace.lake.uri)
    assert ServiceOptions.from_json(found.to_json()) == found
    assert found.with_serve(port=1, host=None).serve == ServeSettings(port=1, tokens="t.json")
    (project.root / "workbench.toml").write_text(f'{text}\n[online]\nfallback = "error"\n')
    assert service_options().lake is None
    assert service_options().tokens == home / "online.tokens.json"


@pytest.mark.parametrize(("kind", "option"), [("redis", "socket_timeout"), ("postgres", "connect_timeout")])
def test_a_machine_that_has_a_url_alone_serves_what_is_on_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, option: str
) -> None:
    with on_server(kind, "test {}") as place:
        shelf = Shelf(tmp_path, place.open())
        shelf.publish("spend", rows(["a"], minutes(0), [4.0]))
        shelf.load()
        monkeypatch.chdir(tmp_path)
        served = service_options(f"{place.url}?{urlencode({option: 60, 'project': place.name})}")
        assert served.tokens == tmp_path / "online.tokens.json"
        assert ServiceOptions.from_json(served.to_json()) == served
        found = Asked(FeatureService(served)).features(["spend"], [{"user": "a"}]).json()
        assert found["features"]["value"]["values"] == [4.0]
    with pytest.raises(UsageError, match="whose features"):
        service_options(place.url)


def test_an_address_of_no_kind_of_store_is_refused() -> None:
    with pytest.raises(UsageError, match="no online store of the kind mysql://"):
        service_options("mysql://ann:s3cret@host/db?project=p")


@pytest.mark.parametrize(("name", "value"), [("workers", 0), ("port", 99_999), ("log_reads", 1.5)])
def test_an_option_that_a_setting_cannot_have_is_refused(tmp_path: Path, name: str, value: float) -> None:
    served = ServiceOptions.of_folder(tmp_path / "online")
    with pytest.raises(UsageError, match=f"{name} cannot be {value}: Expected `"):
        served.with_serve(**{name: value})


def test_workers_may_open_as_many_files_as_the_system_allows(tmp_path: Path) -> None:
    shelf = fill(tmp_path)
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1_000, most))
    try:
        service = Running(shelf.folder / "online")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))
    wanted = MOST_FILES if most == resource.RLIM_INFINITY else min(MOST_FILES, most)
    with service:
        assert resource.prlimit(service.workers[0], resource.RLIMIT_NOFILE) == (wanted, most)


def test_the_notebook_does_not_become_a_service(tmp_path: Path) -> None:
    from workbench.cli import bind, parser

    shelf = fill(tmp_path)
    shown = bind(parser("%feature"), ["serve", "--store", str(shelf.folder / "online")]).run()
    assert "in a terminal" in str(shown._repr_mimebundle_())
    with pytest.raises(UsageError, match="host"):
        bind(parser("%feature"), ["serve", "--hst", "x"])
