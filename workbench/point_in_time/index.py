"""`JoinIndex`: keys and times of a stored view's rows, kept beside it in the order in which the as-of rule looks.

A training set needs few of a view's keys and times, and they lie anywhere in its files: without an index all of them
are decoded for each training set. An index takes 12 bytes a row, and its keys for each entity::

    <folder>/entities.arrow    one row an entity: its keys, and where its rows are in the other two files
    <folder>/events.npy        event times, entity by entity, in order; they are mapped into memory
    <folder>/rows.npy          the number of the row that each belongs to
    <folder>/index.json        what it was made of, and checksums of these files

The folder's name stands for the files that hold the view's rows, so that an index of other files is never looked at.
All of it may be deleted at any time. Who needs it first leaves an empty folder, who needs it again fills that: one
training set alone is not worth an index.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from uuid import uuid4

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from workbench.files import UNFINISHED, stamp
from workbench.memory import memory_share
from workbench.point_in_time.candidates import AT, EVENT, INDEX, ROW, KeyPair, ViewRows, narrow_rows
from workbench.point_in_time.row_lookup import find_runs, last_not_later

ENTITIES, EVENTS, ROWS, MANIFEST = "entities.arrow", "events.npy", "rows.npy", "index.json"
INDEXES = "join-"
"""How the names of the folders begin."""
INDEXED = 262_144
"""Rows from which an index is worth its place: more than a row group of a computed view."""
_START, _END = "start", "end"
_MAKING = 110
"""Bytes that a row takes in memory while an index is made, copies included."""
_SHARE = 0.5
"""The part of what a step may use that they may take together."""
_STORED = 32
"""Bytes that a row may take on disk."""
_NOTED = 600.0
_BLOCK = 2**20
_TEXTS = (pl.String, pl.Categorical, pl.Enum)


class _Manifest(msgspec.Struct, frozen=True):
    """What an index was made of: key columns in the order of their names, and the event time, with their dtypes."""

    keys: dict[str, str]
    event_time: tuple[str, str]
    checksums: dict[str, int] = {}


@dataclass(frozen=True, slots=True)
class JoinIndex:
    """Where the rows of each entity are, in order of event time and row number.

    Parameters
    ----------
    entities
        Keys under `names`, and ``start`` and ``end`` of the entity's rows.
    events, rows
        Event time and number of each row.
    names
        What the key columns are called in `entities`, by their names in the view.
    """

    entities: pl.DataFrame
    events: NDArray[np.int64]
    rows: NDArray[np.uint32]
    names: dict[str, str]

    def latest(self, asked: pl.DataFrame, pairs: Sequence[KeyPair], names: Sequence[str]) -> pl.DataFrame:
        """Return `AT`, and `ROW` and `EVENT` of the last row not later; one row a row of `asked`, in their order."""
        keys = list(zip(pairs, names, strict=True))
        spine = asked.select(AT, *(pl.col(name).cast(_as_stored(pair.dtype)) for pair, name in keys)).with_row_index(
            INDEX
        )
        own = [pl.col(self.names[pair.rows]).cast(_as_stored(pair.dtype)).alias(name) for pair, name in keys]
        runs = self.entities.select(_START, _END, *own)
        joined = spine.join(runs, on=list(names), how="inner") if names else spine.join(runs, how="cross")
        place, at, start, end = (joined[name].to_numpy() for name in (INDEX, AT, _START, _END))
        found = last_not_later(self.events, at, start, end)
        known = np.flatnonzero(found >= start)
        won = pl.DataFrame({ROW: self.rows[found[known]], EVENT: self.events[found[known]]})
        winner = np.full(asked.height, won.height, dtype=np.int64)
        winner[place[known]] = np.arange(won.height)
        numbers = pl.Series(winner)
        return asked.select(AT).hstack(won.select(pl.all().gather(numbers.set(numbers == won.height, None))))


def index_folder(facts: Path, *, rows: int, files: Callable[[], Sequence[str]]) -> Callable[[], Path] | None:
    """Return what says where among the `facts` of a stored view its index is; None where it has few rows.

    The files hold the rows, in this order.
    """
    return partial(_folder_of, facts, files) if rows >= INDEXED else None


def _folder_of(facts: Path, files: Callable[[], Sequence[str]]) -> Path:
    identity = repr([_identity(file) for file in files()])
    return facts / f"{INDEXES}{hashlib.sha256(identity.encode()).hexdigest()[:32]}"


def _identity(file: str) -> tuple[object, ...]:
    """Return what no other file has, nor this one after it was written to; links to one file have the same."""
    if "://" in file:  # in an object store a name is given once
        return (file,)
    found = Path(file).stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def join_index(view: ViewRows, pairs: Sequence[KeyPair]) -> JoinIndex | None:
    """Return the index of the view's rows, made now where it was needed before; None to do without."""
    schema = view.rows.collect_schema()
    keys = {pair.rows: schema[pair.rows] for pair in sorted(pairs, key=lambda pair: pair.rows)}
    if view.index is None or view.created is not None or len(keys) < len(pairs):
        return None
    if not all(_is_exact(dtype) for dtype in keys.values()):
        return None
    folder, event_time = view.index(), (view.event_time, str(schema[view.event_time]))
    wanted = _Manifest({name: str(dtype) for name, dtype in keys.items()}, event_time)
    try:
        is_new = not any(folder.iterdir())
    except OSError:
        with suppress(OSError):
            folder.mkdir(parents=True)
        return None
    found = None if is_new else _open(folder, wanted)
    if found is None and not is_new:
        shutil.rmtree(folder, ignore_errors=True)
    return found or _make(view, list(keys.items()), folder, wanted)


