"""`stretch`: the rows that one side of a drift is about: of a branch, period, entities, training set or file."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from workbench.comparison.refs import contract_at, side_at
from workbench.define import Contract
from workbench.diff import RowChoice, Side, value_of
from workbench.drift import contract_of_frame
from workbench.errors import FeatureNotFound, SourceError, UsageError
from workbench.sources import Dialect, FileReadWarning, Origin, format_of, read_file
from workbench.store import SavedTrainingSet, TrainingSet, names, saved_training_set
from workbench.times import Period

if TYPE_CHECKING:
    from workbench.workspace import Workspace

_PERIOD = re.compile(r"\d{4}(-\d{2}){0,2}|.*\.\..*", re.ASCII | re.DOTALL)
_FORMS = (
    'Write a period ("2013-01..2013-03"), a branch, "@1.2", "release/NAME", a run\'s id, a training set, a file of '
    'Parquet, CSV, NDJSON or JSON, "carrier=UA", or several of them: "main, 2013-01, carrier=UA".'
)


@dataclass(frozen=True, slots=True)
class RowSelection:
    """What a text names: at most one place and one period, and values that key columns must have."""

    place: str | None = None
    period: Period | None = None
    segment: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> RowSelection:
        """Return what `text` asks for: parts between commas, each a period, ``column=value``, or a place.

        Examples
        --------
        >>> chosen = RowSelection.parse("main, 2013-01..2013-03, carrier=UA")
        >>> chosen.place, str(chosen.period), chosen.segment
        ('main', '2013-01..2013-03', (('carrier', 'UA'),))
        """
        places, periods, segment = [], [], []
        for part in (each.strip() for each in text.split(",")):
            column, sign, value = part.partition("=")
            if sign and column.strip():
                segment.append((column.strip(), value.strip()))
            elif _PERIOD.fullmatch(part):
                periods.append(Period.parse(part))
            elif part:
                places.append(part)
        if len(places) > 1 or len(periods) > 1 or not (places or periods or segment):
            raise UsageError(f"{text!r} does not name one set of rows.", remedy=_FORMS)
        return cls(places[0] if places else None, periods[0] if periods else None, tuple(segment))


def stretch(workspace: Workspace, view: str, wanted: object, *, otherwise: str) -> Side:
    """Return the rows of `view` that `wanted` names, called as it calls them."""
    if isinstance(wanted, TrainingSet | SavedTrainingSet):
        wanted = wanted.frame
    if isinstance(wanted, pl.DataFrame | pl.LazyFrame):
        contract = contract_at(workspace, view, otherwise)
        return _of_rows(wanted.lazy(), view, contract, label=f"{_height(wanted)}rows", time=None)
    if isinstance(wanted, Period):
        wanted = str(wanted)
    if not isinstance(wanted, str | Path):
        raise UsageError(f"{wanted!r} does not select any rows.", remedy=_FORMS)
    asked = RowSelection.parse(str(wanted))
    side = _place(workspace, view, asked.place or otherwise, otherwise)
    side = replace(side, label=str(wanted).strip())
    if asked.period is None and not asked.segment:
        return side
    time = None if asked.period is None else _time(side, str(wanted))

    def choose(rows: pl.LazyFrame) -> pl.LazyFrame:
        rows = _of_segment(rows, asked.segment)
        return rows if asked.period is None or time is None else asked.period.filter(rows, time)

    rows = _of_segment(side.frame, asked.segment)
    if asked.period is not None and time is not None:
        rows = asked.period.rows(rows, time)
    return replace(side, frame=rows, digest=None, view_id="", choice=RowChoice(side.frame, choose, rows))


def _place(workspace: Workspace, view: str, place: str, otherwise: str) -> Side:
    if format_of(Path(place)) is not None:
        contract = contract_at(workspace, view, otherwise)
        return _of_rows(_file(place, contract), view, contract, label=place, time=None)
    if place in names(workspace.home):
        saved = saved_training_set(workspace.home, place)
        contract = contract_at(workspace, view, otherwise)
        return _of_rows(pl.scan_parquet(saved.path, glob=False), view, contract, label=place, time=saved.question.time)
    return side_at(workspace, view, place)


def _file(path: str, contract: Contract) -> pl.LazyFrame:
    """Return the rows of a file; columns that are texts in the view stay texts, and what was decided is told."""
    times = {column.name: column.name for column in contract.columns if isinstance(column.dtype, pl.Datetime)}
    texts = frozenset(column.name for column in contract.columns if column.dtype == pl.String)
    try:
        rows, notes = read_file(Origin("file", "The file"), Path(path), times=times, dialect=Dialect(texts=texts))
    except SourceError as error:
        raise UsageError(error.message, lines=error.lines, remedy=error.remedy) from None
    for note in notes:
        warnings.warn(f"{path}: {note.message}", FileReadWarning, stacklevel=2)
    return rows.lazy()


def _of_rows(rows: pl.LazyFrame, view: str, promised: Contract, *, label: str, time: str | None) -> Side:
    """Return rows that no view made as a side: their columns that are the view's, under the view's names."""
    columns = rows.collect_schema()
    wanted = [column.name for column in promised.features]
    found = {name: next((c for c in (f"{view}__{name}", name) if c in columns), None) for name in wanted}
    named = {column: name for name, column in found.items() if column is not None}
    if not named:
        raise FeatureNotFound.absent(wanted[0] if wanted else view, where=label, known=columns.names())
    keys = [c.name for c in promised.columns if c.role == "entity" and c.name in columns]
    event_time = next((c.name for c in promised.columns if c.role == "event_time"), None)
    at = event_time if event_time in columns else time
    kept = [*(pl.col(key) for key in keys), *(pl.col(column).alias(name) for column, name in named.items())]
    if at is not None and event_time is not None:
        kept.append(pl.col(at).alias(event_time))
    frame = rows.select(kept)
    contract = contract_of_frame(frame, event_time=None if at is None else event_time, entities=keys)
    known = {column.name: column for column in promised.columns}
    described = tuple(
        replace(column, unit=known[column.name].unit) if column.name in known else column for column in contract.columns
    )
    return Side(label=label, frame=frame, contract=Contract(described))


def _of_segment(frame: pl.LazyFrame, segment: tuple[tuple[str, str], ...]) -> pl.LazyFrame:
    schema = frame.collect_schema()
    for column, text in segment:
        if column not in schema:
            raise FeatureNotFound.absent(column, where="the view's columns", known=schema.names())
        frame = frame.filter(pl.col(column) == pl.lit(value_of(column, text, schema[column]), dtype=schema[column]))
    return frame


def _time(side: Side, wanted: str) -> str:
    time = next((column.name for column in side.contract.columns if column.role == "event_time"), None)
    if time is None:
        raise UsageError(
            f"{wanted!r} names a period, but these rows have no event time.", remedy="Leave the period out."
        )
    return time


def _height(rows: pl.DataFrame | pl.LazyFrame) -> str:
    return f"{rows.height:,} " if isinstance(rows, pl.DataFrame) else ""
