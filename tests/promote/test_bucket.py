"""Promotion with the lake in an object store: published, read, refreshed, taken back and cleaned as on a disk."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

import workbench as wb
from tests.promote.conftest import SPEND, VALUED, declared, more_events
from workbench.promote import collect_garbage


@pytest.mark.journey
def test_a_view_is_published_refreshed_and_taken_back_in_a_bucket(
    project_root: Path, store: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in store.items():
        monkeypatch.setenv(name, value)
    toml = project_root / "workbench.toml"
    toml.write_text(toml.read_text() + '\n[lake]\nuri = "s3://shelf/promotion"\n')
    declared(project_root)
    project = wb.open(project_root)
    project.branch("exp/first", objective="Sell more")
    project.define(SPEND, log=False)
    project.promote("spend")
    reader = wb.open(project_root, branch="main")
    before = reader.store.rows("spend")
    assert before.height == 200
    more_events(project_root, 30)
    assert project.materialize().views[0].after == 230
    project.define(VALUED, log=False)
    assert project.promote("spend", accept={"spend": "twice"}).versions == {"spend": "2.0"}
    doubled = reader.store.rows("spend")
    project.rollback("spend", "1.0")
    fresh = reader.store.rows("spend")
    assert fresh.height == doubled.height == 230
    assert doubled["total"].sum() == 2 * fresh["total"].sum()
    assert reader.sql("select count(*) as n from main.spend")["n"].item() == 230
    collect_garbage(project._workspace, delete=True, safety=timedelta(0))
    assert reader.store.rows("spend").equals(fresh)
    assert not (project_root / ".git" / "workbench" / "project" / "lake").exists()
    reader.close()
    project.close()
