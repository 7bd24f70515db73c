"""Computing a frame range of entities by range of entities: in bounded memory, on several threads.

The events are read once. Those that do not fit are kept in a folder meanwhile, and read again for each range.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import reduce
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import TYPE_CHECKING, Self

import polars as pl
from polars.io.plugins import register_io_source

from workbench.define import EntityFrame
from workbench.memory import memory_share

if TYPE_CHECKING:
    from polars import DataFrame, Expr, LazyFrame

    from workbench.define import LocalPlan

RANGE = 32 << 20
"""How many bytes of events are in memory at a time, before they are sorted, where there are few or memory is short.

To sort and compute them takes some seven times as much.
"""
_LARGEST = 128 << 20
"""More takes no less time, but that events beyond are kept in files meanwhile, for a twentieth of it."""
_PART_OF_MEMORY = 0.06
"""The part of what a step may use that a range may be: it is sorted, and its rows are several for an event."""
PART = 100_000
"""How many events are computed at once by a thread, unless one entity has more."""
_BATCH = 1_000_000
_SAMPLE = 1_000
_SEED = 20_240_229
_WIDE = (pl.UInt64, pl.Int128, pl.UInt128)
_PLACE = "__workbench_place"
_ORDERED = (pl.Boolean, pl.String, pl.Enum, pl.Date, pl.Datetime, pl.Duration, pl.Time)


@dataclass(slots=True)
class RangedQuery:
    """A frame that is computed by ranges while it is read, once.

    Attributes
    ----------
    error
        What was raised meanwhile: Polars says it in its own words only.
    stopped
        Set when no further part is to be computed.
    """

    local: LocalPlan
    schema: pl.Schema
    folder: Path
    error: BaseException | None = None
    stopped: Event = field(default_factory=Event)

    @classmethod
    def of(cls, frame: LazyFrame, folder: Path) -> Self | None:
        """Return `frame` as a query by ranges, if it has any; events that do not fit are kept in `folder`."""
        local = frame.local if isinstance(frame, EntityFrame) else None
        if local is None or not local.keys:
            return None
        schema = local.events.collect_schema()
        ordered = all(schema[name].is_integer() or isinstance(schema[name], _ORDERED) for name in local.keys)
        return cls(local, frame.collect_schema(), folder) if ordered else None

    def frame(self) -> LazyFrame:
        """Return the rows, sorted by entity and time."""
        return register_io_source(self._read, schema=self.schema)

    def _read(
        self, columns: list[str] | None, predicate: Expr | None, rows: int | None, _: int | None
    ) -> Iterator[DataFrame]:
        assert rows is None  # noqa: S101 - the whole is written
        try:
            for part in self._parts():
                kept = part if predicate is None else part.filter(predicate)
                yield kept if columns is None else kept.select(columns)
        except Exception as error:
            self.error = error
            raise

    def _parts(self) -> Iterator[DataFrame]:
        """Yield the rows of some entities at a time."""
        workers = max(1, min(4, os.cpu_count() or 1))
        with TemporaryDirectory(dir=self.folder, ignore_cleanup_errors=True) as folder:
            events = _Events.read(self.local, Path(folder))
            with ThreadPoolExecutor(workers, thread_name_prefix="entities") as pool:
                running: list[Future[DataFrame]] = []
                for part in self._sorted_parts(events):
                    running.append(pool.submit(self._compute, part))
                    del part
                    if len(running) >= workers:
                        yield running.pop(0).result()
                for left in running:
                    yield left.result()

    def _sorted_parts(self, events: _Events) -> Iterator[DataFrame]:
        for some in events.ranges():
            ordered = _sorted(some, (*self.local.keys, self.local.time))
            del some
            for start, stop in pairwise(_cuts(ordered, self.local.keys)):
                if self.stopped.is_set():
                    return
                yield ordered.slice(start, stop - start)

    def _compute(self, events: DataFrame) -> DataFrame:
        return self.local.of(events).collect(engine="in-memory")


@dataclass(slots=True)
class _Events:
    """The events of a plan: in memory, or in files where they are too many."""

    keys: Sequence[str]
    held: list[DataFrame] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    size: int = 0
    sample: list[DataFrame] = field(default_factory=list)
    most: int = RANGE

    @classmethod
    def read(cls, local: LocalPlan, folder: Path) -> _Events:
        """Read the events once, in their order."""
        found = cls(local.keys, most=memory_share(_PART_OF_MEMORY, least=RANGE, most=_LARGEST))
        for batch in local.events.collect_batches(chunk_size=_BATCH, maintain_order=True):
            found.held.append(batch)
            found.size += int(batch.estimated_size())
            found.sample.append(batch.select(local.keys).sample(min(batch.height, _SAMPLE), seed=_SEED))
            if found.size > found.most:
                found._write(folder)
        if found.files:
            found._write(folder)
        return found

    def _write(self, folder: Path) -> None:
        for batch in self.held:
            path = folder / f"{len(self.files)}.parquet"
            batch.write_parquet(path, compression="lz4")
            self.files.append(path)
        self.held.clear()

    def ranges(self) -> Iterator[DataFrame]:
        """Yield the events of one range of entities after the other, those of an entity in their order."""
        if not self.files:
            held, self.held = self.held, []
            if held:
                yield pl.concat(held)
            return
        bounds = self._bounds()
        scan = pl.scan_parquet(self.files, glob=False)
        for low, high in pairwise([None, *bounds, None]):
            inside = [~self._below(low)] if low is not None else []
            inside += [self._below(high)] if high is not None else []
            yield scan.filter(inside).collect(engine="streaming")

    def _bounds(self) -> list[tuple[object, ...]]:
        """Return the first entity of each range but the first one, so that each has about as many events."""
        sample = pl.concat(self.sample).sort(self.keys)
        ranges = -(-self.size // self.most)
        places = [sample.height * number // ranges for number in range(1, ranges)]
        return sample[places].unique(maintain_order=True).rows()

    def _below(self, bound: Sequence[object]) -> Expr:
        """Return whether a row's entity comes before `bound`, in the order of a sort."""
        same: list[Expr] = []
        below: list[Expr] = []
        for (name, dtype), value in zip(self.sample[0].schema.items(), bound, strict=True):
            limit = pl.lit(value, dtype)
            below.append(reduce(operator.and_, same, pl.col(name) < limit))
            same.append(pl.col(name) == limit)
        return reduce(operator.or_, below)


