"""The OpenAPI document of the service, derived from the messages it takes and gives, and a page that shows it."""

from __future__ import annotations

import html
import json
import re
from functools import cache
from typing import Any

import msgspec

import workbench
from workbench.protocol import (
    ARROW,
    CATALOG,
    FEATURES,
    JSON,
    PROBLEM,
    FeatureAnswer,
    FeatureRequest,
    ProblemDetails,
)

_ERRORS = {
    400: "The body is not JSON.",
    401: "There is no valid token.",
    403: "The token may not read this.",
    405: "The path has another method.",
    408: "The head of the request did not come in time.",
    413: "The request is too large.",
    415: "The body is not application/json.",
    422: "The request names what there is not, or a key of another type.",
    431: "The head of the request is too large.",
    500: "A fault; the log has it under the request's id.",
    429: "The token asks too often; Retry-After says when to ask again.",
    503: "The service is busy or the store cannot be read; Retry-After says when to ask again.",
}


_HEADERS = {401: "WWW-Authenticate", 405: "Allow", 429: "Retry-After", 503: "Retry-After"}
"""The header that an error has beside the usual ones."""


@cache
def openapi() -> bytes:
    """Return the document as JSON."""
    return json.dumps(document(), indent=2).encode()


def document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document."""
    (request, answer, problem), parts = msgspec.json.schema_components(
        [FeatureRequest, FeatureAnswer, ProblemDetails], ref_template="#/components/schemas/{name}"
    )
    for part in parts.values():
        part["description"] = _summary(part.get("description", ""))
    problems = {}
    for status, text in sorted(_ERRORS.items()):
        problems[str(status)] = {"description": text, "content": {PROBLEM: {"schema": problem}}}
        if status in _HEADERS:
            header = {"required": True, "schema": {"type": "string"}}
            problems[str(status)]["headers"] = {_HEADERS[status]: header}

    def only(*statuses: int) -> dict[str, Any]:
        return {str(status): problems[str(status)] for status in statuses}

    refused = only(401, 403, 405, 500, 503)
    texts = {
        "name": "int64",
        "in": "query",
        "description": "`string` writes whole numbers of 64 bits and more as texts, and reads keys from them.",
        "schema": {"type": "string", "enum": ["number", "string"]},
    }
    search = {
        "name": "search",
        "in": "query",
        "description": "Words, each of which has to be found in a view.",
        "schema": {"type": "string", "maxLength": 200},
    }
    example = {"features": ["carrier_delay:delay_mean_7d"], "entities": [{"carrier": "UA"}]}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Feature Workbench",
            "version": workbench.__version__,
            "description": "Features of entities, as they are known now or were at an instant.",
        },
        "security": [{}, {"token": []}],
        "paths": {
            FEATURES: {
                "post": {
                    "operationId": "batchGetFeatures",
                    "summary": "Read features of entities",
                    "parameters": [texts],
                    "requestBody": {"required": True, "content": {JSON: {"schema": request, "example": example}}},
                    "responses": {
                        "200": {
                            "description": "The features, by Accept as JSON or as an Arrow IPC stream.",
                            "content": {
                                JSON: {"schema": answer},
                                ARROW: {"schema": {"type": "string", "format": "binary"}},
                            },
                        },
                        **problems,
                    },
                }
            },
            CATALOG: {
                "get": {
                    "operationId": "catalog",
                    "summary": "List what there is to read",
                    "parameters": [search],
                    "responses": {
                        "200": _plain("Views, feature sets and releases.", JSON, "object"),
                        **refused,
                        **only(422),
                    },
                }
            },
            "/health/live": {"get": _get("isAlive", "Whether the process answers", only(405))},
            "/health/ready": {"get": _get("isReady", "Whether the store can be read", only(405, 503))},
            "/metrics": {
                "get": {
                    "operationId": "metrics",
                    "summary": "Metrics for Prometheus",
                    "responses": {"200": _plain("Metrics of all workers.", "text/plain", "string"), **refused},
                }
            },
        },
        "components": {
            "schemas": parts,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


@cache
def page() -> bytes:
    """Return a page in HTML that shows the document; it loads nothing."""
    rows = []
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            statuses = "".join(
                f"<tr><td>{status}</td><td>{html.escape(each['description'])}</td></tr>"
                for status, each in operation["responses"].items()
            )
            body = operation.get("requestBody", {}).get("content", {}).get(JSON)
            example = f"<pre>{html.escape(json.dumps(body['example']))}</pre>" if body else ""
            rows.append(
                f"<h2><code>{method.upper()} {path}</code></h2><p>{html.escape(operation['summary'])}.</p>"
                f"{example}<table>{statuses}</table>"
            )
    style = "body{font:15px sans-serif;max-width:50em;margin:2em auto;padding:0 1em}td{padding:0 1em 0 0}"
    style += "pre{background:#f4f4f4;padding:1em;overflow:auto}"
    text = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Feature Workbench</title><style>{style}</style>"
        f"<h1>Feature Workbench {workbench.__version__}</h1>"
        f"<p>The whole document is <a href=/openapi.json>openapi.json</a>.</p>{''.join(rows)}</html>"
    )
    return text.encode()


def _plain(text: str, kind: str, schema: str) -> dict[str, Any]:
    return {"description": text, "content": {kind: {"schema": {"type": schema}}}}


def _get(name: str, text: str, problems: dict[str, Any]) -> dict[str, Any]:
    responses = {"200": _plain(f"{text}.", JSON, "object"), **problems}
    return {"operationId": name, "summary": text, "security": [], "responses": responses}


def _summary(doc: str) -> str:
    """Return a docstring as one text: its summary, then a line an attribute."""
    summary, _, attributes = doc.partition("Attributes\n----------\n")
    fields = re.findall(r"^(\w+)\n((?: {4}.*\n?)+)", attributes, re.MULTILINE)
    lines = [f"- `{name}`: {' '.join(text.split())}" for name, text in fields]
    return "\n".join([summary.strip(), *lines])
