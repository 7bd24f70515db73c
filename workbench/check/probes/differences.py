"""Comparing the rows of an altered computation with those of the view: which are missing, extra, or other.

Rows are compared as they are read: by entity and time. A row that only the altered computation has is no difference
where it says what an as-of read of the view says at its time. A row that only the view has always is one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from workbench.check.probes.closeness import differs, scale_of
from workbench.check.probes.inputs import instant
from workbench.check.result import SHOWN, plain_keys
from workbench.define import Contract, FeatureView

TIME = "__workbench_time"
_NUMBER = "__workbench_number"
_IN_VIEW = "__workbench_in_view"
_IN_OTHER = "__workbench_in_other"
_OTHER = "__workbench_other_"
NO_ROW = "no row"
"""What stands for the value of a row that is not there."""


@dataclass(frozen=True, slots=True)
class Grain:
    """How the rows of a view are told apart and compared.

    Attributes
    ----------
    entities, event_time, created
        The view's columns.
    features
        Dtype of each feature.
    tolerances
        The contract's tolerance of a feature, where it declares one.
    """

    entities: tuple[str, ...]
    event_time: str
    created: str | None
    features: Mapping[str, pl.DataType]
    tolerances: Mapping[str, float | None]

    @classmethod
    def of(cls, view: FeatureView, contract: Contract, schema: Mapping[str, pl.DataType]) -> Grain:
        """Return the grain of a view that was stored with `schema`."""
        names = {column.name: column.tolerance for column in contract.features}
        return cls(view.entities, view.event_time, view.created, {name: schema[name] for name in names}, names)

    @property
    def keys(self) -> list[str]:
        """The columns that tell rows apart."""
        return [*self.entities, self.event_time, *([self.created] if self.created else [])]

    def readable(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """Return `frame` with `TIME`, from when on a row is there to be read; without rows that never are."""
        schema = frame.collect_schema()
        times = [instant(name, schema[name]) for name in (self.event_time, self.created) if name]
        known = [pl.col(name).is_not_null() for name in self.keys]
        return frame.filter(known).with_columns(pl.max_horizontal(times).alias(TIME))


@dataclass(frozen=True, slots=True)
class Differences:
    """What an altered computation gave otherwise than the view.

    Attributes
    ----------
    compared
        How many of the view's rows were compared.
    missing, extra, changed
        Rows that only the view has; that only the other has; and values of a column that differ, with the view's
        keys, `TIME`, the column's name, and both values as text.
    rows
        Missing and changed and extra rows in one table: keys, `TIME`, ``column``, ``other``, ``view``.
    counts
        How many values of a column differ, all of them.
    """

    compared: int
    missing: int
    extra: int
    changed: int
    counts: dict[str, int]
    rows: pl.DataFrame

    def __bool__(self) -> bool:
        return bool(self.counts)


def compare(
    grain: Grain,
    view: pl.DataFrame,
    other: pl.DataFrame,
    *,
    after: datetime | None = None,
    until: datetime | None = None,
    scales: Mapping[str, float] | None = None,
) -> Differences:
    """Return how `other` differs from `view` in the rows readable in ``(after, until]``.

    Parameters
    ----------
    grain
        What the rows are.
    view
        The view's rows with `TIME`, also those before `after`.
    other
        The altered computation's rows with `TIME`.
    after, until
        The period that is compared; open where absent.
    scales
        The size of each column's largest value; of `view` if absent.
    """
    scales = scales if scales is not None else {name: scale_of(view[name]) for name in grain.features}
    left = _numbered(_between(view, after, until), grain)
    right = _numbered(_between(_same_types(other, view), after, until), grain)
    right = right.rename({name: f"{_OTHER}{name}" for name in grain.features}).drop(TIME)
    on = [*grain.keys, _NUMBER]
    joined = left.with_columns(pl.lit(value=True).alias(_IN_VIEW)).join(
        right.with_columns(pl.lit(value=True).alias(_IN_OTHER)), on=on, how="full", coalesce=True, nulls_equal=True
    )
    both = joined.filter(pl.col(_IN_VIEW) & pl.col(_IN_OTHER))
    missing = joined.filter(pl.col(_IN_OTHER).is_null())
    extra = joined.filter(pl.col(_IN_VIEW).is_null())
    tables, counts, changed = [], {}, 0
    flags = both.select(
        differs(name, f"{_OTHER}{name}", dtype, tolerance=grain.tolerances[name], scale=scales[name]).alias(name)
        for name, dtype in grain.features.items()
    )
    for name in grain.features:
        found = both.filter(flags[name])
        if found.height:
            counts[name] = found.height
            changed += found.height
            tables.append(_told(found, grain, name))
    if missing.height:
        counts[f"rows {_MISSING}"] = missing.height
        tables.append(_whole(missing, grain, there="view"))
    gone = _unlike_as_of(extra, view, grain, scales) if extra.height else extra
    if gone.height:
        counts[f"rows {_EXTRA}"] = gone.height
        tables.append(_whole(gone, grain, there="other"))
    rows = pl.concat(tables) if tables else pl.DataFrame()
    return Differences(left.height, missing.height, gone.height, changed, counts, rows)


_MISSING = "missing"
_EXTRA = "extra"


def with_time(frame: pl.DataFrame, grain: Grain) -> pl.DataFrame:
    """Return `frame` as `compare` wants it."""
    return grain.readable(frame.lazy()).collect()


def shown(differences: Sequence[Differences], grain: Grain, *, other: str, view: str) -> pl.DataFrame:
    """Return the failing rows of a check: keys, ``column``, and both values under the names given.

    The first rows are those where both values are there, of each column in turn, the latest first.
    """
    rows = pl.concat(found.rows for found in differences if found)
    absent = (pl.col("other") == NO_ROW) | (pl.col("view") == NO_ROW)
    ranked = rows.sort(absent, TIME, descending=[False, True], maintain_order=True, nulls_last=True)
    turn = pl.int_range(pl.len()).over("column")
    taken = ranked.sort(absent, turn, maintain_order=True).head(SHOWN)
    keys = plain_keys(taken.select(grain.keys))
    taken_names = {"column", other, view}
    keys = keys.rename({name: f"key_{name}" for name in keys.columns if name in taken_names})
    values = taken.select("column", pl.col("other").alias(other), pl.col("view").alias(view))
    return pl.concat([keys, values], how="horizontal")


def _between(frame: pl.DataFrame, after: datetime | None, until: datetime | None) -> pl.DataFrame:
    if until is not None:
        frame = frame.filter(pl.col(TIME) <= until)
    return frame if after is None else frame.filter(pl.col(TIME) > after)


def _numbered(frame: pl.DataFrame, grain: Grain) -> pl.DataFrame:
    """Return `frame` with rows of one key told apart by their values, so that their order does not matter."""
    same = pl.struct(grain.keys).is_duplicated()
    if not frame.height or not frame.select(same.any()).item():
        return frame.with_columns(pl.lit(0, pl.UInt32).alias(_NUMBER))
    plain = [name for name, dtype in grain.features.items() if not dtype.is_nested()]
    ordered = frame.sort([*grain.keys, *plain], nulls_last=True)
    return ordered.with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).over(grain.keys).alias(_NUMBER))


def _same_types(other: pl.DataFrame, view: pl.DataFrame) -> pl.DataFrame:
    """Return `other` with the view's dtypes, which an altered computation can miss: a column of nulls has none."""
    cast = {name: dtype for name, dtype in view.schema.items() if other.schema[name] != dtype}
    return other.cast(cast, strict=False) if cast else other  # type: ignore[arg-type]  # names to dtypes


