"""Reading two sides of a view together, part by part, and counting how rows and columns differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import reduce
from math import fsum, isfinite
from operator import or_
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import polars as pl

from workbench.diff.align import AT_ONCE, engine_errors, pairs_of, read_pair
from workbench.diff.matching import PLACE
from workbench.diff.renames import Guess, find_renames
from workbench.diff.result import ColumnDiff, Status
from workbench.diff.side import RowCounts
from workbench.profile import finite_or_none

if TYPE_CHECKING:
    import numpy.typing as npt

    from workbench.diff.align import PairReader, RowPairs
    from workbench.diff.matching import MatchedRows, RowBlock
    from workbench.diff.pair import DifferingValues, Pair
    from workbench.diff.renames import Guess
    from workbench.diff.side import Side

SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Of which shares of the differing values the quantiles are given."""

SAMPLE = 1_000_000
"""From how many differences at most they are taken."""

DIFFERENCE = "right - left"
"""The column of the worst rows that says by how much; no column's own name has spaces."""

_SIZE = "size of the difference"


@dataclass(slots=True)
class ValueTally:
    """How the values of a pair of columns differ, in the rows that both sides have.

    Attributes
    ----------
    pair
        The columns.
    names
        What the two values are called in `worst`.
    most
        How many rows are kept that differ most.
    differs
        In how many rows so far the values differ.
    largest
        The largest finite absolute difference so far.
    """

    pair: Pair
    names: tuple[str, str]
    most: int
    differs: int = 0
    largest: float | None = None
    _kept: pl.DataFrame | None = None
    _sums: list[float] = field(default_factory=list)
    _measured: int = 0
    _sample: ReservoirSample = field(default_factory=lambda: ReservoirSample(SAMPLE))

    def add(self, old: pl.Series, new: pl.Series, keys: Sequence[pl.Series]) -> DifferingValues | None:
        """Count the rows of a part, to be found by `keys`; return the values that differ, or None where none do."""
        found = self.pair.differing(old, new)
        if found is None:
            return None
        self.differs += len(found.old)
        finite = found.differences.filter(found.differences.is_finite())
        if len(finite):
            sizes = finite.abs()
            self._sums.append(float(sizes.sum()))
            self._measured += len(finite)
            self.largest = max(self.largest or 0.0, float(sizes.max()))  # type: ignore[arg-type]  # there are some
            self._sample.add(finite.to_numpy())
        self._keep([key.filter(found.where) for key in keys], found)
        return found

    def places(self) -> pl.Series:
        """Return the `PLACE` of each of the worst rows, where they were to be found by that."""
        return pl.Series(dtype=pl.UInt32) if self._kept is None else self._kept[PLACE]

    def name_places(self, keys: pl.DataFrame) -> None:
        """Put the `keys` of the worst rows where their places are."""
        if self._kept is not None:
            self._kept = keys.hstack(self._kept.drop(PLACE))

    @property
    def worst(self) -> pl.DataFrame | None:
        """The rows that differ most, the worst first: keys, both values, `DIFFERENCE`; None without any."""
        if self._kept is None:
            return None
        kept = self._kept.drop(_SIZE)
        return kept.with_columns(_as_lengths(kept[DIFFERENCE])) if self.pair.common.is_temporal() else kept

    @property
    def mean(self) -> float | None:
        """The mean of the finite absolute differences; None without any, or where they are too large to add."""
        return finite_or_none(fsum(self._sums) / self._measured) if self._measured and self._addable else None

    @property
    def quantiles(self) -> tuple[tuple[float, float], ...]:
        """Of each of `SHARES` the value which that share of the finite differences, right less left, is not above."""
        return self._sample.quantiles(SHARES)

    @property
    def _addable(self) -> bool:
        return all(isfinite(each) for each in self._sums)

    def _keep(self, keys: Sequence[pl.Series], found: DifferingValues) -> None:
        """Keep the rows that differ most: by size, then such without one, of equal ones those that came first."""
        if not self.most:
            return
        sizes = found.differences.abs().fill_nan(None).fill_null(-1.0)
        columns = [
            *keys,
            found.old.alias(self.names[0]),
            found.new.alias(self.names[1]),
            found.differences.alias(DIFFERENCE),
            sizes.alias(_SIZE),
        ]
        places = _first_largest(sizes, self.most)
        kept = pl.DataFrame([column.gather(places) for column in columns])
        if self._kept is not None:
            kept = pl.concat([self._kept, kept])
        self._kept = kept.sort(_SIZE, descending=True, maintain_order=True).head(self.most)


