"""`init --from`: files as people have them become sources, and a first feature that is computed."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

import workbench as wb
from workbench.errors import ProjectError
from workbench.sources import propose_source

GERMAN = (
    "Kunde;Bestellt;Betrag;Ort\n00001;31.01.2024 10:00;1.234,50;K\u00f6ln\n"
    "00002;01.02.2024 11:30;2,00;Ulm\n00001;03.02.2024 12:00;3,00;Ulm\n"
)


def test_a_file_becomes_a_source_and_a_feature_that_is_computed(tmp_path: Path, identity: None) -> None:
    root = tmp_path / "shop"
    (root / "data").mkdir(parents=True)
    (root / "data" / "Orders.csv").write_bytes(GERMAN.encode("cp1252"))
    (root / "data" / "places.csv").write_text("id,place\n007,Ulm\n008,Bonn\n")
    wb.init(root, from_=[root / "data" / "Orders.csv", root / "data" / "places.csv"]).close()
    with closing(wb.open(root)) as project:
        assert project.sources["orders"].frame().collect().row(0, named=True)["Betrag"] == 1234.5
        assert project.sources["places"].event_time is None
        assert project.sources["places"].key == ("id",)
        book = json.loads((root / "notebooks" / "first-feature.ipynb").read_text())
        project.branch("exp/first", objective="Try it")
        result = project.define(book["cells"][-1]["source"].partition("\n")[2], log=False)
        assert not [check for check in result.checks if check.failed]
        assert project.view("orders_week").frame().collect()["kunde"].unique().sort().to_list() == ["00001", "00002"]


def test_a_project_that_exists_keeps_what_it_has(project_root: Path) -> None:
    before = (project_root / "workbench.toml").read_text()
    (project_root / "notebooks" / "first-feature.ipynb").write_text("mine")
    (project_root / "data" / "more.csv").write_text("at,v\n2024-01-01,1\n")
    wb.init(project_root, from_=project_root / "data" / "more.csv").close()
    assert (project_root / "workbench.toml").read_text().startswith(before.rstrip())
    assert (project_root / "notebooks" / "first-feature.ipynb").read_text() == "mine"
    with pytest.raises(ProjectError, match="a source 'events' already"):
        wb.init(project_root, from_=project_root / "data" / "events.parquet")


@pytest.mark.parametrize(
    ("text", "settings", "question"),
    [
        ("id,t\n1,Jan 1 2000\n2,Feb 2 2000\n", {"time_format": "%b %d %Y", "key": ["id"]}, "time_zone"),
        ("id,t\n1,01/02/2024\n1,03/04/2024\n", {"time_format": "%d/%m/%Y"}, 'time_format = "%m/%d/%Y"'),
        ("id,t\n1,01/31/2024\n1,03/04/2024\n", {"time_format": "%m/%d/%Y"}, "time_zone"),
        ("id\tt\n1\t2024-01-01T00:00Z\n1\t2024-01-02T00:00Z\n", {"separator": "\t"}, ""),
        ("id,t,n\n1,2024-01-01,NA\n1,2024-01-02,4\n", {"null_values": ["NA"]}, "time_zone"),
    ],
)
def test_settings_are_found_and_what_is_open_is_said(
    tmp_path: Path, text: str, settings: dict[str, object], question: str
) -> None:
    (tmp_path / "a.csv").write_text(text)
    found = propose_source("a", "a.csv", root=tmp_path)
    assert found.settings == {"path": "a.csv", "event_time": "t", **settings}
    assert question in " ".join(found.open_questions)
    assert isinstance(found.rows.schema["t"], pl.Datetime)
