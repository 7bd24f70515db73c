"""The same rows on both sides: how many values changed, and how far for the spread of the reference."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from workbench.diff import (
    Pair,
    columns_of,
    engine_errors,
    height,
    pair_of,
    pairs_of,
    read_pair,
    same_by_digest,
    same_grain,
)
from workbench.drift.side import DriftSide
from workbench.memory import memory_share
from workbench.profile import Family, Unordered, as_numbers, family_of, finite_or_none, quantiles
from workbench.records import to_plain
from workbench.shares import percent

if TYPE_CHECKING:
    from workbench.diff import DifferingValues, MatchedRows, RowBlock, Side
    from workbench.profile import Numbers

LARGEST_CHANGE = 0.1
"""Values of the same rows may change by a tenth of the reference's spread on average, or in a tenth of the rows.

The spread is the mean distance from the median. No factor hides in it: a feature times two, three or minus one, or set
to any constant, changes by its whole spread or more, whatever its distribution. A tenth is what a shift of the mean by
a twelfth of the standard deviation gives for a normal feature."""

LARGEST_MISSING = 0.01
"""The share of the same rows that may become null, NaN or infinite, or stop to be so."""

_NORMAL = 1.349
"""Interquartile range of a normal distribution in standard deviations."""

_NUMBERS: tuple[Family, ...] = ("number", "moment", "duration")
_COLUMNS = 2
"""Columns whose spread is taken at the same time."""
_FLOAT, _HELD = 8, 1 / 16
"""Bytes of a number, and the share of what is free that those of a column may take; else it is read batch by batch."""
_BATCH = 1_000_000
_LARGEST = sys.float_info.max


@dataclass(frozen=True, slots=True)
class PairedChange:
    """How a feature changed in the rows that both sides have.

    Attributes
    ----------
    rows
        Rows in common.
    changed
        Rows in which the values are not equal, within the declared tolerance.
    missing
        Rows in which one side alone is null, NaN or infinite, or both are, but not in the same way; ``+inf`` that
        became ``-inf`` is one.
    size
        Mean absolute difference over all rows in common, divided by the reference's mean absolute deviation from its
        median; of categories the changed rows per row that does not hold the commonest one. `None` where differences
        have no size.
    moved
        The same with each difference at most one spread (the interquartile range, as standard deviation): the share of
        the rows that moved by as much. A few far values cannot hide it.
    others
        Whether either side has rows that the other lacks.
    """

    rows: int
    changed: int
    missing: int = 0
    size: float | None = None
    moved: float | None = None
    others: bool = False

    @property
    def share(self) -> float:
        """Return changed rows per row."""
        return self.changed / self.rows if self.rows else 0.0

    @property
    def missing_share(self) -> float:
        """Return the rows of `missing` per row."""
        return self.missing / self.rows if self.rows else 0.0

    @property
    def judged(self) -> bool:
        """Whether the change has a size, or is none."""
        return not self.changed or self.size is not None

    @property
    def drifted(self) -> bool:
        """Whether it is larger than `LARGEST_CHANGE`, or more is missing than `LARGEST_MISSING`."""
        largest = max(self.size or 0.0, self.moved or 0.0)
        return largest > LARGEST_CHANGE or self.missing_share > LARGEST_MISSING

    @property
    def excess(self) -> float:
        """Return the change per limit."""
        largest = max(self.size or 0.0, self.moved or 0.0)
        return max(largest / LARGEST_CHANGE, self.missing_share / LARGEST_MISSING)

    @property
    def sentence(self) -> str:
        """Return what changed, as a clause."""
        if not self.changed:
            return f"equal in all {self.rows:,} rows that both sides have"
        said = f"{percent(self.share)} of the same rows changed"
        if self.size is not None:
            said += f", by {_times(self.size)} its spread on average"
        if self.missing:
            said += f"; {percent(self.missing_share)} became or stopped being null, NaN or infinite"
        return said

    def to_dict(self) -> dict[str, Any]:
        """Return the change as JSON-ready values."""
        sizes = {
            name: value if value is None or math.isfinite(value) else None for name, value in to_plain(self).items()
        }
        return sizes | {"share": self.share, "missing_share": self.missing_share}


@dataclass(frozen=True, slots=True)
class PairedRows:
    """The values of a feature in the rows that both sides have.

    Attributes
    ----------
    change
        How they changed.
    family
        What kind of values they are.
    sides
        Each side's values in those rows, in short; without a standard deviation. `None` where not all were read.
    """

    change: PairedChange
    family: Family
    sides: tuple[DriftSide, DriftSide] | None = None

    @property
    def decides(self) -> bool:
        """Whether nothing is left for distributions to say: neither side has other rows, and values are numbers."""
        return self.sides is not None and not self.change.others and self.family in _NUMBERS


def compare_pairs(
    left: Side, right: Side, names: Sequence[str], *, least: float = 0.0, touched: pl.Expr | None = None
) -> dict[str, PairedRows]:
    """Return how features changed in the rows that both sides have, by name."""
    timed = any(column.role == "event_time" for column in left.contract.columns)
    if not names or not timed or not same_grain(left, right) or not _may_meet(left, right):
        return {}
    with engine_errors():
        pairs = [pair for pair in (_pair(left, right, name) for name in names) if pair is not None]
        counter = PairCounter.of(left, pairs)
        columns = [pair.left for pair in pairs], [pair.right for pair in pairs]
        heights = height(left), height(right)
        compared = (left, right) if touched is None else _rows_that_may_differ(left, right, touched, heights)
        both = read_pair(*compared, columns)
        both.visit(counter.visit)
    return counter.result(heights, alike=heights[0] - both.heights[0], least=least)


def pairs_to_count(left: Side, right: Side) -> list[Pair]:
    """Return the features whose rows a comparison of two sides reads, and can count as `compare_pairs` does."""
    if not any(column.role == "event_time" for column in left.contract.columns) or not same_grain(left, right):
        return []
    names = [name for name in right.values if name in left.values and not same_by_digest(left, right, name)]
    return pairs_of(left, right, [(name, name) for name in names])


def _rows_that_may_differ(left: Side, right: Side, touched: pl.Expr, heights: tuple[int, int]) -> tuple[Side, Side]:
    """Return the sides with the rows alone that may differ; as they are, where they have not as many others."""
    some = [replace(side, frame=side.frame.filter(touched), digest=None) for side in (left, right)]
    rest = {whole - height(side) for whole, side in zip(heights, some, strict=True)}
    return (some[0], some[1]) if len(rest) == 1 else (left, right)


def _may_meet(left: Side, right: Side) -> bool:
    """Whether the sides' times overlap: two periods have no row in common, and need not be read to know it."""
    time = next(column.name for column in left.contract.columns if column.role == "event_time")
    with engine_errors():
        (one, last), (other, latest) = (
            side.frame.select(pl.col(time).min().alias("first"), pl.col(time).max().alias("last"))
            .select(pl.all().cast(pl.Datetime("us")))
            .collect(engine="streaming")
            .row(0)
            for side in (left, right)
        )
    return None not in (one, last, other, latest) and one <= latest and other <= last


