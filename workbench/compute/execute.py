"""Compute a view once: find it by its id, then by its plan, and only then let Polars write it as Parquet."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any, Literal, Self

import polars as pl
from msgspec.structs import replace

from workbench.compute.amendment import Amendment, checksum, checksums, row_count, save_checksums
from workbench.compute.cache import ViewCache
from workbench.compute.digest import Sums
from workbench.compute.entity_ranges import RangedQuery
from workbench.compute.metadata import DATA, ROW_GROUP, StoredView, ViewRecord, now, versions
from workbench.compute.plan import InputData, build, engine_error, plan_hash
from workbench.compute.progress import Report, Ticker
from workbench.drivers import interruptible, require_uninterrupted
from workbench.errors import ProjectError, WorkbenchError
from workbench.files import link_or_copy

if TYPE_CHECKING:
    from types import TracebackType

    from workbench.define import FeatureView

_LIST_ROW_GROUP = 65_536
"""Lists are long, and of a row group's lists either all are read or none."""
_WAITING = 4
"""How many batches may wait to be observed."""
_NO_ROOM = re.compile(r"\(os error (?:27|28|122)\)|No space left|File too large|quota exceeded", re.IGNORECASE)
_NO_PERMISSION = re.compile(r"\(os error (?:1|13|30)\)")


Observer = Callable[[pl.DataFrame], object]


def write_parquet(frame: pl.LazyFrame, path: Path, *, view: str, observe: Observer | None = None) -> None:
    """Compute `frame` into the new file `path`, by ranges of entities where it can be.

    Its rows are handed to `observe` too, some at a time, before they are written.
    """
    query = RangedQuery.of(frame, path.parent)
    rows = frame if query is None else query.frame()
    has_lists = any(isinstance(dtype, pl.List | pl.Array) for dtype in frame.collect_schema().dtypes())
    group = _LIST_ROW_GROUP if has_lists else ROW_GROUP
    if observe is None:
        _sink(rows, query, path, view, group)
        return
    with _Observing(observe) as observing:
        _sink(rows.map_batches(observing, streamable=True, validate_output_schema=False), query, path, view, group)


class _Observing:
    """Hands on each batch, and gives it to `observe` in a thread of its own.

    Polars' threads would pass Python's lock to and fro at each operation on an array.
    """

    def __init__(self, observe: Observer) -> None:
        self._observe = observe
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="observe")
        self._free = BoundedSemaphore(_WAITING)
        self._running: list[Future[object]] = []

    def __call__(self, rows: pl.DataFrame) -> pl.DataFrame:
        self._free.acquire()
        running = self._beside.submit(self._observe, rows)
        running.add_done_callback(lambda _: self._free.release())
        self._running.append(running)
        return rows

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._beside.shutdown()
        if kind is None:
            for done in self._running:
                done.result()


def _sink(rows: pl.LazyFrame, query: RangedQuery | None, path: Path, view: str, row_group: int) -> None:
    try:
        rows.sink_parquet(path, compression="lz4", statistics=True, row_group_size=row_group)
    except KeyboardInterrupt:
        # Polars and Python both report one Ctrl-C. Let the second come up here, where it disturbs no cleaning up: it is
        # raised where a loop turns, and nothing that could raise it stands between this line and the loop.
        try:
            for _ in (0, 1, 2):
                pass
        except KeyboardInterrupt:
            pass
        raise
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as raised:
        error = raised if query is None or query.error is None else query.error
        if isinstance(error, OSError) and not _from_polars(error):
            raise  # a Python function in the query met it: the author's own error
        require_uninterrupted(error)
        raise _failure(view, error, path) from error
    finally:
        if query is not None:
            query.stopped.set()


def _from_polars(error: OSError) -> bool:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and str(trace.tb_frame.f_globals.get("__name__", "")).startswith("polars")


def disk_refusal(error: BaseException, path: Path) -> str | None:
    """Return why the disk refused to have `path` written, where that is what `error` of Polars says."""
    text = str(error)
    if _NO_ROOM.search(text):
        return "there is no space left"
    if _NO_PERMISSION.search(text) and str(path.parent) in text:
        return "permission denied"
    return None