def _is_exact(dtype: pl.DataType) -> bool:
    """Whether equal keys of the dtype are stored alike, and others are not."""
    exact = (pl.Boolean, pl.Date, pl.Datetime, *_TEXTS)
    return isinstance(dtype, exact) or (dtype.is_integer() and not isinstance(dtype, pl.Int128 | pl.UInt128))


def _as_stored(dtype: pl.DataType) -> pl.DataType:
    return pl.String() if isinstance(dtype, _TEXTS) else dtype


def _names(keys: Sequence[str]) -> dict[str, str]:
    return {key: f"key{place}" for place, key in enumerate(keys)}


def _open(folder: Path, wanted: _Manifest) -> JoinIndex | None:
    """Return the index that is kept in the folder; None where it is damaged, or of other columns."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=_Manifest)
        if msgspec.structs.replace(manifest, checksums={}) != wanted or manifest.checksums != _checksums(folder):
            return None
        entities = pl.scan_ipc(folder / ENTITIES, glob=False).collect()
        events, rows = (np.load(folder / name, mmap_mode="r") for name in (EVENTS, ROWS))
        if time.time() - folder.stat().st_mtime > _NOTED:
            with suppress(PermissionError):  # nobody collects there either
                os.utime(folder)
    except (OSError, ValueError, msgspec.MsgspecError, pl.exceptions.PolarsError):
        return None
    return JoinIndex(entities, events, rows, _names(list(wanted.keys)))


def _checksums(folder: Path) -> dict[str, int]:
    return {name: _checksum(folder / name, stamp(folder / name)) for name in (ENTITIES, EVENTS, ROWS)}


@lru_cache(maxsize=1_000)
def _checksum(path: Path, stamped: tuple[int, ...] | None) -> int:  # noqa: ARG001 - one that was written to is read again
    """Return the checksum of a file."""
    found = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found = zlib.crc32(block, found)
    return found


def _make(view: ViewRows, keys: Sequence[tuple[str, pl.DataType]], folder: Path, wanted: _Manifest) -> JoinIndex | None:
    """Return a new index, and keep it in the folder; None where memory or the disk has no room for it."""
    height = int(view.rows.lazy().select(pl.len()).collect(engine="streaming").item())
    if height * _MAKING > memory_share(_SHARE) or not _has_room(folder.parent, height * _STORED):
        return None
    made = _index_of(view, keys)
    if view.index is None or view.index() != folder:  # the files were replaced meanwhile
        return None
    work = folder.with_name(f"{UNFINISHED}{uuid4().hex}")
    try:
        _write(made, work, wanted)
        work.rename(folder)
    except (OSError, pl.exceptions.PolarsError):  # no room after all; or another process was quicker
        shutil.rmtree(work, ignore_errors=True)
    return made


def _has_room(folder: Path, size: int) -> bool:
    try:
        return os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > size
    except OSError:
        return False


def _index_of(view: ViewRows, keys: Sequence[tuple[str, pl.DataType]]) -> JoinIndex:
    named = _names([name for name, _ in keys])
    names = list(named.values())
    pairs = [KeyPair(name, name, _as_stored(dtype)) for name, dtype in keys]
    rows = narrow_rows(view, pairs, names, None).collect(engine="streaming").drop_nulls()
    if not rows[EVENT].is_sorted() and find_runs(rows, names) is None:
        rows = rows.sort(EVENT, maintain_order=True)
    times = pl.col(EVENT, ROW)
    runs = rows.group_by(names).agg(times) if names else rows.select(times.implode())  # rows stay in their order
    end = pl.col(EVENT).list.len().cum_sum().cast(pl.Int64)
    entities = runs.select(*names, end.alias(_END)).with_columns(pl.col(_END).shift(1, fill_value=0).alias(_START))
    events, numbers = (runs[name].explode(empty_as_null=False).to_numpy() for name in (EVENT, ROW))
    return JoinIndex(entities, events, numbers, named)


def _write(made: JoinIndex, folder: Path, wanted: _Manifest) -> None:
    folder.mkdir()
    made.entities.write_ipc(folder / ENTITIES, compression="uncompressed")
    np.save(folder / EVENTS, made.events)
    np.save(folder / ROWS, made.rows)
    manifest = msgspec.structs.replace(wanted, checksums=_checksums(folder))
    (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))
