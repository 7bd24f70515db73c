"""`drift`: how far features moved between two sets of rows, and which moved more than they do by themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.define import ColumnContract, Contract
from workbench.drift.blocks import Blocks
from workbench.drift.column import TIME, VALUE, ColumnRequest, compare_column
from workbench.drift.noise import check_time
from workbench.drift.result import FeatureDrift
from workbench.errors import FeatureNotFound, UsageError
from workbench.measures import BOUNDED, MEASURES, RESULTS
from workbench.memory import how_many_fit, require_memory

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workbench.drift.pairs import PairedRows

MOST_SEGMENTS = 100
"""Of more segments, those with the most rows on both sides together are compared."""

_AT_ONCE = 2
"""The most columns in memory at a time."""

_ROW = 48
"""Bytes that a row of a side takes while a column is compared: time, value, the values in order, bins, and copies."""


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What moved between two sets of rows.

    Attributes
    ----------
    features
        One a feature, over all rows, in the contract's order.
    labels
        What the two sides are called.
    rows
        Rows of the two sides.
    measure
        The one that decides, by the project.
    time
        By which column the reference was cut for its noise; `None`: in the order of its rows.
    by
        The columns that make the segments.
    segments
        One a feature and segment: feature by feature, the largest segment first.
    """

    features: tuple[FeatureDrift, ...]
    labels: tuple[str, str]
    rows: tuple[int, int]
    measure: str
    time: str | None = None
    by: tuple[str, ...] = ()
    segments: tuple[FeatureDrift, ...] = ()

    def __getitem__(self, name: str) -> FeatureDrift:
        for feature in self.features:
            if feature.name == name:
                return feature
        raise KeyError(name)

    @property
    def drifted(self) -> tuple[FeatureDrift, ...]:
        """Return the features that drifted, the farthest first."""
        return tuple(sorted((one for one in self.features if one.drifted), key=_excess))

    @property
    def unjudged(self) -> tuple[FeatureDrift, ...]:
        """Return the features whose drift cannot be judged."""
        return tuple(one for one in self.features if one.verdict == "cannot judge")

    @property
    def drifted_segments(self) -> tuple[FeatureDrift, ...]:
        """Return the features of segments that drifted, the farthest first."""
        return tuple(sorted((one for one in self.segments if one.drifted), key=_excess))

    @property
    def headline(self) -> str:
        """Return what became of the features, in a few words; that none drifted only where all could be judged."""
        count, unknown = len(self.features), len(self.unjudged)
        if not count:
            return "no feature to compare"
        if unknown == count:
            return "none of its features could be judged" if count > 1 else f"{self.features[0].name} cannot be judged"
        if self.drifted:
            said = f"{len(self.drifted)} of {count} features drifted"
            return f"{said}, {unknown} cannot be judged" if unknown else said
        if unknown:
            return f"{unknown} of {count} features cannot be judged, no other drifted"
        far = [one for one in self.features if one.at_ceiling and not one.decided_by_rows]
        if not far:
            return "no feature drifted"
        led = all(one.follows for one in far)
        why = "their season or trend" if led else "what is allowed"
        return f"none drifted beyond {why}, but far from the reference: {', '.join(one.name for one in far)}"

    def worst(self) -> FeatureDrift | None:
        """Return the feature that moved farthest for its threshold, drifted or not; `None` without features."""
        return min(self.features, key=_excess, default=None)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready values; segments without their bins, which can be a thousand."""
        return {
            "labels": self.labels,
            "rows": self.rows,
            "measure": self.measure,
            "time": self.time,
            "by": self.by,
            "drifted": [one.name for one in self.drifted],
            "unjudged": [one.name for one in self.unjudged],
            "features": [one.to_dict() for one in self.features],
            "segments": [_without_bins(one.to_dict()) for one in self.segments],
        }

    def to_frame(self) -> pl.DataFrame:
        """Return one row a feature, then one a feature and segment.

        Columns: ``feature``, ``segment`` (``carrier=UA``; null for all rows), ``kind``, ``verdict``, ``drifted``,
        the results of each measure, ``ks_bound``, ``wasserstein_bound`` and ``wasserstein_scaled_bound`` (how far these
        may be off; 0 where they are exact), ``noise``, ``times_noise``, ``threshold``, ``basis``, ``sentence``, and for
        each side ``rows``, ``null_share``, ``nan_share``, ``infinity_share``, ``mean``, ``std``.
        """
        return pl.DataFrame([_row(one) for one in (*self.features, *self.segments)], schema=_schema())


_SHARES = {"null_share": pl.Float64, "nan_share": pl.Float64, "infinity_share": pl.Float64}
_SIDE: dict[str, Any] = {"rows": pl.Int64, **_SHARES, "mean": pl.Float64, "std": pl.Float64}


def drift(
    reference: pl.LazyFrame,
    current: pl.LazyFrame,
    *,
    contract: Contract,
    columns: Sequence[str] | None = None,
    event_time: str | None = None,
    measure: str = "psi",
    budget: float | None = None,
    budgets: Mapping[str, float] | None = None,
    labels: tuple[str, str] = ("reference", "current"),
    by: Sequence[str] = (),
    pairs: Mapping[str, PairedRows] | None = None,
) -> DriftReport:
    """Measure the drift of features from the reference to the current rows.

    Bins are frozen quantiles of the reference; `FeatureDrift` says what is measured, `verdict.judge` when a feature
    has drifted, and when that cannot be judged. Frames are read column by column, two at a time, so that their plans
    should be cheap to run again: a scan, or a frame in memory.
    """
    names = _select_features(contract, columns)
    limits = _budgets(contract, budget, budgets or {})
    if measure not in MEASURES:
        raise UsageError.unknown("measure", measure, known=MEASURES)
    schemas = reference.collect_schema(), current.collect_schema()
    for schema, label in zip(schemas, labels, strict=True):
        _check_columns((*names, *by), schema, label)
    time = _time(contract, event_time, schemas[0], labels[0])
    timed = time is not None and time in schemas[1] and _kind(schemas[0][time]) == _kind(schemas[1][time])
    sides = _Sides(reference, current, time, tuple(by), timed, _Cut())
    rows, chosen = _sizes(sides)
    for count, label in zip(rows, labels, strict=True):
        if not count:
            raise UsageError.without_rows(label)

    each = require_room(rows)

    def compare(name: str) -> tuple[FeatureDrift, list[FeatureDrift]]:
        asked = ColumnRequest(name, contract[name].unit, measure, limits.get(name, budget))
        whole, segments = _compare(sides, chosen, asked)
        found = (pairs or {}).get(name)
        return (whole if found is None else whole.of_same_rows(found.change)), segments

    with ThreadPoolExecutor(max_workers=how_many_fit(each, most=_AT_ONCE)) as pool:
        compared = list(pool.map(compare, names))
    return DriftReport(
        features=tuple(whole for whole, _ in compared),
        labels=labels,
        rows=rows,
        measure=measure,
        time=time,
        by=tuple(by),
        segments=tuple(one for _, segments in compared for one in segments),
    )


def require_room(rows: tuple[int, int]) -> int:
    """Return the bytes that a column of both sides takes, once it is known that they are there."""
    needed = sum(rows) * _ROW
    require_memory(
        needed,
        f"Comparing the distributions of {rows[0]:,} and {rows[1]:,} rows",
        remedy="Compare shorter periods, or a branch that reads fewer rows",
    )
    return needed


def contract_of_frame(
    frame: pl.LazyFrame | pl.DataFrame, *, event_time: str | None = None, entities: Sequence[str] = ()
) -> Contract:
    """Return a contract by the dtypes of `frame`: every column is a feature unless it is named as something else.

    For frames that no view made, e.g. a training set and what serving returned.
    """
    schema = frame.collect_schema()
    named = ([event_time] if event_time else []) + list(entities)
    _check_columns(named, schema, "the frame")
    return Contract(
        tuple(
            ColumnContract(
                name,
                dtype,
                "event_time" if name == event_time else "entity" if name in entities else "feature",
                nullable=True,
            )
            for name, dtype in schema.items()
        )
    )


class _Cut:
    """The blocks of the reference, made once for all columns that were read with the same times."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: tuple[tuple[pl.Series | None, ...], tuple[int, int], Blocks | None] | None = None

    def __call__(self, before: pl.Series | None, now: pl.Series | None, rows: tuple[int, int]) -> Blocks | None:
        with self._lock:
            if self._known is None:
                self._known = (before, now), rows, Blocks.of(before, now, rows)
            times, counted, blocks = self._known
        same = rows == counted and all(map(_equal, times, (before, now)))
        return blocks if same else Blocks.of(before, now, rows)


