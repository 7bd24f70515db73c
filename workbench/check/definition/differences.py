"""Rows that a view makes against the rows that an example expects, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from workbench.define import Contract, FeatureView

SHOWN = 5
_RELATIVE = 1e-9
_ABSOLUTE = 1e-12
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the rows of one view are compared: by which columns, within which tolerances.

    Attributes
    ----------
    columns
        The columns that the example names, in its order.
    keys
        Those of them that say which row is which.
    whole
        Whether these are all of the view's keys, so that at most one row has them.
    tolerances
        The tolerance of each column that declares one.
    """

    columns: tuple[str, ...]
    keys: tuple[str, ...]
    whole: bool
    tolerances: Mapping[str, float]

    @classmethod
    def of(cls, view: FeatureView, contract: Contract, columns: Sequence[str]) -> Comparison:
        """Return how an example of `view` that names `columns` is compared."""
        grain = (*view.entities, view.event_time)
        return cls(
            columns=tuple(columns),
            keys=tuple(name for name in grain if name in columns),
            whole=set(grain) <= set(columns),
            tolerances={one.name: one.tolerance for one in contract.columns if one.tolerance is not None},
        )

    def differences(self, made: pl.DataFrame, expected: pl.DataFrame) -> list[str]:
        """Return how the rows that were `made` differ from those `expected`; both have the columns."""
        found = list(self._by_key(made, expected) if self.whole else self._by_place(made, expected))
        more = len(found) - SHOWN
        return [*found[:SHOWN], *([f"and {more} more differences"] if more > 0 else [])]

    def _by_key(self, made: pl.DataFrame, expected: pl.DataFrame) -> Iterator[str]:
        rows = self._keyed(made)
        for key, wanted in self._keyed(expected).items():
            given = rows.pop(key, [])
            if len(given) != len(wanted):
                yield f"{self._label(wanted[0])}: expected {_rows(len(wanted))}, the view makes {_rows(len(given))}"
                continue
            yield from self._of_rows(given, wanted)
        for given in rows.values():
            yield f"{self._label(given[0])}: not expected, and the view makes {self._said(given[0])}"

    def _by_place(self, made: pl.DataFrame, expected: pl.DataFrame) -> Iterator[str]:
        """Compare by order, where the example does not say which row is which."""
        if made.height != expected.height:
            yield f"expected {_rows(expected.height)}, the view makes {_rows(made.height)}"
            return
        order = [*self.keys, *(name for name in self.columns if name not in self.keys)]
        given, wanted = (_sorted(frame.select(self.columns), order) for frame in (made, expected))
        yield from self._of_rows(given.to_dicts(), wanted.to_dicts())

    def _of_rows(self, made: Sequence[Row], expected: Sequence[Row]) -> Iterator[str]:
        for given, wanted in zip(made, expected, strict=True):
            for name in self.columns:
                if not same(given[name], wanted[name], self.tolerances.get(name)):
                    yield (
                        f"{self._label(wanted)}{': ' if self.keys else ''}{name} is {shown(given[name])}, "
                        f"expected {shown(wanted[name])}"
                    )

    def _keyed(self, frame: pl.DataFrame) -> dict[tuple[Any, ...], list[Row]]:
        found: dict[tuple[Any, ...], list[Row]] = {}
        for row in frame.select(self.columns).iter_rows(named=True):
            found.setdefault(tuple(_hashable(row[name]) for name in self.keys), []).append(row)
        return found

    def _label(self, row: Row) -> str:
        return ", ".join(f"{name}={shown(row[name])}" for name in self.keys)

    def _said(self, row: Row) -> str:
        return ", ".join(f"{name}={shown(row[name])}" for name in self.columns if name not in self.keys) or "it"


def as_of(view: FeatureView, rows: pl.DataFrame, asked: pl.DataFrame) -> pl.DataFrame:
    """Return, for each row of `asked`, what a reader of the view's `rows` finds then; null where there is nothing.

    The latest row at or before the time and within the ttl; of several the one created last, then the last.

    Parameters
    ----------
    view
        Says which columns are entities and times, and its ttl.
    rows
        What the view makes.
    asked
        Entities and event times.
    """
    order = [view.event_time, *([view.created] if view.created else [])]
    ordered = rows.with_row_index("__place").sort(*order, "__place", nulls_last=False).drop("__place").to_dicts()
    found = []
    for wanted in asked.select(*view.entities, view.event_time).iter_rows(named=True):
        at = wanted[view.event_time]
        held = [row for row in ordered if _holds(view, row, wanted, at)]
        empty = dict.fromkeys(rows.columns)
        found.append({**(held[-1] if held else empty), **wanted})
    return pl.DataFrame(found, schema=rows.schema)


def _holds(view: FeatureView, row: Row, wanted: Row, at: datetime | None) -> bool:
    moment = row[view.event_time]
    if at is None or moment is None or moment > at or (view.ttl is not None and at - moment > view.ttl):
        return False
    if view.created is not None and (row[view.created] is None or row[view.created] > at):
        return False
    return all(row[name] is not None and row[name] == wanted[name] for name in view.entities)


def same(made: Any, expected: Any, tolerance: float | None = None) -> bool:
    """Tell whether two values are the same: numbers within `tolerance`, else floats but for rounding; NaN is NaN."""
    if made is None or expected is None:
        return made is expected
    if isinstance(made, float) and isinstance(expected, float):
        if math.isnan(made) or math.isnan(expected):
            return math.isnan(made) and math.isnan(expected)
        slack = _ABSOLUTE if tolerance is None else tolerance * (1 + _RELATIVE)
        return made == expected or math.isclose(
            made, expected, rel_tol=_RELATIVE if tolerance is None else 0, abs_tol=slack
        )
    if tolerance is not None and isinstance(made, int) and isinstance(expected, int):
        return abs(made - expected) <= tolerance
    if isinstance(made, list) and isinstance(expected, list):
        return len(made) == len(expected) and all(
            same(left, right, tolerance) for left, right in zip(made, expected, strict=True)
        )
    if isinstance(made, dict) and isinstance(expected, dict):
        return made.keys() == expected.keys() and all(same(made[key], expected[key], tolerance) for key in made)
    return bool(made == expected)


def shown(value: object) -> str:
    """Return a value for a sentence."""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ").removesuffix("+00:00")
    text = "null" if value is None else f"{value:.12g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _rows(count: int) -> str:
    return "no row" if count == 0 else f"{count} row{'' if count == 1 else 's'}"


def _sorted(frame: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    able = [name for name in by if not frame.schema[name].is_nested()]
    return frame.sort(able, maintain_order=True) if able else frame


def _hashable(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float | bool | datetime) else str(value)
