"""What the OpenAPI document says of the service holds for requests that it allows and for those that it does not."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.server.stage import options
from workbench.protocol import CATALOG, FEATURES
from workbench.server import FeatureService
from workbench.server.openapi import document

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemathesis import Case, GenerationMode
    from schemathesis.specs.openapi.schemas import OpenApiSchema

    from tests.online.stage import Shelf

load = importlib.import_module if os.environ.get("CI") == "true" else pytest.importorskip
schemathesis = load("schemathesis")
checks = load("schemathesis.specs.openapi.checks")

POSITIVE, NEGATIVE = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
LOCAL = {"host": "localhost"}
ROUTES = [(path, method.upper()) for path, methods in document()["paths"].items() for method in methods]


def check(
    schema: OpenApiSchema, path: str, method: str, mode: GenerationMode, send: Callable[[Case[Any]], None]
) -> None:
    """Send generated requests to one route."""
    strategy = schema[path][method].as_strategy(generation_mode=mode)
    rule = given(case=strategy)(send)
    settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])(rule)()


class App:
    """A service that does not end with the first request, as the client of the library has it.

    Parameters
    ----------
    shelf
        What is served.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._service = FeatureService(options(shelf))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await self._service(scope, receive, send)
            return
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})


@pytest.fixture(scope="module")
def schema(shelf: Shelf) -> OpenApiSchema:
    return schemathesis.openapi.from_asgi("/openapi.json", App(shelf), headers=LOCAL)


@pytest.mark.parametrize(("path", "method"), ROUTES)
def test_requests_that_it_allows_are_answered_as_it_says(schema: OpenApiSchema, path: str, method: str) -> None:
    def send(case: Case[Any]) -> None:
        case.call_and_validate(headers=LOCAL, excluded_checks=[checks.positive_data_acceptance])  # it names no features

    check(schema, path, method, POSITIVE, send)


@pytest.mark.parametrize(("path", "method"), [(FEATURES, "POST"), (CATALOG, "GET")])
def test_requests_that_it_does_not_allow_are_refused(schema: OpenApiSchema, path: str, method: str) -> None:
    def send(case: Case[Any]) -> None:
        answer = case.call_and_validate(headers=LOCAL)
        if answer.status_code != 200:  # what is wrong may be lost on the way, as an empty list is
            assert answer.json()["detail"]
            assert answer.json()["remedy"]

    check(schema, path, method, NEGATIVE, send)


def test_where_it_names_what_there_is_every_request_that_it_allows_is_answered(shelf: Shelf) -> None:
    """The same document, with the features, keys and releases of this store."""
    named: dict[str, Any] = document()
    fields = named["components"]["schemas"]["FeatureRequest"]["properties"]
    features = ["kinds", "recent:kept", "world", "recent as other (user=id)"]
    key = fields["entities"]["anyOf"][0]["items"]["additionalProperties"]
    names = {"type": "string"}
    fields["features"] = {"type": "array", "items": {"enum": features}, "minItems": 1, "uniqueItems": True}
    fields["entities"] = {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"user": names, "id": names},
            "required": ["user", "id"],
            "additionalProperties": key,
        },
    }
    fields["at"] = {"anyOf": [{"type": "null"}, {"type": "string", "format": "date-time"}]}
    fields["release"] = {"enum": [None, "2024.1"]}
    fields["full_names"] = {"const": True}
    named["components"]["schemas"]["FeatureRequest"]["required"] += ["full_names"]
    schema = schemathesis.openapi.from_dict(named)
    schema.app = App(shelf)
    found = set()

    def send(case: Case[Any]) -> None:
        answer = case.call_and_validate(headers=LOCAL)
        assert answer.status_code == 200, answer.text
        body: Any = case.body
        assert answer.json()["rows"] == len(body["entities"])
        found.add(bool(answer.json()["rows"]))

    check(schema, FEATURES, "POST", POSITIVE, send)
    assert found == {True, False}
