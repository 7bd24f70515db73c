"""`init --from`: files as people have them become sources, and a first feature that is computed."""

from __future__ import annotations

import json
import tomllib
from contextlib import closing
from pathlib import Path

import duckdb
import polars as pl
import pytest

import workbench as wb
from workbench.cli.main import main
from workbench.errors import ProjectError, SourceError, WorkbenchError
from workbench.sources import is_database, propose_source
from workbench.sources.propose import _database

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
    with pytest.raises(ProjectError, match="no file"):
        wb.init(project_root, from_=project_root / "data" / "nothing.csv")
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


def test_a_table_of_a_database_becomes_a_source(
    project_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(duckdb.connect(str(project_root / "data" / "shop.db"))) as database:
        at = "timestamptz '2024-01-01' + to_days(range::int) as at"
        database.execute('create schema "my shop"')
        database.execute(
            f'create table "my shop"."Big ""Orders" as select range as id, range % 3 as client, {at} from range(9)'
        )
        database.execute("create table cities as select 'Ulm' as name, 3 as size")
    (project_root / "notebooks").mkdir(exist_ok=True)
    monkeypatch.chdir(project_root / "notebooks")
    place = "duckdb:///../data/shop.db"
    assert main(["init", "--from", f'{place}?table=my shop.Big "Orders', "--from", f"{place}?table=cities"]) == 0
    said = capsys.readouterr().out
    assert "Open notebooks/first-feature.ipynb" in said
    assert "password" not in said
    declared = tomllib.loads((project_root / "workbench.toml").read_text())["sources"]
    assert declared["big_orders"] == {
        "sql": 'select * from "my shop"."Big ""Orders"', "database": "data/shop.db", "event_time": "at", "key": ["id"]
    }  # fmt: skip
    assert declared["cities"]["static"]
    with closing(wb.open()) as project:
        assert project.sources["big_orders"].frame().collect().height == 9
        assert project.new("windowed", "big_orders").to_dict()["choices"][0]["column"] == "client"
    with pytest.raises(SourceError, match="names no table") as raised:
        wb.init(project_root, from_="../data/shop.db")
    assert 'my shop.Big "Orders, cities' in raised.value.remedy
    assert not (project_root / "notebooks" / "workbench.toml").exists()


@pytest.mark.parametrize(
    ("place", "read", "kept"),
    [
        (
            "postgresql://ann:s3%3Acret@db:5432/shop?table=orders&sslmode=require",
            "postgresql://ann:s3%3Acret@db:5432/shop?sslmode=require",
            "postgresql://ann@db:5432/shop?sslmode=require",
        ),
        (
            "postgres://db/shop?password=s3cret&table=a.b&sslpassword=x",
            "postgres://db/shop?password=s3cret&sslpassword=x",
            "postgres://db/shop",
        ),
        ("postgresql://ann@/shop?table=orders", "postgresql://ann@/shop", "postgresql://ann@/shop"),
    ],
)
def test_a_password_is_used_and_not_kept(tmp_path: Path, place: str, read: str, kept: str) -> None:
    assert _database(place, tmp_path) == (read, kept)
    assert is_database(place)
    with pytest.raises(WorkbenchError) as raised:
        wb.init(tmp_path, from_=place.replace("@db", "@127.0.0.1").replace("//db", "//127.0.0.1").replace("5432", "1"))
    assert "cret" not in f"{raised.value} {raised.value.remedy}"
    assert not list(tmp_path.iterdir())
