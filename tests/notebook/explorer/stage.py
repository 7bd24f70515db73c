"""Two small sides of a view, and what there is to explore in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from workbench.diff import Side, ViewDiff, diff_views
from workbench.drift import contract_of_frame, drift
from workbench.notebook.explorer.kinds import kind_of
from workbench.notebook.explorer.subject import Changed, ExploredView, feature_of

START = datetime(2024, 1, 1, tzinfo=UTC)


def visits(rows: int = 250, *, users: int = 5, **columns: Any) -> pl.DataFrame:
    """Return rows by user and minute, a feature each of ``columns``: a value, or one for each row."""
    keys = {
        "user": [f"u{row % users}" for row in range(rows)],
        "at": [START + timedelta(minutes=n) for n in range(rows)],
    }
    frame = pl.DataFrame(keys, schema={"user": pl.String, "at": pl.Datetime("us", "UTC")})
    held = {name: pl.Series(name, v, strict=False) if isinstance(v, list) else v for name, v in columns.items()}
    return frame.with_columns(**{name: v if isinstance(v, pl.Series) else pl.lit(v) for name, v in held.items()})


def side(frame: pl.DataFrame, label: str, *, entities: tuple[str, ...] = ("user",), time: str | None = "at") -> Side:
    return Side(label, frame.lazy(), contract_of_frame(frame, event_time=time, entities=entities))


def subject(left: pl.DataFrame, right: pl.DataFrame, **how: Any) -> ExploredView:
    """Return two sides whose rows are set beside each other."""
    found: ViewDiff = diff_views(side(left, "main", **how), side(right, "exp/new", **how))
    return ExploredView(
        "visits",
        ("main", "exp/new"),
        (found.left, found.right),
        tuple(feature_of(column, found, None) for column in found.columns),
        found,
        lambda: ("main", "exp/new", "@1.0"),
        lambda *_: subject(left, right, **how),
    )


def periods(left: pl.DataFrame, right: pl.DataFrame) -> ExploredView:
    """Return two sides that hold other rows by nature."""
    sides = side(left, "2024-01"), side(right, "2024-02")
    report = drift(sides[0].frame, sides[1].frame, contract=sides[1].contract)
    features = tuple(
        Changed(one.name, (one.name, one.name), kind_of(sides[1].contract[one.name].dtype), drift=one)
        for one in report.features
    )
    return ExploredView(
        "visits", ("2024-01", "2024-02"), sides, features, None, lambda: ("main",), lambda *_: periods(left, right),
        free=True,
    )  # fmt: skip
