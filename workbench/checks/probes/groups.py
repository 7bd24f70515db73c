"""The rows of groups of entities: read once, and kept apart on disk where not all of them fit into memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from workbench.memory import free_memory

_GROUP = "__workbench_group"
_READING = "__workbench_reading"
_BATCH = 100_000
"""Rows that are parted at a time."""
_ROOM = 300 * 10**6
"""Bytes that parting takes: of its batches the engine has several ready."""


def rows_of_groups(frame: pl.LazyFrame, groups: Sequence[pl.DataFrame], on: Sequence[str]) -> list[pl.DataFrame]:
    """Return for each of `groups`, whose values of `on` are its own, the rows with one of them, in their order."""
    return _parted(_numbered(frame, groups, on).collect(), range(len(groups)))


def rows_by_turns(
    frame: pl.LazyFrame, groups: Sequence[pl.DataFrame], on: Sequence[str], *, at_once: int, folder: Path
) -> Iterator[list[pl.DataFrame]]:
    """Yield what `rows_of_groups` returns for `at_once` groups at a time.

    All rows are read once, and put into `folder` by the turn that they are needed in: who reads them for each turn
    reads the more often, the larger they are. Only where memory is too short for that they are read for each turn.
    """
    if free_memory() < _ROOM:
        for first in range(0, len(groups), at_once):
            yield rows_of_groups(frame, groups[first : first + at_once], on)
        return
    folder.mkdir()
    reading = (pl.col(_GROUP) // at_once).alias(_READING)
    batches = _numbered(frame, groups, on).with_columns(reading).collect_batches(chunk_size=_BATCH, maintain_order=True)
    for number, rows in enumerate(batches):
        for (turn,), part in rows.partition_by(_READING, maintain_order=True, include_key=False, as_dict=True).items():
            place = folder / str(turn)
            place.mkdir(exist_ok=True)
            part.write_ipc(place / f"{number:06}.arrow", compression="lz4")
    empty = _numbered(frame.head(0), groups, on).collect()
    for turn, first in enumerate(range(0, len(groups), at_once)):
        files = sorted((folder / str(turn)).glob("*.arrow"))
        rows = pl.concat([empty, *(pl.scan_ipc(file, glob=False).collect() for file in files)])
        yield _parted(rows, range(first, min(first + at_once, len(groups))))
        for file in files:
            file.unlink()


def _numbered(frame: pl.LazyFrame, groups: Sequence[pl.DataFrame], on: Sequence[str]) -> pl.LazyFrame:
    wanted = pl.concat(
        [group.with_columns(pl.lit(place, pl.UInt32).alias(_GROUP)) for place, group in enumerate(groups)]
    )
    return frame.join(wanted.lazy(), on=list(on), how="inner", nulls_equal=True, maintain_order="left")


def _parted(rows: pl.DataFrame, places: range) -> list[pl.DataFrame]:
    parts = rows.partition_by(_GROUP, maintain_order=True, include_key=False, as_dict=True)
    empty = rows.clear().drop(_GROUP)
    return [parts.get((place,), empty) for place in places]
