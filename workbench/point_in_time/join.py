"""Point-in-time join: for each spine row the feature values as they stood, and were known, at its time.

Each view's rows are reduced to (keys, instant, row number), sorted once and joined as-of to the equally narrow spine;
the features are then fetched by row number. So the sort moves a few integers a row however many features there are,
and the spine keeps its rows, order and columns, since nothing but new columns is set beside it. Where the spine's rows
are known and the view's may be read twice, that is done in two steps: keys and times (`winners`), then the rows that
won (`fetch`). Else it is one plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import polars as pl

from workbench.config import free_name
from workbench.errors import JoinError
from workbench.memory import memory_share
from workbench.point_in_time.candidates import (
    AT,
    EVENT,
    INDEX,
    KNOWN,
    LATEST,
    NEVER,
    ROW,
    KeyPair,
    ViewRows,
    candidates,
    epoch_microseconds,
    key_pairs,
    last_winners,
    last_winners_by_parts,
    narrow_rows,
    require,
    usable_rows,
)
from workbench.point_in_time.index import JoinIndex, join_index
from workbench.point_in_time.pruning import Reach, hash_texts, reach_of, reachable_rows
from workbench.point_in_time.row_lookup import SEARCHED, fetch, find_runs, inverse, numbered_rows, search_runs
from workbench.times import microseconds, parse_duration, utc_zone

OUTCOMES = pl.Enum(["matched", "expired", "missing"])


def within_ttl(at: Any, event: Any, ttl: timedelta | None) -> Any:
    """Return whether a row of that event time may be used at that instant; numbers, or columns of them.

    Both are microseconds since the epoch.
    """
    return at - event <= (min(ttl // timedelta(microseconds=1), 2 * LATEST) if ttl else 3 * LATEST)


def holds(view: ViewRows, row: str, event: str) -> pl.Expr:
    """Return whether a row was found, whose number is in the column `row`, and is not older than the ttl at `AT`."""
    found = pl.col(row).is_not_null()
    return found & within_ttl(pl.col(AT), pl.col(event), view.ttl) if view.ttl else found


def outcome(view: ViewRows, row: str, event: str) -> pl.Expr:
    """Return ``matched``, ``expired`` or ``missing``."""
    held, found = holds(view, row, event), pl.col(row).is_not_null()
    matched, expired, missing = (pl.lit(word, dtype=OUTCOMES) for word in OUTCOMES.categories)
    return pl.when(held).then(matched).when(found).then(expired).otherwise(missing)


@dataclass(frozen=True, slots=True)
class FeatureRequest:
    """What a spine asks of a view.

    Parameters
    ----------
    rows
        `AT` (microseconds since the epoch) and the keys under `names`: rows of equal keys together, in order of `AT`.
    places
        The place of each of the spine's rows in `rows`.
    names
        Its columns that the view's keys must equal, in their order.
    reach
        The time and the keys of all rows.
    as_known
        False lets rows win that were created after the instant.
    """

    rows: pl.DataFrame
    places: pl.Series
    names: Sequence[str]
    reach: Reach
    as_known: bool

    @classmethod
    def of(cls, timed: pl.DataFrame, names: Sequence[str], reach: Reach, *, as_known: bool) -> FeatureRequest:
        """Return what a spine asks of views with the same keys; `timed` has `INDEX` and is in order of `AT`.

        Rows of equal keys come together: the rows that they are joined with are then looked at together.
        """
        order = [pl.col(name).hash() if timed.schema[name] == pl.String else pl.col(name) for name in names]
        rows = timed.sort(order, maintain_order=True) if order else timed
        return cls(rows.drop(INDEX), inverse(rows[INDEX]), names, reach, as_known)


def winners(view: ViewRows, pairs: Sequence[KeyPair], asked: FeatureRequest, index: JoinIndex | None) -> pl.DataFrame:
    """Return the number of the view's row that wins for each row of the spine.

    Without an index keys and times are read, and where files follow each other in time, only those of the period asked
    for.
    """
    told = [outcome(view, ROW, EVENT).alias(view.outcome)] if view.outcome else []
    latest = _latest(view, pairs, asked) if index is None else index.latest(asked.rows, pairs, asked.names)
    found = latest.select(pl.when(holds(view, ROW, EVENT)).then(ROW), *told)
    return found.select(pl.all().gather(asked.places))


def join_winners(asked: pl.LazyFrame, known: pl.LazyFrame, names: Sequence[str]) -> pl.LazyFrame:
    """Return `asked` with `ROW` and `EVENT` of the winner of `known`, whatever its age; equal keys in order of `AT`."""
    joined = asked.join_asof(
        known,
        left_on=AT,
        right_on=KNOWN,
        by=list(names) or None,
        strategy="backward",
        check_sortedness=False,  # both are sorted, key by key; the in-memory engine cannot check with keys, and warns
    )
    return joined.drop(KNOWN)


def _latest(view: ViewRows, pairs: Sequence[KeyPair], asked: FeatureRequest) -> pl.DataFrame:
    """Return `AT`, and `ROW` and `EVENT` of the winner, whatever its age; one row a row asked for, in their order.

    Rows whose keys and times memory does not hold are joined by classes of their keys.
    """
    number = next((place for place, pair in enumerate(pairs) if _is_divisible(pair.dtype)), None)
    if number is None or not view.stored:
        return _latest_of(view, pairs, asked, None)
    classes = -(-_height(view) * _NARROW // memory_share(_JOINED))
    if classes <= 1:
        return _latest_of(view, pairs, asked, None)
    pair, name = pairs[number], asked.names[number]
    own = asked.rows.select((pl.col(name).hash() % classes).fill_null(0)).to_series()
    found, places = [], []
    for each in range(classes):
        chosen = own == each
        some = replace(asked, rows=asked.rows.filter(chosen))
        found.append(_latest_of(view, pairs, some, pl.col(pair.rows).cast(pair.dtype).hash() % classes == each))
        places.append(chosen.arg_true())
    return pl.concat(found).select(pl.all().gather(inverse(pl.concat(places))))


def _is_divisible(dtype: pl.DataType) -> bool:
    """Whether equal keys of the dtype have equal hashes, whatever frame they are in."""
    return dtype.is_integer() or isinstance(dtype, pl.String | pl.Boolean | pl.Date | pl.Datetime)


def _height(view: ViewRows) -> int:
    return int(view.rows.lazy().select(pl.len()).collect(engine="streaming").item())


def _latest_of(view: ViewRows, pairs: Sequence[KeyPair], asked: FeatureRequest, own: pl.Expr | None) -> pl.DataFrame:
    """Return what `_latest` does, of the view's rows that are its `own`: all if None."""
    is_read = view.stored and isinstance(view.rows, pl.DataFrame)  # by `_read_few`, which left out all others
    reachable = None if is_read else reachable_rows(view, pairs, asked.reach)
    if own is not None:
        reachable = own if reachable is None else reachable & own
    pairs = hash_texts(view, pairs, asked.reach)
    spine = asked.rows.select(
        AT, *(pair.compared(pl.col(name)).alias(name) for pair, name in zip(pairs, asked.names, strict=True))
    )
    if view.created is None:
        rows = narrow_rows(view, pairs, asked.names, reachable).collect(engine="streaming")
        if any(column.null_count() for column in rows.get_columns()):
            rows = rows.drop_nulls()
        known = rows.lazy().with_columns(pl.col(EVENT).alias(KNOWN))
        if not rows[EVENT].is_sorted():
            runs = find_runs(rows, asked.names)
            if runs is not None and rows.height >= SEARCHED * spine.height:
                return search_runs(spine, rows, runs, asked.names)
            if runs is None:
                known = known.sort(KNOWN, maintain_order=True)
    else:
        known = candidates(view, pairs, asked.names, reachable=reachable, as_known=asked.as_known)
    return join_winners(spine.lazy(), known, asked.names).select(AT, ROW, EVENT).collect(engine="streaming")


