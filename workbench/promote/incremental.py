"""The plan that brings a published view up to date: only the entities and the periods that new source data touches.

By the leakage probe a row of a view depends on nothing known after its event time, by the entity-locality probe on no
other entity, by the lookback probe on nothing older than the declared lookback; no view is published without them. So
where rows of an input changed for some entities from some time on, the view's rows of these entities from that time on
are computed again, from these entities' inputs since that time less the lookback, and all other rows are kept.

The probes saw the data of then, so what comes out is compared with a computation in full, for a sample of entities
(`verification`), before it is stored. Where that cannot be, the whole view is computed.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from workbench.compute import (
    GROUPS,
    Amendment,
    ChangedGroups,
    InputData,
    Sketch,
    build,
    compare_sketches,
    damage,
    digest_frame,
    exact_bits,
    group_of,
    latest_time,
    sketch,
    write_parquet,
)
from workbench.dtypes import row_width
from workbench.errors import ProjectError
from workbench.memory import memory_share
from workbench.promote.recent import MOST_WHOLE, Recent, among, recent_rows
from workbench.promote.verification import Narrowing, disagreement, disagreement_of_recent
from workbench.shares import percent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from workbench.compute import StoredView
    from workbench.define import FeatureView
    from workbench.pipeline import Evaluation, Prepared
    from workbench.registry import Version
    from workbench.workspace import Workspace

_UNTOUCHED = datetime.max.replace(tzinfo=UTC)
_LONG = timedelta(days=365 * 500)
MOST_TOUCHED = 0.5
"""Share of a view's rows that are computed again, from which on all its files are written anew."""
MOST_FILES = 16
"""Files of a view, from which on they are merged into one."""
COMPARED = 0.1
"""The share of the memory that touched rows may take, as they were and as they are."""
_SEED = 3
_ROW, _LAST = "__workbench_row", "__workbench_last"
SKETCHES = "sketches"
"""The folder of sketches among the facts."""
MOST = 0.5
"""Share of groups from which on all entities are computed again."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: why it is not what a computation in full gives, if so; and how stored rows were amended."""

    wrong: str
    amendment: Amendment | None = None