def _pair(left: Side, right: Side, name: str) -> Pair | None:
    dtypes = columns_of(left)[name], columns_of(right)[name]
    families = family_of(dtypes[0]), family_of(dtypes[1])
    if "empty" in families and families[0] != families[1]:
        held = dtypes[families[0] == "empty"]
        return Pair(name, name, dtypes, held)
    found = pair_of(name, name, dtypes, tolerance=right.contract[name].tolerance)
    if found is None and families == ("number", "number"):
        return Pair(name, name, dtypes, pl.Float64(), right.contract[name].tolerance)  # rounded, but compared
    return found


@dataclass(slots=True)
class _Change:
    """What is counted of one feature."""

    pair: Pair
    family: Family
    deviation: float
    """Of numbers the mean distance from the median, of categories the share that does not hold the commonest."""
    spread: float
    rows: int = 0
    changed: int = 0
    missing: int = 0
    total: float = 0.0
    capped: float = 0.0
    sides: tuple[_Sums, _Sums] = field(default_factory=lambda: (_Sums(), _Sums()))

    @classmethod
    def of(cls, pair: Pair, frame: pl.LazyFrame, rows: int) -> _Change:
        family = family_of(pair.dtypes[0])
        if family in ("category", "boolean"):
            held = frame.select(pair.left).collect(engine="streaming").to_series().drop_nulls()
            most = 0 if held.is_empty() else int(held.value_counts()["count"].max())  # type: ignore[arg-type]  # a count
            return cls(pair, family, 1 - most / max(1, len(held)), 0.0)
        if family in ("other", "empty"):
            return cls(pair, family, 0.0, 0.0)
        return cls(pair, family, *_spread(frame.select(pair.left), rows))

    def begin(self) -> None:
        self.rows, self.changed, self.missing, self.total, self.capped = 0, 0, 0, 0.0, 0.0
        self.sides = _Sums(), _Sums()

    def add(self, old: pl.Series, new: pl.Series, differing: DifferingValues | None) -> None:
        self.rows += len(old)
        if self.family in _NUMBERS:
            for side, values in zip(self.sides, (old, new), strict=True):
                side.add(values)
        if differing is None:
            return
        count = len(differing.old)
        self.changed += count
        missing = int((_state(differing.old) != _state(differing.new)).sum())
        self.missing += missing
        if self.family in ("category", "boolean"):
            self.capped += count
            self.total += count
            return
        if self.family == "other":
            return
        sizes = differing.differences.abs().drop_nulls().to_numpy()
        finite = np.isfinite(sizes)
        if not finite.all():
            sizes = np.append(sizes[finite], np.full(_beyond_floats(differing), _LARGEST))
        with np.errstate(over="ignore"):
            self.total += float(sizes.sum())
            capped = np.minimum(sizes / self.spread, 1.0).sum() if self.spread else np.count_nonzero(sizes)
        self.capped += missing + float(capped)

    def result(self, rows: int, *, others: bool, whole: bool) -> PairedRows:
        size = moved = None
        if self.family != "other":
            moved = self.capped / rows
            size = self.total / rows / self.deviation if self.deviation else moved
        change = PairedChange(rows, self.changed, self.missing, size, moved, others=others)
        if not whole:
            return PairedRows(change, self.family)
        one, two = (side.result(dtype, rows) for side, dtype in zip(self.sides, self.pair.dtypes, strict=True))
        return PairedRows(change, self.family, (one, two))


