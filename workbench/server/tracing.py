"""Traces of requests by OpenTelemetry: a span for the request, and in it one for the look into the store.

It is off unless `[serve] traces` says where they go; `OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER` and the other variables
of OpenTelemetry hold as usual. No span has entities, values or tokens.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry.propagate import extract
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode

from workbench.errors import ConfigError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.util.types import AnyValue

    from workbench.online import Plan

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

SERVICE = "workbench-features"
"""What the service is called where ``OTEL_SERVICE_NAME`` says nothing."""


class Traces:
    """Makes the spans of one worker.

    Parameters
    ----------
    processor
        What ends up with them.
    routes
        The paths that a span may be named by.
    """

    def __init__(self, processor: SpanProcessor, routes: set[str]) -> None:
        named = OTELResourceDetector().detect()
        self._provider = TracerProvider(resource=Resource({"service.name": SERVICE}).merge(named))
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("workbench.server")
        self._routes = routes

    @classmethod
    def to(cls, url: str, routes: set[str]) -> Traces:
        """Return what sends spans to a collector, a batch every few seconds."""
        return cls(BatchSpanProcessor(exporter_to(url)), routes)

    async def around(
        self, answer: Callable[[Scope, Receive, Send], Awaitable[None]], scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Have a request answered within a span, which belongs to the trace that the request's headers name."""
        method, path = scope["method"], scope["path"]
        route = path if path in self._routes else "other"
        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        with self._tracer.start_as_current_span(
            f"{method} {route}",
            context=extract(carrier),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "http.route": route},
        ) as span:

            async def note(message: MutableMapping[str, Any]) -> None:
                if message["type"] == "http.response.start":
                    status = message["status"]
                    span.set_attribute("http.response.status_code", status)
                    headers = dict(message["headers"])
                    span.set_attribute("workbench.request_id", headers.get(b"x-request-id", b"").decode("latin-1"))
                    if status >= 500:
                        span.set_status(StatusCode.ERROR)
                await send(message)

            await answer(scope, receive, note)

    @contextmanager
    def look(self, plan: Plan, entities: int) -> Iterator[None]:
        """Have the store looked into within a span."""
        attributes: dict[str, AnyValue] = {
            "workbench.views": [view.part.label for view in plan.views],
            "workbench.entities": entities,
            "workbench.catalog_version": plan.version,
        }
        with self._tracer.start_as_current_span("online store", kind=SpanKind.CLIENT, attributes=attributes):
            yield

    def close(self) -> None:
        """Send what has not been sent."""
        self._provider.shutdown()


def exporter_to(url: str) -> SpanExporter:
    """Return what sends spans to a collector by OTLP over HTTP."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError:
        raise ConfigError(
            "[serve] traces needs OpenTelemetry's exporter, which is not installed.",
            remedy='Install it: pip install "feature-workbench[traces]".',
        ) from None
    return OTLPSpanExporter(endpoint=url)