@dataclass(frozen=True, slots=True)
class Refresh:
    """How a view is brought up to date: what is computed again, and what is kept.

    Attributes
    ----------
    narrowing
        The view and its inputs, and by which columns these are narrowed.
    old
        Its rows in the lake.
    since, groups
        Rows readable since then are computed again, of these groups of entities; of all if None.
    evaluation
        Knows the inputs' times.
    digest
        The exact digest of these rows.
    base
        The same rows in the cache.
    is_amended
        Whether those of `base` can be compared with new ones.
    """

    narrowing: Narrowing
    old: pl.LazyFrame
    since: datetime
    groups: frozenset[int] | None
    evaluation: Evaluation
    digest: str
    base: StoredView | None = None
    is_amended: bool = False

    @property
    def how(self) -> str:
        """What is computed again, in words."""
        some = "all entities" if self.groups is None else f"about {percent(len(self.groups), GROUPS)} of its entities"
        return "nothing moved" if self.groups == frozenset() else f"{some} since {self.since:%Y-%m-%d %H:%M}"

    @property
    def touched(self) -> pl.Expr:
        """Which rows of the view are computed again."""
        return self._recent & self._own

    @property
    def _recent(self) -> pl.Expr:
        prepared = self.narrowing.prepared
        late = latest_time(prepared.contract.schema, prepared.view.known_since)
        return (late >= self.since) | late.is_null()

    @property
    def _own(self) -> pl.Expr:
        if self.groups is None:
            return pl.lit(value=True)
        return group_of(self.narrowing.prepared.view.entities).is_in(sorted(self.groups))

    def write(self, path: Path) -> Written:
        """Write the view's rows to `path`, or say how those of `base` are amended."""
        part = path.with_name("part.parquet")
        try:
            return self._write(path, part)
        except ProjectError:
            raise
        except Exception as error:  # noqa: BLE001 - the author's code may need rows that were left out: all are there next
            return Written(f"it cannot be computed from a part of its inputs ({type(error).__name__})")
        finally:
            part.unlink(missing_ok=True)

    def _write(self, path: Path, part: Path) -> Written:
        prepared = self.narrowing.prepared
        view, order = prepared.view, prepared.contract.names
        recent = self._recent_rows()
        inputs = self._inputs(self.groups) if recent is None else recent.inputs
        fresh = build(view, inputs).select(order).filter(self._recent)
        write_parquet(fresh, part, view=view.name)
        fresh = pl.scan_parquet(part, glob=False)
        known = self._own if recent is None else self._own & among(recent.owners)
        if not fresh.filter(~known).head(1).collect().is_empty():
            return Written("its entities differ from those of its inputs")
        base = self.base if self.is_amended else None
        compared = None if base is None or recent is None or not self._are_few(base) else recent.is_compared()
        some = None if base is None else self._some_of(base, fresh, compared)
        amendment = None if base is None or some is None else self._amendment(base, some, fresh)
        if amendment is None:
            published = self._published_rows()
            if published is None:
                return Written("its published rows are damaged")
            kept = published.select(order).filter(~self.touched)
            write_parquet(pl.concat([kept, fresh]), path, view=view.name)
        elif not amendment.is_addition and (what := damage(amendment.base)):
            return Written(f"what is stored of its rows is damaged ({what})")
        else:
            before = amendment.base.frame() if some is None or compared is None else some.lazy()
            kept = before.select(order).filter(~self.touched)
        if recent is not None:
            wrong = disagreement_of_recent(kept, fresh, self.narrowing, recent, touched=self.touched, since=self.since)
            return Written(wrong, amendment)
        wrong = disagreement(
            pl.scan_parquet(path, glob=False) if amendment is None else amendment.rows(),
            self.narrowing,
            self.evaluation,
            since=self.since,
            groups=self.groups,
            trimmed=lambda: self._inputs(None),
        )
        return Written(wrong, amendment)

    def _published_rows(self) -> pl.LazyFrame | None:
        """Return the rows as they were, of which some are stored again; None where these are not what was published.

        What is written then has a digest of its own, which would not show what was lost before.
        """
        if self.base is not None and not damage(self.base):
            return self.base.frame()
        view = self.narrowing.prepared.view
        found = digest_frame(self.old, keys=[*view.entities, *view.known_since])
        return self.old if found.exact == self.digest else None

    def _some_of(self, base: StoredView, fresh: pl.LazyFrame, compared: pl.Expr | None) -> pl.DataFrame | None:
        """Return the rows of `base` that are touched, with their numbers, and those that are `compared`, if any are.

        None where they have other columns than the fresh ones, or are too many.
        """
        schema, view = fresh.collect_schema(), self.narrowing.prepared.view
        if base.frame().collect_schema() != schema or base.record.keys != (*view.entities, *view.known_since):
            return None
        most, fit = _limits(base, schema)
        # told by keys alone: where a predicate has further columns, these are read of all rows
        wanted, limit = (self.touched, most) if compared is None else (self._own | compared, fit)
        rows = base.frame(_ROW).filter(wanted).head(limit + 1).collect(engine="streaming")
        return None if rows.height > limit else rows

    def _are_few(self, base: StoredView) -> bool:
        """Whether a view's rows of the groups are so few that they are read together with those that are compared."""
        return self.groups is not None and len(self.groups) * base.record.rows <= GROUPS * MOST_WHOLE

    def _amendment(self, base: StoredView, some: pl.DataFrame, fresh: pl.LazyFrame) -> Amendment | None:
        """Return how `some` of the rows of `base`, and with them all, change to what they are with the fresh ones.

        Rows are compared to the bit. None where most of the base was touched, or too much to compare in memory; and
        where a fresh row has the key of one that stays: the contract's check must see both. It cannot have the key of
        a row that was not touched, since keys alone say which rows are.
        """
        schema, touched = fresh.collect_schema(), some.filter(self.touched)
        most, fit = _limits(base, schema)
        rows = fresh.head(most + 1).collect()
        if max(touched.height, rows.height) > most or some.height + rows.height > fit:
            return None
        numbers, touched = touched[_ROW], touched.select(rows.columns)
        exact = [exact_bits(pl.col(name), dtype).alias(name) for name, dtype in schema.items()]
        old, new = touched.select(exact), rows.select(exact)
        before, after = (one.select(pl.struct(pl.all()).hash(_SEED)).to_series() for one in (old, new))
        stays, is_same = before.is_in(after.implode()), after.is_in(before.implode())
        if not _are_same(old.filter(stays), before.filter(stays), new.filter(is_same), after.filter(is_same)):
            return None
        amendment = Amendment(base, numbers.filter(~stays), touched.filter(~stays), rows.filter(~is_same))
        keys = [column.name for column in self.narrowing.prepared.contract.columns if column.role != "feature"]
        if not amendment.added.join(touched.filter(stays), on=keys, how="semi", nulls_equal=True).is_empty():
            return None
        return amendment

    def _recent_rows(self) -> Recent | None:
        """Return the parts of the inputs that are to be read; None where all of them are."""
        prepared, lookback = self.narrowing.prepared, _limit(self.narrowing.prepared.view)
        if lookback is None or self.since == _UNTOUCHED or self.groups == frozenset():
            return None
        times = {data.name: self.evaluation.times_of(data) for data in prepared.inputs}
        first = self.since - lookback
        return recent_rows(prepared.inputs, self.narrowing.keys, times, first=first, groups=self.groups)

    def _inputs(self, groups: frozenset[int] | None) -> list[InputData]:
        """Return the inputs with the rows alone that the changed rows of the view can depend on."""
        keys = self.narrowing.keys
        return [self._narrow(data, keys[data.name], groups) for data in self.narrowing.prepared.inputs]

    def _narrow(self, data: InputData, keys: tuple[str, ...], groups: frozenset[int] | None) -> InputData:
        """Narrow an input to groups of entities, and to the lookback; one without their columns is left whole.

        Of each entity the last row before these stays too: a view may say something at an entity's first row that it
        does not say at a later one, as `windowed` does, and the first row that is left must not be taken for it.
        """
        if not keys:
            return data
        frame, lookback = data.frame, _limit(self.narrowing.prepared.view)
        if groups is not None:
            frame = frame.filter(group_of(keys).is_in(sorted(groups)))
        times = self.evaluation.times_of(data)
        if lookback is not None and self.since != _UNTOUCHED and times.event_time is not None:
            schema = frame.collect_schema()
            first = self.since - lookback
            instants = [latest_time(schema, [name]) for name in times.columns]
            recent = pl.any_horizontal(time.is_null() | (time >= first) for time in instants)
            happened = latest_time(schema, [times.event_time])
            last = frame.group_by(keys).agg(pl.when(~recent).then(happened).max().alias(_LAST))
            both = frame.join(last, on=keys, how="left", nulls_equal=True, maintain_order="left")
            frame = both.filter(recent | (happened == pl.col(_LAST)).fill_null(value=False)).drop(_LAST)
        return InputData(name=data.name, frame=frame, digest=data.digest, kind=data.kind)