@dataclass(slots=True)
class _Sums:
    """What is counted of one side's values."""

    nulls: int = 0
    nans: int = 0
    infinities: int = 0
    total: float = 0.0

    def add(self, values: pl.Series) -> None:
        self.nulls += values.null_count()
        numbers = as_numbers(values)
        total = float(numbers.sum())
        if not math.isfinite(total):
            self.nans += int(numbers.is_nan().sum())
            self.infinities += int(numbers.is_infinite().sum())
            total = float(numbers.filter(numbers.is_finite()).sum())
        self.total += total

    def result(self, dtype: pl.DataType, rows: int) -> DriftSide:
        held = rows - self.nulls - self.nans - self.infinities
        mean = finite_or_none(self.total / held) if held else None
        return DriftSide(str(dtype), rows, self.nulls, self.nans, self.infinities, mean)


def _spread(column: pl.LazyFrame, rows: int) -> tuple[float, float]:
    """Return the mean distance of a column's finite values from their median, and their spread; 0 without any."""
    if rows * _FLOAT <= memory_share(_HELD):
        held = [_finite(part) for part in column.collect(engine="streaming").to_series().get_chunks()]
        batches = partial(iter, held)
    else:
        batches = partial(_read_finite, column)
    count = sum(map(len, batches()))
    if not count:
        return 0.0, 0.0
    low, middle, high = quantiles(batches, count, [0.25, 0.5, 0.75])
    with np.errstate(over="ignore", invalid="ignore"):
        deviation = sum(float(np.abs(batch - middle).sum()) for batch in batches()) / count
        if not math.isfinite(deviation):  # of distances that floats hold, the sum is none
            halves = (np.abs(batch / 2 - middle / 2) / count for batch in batches())
            deviation = _at_most(sum(float(half.sum()) for half in halves) * 2)
        spread = _at_most(float(high - low) / _NORMAL)
    return deviation, spread or deviation