_NARROW = 72
"""Bytes that a row of a view takes while it is joined by keys and time, copies included."""
_JOINED = 0.5
"""The part of what a step may use that they may take together."""

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)

_OUTCOME = "__outcome"
FEW_ASKED = 20_000
FEW_READ = 1_000_000
"""Rows that are held with their features, so that files are read once."""


def point_in_time_join(
    spine: Frame,
    rows: pl.DataFrame | pl.LazyFrame,
    *,
    keys: str | Sequence[str] | Mapping[str, str],
    time: str = "event_timestamp",
    event_time: str = "event_timestamp",
    created: str | None = None,
    ttl: str | timedelta | None = None,
    as_known: bool = True,
) -> Frame:
    """Set beside each spine row the row of `rows` that held for its keys at its time.

    Candidates have equal keys and ``t - ttl <= event_time <= t``, both ends included, to the microsecond. The latest
    event time wins; a tie goes to the latest `created`, then to the last row in the order of `rows`. Null keys
    or times match nothing. The winner's nulls stay null.

    Parameters
    ----------
    spine
        The rows to find values for: `time` and the key columns, and whatever else.
    rows
        Keys, `event_time`, perhaps `created`; all other columns are features.
    keys
        Key column or columns; as a mapping, column of `rows` by column of the spine. Empty joins by time alone.
    time, event_time
        Time columns of the spine and of the rows: datetimes of any unit and zone, or dates (their midnight). Without
        a zone they are UTC.
    created
        Column of `rows` that says when a row became known. Then rows created after t, or at an unknown time, are
        no candidates.
    ttl
        How long a row holds: ``"2d"``, a timedelta; None or zero means no limit.
    as_known
        False lets rows created after t win; `created` then only decides ties.

    Returns
    -------
    pl.DataFrame or pl.LazyFrame
        What the spine is: its rows in its order with all its columns (`time` in UTC), and the features.

    Raises
    ------
    JoinError
        For a missing column, keys that cannot be compared, a time that is none, or names used twice.
    DefinitionError
        For a `ttl` that is negative or cannot be read.

    Examples
    --------
    >>> from datetime import datetime
    >>> spine = pl.DataFrame({"carrier": ["UA", "AA"], "event_timestamp": [datetime(2013, 6, 2)] * 2})
    >>> rows = pl.DataFrame({"carrier": ["UA"], "event_timestamp": [datetime(2013, 6, 1)], "delay": [12.0]})
    >>> point_in_time_join(spine, rows, keys="carrier", ttl="2d")["delay"].to_list()
    [12.0, None]
    """
    _polars(rows, "rows")
    matching: dict[str, str] = _matching(keys)
    apart = {*matching.values(), event_time, created}
    features = {name: name for name in rows.collect_schema().names() if name not in apart}
    view = ViewRows(
        name="rows",
        rows=rows,
        keys=matching,
        features=features,
        event_time=event_time,
        ttl=None if ttl is None else parse_duration(ttl, what="ttl"),
        created=created,
    )
    return join_views(spine, [view], time=time, as_known=as_known)


