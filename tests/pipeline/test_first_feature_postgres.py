"""`init --from` of tables of a real PostgreSQL on loopback: declared without the password, computed, published."""

from __future__ import annotations

import json
import tomllib
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import workbench as wb
from tests.sources.test_postgres import HOST, PORT, URL, execute, server
from workbench.cli.main import main
from workbench.errors import SourceError
from workbench.pipeline import NewCell

if TYPE_CHECKING:
    from tests.sources.test_postgres import Execute

__all__ = ["execute", "server"]
pytestmark = pytest.mark.service
ORDERS = """create table {s}."Big Orders" as select
    gen_random_uuid() as id, 'shop ' || i % 4 as "Shop", timestamp '2024-01-01' + i * interval '7 hours' as placed,
    timestamptz '2024-01-01 00:00:00+02' + i * interval '7 hours' as "known At", (i * 0.25)::numeric(9, 2) as amount,
    jsonb_build_object('n', i) as more, array[i, i + 1] as parts, i % 2 = 0 as paid, date '2024-01-01' + i as due
    from generate_series(1, 60) i"""
SHOPS = "create table {s}.shops as select 'shop ' || i as shop, 'town ' || i as town from generate_series(0, 3) i"


def test_a_table_becomes_a_source_and_a_published_feature(
    execute: Execute,
    tmp_path: Path,
    identity: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    schema = execute(ORDERS)
    execute(SHOPS)
    monkeypatch.chdir(tmp_path)
    assert main(["init", "--from", f"{URL}?table={schema}.Big Orders", "--from", f"{URL}?table={schema}.shops"]) == 0
    said = capsys.readouterr().out
    text = (tmp_path / "workbench.toml").read_text()
    assert "s3cret" not in said + text
    assert "→ The password is not written down: set PGPASSWORD" in said
    assert "known At, due hold times as well" in said
    assert "[1, 2]" in said
    database = f"postgresql://postgres@{HOST}:{PORT}/test"
    declared = tomllib.loads(text)["sources"]
    assert declared["big_orders"] == {
        "sql": f'select * from "{schema}"."Big Orders"', "database": database, "event_time": "placed", "key": ["id"]
    }  # fmt: skip
    assert declared["shops"] == {
        "sql": f'select * from "{schema}"."shops"', "database": database, "static": True, "key": ["shop"]
    }  # fmt: skip
    *_, cell, after = json.loads((tmp_path / "notebooks" / "first-feature.ipynb").read_text())["cells"]
    with closing(wb.open(tmp_path)) as project:
        project.branch("exp/first", objective="Try it")
        monkeypatch.setenv("PGPASSWORD", "s3cret")
        result = project.define(cell["source"].partition("\n")[2], log=False)
        assert not [check for check in result.checks if check.failed]
        assert project.promote("big_orders_week").to_dict()["published"]
        namespace = {"project": project}
        code = after["source"].split("```python\n")[2].partition("```")[0].partition("project = wb.open()\n")[2]
        rows, training_set = code.strip().splitlines()
        exec(rows, namespace)
        train = eval(training_set, namespace)
        assert train.frame.height == 60
        assert train.frame["count_7d"].sum() > 0
        static = project.new("static", "shops")
        assert isinstance(static, NewCell)
        assert static.skeleton.inputs == ("big_orders", "shops")


def test_what_is_missing_is_said_and_nothing_is_written(execute: Execute, tmp_path: Path, identity: None) -> None:
    schema = execute("create table {s}.empty (id integer, at timestamptz)")
    with pytest.raises(SourceError, match="names no table") as raised:
        wb.init(tmp_path, from_=URL)
    assert f"{schema}.empty" in raised.value.remedy
    with pytest.raises(SourceError) as raised:
        wb.init(tmp_path, from_=f"{URL}?table={schema}.orders")
    assert "orders" in str(raised.value)
    assert "s3cret" not in f"{raised.value} {raised.value.remedy}"
    assert not list(tmp_path.iterdir())
    wb.init(tmp_path, from_=f"{URL}?table={schema}.empty").close()
    assert tomllib.loads((tmp_path / "workbench.toml").read_text())["sources"]["empty"]["event_time"] == "at"
