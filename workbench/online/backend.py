"""`OnlineBackend`: what a store of rows must do to be the online store; one file a store, and one entry in `BACKENDS`.

A *generation* is the rows of one view and major version as they were loaded at one time. Its rows never change, and its
number is never used again: readers find in the catalogue which generation answers, and what they read then cannot be
half of one and half of another.

A row answers from the instant at which it is known on (the later of event time and `created`) until the next one does;
rows that another one beats at every instant are not stored. So one look finds the row that holds at any time.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain, count, repeat
from typing import Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt

from workbench.errors import OnlineError
from workbench.online.keys import HASHED, SUFFIX, descending
from workbench.online.packed import Packed, joined, packed

BOUNDS = struct.Struct(">qq")
"""Since when and until when a row answers, where that is stored in front of it."""
FOREVER = 2**63 - 1
"""Microseconds since the epoch at which a row is replaced that no other replaces."""
WAIT = 600.0
"""Seconds that a writer waits for another."""
ATTEMPTS = 20
"""How often a step begins anew that another's came between."""

T = TypeVar("T")


def prefix_of(generation: int) -> bytes:
    """Return what the keys of a generation begin with."""
    return generation.to_bytes(4, "big")


@dataclass(frozen=True, slots=True)
class StoredEntity:
    """All rows of one entity, to be written.

    Attributes
    ----------
    key
        Its key, without the generation.
    rows
        From when on each is known (microseconds since the epoch), and its bytes; the latest first.
    latest
        The place of the row that answers now, or of the earliest one.
    """

    key: bytes
    rows: Sequence[tuple[int, bytes]]
    latest: int

    @property
    def answer(self) -> bytes:
        """The latest row, after the instants between which it answers."""
        known, row = self.rows[self.latest]
        return BOUNDS.pack(known, self.rows[self.latest - 1][0] if self.latest else FOREVER) + row

    def keyed(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the rows with their keys, in the order of keys."""
        for known, row in self.rows:
            yield prefix + self.key + descending(known), row


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """Many entities with all of their rows, in the order of keys; what `StoredEntity` is to one, without its cost.

    Attributes
    ----------
    keys
        The entities' keys, without the generation.
    starts
        Where the rows of each entity begin.
    known, rows
        Since when each row is known, and its bytes; of each entity the latest first.
    latest
        The place of the row that answers now, among the rows of each entity.
    """

    keys: Sequence[bytes]
    starts: npt.NDArray[np.int64]
    known: npt.NDArray[np.int64]
    rows: Sequence[bytes]
    latest: npt.NDArray[np.int64]

    @classmethod
    def of(cls, entities: Sequence[StoredEntity]) -> Self:
        """Return a block of entities."""
        counts = np.array([len(entity.rows) for entity in entities], np.int64)
        known = np.array([known for entity in entities for known, _ in entity.rows], np.int64)
        return cls(
            keys=[entity.key for entity in entities],
            starts=np.cumsum(counts) - counts,
            known=known,
            rows=[row for entity in entities for _, row in entity.rows],
            latest=np.array([entity.latest for entity in entities], np.int64),
        )

    @property
    def has_hashes(self) -> bool:
        """Whether some keys are hashes, which are in no order."""
        keys = self.keys
        return HASHED[0] in (keys.data[:: keys.size] if isinstance(keys, Packed) else {key[0] for key in keys})

    def entities(self) -> Iterator[StoredEntity]:
        """Yield the entities."""
        known, starts, latest = self.known.tolist(), self.starts.tolist(), self.latest.tolist()
        rows, ends = list(self.rows), [*starts[1:], len(known)]
        for key, start, end, place in zip(self.keys, starts, ends, latest, strict=True):
            yield StoredEntity(key, list(zip(known[start:end], rows[start:end], strict=True)), place)

    def row_keys(self) -> Sequence[bytes]:
        """Return the rows' keys, without the generation: they are in order."""
        lengths = np.diff(self.starts, append=len(self.rows))
        suffixes = (2**63 - 1 - self.known).astype(">u8")
        if (keys := packed(self.keys)) is not None:
            return Packed.of_columns(np.repeat(keys.array, lengths), suffixes)
        data = suffixes.tobytes()
        repeated = chain.from_iterable(map(repeat, self.keys, lengths.tolist()))
        return [key + data[place : place + SUFFIX] for key, place in zip(repeated, count(0, SUFFIX))]

    def answers(self) -> Sequence[bytes]:
        """Return the row that answers now of each entity, after the instants between which it does."""
        places = self.starts + self.latest
        untils = np.where(self.latest > 0, self.known[places - 1], FOREVER)
        bounds = np.stack([self.known[places], untils], axis=1).astype(">i8").tobytes()
        size, rows = BOUNDS.size, self.rows
        if isinstance(rows, Packed):
            return Packed.of_columns(Packed(bounds, size).array, rows.array[places])
        return [bounds[begin : begin + size] + rows[place] for begin, place in zip(count(0, size), places.tolist())]


@dataclass(frozen=True, slots=True)
class Written:
    """How many rows and entities a generation has, and a digest of keys and bytes in the order of keys."""

    entities: int
    rows: int
    digest: str


class Tally:
    """Counts what is written or read back, entity by entity in the order of keys."""

    def __init__(self) -> None:
        self.entities = self.rows = 0
        self._keys, self._data = hashlib.sha256(), hashlib.sha256()  # processors have instructions for it

    def add(self, key: bytes, row: bytes) -> None:
        """Count a row under its key, which is without the generation."""
        self.add_all([key], [row])

    def add_all(self, keys: Sequence[bytes], rows: Sequence[bytes]) -> None:
        """Count rows under their keys."""
        self.rows += len(rows)
        self._keys.update(joined(keys))
        self._data.update(joined(rows))

    @property
    def written(self) -> Written:
        """What was counted."""
        return Written(self.entities, self.rows, self._keys.hexdigest() + self._data.hexdigest())


def in_order(entities: Iterable[StoredEntity | StoredBlock]) -> Iterator[StoredEntity]:
    """Yield entities one by one in the order of keys: those whose keys are hashes at the end."""
    hashed: list[StoredEntity] = []
    for each in entities:
        for entity in each.entities() if isinstance(each, StoredBlock) else (each,):
            if entity.key.startswith(HASHED):
                hashed.append(entity)
            else:
                yield entity
    yield from sorted(hashed, key=lambda entity: entity.key)


def in_blocks(entities: Iterable[StoredEntity | StoredBlock], rows: int) -> Iterator[StoredBlock]:
    """Yield entities in the order of keys, in blocks: as they come, or of about as many `rows`."""
    single: list[StoredEntity] = []
    hashed: list[StoredEntity] = []
    waiting = 0
    for each in entities:
        if isinstance(each, StoredBlock) and not each.has_hashes:
            if single:
                yield StoredBlock.of(single)
                single, waiting = [], 0
            yield each
            continue
        for entity in each.entities() if isinstance(each, StoredBlock) else (each,):
            if entity.key.startswith(HASHED):
                hashed.append(entity)
                continue
            single.append(entity)
            waiting += len(entity.rows)
            if waiting >= rows:
                yield StoredBlock.of(single)
                single, waiting = [], 0
    single += sorted(hashed, key=lambda entity: entity.key)
    for start in range(0, len(single), rows):
        yield StoredBlock.of(single[start : start + rows])


def read_in_parts(
    read: Callable[[Sequence[bytes]], tuple[int, list[T]]], keys: Sequence[bytes], *, size: int, place: str
) -> tuple[int, list[T]]:
    """Read many keys by several reads: a version is never used again, so all between two equal ones is of it."""
    if len(keys) <= size:
        return read(keys)
    for _ in range(ATTEMPTS):
        parts = [read(keys[start : start + size]) for start in range(0, len(keys), size)]
        versions = {version for version, _ in parts}
        if len(versions) == 1:
            return versions.pop(), list(chain.from_iterable(found for _, found in parts))
    raise OnlineError(f"{place} is loaded again and again while it is read.", remedy="Try again in a moment.")


class OnlineBackend(Protocol):
    """Rows by generation, entity and time, and a small catalogue of named values; for many threads and processes."""

    @property
    def place(self) -> str:
        """Where it is, for people; without a password."""

    def version(self) -> int:
        """Return the number of the catalogue's latest change; 0 where nothing was ever loaded."""

    def catalog(self) -> tuple[int, Mapping[str, bytes]]:
        """Return the catalogue, and its version."""

    def latest(self, keys: Sequence[bytes]) -> tuple[int, list[bytes | None]]:
        """Return the catalogue's version, and each key's latest row after the instants between which it answers.

        `keys` begin with a generation. The instants are packed by `BOUNDS`. The version and the rows are of one moment.
        """

    def as_of(self, keys: Sequence[bytes], instant: int) -> tuple[int, list[bytes | None]]:
        """Return the catalogue's version, and for each key the row that answers at an instant."""

    def rows(self, generation: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield all rows of a generation by their keys (without the generation), in order."""

    def writing(self) -> AbstractContextManager[OnlineWriter]:
        """Give the one writer there may be, or wait for it."""


@dataclass(frozen=True, slots=True)
class ReadOnlyBackend:
    """What may be read of a backend; nothing that has it can write."""

    place: str
    version: Callable[[], int]
    catalog: Callable[[], tuple[int, Mapping[str, bytes]]]
    latest: Callable[[Sequence[bytes]], tuple[int, list[bytes | None]]]
    as_of: Callable[[Sequence[bytes], int], tuple[int, list[bytes | None]]]

    @classmethod
    def of(cls, backend: OnlineBackend) -> Self:
        """Return what may be read of `backend`."""
        return cls(backend.place, backend.version, backend.catalog, backend.latest, backend.as_of)


class OnlineWriter(Protocol):
    """Writes new generations; only a change of the catalogue makes readers see one."""

    def new_generation(self) -> int:
        """Return a number that no generation ever had."""

    def append(self, generation: int, entities: Iterable[StoredEntity | StoredBlock]) -> Written:
        """Write the rows of a generation: entities in the order of their keys, but for those whose keys are hashes."""

    def read_back(self, generation: int) -> Written:
        """Return what is stored of a generation, read anew."""

    def change(self, values: Mapping[str, bytes | None]) -> int:
        """Set and, where None, remove values of the catalogue in one step; return its new version."""

    def generations(self) -> set[int]:
        """Return the numbers of all generations that have rows, whether the catalogue names them or not."""

    def remove(self, generation: int) -> None:
        """Remove all rows of a generation."""