def _sorted(events: DataFrame, by: Sequence[str]) -> DataFrame:
    """Return `events` sorted by columns without nulls, those that tie in their own order.

    Where the columns fit into one number, that is sorted: by several columns takes eight times as long.
    """
    if events.is_empty():
        return events
    ranks = events.select(_rank(events[name]).alias(name) for name in by)
    ends = ranks.select(pl.all().min().name.suffix(" first"), pl.all().max().name.suffix(" last")).row(0, named=True)
    place, size = pl.lit(0, pl.Int64), 1
    for name in by:
        first, count = ends[f"{name} first"], ends[f"{name} last"] - ends[f"{name} first"] + 1
        place = place * count + (pl.col(name) - pl.lit(first, ranks.schema[name])).cast(pl.Int64)
        size *= count
    if size >= 1 << 63:
        return events.sort(by, maintain_order=True)
    return events.with_columns(ranks.select(place.alias(_PLACE))).sort(_PLACE, maintain_order=True).drop(_PLACE)


def _rank(column: pl.Series) -> pl.Series:
    """Return integers in whose order the values are, so wide that their differences do not wrap."""
    if column.dtype == pl.String:
        column = column.cast(pl.Enum(column.unique().sort()))
    ranks = column.to_physical()
    return ranks if ranks.dtype in _WIDE else ranks.cast(pl.Int64)


def _cuts(ordered: DataFrame, keys: Sequence[str]) -> list[int]:
    """Return where sorted events are cut: between entities, some `PART` of them apart."""
    starts = ordered.select(
        pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in keys).arg_true()
    ).to_series()
    wanted = pl.Series(range(0, ordered.height, PART), dtype=pl.UInt32)
    places = starts.search_sorted(wanted)
    cuts = starts.filter(pl.int_range(starts.len(), eager=True).is_in(places.implode()))
    return [0, *(cut for cut in cuts if cut), ordered.height]
