"""`distribution`: a feature's values on both sides in the same bins, counted exactly; some fifty numbers a side."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.notebook.explorer.bins import bins_of
from workbench.notebook.explorer.format import edge
from workbench.notebook.explorer.kinds import as_number, is_numeric, kind_of
from workbench.notebook.explorer.selection import Part, Where

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.notebook.explorer.kinds import Kind
    from workbench.notebook.explorer.selection import PartKind
    from workbench.notebook.explorer.subject import Changed, Subject

CATEGORIES = 20
_NUMBER = "number"
_LONGEST = 40
_ODD: tuple[tuple[PartKind, str], ...] = (("null", "null"), ("nan", "NaN"), ("infinite", "infinite"))


@dataclass(frozen=True, slots=True)
class Bar:
    """One bin or category: what is in it, what it is called, and its rows on both sides."""

    part: Part
    label: str
    rows: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Distribution:
    """How a feature's values are spread on both sides.

    Attributes
    ----------
    feature, kind, unit
        Of what.
    bars
        Bins that follow each other (``range``), or categories, the commonest first; then what lies outside.
    rows
        Rows of both sides.
    """

    feature: str
    kind: Kind
    unit: str | None
    bars: tuple[Bar, ...]
    rows: tuple[int, int]

    @property
    def bins(self) -> tuple[Bar, ...]:
        """The bins, in order; empty for categories."""
        return tuple(bar for bar in self.bars if bar.part.kind == "range")

    @property
    def rest(self) -> tuple[Bar, ...]:
        """All that is no bin: categories, or null, NaN, infinite and far values."""
        return tuple(bar for bar in self.bars if bar.part.kind != "range")

    @property
    def edges(self) -> tuple[float, ...]:
        """Where bins begin and the last one ends."""
        return (*(bar.part.low for bar in self.bins), self.bins[-1].part.high) if self.bins else ()

    def between(self, first: int, last: int) -> Part:
        """Return what lies between two edges, by their places."""
        return Part("range", low=self.edges[first], high=self.edges[last], closed=last == len(self.edges) - 1)

    def nearest(self, low: float, high: float) -> tuple[int, int]:
        """Return the places of the edges around a stretch of the axis, at least one bin apart."""
        edges = self.edges
        slack = (edges[-1] - edges[0]) * 1e-9
        first = max((place for place, edge in enumerate(edges[:-1]) if edge <= low + slack), default=0)
        last = min((place for place, edge in enumerate(edges) if edge >= high - slack), default=len(edges) - 1)
        return first, max(last, first + 1)


_Column = tuple[pl.LazyFrame, str, pl.DataType]


def distribution(subject: Subject, feature: Changed, where: Where | None = None) -> Distribution:
    """Return how a feature's values are spread on both sides, of the rows that are looked at.

    Bins are equally wide, over the bulk of both sides' values; the few that would squeeze all others into one bin are
    counted as ``below`` and ``above``. Categories beyond the 20 commonest are one. Rows are reduced as they are read.
    """
    where = where or Where()
    columns: list[_Column | None] = []
    for side, name in zip(subject.sides, feature.names, strict=True):
        if side is None or name is None:
            columns.append(None)
            continue
        frame = where.rows(side)
        columns.append((frame, name, frame.collect_schema()[name]))
    make = _numeric if is_numeric(feature.kind) else _categories if feature.kind == "category" else _nothing
    bars, rows = make(columns)
    return Distribution(feature.name, feature.kind, feature.unit, bars, rows)


_Made = tuple[tuple[Bar, ...], tuple[int, int]]


def _nothing(columns: Sequence[_Column | None]) -> _Made:
    left, right = (
        0 if column is None else int(column[0].select(pl.len()).collect(engine="streaming").item())
        for column in columns
    )
    return (), (left, right)


def _numeric(columns: Sequence[_Column | None]) -> _Made:
    frames = [
        None if column is None else column[0].select(as_number(pl.col(column[1]), column[2]).alias(_NUMBER))
        for column in columns
    ]
    facts = [_facts(frame) for frame in frames]
    bars = _bins(columns, frames, facts)
    for kind, label in _ODD:
        odd = Bar(Part(kind), label, (facts[0][kind], facts[1][kind]))
        bars += [odd] if any(odd.rows) else []
    return tuple(bars), (facts[0]["rows"], facts[1]["rows"])


def _bins(
    columns: Sequence[_Column | None], frames: Sequence[pl.LazyFrame | None], facts: Sequence[dict[str, Any]]
) -> list[Bar]:
    ends = [(each["low"], each["high"]) for each in facts if each["low"] is not None]
    if not ends:
        return []
    held = [frame for frame in frames if frame is not None]
    whole = all(column is None or column[2].is_integer() for column in columns)
    bins = bins_of(held, min(low for low, _ in ends), max(high for _, high in ends), whole=whole)
    none = [0] * (bins.count + 2)
    rows = list(zip(*(none if frame is None else bins.counted(frame) for frame in frames), strict=True))
    edges = bins.edges
    kind = next(kind_of(column[2]) for column in columns if column is not None)
    said = [edge(at, kind, step=bins.width) for at in edges]
    bars = [
        Bar(
            Part("range", low=low, high=high, closed=place == bins.count),
            f"{said[place - 1]} to {said[place]}",
            rows[place],
        )
        for place, (low, high) in enumerate(pairwise(edges), start=1)
    ]
    below = Bar(Part("below", low=edges[0]), f"below {said[0]}", rows[0])
    above = Bar(Part("above", high=edges[-1]), f"above {said[-1]}", rows[-1])
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
    counts = [{} if column is None else _counted(column) for column in columns]
    left, right = counts
    nulls = left.pop(None, 0), right.pop(None, 0)
    rows = sum(left.values()) + nulls[0], sum(right.values()) + nulls[1]
    shares = {name: left.get(name, 0) / (rows[0] or 1) + right.get(name, 0) / (rows[1] or 1) for name in left | right}
    # the lexical order decides between equals, so that the drawing is the same each time
    named = sorted((name for name in shares if name is not None), key=lambda name: (-shares[name], name))
    shown = tuple(named[:CATEGORIES])
    bars = [Bar(Part("value", value=name), _cut(name), (left.get(name, 0), right.get(name, 0))) for name in shown]
    others = tuple(sum(side.values()) - sum(side.get(name, 0) for name in shown) for side in counts)
    bars.append(Bar(Part("other", known=shown), f"{len(named) - len(shown):,} others", (others[0], others[1])))
    bars.append(Bar(Part("null"), "null", nulls))
    return tuple(bar for bar in bars if any(bar.rows)), rows


def _counted(column: _Column) -> dict[str | None, int]:
    frame, name, _ = column
    counts = frame.group_by(pl.col(name).cast(pl.String).alias("value")).len().collect(engine="streaming")
    return dict(counts.rows())


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
