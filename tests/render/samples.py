"""What to draw: cards that are sound, broken, empty and hostile; features that moved; files that differ."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import NormalDist
from typing import Literal

import polars as pl

from workbench.checks import Check
from workbench.diff import FileDiff, Hunk
from workbench.drift import DriftReport, contract_of_frame, drift
from workbench.profile import FeatureProfile, Histogram
from workbench.render import Card

START = datetime(2013, 1, 1, tzinfo=UTC)
HOSTILE = "<img src=x onerror=alert(1)>'\"&</style></section><script>x()</script>\x1b[31m\u202eevil[bold]\n"


def number(name: str = "delay_mean_7d", *, rows: int = 1000, bins: int = 32) -> FeatureProfile:
    counts = tuple(rows * (place + 1) // (bins * (bins + 1) // 2) for place in range(bins))
    edges = tuple(-20.123456789 + 3.3333333333 * place for place in range(bins + 1))
    return FeatureProfile(
        name=name,
        dtype="Float64",
        unit="minute",
        kind="number",
        rows=rows,
        nulls=rows // 80,
        distinct=rows,
        mean=12.3456,
        std=4.5678,
        min=-20.123456789,
        max=99.0,
        quantiles={"p01": -19.0, "p05": -16.8, "p25": -10.0, "p50": -4.9, "p75": 8.0, "p95": 22.75, "p99": 40.0},
        histogram=Histogram(edges, counts, below=rows // 200, above=rows // 200),
        sampled=rows,
    )


def text(name: str = "airport") -> FeatureProfile:
    return FeatureProfile(
        name=name,
        dtype="String",
        unit=None,
        kind="category",
        rows=100,
        nulls=0,
        distinct=6,
        categories=(("JFK", 35), ("LGA", 25), ("EWR", 20), ("ORD", 10), ("ATL", 5), ("LAX", 5)),
    )


def listed(name: str = "embedding") -> FeatureProfile:
    length = replace(number("length"), unit=None, nulls=0, min=3.0, max=3.0)
    norm, values = replace(number("norm"), nulls=0, nans=10), replace(number("values"), rows=3_000, nulls=30)
    return FeatureProfile(name, "List(Float64)", "minute", "other", 1000, 10, parts=(length, norm, values))


def failures(count: int = 20, *, said: str = "is above 1500") -> pl.DataFrame:
    return pl.DataFrame(
        {
            "carrier": [f"C{row}" for row in range(count)],
            "landed_at": [START + timedelta(seconds=row) for row in range(count)],
            "column": ["delay"] * count,
            "value": [f"{1800.25 + row}" for row in range(count)],
            "reason": [said] * count,
        }
    )


BROKEN = Check(
    "contract",
    passed=False,
    detail="1 of 9 rules broken: delay <= 1500 (5,000 rows)",
    failures=failures(),
    seconds=0.05,
    counts={"delay <= 1500": 5000},
)
UNSEEN = Check("entity-locality", passed=False, checked=False, detail="there is only one entity", seconds=0.1)
SOUND = Check("leakage", passed=True, detail="12 entities, 3 cut times", seconds=0.2)
CARD = Card(
    view="carrier_delay",
    branch="exp/carry-over",
    commit="5f3a1c9e77d20b6c",
    view_id="9f8e7d6c5b4a39281706" * 3,
    seconds=0.417,
    rows=336_776,
    period=(START, START + timedelta(days=364)),
    entities=16,
    features=(number(), text()),
    checks=(SOUND,),
    against_main="1.2% of values differ",
    run="queued",
    description="Arrival delay of a carrier over the last week.",
    owner="delay-team",
)
FAILED = replace(CARD, checks=(SOUND, BROKEN), warnings=("12 rows share a key",), notes=("the plan is the same",))


def hostile() -> Card:
    feature = replace(number(HOSTILE), unit=HOSTILE, dtype=HOSTILE)
    category = replace(text(HOSTILE), categories=((HOSTILE, 100),), distinct=9)
    rows = failures(1, said=HOSTILE).with_columns(
        carrier=pl.lit(HOSTILE), value=pl.lit(HOSTILE), column=pl.lit(HOSTILE)
    )
    check = Check(
        HOSTILE, passed=False, detail=HOSTILE, failures=rows.rename({"carrier": HOSTILE}), counts={HOSTILE: 1}
    )
    return Card(
        view=HOSTILE,
        branch=HOSTILE,
        commit=HOSTILE,
        view_id=HOSTILE,
        rows=1,
        features=(feature, category),
        checks=(check,),
        warnings=(HOSTILE,),
        notes=(HOSTILE,),
        against_main=HOSTILE,
        run="https://" + HOSTILE,
        description=HOSTILE,
        owner=HOSTILE,
    )


def moved() -> DriftReport:
    """Return what really moved between two small frames, with a feature of each kind."""
    before, after = _rows(0), _rows(1)
    contract = contract_of_frame(before, event_time="landed_at")
    return drift(before.lazy(), after.lazy(), contract=contract, labels=("main", "exp/carry-over"))


def _rows(shift: int, *, count: int = 400) -> pl.DataFrame:
    at = pl.int_range(count, eager=True)
    bell = at.map_elements(lambda place: NormalDist(8 + 5 * shift, 4).inv_cdf((place + 0.5) / count), pl.Float64)
    airports = [f"A{place % 25:02}" if place % 3 or shift else "JFK" for place in range(count)]
    gaps = at < 40 if shift else at < 0
    return pl.DataFrame(
        {
            "landed_at": [START + timedelta(minutes=place) for place in range(count)],
            "delay": pl.select(pl.when(gaps).then(None).otherwise(bell)).to_series(),
            "broken": pl.select(pl.when(gaps).then(math.nan).when(at == 399).then(900.0).otherwise(bell)).to_series(),
            "flights": at % (12 + 9 * shift),
            "airport": airports,
            "late": at % (5 - shift) == 0,
            "seen": [START + timedelta(hours=place + 90 * shift) for place in range(count)],
            "wait": [timedelta(minutes=place % 60) for place in range(count)],
            "always": [3.0] * count,
            "nested": [[1.0]] * count,
        }
    )


def changed_file(
    lines: tuple[str, ...],
    *,
    path: str = "features/delay.py",
    part: Literal["definition", "helper"] = "definition",
) -> FileDiff:
    return FileDiff(path, "changed", part, (Hunk(1, 1, lines),))