def _as_lengths(seconds: pl.Series) -> pl.Series:
    """Return differences of times as durations, in nanoseconds where these reach as far."""
    farthest = seconds.abs().max()
    unit, ticks = ("ns", 1e9) if farthest is None or farthest < 9e9 else ("us", 1e6)  # type: ignore[operator]  # a float
    return (seconds * ticks).round().cast(pl.Int64, strict=False).cast(pl.Duration(unit))  # type: ignore[arg-type]


def _first_largest(values: pl.Series, count: int) -> pl.Series:
    """Return the places of the largest values; of equal ones the first."""
    if len(values) <= count:
        return pl.int_range(len(values), eager=True)
    least = values.top_k(count).min()
    above = (values > least).arg_true()
    return pl.concat([above, (values == least).arg_true().head(count - len(above))]).sort()


class ReservoirSample:
    """Numbers out of a stream: all of them, or where these are too many, each with the same chance."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._chance = np.random.default_rng(0)  # the same sample each time
        self._share = 1.0
        self._parts: list[npt.NDArray[np.float64]] = []
        self._size = 0

    def add(self, values: npt.NDArray[np.float64]) -> None:
        """Take more numbers."""
        taken = self._thin(values, self._share) if self._share < 1 else values
        self._parts.append(taken)
        self._size += len(taken)
        while self._size > self._most:
            half = self._thin(np.concatenate(self._parts), 0.5)
            self._parts, self._size, self._share = [half], len(half), self._share / 2

    def quantiles(self, shares: Sequence[float]) -> tuple[tuple[float, float], ...]:
        """Return each share with its quantile, linear between two numbers; nothing without numbers."""
        if not self._size:
            return ()
        found = np.quantile(np.concatenate(self._parts), shares)
        return tuple((share, float(value)) for share, value in zip(shares, found, strict=True))

    def _thin(self, values: npt.NDArray[np.float64], share: float) -> npt.NDArray[np.float64]:
        return values[self._chance.random(len(values)) < share]


@dataclass(slots=True)
class Missing:
    """Nulls and NaN of a side's column, over all its rows."""

    rows: int = 0
    nulls: int = 0
    nans: int = 0

    def add(self, values: pl.Series) -> None:
        """Count a part's values."""
        self.rows += len(values)
        self.nulls += values.null_count()
        if values.dtype.is_float():
            self.nans += int(values.is_nan().sum())


class Observer(Protocol):
    """What looks at the rows that both sides have while these are compared."""

    def begin(self) -> None:
        """Forget what was seen: all rows come again, or for the first time."""

    def add(self, pair: Pair, old: pl.Series, new: pl.Series, differing: DifferingValues | None) -> None:
        """Look at the values of a pair in the rows of a part, and at those that differ; pairs may come at one time."""


@dataclass(frozen=True, slots=True)
class CountRequest:
    """What is to be counted.

    Attributes
    ----------
    pairs
        Columns to compare.
    guesses
        Columns that may have been renamed.
    called
        Says what the left and the right value of a column are called.
    worst
        How many rows to keep of those that differ most.
    observer
        Looks at the rows, too.
    """

    pairs: Sequence[Pair]
    guesses: Sequence[Pair]
    called: Callable[[str], tuple[str, str]]
    worst: int
    observer: Observer | None = None