def _limits(base: StoredView, schema: Mapping[str, pl.DataType]) -> tuple[int, int]:
    """Return how many rows of `base` may change, and how many fit in memory to be compared."""
    fit = memory_share(COMPARED) // row_width(schema)
    return min(int(base.record.rows * MOST_TOUCHED), fit), fit


def _are_same(old: pl.DataFrame, before: pl.Series, new: pl.DataFrame, after: pl.Series) -> bool:
    """Whether rows are the same and as many, put in the order of their hashes."""
    return old.height == new.height and old[before.arg_sort()].equals(new[after.arg_sort()])


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

    def of(
        self,
        data: InputData,
        *,
        keys: Sequence[str],
        known_since: Sequence[str],
        confirm: Callable[[], None],
        like: Sketch | None = None,
    ) -> Sketch | None:
        """Return the sketch of an input as it is now, made and kept where it is not there yet.

        Parts that `like` has are not read again, and its periods are as long. `confirm` raises where what was read is
        not the input's data any more.
        """
        path = self._path(data.digest, keys, known_since)
        if path not in self._made:
            found = _used(path)
            if found is None or (like is not None and found.facts != like.facts):
                parts = None if data.parts is None else data.parts()
                found = sketch(data.frame, data.digest, keys=keys, known_since=known_since, parts=parts, like=like)
                confirm()
                if found is not None:
                    with suppress(OSError, pl.exceptions.PolarsError):  # the disk is full: all is computed next time
                        found.save(path)
            self._made[path] = found
        return self._made[path]

    def kept(self, digest: str, *, keys: Sequence[str], known_since: Sequence[str]) -> Sketch | None:
        """Return the sketch of an input as it was; None where none was kept here."""
        return _used(self._path(digest, keys, known_since))

    def _path(self, digest: str, keys: Sequence[str], known_since: Sequence[str]) -> Path:
        name = hashlib.sha256("\n".join([digest, *known_since, "", *keys]).encode()).hexdigest()[:32]
        return self._folder / f"{name}.parquet"


def _used(path: Path) -> Sketch | None:
    """Return the sketch at `path`, and note that it is in use, so that `gc` leaves it."""
    with suppress(OSError):
        os.utime(path)
    return Sketch.load(path)


