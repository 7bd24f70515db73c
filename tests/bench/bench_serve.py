"""What an HTTP request for features costs, beside the least that could answer it, and beside Feast's feature server.

Three views of five floats each, 100,000 entities, in LMDB, one entity and 15 features a request. "bare" is an ASGI
callable on the same uvicorn that looks the same rows up and writes their values as JSON; "full" is the service with a
token, metrics and one in a hundred reads logged, "lean" without these. Both answer with statuses, times and dtypes as
well, unless asked for "values" alone, which is what "bare" answers. Feast's server runs in a Python of its own, which
`--feast` names, by one worker without an access log; without one it is left out.

The client keeps 16 connections busy from this process. What counts is the processor time of the server for a request,
as the kernel counts it, the least of several rounds in which the contenders take turns: on a machine of two cores that
others use, requests a second say how much the client and the others leave. Bodies are measured in this process. All
contenders are started once and wait while another has its turn. What does not answer for a minute ends the benchmark.

`workbench serve` is started with its bytecode there, as it is where a program was installed, and with two workers; it
is ready when ``/health/ready`` says so.

    python tests/bench/bench_serve.py --json serve.json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import polars as pl
import psutil
import uvloop

from tests.bench.bench_online import VIEWS, compared, new_shelf, shelf_of, table, taken, write
from tests.bench.measured import least
from tests.bench.targets import judge
from tests.server.stage import Running
from workbench.config import ServeSettings
from workbench.online.answers import StoredAnswers
from workbench.server import FeatureService, ServiceOptions, TokenFile
from workbench.server.features import FeatureAnswers

CLIENTS = 16
LONGEST = 60.0
"""Seconds after which what does not answer ends the benchmark."""
MOST_CONNECTIONS = 500
"""How often a client connects until each of two workers has taken one of its connections."""
CORES = os.cpu_count() or 1
TARGETS = {
    "bare / full (cpu), at least": 0.7,
    "Feast / full (cpu), at least": 8.0,
    "p99 / p50": 10.0,
    "Arrow / JSON bodies (cpu)": 0.25,
    "share of metrics, tokens and log": 0.2,
    "ready after (s)": 1.0,
    "publish seen after (ms)": 100.0,
    "rollback seen after (ms)": 100.0,
}
# two workers and the client keep three cores busy: on fewer, what counts is that a request costs two little more
TARGETS |= (
    {"two workers / one (requests), at least": 1.7} if CORES > 2 else {"two workers / one (cpu of a request)": 2 / 1.7}
)


class _Client(asyncio.Protocol):
    """One connection that sends its request again as soon as it has the answer."""

    def __init__(self, request: bytes, until: float, times: list[float]) -> None:
        self._request, self._until, self._times = request, until, times
        self._data = b""
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, found, body = self._data.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(body) < length:
            return
        now = time.perf_counter()
        self._times.append(now - self._began)
        if b" 200 " not in head[:20]:
            self.done.set_exception(RuntimeError(self._data.decode()))
        elif now < self._until:
            self._send()
            return
        else:
            self.done.set_result(None)
        self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionResetError("the server closed the connection"))

    def _send(self) -> None:
        self._data = b""
        self._began = time.perf_counter()
        self._transport.write(self._request)


def load(port: int, request: bytes, seconds: float) -> list[float]:
    """Keep a server busy for some seconds, and return how long each answer took."""
    times: list[float] = []

    async def run() -> None:
        until = time.perf_counter() + seconds
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(seconds + LONGEST):
            clients = [
                (await loop.create_connection(lambda: _Client(request, until, times), "127.0.0.1", port))[1]
                for _ in range(CLIENTS)
            ]
            await asyncio.gather(*(client.done for client in clients))

    try:
        uvloop.run(run())
    except TimeoutError:
        raise SystemExit(f"The server at port {port} left requests without an answer.") from None
    return times


def used(pids: list[int]) -> float:
    """Return the processor time of some processes until now; Linux alone can say."""
    return sum(time.clock_gettime(~pid << 3 | 2) for pid in pids)  # as clock_getcpuclockid(3) makes the clock's number


def measure(port: int, pids: list[int], request: bytes, seconds: float) -> dict[str, float]:
    """Return processor time a request, requests a second, and the times of answers, in microseconds."""
    before = used(pids)
    begin = time.perf_counter()
    times = sorted(load(port, request, seconds))
    passed = time.perf_counter() - begin
    return {
        "cpu": (used(pids) - before) / len(times) * 1e6,
        "per_second": len(times) / passed,
        "p50": times[len(times) // 2] * 1e6,
        "p99": times[len(times) * 99 // 100] * 1e6,
    }


def post(path: str, body: object, token: str | None = None) -> bytes:
    """Return the bytes of a request."""
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += f"Authorization: Bearer {token}\r\n" if token else ""
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


@contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[None]:
    """End a process behind the block, and kill it where it is silent, or does not end, for too long."""
    limit = threading.Timer(10 * LONGEST, process.kill)
    limit.start()
    try:
        yield
    finally:
        limit.cancel()
        process.terminate()
        try:
            process.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            process.kill()


@contextmanager
def one_process(kind: str, folder: Path) -> Iterator[tuple[int, list[int]]]:
    """Give the port and the process of a server of one kind."""
    words = [sys.executable, "-m", "tests.bench.service", kind, str(folder)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process, ended(process):
        assert process.stdout is not None
        yield int(process.stdout.readline()), [process.pid]


@contextmanager
def feast_server(python: str, repository: Path) -> Iterator[tuple[int, list[int]]]:
    """Give the port and the processes of Feast's feature server, by one worker."""
    port = 6599
    words = [str(Path(python).with_name("feast")), "-c", str(repository), "serve", "-p", str(port), "--no-access-log"]
    # more requests than its default, after which a worker is started anew
    words += [
        "--workers",
        "1",
        "--registry_ttl_sec",
        "600",
        "--max-requests",
        "100000000",
        "--keep-alive-timeout",
        "60",
    ]
    log = repository / "serve.log"
    with (
        log.open("w") as output,
        subprocess.Popen(words, stdout=output, stderr=output, text=True) as process,
        ended(process),
    ):
        until = time.perf_counter() + 2 * LONGEST
        while True:
            try:
                if httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).status_code == 200:
                    break
            except httpx.HTTPError:
                time.sleep(0.2)
            if time.perf_counter() > until:
                raise SystemExit(log.read_text())
        yield port, [process.pid, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))]


