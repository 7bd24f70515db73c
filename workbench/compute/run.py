"""Compute a view once: find it by its id, then by its plan, and only then let the engine work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from workbench.compute.build import InputData, build
from workbench.compute.cache import DATA, ViewCache
from workbench.compute.digest import digests
from workbench.compute.engine import write_parquet
from workbench.compute.plan import plan_hash
from workbench.compute.progress import Report, Ticker
from workbench.compute.records import StoredView, ViewRecord, now, versions

if TYPE_CHECKING:
    from workbench.define.view import FeatureView

Reuse = Literal[False, "view id", "plan"]


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
    """

    stored: StoredView
    reused: Reuse
    seconds: float


def materialize_view(
    view: FeatureView,
    inputs: Sequence[InputData],
    *,
    view_id: str,
    code_hash: str,
    cache: ViewCache,
    plan: pl.LazyFrame | None = None,
    progress: Report | None = None,
) -> Computed:
    """Make sure that a view is in the cache, computing it only if nothing equal is there.

    Processes that want the same view wait for the first of them. Whatever ends this early (an error, Ctrl-C, a kill)
    leaves no view and nothing in the way of the next call.

    Parameters
    ----------
    view
        The view.
    inputs
        The data of its parameters.
    view_id
        Hash of code, parameters and input data: where the view is stored.
    code_hash
        Hash of the code alone, for the record.
    cache
        Where views are stored.
    plan
        What `build` returned for this view and these inputs; built here if absent and needed.
    progress
        Called from a thread of its own at each phase and about five times a second; its exceptions are swallowed.

    Returns
    -------
    Computed
        The stored view, and whether and by what it was reused.

    Raises
    ------
    WrongReturn, ComputeError
        See `build`; and what fails while the engine works.
    ProjectError
        The cache cannot be written; nothing was changed.
    """
    with Ticker(view.name, progress) as ticker:
        stored = cache.get(view_id)
        if stored is not None:
            ticker.phase("planning", stored.record.rows)
            return Computed(stored, "view id", ticker.seconds)
        cache.sweep()  # before the lock is held: the sweep tells by their locks who is still at work
        with cache.lock(view_id):
            stored = cache.get(view_id)  # another process may have been at it while this one waited
            if stored is not None:
                return Computed(stored, "view id", ticker.seconds)
            reused, stored = _fill(_Task(view, inputs, view_id, code_hash, plan), cache, ticker)
        ticker.phase("done", stored.record.rows)
        return Computed(stored, reused, ticker.seconds)


@dataclass(frozen=True, slots=True)
class _Task:
    view: FeatureView
    inputs: Sequence[InputData]
    view_id: str
    code_hash: str
    plan: pl.LazyFrame | None

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


def _fill(task: _Task, cache: ViewCache, ticker: Ticker) -> tuple[Reuse, StoredView]:
    frame = build(task.view, task.inputs) if task.plan is None else task.plan
    plan = plan_hash(frame, {data.name: data.digest for data in task.inputs})
    twin = None if plan is None else cache.by_plan(plan)
    if twin is not None and _same_grain(twin.record, task.view):
        record = replace(twin.record, **task.identity(), seconds=ticker.seconds)
        return "plan", cache.adopt(record, twin)
    with cache.workspace(task.view_id) as work:
        path = work / DATA
        ticker.phase("computing")
        write_parquet(frame, path, view=task.view.name)
        schema = pl.read_parquet_schema(path)
        ticker.phase("digesting", _rows(path))
        digest = digests(path, keys=_keys(task.view))
        record = ViewRecord(
            **task.identity(),
            plan_hash=plan,
            rows=digest.rows,
            size=path.stat().st_size,
            digest=digest,
            schema={name: str(dtype) for name, dtype in schema.items()},
            order=tuple(schema),
            keys=_keys(task.view),
            period=_period(path, task.view.event_time),
            seconds=ticker.seconds,
        )
        return False, cache.commit(work, record)


def _keys(view: FeatureView) -> tuple[str, ...]:
    return (*view.entities, view.event_time)


def _same_grain(record: ViewRecord, view: FeatureView) -> bool:
    """Tell whether a digest taken for another definition fits this one: it depends on which columns are the key."""
    return record.keys == _keys(view) and record.order == tuple(view.contract.names)


def _rows(path: Path) -> int:
    return int(pl.scan_parquet(path, glob=False).select(pl.len()).collect().item())


def _period(path: Path, event_time: str) -> tuple[datetime, datetime] | None:
    column = pl.col(event_time)
    query = pl.scan_parquet(path, glob=False).select(first=column.min(), last=column.max())
    first, last = query.collect(engine="streaming").row(0)
    if not isinstance(first, date) or not isinstance(last, date):
        return None  # no rows, no times, or a column that is no time: the contract's check says so
    return _moment(first), _moment(last)


def _moment(value: date) -> datetime:
    return value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)  # noqa: DTZ001 - as stored


def _plain_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    simple = (bool, int, float, str, type(None))
    return {name: value if isinstance(value, simple) else repr(value) for name, value in parameters.items()}