def join_views(
    spine: Frame, views: Sequence[ViewRows], *, time: str = "event_timestamp", as_known: bool = True
) -> Frame:
    """Set beside each spine row what each of `views` held for it, by the rules of `point_in_time_join`."""
    _polars(spine, "the spine")
    if isinstance(spine, pl.LazyFrame):
        return _join_views(spine.cache(), None, views, time, as_known=as_known)
    return _join_views(spine.lazy(), spine, views, time, as_known=as_known).collect(engine="streaming")


def latest_rows(view: ViewRows, *, at: datetime | None) -> pl.LazyFrame:
    """Return the row of each entity that a spine would get at the moment `at`, with all columns of the rows.

    Without `at` it is the last row of each entity, whatever its age and whenever it became known.
    """
    schema = view.rows.collect_schema()
    pairs = _check_keys(view, schema)
    names = [f"__key{number}" for number in range(len(pairs))]
    reachable = None if at is None else reachable_rows(view, pairs, Reach.of_moment(at))
    read = view if view.stored else _read_once(view, reachable)
    known = usable_rows(view, narrow_rows(read, pairs, names, reachable), names, as_known=at is not None)
    if at is not None:
        known = known.filter(pl.col(KNOWN) <= microseconds(at))
    known = known.drop(KNOWN)
    won = last_winners_by_parts(view, known, names).lazy() if view.stored else last_winners(view, known, names)
    if at is not None:
        won = won.with_columns(pl.lit(microseconds(at)).alias(AT)).filter(holds(view, ROW, EVENT))
    numbers = won.select(pl.col(ROW).drop_nulls().sort())
    if not view.stored:
        return read.rows.lazy().gather(numbers)
    row = free_name("row", schema)
    return numbered_rows(view.with_numbers(row), numbers.collect()[ROW], row).drop(row)


