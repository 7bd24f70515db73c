"""A run while it is being written: on disk from its first moment, so that a killed kernel loses nothing of it.

::

    <home>/outbox/open/<key>.jsonl    the record as it began, then one line an event
    <home>/outbox/open/<key>.lock     held as long as the process that writes it lives
    <home>/outbox/open/<key>.begin    there where MLflow is to have the run already; the sender makes it
    <home>/outbox/open/<key>.begun    the sender's answer to that
    <home>/outbox/files/<key>/        copies of the files that were logged

Closing it makes one record of it and queues that. What a dead process left open is queued by the sender, as killed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec.structs import replace

from workbench.errors import ProjectError, UsageError
from workbench.files import replace_atomically, replacing
from workbench.records import from_json, read_record, to_json
from workbench.tracking.limits import artifact_path
from workbench.tracking.measures import Measured, summarise
from workbench.tracking.paths import Places
from workbench.tracking.process import try_lock
from workbench.tracking.queue import Outbox
from workbench.tracking.runs import DatasetRecord, RunRecord, RunStatus

_BLOCK = 1 << 20


class UnsavedRunWarning(UserWarning):
    """What an experiment logs cannot be written to disk; it is lost if the process ends before the experiment does."""


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that was logged; each field adds to, or replaces by key, what came before.

    Parameters
    ----------
    tags, params, artifacts, files, datasets
        As in `RunRecord`; datasets replace those before.
    measured
        Values of metrics.
    """

    tags: Mapping[str, str] = {}
    params: Mapping[str, str] = {}
    artifacts: Mapping[str, str] = {}
    files: Mapping[str, str] = {}
    datasets: tuple[DatasetRecord, ...] | None = None
    measured: tuple[Measured, ...] = ()


class Begun(msgspec.Struct, frozen=True):
    """What became of a run that MLflow was to have while it is being written.

    Parameters
    ----------
    run_id, experiment_id
        MLflow's; empty where it has none.
    error
        Why it has none.
    """

    run_id: str = ""
    experiment_id: str = ""
    error: str | None = None


def close_record(record: RunRecord, events: Sequence[Event], *, status: RunStatus, end: int) -> RunRecord:
    """Return `record` with everything that `events` logged."""
    tags, params = dict(record.tags), dict(record.params)
    artifacts, files = dict(record.artifacts), dict(record.files)
    datasets = record.datasets
    for event in events:
        tags |= event.tags
        params |= event.params
        artifacts |= event.artifacts
        files |= event.files
        datasets = datasets if event.datasets is None else event.datasets
    metrics, history = summarise(each for event in events for each in event.measured)
    seconds = {"run/seconds": max(0, end - record.start) / 1000}
    return replace(
        record,
        tags=tags,
        params=params,
        artifacts=artifacts,
        files=files,
        datasets=datasets,
        metrics=seconds | metrics,
        history=history,
        status=status,
        end=end,
    )


