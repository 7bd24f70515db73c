"""What was found of two computed views and never changes: how their values differ, how far their features moved.

It is kept beside what is known of the right side's view, under what both sides are: view id, digest and contract. A
side without a digest, as of rows that were given or filtered, is compared each time.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from workbench.diff import AT_ONCE, ColumnDiff, RowCounts, Side, compare
from workbench.drift import DriftReport, PairCounter, PairedRows, pairs_to_count
from workbench.pipeline import write_facts
from workbench.records import read_record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from workbench.diff import Compare

DIFF, DRIFT, PAIRS = "diff/1", "drift/2", "pairs/1"
"""Raised when a comparison finds something else than it did, so that it is made again."""


@dataclass(frozen=True, slots=True)
class _Columns:
    """A comparison of two sides; the worst rows of each column as Arrow's file format, since JSON lacks dtypes."""

    rows: RowCounts
    columns: tuple[ColumnDiff, ...]
    worst: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Pairs:
    """How features changed in the rows that both sides have, by name."""

    features: Mapping[str, PairedRows]


def cached_compare(facts: Path, *, pairs: bool = False) -> Compare:
    """Return a `diff.compare` that compares the same two sides once.

    With `pairs`, it counts what `known_pairs` returns, for which it reads no row again.
    """

    def compared(
        left: Side, right: Side, *, called: Callable[[str], tuple[str, str]], worst: int, at_once: int = AT_ONCE
    ) -> tuple[RowCounts, tuple[ColumnDiff, ...]]:
        path = _path(facts, DIFF, left, right, worst)
        known = None if path is None else read_record(path, _Columns)
        if known is not None:
            try:
                return known.rows, tuple(_with_worst(column, known.worst, called) for column in known.columns)
            except (ValueError, binascii.Error, pl.exceptions.PolarsError):
                pass  # a damaged record: compared again
        counted = pairs_to_count(left, right) if pairs and path is not None else []
        counter = PairCounter.of(left, counted) if counted else None
        rows, columns = compare(left, right, called=called, worst=worst, at_once=at_once, observer=counter)
        if counter is not None and (place := _path(facts, PAIRS, left, right, None)) is not None:
            write_facts(place, _Pairs(counter.result((rows.left, rows.right))))
        if path is not None:
            plain = tuple(replace(column, worst=None) for column in columns)
            kept = {column.name: _packed(column.worst) for column in columns if column.worst is not None}
            write_facts(path, _Columns(rows, plain, kept))
        return rows, columns

    return compared


def known_pairs(facts: Path, left: Side, right: Side) -> Mapping[str, PairedRows]:
    """Return how features changed in the rows that both sides have, by name; those that were counted."""
    path = _path(facts, PAIRS, left, right, None)
    known = None if path is None else read_record(path, _Pairs)
    return {} if known is None else known.features


def cached_drift(
    facts: Path, left: Side, right: Side, settings: object, *, measure: Callable[[], DriftReport]
) -> DriftReport:
    """Return what `measure` finds of two sides; asked once for the sides and the `settings` it depends on, as JSON."""
    known = known_drift(facts, left, right, settings)
    if known is not None:
        return known
    report = measure()
    path = _path(facts, DRIFT, left, right, settings)
    if path is not None:
        write_facts(path, report)
    return report


def known_drift(facts: Path, left: Side, right: Side, settings: object) -> DriftReport | None:
    """Return what was measured of two sides by the `settings`; None where nothing was."""
    path = _path(facts, DRIFT, left, right, settings)
    known = None if path is None else read_record(path, DriftReport)
    return None if known is None else replace(known, labels=(left.label, right.label))


def _path(facts: Path, scheme: str, left: Side, right: Side, settings: object) -> Path | None:
    sides = []
    for side in (left, right):
        if side.digest is None or not side.view_id:
            return None
        sides.append([side.view_id, side.digest.scheme, side.digest.exact, side.contract.hash])
    text = json.dumps([scheme, sides, settings], sort_keys=True)
    name = hashlib.sha256(text.encode()).hexdigest()[:32]
    return facts / right.view_id / f"{scheme.replace('/', '-')}-{name}.json"


def _packed(frame: pl.DataFrame) -> str:
    file = io.BytesIO()
    frame.write_ipc(file)
    return base64.b64encode(file.getvalue()).decode()


def _with_worst(column: ColumnDiff, worst: Mapping[str, str], called: Callable[[str], tuple[str, str]]) -> ColumnDiff:
    """Return a column with its worst rows, whose values are called as the sides are now: they come before the last."""
    if column.name not in worst:
        return column
    frame = pl.read_ipc(io.BytesIO(base64.b64decode(worst[column.name], validate=True)))
    *keys, _, _, size = frame.columns
    return replace(
        column, worst=frame.rename(dict(zip(frame.columns, [*keys, *called(column.name), size], strict=True)))
    )