def requests(folder: Path, feast: str | None, rounds: int, seconds: float) -> dict[str, dict[str, float]]:
    """Measure one entity of 15 features from each server, in turns; the least processor time of each counts."""
    store = folder / "shelf" / "online"
    _, token = TokenFile(store.with_name("online.tokens.json")).create("bench")
    body = {"features": VIEWS, "entities": [{"key": 7}]}
    ours = post("/v1/features", body)
    asked: dict[str, tuple[str, bytes]] = {
        "bare": ("bare", ours),
        "lean": ("lean", ours),
        "full": ("full", post("/v1/features", body, token)),
        "values": ("full", post("/v1/features", body | {"details": False}, token)),
    }
    servers: dict[str, AbstractContextManager[tuple[int, list[int]]]] = {
        kind: one_process(kind, store) for kind in ("bare", "lean", "full")
    }
    if feast:
        repository = folder / "feast"
        script = str(Path(__file__).parent / "feast_online.py")
        taken([feast, script, "--folder", str(folder), "--repository", str(repository)])
        features = [f"view{number}:v{number}_{column}" for number in range(3) for column in range(5)]
        asked["Feast"] = "Feast", post("/get-online-features", {"features": features, "entities": {"key": [7]}})
        servers["Feast"] = feast_server(feast, repository)
    with ExitStack() as stack:
        running = {kind: stack.enter_context(server) for kind, server in servers.items()}
        contenders = {name: (*running[kind], request) for name, (kind, request) in asked.items()}
        runs = in_turns(contenders, rounds, seconds)
    return {name: min(own, key=lambda run: run["cpu"]) for name, own in runs.items()}


def in_turns(
    contenders: dict[str, tuple[int, list[int], bytes]], rounds: int, seconds: float
) -> dict[str, list[dict[str, float]]]:
    """Measure servers by their ports, processes and requests, one after another in each round."""
    for port, _, request in contenders.values():
        load(port, request, 0.3)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, (port, pids, request) in contenders.items():
            found[name].append(measure(port, pids, request, seconds))
    return found