def _failure(view: str, error: BaseException, path: Path) -> WorkbenchError:
    reason = disk_refusal(error, path)
    if reason is not None:
        return ProjectError.not_writable(str(path.parent.parent.parent), reason)
    return engine_error(view, error)


Reuse = Literal[False, "view id", "plan"]


Shortcut = Callable[[Path], bool | Amendment]
"""Writes a view's data to a file from a part of its inputs; False where that is not what all of them give.

Where it says how stored data is to be amended, it writes nothing.
"""

Replaced = Callable[[StoredView, StoredView], str]
"""Says why what is stored, the first, is not what was computed now; empty where the two are equal."""


@dataclass(frozen=True, slots=True)
class Computed:
    """A view that is there now.

    Parameters
    ----------
    stored
        The view in the cache.
    reused
        By what it was found, or False where it was computed now.
    seconds
        How long this took, waiting for another process included.
    repaired
        How what was stored before differed from this, where it was computed again for that; else empty.
    """

    stored: StoredView
    reused: Reuse
    seconds: float
    repaired: str = ""


def materialize_view(
    view: FeatureView,
    inputs: Sequence[InputData],
    *,
    view_id: str,
    code_hash: str,
    cache: ViewCache,
    known: StoredView | None = None,
    plan: pl.LazyFrame | None = None,
    shortcut: Shortcut | None = None,
    replaced: Replaced | None = None,
    confirm: Callable[[], None] | None = None,
    observe: Observer | None = None,
    progress: Report | None = None,
) -> Computed:
    """Make sure that a view is in the cache, computing it only if nothing equal is there.

    Rows that are computed and written now are handed to `observe` too, some at a time. What is `known` to be stored
    now is not looked into again. Processes that want the same view wait for the first of them. Whatever ends this
    early (an error, Ctrl-C, a kill) leaves no view and nothing in the way of the next call.
    """
    with interruptible(), Ticker(view.name, progress) as ticker:
        stored = cache.get(view_id) if known is None else known
        if stored is not None and replaced is None:
            ticker.phase("planning", stored.record.rows)
            return Computed(stored, "view id", ticker.seconds)
        cache.sweep()  # before the lock is held: the sweep tells by their locks who is still at work
        with cache.lock(view_id):
            stored = cache.get(view_id)  # another process may have been at it while this one waited
            if stored is not None and replaced is None:
                return Computed(stored, "view id", ticker.seconds)
            task = _Task(view, inputs, view_id, code_hash, plan, shortcut, confirm, observe)
            if stored is not None and replaced is not None:
                computed = _renew(task, stored, replaced, cache, ticker)
            else:
                computed = _fill(task, cache, ticker, alone=replaced is not None)
        ticker.phase("done", computed.stored.record.rows)
        return computed


@dataclass(frozen=True, slots=True)
class _Task:
    view: FeatureView
    inputs: Sequence[InputData]
    view_id: str
    code_hash: str
    plan: pl.LazyFrame | None
    shortcut: Shortcut | None
    confirm: Callable[[], None] | None
    observe: Observer | None

    def confirm_inputs(self) -> None:
        """Raise where what was read was not what the inputs' digests say."""
        if self.confirm is not None:
            self.confirm()

    def full_plan(self) -> pl.LazyFrame:
        """Return the plan that computes the view in full."""
        return build(self.view, self.inputs) if self.plan is None else self.plan

    def identity(self) -> dict[str, Any]:
        """Return the fields of a record that say which view this is, whatever its data."""
        return {
            "view": self.view.name,
            "view_id": self.view_id,
            "code_hash": self.code_hash,
            "parameters": _plain_parameters(self.view.parameters),
            "inputs": {data.name: data.digest for data in self.inputs},
            "created_at": now(),
            "versions": versions(),
        }


