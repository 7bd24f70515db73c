"""Comparing the rows of an altered computation with those of the view: which are missing, extra, or other.

Rows are compared as they are read: by entity and time. A row that only the altered computation has is no difference
where it says what an as-of read of the view says at its time. A row that only the view has always is one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from workbench.checks.result import SHOWN
from workbench.define import Contract, FeatureView
from workbench.drivers import require_uninterrupted
from workbench.equality import differs, has_floats
from workbench.point_in_time import ViewRows, join_views
from workbench.records import plain_keys
from workbench.times import instant

TIME = "__workbench_time"
_NUMBER = "__workbench_number"
_IN_VIEW = "__workbench_in_view"
_IN_OTHER = "__workbench_in_other"
_OTHER = "__workbench_other_"
_PAIR = "__workbench_pair"
CONDITION: Mapping[type[pl.DataType], float] = {pl.Float64: 1e-10, pl.Float32: 1e-6}
"""The noise that computing a column in another way may leave in it, relative to the column's largest value.

A running window adds and subtracts, so what is left of large values can be small and noisy.
"""
NO_ROW = "no row"
"""What stands for the value of a row that is not there."""


@dataclass(frozen=True, slots=True)
class Grain:
    """How the rows of a view are identified and compared.

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
        times = [instant(pl.col(name), schema[name]) for name in (self.event_time, self.created) if name]
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

    @classmethod
    def none(cls, compared: int) -> Differences:
        """Return the result for equal rows."""
        return cls(compared, 0, 0, 0, {}, pl.DataFrame())

    def only_floats(self, grain: Grain) -> bool:
        """Return whether there are differences, and all of them are values of float columns."""
        floats = {name for name, dtype in grain.features.items() if dtype.is_float()}
        return bool(self.counts) and set(self.counts) <= floats


def compare(
    grain: Grain,
    view: pl.DataFrame,
    other: pl.DataFrame,
    *,
    within: Callable[[pl.LazyFrame], pl.LazyFrame] | None = None,
    noise: Mapping[str, float] | None = None,
    noisy: pl.DataFrame | None = None,
    unlike: bool = False,
) -> Differences:
    """Return how `other` differs from `view`."""
    noise = noise if noise is not None else {name: noise_of(view[name]) for name in grain.features}
    keep = within or (lambda frame: frame)
    kept = keep(same_types(other, view.schema).lazy()).collect(engine="in-memory")
    same = None if unlike else agreeing(grain, [(keep(view.lazy()), kept)], noise).get(0)
    if same is not None:
        return Differences.none(same)
    left, on = numbered(keep(view.lazy()).collect(engine="in-memory"), grain)
    right, _ = numbered(kept, grain)
    right = right.rename({name: f"{_OTHER}{name}" for name in grain.features}).drop(TIME)
    joined = left.with_columns(pl.lit(value=True).alias(_IN_VIEW)).join(
        right.with_columns(pl.lit(value=True).alias(_IN_OTHER)), on=on, how="full", coalesce=True, nulls_equal=True
    )
    both = joined.filter(pl.col(_IN_VIEW) & pl.col(_IN_OTHER))
    missing = joined.filter(pl.col(_IN_OTHER).is_null())
    extra = joined.filter(pl.col(_IN_VIEW).is_null())
    tables, counts, changed = [], {}, 0
    flags = both.select(_differs(grain, name, noise).alias(name) for name in grain.features)
    if noisy is not None:
        flags = flags.with_columns(flags[found.name] & found for found in _beyond(both, noisy, on))
    for name in grain.features:
        found = both.filter(flags[name])
        if found.height:
            counts[name] = found.height
            changed += found.height
            tables.append(_told(found, grain, name))
    if missing.height:
        counts[f"rows {_MISSING}"] = missing.height
        tables.append(_whole(missing, grain, there="view"))
    gone = _unlike_as_of(extra, view, grain, noise) if extra.height else extra
    if gone.height:
        counts[f"rows {_EXTRA}"] = gone.height
        tables.append(_whole(gone, grain, there="other"))
    rows = pl.concat(tables) if tables else pl.DataFrame()
    return Differences(left.height, missing.height, gone.height, changed, counts, rows)


