"""`Answer`: what a query returned, and as much of it as a person reads."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.render import Report, Reported, Table

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

ROWS, COLUMNS, CHARACTERS = 100, 24, 200
"""How much of a result is shown in a notebook or terminal."""


@dataclass(frozen=True, slots=True)
class Answer(Reported):
    """A query's result.

    Parameters
    ----------
    frame
        Its rows; the first hundred where all are in the file `out`.
    height
        How many rows there are.
    deprecations
        One sentence for each deprecated version that was read.
    out
        The file that it was written to, if it was.
    """

    frame: pl.DataFrame
    height: int
    deprecations: tuple[str, ...] = ()
    out: Path | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the columns and the first hundred rows as JSON-ready values, and how many rows there are."""
        rows = self.frame.head(ROWS).iter_rows(named=True)
        return {
            "columns": {name: str(dtype) for name, dtype in self.frame.schema.items()},
            "rows": [{name: _plain(value) for name, value in row.items()} for row in rows],
            "shown": min(ROWS, self.height),
            "total": self.height,
            "out": None if self.out is None else str(self.out),
            "deprecations": list(self.deprecations),
        }

    def report(self) -> Report:
        """Return the first hundred rows, at most two dozen columns of them."""
        shown = self.frame.select(self.frame.columns[:COLUMNS]).head(ROWS)
        rows = tuple(tuple(_text(value) for value in row) for row in shown.iter_rows())
        height, width = self.height, self.frame.width
        less = [
            f"The first {ROWS} of {height:,} rows; --out FILE writes them all." if height > ROWS else "",
            f"{COLUMNS} of {width} columns." if width > COLUMNS else "",
        ]
        return Report(
            f"{height:,} row{'' if height == 1 else 's'}, {width} column{'' if width == 1 else 's'}",
            facts=(("written to", self.out),) if self.out else (),
            tables=(Table("", tuple(shown.columns), rows),),
            notes=(*filter(None, less), *self.deprecations),
        )


def _plain(value: object) -> object:
    """Return `value` as JSON has it; what JSON has no word for as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.hex() if isinstance(value, bytes) else str(value)


def _text(value: object) -> object:
    """Return `value` as a cell shows it: numbers as they are, and of long texts the beginning."""
    if value is None or isinstance(value, bool):
        return value
    text = f"{value:.10g}" if isinstance(value, float) else str(_plain(value))
    return text if len(text) <= CHARACTERS else f"{text[: CHARACTERS - 3]}..."