def workers(folder: Path, rounds: int, seconds: float) -> dict[str, dict[str, float]]:
    """Measure the service as it is started, by one process and by two."""
    store = folder / "shelf" / "online"
    token = TokenFile(store.with_name("online.tokens.json")).create("workers")[1]
    request = post("/v1/features", {"features": VIEWS, "entities": [{"key": 7}]}, token)
    with Running(store, workers=1) as one, Running(store, workers=2) as two:
        both = {"1 worker": one, "2 workers": two}
        found = in_turns(
            {name: (urlsplit(service.url).port or 0, service.workers, request) for name, service in both.items()},
            rounds,
            seconds,
        )
    return {name: max(runs, key=lambda run: run["per_second"]) for name, runs in found.items()}


def bodies(folder: Path, rounds: int) -> dict[str, float]:
    """Measure what an answer of 1,000 entities takes: the whole request, and the body from rows that are found."""
    store = folder / "shelf" / "online"
    options = ServiceOptions.of_folder(store, ServeSettings(tokens="no.tokens.json"))
    answers: FeatureAnswers = FeatureService(options)._features
    asked = {"features": VIEWS, "entities": [{"key": key * 97} for key in range(1_000)]}
    body, values = json.dumps(asked).encode(), json.dumps(asked | {"details": False}).encode()

    def answered(asked: bytes, *, arrow: bool) -> object:
        return answers.answer(answers.read(asked, arrow=arrow, texts=False), None)

    def body_of(asked: bytes, *, arrow: bool) -> object:
        """Make the body from rows that are found, and not yet decoded."""
        question, (prepared, found) = looked[asked]
        assert isinstance(found, StoredAnswers)
        fresh = StoredAnswers(found.plan, found.entities, found.instant, found._data, bounded=True)
        if arrow:
            return answers._arrow(question, fresh)
        return prepared.bodies.body(fresh, details=question.request.details)

    questions = {each: answers.read(each, arrow=False, texts=False) for each in (body, values)}
    looked = {each: (question, answers._look(question, None)) for each, question in questions.items()}
    return compared(
        {
            f"{kind} {what}": partial(act, each, arrow=kind == "Arrow")
            for what, act, each in (
                ("request", answered, body),
                ("body", body_of, body),
                ("request, values alone", answered, values),
                ("body, values alone", body_of, values),
            )
            for kind in ("JSON", "Arrow")
        },
        rounds=rounds,
    )


