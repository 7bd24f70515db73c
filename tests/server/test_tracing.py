"""Traces: one span a request and one for its look into the store, of the client's trace, without what it asked for."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread

import httpx
import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from tests.online.stage import Shelf
from tests.server.stage import Asked, Running, fill, options
from workbench.errors import ConfigError
from workbench.online import OnlineReader
from workbench.server import FeatureService
from workbench.server.app import ROUTES
from workbench.server.tracing import Traces, exporter_to

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return fill(tmp_path)


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


def asked(shelf: Shelf, spans: InMemorySpanExporter) -> Asked:
    traces = Traces(SimpleSpanProcessor(spans), ROUTES)
    return Asked(FeatureService(options(shelf), traces), traceparent=f"00-{TRACE}-{PARENT}-01")


@pytest.mark.parametrize("heavy", [False, True])
def test_a_request_and_its_look_into_the_store_are_spans_of_the_clients_trace(
    shelf: Shelf, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch, *, heavy: bool
) -> None:
    if heavy:  # which a thread answers
        monkeypatch.setattr("workbench.server.features.HEAVY", 0)
    answer = asked(shelf, spans).features(["recent:value"], [{"user": "nobody-but-me"}])
    assert answer.status_code == 200
    look, request = spans.get_finished_spans()
    assert (request.name, look.name) == ("POST /v1/features", "online store")
    assert request.context is not None
    assert look.context is not None
    assert request.parent is not None
    assert look.parent is not None
    assert f"{request.context.trace_id:032x}" == f"{look.context.trace_id:032x}" == TRACE
    assert f"{request.parent.span_id:016x}" == PARENT
    assert look.parent.span_id == request.context.span_id
    assert request.attributes is not None
    assert request.attributes["http.response.status_code"] == 200
    assert request.attributes["workbench.request_id"] == answer.headers["x-request-id"]
    assert look.attributes is not None
    assert look.attributes["workbench.entities"] == 1
    assert "nobody-but-me" not in request.to_json() + look.to_json()


def test_a_failure_is_an_error_and_a_refusal_is_none(
    shelf: Shelf, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = asked(shelf, spans)
    assert ask.features(["recent:valu"], [{"user": "u1"}]).status_code == 422
    assert ask("GET", "/no/such/%70ath").status_code == 404
    refused, unknown = spans.get_finished_spans()
    assert [span.status.status_code for span in (refused, unknown)] == [StatusCode.UNSET] * 2
    assert unknown.name == "GET other"
    spans.clear()

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(OnlineReader, "look", fail)
    assert ask.features(["recent:value"], [{"user": "u1"}]).status_code == 500
    assert [span.status.status_code for span in spans.get_finished_spans()] == [StatusCode.ERROR] * 2


@pytest.mark.journey
@pytest.mark.service
def test_spans_arrive_at_the_collector_when_the_service_ends(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies: Queue[bytes] = Queue()

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.put(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as collector:
        Thread(target=collector.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{collector.server_address[1]}/v1/traces"
        running = Running(shelf.folder / "online", "--traces", url)
        try:
            body = {"features": ["recent:value"], "entities": [{"user": "u1"}]}
            assert httpx.post(f"{running.url}/v1/features", json=body, timeout=60).status_code == 200
        finally:
            running.stop()
        assert b"POST /v1/features" in bodies.get(timeout=60)
        collector.shutdown()


def test_without_the_exporter_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(ConfigError, match="not installed") as caught:
        exporter_to("http://127.0.0.1:1/v1/traces")
    assert "feature-workbench[traces]" in str(caught.value)
    assert json.dumps(caught.value.to_dict())
