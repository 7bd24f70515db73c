from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from tests.tracking.stores import make_record
from workbench.tracking.paths import Places
from workbench.tracking.queue import Corrupt, Outbox

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(Places(tmp_path / ".workbench", tmp_path))


def test_records_come_in_the_order_they_were_put(outbox: Outbox) -> None:
    records = [make_record(f"view_{number}") for number in range(20)]
    for record in records:
        outbox.put(record)
    assert [outbox.read(queued.path) for queued in outbox] == records
    assert len(outbox) == 20


def test_an_outbox_that_was_never_used_is_empty(outbox: Outbox) -> None:
    assert list(outbox) == []
    assert outbox.set_aside_names() == ()


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"version": 1}', '{"version": 99}'])
def test_a_file_that_is_no_record_is_named(outbox: Outbox, content: str) -> None:
    path = outbox.put(make_record())
    path.write_text(content)
    with pytest.raises(Corrupt, match=path.name):
        outbox.read(path)


def test_a_file_set_aside_keeps_its_reason_and_can_come_back(outbox: Outbox) -> None:
    record = make_record()
    outbox.set_aside(outbox.put(record), "MLflow refused it")
    assert len(outbox) == 0
    assert outbox.reason(record.key) == "MLflow refused it"
    assert outbox.requeue() == 1
    path = outbox.find(record.key)
    assert path is not None
    assert outbox.read(path) == record
    assert outbox.attempt_mark(path).exists()  # it may be in MLflow in part
    assert outbox.reason(record.key) is None


def test_removing_takes_the_mark_along(outbox: Outbox) -> None:
    path = outbox.put(make_record())
    outbox.attempt_mark(path).touch()
    outbox.remove(path)
    assert list(outbox.places.outbox.iterdir()) == []


def test_half_written_files_of_killed_processes_are_swept_when_old(outbox: Outbox) -> None:
    outbox.put(make_record())
    old, new = outbox.places.outbox / ".new-old", outbox.places.outbox / ".new-young"
    old.touch()
    new.touch()
    os.utime(old, (time.time() - 7200, time.time() - 7200))
    outbox.sweep()
    assert (old.exists(), new.exists(), len(outbox)) == (False, True, 1)