def unlike_keys(grain: Grain, view: pl.DataFrame, other: pl.DataFrame, *, noise: Mapping[str, float]) -> pl.DataFrame:
    """Return the keys whose rows, of the `same_types`, are missing on one side, or have other values there."""
    left, on = numbered(view, grain)
    right, _ = numbered(other, grain)
    right = right.rename({name: f"{_OTHER}{name}" for name in grain.features}).drop(TIME)
    joined = left.with_columns(pl.lit(value=True).alias(_IN_VIEW)).join(
        right.with_columns(pl.lit(value=True).alias(_IN_OTHER)), on=on, how="full", coalesce=True
    )
    wrong = [pl.col(_IN_VIEW).is_null(), pl.col(_IN_OTHER).is_null()]
    wrong += [_differs(grain, name, noise) for name in grain.features]
    return joined.filter(pl.any_horizontal(wrong)).select(grain.keys).unique()


def same_types(other: pl.DataFrame, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Return `other` with the view's dtypes, which an altered computation can miss: a column of nulls has none."""
    cast = {name: dtype for name, dtype in schema.items() if other.schema[name] != dtype}
    return other.cast(cast, strict=False) if cast else other  # type: ignore[arg-type]  # names to dtypes


def agreeing(
    grain: Grain,
    pairs: Sequence[tuple[pl.LazyFrame, pl.DataFrame]],
    noise: Mapping[str, float],
) -> dict[int, int]:
    """Return, by the numbers of `pairs` that have the same rows, how many; in one query for all of them.

    A pair has rows of the view and of an altered computation, with `TIME`. Of rows that are not the same to the bit,
    those with several of a key are left out.
    """
    if not pairs:
        return {}
    columns = [*grain.keys, *grain.features]
    selected = [rows.select(*columns, _pair(number)) for number, (rows, _) in enumerate(pairs)]
    view = pl.concat(selected).collect(engine="in-memory")
    schema = {name: view.schema[name] for name in columns}
    other = pl.concat([same_types(rows[columns], schema) for _, rows in pairs])
    numbers = np.repeat(np.arange(len(pairs), dtype=np.int32), [rows.height for _, rows in pairs])
    other = other.hstack([pl.Series(_PAIR, numbers)])
    seen = {*view[_PAIR].unique(), *other[_PAIR].unique()}
    same = {number: 0 for number in range(len(pairs)) if number not in seen} | _identical(view, other, columns)
    if len(same) < len(pairs):
        left, right = (rows.filter(~pl.col(_PAIR).is_in(list(same))) for rows in (view, other))
        same |= _matching(grain, left, right, noise)
    return {number: same[number] for number in range(len(pairs)) if number in same}


def _identical(view: pl.DataFrame, other: pl.DataFrame, columns: Sequence[str]) -> dict[int, int]:
    """Return the row count of each pair whose rows are equal in any order, compared by hash for speed."""
    hashed = pl.struct(columns).hash()
    sums = [
        rows.lazy().select(_PAIR, hashed.alias("hash")).group_by(_PAIR).agg(pl.len(), pl.col("hash").sum())
        for rows in (view, other)
    ]
    try:
        left, right = pl.collect_all(sums, engine="in-memory")
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:  # a dtype that has no hash
        require_uninterrupted(error)
        return {}
    return {number: rows for number, rows, _ in left.join(right, on=left.columns, how="semi").iter_rows()}


def _matching(grain: Grain, view: pl.DataFrame, other: pl.DataFrame, noise: Mapping[str, float]) -> dict[int, int]:
    """Return the row count of each pair whose rows match by key and have equal values."""
    other = other.rename({name: f"{_OTHER}{name}" for name in grain.features})
    joined = view.lazy().with_columns(pl.lit(value=True).alias(_IN_VIEW))
    joined = joined.join(
        other.lazy().with_columns(pl.lit(value=True).alias(_IN_OTHER)),
        on=[_PAIR, *grain.keys],
        how="full",
        coalesce=True,
        nulls_equal=True,
    )
    wrong = [pl.col(_IN_VIEW).is_null(), pl.col(_IN_OTHER).is_null()]
    wrong += [_differs(grain, name, noise) for name in grain.features]
    by_pair = joined.group_by(_PAIR).agg(pl.any_horizontal(wrong).any().alias("differ"), pl.len().alias("rows"))
    found = by_pair.collect(engine="in-memory")
    heights = [dict(rows.group_by(_PAIR).len().iter_rows()) for rows in (view, other)]
    return {
        number: rows
        for number, differ, rows in found.iter_rows()
        # as many matches as rows on either side: no key has several
        if not differ and all(height.get(number) == rows for height in heights)
    }


def _pair(number: int) -> pl.Expr:
    return pl.lit(number, pl.Int32).alias(_PAIR)


def _beyond(both: pl.DataFrame, noisy: pl.DataFrame, on: Sequence[str]) -> list[pl.Series]:
    """Return which float values differ by more than their noise; whole numbers have none."""
    names = [name for name in noisy.columns if name not in on]
    allowed = both.select(on).join(noisy, on=list(on), how="left", nulls_equal=True, maintain_order="left")
    flags = []
    for name in names:
        one, other = both[name].cast(pl.Float64), both[f"{_OTHER}{name}"].cast(pl.Float64)
        gap = (one - other).abs()
        whole = (one == one.floor()) & (other == other.floor()) & (gap >= 1)
        flags.append((~((gap <= allowed[name]) & ~whole).fill_null(value=False)).alias(name))
    return flags


_MISSING = "missing"
_EXTRA = "extra"


def with_time(frame: pl.DataFrame, grain: Grain) -> pl.DataFrame:
    """Return `frame` as `compare` wants it."""
    return grain.readable(frame.lazy()).collect(engine="in-memory")


def noise_of(column: pl.Series) -> float:
    """Return what computing `column` in another way may add to its floats, nested ones too; 0 where it has none."""
    dtype = column.dtype
    if not has_floats(dtype):
        return 0.0
    if isinstance(dtype, pl.Struct):
        return max(map(noise_of, column.struct.unnest().get_columns()))
    if dtype.is_nested():
        return noise_of(column.drop_nulls().explode())
    sizes = column.cast(pl.Float64).abs()
    largest = sizes.filter(sizes.is_finite()).max()
    return CONDITION[type(dtype)] * float(largest) if isinstance(largest, float) else 0.0


def _differs(grain: Grain, name: str, noise: Mapping[str, float]) -> pl.Expr:
    columns = pl.col(name), pl.col(f"{_OTHER}{name}")
    return differs(*columns, grain.features[name], tolerance=grain.tolerances[name], slack=noise.get(name, 0.0))


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


def numbered(frame: pl.DataFrame, grain: Grain) -> tuple[pl.DataFrame, list[str]]:
    """Return `frame` with rows of one key numbered by their values, not their order; and the columns to join on."""
    on = [*grain.keys, _NUMBER]
    same = pl.struct(grain.keys).is_duplicated()
    if not frame.height or not frame.select(same.any()).item():
        return frame.with_columns(pl.lit(0, pl.UInt32).alias(_NUMBER)), on
    plain = [name for name, dtype in grain.features.items() if not dtype.is_nested()]
    ordered = frame.sort([*grain.keys, *plain], nulls_last=True)
    return ordered.with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).over(grain.keys).alias(_NUMBER)), on


def _unlike_as_of(extra: pl.DataFrame, view: pl.DataFrame, grain: Grain, noise: Mapping[str, float]) -> pl.DataFrame:
    """Return the rows of `extra` that say another thing than the view's latest row at their time."""
    clock = grain.event_time
    left = extra.select(*grain.keys, *(f"{_OTHER}{name}" for name in grain.features))
    latest = ViewRows(
        name="view",
        rows=view.with_columns(pl.lit(value=True).alias(_IN_VIEW)),
        keys={name: name for name in grain.entities},
        features={name: name for name in (*grain.features, _IN_VIEW)},
        event_time=clock,
        created=grain.created,
    )
    read = join_views(left, [latest], time=clock, as_known=False).with_columns(left[clock])
    unlike = pl.any_horizontal(_differs(grain, name, noise) for name in grain.features)
    schema = {TIME: instant(pl.col(clock), read.schema[clock])}
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
