"""The guide to serving shows what the service takes and gives."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from tests.server.stage import Asked
from workbench.config import ServeSettings
from workbench.protocol import FeatureAnswer, FeatureRequest, ProblemDetails
from workbench.server.openapi import document
from workbench.settings import fields

GUIDE = (Path(__file__).parents[2] / "notebooks" / "serving.md").read_text(encoding="utf-8")


def table(heading: str) -> set[str]:
    """Return what stands in the first column of the table whose head begins with `heading`."""
    rows = GUIDE.partition(f"\n| {heading} |")[2].partition("\n\n")[0].splitlines()[2:]
    return {
        name
        for row in rows
        for name in re.findall(r"`([^`]+)`|\b(\d{3})\b", row.split("|")[1])
        for name in name
        if name
    }


def test_its_requests_its_answer_and_its_error_have_the_form_of_the_messages() -> None:
    request = re.search(r"-d '\n(.*?)'\n", GUIDE, re.DOTALL)
    assert request is not None
    msgspec.json.decode(request[1], type=FeatureRequest)
    answer, on_demand, problem = re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)
    msgspec.json.decode(on_demand, type=FeatureRequest)
    assert msgspec.json.decode(answer, type=FeatureAnswer).rows == 2
    assert set(msgspec.json.decode(problem)) == {*ProblemDetails.__struct_fields__} - {"type"}


def test_it_names_every_field_route_status_and_metric(asked: Asked) -> None:
    assert table("field") == set(FeatureRequest.__struct_fields__)
    asked.features("recent", [{"user": "a"}])
    families = {family.name: family.type for family in text_string_to_metric_families(asked("GET", "/metrics").text)}
    assert table("metric") == {name + "_total" * (kind == "counter") for name, kind in families.items()}
    routes = document()["paths"]
    assert not [path for path in routes if path not in GUIDE]
    statuses = {status for path in routes.values() for each in path.values() for status in each["responses"]}
    assert statuses - {"200"} <= table("status")


def test_the_limits_it_names_are_settings() -> None:
    limits = GUIDE.partition("\n## Limits\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(\w+)`", limits))
    assert named <= {field.name for field in fields(ServeSettings)}
    assert len(named) > 7
