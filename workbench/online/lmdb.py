"""The online store in a folder: LMDB, which many processes read while one writes.

Tables: ``catalog`` (names to values, and the version under `VERSION`), ``latest`` (generation and entity to the row
that answers at loading, with the instants between which it does) and ``rows`` (generation, entity and descending
instant to each row). A look costs about a microsecond; what a cache in front of it could save is less than its cost.
"""

from __future__ import annotations

import os
import struct
import threading
import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import OnlineError
from workbench.online.backend import WAIT, Tally, Written, in_blocks, prefix_of
from workbench.online.keys import descending
from workbench.online.packed import packed, pairs_of

if TYPE_CHECKING:
    from workbench.config import OnlineSettings
    from workbench.online.backend import OnlineWriter, StoredBlock, StoredEntity

VERSION, NEXT = b"\x00version", b"\x00next"
BATCH = 50_000
"""Rows that are written in one transaction."""
SWEPT = 5_000
"""Rows that are removed in one transaction, so that readers are not held up."""
READERS = 1_024
_NUMBER = struct.Struct(">Q")
RECHECK = 1.0
"""Seconds after which a reader looks whether its file is still there, or another in its place."""

_open: dict[tuple[int, int], tuple[Any, Any]] = {}
"""Environment and tables of each file. LMDB forbids to open a file twice in a process: all handles share them.

The tables too: `open_db` waits for whoever writes, and keeps the GIL while it waits. Were that another thread of this
process, neither would ever go on; but a thread that writes has opened them before.
"""
_TABLES = b"catalog", b"latest", b"rows"
_opening = threading.Lock()


