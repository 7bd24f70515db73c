"""Two sides' rows, aligned: read a part at a time with its rows by key, or paired by their keys and read by columns."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate, islice
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import polars as pl

from workbench.diff.matching import PLACE, MatchedRows, RowBlock, equal_places, match
from workbench.diff.order import (
    INTEGERS,
    LOOKED_AT,
    Codes,
    Mask,
    are_ordered,
    below,
    codes_of,
    is_ordered,
    longest_order,
)
from workbench.diff.pair import Pair, as_common, pair_of
from workbench.diff.parse_value import value_of
from workbench.drivers import require_uninterrupted
from workbench.dtypes import row_width
from workbench.errors import ComputeError, FeatureNotFound, UsageError
from workbench.memory import memory_limit, memory_share, scratch_folder
from workbench.profile import common_dtype

if TYPE_CHECKING:
    import numpy.typing as npt

    from workbench.diff.side import Side

AT_ONCE = 262_144
"""Rows of each side in a part: a row group of a stored view."""

_COPIES = 16
"""How many times as many bytes as a part has may be in memory: both sides of parts that are read, matched and shown."""

_FEWEST = 4_096
"""Rows of each side in a part, however wide they are."""

_SCATTERED, _TOGETHER = 2, 4
"""How many parts' rows are held until they are written by classes of hashes, and how many classes share a file.

More of either need fewer files, which take less time; the first takes memory while rows are divided, the second after.
"""

_HELD, _MOST_HELD = 1 / 8, 400_000_000
"""The share of what is free, and the bytes, that rows in no order may take in memory instead of in files."""

_PAIRED, _MOST_PAIRED = 1 / 4, 800_000_000
"""The same for the places of rows with equal keys and the columns that are compared at a time."""

_DIVIDED, _PAIR = 24, 8
"""Bytes that a row takes while it finds its partner, by its place and hash, and those of two places."""

_COLUMNS = 2
"""Columns that are compared at a time, where there is room."""

_HASH = "hash of the key"
"""The column with it; no column's own name has spaces."""

_LARGEST = 8
"""How many times as many rows a part may have that cannot be cut."""


_WAITING = 2
"""Parts that may be read before they were shown."""


