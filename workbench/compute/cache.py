"""The view cache: one folder for each view id, complete or absent.

::

    <root>/<view id>/data.parquet, view.json     never changed once they are there; replaced where they are wrong
    <root>/<view id>/kept-0.parquet, ...         rows that it has from earlier data of the view, by link
    <root>/<view id>/part-0.parquet, ...         more of its rows, where files are written anew beside such
    <root>/<view id>/checksums.json              of its files, where they are published
    <root>/.plans/<plan hash>                    names the view id that was computed by that plan
    <root>/.work/<view id>.<random>/             being written, by the holder of the lock
    <root>/.locks/<view id>.lock                 freed by the system when its holder dies
    <root>/.damaged/<view id>.<random>/          set aside because it could not be read, or was wrong

A view appears by one rename of its folder. Whoever is killed before leaves only a folder in ``.work``, and the next
who comes finds its lock free and removes it.
"""

from __future__ import annotations

import os
import re
import shutil
import time
import uuid
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from workbench.compute.metadata import DATA, StoredView, ViewRecord
from workbench.errors import InvalidName, ProjectError
from workbench.files import link_or_copy, replace_atomically, stamp, sync
from workbench.lazy import deferred
from workbench.records import from_json, to_json

if TYPE_CHECKING:
    import polars as pl

    from workbench.kept import Kept
else:
    pl = deferred("polars")

_HEX = re.compile(r"[0-9a-f]{8,128}")
_KEEP_DAMAGED = 3
_NOTED = 600.0
_TICK_NS = 2_000_000_000
RECORD = "view.json"


class StoredFacts(msgspec.Struct, frozen=True, array_like=True):
    """What a list says of a stored view, and the stamps of the files that say so."""

    stamps: dict[str, tuple[int, ...] | None]
    rows: int
    digest: str


class DamagedViewWarning(UserWarning):
    """A stored view could not be read; it was set aside and is computed again."""


