"""Loading the online store from the lake: new generations beside the old ones, verified, then shown in one step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import polars as pl

from workbench.errors import OnlineError
from workbench.memory import memory_share
from workbench.online.backend import FOREVER, StoredBlock
from workbench.online.catalog import (
    META,
    Generation,
    Meta,
    OnlineCatalog,
    definitions_of,
    label_of,
    records_of,
    served_versions,
)
from workbench.online.codec import RowCodec
from workbench.online.keys import EntityKeys
from workbench.point_in_time import ViewRows, known_rows
from workbench.registry import FOLDER, Registry
from workbench.times import microseconds

if TYPE_CHECKING:
    from workbench.lake import Lake
    from workbench.online.backend import OnlineBackend, OnlineWriter, StoredEntity
    from workbench.registry import Version

PART = 1_500_000
"""About how many values are sorted at once, where memory is short; the view is read once for each part."""
_VALUE = 40
"""Bytes that a value takes meanwhile, copies included."""
BLOCK = 50_000
"""About how many rows are made ready and written at once."""
_KNOWN, _EVENT, _CREATED, _ROW = "__online_known", "__online_event", "__online_created", "__online_row"
_FIRST = "__online_first"


@dataclass(frozen=True, slots=True)
class Published:
    """What the store is to hold.

    Attributes
    ----------
    project
        The project's name.
    repository
        Where the records are read.
    commit
        The commit of main.
    releases
        The commit of each release.
    feature_sets
        The members of each feature set on main.
    lake
        Where the rows are.
    history
        For how long before now rows are kept beside the one that answers; None for ever.
    """

    project: str
    repository: object
    commit: str
    releases: Mapping[str, str]
    feature_sets: Mapping[str, Sequence[str]]
    lake: Lake
    history: timedelta | None


@dataclass(frozen=True, slots=True)
class LoadedView:
    """What became of one view and major version.

    Attributes
    ----------
    name
        ``view@major.minor``.
    how
        ``loaded``, ``kept`` (it had this data already) or ``back`` (the generation before has it).
    generation, entities, rows, seconds
        The generation that answers now, its size, and how long that took.
    """

    name: str
    how: str
    generation: int
    entities: int
    rows: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did.

    Attributes
    ----------
    place
        The store.
    commit
        The commit of main that it shows now.
    views
        What became of each view.
    removed
        How many generations were removed.
    """

    place: str
    commit: str
    views: tuple[LoadedView, ...]
    removed: int = field(default=0)


def load(backend: OnlineBackend, ask: Callable[[OnlineCatalog], Published], *, full: bool = False) -> Loaded:
    """Bring the store to what is published.

    Each view whose data is not there yet is written as a new generation and read back; then one change of the catalogue
    shows all of them. Until then readers have what they had, whatever ends this.
    """
    with backend.writing() as writer:
        catalog = OnlineCatalog.read(backend)
        published = ask(catalog)
        registry = Registry(published.repository, published.commit)  # type: ignore[arg-type]  # what it asks for
        _sweep(writer, catalog)  # what a killed load left
        views: list[LoadedView] = []
        current: dict[str, Generation] = {}
        for view, version in served_versions(registry):
            found, told = _bring(backend, writer, catalog, published, view, version, full=full)
            current[label_of(view, version)] = found
            views.append(told)
        values = _values(published, catalog, current)
        if values:
            writer.change(values)
        removed = _sweep(writer, OnlineCatalog.read(backend))
    return Loaded(backend.place, published.commit, tuple(views), removed)


def _bring(
    backend: OnlineBackend,
    writer: OnlineWriter,
    catalog: OnlineCatalog,
    published: Published,
    view: str,
    version: Version,
    *,
    full: bool,
) -> tuple[Generation, LoadedView]:
    """Return the generation that has the data of `version`, which is written where there is none."""
    started, name = time.perf_counter(), f"{view}@{version.number}"
    found = None if full else catalog.generation(view, version)
    if found is not None:
        current = catalog.generations.get(label_of(view, version))
        how = "kept" if current is not None and current.number == found.number else "back"
    else:
        found, how = _write(backend, writer, published, view, version), "loaded"
    told = LoadedView(name, how, found.number, found.entities, found.rows, time.perf_counter() - started)
    return msgspec.structs.replace(found, version=version.number, delta_version=version.delta_version), told


