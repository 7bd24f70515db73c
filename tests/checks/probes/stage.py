"""A small world to probe in: flights of a few carriers, known at their landing, and ways to define views of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC as ZONE
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from workbench.checks import Check, ProbeInput, probe_view, source_input
from workbench.define import Feature, FeatureModel, FeatureView, LazyFrame, feature_view
from workbench.dtypes import UTC

START = datetime(2024, 1, 1, tzinfo=ZONE)


class Delay(FeatureModel):
    carrier: str
    at: UTC
    value: float = Feature(nullable=True)


class Everywhere(FeatureModel):
    at: UTC
    value: float = Feature(nullable=True)


def flights(rows: int = 1_200, *, carriers: int = 6, seed: int = 1) -> pl.DataFrame:
    """Return flights: ``at`` is when each was known, ``scheduled`` hours before; some delays are missing."""
    chance = random.Random(seed)
    minutes = sorted(chance.sample(range(rows * 40), rows))
    at = [START + timedelta(minutes=minute, seconds=chance.randrange(60)) for minute in minutes]
    return pl.DataFrame(
        {
            "flight": range(rows),
            "carrier": [f"c{chance.randrange(carriers)}" for _ in range(rows)],
            "at": at,
            "scheduled": [moment - timedelta(minutes=chance.randrange(60, 400)) for moment in at],
            "delay": [None if chance.random() < 0.03 else chance.gauss(10, 30) for _ in range(rows)],
        },
        schema_overrides={"at": pl.Datetime("us", "UTC"), "scheduled": pl.Datetime("us", "UTC")},
    )


def weather(hours: int = 900, *, seed: int = 2) -> pl.DataFrame:
    chance = random.Random(seed)
    return pl.DataFrame(
        {
            "observed": [START + timedelta(hours=hour, minutes=chance.randrange(50)) for hour in range(hours)],
            "wind": [chance.random() * 30 for _ in range(hours)],
        },
        schema_overrides={"observed": pl.Datetime("us", "UTC")},
    )


def defined(function: Callable[..., pl.LazyFrame], *, inputs: int = 1, **settings: Any) -> FeatureView:
    """Return `function` of one or two frames as a view; by default of the carriers, at ``at``."""
    model = settings.pop("model", Delay)
    settings = {"entities": "carrier", "event_time": "at"} | settings

    def view(flights: pl.LazyFrame) -> LazyFrame[Delay]:
        return function(flights)

    def joined(flights: pl.LazyFrame, weather: pl.LazyFrame) -> LazyFrame[Delay]:
        return function(flights, weather)

    chosen = view if inputs == 1 else joined
    chosen.__annotations__["return"] = LazyFrame[model]  # type: ignore[valid-type]  # a model that is chosen here
    chosen.__name__ = "probed"
    return feature_view(**settings)(chosen)


def known(frame: pl.DataFrame | None = None) -> ProbeInput:
    """Return flights as a source whose rows are known when they happen."""
    return source_input("flights", (flights() if frame is None else frame).lazy(), event_time="at")


def probed(view: FeatureView, *inputs: ProbeInput, full: bool = False) -> dict[str, Check]:
    """Compute `view` and probe it."""
    given = inputs or (known(),)
    stored = view(*(data.frame for data in given)).select(view.contract.names).collect()
    return {check.name: check for check in probe_view(view, view.contract, given, stored.lazy(), full=full)}


def failed(view: FeatureView, *inputs: ProbeInput, full: bool = False) -> list[str]:
    """Return the names of the probes that `view` fails."""
    return [name for name, check in probed(view, *inputs, full=full).items() if check.checked and not check.passed]
