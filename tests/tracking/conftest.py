"""One project with a warm MLflow store a module, and cheap copies of that store for tests that break things."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.tracking.stores import PATIENCE, end_sender, make_record, make_tracker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workbench.tracking import Tracker


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracker]:
    """A tracker whose sender runs and whose store exists; tests add runs and break nothing."""
    root = tmp_path_factory.mktemp("warm project")
    tracker = make_tracker(root, linger=120.0)
    assert tracker.submit(make_record("first")).run_id(PATIENCE) is not None
    yield tracker
    end_sender(tracker)


@pytest.fixture
def copied(warm: Tracker, tmp_path: Path) -> Iterator[Tracker]:
    """A tracker of its own over a copy of the warm store, without a sender yet."""
    root = tmp_path / "project"
    (root / ".workbench").mkdir(parents=True)
    shutil.copy(warm.places.home / "mlflow.db", root / ".workbench" / "mlflow.db")
    tracker = make_tracker(root)
    yield tracker
    end_sender(tracker)


@pytest.fixture
def idle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tracker:
    """A tracker that starts no sender: what it submits stays queued."""
    tracker = make_tracker(tmp_path)
    monkeypatch.setattr(tracker, "_wake", lambda: None)
    return tracker
