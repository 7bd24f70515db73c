"""What a data file says of itself without being read: rows, and the bounds of its keys and event time.

They come from the Parquet footer and go into the Delta log, so that our readers and other Delta tools skip files that
cannot hold what they look for. A bound that JSON or another tool would not read back exactly is left out: a missing
bound skips nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from workbench.define import Contract
from workbench.lake.encoding import stored_schema

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST = 60  # bytes of a text that is a bound: Polars cuts those of more than 64


@dataclass(frozen=True, slots=True)
class FileStatistics:
    """One data file of a published version.

    Attributes
    ----------
    path
        Where it is, as Polars and DuckDB take it.
    rows, size
        How many rows and bytes it has.
    number
        The order in which files were added to the table.
    event_time
        Its first and last event time (UTC); None where it has none, or they are not known.
    bounds
        The least and the greatest value of each key column, and of the column `created`, where known. A key that Delta
        cannot hold is given as it is stored: an Enum as text, in the order of texts.
    """

    path: str
    rows: int
    size: int
    number: int
    event_time: tuple[datetime, datetime] | None = None
    bounds: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)


def bounded_columns(contract: Contract) -> list[str]:
    """Return the columns whose bounds are kept: the keys and the times."""
    return [column.name for column in contract.columns if column.role in ("entity", "event_time", "created")]


def footer_statistics(path: Path, contract: Contract) -> str:
    """Return Delta's JSON of statistics for a Parquet file, whose keys and times `contract` names."""
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(path)
    schema = stored_schema(contract)
    wanted = {name: str(type(schema[name]).__name__) for name in bounded_columns(contract)}
    found: dict[str, list[Any]] = {name: [] for name in wanted}
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for place in range(row_group.num_columns):
            column = row_group.column(place)
            if column.path_in_schema in wanted:
                found[column.path_in_schema].append(column.statistics)
    least: dict[str, Any] = {}
    greatest: dict[str, Any] = {}
    nulls: dict[str, int] = {}
    for name, kind in wanted.items():
        if all(one is not None and one.has_null_count for one in found[name]):
            nulls[name] = sum(one.null_count for one in found[name])
        bounds = _bounds(found[name])
        if bounds is not None:
            for side, value in zip((least, greatest), bounds, strict=True):
                text = _json(kind, value, zoned=getattr(schema[name], "time_zone", None) is not None)
                if text is not None:
                    side[name] = text
    facts = {"numRecords": metadata.num_rows, "minValues": least, "maxValues": greatest, "nullCount": nulls}
    return json.dumps(facts, ensure_ascii=False)


def in_time_order(files: Sequence[FileStatistics]) -> tuple[list[FileStatistics], bool]:
    """Return the files in the order to read them, and whether each begins no earlier than the one before it ends.

    They are read by their first event time, so that rows sorted by time in each are so in all, where the files' periods
    do not overlap; where a file's period is not known, in the order they were added.
    """
    filled = [file for file in files if file.rows]
    if any(file.event_time is None for file in filled):
        return sorted(files, key=lambda file: (file.number, file.path)), len(filled) < 2
    timed = [(*file.event_time, file.number, file.path, file) for file in filled if file.event_time is not None]
    timed.sort(key=lambda known: known[:-1])
    ordered = all(before[1] <= after[0] for before, after in pairwise(timed))
    return [file for *_, file in timed] + [file for file in files if not file.rows], ordered


def _bounds(statistics: Sequence[Any]) -> tuple[Any, Any] | None:
    """Return the least and greatest of row groups' bounds: of texts as texts, of all else as the numbers stored."""
    filled = [one for one in statistics if one is None or not one.has_null_count or one.num_values or one.has_min_max]
    if not filled or any(one is None or not one.has_min_max for one in filled):
        return None
    texts = filled[0].physical_type == "BYTE_ARRAY"
    least = [one.min if texts else one.min_raw for one in filled]
    greatest = [one.max if texts else one.max_raw for one in filled]
    return min(least), max(greatest)


def _json(kind: str, value: Any, *, zoned: bool) -> Any:
    """Return a bound as Delta writes it, or None."""
    match kind:
        case "Int8" | "Int16" | "Int32" | "Int64" if isinstance(value, int):
            return value
        case "String" if isinstance(value, str) and len(value.encode()) <= _LONGEST:
            return value
        case "Date" if isinstance(value, int):
            return _day(value)
        case "Datetime" if isinstance(value, int):
            return _moment(value, zoned=zoned)
        case _:  # floats order NaN in as many ways as there are engines; decimals lose digits in JSON
            return None


def _moment(microseconds: int, *, zoned: bool) -> str | None:
    try:
        moment = _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return None
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + ("Z" if zoned else "")


def _day(days: int) -> str | None:
    try:
        return (date(1970, 1, 1) + timedelta(days=days)).isoformat()
    except OverflowError:
        return None