class OpenRun:
    """A run that this process writes. Safe to use from several threads.

    Parameters
    ----------
    places
        The project's files.
    record
        The run as it begins.

    Raises
    ------
    ProjectError
        The project cannot be written.
    """

    def __init__(self, places: Places, record: RunRecord) -> None:
        self.record = record
        self.events: list[Event] = []
        self.trouble: str | None = None
        self._places = places
        self._guard = threading.Lock()
        self._lock: int | None = None
        try:
            places.open.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(_lock(places, record.key), os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            replace_atomically(self._path, to_json(record) + "\n", durable=True)
        except OSError as error:
            self._let_go()
            raise ProjectError.not_writable(str(places.open), error.strerror or str(error)) from error

    @property
    def _path(self) -> Path:
        return self._places.open / f"{self.record.key}.jsonl"

    def log(self, event: Event) -> None:
        """Write `event` down: when this returns, killing the process does not lose it.

        A disk that is full is no reason to stop a training: what cannot be written is kept in memory until the run is
        closed.

        Warns
        -----
        UnsavedRunWarning
            Once, where the project cannot be written.
        """
        with self._guard:
            self.events.append(event)
            try:
                with self._path.open("a", encoding="utf-8") as stream:
                    stream.write(to_json(event) + "\n")
            except OSError as error:
                is_first, self.trouble = self.trouble is None, error.strerror or str(error)
                if is_first:
                    message = f"{self._path} cannot be written ({self.trouble}): what is logged is only in memory."
                    warnings.warn(message, UnsavedRunWarning, stacklevel=4)

    def request(self) -> None:
        """Have the sender make the run in MLflow already."""
        self.record = replace(self.record, begun=True)
        replace_atomically(_request(self._places, self.record.key), "")

    def answer(self) -> Begun | None:
        """Return what the sender answered to `request`; None until it did."""
        return read_record(_answer(self._places, self.record.key), Begun)

    def keep(self, file: Path, *, to: str) -> Event:
        """Copy a file, or a folder's files, and log it as an artifact `to`."""
        found = (
            {artifact_path(f"{to}/{path.relative_to(file)}"): path for path in _files(file)} if file.is_dir() else {}
        )
        found = found or ({artifact_path(to): file} if file.is_file() else {})
        if not found:
            raise UsageError(f"There is no file {str(file)!r} to log.", remedy="Write it first, then log its path.")
        digests = {path: self._copied(source, path) for path, source in found.items()}
        event = Event(files=digests)
        self.log(event)
        return event

    def _copied(self, source: Path, path: str) -> str:
        target = self._places.files(self.record.key) / path
        digest = hashlib.sha256()
        try:
            with replacing(target) as unfinished, source.open("rb") as stream, unfinished.open("wb") as copy:
                while block := stream.read(_BLOCK):
                    digest.update(block)
                    copy.write(block)
        except OSError as error:
            raise ProjectError.not_writable(str(target), error.strerror or str(error)) from error
        return digest.hexdigest()

    def closed(self, status: RunStatus) -> RunRecord:
        """Return the whole run as it stands now."""
        return close_record(self.record, self.events, status=status, end=time.time_ns() // 1_000_000)

    def forget(self) -> None:
        """Leave nothing open: the run's record is in the outbox, and a second one would be dropped for its key."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
            _forget_request(self._places, self.record.key)
        self._let_go()

    def _let_go(self) -> None:
        if self._lock is not None:
            with suppress(OSError):
                _lock(self._places, self.record.key).unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None


def requests(places: Places) -> Iterator[tuple[str, RunRecord]]:
    """Yield key and beginning of each open run that MLflow is to have and that nobody answered for yet."""
    for path, key in _open_runs(places):
        if not _request(places, key).exists() or _answer(places, key).exists():
            continue
        with suppress(OSError, ValueError), path.open(encoding="utf-8") as stream:
            yield key, from_json(stream.readline(), RunRecord)


def answer(places: Places, key: str, begun: Begun) -> None:
    """Tell the process that writes the run `key` what became of its request."""
    replace_atomically(_answer(places, key), to_json(begun))
    if not _request(places, key).exists():
        _answer(places, key).unlink(missing_ok=True)  # it was closed meanwhile


def adopt(places: Places) -> int:
    """Queue the runs that dead processes left open, as killed, and return how many are still being written."""
    alive = 0
    for path, key in _open_runs(places):
        with try_lock(_lock(places, key)) as handle:
            if handle is None:
                alive += 1
                continue
            if path.exists():  # else it was closed in this moment
                _queue(places, path)
                path.unlink(missing_ok=True)
                _forget_request(places, key)
            _lock(places, key).unlink(missing_ok=True)
    return alive


def _queue(places: Places, path: Path) -> None:
    """Queue what can be read of an open run; a torn last line is what was being logged when its process died."""
    first, *rest = path.read_text(encoding="utf-8").splitlines() or [""]
    try:
        record = from_json(first, RunRecord)
    except ValueError:
        return
    events = list(_readable(rest))
    end = path.stat().st_mtime_ns // 1_000_000
    tags = {**record.tags, "workbench.error": "its process ended before the experiment did"}
    begun = _request(places, record.key).exists()
    Outbox(places).put(close_record(replace(record, tags=tags, begun=begun), events, status="KILLED", end=end))


def _readable(lines: Sequence[str]) -> Iterator[Event]:
    for line in lines:
        try:
            yield from_json(line, Event)
        except ValueError:
            continue


def _open_runs(places: Places) -> list[tuple[Path, str]]:
    try:
        return [(path, path.stem) for path in sorted(places.open.iterdir()) if path.suffix == ".jsonl"]
    except OSError:
        return []


def _lock(places: Places, key: str) -> Path:
    return places.open / f"{key}.lock"


def _request(places: Places, key: str) -> Path:
    return places.open / f"{key}.begin"


def _answer(places: Places, key: str) -> Path:
    return places.open / f"{key}.begun"


def _forget_request(places: Places, key: str) -> None:
    _request(places, key).unlink(missing_ok=True)
    _answer(places, key).unlink(missing_ok=True)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
