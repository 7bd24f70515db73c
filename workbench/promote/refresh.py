"""The plan that brings a published view up to date: only the entities and the periods that new source data touches.

By the leakage probe a row of a view depends on nothing known after its event time, by the entity-locality probe on no
other entity, by the lookback probe on nothing older than the declared lookback; no view is published without them. So
where rows of an input changed for some entities from some time on, the view's rows of these entities from that time on
are computed again, from these entities' inputs since that time less the lookback, and all other rows are kept.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from workbench.compute import GROUPS, InputData, Sketch, Touched, build, group_of, sketch, touched

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from workbench.define import FeatureView
    from workbench.loop.evaluate import Evaluation, Prepared
    from workbench.loop.rooms import Rooms
    from workbench.registry import Version

_UNTOUCHED = datetime.max.replace(tzinfo=UTC)
_LONG = timedelta(days=365 * 500)
MOST = 0.8
"""Share of groups from which on all entities are computed again."""


@dataclass(frozen=True, slots=True)
class Refreshing:
    """How a view is brought up to date: its plan, and in words what is computed again."""

    plan: pl.LazyFrame
    how: str


class Sketches:
    """The sketches of inputs, kept by the digest of their data.

    Parameters
    ----------
    folder
        Where they are kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[Path, Sketch | None] = {}

    def of(self, data: InputData, *, keys: Sequence[str], time: str, width: int | None = None) -> Sketch | None:
        """Return the sketch of an input as it is now, made and kept where it is not there yet."""
        path = self._path(data.digest, keys, time)
        if path not in self._made:
            found = Sketch.load(path)
            if found is None or (width is not None and found.facts["width"] != width):
                found = sketch(data.frame, keys=keys, time=time, width=width)
                if found is not None:
                    with suppress(OSError, pl.exceptions.PolarsError):  # the disk is full: all is computed next time
                        found.save(path)
            self._made[path] = found
        return self._made[path]

    def kept(self, digest: str, *, keys: Sequence[str], time: str) -> Sketch | None:
        """Return the sketch of an input as it was; None where none was kept here."""
        return Sketch.load(self._path(digest, keys, time))

    def _path(self, digest: str, keys: Sequence[str], time: str) -> Path:
        name = hashlib.sha256("\n".join([digest, time, *keys]).encode()).hexdigest()[:32]
        return self._folder / f"{name}.parquet"


def sketches_of(rooms: Rooms) -> Sketches:
    """Return the project's sketches."""
    return Sketches(rooms.hidden / "facts" / "sketches")


def refreshing(
    prepared: Prepared, version: Version, *, old: pl.LazyFrame, evaluation: Evaluation, sketches: Sketches
) -> Refreshing | str:
    """Return how to bring `version` up to date, or why it must be computed in full.

    Parameters
    ----------
    prepared
        The view with its inputs as they are now.
    version
        The version as it is published, of the same code and parameters.
    old
        Its rows in the lake.
    evaluation
        Knows the inputs' times.
    sketches
        What the inputs were, and are.
    """
    before = {read.name: read.digest for read in version.inputs}
    changes: list[Touched] = []
    for data in prepared.inputs:
        if before.get(data.name) == data.digest:
            continue
        found = _touched(prepared.view, data, before.get(data.name), evaluation, sketches)
        if isinstance(found, str):
            return found
        changes.append(found)
    since, groups = _together(changes)
    if since is None:
        return "rows without a time changed"
    return _plan(prepared, old, since=since, groups=groups, evaluation=evaluation)


def remember(prepared: Prepared, evaluation: Evaluation, sketches: Sketches) -> None:
    """Keep what the inputs of a view are now, so that a later change can be told from it."""
    for data in prepared.inputs:
        time = known_since(evaluation, data)
        sketches.of(data, keys=keys_in(prepared.view, data.frame.collect_schema()), time=time)


def known_since(evaluation: Evaluation, data: InputData) -> str:
    """Return the column that says since when a row of the input is known."""
    if data.kind == "source":
        return evaluation.sources[data.name].available_at
    view = evaluation.definitions.view(data.name)
    return view.created or view.event_time