@dataclass(slots=True)
class CountResult:
    """What was counted.

    Attributes
    ----------
    common, changed, added, removed
        Rows that both sides have, those of them in which a pair's values differ, and rows of one side alone.
    duplicates
        Rows of each side whose key is there more than once.
    tallies
        By the right side's name.
    guesses
        Which columns may have been renamed.
    missing
        Nulls and NaN of each side's columns.
    """

    common: int = 0
    changed: int = 0
    added: int = 0
    removed: int = 0
    duplicates: tuple[int, int] = (0, 0)
    tallies: dict[str, ValueTally] = field(default_factory=dict)
    guesses: list[Guess] = field(default_factory=list)
    missing: tuple[dict[str, Missing], dict[str, Missing]] = field(default_factory=lambda: ({}, {}))

    def add(self, part: RowBlock, rows: MatchedRows, keys: Sequence[str], observer: Observer | None) -> None:
        """Count the rows of a part."""
        for place, side in enumerate((part.left, part.right)):
            for column in side.get_columns():
                if column.name not in keys:
                    self.missing[place].setdefault(column.name, Missing()).add(column)
        self.common += rows.left.height
        self.added += rows.added.height
        self.removed += rows.removed.height
        self.duplicates = (self.duplicates[0] + rows.duplicates[0], self.duplicates[1] + rows.duplicates[1])
        differing = []
        for tally in self.tallies.values():
            old, new = rows.left[tally.pair.left], rows.right[tally.pair.right]
            found = tally.add(old, new, [rows.left[key] for key in keys])
            if observer is not None:
                observer.add(tally.pair, old, new, found)
            if found is not None:
                differing.append(found.where)
        if differing:
            self.changed += int(reduce(or_, differing).sum())
        for guess in self.guesses:
            guess.add(rows.left[guess.pair.left], rows.right[guess.pair.right])


def count_differences(both: PairReader, asked: CountRequest) -> CountResult:
    """Return how the rows of two sides differ."""
    found = CountResult()

    def begin() -> Callable[[RowBlock, MatchedRows], bool]:
        nonlocal found
        found = _nothing_counted(both, asked)
        return show

    def show(part: RowBlock, rows: MatchedRows) -> bool:
        found.add(part, rows, both.keys, asked.observer)
        return False

    def by_column(rows: RowPairs) -> None:
        nonlocal found
        found = _nothing_counted(both, asked)
        _ColumnCounter(found, rows, asked.observer).count()

    guessed = {("left", guess.left) for guess in asked.guesses} | {("right", guess.right) for guess in asked.guesses}
    both.visit(begin, by_column if len(asked.guesses) <= len(guessed) else None)  # each guess reads two columns
    return found


def _nothing_counted(both: PairReader, asked: CountRequest) -> CountResult:
    tallies = {pair.right: ValueTally(pair, asked.called(pair.right), asked.worst) for pair in asked.pairs}
    if asked.observer is not None:
        asked.observer.begin()
    return CountResult(tallies=tallies, guesses=[Guess.about(pair, both.heights) for pair in asked.guesses])


