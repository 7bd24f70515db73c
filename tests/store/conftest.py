"""A small project with three views: one with a ttl, one that records when rows became known, one without entities."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

import workbench as wb
from tests.conftest import EVENT_VIEW, identify, make_trial
from tests.store.stage import commit, declare, publish
from workbench.errors import PromotionError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workbench.project import Project

START = datetime(2024, 1, 1, tzinfo=UTC)

RECENT = '''\
class Recent(FeatureModel):
    user: str
    at: UTC
    amount: float = Feature(unit="count")
    odd: float = Feature(unit="count", nullable=True)


@feature_view(entities="user", event_time="at", ttl="5m")
def recent(events: pl.LazyFrame) -> LazyFrame[Recent]:
    """The last purchase, for five minutes."""
    odd = pl.when(pl.col("amount") % 2 == 1).then(pl.col("amount"))
    return events.select("user", "at", "amount", odd=odd)
'''

LATE = '''\
class Late(FeatureModel):
    user: str
    at: UTC
    known: UTC
    total: float = Feature(unit="count")


@feature_view(entities="user", event_time="at", created="known")
def late(events: pl.LazyFrame) -> LazyFrame[Late]:
    """What was bought, known ten minutes later."""
    return events.select("user", "at", known=pl.col("at") + timedelta(minutes=10), total=pl.col("amount"))
'''

CLOCK = '''\
class Clock(FeatureModel):
    at: UTC
    number: int = Feature(unit="count")


@feature_view(event_time="at")
def clock(events: pl.LazyFrame) -> LazyFrame[Clock]:
    """The number of the last event of anybody."""
    return events.select("at", number=pl.col("event_id"))
'''

PUBLISHED_SETS = 'from workbench import feature_set\n\nboth = feature_set("both", ["clock", "spend@1:total"])\n'
SETS = 'from workbench import feature_set\n\nboth = feature_set("both", ["clock", "spend:total"])\n'


def spine_of(*rows: tuple[str | None, float | None], label: int = 1) -> pl.DataFrame:
    """Return a spine of users and minutes after the first event."""
    times = [None if minutes is None else START + timedelta(minutes=minutes) for _, minutes in rows]
    return pl.DataFrame(
        {"user": [user for user, _ in rows], "event_timestamp": times, "label": [label] * len(rows)},
        schema={"user": pl.String, "event_timestamp": pl.Datetime("us", "UTC"), "label": pl.Int64},
    )


@pytest.fixture(scope="session")
def shop_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `shop` is a copy of."""
    folder = tmp_path_factory.mktemp("shop")
    with pytest.MonkeyPatch.context() as environment:
        identify(folder, environment)
        root = make_trial(folder)
        declare(root)
        project = wb.open(root)
        project.branch("exp/first", objective="See it work", metrics=["rmse"])
        for text in (EVENT_VIEW, RECENT, LATE, CLOCK):
            assert project.define(text, log=False).passed
        project.repository.commit("exp/first", {"features/sets.py": SETS}, message="Name what is used together")
        project.close()
    return folder / "trial"


@pytest.fixture(scope="session")
def mart_once(shop_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `mart` is a copy of."""
    folder = tmp_path_factory.mktemp("mart")
    with pytest.MonkeyPatch.context() as environment:
        identify(folder, environment)
        project = opened(shop_once, folder / "trial", branch="exp/first")
        for view in ("spend", "recent", "late", "clock"):
            publish(project, view)
        project.define(EVENT_VIEW.replace("cum_sum()", "cum_max()"), log=False)
        publish(project, "spend", "2.0")
        commit(project, {"features/sets.py": PUBLISHED_SETS}, "Name what is used together")
        project.close()
    return folder / "trial"


def opened(template: Path, root: Path, *, branch: str) -> Project:
    """Return a copy of a project in `root`, on `branch`."""
    shutil.copytree(template, root)
    project = wb.open(root)
    project.branch(branch)
    return project


@pytest.fixture
def shop(shop_once: Path, tmp_path: Path, identity: None) -> Iterator[Project]:
    """A project on an experiment with four views and a feature set, nothing sent to MLflow."""
    project = opened(shop_once, tmp_path / "trial", branch="exp/first")
    yield project
    project.close()


@pytest.fixture
def mart(mart_once: Path, tmp_path: Path, identity: None) -> Iterator[Project]:
    """The shop with everything published: spend 1.0 and, with other values, 2.0; the rest as 1.0. It is on main."""
    project = opened(mart_once, tmp_path / "trial", branch="main")
    yield project
    project.close()


@pytest.fixture(scope="session")
def mart_to_read(mart_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One `mart` for all tests that only read."""
    project = opened(mart_once, tmp_path_factory.mktemp("read") / "trial", branch="main")
    yield project
    project.close()


@pytest.fixture(scope="session")
def kiosk_once(shop_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop with an on-demand view published as 1.0, together with what it reads."""
    from tests.store.test_on_demand import define, written

    folder = tmp_path_factory.mktemp("kiosk")
    with pytest.MonkeyPatch.context() as environment:
        identify(folder, environment)
        project = opened(shop_once, folder / "trial", branch="exp/first")
        assert define(project, written()).passed
        with pytest.raises(PromotionError, match="reads spend, recent, which is not published"):
            project.promote("ratio", dry_run=True)
        report = project.promote(["spend", "recent", "ratio"])
        assert report.versions == {"spend": "1.0", "recent": "1.0", "ratio": "1.0"}
        project.close()
    return folder / "trial"