class ViewCache:
    """Computed views on disk, shared by any number of processes.

    Parameters
    ----------
    root
        Folder of the cache; made when first written to.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def get(self, view_id: str, *, using: bool = True) -> StoredView | None:
        """Return the view stored under `view_id`, or None; one that is damaged is set aside, with a warning.

        With `using` it is noted that the view is in use, so that it is not collected.

        What is checked is cheap: the record reads, the file has the recorded size, its Parquet footer reads and names
        the recorded columns.
        """
        folder = self._folder(view_id)
        if not folder.is_dir():
            return None
        try:
            stored = _read(folder, view_id)
        except FileNotFoundError as error:
            if not folder.exists():  # removed in this moment by another process
                return None
            reason = str(error)
        except (OSError, ValueError, pl.exceptions.PolarsError) as error:
            reason = _short(error)
        else:
            if using:
                _touch(folder)
            return stored
        self._set_aside(folder, reason)
        return None

    def facts(self, view_id: str, kept: Kept[StoredFacts]) -> StoredFacts | None:
        """Return what is known of the view stored under `view_id`, or None; its files are read where they are new."""
        folder = self._folder(view_id)
        known = kept.get(view_id)
        if known is not None and known.stamps == _stamps(folder, known.stamps):
            _touch(folder)
            return known
        before = _stamps(folder, (RECORD, DATA))
        stored = self.get(view_id)
        if stored is None:
            return None
        record = stored.record
        stamps = _stamps(folder, (RECORD, *record.files))
        found = StoredFacts(stamps, record.rows, record.digest.exact)
        if before.items() <= stamps.items() and _are_settled(stamps):
            kept.put(view_id, found)
        return found

    def by_plan(self, plan_hash: str) -> StoredView | None:
        """Return a view that was computed by the plan `plan_hash`, or None."""
        try:
            view_id = (self.root / ".plans" / _valid(plan_hash)).read_text(encoding="utf-8")
            stored = self.get(view_id)
        except (OSError, InvalidName):
            return None
        return stored if stored is not None and stored.record.plan_hash == plan_hash else None

    def adopt(self, record: ViewRecord, other: StoredView) -> StoredView:
        """Store the data of `other` under another view id too, without copying where the file system can link."""
        with self.work_folder(record.view_id) as work:
            for name in other.record.files:
                link_or_copy(other.folder / name, work / name)
            return self.commit(work, record)

    @contextmanager
    def work_folder(self, view_id: str) -> Iterator[Path]:
        """Give a new folder to write a view in; whatever of it was not committed is removed at the end."""
        work = self.root / ".work" / f"{_valid(view_id)}.{uuid.uuid4().hex}"
        try:
            work.mkdir(parents=True)
        except OSError as error:
            raise ProjectError.not_writable(str(self.root), _reason(error)) from error
        try:
            yield work
        finally:
            remove(work)

    def commit(self, work: Path, record: ViewRecord) -> StoredView:
        """Make what was written in `work` the view of `record.view_id`, at once and durably; never overwrites."""
        folder = self._folder(record.view_id)
        record = replace(record, size=sum((work / name).stat().st_size for name in record.files))
        try:
            (work / RECORD).write_text(to_json(record, indent=1), encoding="utf-8")
            for path in (*(work / name for name in record.files), work / RECORD, work):
                sync(path)
            try:
                work.rename(folder)
            except OSError:
                first = self.get(record.view_id)
                if first is not None:
                    return first
                work.rename(folder)
            sync(self.root)
            if record.plan_hash is not None:
                self._index(record.plan_hash, record.view_id)
        except OSError as error:
            raise ProjectError.not_writable(str(self.root), _reason(error)) from error
        return StoredView(record.view_id, folder, record)

    def replace(self, work: Path, record: ViewRecord) -> StoredView:
        """Make what was written in `work` the view of `record.view_id`; what was stored is set aside. Hold its lock."""
        self._move_aside(self._folder(record.view_id))
        return self.commit(work, record)

    @contextmanager
    def lock(self, view_id: str) -> Iterator[None]:
        """Hold the lock to compute `view_id`; the lock is released when its holder ends or dies."""
        from filelock import FileLock

        path = self.root / ".locks" / f"{_valid(view_id)}.lock"
        lock = FileLock(path, thread_local=False)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except OSError as error:
            raise ProjectError.not_writable(str(self.root), _reason(error)) from error
        try:
            yield
        finally:
            lock.release()

    def stored(self) -> dict[str, int]:
        """Return the bytes of every stored view, by view id."""
        return {
            folder.name: sum(_size(path) for path in _entries(folder))
            for folder in _entries(self.root)
            if _HEX.fullmatch(folder.name)
        }

    def age(self, view_id: str) -> float:
        """Return the seconds since a view was stored, or read."""
        return time.time() - _modified_at(self._folder(view_id))

    def drop(self, view_id: str) -> bool:
        """Remove a stored view atomically; return False if it is missing or being written."""
        from filelock import FileLock, Timeout

        lock = FileLock(self.root / ".locks" / f"{_valid(view_id)}.lock", timeout=0, thread_local=False)
        aside = self.root / ".work" / f"{view_id}.{uuid.uuid4().hex}"
        try:
            (self.root / ".locks").mkdir(exist_ok=True)
            aside.parent.mkdir(exist_ok=True)
            with lock:
                self._folder(view_id).rename(aside)
                return remove(aside)
        except (Timeout, FileNotFoundError):
            return False
        except OSError as error:
            raise ProjectError.not_writable(str(self.root), _reason(error)) from error

    def sweep(self) -> int:
        """Remove what killed processes left, and return how many folders that were; those at work are left alone."""
        from filelock import FileLock, Timeout

        left = 0
        for work in _entries(self.root / ".work"):
            lock = FileLock(self.root / ".locks" / f"{work.name.partition('.')[0]}.lock", timeout=0, thread_local=False)
            try:
                with lock:
                    left += remove(work)
            except (Timeout, OSError):
                continue
        oldest_first = sorted(_entries(self.root / ".damaged"), key=_modified_at)
        for damaged in oldest_first[:-_KEEP_DAMAGED]:
            remove(damaged)
        return left

    def _folder(self, view_id: str) -> Path:
        return self.root / _valid(view_id)

    def _index(self, plan_hash: str, view_id: str) -> None:
        replace_atomically(self.root / ".plans" / plan_hash, view_id)

    def _move_aside(self, folder: Path) -> Path | None:
        """Return where a stored view was set aside; None where another process was quicker."""
        aside = self.root / ".damaged" / f"{folder.name}.{uuid.uuid4().hex}"
        try:
            aside.parent.mkdir(exist_ok=True)
            folder.rename(aside)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ProjectError.not_writable(str(self.root), _reason(error)) from error
        return aside

    def _set_aside(self, folder: Path, reason: str) -> None:
        aside = self._move_aside(folder)
        if aside is None:
            return
        message = f"The stored view {folder.name[:12]} is damaged ({reason}); set aside in {aside}, computing it again."
        warnings.warn(message, DamagedViewWarning, stacklevel=4)


def remove(folder: Path) -> bool:
    """Remove `folder` and what is in it; True if it was there. A second Ctrl-C does not stop it."""
    there = folder.exists()
    for _ in range(3):
        try:
            shutil.rmtree(folder, ignore_errors=True)
        except KeyboardInterrupt:  # the engine and Python both report one Ctrl-C; the first is on its way up already
            continue
        break
    return there


def _read(folder: Path, view_id: str) -> StoredView:
    record = from_json((folder / RECORD).read_bytes(), ViewRecord)
    if record.view_id != view_id:
        raise ValueError(f"its record belongs to {record.view_id[:12]}")
    paths = [folder / name for name in record.files]
    size = sum(path.stat().st_size for path in paths)
    if size != record.size:
        raise ValueError(f"{size} bytes instead of {record.size}")
    if any(tuple(pl.scan_parquet(path, glob=False).collect_schema()) != record.order for path in paths):
        raise ValueError("its columns differ from its record")
    return StoredView(view_id, folder, record)


def _stamps(folder: Path, names: Iterable[str]) -> dict[str, tuple[int, ...] | None]:
    return {name: stamp(folder / name) for name in names}


def _are_settled(stamps: Mapping[str, tuple[int, ...] | None]) -> bool:
    """Whether who writes one of the files from now on leaves another stamp: a clock's tick is over."""
    return all(each is not None and time.time_ns() - max(each[:2]) > _TICK_NS for each in stamps.values())


def _valid(name: str) -> str:
    if not _HEX.fullmatch(name):
        raise InvalidName.of("view id", name, rule="It is a hash in lower-case hexadecimal.")
    return name


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _touch(folder: Path) -> None:
    """Note that a view is in use, unless that was noted lately, so that it is not collected."""
    if time.time() - _modified_at(folder) > _NOTED:
        with suppress(OSError):  # read-only: nobody collects there either
            os.utime(folder)


def _modified_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def _short(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0][:200] if lines else type(error).__name__
