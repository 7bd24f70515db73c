"""`profile`: what a computed view looks like, small enough to keep and to send to a browser."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.dtypes import row_width
from workbench.memory import free_memory, how_many_fit
from workbench.profile.feature import EXACT, FeatureProfile, feature_profile, streamed_profile
from workbench.records import Serialisable

if TYPE_CHECKING:
    from workbench.compute import StoredView
    from workbench.define import ColumnContract, Contract

_AT_ONCE = 2
"""The most columns in memory at a time."""

BATCH = 1_000_000
"""Rows at a time of a column that memory does not hold."""

_COPIES = 2
"""How many times as many bytes as a column has are in memory while it is looked at, beside a float for each value."""


@dataclass(frozen=True, slots=True)
class Profile(Serialisable):
    """A view's size, period and features.

    Attributes
    ----------
    rows
        Rows of the view.
    period
        First and last event time; `None` where there is none.
    entities
        How many different entity keys; `None` for a view without entities.
    features
        One profile a feature, in the contract's order.
    keys
        One profile a key, entities and event time: which there are, how often, and how rows spread over time.
    """

    rows: int
    period: tuple[datetime, datetime] | None
    entities: int | None
    features: tuple[FeatureProfile, ...]
    keys: tuple[FeatureProfile, ...] = ()

    def __getitem__(self, name: str) -> FeatureProfile:
        for feature in (*self.features, *self.keys):
            if feature.name == name:
                return feature
        raise KeyError(name)


def profile(data: StoredView | pl.LazyFrame | pl.DataFrame | str | Path, contract: Contract) -> Profile:
    """Return what `data` looks like.

    One pass over each column by itself, so that a stored view never needs more memory than a few columns. Counts, mean,
    standard deviation, minimum and maximum are exact; `FeatureProfile` says what is sampled above a million rows.
    """
    frame = _pin(data)
    entities = [column.name for column in contract.columns if column.role == "entity"]
    moments = [column.name for column in contract.columns if column.role == "event_time"]
    keys: dict[str, Any] = frame.select(_key_facts(entities)).collect(engine="streaming").row(0, named=True)
    rows = int(keys["rows"])
    alone = entities[0] if len(entities) == 1 else None
    each = rows * max((_width(column) for column in contract.columns), default=0)
    with ThreadPoolExecutor(
        max_workers=how_many_fit(each, most=_AT_ONCE)
    ) as pool:  # sorting a column for its quantiles takes one core
        found = dict(
            zip(
                contract.names,
                pool.map(lambda column: _column(frame, column, rows, count=column.name == alone), contract.columns),
                strict=True,
            )
        )
    first, last = (found[moments[0]].ends if moments else None) or (None, None)
    return Profile(
        rows=rows,
        period=None if first is None or last is None else (first, last),
        entities=keys.get("entities") if alone is None else found[alone].different,
        features=tuple(found[column.name].profile for column in contract.features),
        keys=tuple(found[name].profile for name in (*entities, *moments)),
    )


def _width(column: ColumnContract) -> int:
    return _COPIES * row_width([column.dtype]) + 8


@dataclass(frozen=True, slots=True)
class _Column:
    """What a column looks like.

    Attributes
    ----------
    different
        How many different values it has, null among them, if that was counted.
    ends
        Its first and its last value, None without any, if it is an event time.
    """

    profile: FeatureProfile
    different: int | None
    ends: tuple[Any, Any] | None


def _column(frame: pl.LazyFrame, column: ColumnContract, rows: int, *, count: bool) -> _Column:
    one, is_time = frame.select(column.name), column.role == "event_time"
    if rows > EXACT and rows * _width(column) > free_memory():
        found = streamed_profile(one, rows, unit=column.unit, tolerance=column.tolerance, batch=BATCH)
        different = one.select(pl.all().n_unique()).collect(engine="streaming").item() if count else None
        ends = one.select(first=pl.all().min(), last=pl.all().max()) if is_time else None
        return _Column(found, different, None if ends is None else ends.collect(engine="streaming").row(0))
    values = one.collect(engine="streaming").to_series()
    different = values.n_unique() if count else None
    distinct = None if different is None else different - bool(values.null_count())
    found = feature_profile(values, unit=column.unit, tolerance=column.tolerance, distinct=distinct)
    return _Column(found, different, (values.min(), values.max()) if is_time else None)


def _pin(data: StoredView | pl.LazyFrame | pl.DataFrame | str | Path) -> pl.LazyFrame:
    if isinstance(data, (str, Path)):
        return pl.scan_parquet(data, glob=False)
    if isinstance(data, pl.DataFrame):
        return data.lazy()
    return data if isinstance(data, pl.LazyFrame) else data.frame()


def _key_facts(entities: list[str]) -> list[pl.Expr]:
    facts = [pl.len().alias("rows")]
    if len(entities) > 1:  # two keys of ten million share a 64-bit hash once in 300,000 views
        facts.append(pl.struct(entities).hash().n_unique().alias("entities"))
    return facts