def keys_in(view: FeatureView, schema: Mapping[str, pl.DataType]) -> tuple[str, ...]:
    """Return the view's entity columns, if an input has all of them and the view is made entity by entity."""
    wanted = {name: view.contract[name].dtype for name in view.entities}
    is_local = view.scope == "entity" and all(schema.get(name) == dtype for name, dtype in wanted.items())
    return view.entities if is_local else ()


def _touched(
    view: FeatureView, data: InputData, digest: str | None, evaluation: Evaluation, sketches: Sketches
) -> Touched | str:
    keys, time = keys_in(view, data.frame.collect_schema()), known_since(evaluation, data)
    old = None if digest is None else sketches.kept(digest, keys=keys, time=time)
    if old is None:
        return f"what {data.name} was before is not known here"
    new = sketches.of(data, keys=keys, time=time, width=int(old.facts["width"]))
    if new is None:
        return f"the rows of {data.name} cannot be compared"
    if new.facts != old.facts:
        return f"{data.name} has another shape than before"
    return touched(old, new)


def _together(changes: Sequence[Touched]) -> tuple[datetime | None, frozenset[int] | None]:
    """Return since when, and for which groups of entities, something changed in any input."""
    if any(change.since is None for change in changes):
        return None, None
    since = min((change.since for change in changes if change.since is not None), default=_UNTOUCHED)
    groups: frozenset[int] | None = frozenset()
    for change in changes:
        groups = None if groups is None or change.groups is None else groups | change.groups
    if groups is not None and len(groups) > GROUPS * MOST:
        groups = None  # looking up nearly every row's group costs more than it saves
    return since, groups


def _plan(
    prepared: Prepared,
    old: pl.LazyFrame,
    *,
    since: datetime,
    groups: frozenset[int] | None,
    evaluation: Evaluation,
) -> Refreshing:
    view = prepared.view
    keys = () if groups is None else view.entities
    inputs = [_narrowed(view, data, since, groups, evaluation) for data in prepared.inputs]
    late = _instant(view.event_time, prepared.contract[view.event_time].dtype)
    again = (late >= since) | late.is_null()
    if keys and groups is not None:
        again = again & group_of(keys).is_in(sorted(groups))
    order = prepared.contract.names
    fresh = build(view, inputs).filter(again).select(order)
    plan = pl.concat([old.select(order).filter(~again), fresh])
    some = "all entities" if groups is None else f"{len(groups)} of 256 groups of entities"
    return Refreshing(plan, "nothing moved" if groups == frozenset() else f"{some} since {since:%Y-%m-%d %H:%M}")


def _narrowed(
    view: FeatureView, data: InputData, since: datetime, groups: frozenset[int] | None, evaluation: Evaluation
) -> InputData:
    """Return an input with the rows alone that the changed rows of the view can depend on.

    Of each entity the last row before these stays too: a view may say something at an entity's first row that it does
    not say at a later one, as `windowed` does, and the first row that is left must not be taken for it.
    """
    frame = data.frame
    schema = frame.collect_schema()
    keys = keys_in(view, schema)
    if groups is not None and keys:
        frame = frame.filter(group_of(keys).is_in(sorted(groups)))
    if view.lookback is not None and view.lookback < _LONG and since != _UNTOUCHED:
        first = since - view.lookback
        times = dict.fromkeys((known_since(evaluation, data), _event_time(evaluation, data)))
        young = [_instant(name, schema[name]).is_null() | (_instant(name, schema[name]) >= first) for name in times]
        recent = pl.any_horizontal(young)
        event_time = _event_time(evaluation, data)
        before = pl.when(~recent).then(_instant(event_time, schema[event_time])).max()
        last = before.over(keys) if keys else before
        frame = frame.filter(recent | (_instant(event_time, schema[event_time]) == last).fill_null(value=False))
    return InputData(name=data.name, frame=frame, digest=data.digest, kind=data.kind)


def _event_time(evaluation: Evaluation, data: InputData) -> str:
    if data.kind == "source":
        return evaluation.sources[data.name].event_time
    return evaluation.definitions.view(data.name).event_time


def _instant(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name).cast(pl.Datetime("us")) if dtype == pl.Date else pl.col(name)
    zone = getattr(dtype, "time_zone", None)
    return column.dt.replace_time_zone("UTC") if zone is None else column