@dataclass(frozen=True, slots=True)
class _ColumnCounter:
    """Counts how rows that were paired differ, column by column.

    Values that differ are counted in the order in which rows are when all their columns are read at a time, so that
    the same is found.
    """

    found: CountResult
    rows: RowPairs
    observer: Observer | None

    def count(self) -> None:
        """Count all; raises `UnpairedError` where that is not possible."""
        found, rows = self.found, self.rows
        found.common = rows.common
        found.removed, found.added = (height - rows.common for height in rows.both.heights)
        changed = np.zeros(len(rows.partners), dtype=np.bool_)
        with ThreadPoolExecutor(rows.at_once, thread_name_prefix="compare") as pool:
            for differing in pool.map(self._tally, found.tallies.values()):
                if differing is not None:
                    changed |= differing
            for _ in pool.map(self._guess, found.guesses):
                pass
            for _ in pool.map(self._count_missing, (0, 1)):
                pass
        found.changed = int(np.count_nonzero(changed))
        tallies = found.tallies.values()
        places = pl.concat([tally.places() for tally in tallies]).unique().sort()
        keys = rows.keys_at(places)
        for tally in tallies:
            tally.name_places(keys[places.search_sorted(tally.places())])

    def _tally(self, tally: ValueTally) -> npt.NDArray[np.bool_] | None:
        """Count a pair of columns; return in which left rows they differ; None where in none."""
        pair, observer = tally.pair, self.observer
        old, new = self._read(pair)
        differing = self._differing(pair, old, new)
        for places in self.rows.classes if differing is not None or observer is not None else ():
            some = places[:0] if differing is None else places[differing[places]]
            found = tally.add(*self._values(old, new, some), [pl.Series(PLACE, some)]) if len(some) else None
            if observer is not None:
                observer.add(pair, *self._values(old, new, places), found)
        return differing

    def _differing(self, pair: Pair, old: pl.Series, new: pl.Series) -> npt.NDArray[np.bool_] | None:
        found = None
        for first in range(0, len(old), AT_ONCE):
            one, other, paired = self.rows.beside(first, old.slice(first, AT_ONCE), new)
            where = pair.differs(one, other)
            if where is not None:
                found = np.zeros(len(old), dtype=np.bool_) if found is None else found
                found[first : first + AT_ONCE][paired] = where.to_numpy()
        return found

    def _guess(self, guess: Guess) -> None:
        old, new = self._read(guess.pair)
        for places in self.rows.classes:
            if guess.is_dead:
                return
            guess.add(*self._values(old, new, places))

    def _values(self, old: pl.Series, new: pl.Series, places: npt.NDArray[np.uint32]) -> tuple[pl.Series, pl.Series]:
        """Return the values of the left rows at `places`, and of their partners."""
        return old.gather(pl.Series(places)), new.gather(pl.Series(self.rows.partners[places]))

    def _read(self, pair: Pair) -> tuple[pl.Series, pl.Series]:
        old, new = (self.rows.column(side, name) for side, name in enumerate((pair.left, pair.right)))
        for column, missing in zip((old, new), self.found.missing, strict=True):
            missing[column.name] = Missing()
            missing[column.name].add(column)
        return old, new

    def _count_missing(self, side: int) -> None:
        """Count what is missing in the columns of a side that are compared with none."""
        missing = self.found.missing[side]
        for name in self.rows.both.values[side]:
            if name not in missing:
                missing[name] = Missing()
                missing[name].add(self.rows.column(side, name))


Columns: TypeAlias = tuple[ColumnDiff, ...]


def equal_by_digest(left: Side, right: Side) -> tuple[RowCounts, Columns] | None:
    """Return rows and columns where all that the left side has is the same on the right, to the bit; else None.

    A column's digest covers the keys of its values: where columns are equal, rows are too.
    """
    if left.digest is None or not all(same_by_digest(left, right, name) for name in left.contract.names):
        return None
    rows = left.digest.rows
    return RowCounts(rows, rows, rows), _columns(left, right, lambda name: "same" if name in left.values else "added")


def unmatched_columns(left: Side, right: Side) -> Columns:
    """Return the columns of two sides whose rows cannot be matched, or of one side alone, by their contracts."""

    def status(name: str) -> Status:
        if name not in left.values:
            return "added"
        return "changed" if left.contract[name].dtype == right.contract[name].dtype else "retyped"

    gone = [ColumnDiff(name, "removed", **_facts(left, right, name, None)) for name in left.values]
    return (*_columns(left, right, status), *(column for column in gone if column.name not in right.values))


class Compare(Protocol):
    """What does as `compare` does."""

    def __call__(
        self, left: Side, right: Side, *, called: Callable[[str], tuple[str, str]], worst: int, at_once: int = AT_ONCE
    ) -> tuple[RowCounts, Columns]:
        """Return how rows and columns of two sides of one grain differ."""


