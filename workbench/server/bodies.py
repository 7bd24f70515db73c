"""The body of an answer as JSON: what is the same in all answers to the same request is written once.

A `FeatureAnswer` is encoded with holes in it and cut there. What goes into the holes is encoded all at once for each
answer, and joined with the parts between. So what an answer looks like is said by `workbench.protocol` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import msgspec

from workbench.dtypes import dtype_to_json
from workbench.online import CREATED, EVENT
from workbench.protocol import FeatureAnswer, FeatureColumn, ViewAnswer, column_to_json, is_real, to_json
from workbench.times import from_microseconds

if TYPE_CHECKING:
    from datetime import datetime

    from workbench.online import Answer, Answers, Origin, Plan, Row
    from workbench.protocol import Convert

ENCODER = msgspec.json.Encoder(decimal_format="string")
_HOLE: Any = msgspec.Raw(b"\x00")
_CUT, _END = b"\x00", b"\n"
"""What JSON has nowhere else, and what is behind each line, and in JSON nowhere else either."""
LAYOUTS = 16
"""How many layouts are kept of a plan: there are several where some rows come from the lake."""

Shared = tuple["str | None", "int | None", "Origin"]
"""Version, generation and origin."""


@dataclass(frozen=True)
class JsonBodies:
    """Writes the bodies of the answers to one plan.

    Attributes
    ----------
    plan
        The plan.
    key_types
        The dtype of each key column, and of each value of a request, as JSON.
    texts
        Whether whole numbers of 64 bits and more are texts.
    """

    plan: Plan
    key_types: dict[str, Any]
    texts: bool
    _layouts: dict[object, _Layout] = field(default_factory=dict)

    def body(self, answers: Answers, *, details: bool) -> bytes:
        """Return a `FeatureAnswer`."""
        row = answers.only_row
        if row is not None and self._is_plain:
            values = self.plan.pick(row)
            if None not in values:
                return self._of_one(values, row, answers.instant, details=details)
        return self._of_many(answers, details=details)

    def _of_one(self, values: Sequence[Any], row: Row, instant: int, *, details: bool) -> bytes:
        """Return the body for one entity that has all values."""
        layout = self._layout_of_one if details else self._layout_of_values
        others = [from_microseconds(instant), *[from_microseconds(row[place]) for place in layout.places_of_times]]
        lines = ENCODER.encode_lines([*values, *others])
        if b"null" in lines:  # perhaps a NaN or an infinity, for which there is a text
            pairs = zip(values, self._converts, strict=True)
            lines = ENCODER.encode_lines([*(own if each is None else each(own) for own, each in pairs), *others])
        return layout.filled(lines.split(_END))

    def _of_many(self, answers: Answers, *, details: bool) -> bytes:
        """Return the body for any number of entities, which may lack values."""
        layout, pick = self._layout_of(answers, details=details), self.plan.pick
        columns: list[Sequence[Any]] = []
        statuses: list[bytes] = []
        unsure: set[int] = set()  # the views whose numbers may have no form in JSON
        for place, answer in enumerate(answers.found):
            whole = answer.columns if self._are_plain[place] and answer.is_whole else None
            if whole is None:
                self._write_some(place, answer, columns, statuses)
            else:
                columns += whole
                statuses += [_all(answer.plan.there, len(answer))] * len(whole)
                unsure.add(place)
        values: Sequence[object] = pick(columns)
        others: list[object] = [from_microseconds(answers.instant)]
        others += [_moments(answers.found[place].times[time]) for place, time in layout.times]
        lines = ENCODER.encode_lines([*values, *others])
        if b"null" in lines:
            lines = ENCODER.encode_lines([*self._with_texts(pick(columns), unsure), *others])
        found = lines.split(_END)
        found[-1] = b"%d" % len(answers.entities)  # nothing is behind the last line
        if details:
            found += pick(statuses)
        return layout.filled(found)

    @cached_property
    def _converts(self) -> tuple[Convert | None, ...]:
        """What makes the values of each feature ready for JSON; None where they are."""
        contracts = [view.part.view.contract for view in self.plan.all_views]
        dtypes = [contracts[column.view][column.feature].dtype for column in self.plan.columns]
        return tuple(to_json(dtype, texts=self.texts) for dtype in dtypes)

    @cached_property
    def _is_plain(self) -> bool:
        """Whether all stored values go into JSON as they are, but for a NaN and infinities."""
        return all(self._are_plain)

    @cached_property
    def _are_plain(self) -> tuple[bool, ...]:
        """Of which views stored values go into JSON as they are, but for a NaN and infinities."""
        odd = {
            column.view
            for column, convert in zip(self.plan.columns, self._converts, strict=True)
            if column.convert is not None or not (convert is None or is_real(convert))
        }
        return tuple(place not in odd for place in range(len(self.plan.all_views)))

    def _write_some(self, place: int, answer: Answer, columns: list[Sequence[Any]], statuses: list[bytes]) -> None:
        """Add what a view has, and its statuses, where some entities have no row that holds or values are null."""
        width = self.plan.widths[place]
        made: list[Sequence[Any]] = [()] * width
        said = [b""] * width
        for column, convert in zip(self.plan.columns, self._converts, strict=True):
            if column.view == place:
                values, known = answer.column(column)
                made[column.place] = values if convert is None else column_to_json(values, convert)
                said[column.place] = ENCODER.encode(known)
        columns += made
        statuses += said

    def _with_texts(self, values: Sequence[Sequence[Any]], unsure: set[int]) -> list[Sequence[Any]]:
        columns = zip(self.plan.columns, self._converts, values, strict=True)
        return [
            own if convert is None or column.view not in unsure else column_to_json(own, convert)
            for column, convert, own in columns
        ]

    def _layout_of(self, answers: Answers, *, details: bool) -> _Layout:
        # where all rows are the online store's, the plan says which load's
        shared = None if answers.is_online else tuple(answer.shared for answer in answers.found)
        found = self._layouts.get((details, shared))
        if found is None:
            if len(self._layouts) >= LAYOUTS:
                self._layouts.clear()
            found = _layout(self.plan, self.key_types, shared, details=details, of_one=False)
            self._layouts[details, shared] = found
        return found

    @cached_property
    def _layout_of_one(self) -> _Layout:
        """What is in all answers for one entity that has all values."""
        return _layout(self.plan, self.key_types, None, details=True, of_one=True)

    @cached_property
    def _layout_of_values(self) -> _Layout:
        """What is in all answers without details for one entity that has all values."""
        return _layout(self.plan, self.key_types, None, details=False, of_one=True)


@dataclass(frozen=True, slots=True)
class _Layout:
    """A `FeatureAnswer` without what differs from answer to answer.

    Attributes
    ----------
    parts
        What is around the holes, and an empty part for each hole between.
    order
        What takes, out of what was found, what goes into each hole: values, instant, times and, unless it is of one
        entity that has all of them, the number of entities and statuses.
    times
        The times in it: the place of each view, and `EVENT` or `CREATED`.
    places_of_times
        Their places where the columns of all views stand one after another.
    """

    parts: Sequence[bytes]
    order: Callable[[Sequence[bytes]], Sequence[bytes]]
    times: Sequence[tuple[int, int]]
    places_of_times: Sequence[int]

    def filled(self, found: Sequence[bytes]) -> bytes:
        """Return the body."""
        parts = [*self.parts]
        parts[1::2] = self.order(found)
        return b"".join(parts)


def _layout(
    plan: Plan, key_types: dict[str, Any], shared: Sequence[Shared] | None, *, details: bool, of_one: bool
) -> _Layout:
    """Return a layout; `shared` are version, generation and origin of each view, where these are not the plan's."""
    hole = [_HOLE] if of_one else _HOLE
    names = [view.part.name for view in plan.all_views]
    features = {}
    for column in plan.columns:
        view = plan.all_views[column.view]
        dtype = dtype_to_json(view.part.view.contract[column.feature].dtype)
        statuses = None if not details else [view.there] if of_one else _HOLE
        features[column.name] = FeatureColumn(names[column.view], dtype, hole, statuses)
    views, times = {}, []
    for name, place in {names[place]: place for place in sorted(plan.shown)}.items():
        view = plan.all_views[place]
        version, generation, origin = view.online if shared is None else shared[place]
        event, created = hole if details else None, hole if details and view.has_created else None
        views[name] = ViewAnswer(version, origin, generation, event, created)
        times += [(place, time) for time, each in ((EVENT, event), (CREATED, created)) if each is not None]
    body = ENCODER.encode(FeatureAnswer(_HOLE, 1 if of_one else _HOLE, features, views, key_types))
    count = len(plan.columns)
    columns, instant, first_time, rows = range(count), count, count + 1, count + 1 + len(times)
    if of_one or not details:
        holes = [instant, *([] if of_one else [rows]), *columns]
    else:
        holes = [instant, rows, *chain.from_iterable((column, rows + 1 + column) for column in columns)]
    parts = [part for each in body.split(_CUT) for part in (each, b"")][:-1]
    places = tuple(plan.begins[place] + time for place, time in times)
    return _Layout(parts, itemgetter(*holes, *range(first_time, rows)), tuple(times), places)


def _moments(times: Sequence[int | None]) -> list[datetime | None]:
    return [None if time is None else from_microseconds(time) for time in times]


@lru_cache(maxsize=64)
def _all(status: str, rows: int) -> bytes:
    """Return the statuses of rows that all have the same."""
    return ENCODER.encode([status] * rows)