def _join_views(
    spine: pl.LazyFrame, known: pl.DataFrame | None, views: Sequence[ViewRows], time: str, *, as_known: bool
) -> pl.LazyFrame:
    """Return the join; where the spine's values are `known` already, rows that it cannot reach are left out early."""
    schema = spine.collect_schema()
    at = epoch_microseconds(time, schema, "the spine").clip(-LATEST, LATEST).fill_null(NEVER).alias(AT)
    matched = [_check_keys(view, schema) for view in views]
    _distinct(schema, views)
    names = {key: f"__key{n}" for n, key in enumerate(dict.fromkeys(_spine_key(p) for pairs in matched for p in pairs))}
    keys = [pl.col(column).cast(dtype).alias(name) for (column, dtype), name in names.items()]
    reach = None if known is None else reach_of(known, time, sorted({column for column, _ in names}))
    found = spine.select(at, *keys).with_row_index(INDEX).sort(AT)
    timed = None if reach is None else found.collect()
    requests: dict[tuple[str, ...], FeatureRequest] = {}
    columns: dict[int, list[pl.LazyFrame]] = {}
    read: dict[int, ViewRows] = {}
    for number, (view, pairs) in enumerate(zip(views, matched, strict=True)):
        by = tuple(names[_spine_key(pair)] for pair in pairs)
        if timed is not None and reach is not None and (view.stored or isinstance(view.rows, pl.DataFrame)):
            if by not in requests:
                requests[by] = FeatureRequest.of(timed, by, reach, as_known=as_known)
            columns[number] = _in_two_steps(view, pairs, requests[by])
            continue
        condition = None if reach is None else reachable_rows(view, pairs, reach)
        read[number] = _read_once(view, condition)
        rows = candidates(read[number], pairs, by, reachable=condition, as_known=as_known)
        found = join_winners(found, rows.rename({ROW: f"{ROW}{number}", EVENT: f"{EVENT}{number}"}), by)
    # told before the sort: Polars 2.1 leaves out a sort where all that follows is a choice of literals
    found = found.with_columns(told for number, view in read.items() for told in _winner_columns(view, number))
    found = found.sort(INDEX).cache()
    columns |= {number: _columns(view, found, number) for number, view in read.items()}
    parts = [part for number in range(len(views)) for part in columns[number]]
    return pl.concat([spine.with_columns(_in_utc(time, schema[time])), *parts], how="horizontal")


def _in_two_steps(view: ViewRows, pairs: Sequence[KeyPair], asked: FeatureRequest) -> list[pl.LazyFrame]:
    """Return the view's features, and its outcome if asked for, read already."""
    index = join_index(view, pairs) if view.stored else None
    if index is None:
        view = _read_few(view, pairs, asked.reach)
    found = winners(view, pairs, asked, index)
    parts = [fetch(view.rows, view.features, found[ROW]).lazy()] if view.features else []
    return [*parts, found.select(view.outcome).lazy()] if view.outcome else parts


