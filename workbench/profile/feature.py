"""`FeatureProfile`: one feature in some fifty numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl

from workbench.profile.histogram import Histogram

Kind = Literal["number", "time", "duration", "category", "boolean", "other"]

EXACT = 1_000_000
"""Above so many values, quantiles, histogram and categories come from a random sample."""

SAMPLE = 200_000
"""How many values that sample has."""

TOP = 20
_SHARES = {"p01": 0.01, "p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95, "p99": 0.99}
_SEED = 20_240_229
_LONGEST = 120


@dataclass(frozen=True, slots=True)
class FeatureProfile:
    """What one feature's values look like.

    Times are seconds since 1970 (UTC) and durations seconds, as floats. What there is not is `None` or empty.

    Attributes
    ----------
    name, dtype, unit, tolerance
        As in the contract; the dtype as text.
    kind
        How to read the numbers: ``number``, ``time``, ``duration``, ``category``, ``boolean`` or ``other``.
    rows, nulls, nans, infinities
        Exact counts. All that follows is over the remaining, finite values.
    distinct
        How many different values; exact up to a million rows, above that by HyperLogLog, within about 2%.
    mean, std, min, max
        Over all values, never a sample. `std` is the sample standard deviation.
    quantiles
        ``p01``, ``p05``, ``p25``, ``p50``, ``p75``, ``p95``, ``p99``, interpolated linearly; exact up to a million
        values. Above that from a random sample of 200,000: the rank is off by less than 0.22 percentage points in 19
        of 20 cases, by the binomial distribution.
    histogram
        See `Histogram`.
    categories
        The commonest values as text with their counts, at most 20.
    sampled
        How many values `quantiles`, `histogram` and `categories` were made from, where that is not all of them.
    """

    name: str
    dtype: str
    unit: str | None
    kind: Kind
    rows: int
    nulls: int
    nans: int = 0
    infinities: int = 0
    distinct: int | None = None
    mean: float | None = None
    std: float | None = None
    min: float | None = None
    max: float | None = None
    quantiles: dict[str, float] = field(default_factory=dict)
    histogram: Histogram | None = None
    categories: tuple[tuple[str, int], ...] = ()
    sampled: int | None = None
    tolerance: float | None = None


def feature_profile(values: pl.Series, *, unit: str | None, tolerance: float | None = None) -> FeatureProfile:
    """Return the profile of one column."""
    kind = _kind(values.dtype)
    present = values.drop_nulls() if values.null_count() else values
    facts: dict[str, Any] = {}
    if kind in ("category", "boolean"):
        facts = _categories(present)
    elif kind != "other":
        facts = _measures(as_numbers(present), whole=values.dtype.is_integer())
    return FeatureProfile(
        name=values.name,
        dtype=str(values.dtype),
        unit=unit,
        tolerance=tolerance,
        kind=kind,
        rows=values.len(),
        nulls=values.null_count(),
        **facts,
    )


def _kind(dtype: pl.DataType) -> Kind:
    if dtype.is_numeric():
        return "number"
    if isinstance(dtype, (pl.Datetime, pl.Date)):
        return "time"
    if isinstance(dtype, (pl.Duration, pl.Time)):
        return "duration"
    if isinstance(dtype, pl.Boolean):
        return "boolean"
    return "category" if isinstance(dtype, (pl.String, pl.Categorical, pl.Enum)) else "other"


def as_numbers(values: pl.Series) -> pl.Series:
    """Return numbers, times (seconds since 1970 or midnight) and durations (seconds) as Float64; null stays null."""
    dtype = values.dtype
    if isinstance(dtype, pl.Date):
        return values.to_physical().cast(pl.Float64) * 86_400
    if isinstance(dtype, pl.Time):
        return values.to_physical().cast(pl.Float64) / 1e9
    if isinstance(dtype, (pl.Datetime, pl.Duration)):
        return values.to_physical().cast(pl.Float64) / {"ms": 1e3, "us": 1e6, "ns": 1e9}[dtype.time_unit]
    return values.cast(pl.Float64)


def _measures(numbers: pl.Series, *, whole: bool) -> dict[str, Any]:
    nans = int(numbers.is_nan().sum())
    usable = numbers.is_finite()
    finite = numbers if usable.all() else numbers.filter(usable)
    odd = {"nans": nans, "infinities": numbers.len() - nans - finite.len()}
    if finite.is_empty():
        return odd | {"distinct": 0}
    looked_at = _sample(finite)
    ordered = looked_at.sort()
    everything = ordered.len() == finite.len()
    distinct = _runs(ordered) if everything else finite.approx_n_unique()
    return odd | {
        "distinct": distinct,
        "mean": finite_or_none(finite.mean()),
        "std": finite_or_none(finite.std()),
        "min": finite_or_none(finite.min()),
        "max": finite_or_none(finite.max()),
        "quantiles": {name: _quantile(ordered, share) for name, share in _SHARES.items()},
        "histogram": Histogram.of(ordered, whole=whole),
        "sampled": None if everything else ordered.len(),
    }


def _categories(present: pl.Series) -> dict[str, Any]:
    looked_at = _sample(present)
    everything = looked_at.len() == present.len()
    counts = looked_at.cast(pl.String).rename("value").value_counts(name="count")
    top = counts.sort("count", "value", descending=[True, False]).head(TOP)
    return {
        "distinct": counts.height if everything else present.approx_n_unique(),
        "categories": tuple((truncate(value), int(count)) for value, count in top.rows()),
        "sampled": None if everything else looked_at.len(),
    }


def _sample(values: pl.Series) -> pl.Series:
    """Return `values`, or `SAMPLE` of them drawn without replacement; the same ones each time."""
    return values if values.len() <= EXACT else values.sample(SAMPLE, seed=_SEED)


def _runs(ordered: pl.Series) -> int:
    return 1 + int((ordered != ordered.shift(1)).sum())


def _quantile(ordered: pl.Series, share: float) -> float:
    place = share * (ordered.len() - 1)
    low = int(place)
    part = place - low
    if not part:
        return float(ordered[low])
    return float(ordered[low]) * (1 - part) + float(ordered[low + 1]) * part


def finite_or_none(value: Any) -> float | None:
    """Return a float that JSON can hold: the mean of huge values overflows."""
    return float(value) if value is not None and math.isfinite(value) else None


def truncate(text: str) -> str:
    """Return `text`, shortened to what a card has room for."""
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