class LmdbStore:
    """The online store in the folder `path`.

    Parameters
    ----------
    path
        The folder; made when something is first written.
    map_size
        Bytes that the file may grow to; it takes up only what it holds.
    """

    def __init__(self, path: Path, *, map_size: int) -> None:
        self._path = path
        self._map_size = map_size
        self._file = str(path / "data.mdb")
        self._identity: tuple[int, int] | None = None
        self._seen = 0.0
        self._environment: Any = None
        self._tables: tuple[Any, Any, Any] | None = None

    @classmethod
    def of(cls, settings: OnlineSettings, home: Path, project: str) -> LmdbStore:  # noqa: ARG003 - a folder is one's
        """Return the store that ``[online]`` describes; without a path, in the project's home."""
        return cls(home / "online" if settings.path is None else home / settings.path, map_size=settings.map_size)

    @property
    def place(self) -> str:
        """The folder."""
        return str(self._path)

    def version(self) -> int:
        """See `OnlineBackend.version`."""
        tables = self._opened()
        if tables is None:
            return 0
        with self._reading() as transaction:
            return _version(transaction, tables[0])

    def catalog(self) -> tuple[int, Mapping[str, bytes]]:
        """See `OnlineBackend.catalog`."""
        tables = self._opened()
        if tables is None:
            return 0, {}
        with self._reading() as transaction:
            found = {bytes(name): bytes(value) for name, value in transaction.cursor(tables[0])}
        return _number(found.get(VERSION)), {
            name.decode(): value for name, value in found.items() if not name.startswith(b"\x00")
        }

    def latest(self, keys: Sequence[bytes]) -> tuple[int, list[bytes | None]]:
        """See `OnlineBackend.latest`."""
        tables = self._opened()
        if tables is None:
            return 0, [None] * len(keys)
        catalog, latest, _ = tables
        try:  # not by `_reading`, whose generator would take half as long as the read
            with self._environment.begin() as transaction:
                get = transaction.get
                return _number(get(VERSION, None, catalog)), [get(key, None, latest) for key in keys]
        except _lmdb().Error as error:
            raise self._failure(error) from error

    def as_of(self, keys: Sequence[bytes], instant: int) -> tuple[int, list[bytes | None]]:
        """See `OnlineBackend.as_of`."""
        tables = self._opened()
        if tables is None:
            return 0, [None] * len(keys)
        suffix = descending(instant)
        try:
            with self._environment.begin() as transaction:
                version = _version(transaction, tables[0])
                cursor = transaction.cursor(tables[2])
                seek, name, row = cursor.set_range, cursor.key, cursor.value
                # what begins with an entity's key is its own row: none is the beginning of another; not by `item`, as
                # the garbage collector would look through so many pairs again and again
                return version, [row() if seek(key + suffix) and name().startswith(key) else None for key in keys]
        except _lmdb().Error as error:
            raise self._failure(error) from error

    def rows(self, generation: int) -> Iterator[tuple[bytes, bytes]]:
        """See `OnlineBackend.rows`."""
        tables = self._opened()
        if tables is not None:
            for keys, rows in self._range(tables[2], prefix_of(generation)):
                yield from zip(keys, rows, strict=True)

    @contextmanager
    def writing(self) -> Iterator[OnlineWriter]:
        """See `OnlineBackend.writing`."""
        from filelock import FileLock, Timeout

        try:
            self._path.mkdir(parents=True, exist_ok=True)
            with FileLock(self._path / "load.lock", timeout=WAIT):
                self._open(create=True)
                yield _Writer(self)
        except Timeout:
            raise OnlineError(
                f"Another process has been loading the online store {self.place} for {WAIT / 60:.0f} minutes.",
                remedy="Wait for it, or end it: what it has not finished is removed by the next load.",
            ) from None
        except (OSError, _lmdb().Error) as error:
            raise self._failure(error) from error

    def _range(self, table: Any, prefix: bytes) -> Iterator[tuple[Sequence[bytes], list[bytes]]]:
        """Yield what begins with `prefix`: the ends of keys, and values.

        It is some at a time, since a long transaction would keep removed pages from reuse; and not in pairs, since the
        garbage collector would look through so many tuples again and again.
        """
        start, length, is_last = prefix, len(prefix), False
        while not is_last:
            with self._reading() as transaction:
                cursor = transaction.cursor(table)
                flat = list(chain.from_iterable(islice(cursor, BATCH))) if cursor.set_range(start) else []
            keys, values = flat[::2], flat[1::2]
            is_last = len(keys) < BATCH or not keys[-1].startswith(prefix)
            if is_last:
                there = bisect_left(keys, True, key=lambda key: not key.startswith(prefix))  # noqa: FBT003 - what is sought
                del keys[there:], values[there:]
            if keys:
                start = keys[-1] + b"\x00"
                whole = packed(keys)
                yield [key[length:] for key in keys] if whole is None else whole.ends(length), values

    def _count(self, table: Any, prefix: bytes) -> int:
        """Return how many keys begin with `prefix`."""
        start, found, is_last = prefix, 0, False
        while not is_last:  # some at a time, as in `_range`
            with self._reading() as transaction:
                cursor = transaction.cursor(table)
                keys = list(islice(cursor.iternext(values=False), BATCH)) if cursor.set_range(start) else []
            is_last = len(keys) < BATCH or not keys[-1].startswith(prefix)
            found += bisect_left(keys, True, key=lambda key: not key.startswith(prefix)) if is_last else len(keys)  # noqa: FBT003 - what is sought
            start = keys[-1] + b"\x00" if keys else start
        return found

    @contextmanager
    def _reading(self) -> Iterator[Any]:
        try:
            with self._environment.begin() as transaction:
                yield transaction
        except _lmdb().Error as error:
            raise self._failure(error) from error

    def _opened(self) -> tuple[Any, Any, Any] | None:
        """Return the tables; None where nothing was ever written, or somebody deleted it."""
        now = time.monotonic()
        if self._tables is not None and now - self._seen < RECHECK:
            return self._tables
        try:
            found = _identity(Path(self._file))
        except FileNotFoundError:
            self._tables = None
            return None
        if found != self._identity or self._tables is None:
            self._open(create=False)
        self._seen = now
        return self._tables

    def _open(self, *, create: bool) -> None:
        lmdb = _lmdb()
        file = Path(self._file)
        with _opening:
            try:
                environment, tables = _open.get(_identity(file), (None, None)) if file.exists() else (None, None)
                if environment is None:
                    readonly = not create and not os.access(self._path, os.W_OK)
                    environment = lmdb.open(
                        str(self._path),
                        map_size=self._map_size,
                        max_dbs=3,
                        max_readers=READERS,
                        readonly=readonly,
                        create=create,
                        max_spare_txns=8,
                    )
                    environment.reader_check()  # slots of readers that were killed
                if tables is None:
                    _open[_identity(file)] = environment, None
                    tables = tuple(environment.open_db(name, create=create) for name in _TABLES)
                    _open[_identity(file)] = environment, tables
                self._tables = tables
            except lmdb.NotFoundError:  # killed before its first transaction
                self._tables = None
                return
            except (OSError, lmdb.Error) as error:
                raise self._failure(error) from error
            self._environment, self._identity = environment, _identity(file)

    def _failure(self, error: Exception) -> OnlineError:
        full = isinstance(error, _lmdb().MapFullError)
        return OnlineError(
            f"The online store {self.place} cannot be used: {'its map is full' if full else error}.",
            remedy="Raise [online] map_size in workbench.toml."
            if full
            else "What it holds is a copy of the lake: free space or correct permissions, or delete the folder, then "
            "run `workbench online load`.",
        )


