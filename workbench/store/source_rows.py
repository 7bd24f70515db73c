"""The rows of a view's inputs that one value was made from, as far as they can be told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.compute import latest_time
from workbench.render import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.store.reader import ReadableInput, ReadableView

ROWS = 20
"""Rows that are listed of one input, the last ones known."""
COLUMNS = 12


@dataclass(frozen=True, slots=True)
class BehindRows:
    """Rows of one input.

    Parameters
    ----------
    name, kind
        The input, and whether it is a source or a view.
    rows
        The entity's rows that were known when the value was made, within the view's lookback: the last 20, newest
        first; None where they cannot be told, since the input has no such key.
    total
        How many there are.
    note
        What is to be known of them; empty where nothing is.
    """

    name: str
    kind: str
    rows: pl.DataFrame | None
    total: int
    note: str

    def to_dict(self) -> dict[str, Any]:
        """Return the rows as JSON-ready values."""
        rows = [] if self.rows is None else self.rows.to_dicts()
        plain = [{name: _plain(value) for name, value in row.items()} for row in rows]
        return {"name": self.name, "kind": self.kind, "rows": plain, "total": self.total, "note": self.note}

    def table(self) -> Table:
        """Return the rows, at most twelve columns of them."""
        if self.rows is None:
            return Table(f"Behind it: {self.kind} {self.name}", (), ())
        shown = self.rows.select(self.rows.columns[:COLUMNS])
        return Table(f"Behind it: {self.kind} {self.name}", tuple(shown.columns), tuple(shown.iter_rows()))


def rows_behind(view: ReadableView, keys: Mapping[str, pl.Series], made: datetime) -> tuple[BehindRows, ...]:
    """Return, for each input of a view, the rows of the entity known by the moment `made`, within the lookback."""
    return tuple(_behind(data, keys, made, view.lookback) for data in view.inputs())


def _behind(
    data: ReadableInput, keys: Mapping[str, pl.Series], made: datetime, lookback: timedelta | None
) -> BehindRows:
    if data.frame is None or data.times is None:
        return BehindRows(data.name, data.kind, None, 0, data.note)
    schema = data.frame.collect_schema()
    lacking = [name for name, value in keys.items() if schema.get(name) != value.dtype]
    if lacking:
        note = f"{data.name} has no key {', '.join(lacking)}, so the rows behind this value cannot be found."
        return BehindRows(data.name, data.kind, None, 0, note)
    mine = [pl.col(name) == pl.lit(value.item(), dtype=value.dtype) for name, value in keys.items()]
    known = latest_time(schema, data.times.known_since)
    frame = data.frame.filter(*mine, known <= made) if data.times.known_since else data.frame.filter(*mine)
    if lookback and data.times.columns:
        ages = [pl.lit(made) - latest_time(schema, [name]) for name in data.times.columns]
        frame = frame.filter(pl.any_horizontal(age <= lookback for age in ages))
    last = (frame.sort(known, descending=True, maintain_order=True) if data.times.known_since else frame).head(ROWS)
    total, rows = pl.collect_all([frame.select(pl.len()), last])
    count = int(total.item())
    which = "last" if data.times.known_since else "first"
    more = f"{count:,} rows of {data.name} were known by then; the {which} {ROWS} are shown." if count > ROWS else ""
    return BehindRows(data.name, data.kind, rows, count, " ".join(filter(None, [data.note, more])))


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
