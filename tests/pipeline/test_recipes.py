"""The recipes of the guide: every cell on the page runs, in order, and passes its checks."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

import workbench as wb
from tests.conftest import identify
from tests.pipeline.mistakes import TOML

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.project import Project

PAGE = (Path(__file__).parents[2] / "notebooks" / "recipes.md").read_text(encoding="utf-8")
CELLS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
SOURCES = """
[sources.users]
path = "data/users.csv"
static = true
key = ["user"]

[sources.texts]
path = "data/texts.parquet"
event_time = "at"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    identify(tmp_path, monkeypatch)
    root = tmp_path / "shop"
    wb.init(root).close()
    (root / "workbench.toml").write_text(TOML + SOURCES)
    (root / "data").mkdir()
    at = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=5 * row) for row in range(150)]
    users = [f"u{row * row % 7}" for row in range(150)]
    pl.DataFrame(
        {
            "order_id": range(150),
            "user": users,
            "city": [("Ulm", "Bonn", "Kiel")[row % 3] for row in range(150)],
            "ordered_at": at,
            "amount": [float(row % 11) for row in range(150)],
            "returned": [row % 5 == 0 for row in range(150)],
        }
    ).write_parquet(root / "data" / "orders.parquet")
    (root / "data" / "users.csv").write_text("user,plan,age\nu0,basic,30\nu1,plus,41\n")
    vectors = [[row / 3, 1.0] for row in range(150)]
    pl.DataFrame({"user": users, "at": at, "vector": vectors}).write_parquet(root / "data" / "texts.parquet")
    with closing(wb.open(root)) as opened:
        opened.branch("exp/recipes", objective="Try the recipes")
        yield opened


@pytest.mark.journey
def test_every_cell_of_the_page_runs_and_passes(project: Project) -> None:
    assert len(CELLS) >= 12
    for cell in CELLS:
        line, _, text = cell.partition("\n")
        match line.split():
            case ["%%feature"]:
                result = project.define(text, log=False)
                assert not [(check.name, check.detail) for check in result.checks if not check.passed], text
            case ["%%feature", "--helper", name]:
                project.define_helper(name, text)
            case ["%feature", "remove", view]:
                project.remove(view)
            case words:
                raise AssertionError(words)
    assert "rise" not in project.view_names()