def _equal(one: pl.Series | None, other: pl.Series | None) -> bool:
    if one is None or other is None:
        return one is other
    return _is_same(one, other) or one.equals(other)


def _is_same(one: pl.Series, other: pl.Series) -> bool:
    """Whether both are the same memory, as a column of a frame in memory is each time it is read."""
    if one.dtype != other.dtype or one.len() != other.len():
        return False
    if any(each.n_chunks() > 1 or each.null_count() for each in (one, other)):
        return False
    places = [each.to_physical().to_numpy().__array_interface__["data"] for each in (one, other)]
    return bool(places[0] == places[1])


@dataclass(frozen=True, slots=True)
class _Sides:
    """Both frames, and which columns cut and divide them."""

    reference: pl.LazyFrame
    current: pl.LazyFrame
    time: str | None
    by: tuple[str, ...]
    is_timed: bool
    """Whether the current rows have times of the same kind."""
    cut: _Cut

    def keys(self) -> list[pl.Expr]:
        return [pl.col(name).cast(pl.String).alias(f"key{place}") for place, name in enumerate(self.by)]

    def column(self, name: str) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return both sides' keys, times and values."""
        value = pl.col(name).alias(VALUE)
        time = [] if self.time is None else [pl.col(self.time).alias(TIME)]
        return (
            self.reference.select(*self.keys(), *time, value).collect(),
            self.current.select(*self.keys(), *(time if self.is_timed else []), value).collect(),
        )


