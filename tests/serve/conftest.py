"""A small project with three views: one with a ttl, one that records when rows became known, one without entities."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

from tests.conftest import EVENT_VIEW
from tests.serve.stage import publish

if TYPE_CHECKING:
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


@pytest.fixture
def shop(project: Project) -> Project:
    """A project on an experiment with four views and a feature set, nothing sent to MLflow."""
    texts = (EVENT_VIEW, RECENT, LATE, CLOCK)
    for text in texts:
        assert project.define(text, log=False).passed
    project.repository.commit("exp/first", {"features/sets.py": SETS}, message="Name what is used together")
    return project


@pytest.fixture
def mart(shop: Project) -> Project:
    """The shop with everything published: spend 1.0 and, with other values, 2.0; the rest as 1.0. It is on main."""
    for view in ("spend", "recent", "late", "clock"):
        publish(shop, view)
    shop.define(EVENT_VIEW.replace("cum_sum()", "cum_max()"), log=False)
    publish(shop, "spend", "2.0", category="value")
    shop.repository.commit("main", {"features/sets.py": PUBLISHED_SETS}, message="Name what is used together")
    shop.branch("main")
    return shop