def start(folder: Path, rounds: int) -> dict[str, float]:
    """Return how long `workbench serve` takes on a filled store until it is ready, in seconds, and its processor time.

    The first start, which makes the bytecode, does not count.
    """
    words = [str(Path(sys.executable).with_name("workbench")), "serve", "--store", str(folder / "shelf" / "online")]
    environment = os.environ | {"PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    found = []
    for _ in range(rounds + 1):
        begin = time.perf_counter()
        with (
            subprocess.Popen([*words, "--port", "0"], stderr=subprocess.PIPE, text=True, env=environment) as process,
            ended(process),
        ):
            assert process.stderr is not None
            line = next((line for line in process.stderr if '"serving"' in line), None)
            if line is None:
                raise SystemExit("The service does not start.")
            address = HTTPConnection(urlsplit(json.loads(line)["url"]).netloc, timeout=LONGEST)
            address.request("GET", "/health/ready")  # it waits in the socket until a worker is there
            if address.getresponse().status != 200:
                raise SystemExit("The service is not ready.")
            seconds = time.perf_counter() - begin
            workers = psutil.Process(process.pid).children(recursive=True)
            found.append({"seconds": seconds, "cpu": used([process.pid, *(worker.pid for worker in workers)])})
    return least(found[1:])


def changes(folder: Path, rounds: int) -> dict[str, float]:
    """Return within how many milliseconds both workers answered by what a load has shown, at most."""
    shelf = new_shelf(folder / "changing")
    for number in ("1.0", "1.1"):
        rows = table(0, 100).with_columns(pl.col("v0_0") + float(number))
        shelf.publish("spend", rows, entities=("key",), number=number)
        shelf.load()
    found: dict[str, list[float]] = {"rollback": [], "publish": []}
    with Running(shelf.folder / "online", workers=2) as service:
        clients: dict[str, httpx.Client] = {}  # one for each worker, whose requests' ids begin alike
        for _ in range(MOST_CONNECTIONS):
            client = httpx.Client(base_url=service.url)
            if clients.setdefault(_asked(client)[0], client) is not client:
                client.close()
            if len(clients) == 2:
                break
        else:
            raise SystemExit("One of two workers never takes a connection.")
        for _ in range(rounds):
            for name, runs in found.items():
                shelf.roll_back("spend", "1.0" if name == "rollback" else "1.1")
                generation = shelf.load().views[0].generation
                begin = time.perf_counter()
                for client in clients.values():
                    while _asked(client)[1] != generation:
                        if time.perf_counter() > begin + 10:
                            raise SystemExit("a worker does not see what was loaded")
                runs.append(time.perf_counter() - begin)
        for client in clients.values():
            client.close()
    return {name: max(runs) * 1e3 for name, runs in found.items()}


def _asked(client: httpx.Client) -> tuple[str, int]:
    """Return what a worker's ids begin with, and the generation that it answers by."""
    answer = client.post("/v1/features", json={"features": "spend", "entities": [{"key": 7}]})
    return answer.headers["x-request-id"].partition("-")[0], answer.json()["views"]["spend"]["generation"]


def report(measured: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Print what was measured, and return it with the ratios, and 1 where a target is missed."""
    runs: dict[str, dict[str, float]] = measured["requests"] | measured["workers"]
    print(f"{'server':12}{'us of cpu':>12}{'requests/s':>12}{'p50 us':>10}{'p99 us':>10}")
    for name, run in runs.items():
        print(f"{name:12}{run['cpu']:>12.0f}{run['per_second']:>12,.0f}{run['p50']:>10,.0f}{run['p99']:>10,.0f}")
    print(f"{'1,000 entities':28}{'us of cpu':>12}")
    for name, micros in measured["bodies"].items():
        print(f"{name:28}{micros:>12,.0f}")
    full, bodies = runs["full"], measured["bodies"]
    ratios = {
        "bare / full (cpu), at least": runs["bare"]["cpu"] / full["cpu"],
        "bare / full, values alone (cpu)": runs["bare"]["cpu"] / runs["values"]["cpu"],
        "two workers / one (requests), at least": runs["2 workers"]["per_second"] / runs["1 worker"]["per_second"],
        "two workers / one (cpu of a request)": runs["2 workers"]["cpu"] / runs["1 worker"]["cpu"],
        "p99 / p50": full["p99"] / full["p50"],
        "Arrow / JSON bodies (cpu)": bodies["Arrow body"] / bodies["JSON body"],
        "Arrow / JSON requests (cpu)": bodies["Arrow request"] / bodies["JSON request"],
        "share of metrics, tokens and log": 1 - runs["lean"]["cpu"] / full["cpu"],
        "ready after (s)": measured["ready"]["seconds"],
        "ready after (s of cpu)": measured["ready"]["cpu"],
        "publish seen after (ms)": measured["changes"]["publish"],
        "rollback seen after (ms)": measured["changes"]["rollback"],
    }
    if "Feast" in runs:
        ratios["Feast / full (cpu), at least"] = runs["Feast"]["cpu"] / full["cpu"]
    status = judge(ratios, TARGETS)
    return measured | {"ratios": ratios, "targets": TARGETS}, status


def main() -> int:
    """Measure requests, workers, bodies, the start and how soon a change is seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="entities of each view")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.7, help="for which a server is kept busy each time")
    parser.add_argument("--feast", default=os.environ.get("FEAST_PYTHON"), help="a Python that has feast[duckdb]")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if not options.feast:
        print("Feast is left out: --feast or FEAST_PYTHON names no Python that has feast[duckdb].")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, options.rows)
        shelf_of(folder).load()
        measured = {
            "ready": start(folder, options.repeat),
            "changes": changes(folder, 2 * options.repeat),
            "bodies": bodies(folder, options.repeat),
            "requests": requests(folder, options.feast, options.repeat, options.seconds),
            "workers": workers(folder, options.repeat, options.seconds),
        }
        result, status = report(measured)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
