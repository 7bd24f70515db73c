"""A project's folder with rows to declare sources over."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from workbench.config import SourceSettings
from workbench.sources import Source, Sources

Declare = Callable[..., Source]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path


@pytest.fixture
def declare(root: Path) -> Declare:
    """Declare a source called ``events`` in the project; a new handle each time, on the same cache."""

    def make(**settings: Any) -> Source:
        declared = SourceSettings.read({"event_time": "at", **settings})
        return Sources({"events": declared}, root=root, cache=root / ".workbench")["events"]

    return make


@pytest.fixture
def rows() -> pl.DataFrame:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    return pl.DataFrame(
        {
            "id": range(20),
            "at": [start + timedelta(minutes=row) for row in range(20)],
            "amount": [row * 0.5 for row in range(20)],
        },
        schema={"id": pl.Int64, "at": pl.Datetime("us", "UTC"), "amount": pl.Float64},
    )


@pytest.fixture
def settle() -> Callable[[Path], None]:
    """Wait until a file's times are old enough to tell the next write from the last."""

    def wait(path: Path) -> None:
        while time.time_ns() - path.stat().st_ctime_ns < 25_000_000:
            os.sched_yield()

    return wait