def _sizes(sides: _Sides) -> tuple[tuple[int, int], pl.DataFrame | None]:
    """Return both sides' rows, and the segments to compare, the largest first."""
    if not sides.by:
        one, two = (
            int(frame.select(pl.len()).collect(engine="streaming").item()) for frame in (sides.reference, sides.current)
        )
        return (one, two), None
    keys = [f"key{place}" for place in range(len(sides.by))]
    first, second = (
        frame.select(sides.keys()).group_by(keys).len().collect(engine="streaming")
        for frame in (sides.reference, sides.current)
    )
    largest = pl.concat([first, second]).group_by(keys).agg(pl.col("len").cast(pl.Int64).sum())
    chosen = largest.sort("len", *keys, descending=[True, *[False] * len(keys)]).head(MOST_SEGMENTS).select(keys)
    return (int(first["len"].sum()), int(second["len"].sum())), chosen


def _compare(
    sides: _Sides, chosen: pl.DataFrame | None, asked: ColumnRequest
) -> tuple[FeatureDrift, list[FeatureDrift]]:
    reference, current = sides.column(asked.name)
    whole = compare_column(reference, current, asked, cut=sides.cut)
    if chosen is None:
        return whole, []
    one, two = _divide(reference, chosen), _divide(current, chosen)
    segments = [
        compare_column(
            one.get(key, reference.clear()),
            two.get(key, current.clear()),
            asked,
            segment=tuple(zip(sides.by, key, strict=True)),
        )
        for key in chosen.iter_rows()
    ]
    return whole, segments


def _divide(frame: pl.DataFrame, chosen: pl.DataFrame) -> dict[tuple[Any, ...], pl.DataFrame]:
    keys = chosen.columns
    kept = frame.join(chosen, on=keys, how="semi", nulls_equal=True, maintain_order="left")
    return kept.partition_by(keys, maintain_order=True, include_key=False, as_dict=True)


def _select_features(contract: Contract, columns: Sequence[str] | None) -> tuple[str, ...]:
    if columns is None:
        return tuple(column.name for column in contract.features)
    for name in columns:
        if name not in contract.names:
            raise FeatureNotFound.named(name, [column.name for column in contract.features])
    return tuple(dict.fromkeys(columns))


def _budgets(contract: Contract, budget: float | None, budgets: Mapping[str, float]) -> Mapping[str, float]:
    for name in budgets:
        if name not in contract.names:
            raise FeatureNotFound.named(name, [column.name for column in contract.features])
    for name, value in [("", budget), *budgets.items()]:
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise UsageError(
                f"The drift budget{f' of {name}' if name else ''} is {value}.", remedy="A budget is zero or more."
            )
    return budgets


def _check_columns(names: Iterable[str], schema: pl.Schema, label: str) -> None:
    for name in names:
        if name not in schema:
            raise FeatureNotFound.absent(name, where=label, known=schema)


def _time(contract: Contract, event_time: str | None, schema: pl.Schema, label: str) -> str | None:
    if event_time is None:
        event_time = next((column.name for column in contract.columns if column.role == "event_time"), None)
        if event_time is None or event_time not in schema:
            return None
    else:
        _check_columns([event_time], schema, label)
    check_time(event_time, schema[event_time])
    return event_time


def _kind(dtype: pl.DataType) -> str:
    return "number" if dtype.is_numeric() else "time" if dtype.is_temporal() else "other"


def _excess(feature: FeatureDrift) -> float:
    return -feature.excess


def _without_bins(feature: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in feature.items() if name not in ("bins", "histograms")}


def _schema() -> dict[str, Any]:
    bounds = [f"{name}_bound" for name in BOUNDED]
    numbers = dict.fromkeys([*RESULTS, *bounds, "noise", "times_noise", "threshold"], pl.Float64)
    facts = {"feature": pl.String, "segment": pl.String, "kind": pl.String, "verdict": pl.String, "drifted": pl.Boolean}
    sides = {f"{side}_{name}": dtype for side in ("reference", "current") for name, dtype in _SIDE.items()}
    return {**facts, **numbers, "basis": pl.String, "sentence": pl.String, **sides}


def _row(one: FeatureDrift) -> dict[str, Any]:
    return {
        "feature": one.name,
        "segment": ", ".join(f"{key}={value}" for key, value in one.segment) or None,
        **{name: getattr(one, name) for name in ("kind", "verdict", "drifted", *RESULTS)},
        **{f"{name}_bound": None if getattr(one, name) is None else one.bounds.get(name, 0.0) for name in BOUNDED},
        **{name: getattr(one, name) for name in ("times_noise", "threshold", "basis", "sentence")},
        "noise": None if one.noise is None else one.noise.mean,
        **{f"reference_{name}": getattr(one.reference, name) for name in _SIDE},
        **{f"current_{name}": getattr(one.current, name) for name in _SIDE},
    }
