"""Records that MLflow does not have yet: one file each, in order of submission."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from workbench.files import UNFINISHED, replace_atomically
from workbench.records import from_json, to_json
from workbench.tracking.paths import Places
from workbench.tracking.runs import RunRecord

_STALE_SECONDS = 3600.0


class Queued(NamedTuple):
    """A record's file in the outbox."""

    path: Path
    key: str


class Corrupt(Exception):  # never leaves the room: the sender sets the file aside
    """A file of the outbox that holds no record."""


@dataclass(frozen=True, slots=True)
class Outbox:
    """The queue on disk. Many processes put; the one sender takes.

    Parameters
    ----------
    places
        The project's files.
    """

    places: Places

    def put(self, record: RunRecord) -> Path:
        """Queue `record`: when this returns, killing the process or a power cut does not lose it."""
        path = self.places.outbox / f"{time.time_ns():020d}-{record.key}.json"
        replace_atomically(path, to_json(record), durable=True)
        return path

    def __iter__(self) -> Iterator[Queued]:
        """Yield what is queued, oldest first."""
        try:
            names = sorted(path.name for path in self.places.outbox.iterdir())
        except FileNotFoundError:
            return
        for name in names:
            if name.endswith(".json") and not name.startswith("."):
                yield Queued(path := self.places.outbox / name, _key(path))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def find(self, key: str) -> Path | None:
        """Return the file of the queued record `key`, or None."""
        return next((queued.path for queued in self if queued.key == key), None)

    def read(self, path: Path) -> RunRecord:
        """Return the record in `path`."""
        try:
            return from_json(path.read_bytes(), RunRecord)
        except ValueError as error:
            raise Corrupt(f"{path.name} is not a run record ({error})") from None

    def set_aside(self, path: Path, reason: str) -> Path:
        """Move `path` out of the queue, with `reason` beside it; it can be moved back by hand."""
        self.places.rejected.mkdir(parents=True, exist_ok=True)
        place = self.places.rejected / path.name
        replace_atomically(place.with_suffix(".reason.txt"), reason + "\n")
        path.replace(place)
        self.attempt_mark(path).unlink(missing_ok=True)
        return place

    def requeue(self) -> int:
        """Put what was set aside back into the queue, as attempted before; return how many."""
        names = self.set_aside_names()
        for name in names:
            path = self.places.outbox / name
            replace_atomically(self.attempt_mark(path), "")
            (self.places.rejected / name).replace(path)
            (self.places.rejected / name).with_suffix(".reason.txt").unlink(missing_ok=True)
        return len(names)

    def set_aside_names(self) -> tuple[str, ...]:
        """Return the names of the files that were set aside."""
        return tuple(sorted(path.name for path in self.places.rejected.glob("*.json")))

    def reason(self, key: str) -> str | None:
        """Return why the record `key` was set aside, or None if it was not."""
        for path in self.places.rejected.glob(f"*-{key}.reason.txt"):
            return path.read_text(encoding="utf-8").strip()
        return None

    def attempt_mark(self, path: Path) -> Path:
        """Return the mark that says: a run for this record may exist in MLflow already."""
        return path.with_suffix(".attempted")

    def remove(self, path: Path) -> None:
        """Take a delivered record out of the queue, with the files it took along."""
        path.unlink(missing_ok=True)
        self.attempt_mark(path).unlink(missing_ok=True)
        shutil.rmtree(self.places.files(_key(path)), ignore_errors=True)

    def sweep(self) -> None:
        """Remove half-written files that processes killed an hour or more ago left."""
        horizon = time.time() - _STALE_SECONDS
        for path in self.places.outbox.glob(f"{UNFINISHED}*"):
            if path.stat().st_mtime < horizon:
                path.unlink(missing_ok=True)


def _key(path: Path) -> str:
    return path.name[: -len(".json")].rpartition("-")[2]