def sketches_of(workspace: Workspace) -> Sketches:
    """Return the project's sketches."""
    return Sketches(workspace.facts / SKETCHES)


def plan_refresh(
    prepared: Prepared,
    version: Version,
    *,
    old: pl.LazyFrame,
    evaluation: Evaluation,
    sketches: Sketches,
    base: StoredView | None,
) -> Refresh | str:
    """Return how to bring `version` up to date, or why it must be computed in full.

    `base` is its data in the cache; it is used only where it is what the version's record says.
    """
    narrowing = Narrowing(
        prepared, {data.name: keys_in(prepared, data.frame.collect_schema()) for data in prepared.inputs}
    )
    if not any(narrowing.keys.values()):
        return _untraceable(prepared.view)
    before = {read.name: read.digest for read in version.inputs}
    changes: list[ChangedGroups] = []
    for data in prepared.inputs:
        if before.get(data.name) == data.digest:
            continue
        found = _changed_groups(prepared, data, before.get(data.name), evaluation, sketches)
        if isinstance(found, str):
            return found
        changes.append(found)
    since, groups = _together(changes)
    if since is None:
        return "rows without a time changed"
    if groups is None and _limit(prepared.view) is None:
        return "rows of all its entities changed, and no lookback is declared"
    if base is not None and base.record.digest.exact != version.data_digest:
        base = None
    is_amended = base is not None and _can_be_amended(base, version)
    return Refresh(narrowing, old, since, groups, evaluation, version.data_digest, base, is_amended)


def _can_be_amended(base: StoredView, version: Version) -> bool:
    """Whether rows of a stored version may change: it is in few files, they can be compared, and its sums are known."""
    if len(base.record.files) >= MOST_FILES or base.digest_of_sums() != version.data_digest:
        return False
    return not any(dtype.is_nested() for dtype in version.contract.schema.values())


def remember(prepared: Prepared, evaluation: Evaluation, sketches: Sketches) -> None:
    """Store sketches of a view's inputs, to find later changes."""
    for data in prepared.inputs:
        keys = keys_in(prepared, data.frame.collect_schema())
        known_since = evaluation.times_of(data).known_since
        sketches.of(data, keys=keys, known_since=known_since, confirm=lambda: evaluation.confirm(prepared.view))


def keys_in(prepared: Prepared, schema: Mapping[str, pl.DataType]) -> tuple[str, ...]:
    """Return the view's entity columns, if an input has all of them and the view is made entity by entity."""
    view = prepared.view
    wanted = {name: prepared.contract[name].dtype for name in view.entities}
    is_local = view.scope == "entity" and all(schema.get(name) == dtype for name, dtype in wanted.items())
    return view.entities if is_local else ()


def _untraceable(view: FeatureView) -> str:
    """Return why nothing less than all of a view can be compared with a computation in full."""
    if view.scope == "global" or not view.entities:
        return "its rows may depend on all rows of its inputs"
    return f"no input has its entities ({', '.join(view.entities)})"


def _changed_groups(
    prepared: Prepared, data: InputData, digest: str | None, evaluation: Evaluation, sketches: Sketches
) -> ChangedGroups | str:
    keys, known_since = keys_in(prepared, data.frame.collect_schema()), evaluation.times_of(data).known_since
    old = None if digest is None else sketches.kept(digest, keys=keys, known_since=known_since)
    if old is None:
        return f"the previous data of {data.name} is not available here"
    new = sketches.of(
        data, keys=keys, known_since=known_since, confirm=lambda: evaluation.confirm(prepared.view), like=old
    )
    if new is None:
        return f"the rows of {data.name} cannot be compared"
    if new.facts != old.facts:
        return f"{data.name} has a different schema than before"
    return compare_sketches(old, new)


def _limit(view: FeatureView) -> timedelta | None:
    """Return the view's lookback, where it leaves anything out."""
    return view.lookback if view.lookback is not None and view.lookback < _LONG else None


def _together(changes: Sequence[ChangedGroups]) -> tuple[datetime | None, frozenset[int] | None]:
    """Return the time and the groups of entities since which any input changed."""
    if any(change.since is None for change in changes):
        return None, None
    since = min((change.since for change in changes if change.since is not None), default=_UNTOUCHED)
    groups: frozenset[int] | None = frozenset()
    for change in changes:
        groups = None if groups is None or change.groups is None else groups | change.groups
    if groups is not None and len(groups) > GROUPS * MOST:
        groups = None  # looking up nearly every row's group costs more than it saves
    return since, groups