def _unlike_as_of(extra: pl.DataFrame, view: pl.DataFrame, grain: Grain, scales: Mapping[str, float]) -> pl.DataFrame:
    """Return the rows of `extra` that say another thing than the view's latest row at their time."""
    clock = grain.event_time
    left = extra.select(*grain.keys, *(f"{_OTHER}{name}" for name in grain.features)).sort(clock)
    right = view.select(*grain.entities, clock, *grain.features, pl.lit(value=True).alias(_IN_VIEW)).sort(clock)
    by = list(grain.entities) or None
    read = left.join_asof(right, on=clock, by=by, strategy="backward", check_sortedness=False)
    unlike = pl.any_horizontal(
        differs(name, f"{_OTHER}{name}", dtype, tolerance=grain.tolerances[name], scale=scales[name])
        for name, dtype in grain.features.items()
    )
    schema = {TIME: instant(clock, read.schema[clock])}
    return read.filter(pl.col(_IN_VIEW).is_null() | unlike).with_columns(**schema)


def _told(rows: pl.DataFrame, grain: Grain, name: str) -> pl.DataFrame:
    """Return one row a value that differs: keys, `TIME`, ``column``, ``other``, ``view``."""
    latest = rows.sort(TIME, descending=True).head(10 * SHOWN)
    return latest.select(
        *grain.keys,
        TIME,
        pl.lit(name).alias("column"),
        _text(latest[f"{_OTHER}{name}"], "other"),
        _text(latest[name], "view"),
    )


def _whole(rows: pl.DataFrame, grain: Grain, *, there: str) -> pl.DataFrame:
    """Return one row a row that is only in the view, or only in the other: its first value, and that there is none."""
    latest = rows.sort(TIME, descending=True).head(10 * SHOWN)
    prefix = "" if there == "view" else _OTHER
    filled = [name for name in grain.features if latest[f"{prefix}{name}"].null_count() < latest.height]
    name = (filled or [*grain.features, ""])[0]
    value = _text(latest[f"{prefix}{name}"], there) if name else pl.Series(there, ["a row"] * latest.height)
    nothing = pl.Series("other" if there == "view" else "view", [NO_ROW] * latest.height, dtype=pl.String)
    values = [nothing, value] if there == "view" else [value, nothing]
    return latest.select(*grain.keys, TIME, pl.lit(name or "(row)").alias("column"), *values)


def _text(values: pl.Series, name: str) -> pl.Series:
    texts = ["null" if value is None else str(value) for value in values]
    return pl.Series(name, [text if len(text) <= 200 else f"{text[:197]}..." for text in texts], dtype=pl.String)