def rows_at_once(frame: pl.LazyFrame, most: int = AT_ONCE) -> int:
    """Return how many rows of each side a part has: fewer than `most` where they are too wide for the limit.

    Not by what is free just now: the order of pages depends on it.
    """
    wide = row_width(frame.collect_schema()) * 2 * _SCATTERED * _COPIES
    return min(most, max(_FEWEST, memory_limit() // 4 // max(wide, 1)))


class OutOfOrderError(Exception):
    """A side turned out not to be stored in the order that its first rows have."""


class UnpairedError(Exception):
    """Rows cannot be compared by columns: these take too much memory, or hashes do not tell which rows are which."""


@dataclass(frozen=True, slots=True)
class PairReader:
    """Two sides' rows.

    Attributes
    ----------
    left, right
        The rows; key columns of both have the same dtypes.
    keys
        The columns that say which row is which; without any, rows are matched by their places.
    time
        The key that is the event time.
    heights
        The number of rows of each.
    at_once
        How many rows of each side a part has, more or less.
    """

    left: pl.LazyFrame
    right: pl.LazyFrame
    keys: tuple[str, ...]
    time: str | None
    heights: tuple[int, int]
    at_once: int = AT_ONCE

    def visit(
        self,
        begin: Callable[[], Callable[[RowBlock, MatchedRows], bool]],
        by_column: Callable[[RowPairs], None] | None = None,
    ) -> None:
        """Show all parts, one after the other, to what `begin` returns, until it has seen enough and returns true.

        It is shown each part with its rows by key. Where a side turns out to be in no order, `begin` is called again,
        and all parts are shown to what it returns. Of rows in no order, `by_column` is called instead, if it is given,
        with which of them are which; parts are shown all the same where that raises `UnpairedError`.
        """
        if not self.keys:
            _show(self._by_place(), self.keys, begin())
            return
        if sum(self.heights) <= self.at_once:
            _show(self._whole(), self.keys, begin())
            return
        with suppress(OutOfOrderError):
            _show(self._by_order(), self.keys, begin())
            return
        if by_column is not None:
            with suppress(UnpairedError):
                by_column(RowPairs.of(self))
                return
        _show(self._by_hash(), self.keys, begin())

    @property
    def sides(self) -> tuple[pl.LazyFrame, pl.LazyFrame]:
        """The left and the right one."""
        return self.left, self.right

    @property
    def values(self) -> tuple[list[str], list[str]]:
        """The columns of each side that are no keys."""
        left, right = ([name for name in side.collect_schema() if name not in self.keys] for side in self.sides)
        return left, right

    @property
    def classes(self) -> int:
        """How many classes of rows in no order there are, by the hashes of their keys."""
        return ceil(max(self.heights) / self.at_once)

    def readers(
        self, choose: Callable[[pl.LazyFrame], pl.LazyFrame] = lambda side: side
    ) -> tuple[_BatchReader, _BatchReader]:
        """Return what reads both sides, or what `choose` returns of each."""
        return _BatchReader(choose(self.left), self.at_once), _BatchReader(choose(self.right), self.at_once)

    def _whole(self) -> Iterator[RowBlock]:
        left, right = pl.collect_all([self.left, self.right], engine="streaming")
        yield RowBlock(left.sort(self.keys), right.sort(self.keys))

    def _by_hash(self) -> Iterator[RowBlock]:
        readers = self.readers(lambda side: side.with_columns(_hash_of(self.keys)))
        size = sum(row_width(each.rows.schema) * rows for each, rows in zip(readers, self.heights, strict=True))
        with ExitStack() as stack:
            fits = size <= memory_share(_HELD, most=_MOST_HELD)
            folder = None if fits else stack.enter_context(scratch_folder("diff"))
            left, right = _divide(readers, self.classes, folder)
            for number in range(self.classes):
                rows = left.read(number), right.read(number)
                codes = rows[0].drop_in_place(_HASH).to_numpy(), rows[1].drop_in_place(_HASH).to_numpy()
                yield RowBlock(*rows, ordered=False, codes=codes)

    def _by_place(self) -> Iterator[RowBlock]:
        left, right = self.readers()
        while True:
            left.fill()
            right.fill()
            heights = left.rows.height, right.rows.height
            rows = min(heights) or max(heights)
            if rows == 0:
                return
            yield RowBlock(left.take(rows), right.take(rows))

    def _by_order(self) -> Iterator[RowBlock]:
        first = [side.select(self.keys).head(min(LOOKED_AT, self.at_once)) for side in (self.left, self.right)]
        if not longest_order(pl.collect_all(first, engine="streaming"), self.keys, self.time):
            raise OutOfOrderError
        left, right = self.readers()
        left.fill()
        right.fill()
        order = longest_order([left.rows, right.rows], self.keys, self.time)
        if not order:
            raise OutOfOrderError
        rest = [key for key in self.keys if key not in order]
        while part := _next(left, right, order, most=_LARGEST * self.at_once):
            yield RowBlock(part.left.sort(*order, *rest), part.right.sort(*order, *rest)) if rest else part


@dataclass(frozen=True, slots=True)
class RowPairs:
    """Which rows of two sides in no order have the same key, by the keys' hashes; then their columns, one at a time.

    Hashes may be equal by chance, and rows may come in another order when they are read again: `keys_at` looks.

    Attributes
    ----------
    both
        The sides.
    partners
        Of each left row the place of the right one with its key; -1 where there is none.
    classes
        The places of the left rows that have a partner, by classes of the keys' hashes.
    common
        How many these are.
    room
        How many bytes columns may take.
    """

    both: PairReader
    partners: npt.NDArray[np.int32]
    classes: Sequence[npt.NDArray[np.uint32]]
    common: int
    room: int

    @classmethod
    def of(cls, both: PairReader) -> RowPairs:
        """Return them by the keys alone.

        Raises
        ------
        UnpairedError
            Where a side may have a key more than once, or has too many.
        """
        room = memory_share(_PAIRED, most=_MOST_PAIRED)
        if sum(both.heights) * _DIVIDED > room:
            raise UnpairedError
        columns = PLACE, _hash_of(both.keys)
        sides = _divide(both.readers(lambda side: side.with_row_index(PLACE).select(columns)), both.classes)
        partners = np.full(both.heights[0], -1, dtype=np.int32)
        with ThreadPoolExecutor(_COLUMNS, thread_name_prefix="pair") as pool:
            classes = list(pool.map(partial(_pair, *sides, partners), range(both.classes)))
        common = sum(map(len, classes))
        return cls(both, partners, classes, common, room - common * _PAIR)

    @property
    def at_once(self) -> int:
        """How many columns of both sides fit."""
        schemas = (
            side.select(names).collect_schema() for side, names in zip(self.both.sides, self.both.values, strict=True)
        )
        widest = max((row_width([dtype]) for schema in schemas for dtype in schema.dtypes()), default=1)
        return max(1, min(_COLUMNS, self.room // max(1, widest * sum(self.both.heights))))

    def column(self, place: int, name: str, *, most: int | None = None) -> pl.Series:
        """Return a column of the side at `place`.

        Raises
        ------
        UnpairedError
            Where it has more than `most` bytes, or other rows than before.
        """
        most = self.room // self.at_once // 2 if most is None else most
        parts, size = [], 0
        for batch in _BatchReader(self.both.sides[place].select(name), AT_ONCE).rest():
            size += int(batch.estimated_size())
            if size > most:
                raise UnpairedError
            parts.append(batch.to_series())
        column = _joined(parts)
        if len(column) != self.both.heights[place]:
            raise UnpairedError
        return column

    def beside(self, first: int, left: pl.Series, right: pl.Series) -> tuple[pl.Series, pl.Series, Mask]:
        """Return those values of the left rows from `first` on that have a partner, its values, and which these are."""
        partners = self.partners[first : first + len(left)]
        paired = partners >= 0
        return left.filter(pl.Series(paired)), right.gather(pl.Series(partners[paired])), paired

    def keys_at(self, places: pl.Series) -> pl.DataFrame:
        """Return the keys of the left rows at `places`, which are in order, once those of all pairs were found equal.

        Raises
        ------
        UnpairedError
            Where they are not.
        """
        with ThreadPoolExecutor(_COLUMNS, thread_name_prefix="compare") as pool:
            return pl.DataFrame([self._key_at(places.to_numpy(), key, pool) for key in self.both.keys])

    def _key_at(self, places: npt.NDArray[np.uint32], key: str, pool: ThreadPoolExecutor) -> pl.Series:
        right, seen = self.column(1, key, most=self.room // 2), 0
        found = [right.clear()]
        batches = (batch.to_series() for batch in _BatchReader(self.both.left.select(key), AT_ONCE).rest())
        while some := list(islice(batches, _COLUMNS)):
            *firsts, end = accumulate(map(len, some), initial=seen)
            if end > self.both.heights[0] or not all(pool.map(partial(self._same, right), firsts, some)):
                raise UnpairedError
            for first, left in zip(firsts, some, strict=True):
                asked = places[np.searchsorted(places, first) : np.searchsorted(places, first + len(left))]
                found.append(left.gather(pl.Series(asked - first, dtype=pl.UInt32)))
            seen = end
        if seen != self.both.heights[0]:
            raise UnpairedError
        return pl.concat(found)

    def _same(self, right: pl.Series, first: int, left: pl.Series) -> bool:
        one, other, _ = self.beside(first, left, right)
        return one.equals(other)


_NUMBERS = (*INTEGERS, pl.UInt64, pl.Float32, pl.Float64)


def _joined(parts: Sequence[pl.Series]) -> pl.Series:
    """Return all values; numbers in an array of NumPy's, whose large pages are quicker to read in any order."""
    name, dtype = parts[0].name, parts[0].dtype
    if not (dtype.is_temporal() or dtype in _NUMBERS) or any(part.null_count() for part in parts):
        return pl.concat(parts, rechunk=True)
    return pl.Series(name, np.concatenate([part.to_physical().to_numpy() for part in parts])).cast(dtype)


def _pair(
    left: _ScatteredRows, right: _ScatteredRows, partners: npt.NDArray[np.int32], number: int
) -> npt.NDArray[np.uint32]:
    """Put down the `partners` of the left rows of a class; return which of them have one."""
    sides = left.read(number), right.read(number)
    places = equal_places(*(side[_HASH].to_numpy() for side in sides))
    if places is None:
        raise UnpairedError
    here, there = (side[PLACE].to_numpy()[found] for side, found in zip(sides, places, strict=True))
    partners[here] = there
    return here


def _divide(
    readers: Sequence[_BatchReader], classes: int, folder: Path | None = None
) -> tuple[_ScatteredRows, _ScatteredRows]:
    """Divide both sides' rows by the hashes of their keys: in memory, or in files below `folder`."""
    folders = [folder and folder / name for name in ("left", "right")]
    with ThreadPoolExecutor(len(readers), thread_name_prefix="divide") as pool:
        left, right = pool.map(partial(_ScatteredRows.of, classes=classes), readers, folders)
    return left, right


def _hash_of(keys: Sequence[str]) -> pl.Expr:
    """Return a hash of the keys."""
    hashes = (pl.col(key).hash(seed) for seed, key in enumerate(keys))
    return sum(hashes, start=pl.lit(0, dtype=pl.UInt64)).alias(_HASH)


def _show(parts: Iterator[RowBlock], keys: Sequence[str], show: Callable[[RowBlock, MatchedRows], bool]) -> None:
    """Show each part while the next one is matched, and the one after that is read."""
    named = partial(ThreadPoolExecutor, 1, thread_name_prefix="compare")
    with named() as matching, named() as showing:
        waiting: deque[Future[bool]] = deque()
        for part in parts:
            matched = matching.submit(match, part, keys)
            waiting.append(showing.submit(lambda part, matched: show(part, matched.result()), part, matched))
            if len(waiting) == _WAITING and waiting.popleft().result():
                break
        for shown in waiting:
            if shown.result():
                return


def _next(left: _BatchReader, right: _BatchReader, order: Sequence[str], *, most: int) -> RowBlock | None:
    """Return the rows of both up to where one of them must be read on; None at the end.

    Whether rows are in order is looked at with the last row of those before them, which always stays behind.
    """
    while True:
        left.fill()
        right.fill()
        codes = codes_of(left.rows, right.rows, order)
        if codes is None:
            in_order = all(is_ordered(reader.rows, order) for reader in (left, right))
        else:
            in_order = all(are_ordered(side) for side in codes)
        if not in_order:
            raise OutOfOrderError
        rows = _until_cut(left, right, order, codes)
        if any(rows):
            known = None if codes is None else (codes[0][: rows[0]], codes[1][: rows[1]])
            return RowBlock(left.take(rows[0]), right.take(rows[1]), codes=known)
        if left.ended and right.ended:
            return None
        for reader in (left, right):  # all that is there has one key: there may be more of it
            if reader.rows.height > most:
                raise OutOfOrderError
            reader.fill(reader.rows.height + 1)


def _until_cut(
    left: _BatchReader, right: _BatchReader, order: Sequence[str], codes: tuple[Codes, Codes] | None
) -> tuple[int, int]:
    """Return how many rows of each come before the first key that may have more rows than are read."""
    unread = [place for place, reader in enumerate((left, right)) if not reader.ended]
    if not unread:
        return left.rows.height, right.rows.height
    if codes is not None:
        least = min(codes[place][-1] for place in unread)
        return int(np.searchsorted(codes[0], least)), int(np.searchsorted(codes[1], least))
    ends = [(left, right)[place].rows.tail(1) for place in unread]
    cut = ends[0] if len(ends) == 1 or not below(ends[1], ends[0], order) else ends[1]
    return below(left.rows, cut, order), below(right.rows, cut, order)


@dataclass(frozen=True, slots=True)
class _Stored:
    """Rows of one class in a file that has those of other classes, too: slices of it, each as offset and length."""

    path: Path
    slices: Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class _ScatteredRows:
    """A side's rows by classes of their keys' hashes: the side itself is read once, however many there are.

    Attributes
    ----------
    schema
        The columns, with the hashes.
    parts
        Of each class the rows in memory, or where they are in files.
    opened
        The files that were read last: classes are asked for one after the other.
    """

    schema: pl.Schema
    parts: list[list[pl.DataFrame]] | list[list[_Stored]]
    opened: dict[Path, pl.DataFrame] = field(default_factory=dict)

    @classmethod
    def of(cls, reader: _BatchReader, folder: Path | None, *, classes: int) -> _ScatteredRows:
        """Divide the rows of `reader`: in memory, or in files of some batches and classes each."""
        schema = reader.rows.schema
        batches = (_grouped(batch, classes) for batch in reader.rest())
        if folder is not None:
            return cls(schema, _written(batches, folder, classes))
        parts: list[list[pl.DataFrame]] = [[] for _ in range(classes)]
        for each in batches:
            for number, part in enumerate(parts):
                part.append(_of_classes(each, number, number + 1))
        return cls(schema, parts)

    def read(self, number: int) -> pl.DataFrame:
        """Return the rows of one class, for the only time."""
        parts, self.parts[number] = self.parts[number], []
        paths = {part.path for part in parts if isinstance(part, _Stored)}
        for path in self.opened.keys() - paths:
            del self.opened[path]
        for path in paths - self.opened.keys():
            self.opened[path] = pl.scan_ipc(path, glob=False).collect()
        rows = [each for part in parts for each in self._slices(part)]
        return pl.concat([pl.DataFrame(schema=self.schema), *rows], rechunk=True)

    def _slices(self, part: pl.DataFrame | _Stored) -> Iterator[pl.DataFrame]:
        if isinstance(part, _Stored):
            yield from (self.opened[part.path].slice(*each) for each in part.slices)
        else:
            yield part


_Grouped: TypeAlias = tuple[pl.DataFrame, list[int]]


def _written(batches: Iterator[_Grouped], folder: Path, classes: int) -> list[list[_Stored]]:
    """Write some batches' rows of some classes into a file each; return of each class where its rows are."""
    parts: list[list[_Stored]] = [[] for _ in range(classes)]
    folder.mkdir(parents=True)
    while some := list(islice(batches, _SCATTERED)):
        for first in range(0, classes, _TOGETHER):
            last = min(first + _TOGETHER, classes)
            path = folder / f"{len(parts[first])}-{first}.arrow"
            _write_rows(pl.concat([_of_classes(each, first, last) for each in some]), path)
            before = [0, *accumulate(ends[last] - ends[first] for _, ends in some)]
            for number in range(first, last):
                slices = [
                    (start + ends[number] - ends[first], ends[number + 1] - ends[number])
                    for start, (_, ends) in zip(before, some, strict=False)
                ]
                parts[number].append(_Stored(path, slices))
    return parts


def _of_classes(grouped: _Grouped, first: int, end: int) -> pl.DataFrame:
    rows, ends = grouped
    return rows.slice(ends[first], ends[end] - ends[first])


def _grouped(batch: pl.DataFrame, classes: int) -> _Grouped:
    """Return the rows class by class, and where each class begins, with the end."""
    dtype = pl.Int16 if classes <= np.iinfo(np.int16).max else pl.Int64  # so few numbers are sorted by their digits
    numbers = (batch[_HASH] % classes).cast(dtype).to_numpy()
    order = np.argsort(numbers, kind="stable")
    return batch[pl.Series(order)], np.searchsorted(numbers[order], np.arange(classes + 1)).tolist()


def _write_rows(rows: pl.DataFrame, path: Path) -> None:
    try:
        rows.write_ipc(path, compression="uncompressed")
    except OSError as error:
        raise ComputeError(
            f"Rows in no order are kept in {path.parents[1].parent} while they are compared, and that failed: "
            f"{error.strerror or error}.",
            remedy="Free space there, or set TMPDIR to a folder on a larger disk.",
        ) from None


class _BatchReader:
    """A side's rows, batch by batch, in the order in which they are stored."""

    def __init__(self, frame: pl.LazyFrame, size: int) -> None:
        self.rows = pl.DataFrame(schema=frame.collect_schema())
        self.ended = False
        self._size = size
        self._batches = frame.collect_batches(chunk_size=size, maintain_order=True)

    def fill(self, rows: int | None = None) -> None:
        """Read on until there are as many rows as a part has, or `rows`, or no more."""
        batches = [self.rows]
        height = self.rows.height
        while height < (rows or self._size) and not self.ended:
            batch = next(self._batches, None)
            self.ended = batch is None
            if batch is not None:
                batches.append(batch)
                height += batch.height
        if len(batches) > 1:
            self.rows = pl.concat(batches)

    def take(self, count: int) -> pl.DataFrame:
        """Return the first rows, which are then no longer there."""
        taken, self.rows = self.rows.head(count), self.rows.slice(count)
        return taken

    def rest(self) -> Iterator[pl.DataFrame]:
        """Yield what was read and not taken, and read on to the end."""
        first, self.rows = self.rows, self.rows.clear()
        yield first.rechunk()
        yield from self._batches


def same_grain(left: Side, right: Side) -> bool:
    """Whether rows of both sides can be matched: the same entities and event time, in whatever order, comparable."""
    return sorted(left.keys) == sorted(right.keys) and all(
        common_dtype(left.contract[key].dtype, right.contract[key].dtype) is not None for key in left.keys
    )


def height(side: Side) -> int:
    """Return how many rows a side has."""
    return side.digest.rows if side.digest else count(side.frame)


def count(frame: pl.LazyFrame) -> int:
    """Return how many rows a frame has."""
    with engine_errors():
        return int(frame.select(pl.len()).collect(engine="streaming").item())


def columns_of(side: Side) -> pl.Schema:
    """Return the columns that a side's rows have."""
    with engine_errors():
        schema = side.frame.collect_schema()
    for name in side.contract.names:
        if name not in schema:
            raise FeatureNotFound.absent(name, where=f"the rows of {side.label}", known=schema)
    return schema


def pairs_of(left: Side, right: Side, names: Sequence[tuple[str, str]]) -> list[Pair]:
    """Return how the columns `names`, of the left and the right, are compared; those that cannot be are left out."""
    one, other = columns_of(left), columns_of(right)
    found = (pair_of(old, new, (one[old], other[new]), tolerance=right.contract[new].tolerance) for old, new in names)
    return [pair for pair in found if pair is not None]


def read_pair(
    left: Side,
    right: Side,
    columns: tuple[Sequence[str], Sequence[str]],
    *,
    entity: Mapping[str, object] | None = None,
    at_once: int = AT_ONCE,
) -> PairReader:
    """Return two sides' rows, to be read together."""
    schemas = columns_of(left), columns_of(right)
    frames = []
    for side, schema, names in zip((left, right), schemas, columns, strict=True):
        keys = []
        for name in left.keys:
            dtype = common_dtype(schemas[0][name], schemas[1][name])
            if dtype is None:
                raise _unmatchable(name, str(schemas[0][name]), str(schemas[1][name]))
            keys.append(as_common(pl.col(name), schema[name], dtype))
        frames.append(side.frame.select(*keys, *dict.fromkeys(names)))
    heights = height(left), height(right)
    if entity:
        with engine_errors():
            frames = [frame.filter(_is(entity, frame.collect_schema())) for frame in frames]
        heights = count(frames[0]), count(frames[1])
    time = next((column.name for column in left.contract.columns if column.role == "event_time"), None)
    return PairReader(frames[0], frames[1], left.keys, time, heights, rows_at_once(frames[0], at_once))


@contextmanager
def engine_errors() -> Iterator[None]:
    """Say in our words what the engine cannot do."""
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        require_uninterrupted(error)
        raise _unreadable_together(str(error).splitlines()[0][:200]) from error


def _is(entity: Mapping[str, object], schema: Mapping[str, pl.DataType]) -> pl.Expr:
    tests = []
    for name, value in entity.items():
        if value is None:
            tests.append(pl.col(name).is_null())
            continue
        if isinstance(value, str):
            wanted = pl.Series([value_of(name, value, schema[name])]).cast(schema[name])
            tests.append(pl.col(name) == pl.lit(wanted).first())
            continue
        try:
            wanted = pl.Series([value]).cast(schema[name])
            fits = wanted[0] == value
        except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError):
            fits = False
        if not fits:
            raise UsageError.not_a_value(name, value, str(schema[name]))
        tests.append(pl.col(name) == pl.lit(wanted).first())
    return pl.all_horizontal(tests)


def _unmatchable(key: str, left: str, right: str) -> UsageError:
    """Return the error for a `key` column whose values on two sides of a comparison cannot be equal."""
    return UsageError(
        f"Rows cannot be matched: {key} is {left} on one side and {right} on the other.",
        remedy="Correct the side whose rows do not have the dtype of its contract.",
    )


def _unreadable_together(message: str) -> ComputeError:
    """Return the error for two sides of a view that Polars could not compare."""
    return ComputeError(
        f"The two sides cannot be compared: {message}.",
        remedy="Read each side alone first; a stored file may be missing.",
    )