def _fill(task: _Task, cache: ViewCache, ticker: Ticker, *, alone: bool) -> Computed:
    """Store a view: another's data where its plan is the same, unless it is to be computed `alone`."""
    frame = task.full_plan()
    plan = plan_hash(frame, {data.name: data.digest for data in task.inputs})
    twin = None if plan is None or alone else cache.by_plan(plan)
    if twin is not None and _same_grain(twin.record, task.view):
        task.confirm_inputs()
        record = replace(twin.record, **task.identity(), seconds=ticker.seconds)
        return Computed(cache.adopt(record, twin), "plan", ticker.seconds)
    with cache.work_folder(task.view_id) as work:
        record = _write(task, frame, plan, work / DATA, ticker)
        return Computed(cache.commit(work, record), reused=False, seconds=ticker.seconds)


def _renew(task: _Task, stored: StoredView, replaced: Replaced, cache: ViewCache, ticker: Ticker) -> Computed:
    """Compute a view that is stored, and store it again where the two differ."""
    frame = task.full_plan()
    plan = plan_hash(frame, {data.name: data.digest for data in task.inputs})
    with cache.work_folder(task.view_id) as work:
        record = _write(task, frame, plan, work / DATA, ticker)
        wrong = replaced(stored, StoredView(task.view_id, work, record))
        kept = cache.replace(work, record) if wrong else stored
        return Computed(kept, reused=False, seconds=ticker.seconds, repaired=wrong)


def _write(task: _Task, frame: pl.LazyFrame, plan: str | None, path: Path, ticker: Ticker) -> ViewRecord:
    """Compute a view into `path`, and return its record."""
    ticker.phase("computing")
    written = task.shortcut(path) if task.shortcut is not None else False
    tally = _Tally(_keys(task.view), task.view.event_time)
    if not written:
        write_parquet(frame, path, view=task.view.name, observe=_both(tally.add, task.observe))
    task.confirm_inputs()
    if isinstance(written, Amendment):
        return _amend(task, written, plan, path, ticker)
    schema = pl.scan_parquet(path, glob=False).collect_schema()
    sums = tally.sums
    if sums is None or sums.schema != schema:
        ticker.phase("digesting", row_count(path))
        tally = _Tally(tally.keys, tally.time)
        for rows in pl.scan_parquet(path, glob=False).collect_batches(chunk_size=ROW_GROUP, maintain_order=False):
            tally.add(rows)
        sums = tally.sums or Sums(schema, tally.keys)
    return _record(task, plan, path, (sums, tally.period()), ticker)


def _both(one: Observer, other: Observer | None) -> Observer:
    return one if other is None else lambda rows: (one(rows), other(rows))


def _record(
    task: _Task,
    plan: str | None,
    path: Path,
    noted: tuple[Sums, tuple[datetime, datetime] | None],
    ticker: Ticker,
    *,
    files: Sequence[str] = (DATA,),
) -> ViewRecord:
    sums, period = noted
    digest = sums.digest()
    return ViewRecord(
        **task.identity(),
        plan_hash=plan,
        rows=digest.rows,
        size=path.stat().st_size,
        digest=digest,
        schema={name: str(dtype) for name, dtype in sums.schema.items()},
        order=tuple(sums.schema),
        keys=_keys(task.view),
        period=period,
        seconds=ticker.seconds,
        sums=sums.to_plain(),
        files=tuple(files),
    )


def _amend(task: _Task, amendment: Amendment, plan: str | None, path: Path, ticker: Ticker) -> ViewRecord:
    """Store amended data, and return its record: the digest is made of sums over rows, of which some go and some come.

    No other rows are read, but those of files that are written anew.
    """
    base, keys, time = amendment.base.record, _keys(task.view), task.view.event_time
    gone, come = _Tally(keys, time), _Tally(keys, time)
    gone.add(amendment.removed)
    come.add(amendment.added)
    assert base.sums is not None and gone.sums is not None and come.sums is not None  # noqa: S101, PT018 - both were noted, and only a view with sums is amended
    sums = Sums(amendment.added.schema, keys)
    sums.add_plain(base.sums)
    sums.remove(gone.sums)
    sums.merge(come.sums)
    files = _write_amended(amendment, path, task.view.name)
    stored = sum(row_count(path.parent / name) for name in files)
    if stored != sums.rows:
        raise ProjectError(
            f"{stored:,} rows of {task.view.name} were stored, not {sums.rows:,}: its files in the cache were changed.",
            remedy=f"Remove {amendment.base.folder}, and run the same command again.",
        )
    period = _period(base.period, gone.period(), come.period())
    if period is None:
        ends = pl.scan_parquet([path.parent / name for name in files], glob=False)
        ends = ends.select(first=pl.col(time).min(), last=pl.col(time).max())
        found = ends.collect(engine="streaming")
        come.add_times(pl.concat([found["first"], found["last"]]))
        period = come.period()
    return _record(task, plan, path, (sums, period), ticker, files=files)


