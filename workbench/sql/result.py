"""The rows that a query returns: in memory as far as they may be, or in files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from workbench.memory import beyond_memory, memory_share

if TYPE_CHECKING:
    from pathlib import Path

_WHOLE, _WHOLE_LEAST = 0.4, 64 * 10**6
"""How much of a result that becomes a frame may be in memory."""
_PART, _PART_LEAST, _PART_MOST = 0.05, 16 * 10**6, 256 * 10**6
"""How much of one that goes to a file is in memory at a time."""


class Result:
    """Collects the rows of a result.

    Parameters
    ----------
    folder
        Where rows go that do not fit into memory; without it they are refused.
    """

    def __init__(self, folder: Path | None) -> None:
        self.height = 0
        self._folder = folder
        self._most = (
            memory_share(_WHOLE, least=_WHOLE_LEAST)
            if folder is None
            else memory_share(_PART, least=_PART_LEAST, most=_PART_MOST)
        )
        self._parts: list[pl.DataFrame] = []
        self._bytes = 0
        self._files: list[Path] = []

    def add(self, part: pl.DataFrame) -> None:
        """Add rows; all parts have the same columns.

        Raises
        ------
        MemoryLimit
            Where they are too many, and have no folder.
        """
        self._parts.append(part)
        self._bytes += int(part.estimated_size())
        self.height += part.height
        if self._bytes <= self._most:
            return
        if self._folder is None:
            self._parts = []
            raise beyond_memory(
                f"The query returns more than {self.height:,} rows",
                self._most,
                remedy='Have them written to a file of any size, `workbench sql "..." --out rows.parquet`, or have the '
                "query filter, aggregate or LIMIT them",
            )
        self._folder.mkdir(exist_ok=True)
        self._files.append(self._folder / f"{len(self._files)}.arrow")
        pl.concat(self._parts).write_ipc(self._files[-1], compression="lz4")
        self._parts, self._bytes = [part.clear()], 0

    def frame(self) -> pl.LazyFrame:
        """Return all rows, in their order; the folder must be there while they are read."""
        rest = pl.concat(self._parts, rechunk=True).lazy()
        self._parts = []
        return pl.concat([*(pl.scan_ipc(file, glob=False) for file in self._files), rest])