def _write(
    backend: OnlineBackend, writer: OnlineWriter, published: Published, view: str, version: Version
) -> Generation:
    now = datetime.now(UTC)
    instant = microseconds(now)
    since = None if published.history is None else instant - published.history // timedelta(microseconds=1)
    number = writer.new_generation()
    frame = published.lake.rows(view, version)
    newest = _Newest(stored_blocks(view, version, frame, now=instant, since=since))
    written = writer.append(number, newest)
    if (stored := writer.read_back(number)) != written:
        writer.remove(number)
        raise OnlineError(
            f"{backend.place} does not hold what was written of {view}@{version.number}: {stored}, not {written}. "
            "Readers still have what they had.",
            remedy="Run `workbench online load` again; if this comes back, check the disk.",
        )
    return Generation(
        number=number,
        view=view,
        version=version.number,
        data_digest=version.data_digest,
        delta_version=version.delta_version,
        contract=version.contract.to_dict(),
        entities=written.entities,
        rows=written.rows,
        digest=written.digest,
        since=since,
        loaded_at=now.isoformat(),
        settled=newest.known if newest.known <= instant else None,
    )


class _Newest:
    """Blocks on their way, and since when the newest of their rows is known."""

    def __init__(self, blocks: Iterable[StoredBlock]) -> None:
        self._blocks = blocks
        self.known = -FOREVER

    def __iter__(self) -> Iterator[StoredBlock]:
        for block in self._blocks:
            self.known = max(self.known, int(block.known.max()))
            yield block


def stored_blocks(
    view: str, version: Version, frame: pl.LazyFrame, *, now: int, since: int | None
) -> Iterator[StoredBlock]:
    """Yield the entities of a version's rows in the order of their keys, each with the rows that may answer."""
    codec = RowCodec(version.contract)
    keys = EntityKeys(view, tuple((name, version.contract[name].dtype) for name in version.entities))
    for part in _parts(frame, version):
        for block in _blocks(_answering_rows(view, version, part, since=since)):
            yield _block(block, version.entities, keys, codec, now=now)


def _answering_rows(view: str, version: Version, frame: pl.LazyFrame, *, since: int | None) -> pl.DataFrame:
    """Return the rows that answer at some instant, entity by entity and the latest first."""
    known = known_rows(_view_rows(view, version, frame), known=_KNOWN, event=_EVENT, created=_CREATED, row=_ROW)
    features = [column.name for column in version.contract.features]
    rows = known.select(*version.entities, *features, _KNOWN, _EVENT, _CREATED, _ROW).collect(engine="streaming")
    columns = [_sortable(name, version) for name in version.entities]
    descending = [*[False] * len(columns), True, True]
    ordered = (
        rows.lazy()
        .sort(*columns, _KNOWN, _ROW, descending=descending)
        .with_columns(
            pl.any_horizontal(pl.int_range(pl.len()) == 0, *(each.ne_missing(each.shift()) for each in columns)).alias(
                _FIRST
            )
        )
    )
    above = pl.col(_KNOWN).shift()
    # the row above answers at all instants that such a row could
    beaten = (above == pl.col(_KNOWN)) | (pl.lit(value=False) if since is None else above <= since)
    kept = ordered.filter(pl.col(_FIRST) | ~beaten).drop(_ROW)
    return kept.collect(engine="in-memory")  # rows that are there are sorted in half the time of the streaming engine


def stored_entities(
    view: str, version: Version, frame: pl.LazyFrame, *, now: int, since: int | None
) -> Iterator[StoredEntity]:
    """Yield what `stored_blocks` has, one by one."""
    for block in stored_blocks(view, version, frame, now=now, since=since):
        yield from block.entities()