def _at_most(number: float) -> float:
    return number if math.isfinite(number) else _LARGEST


def _beyond_floats(differing: DifferingValues) -> int:
    """Return how many differences of finite values no float holds."""
    held = (_state(differing.old) == 0) & (_state(differing.new) == 0)
    return int((held & differing.differences.is_infinite()).sum())


def _read_finite(column: pl.LazyFrame) -> Iterator[Numbers]:
    for batch in column.collect_batches(chunk_size=_BATCH, maintain_order=True):
        yield _finite(batch.to_series())


def _finite(values: pl.Series) -> Numbers:
    return Unordered.of(values).finite


@dataclass(slots=True)
class PairCounter:
    """Counts how features change, in the rows that both sides have, while these are compared."""

    _changes: Mapping[str, _Change]
    """By the right column."""

    @classmethod
    def of(cls, left: Side, pairs: Sequence[Pair]) -> PairCounter:
        """Return a counter for `pairs` of columns; the left side's are read for their spread."""
        rows = height(left)
        with engine_errors(), ThreadPoolExecutor(max_workers=_COLUMNS) as pool:
            changes = pool.map(lambda pair: _Change.of(pair, left.frame, rows), pairs)
            return cls({change.pair.right: change for change in changes})

    def begin(self) -> None:
        """Forget what was counted."""
        for change in self._changes.values():
            change.begin()

    def add(self, pair: Pair, old: pl.Series, new: pl.Series, differing: DifferingValues | None) -> None:
        """Count the values of a pair in the rows of a part, and those that differ."""
        self._changes[pair.right].add(old, new, differing)

    def visit(self) -> Callable[[RowBlock, MatchedRows], bool]:
        """Begin, and return what counts the parts of a `PairReader`."""
        self.begin()
        return self._show

    def _show(self, _: RowBlock, rows: MatchedRows) -> bool:
        for change in self._changes.values():
            old, new = rows.left[change.pair.left], rows.right[change.pair.right]
            change.add(old, new, change.pair.differing(old, new))
        return False

    def result(self, heights: tuple[int, int], *, alike: int = 0, least: float = 0.0) -> dict[str, PairedRows]:
        """Return what was counted, by name, of sides so high that have `alike` rows more in common.

        Nothing where they have less than `least` of the smaller side's rows in common.
        """
        rows = max((change.rows for change in self._changes.values()), default=0) + alike
        if not rows or rows < least * min(heights):
            return {}
        others = rows < max(heights)
        return {name: change.result(rows, others=others, whole=not alike) for name, change in self._changes.items()}


def _state(values: pl.Series) -> pl.Series:
    """Return how each value is missing: 0 a value, 1 null, 2 NaN, 3 and 4 infinite."""
    held = pl.col(values.name)
    numbers = values.dtype.is_float()
    nan, high, low = (held.is_nan(), held == math.inf, held == -math.inf) if numbers else [pl.lit(value=False)] * 3
    state = pl.when(held.is_null()).then(1).when(nan).then(2).when(high).then(3).when(low).then(4).otherwise(0)
    return values.to_frame().select(state.alias("state")).to_series()


def _times(size: float) -> str:
    return f"{size:.2g} times" if size < 100 else "more than a hundred times"