def _read_few(view: ViewRows, pairs: Sequence[KeyPair], reach: Reach) -> ViewRows:
    """Return the view with the rows that a small spine can reach in memory, where they are few: read in one pass."""
    if reach.rows > FEW_ASKED or isinstance(view.rows, pl.DataFrame):
        return view
    condition = reachable_rows(view, pairs, reach)
    if condition is None:
        return view
    read = {pair.rows for pair in pairs} | {view.event_time, *filter(None, [view.created]), *view.features.values()}
    near = view.rows.filter(condition).select(sorted(read)).head(FEW_READ + 1).collect(engine="streaming")
    return view if near.height > FEW_READ else replace(view, rows=near, numbered=None)


def _matching(keys: str | Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    """Return column of the rows by column of the spine."""
    if isinstance(keys, str):
        return {keys: keys}
    return dict(keys) if isinstance(keys, Mapping) else {key: key for key in keys}


def _read_once(view: ViewRows, condition: pl.Expr | None) -> ViewRows:
    """Return the view with lazy rows pinned, so that a row number means the same row for keys and for features.

    Only here does the condition reach the scan of a stored view; for rows in memory it would copy their features.
    """
    if isinstance(view.rows, pl.DataFrame):
        return view
    rows = view.rows if condition is None else view.rows.filter(condition)
    return replace(view, rows=rows.cache(), numbered=None)


def _spine_key(pair: KeyPair) -> tuple[str, pl.DataType]:
    return pair.spine, pair.dtype


def _winner_columns(view: ViewRows, number: int) -> list[pl.Expr]:
    """Return the number of the winning row as ``__row<number>``, and the outcome if it is asked for."""
    row, event = f"{ROW}{number}", f"{EVENT}{number}"
    won = pl.when(holds(view, row, event)).then(row).alias(row)
    return [won, outcome(view, row, event).alias(f"{_OUTCOME}{number}")] if view.outcome else [won]


def _columns(view: ViewRows, found: pl.LazyFrame, number: int) -> list[pl.LazyFrame]:
    """Return the view's features, and its outcome if asked for, one row a spine row."""
    parts = []
    if view.features:
        features = view.rows.lazy().select(**{name: pl.col(column) for name, column in view.features.items()})
        parts.append(features.gather(found.select(f"{ROW}{number}")))
    if view.outcome:
        parts.append(found.select(pl.col(f"{_OUTCOME}{number}").alias(view.outcome)))
    return parts


def _check_keys(view: ViewRows, spine: pl.Schema) -> tuple[KeyPair, ...]:
    """Return the view's key pairs, once all that it names is known to exist."""
    schema = view.rows.collect_schema()
    for column in (view.event_time, *([view.created] if view.created else []), *view.features.values()):
        require(column, schema, f"view {view.name!r}")
    if view.ttl is not None and view.ttl < timedelta(0):
        raise JoinError(
            f"Point-in-time join: the ttl of view {view.name!r} is negative: {view.ttl}.",
            remedy="Give the length of time that a row stays valid; None means no limit.",
        )
    return key_pairs(view, spine, schema)


def _distinct(spine: pl.Schema, views: Sequence[ViewRows]) -> None:
    """Raise if a result column would have to be two things."""
    owners = dict.fromkeys(spine.names(), "the spine")
    for view in views:
        for name in view.outputs():
            if name in owners:
                raise JoinError.collision(name, owners[name], f"view {view.name!r}")
            owners[name] = f"view {view.name!r}"


def _in_utc(time: str, dtype: pl.DataType) -> pl.Expr:
    return utc_zone(pl.col(time), dtype.time_zone) if isinstance(dtype, pl.Datetime) else pl.col(time)


def _polars(frame: object, what: str) -> None:
    if not isinstance(frame, pl.DataFrame | pl.LazyFrame):
        raise JoinError(
            f"Point-in-time join: {what} is a {type(frame).__module__}.{type(frame).__name__}, not a Polars frame.",
            remedy="Use pl.from_pandas(...), pl.from_arrow(...) or pl.DataFrame(...).",
        )
