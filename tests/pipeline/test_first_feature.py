"""`init --from`: files as people have them become sources, and a first feature that is computed."""

from __future__ import annotations

import json
import re
import tomllib
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

import workbench as wb
from workbench.cli.main import main
from workbench.errors import ProjectError, SourceError, WorkbenchError
from workbench.pipeline import NewCell
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
        *_, cell, after = json.loads((root / "notebooks" / "first-feature.ipynb").read_text())["cells"]
        assert "%feature promote orders_week" in after["source"]
        assert 'select(kunde="Kunde", event_timestamp="Bestellt")' in after["source"]
        project.branch("exp/first", objective="Try it")
        result = project.define(cell["source"].partition("\n")[2], log=False)
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
        ("id,t\n1,19-Sep-03\n1,20-Sep-03\n", {"time_format": "%d-%b-%y"}, "time_zone"),
        ("id,t\n1,19 Sep 2003\n1,3 Oct 2003\n", {"time_format": "%d %b %Y"}, "time_zone"),
        ('id,t\n1,"Sep 19, 2003"\n1,"Oct 3, 2003"\n', {"time_format": "%b %d, %Y"}, "time_zone"),
        ("id,t\n1,19/09/03\n1,20/09/03\n", {"time_format": "%d/%m/%y"}, "time_zone"),
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


def test_texts_of_json_that_are_times_are_times(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(
        '[{"code": "00012345", "t": "2024-01-01"}, {"code": "20240101", "t": "2024-02-01"}]'
    )
    found = propose_source("a", "a.json", root=tmp_path)
    assert found.settings == {"path": "a.json", "event_time": "t", "key": ["code"]}
    assert found.gap == timedelta(days=31)


@pytest.mark.parametrize(
    ("text", "settings", "asked"),
    [
        ("day,n\nMonday,1\nTuesday,1\n", {}, "write event_time = \"day\", and time_format for 'Monday'"),
        ("year,n\n1956,1\n1957,1\n", {}, "make_date(year, 12, 31)"),
        ("first_name,n\nann,1\nbo,1\n", {}, "Which columns tell its rows apart?"),
        ("iata,name\nJFK,Kennedy\nLGA,La Guardia\n", {"key": ["iata"]}, ""),
    ],
)
def test_a_table_whose_times_are_not_understood_says_how_they_would_be(
    tmp_path: Path, text: str, settings: dict[str, object], asked: str
) -> None:
    (tmp_path / "a.csv").write_text(text)
    found = propose_source("a", "a.csv", root=tmp_path)
    assert found.settings == {"path": "a.csv", "static": True, **settings}
    assert asked in " ".join(found.open_questions)


@pytest.mark.parametrize(
    ("days", "columns", "begins"),
    [
        (1, "shop", "class OrdersWeek(FeatureModel):\n    shop: str\n    t: UTC\n    count_7d"),
        (31, "shop", "class OrdersYear(FeatureModel):\n    shop: str\n    t: UTC\n    count_365d"),
        (366, "shop", "class OrdersFiveYears(FeatureModel):\n    shop: str\n    t: UTC\n    count_1825d"),
        (8, "amount", "class OrdersOverall(FeatureModel):\n    t: UTC\n    all_count_90d"),
    ],
)
def test_the_first_feature_suits_how_far_times_lie_apart_and_whether_there_are_entities(
    tmp_path: Path, identity: None, days: int, columns: str, begins: str
) -> None:
    root = tmp_path / "shop"
    root.mkdir()
    moments = [datetime(2001, 1, 1, tzinfo=UTC) + timedelta(days=days * row) for row in range(9)]
    values = ["north" if columns == "shop" else row % 3 for row in range(9)]
    pl.DataFrame({columns: values, "t": moments}).write_parquet(root / "orders.parquet")
    wb.init(root, from_=[root / "orders.parquet"]).close()
    cells = json.loads((root / "notebooks" / "first-feature.ipynb").read_text())["cells"]
    assert cells[2]["source"].startswith(f"%%feature\n{begins}")
    with closing(wb.open(root)) as project:
        kind = "windowed" if columns == "shop" else "global"
        written = project.new(kind, "orders")
        assert isinstance(written, NewCell)
        assert written.text.startswith(begins)


def test_what_to_do_next_is_said_first(
    tmp_path: Path, identity: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "orders.csv").write_text("shop,t\nN,2024-01-01\nS,2024-01-02\n")
    (tmp_path / "shops.csv").write_text("shop,city\nN,Ulm\nS,Bonn\n")
    monkeypatch.chdir(tmp_path)
    assert main(["init", "--from", "shops.csv"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("workbench.toml declares shops\n→ Declare a source of events too")
    assert "Commit" not in said, "it is the first commit of the repository"
    assert main(["init", "--from", "orders.csv"]) == 0
    said = capsys.readouterr().out
    assert "→ Open notebooks/first-feature.ipynb and run its cells" in said
    assert "→ Commit workbench.toml before you promote." in said
    assert re.search(r"^t +Datetime UTC +event time +2024-01-01 00:00:00", said, re.MULTILINE)


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
