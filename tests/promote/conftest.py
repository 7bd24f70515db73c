"""A project whose sources main declares, with views to promote."""

from __future__ import annotations

import subprocess
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

import workbench as wb
from tests.conftest import copy_project, template
from tests.promote.team import Team
from workbench.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.project import Project
    from workbench.registry import Record

SPEND = '''\
class Spend(FeatureModel):
    user: str
    at: UTC
    total: float = Feature(unit="count", ge=0, description="Spent so far")


@feature_view(entities="user", event_time="at", owner="ann")
def spend(events: pl.LazyFrame) -> LazyFrame[Spend]:
    """What a user has spent so far."""
    return events.sort("user", "at").select("user", "at", total=pl.col("amount").cum_sum().over("user"))
'''
REFACTORED = SPEND.replace(
    'return events.sort("user", "at").select("user", "at", total=pl.col("amount").cum_sum().over("user"))',
    'ordered = events.sort("user", "at").with_columns(total=pl.col("amount").cum_sum().over("user"))\n'
    '    return ordered.select("user", "at", "total")',
)
DESCRIBED = SPEND.replace('owner="ann"', 'owner="bo"')
ADDED = SPEND.replace(
    'description="Spent so far")',
    'description="Spent so far")\n    visits: int = Feature(unit="count", ge=0, description="Visits so far")',
).replace(
    'total=pl.col("amount").cum_sum().over("user"))',
    'total=pl.col("amount").cum_sum().over("user"), visits=pl.col("at").cum_count().over("user").cast(pl.Int64))',
)
VALUED = SPEND.replace('pl.col("amount").cum_sum()', '(pl.col("amount") * 2).cum_sum()')
RETYPED = SPEND.replace('unit="count", ge=0, desc', 'unit="percent", ge=0, desc')
LEAKING = SPEND.replace('pl.col("amount").cum_sum()', 'pl.col("amount").sum()')
RATE = '''\
class Rate(FeatureModel):
    user: str
    at: UTC
    rate: float = Feature(unit="count", ge=0, description="A tenth of what was spent")


@feature_view(entities="user", event_time="at", owner="ann")
def rate(spend: pl.LazyFrame) -> LazyFrame[Rate]:
    """A tenth of what a user has spent so far."""
    return spend.select("user", "at", rate=pl.col("total") / 10)
'''


def git(root: Path, *words: str) -> str:
    """Run git in `root` as a user would, and return what it prints."""
    return subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True).stdout.strip()


def declared(root: Path) -> None:
    """Commit workbench.toml to main, as a team does once."""
    git(root, "add", "workbench.toml")
    git(root, "commit", "-qm", "Declare the sources")


def more_events(root: Path, rows: int) -> None:
    """Let the source have `rows` new rows, later than all others."""
    path = root / "data" / "events.parquet"
    old = pl.read_parquet(path)
    span = old.select(pl.col("at").max() - pl.col("at").min()).item() + timedelta(minutes=1)
    new = old.head(rows).with_columns(pl.col("event_id") + old.height, pl.col("at") + span)
    pl.concat([old, new]).write_parquet(path)


@pytest.fixture(scope="session")
def root_once(trial_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `root` is a copy of."""
    with template(tmp_path_factory, "root", trial_once) as root:
        declared(root)
        return root


@pytest.fixture(scope="session")
def shop_once(root_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `shop` opens a copy of."""
    with template(tmp_path_factory, "shop", root_once) as root, closing(wb.open(root)) as project:
        project.branch("exp/first", objective="Sell more")
        project.define(SPEND, log=False)
        return root


@pytest.fixture(scope="session")
def published_once(shop_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `published` opens a copy of."""
    with template(tmp_path_factory, "published", shop_once) as root, closing(on_first(root)) as project:
        project.promote("spend")
        return root


def on_first(root: Path) -> Project:
    """Open the project in `root` on the experiment ``exp/first``."""
    return wb.open(root, branch="exp/first")


@pytest.fixture
def root(root_once: Path, tmp_path: Path, identity: None) -> Path:
    """The folder of a project whose sources main declares."""
    return copy_project(root_once, tmp_path)


@pytest.fixture
def team(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Team:
    """People who take turns at the machine."""
    found = Team(tmp_path_factory.mktemp("team"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(found.config))
    return found


@pytest.fixture
def shop(shop_once: Path, tmp_path: Path, identity: None) -> Iterator[Project]:
    """A project on the experiment ``exp/first`` that defines ``spend``."""
    with closing(on_first(copy_project(shop_once, tmp_path))) as project:
        yield project


@pytest.fixture
def published(published_once: Path, tmp_path: Path, identity: None) -> Iterator[Project]:
    """A project with ``spend`` 1.0 published."""
    with closing(on_first(copy_project(published_once, tmp_path))) as project:
        yield project


def record_of(project: Project, view: str = "spend") -> Record:
    """Return what main says is published of a view."""
    return Registry.at(project.repository, "main").record(view)