def _blocks(frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield whole entities, of about `BLOCK` rows at a time."""
    starts = frame[_FIRST].arg_true().to_numpy()
    start = 0
    while start < frame.height:
        place = int(np.searchsorted(starts, start + BLOCK))
        end = int(starts[place]) if place < len(starts) else frame.height
        yield frame[start:end]
        start = end


def _block(frame: pl.DataFrame, entities: Sequence[str], keys: EntityKeys, codec: RowCodec, *, now: int) -> StoredBlock:
    starts = frame[_FIRST].arg_true().to_numpy().astype(np.int64)
    known = frame[_KNOWN].to_numpy()
    counts = np.diff(starts, append=frame.height)
    # the latest come first: of those after now, the first one that is not, or the earliest
    latest = np.minimum(np.add.reduceat(known > now, starts, dtype=np.int64), counts - 1)
    firsts = [frame[name].filter(frame[_FIRST]) for name in entities]
    return StoredBlock(
        keys=keys.encode_columns(firsts) if entities else [keys.encode({}) or b""],
        starts=starts,
        known=known,
        rows=codec.encode(frame, event=_EVENT, created=_CREATED),
        latest=latest,
    )


def _view_rows(view: str, version: Version, frame: pl.LazyFrame) -> ViewRows:
    return ViewRows(
        name=view,
        rows=frame,
        keys={name: name for name in version.entities},
        features={name: name for name in version.contract.names},
        event_time=version.event_time,
        created=version.created,
    )


def _sortable(name: str, version: Version) -> pl.Expr:
    """Return a key column in the order of its bytes: an enum's order is not that of its texts."""
    dtype = version.contract[name].dtype
    column = pl.col(name)
    return column.cast(pl.String) if isinstance(dtype, pl.Enum | pl.Categorical) else column


def _parts(frame: pl.LazyFrame, version: Version) -> Iterable[pl.LazyFrame]:
    """Return the rows in parts that memory holds, by ranges of the first key column."""
    parts = -(-version.rows * len(version.contract.names) // max(PART, memory_share(0.25) // _VALUE))
    if not version.entities or parts <= 1:
        return [frame]
    first = _sortable(version.entities[0], version)
    values = frame.select(first).drop_nulls().unique().sort(version.entities[0]).collect(engine="streaming").to_series()
    count = min(values.len(), parts)
    edges = [values[values.len() * place // count] for place in range(1, count)]
    ranges = zip([None, *edges], [*edges, None], strict=True)
    return [frame.filter(*_between(first, low, high)) for low, high in ranges]


def _between(column: pl.Expr, low: Any, high: Any) -> list[pl.Expr]:
    found = [column >= low] if low is not None else []
    found += [column < high] if high is not None else []
    return found or [pl.lit(value=True)]


def _values(published: Published, catalog: OnlineCatalog, current: Mapping[str, Generation]) -> dict[str, bytes | None]:
    """Return what changes in the catalogue; nothing where it shows all of this already."""
    values: dict[str, bytes] = {}
    for commit in {published.commit, *published.releases.values()}:
        values |= records_of(published.repository, commit, FOLDER)
        values |= definitions_of(published.repository, Registry(published.repository, commit))  # type: ignore[arg-type]  # what it asks for
    values |= {f"release/{name}": commit.encode() for name, commit in published.releases.items()}
    values |= {f"set/{name}": msgspec.json.encode(list(refs)) for name, refs in published.feature_sets.items()}
    for name, generation in current.items():
        values[f"generation/{name}"] = msgspec.json.encode(generation)
        before = catalog.generations.get(name)
        if before is not None and before.number != generation.number:
            values[f"previous/{name}"] = msgspec.json.encode(before)
        elif (older := catalog.previous.get(name)) is not None:
            values[f"previous/{name}"] = msgspec.json.encode(older)
    gone = {name: None for name in catalog.values if name not in values and name != META}
    changed = {name: value for name, value in values.items() if catalog.values.get(name) != value}
    if not gone and not changed and catalog.meta is not None and catalog.meta.commit == published.commit:
        return {}
    meta = Meta(published.project, published.commit, datetime.now(UTC).isoformat())
    return {**gone, **changed, META: msgspec.json.encode(meta)}


def _sweep(writer: OnlineWriter, catalog: OnlineCatalog) -> int:
    """Remove the generations that the catalogue does not name. Only the one writer does: none is being loaded."""
    named = {each.number for table in (catalog.generations, catalog.previous) for each in table.values()}
    unnamed = writer.generations() - named
    for number in sorted(unnamed):
        writer.remove(number)
    return len(unnamed)
