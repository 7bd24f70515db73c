"""`distribution`: a feature's values on both sides in the same bins, some fifty numbers a side.

Numbers are counted exactly; categories and lists of more than a million rows in a sample.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from workbench.notebook.explorer.format import edge
from workbench.notebook.explorer.kinds import as_number, is_numeric, kind_of
from workbench.notebook.explorer.selection import (
    MANY,
    SideRows,
    ValueSelection,
    describe_samples,
    rows_of,
    sample,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.notebook.explorer.kinds import Kind
    from workbench.notebook.explorer.selection import BothRows, PartKind, Where
    from workbench.notebook.explorer.subject import Changed, ExploredView


BINS = 40
WHOLE = 50
"""Whole numbers that span no more than this have a bin each."""

_BULK = (0.005, 0.995)
_STRETCH = 1.6
_FINE = 1024
_ZOOMS = 20
_FARTHEST = 8e307  # beyond, the difference of two floats may be infinite
_THINNEST = 1e-300  # below, a quotient may be no number
_HALVES = 2.0**50  # beyond, a float cannot hold the half between two whole numbers


@dataclass(frozen=True, slots=True)
class Bins:
    """Equally wide, half-open bins ``[low + i * width, low + (i + 1) * width)``; the last one is closed by `high`."""

    low: float
    high: float
    width: float
    count: int

    @property
    def edges(self) -> tuple[float, ...]:
        """Where each begins, and where the last one ends."""
        return (*(self.low + place * self.width for place in range(self.count)), self.high)

    def count_values(self, numbers: pl.LazyFrame) -> list[int]:
        """Return how many of the only column's values are below, in each bin, and above; exact.

        Null, NaN and infinite values are in none.
        """
        value = pl.col(numbers.collect_schema().names()[0])
        place = ((value - self.low) / self.width).floor()
        # the quotient may be rounded over an edge; edges are what `edges` says, to the last bit
        place = (
            place
            - (value < self.low + place * self.width).cast(pl.Float64)
            + (value >= self.low + (place + 1) * self.width).cast(pl.Float64)
        )
        place = (
            pl.when(value < self.low)
            .then(-1)
            .when(value > self.high)
            .then(self.count)
            .otherwise(place.clip(0, self.count - 1))
        )
        found = numbers.filter(value.is_finite()).select(place.cast(pl.Int32).alias("place")).group_by("place").len()
        counts = dict(found.collect(engine="streaming").rows())
        return [counts.get(number, 0) for number in range(-1, self.count + 1)]


def bins_of(frames: Sequence[pl.LazyFrame], lowest: float, highest: float, *, whole: bool) -> Bins:
    """Return bins over the bulk of values: a few far ones, the outermost hundredth at most, may lie outside."""
    whole = whole and max(-lowest, highest) < _HALVES
    if whole and highest - lowest < WHOLE:
        return Bins(lowest - 0.5, highest + 0.5, 1.0, int(highest - lowest) + 1)
    low, high = _bulk(frames, *(min(max(end, -_FARTHEST), _FARTHEST) for end in (lowest, highest)))
    if whole:
        low, high = float(ceil(low)), float(int(high) if high >= 0 else -ceil(-high))
        width = float(ceil((high - low + 1) / BINS))
        count = ceil((high - low + 1) / width)
        return Bins(low - 0.5, low - 0.5 + count * width, width, count)
    width = (high - low) / BINS
    if not _is_step(width, low, high):
        return Bins(low, high, 1.0, 1)
    return Bins(low, high, width, BINS)


def _bulk(frames: Sequence[pl.LazyFrame], lowest: float, highest: float) -> tuple[float, float]:
    """Return where bins go: over everything, unless the outermost hundredth stretches that too far."""
    low, high = lowest, highest
    for _ in range(_ZOOMS):
        width = (high - low) / _FINE
        if not _is_step(width, low, high):
            return low, high
        fine = Bins(low, high, width, _FINE)
        counts = [sum(each) for each in zip(*(fine.count_values(frame) for frame in frames), strict=True)]
        first, last = _quantiles(counts)
        edges = (*fine.edges[:-1], high)
        bulk = edges[max(first - 1, 0)], edges[min(last, _FINE)]
        if high - low <= _STRETCH * (bulk[1] - bulk[0]):
            break
        low, high = bulk
    reach = (_STRETCH - 1) / 2 * (high - low)
    return low if low - lowest > reach else lowest, high if highest - high > reach else highest


def _is_step(width: float, low: float, high: float) -> bool:
    """Whether edges of this width differ from each other."""
    return width > _THINNEST and low + width != low and high - width != high


def _quantiles(counts: Sequence[int]) -> tuple[int, int]:
    """Return the quantiles at which the bulk of the values begins and ends."""
    total, running = sum(counts), 0
    places: list[int] = []
    for place, count in enumerate(counts):
        running += count
        while len(places) < len(_BULK) and running >= _BULK[len(places)] * total and running:
            places.append(place)
    return places[0], places[-1]


CATEGORIES = 20
_NUMBER = "number"
_LONGEST = 40
_ODD: tuple[tuple[PartKind, str], ...] = (("null", "null"), ("nan", "NaN"), ("infinite", "infinite"))


@dataclass(frozen=True, slots=True)
class DistributionBar:
    """One bin or category: what is in it, what it is called, and its rows on both sides."""

    part: ValueSelection
    label: str
    rows: tuple[int, int]


@dataclass(frozen=True, slots=True)
class FeatureDistribution:
    """How a feature's values are spread on both sides.

    Attributes
    ----------
    feature, kind, unit
        Of what.
    bars
        Bins that follow each other (``range``), or categories, the commonest first; then what lies outside.
    rows
        Rows of both sides.
    sample
        Of which rows those of bars were counted in a sample, in words, and are about so many; empty where of all.
    """

    feature: str
    kind: Kind
    unit: str | None
    bars: tuple[DistributionBar, ...]
    rows: tuple[int, int]
    sample: str = ""

    @property
    def is_sampled(self) -> bool:
        """Whether numbers of rows of bars are estimates."""
        return bool(self.sample)

    def count(self, bar: DistributionBar) -> str:
        """Return how many rows of both sides a bar has, as text."""
        return f"{'about ' if self.is_sampled else ''}{bar.rows[0]:,} and {bar.rows[1]:,}"

    @property
    def bins(self) -> tuple[DistributionBar, ...]:
        """The bins, in order; empty for categories."""
        return tuple(bar for bar in self.bars if bar.part.kind == "range")

    @property
    def rest(self) -> tuple[DistributionBar, ...]:
        """All that is not a bin: categories, or null, NaN, infinite and far values."""
        return tuple(bar for bar in self.bars if bar.part.kind != "range")

    @property
    def edges(self) -> tuple[float, ...]:
        """Where bins begin and the last one ends."""
        return (*(bar.part.low for bar in self.bins), self.bins[-1].part.high) if self.bins else ()

    def between(self, first: int, last: int) -> ValueSelection:
        """Return what lies between two edges, by their places."""
        return ValueSelection("range", low=self.edges[first], high=self.edges[last], closed=last == len(self.edges) - 1)

    def nearest(self, low: float, high: float) -> tuple[int, int]:
        """Return the places of the edges around a stretch of the axis, at least one bin apart."""
        edges = self.edges
        slack = (edges[-1] - edges[0]) * 1e-9
        first = max((place for place, edge in enumerate(edges[:-1]) if edge <= low + slack), default=0)
        last = min((place for place, edge in enumerate(edges) if edge >= high - slack), default=len(edges) - 1)
        return first, max(last, first + 1)


class _Column(NamedTuple):
    """A feature of one side."""

    side: SideRows
    name: str
    dtype: pl.DataType

    @property
    def values(self) -> pl.LazyFrame:
        return self.side.frame.select(self.name)


def _rows(column: _Column | None) -> int:
    return 0 if column is None else column.side.rows


def distribution(
    subject: ExploredView, feature: Changed, where: Where | None = None, *, looked_at: BothRows | None = None
) -> FeatureDistribution:
    """Return how a feature's values are spread on both sides, of the rows that are looked at.

    Bins are equally wide, over the bulk of both sides' values; the few that would squeeze all others into one bin are
    counted as ``below`` and ``above``. Categories beyond the 20 commonest are one. Rows are reduced as they are read.
    `looked_at` is what `rows_of` gives, where that is known.
    """
    looked_at = looked_at or rows_of(subject, feature, where)
    columns = [
        None if side is None or name is None else _Column(side, name, side.frame.collect_schema()[name])
        for side, name in zip(looked_at, feature.names, strict=True)
    ]
    make = _numeric if is_numeric(feature.kind) else _categories if feature.kind == "category" else _nothing
    bars, rows = make(columns)
    sample = describe_samples(looked_at, subject.labels)
    return FeatureDistribution(feature.name, feature.kind, feature.unit, bars, rows, sample)


_HELD = 20_000_000
"""Numbers of a side that are held in memory while they are counted, rather than read for each count."""

_Made = tuple[tuple[DistributionBar, ...], tuple[int, int]]


def _nothing(columns: Sequence[_Column | None]) -> _Made:
    left, right = map(_rows, columns)
    return (), (left, right)


def _numeric(columns: Sequence[_Column | None]) -> _Made:
    rows = [*map(_rows, columns)]
    frames = [None if column is None else _read_numbers(column) for column in columns]
    facts = [_facts(frame) for frame in frames]
    bars = _bins(columns, frames, facts)
    for kind, label in _ODD:
        odd = DistributionBar(ValueSelection(kind), label, (facts[0][kind], facts[1][kind]))
        bars += [odd] if any(odd.rows) else []
    left, right = (total / max(1, each["rows"]) for total, each in zip(rows, facts, strict=True))  # 1 but for samples
    bars = [replace(bar, rows=(round(bar.rows[0] * left), round(bar.rows[1] * right))) for bar in bars]
    return tuple(bars), (rows[0], rows[1])


def _read_numbers(column: _Column) -> pl.LazyFrame:
    numbers = column.values.select(as_number(pl.col(column.name), column.dtype).alias(_NUMBER))
    return numbers if column.side.rows > _HELD else numbers.collect(engine="streaming").lazy()


def _bins(
    columns: Sequence[_Column | None], frames: Sequence[pl.LazyFrame | None], facts: Sequence[dict[str, Any]]
) -> list[DistributionBar]:
    ends = [(each["low"], each["high"]) for each in facts if each["low"] is not None]
    if not ends:
        return []
    # a sample says well enough where the bulk is; how much is in each bin is then counted
    held = [sample(frame, each["rows"]) for frame, each in zip(frames, facts, strict=True) if frame is not None]
    whole = all(column is None or column.dtype.is_integer() or kind_of(column.dtype) == "length" for column in columns)
    bins = bins_of(held, min(low for low, _ in ends), max(high for _, high in ends), whole=whole)
    none = [0] * (bins.count + 2)
    rows = list(zip(*(none if frame is None else bins.count_values(frame) for frame in frames), strict=True))
    edges = bins.edges
    kind = next(kind_of(column.dtype) for column in columns if column is not None)
    said = [edge(at, kind, step=bins.width) for at in edges]
    bars = [
        DistributionBar(
            ValueSelection("range", low=low, high=high, closed=place == bins.count),
            f"{said[place - 1]} to {said[place]}",
            rows[place],
        )
        for place, (low, high) in enumerate(pairwise(edges), start=1)
    ]
    below = DistributionBar(ValueSelection("below", low=edges[0]), f"below {said[0]}", rows[0])
    above = DistributionBar(ValueSelection("above", high=edges[-1]), f"above {said[-1]}", rows[-1])
    return [*bars, *(bar for bar in (below, above) if any(bar.rows))]


def _facts(frame: pl.LazyFrame | None) -> dict[str, Any]:
    if frame is None:
        return {"rows": 0, "null": 0, "nan": 0, "infinite": 0, "low": None, "high": None}
    number = pl.col(_NUMBER)
    finite = number.filter(number.is_finite())
    facts = frame.select(
        pl.len().alias("rows"),
        number.null_count().alias("null"),
        number.is_nan().sum().alias("nan"),
        number.is_infinite().sum().alias("infinite"),
        finite.min().alias("low"),
        finite.max().alias("high"),
    )
    return facts.collect(engine="streaming").row(0, named=True)


def _categories(columns: Sequence[_Column | None]) -> _Made:
    rows = [*map(_rows, columns)]
    counts = [_count_values(column) for column in columns]
    left, right = counts
    both = left.join(right, on="value", how="full", coalesce=True, nulls_equal=True).fill_null(pl.lit(0, pl.Int64))
    nulls = both.filter(pl.col("value").is_null()).select("len", "len_right").rows() or [(0, 0)]
    named = both.filter(pl.col("value").is_not_null())
    share = pl.col("len") / (rows[0] or 1) + pl.col("len_right") / (rows[1] or 1)
    # the lexical order decides between equals, so that the drawing is the same each time
    top = named.with_columns(share=share).sort("share", "value", descending=[True, False]).head(CATEGORIES)
    bars = [
        DistributionBar(ValueSelection("value", value=name), _truncate(name), (left, right))
        for name, left, right in top.select("value", "len", "len_right").iter_rows()
    ]
    sums = [sum(each.to_list()) for each in named.select("len", "len_right")]
    sums = [whole - sum(top[name].to_list()) for whole, name in zip(sums, ("len", "len_right"), strict=True)]
    rest = "all others" if max(rows) > MANY else f"{named.height - top.height:,} others"
    others = DistributionBar(ValueSelection("other", known=tuple(top["value"])), rest, (sums[0], sums[1]))
    bars += [others, DistributionBar(ValueSelection("null"), "null", nulls[0])]
    return tuple(bar for bar in bars if any(bar.rows)), (rows[0], rows[1])


def _count_values(column: _Column | None) -> pl.DataFrame:
    """Return how often each value is there, of more than `MANY` rows about so often."""
    if column is None:
        return pl.DataFrame(schema={"value": pl.String, "len": pl.Int64})
    values = column.values.select(pl.col(column.name).cast(pl.String).alias("value"))
    counts = values.group_by("value").len().collect(engine="streaming")
    scale = column.side.rows / max(1, int(counts["len"].sum()))
    return counts.with_columns((pl.col("len") * scale).round().cast(pl.Int64))


def _truncate(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
