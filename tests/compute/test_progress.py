"""Whoever waits sees what is going on, and cannot disturb it."""

from __future__ import annotations

import contextvars
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest

from workbench.compute import Progress
from workbench.compute.progress import Ticker

COLUMNS = ["carrier", "landed_at", "delay"]


def test_phases_come_in_order_and_end_with_the_rows(tmp_path: Path, stage: ModuleType) -> None:
    seen: list[Progress] = []
    stage.compute(tmp_path, progress=seen.append)
    order = ["planning", "computing", "digesting", "done"]
    places = [order.index(progress.phase) for progress in seen]
    assert places == sorted(places)
    assert (seen[-1].phase, seen[-1].rows, seen[-1].view) == ("done", 100, "trial")
    assert [progress.seconds for progress in seen] == sorted(progress.seconds for progress in seen)


def test_it_ticks_while_the_engine_works(tmp_path: Path, stage: ModuleType) -> None:
    """The function in the query waits for ticks that can only come while the query runs."""
    ticked = threading.Semaphore(0)

    def waits(frame: pl.DataFrame) -> pl.DataFrame:
        for _ in range(3):
            assert ticked.acquire(timeout=120)
        return frame

    def trial(flights: pl.LazyFrame) -> pl.LazyFrame:
        return flights.map_batches(waits)

    def report(progress: Progress) -> None:
        if progress.phase == "computing":
            ticked.release()

    stage.compute(tmp_path, stage.make_view(trial, COLUMNS), progress=report)


def test_a_reused_view_reports_that_it_is_done(tmp_path: Path, stage: ModuleType) -> None:
    stage.compute(tmp_path)
    seen: list[Progress] = []
    stage.compute(tmp_path, progress=seen.append)
    assert (seen[-1].phase, seen[-1].rows) == ("done", 100)


def test_a_callback_that_raises_breaks_nothing_and_is_left_alone(tmp_path: Path, stage: ModuleType) -> None:
    calls = []

    def report(progress: Progress) -> None:
        calls.append(progress)
        raise RuntimeError

    assert stage.compute(tmp_path, progress=report).stored.record.rows == 100
    assert len(calls) == 1


def test_a_callback_knows_the_context_of_its_caller(tmp_path: Path, stage: ModuleType) -> None:
    """By its context a notebook knows which cell an output belongs to."""
    cell = contextvars.ContextVar("cell", default="none")
    cell.set("this one")
    seen: set[Any] = set()
    stage.compute(tmp_path, progress=lambda _: seen.add(cell.get()))
    assert seen == {"this one"}


def test_no_thread_is_left_and_none_is_made_for_nobody() -> None:
    before = threading.active_count()
    with Ticker("trial", None):
        assert threading.active_count() == before
    ticker = Ticker("trial", lambda _: None)

    def fail() -> None:
        with ticker:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    thread = ticker._thread
    assert thread is not None
    thread.join(5)
    assert not thread.is_alive()