class _Writer:
    def __init__(self, store: LmdbStore) -> None:
        self._store = store
        assert store._tables is not None  # opened by whoever made this  # noqa: S101
        self._catalog, self._latest, self._rows = store._tables

    def new_generation(self) -> int:
        with self._store._environment.begin(write=True) as transaction:
            number = _number(transaction.get(NEXT, db=self._catalog)) + 1
            transaction.put(NEXT, _NUMBER.pack(number), db=self._catalog)
        return number

    def append(self, generation: int, entities: Iterable[StoredEntity | StoredBlock]) -> Written:
        tally = Tally()
        for block in in_blocks(entities, BATCH):
            keys = block.row_keys()
            tally.add_all(keys, block.rows)
            tally.entities += len(block.keys)
            self._put(generation, (self._rows, keys, block.rows), (self._latest, block.keys, block.answers()))
        return tally.written

    def _put(self, generation: int, *columns: tuple[Any, Sequence[bytes], Sequence[bytes]]) -> None:
        """Write keys and values at the end of tables: generations only grow."""
        prefix = prefix_of(generation)
        with self._store._environment.begin(write=True) as transaction:
            for table, keys, values in columns:
                pairs = pairs_of(prefix, keys, values)
                _, added = transaction.cursor(table).putmulti(pairs, dupdata=False, overwrite=False, append=True)
                if added != len(keys):
                    raise OnlineError(
                        f"The online store {self._store.place} has rows where a new generation is written.",
                        remedy="Delete the folder and run `workbench online load`.",
                    )

    def read_back(self, generation: int) -> Written:
        prefix, tally = prefix_of(generation), Tally()
        for keys, rows in self._store._range(self._rows, prefix):
            tally.add_all(keys, rows)
        tally.entities = self._store._count(self._latest, prefix)
        return tally.written

    def change(self, values: Mapping[str, bytes | None]) -> int:
        with self._store._environment.begin(write=True) as transaction:
            for name, value in values.items():
                if value is None:
                    transaction.delete(name.encode(), db=self._catalog)
                else:
                    transaction.put(name.encode(), value, db=self._catalog)
            version = _version(transaction, self._catalog) + 1
            transaction.put(VERSION, _NUMBER.pack(version), db=self._catalog)
        return version

    def generations(self) -> set[int]:
        found: set[int] = set()
        with self._store._environment.begin() as transaction:
            for table in (self._rows, self._latest):
                cursor = transaction.cursor(table)
                there = cursor.first()
                while there:
                    found.add(number := int.from_bytes(cursor.key()[:4], "big"))
                    there = cursor.set_range(prefix_of(number + 1))
        return found

    def remove(self, generation: int) -> None:
        prefix = prefix_of(generation)
        for table in (self._latest, self._rows):
            more = True
            while more:
                with self._store._environment.begin(write=True) as transaction:
                    cursor = transaction.cursor(table)
                    more = cursor.set_range(prefix) and cursor.key().startswith(prefix)
                    for _ in range(SWEPT):
                        if not more:
                            break
                        more = cursor.delete() and cursor.key().startswith(prefix)


def _lmdb() -> Any:
    import lmdb

    return lmdb


def _identity(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_dev, found.st_ino


def _version(transaction: Any, catalog: Any) -> int:
    return _number(transaction.get(VERSION, db=catalog))


def _number(value: bytes | None) -> int:
    return 0 if value is None else int(_NUMBER.unpack(value)[0])