def _period(
    before: tuple[datetime, datetime] | None,
    gone: tuple[datetime, datetime] | None,
    come: tuple[datetime, datetime] | None,
) -> tuple[datetime, datetime] | None:
    """Return the first and the last time of amended rows; None where the rows must tell, as one went that had one."""
    if gone is not None and (before is None or not before[0] < gone[0] <= gone[1] < before[1]):
        return None
    known = [period for period in (before, come) if period is not None]
    return (min(first for first, _ in known), max(last for _, last in known)) if known else None


def _write_amended(amendment: Amendment, path: Path, view: str) -> list[str]:
    """Write amended data to `path` and files beside it, keep the checksums of all, and return their names in order."""
    known, found = checksums(amendment.base.folder), {}
    files = amendment.files()
    last = max(place for place, file in enumerate(files) if file.rows is not None)
    names = []
    for place, file in enumerate(files):
        if file.rows is not None:
            target = path if place == last else path.with_name(f"part-{place}.parquet")
            write_parquet(file.rows, target, view=view)
            found[target.name] = checksum(target)
        else:
            assert file.source is not None  # noqa: S101 - it is one of the base
            target = path.with_name(f"kept-{place}.parquet")
            link_or_copy(file.source, target)
            if file.source.name in known:
                found[target.name] = known[file.source.name]
        names.append(target.name)
    with suppress(OSError):  # the disk is full: its rows are digested where they would be asked for
        save_checksums(path.parent, found)
    return names


def _keys(view: FeatureView) -> tuple[str, ...]:
    return (*view.entities, *view.known_since)


def _same_grain(record: ViewRecord, view: FeatureView) -> bool:
    """Return whether a digest taken for another definition fits this one: it depends on which columns are the key."""
    return record.keys == _keys(view) and record.order == tuple(view.contract.names)


@dataclass(slots=True)
class _Tally:
    """What is noted of a view's rows while they pass: the sums of their digest, and between which times they are."""

    keys: Sequence[str]
    time: str
    sums: Sums | None = None
    ends: list[int] = field(default_factory=list)

    def add(self, rows: pl.DataFrame) -> None:
        """Note some rows."""
        if self.sums is None:
            self.sums = Sums(rows.schema, self.keys)
        self.sums.add(rows)
        if self.time in rows.columns:
            self.add_times(rows[self.time])

    def add_times(self, times: pl.Series) -> None:
        """Note the times of some rows, if they are times."""
        if isinstance(times.dtype, pl.Date | pl.Datetime):
            instants = times.cast(pl.Int64)
            self.ends += [end for end in (instants.min(), instants.max()) if isinstance(end, int)]

    def period(self) -> tuple[datetime, datetime] | None:
        """Return the first and the last time; None without any, or where the column is no time."""
        if self.sums is None or not self.ends:
            return None
        ends = pl.Series([min(self.ends), max(self.ends)], dtype=pl.Int64)
        first, last = ends.cast(self.sums.schema[self.time])
        return _moment(first), _moment(last)


def _moment(value: date) -> datetime:
    return value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)  # noqa: DTZ001 - as stored


def _plain_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    simple = (bool, int, float, str, type(None))
    return {name: value if isinstance(value, simple) else repr(value) for name, value in parameters.items()}