def compare(
    left: Side,
    right: Side,
    *,
    called: Callable[[str], tuple[str, str]],
    worst: int,
    at_once: int = AT_ONCE,
    observer: Observer | None = None,
) -> tuple[RowCounts, Columns]:
    """Return how rows and columns of two sides of one grain differ."""
    gone = [name for name in left.values if name not in right.values]
    new = [name for name in right.values if name not in left.values]
    read = [name for name in right.values if name in left.values and not same_by_digest(left, right, name)]
    pairs = pairs_of(left, right, [(name, name) for name in read])
    guesses = [replace(pair, tolerance=None) for pair in pairs_of(left, right, [(a, b) for a in gone for b in new])]
    both = read_pair(left, right, ([*read, *gone], [*read, *new]), at_once=at_once)
    with engine_errors():
        found = count_differences(both, CountRequest(pairs, guesses, called, worst, observer))
    counts = RowCounts(
        *both.heights, found.common - found.changed, found.changed, found.added, found.removed, *found.duplicates
    )
    names = {guess.pair.right: guess for guess in find_renames(found.guesses)}
    taken = {guess.pair.left for guess in names.values()}

    def column(name: str) -> ColumnDiff:
        if name in names:
            return _renamed_column(left, right, names[name], found)
        facts = _facts(left, right, name, found)
        if name in found.tallies:
            return _changed_column(left, right, found.tallies[name], found.common, facts)
        if name in new:
            return ColumnDiff(name, "added", **facts)
        return ColumnDiff(name, "retyped" if name in read else "same", **facts)

    kept = (ColumnDiff(name, "removed", **_facts(left, right, name, found)) for name in gone if name not in taken)
    return counts, (*map(column, right.values), *kept)


def same_by_digest(left: Side, right: Side, name: str) -> bool:
    """Return whether a column is known to be the same on both sides, to the bit."""
    one, other = left.digest, right.digest
    if one is None or other is None or one.scheme != other.scheme or one.rows != other.rows:
        return False
    known = one.columns.get(name)
    if known is None or known != other.columns.get(name):
        return False
    return name in right.contract.names and left.contract[name].dtype == right.contract[name].dtype


def _columns(left: Side, right: Side, status: Callable[[str], Status]) -> Columns:
    return tuple(ColumnDiff(name, status(name), **_facts(left, right, name, None)) for name in right.values)


def _changed_column(left: Side, right: Side, tally: ValueTally, common: int, facts: dict[str, Any]) -> ColumnDiff:
    name = tally.pair.right
    retyped = left.contract[name].dtype != right.contract[name].dtype
    return ColumnDiff(
        name,
        "retyped" if retyped else "changed" if tally.differs else "same",
        **facts,
        compared_as=str(tally.pair.common),
        changed=tally.differs,
        share=tally.differs / common if common else 0.0,
        mean=tally.mean,
        largest=tally.largest,
        quantiles=tally.quantiles,
        worst=tally.worst,
    )


def _renamed_column(left: Side, right: Side, guess: Guess, found: CountResult) -> ColumnDiff:
    old, new = guess.pair.left, guess.pair.right
    facts = _facts(left, right, new, found) | {
        name: value for name, value in _facts(left, right, old, found).items() if name.startswith("left")
    }
    share = guess.differs / found.common
    compared = str(guess.pair.common)
    return ColumnDiff(new, "renamed", old, **facts, compared_as=compared, changed=guess.differs, share=share)


def _facts(left: Side, right: Side, name: str, found: CountResult | None) -> dict[str, Any]:
    """Return what each side says of a column by itself."""
    facts: dict[str, Any] = {}
    for place, (word, side) in enumerate((("left", left), ("right", right))):
        if name in side.contract.names:
            facts[f"{word}_dtype"] = str(side.contract[name].dtype)
        missing = found.missing[place].get(name) if found else None
        if missing is not None and missing.rows:
            facts[f"{word}_nulls"] = missing.nulls / missing.rows
            facts[f"{word}_nans"] = missing.nans / missing.rows
    return facts
